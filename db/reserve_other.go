//go:build !linux

package db

import (
	"errors"
	"os"
)

// reserve returns errors.ErrUnsupported, so that the caller writes the file.
func reserve(*os.File, int64) error { return errors.ErrUnsupported }
