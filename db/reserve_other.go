//go:build !linux

package db

import (
	"errors"
	"os"
)

// reserve cannot be done here: the file is written.
func reserve(*os.File, int64) error { return errors.ErrUnsupported }
