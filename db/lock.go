package db

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// Lock makes this process the only server on a data directory. Other commands
// do not take the lock and work while the server runs. The lock ends when
// release is called or the process ends.
func Lock(dataDir string) (release func(), err error) {
	if err := makeDataDir(dataDir); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(filepath.Join(dataDir, "lock"))
	if err != nil {
		return nil, err
	}
	release, ok, err := TryLock(path)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", dirProblem(filepath.Dir(path), err))
	}
	if !ok {
		return nil, fmt.Errorf("another Drawbridge server holds %s; stop it, or set DRAWBRIDGE_DATA_DIR to another directory", path)
	}
	return release, nil
}

func lockFile(ctx context.Context, path string) (release func(), err error) {
	for {
		release, ok, err := TryLock(path)
		if ok || err != nil {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
