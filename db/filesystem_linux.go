package db

import "syscall"

// DirWarning is a sentence on what the file system of a data directory may cost,
// "" when there is nothing to say. The numbers are those of statfs(2).
func DirWarning(dir string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return ""
	}
	switch uint32(st.Type) {
	case 0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x5346414f, 0x00c36400, 0x786f4256, 0x47504653, 0x0bd00bd0:
		// NFS, SMB, CIFS, SMB2, 9p, AFS, Ceph, VirtualBox, GPFS, Lustre
		return "The data directory is on a network file system, where locks and fsync may not do what SQLite relies on: events could be lost or the database damaged. Use a local disk, or PostgreSQL."
	case 0x65735546: // FUSE
		return "The data directory is on a FUSE file system, where locks and fsync may not do what SQLite relies on: events could be lost or the database damaged. Use a local disk, or PostgreSQL."
	case 0x01021994, 0x858458f6: // tmpfs, ramfs
		return "The data directory is in memory: everything is gone when the machine stops. Use a disk."
	case 0x794c7630: // overlayfs
		return "The data directory is in the container's own layer: everything is gone with the container. Mount a volume there."
	}
	return ""
}
