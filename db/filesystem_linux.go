package db

import "syscall"

// DirWarning returns a sentence about the risks of a data directory's file
// system, or "" if there are none. The numbers are those of statfs(2).
func DirWarning(dir string) string {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return ""
	}
	switch uint32(st.Type) {
	case 0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x01021997, 0x5346414f, 0x00c36400, 0x786f4256, 0x47504653, 0x0bd00bd0:
		// NFS, SMB, CIFS, SMB2, 9p, AFS, Ceph, VirtualBox, GPFS, Lustre
		return "The data directory is on a network file system, where locks and fsync may not work as SQLite requires. Events could be lost, or the database could be damaged. Use a local disk or PostgreSQL."
	case 0x65735546: // FUSE
		return "The data directory is on a FUSE file system, where locks and fsync may not work as SQLite requires. Events could be lost, or the database could be damaged. Use a local disk or PostgreSQL."
	case 0x01021994, 0x858458f6: // tmpfs, ramfs
		return "The data directory is in memory, so all data is lost when the machine stops. Use a disk."
	case 0x794c7630: // overlayfs
		return "The data directory is in the container's own layer, so all data is lost when the container is removed. Mount a volume there."
	}
	return ""
}
