package db

import (
	"errors"
	"os"
	"syscall"
)

// reserve allocates space for a file without writing it. It returns
// errors.ErrUnsupported if the file system cannot do that.
func reserve(f *os.File, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.ENOSYS):
			return errors.ErrUnsupported
		default:
			return err
		}
	}
}
