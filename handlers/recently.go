package handlers

import (
	"context"
	"sync"
	"time"
)

// recently caches an answer that every page needs, that takes the database a while,
// and that may be a few seconds old.
type recently[T any] struct {
	mu sync.Mutex
	at time.Time
	v  T
}

// get returns the last answer if it is younger than age, else the answer of load.
// Concurrent callers wait for one load. Only answers for which keep returns true are
// kept, and errors never are.
func (r *recently[T]) get(ctx context.Context, now time.Time, age time.Duration, load func(context.Context) (T, error), keep func(T) bool) (T, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := now.Sub(r.at); !r.at.IsZero() && 0 < old && old < age {
		return r.v, nil
	}
	v, err := load(ctx)
	if r.at = (time.Time{}); err == nil && keep(v) {
		r.at, r.v = now, v
	}
	return v, err
}
