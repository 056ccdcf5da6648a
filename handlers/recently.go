package handlers

import (
	"context"
	"sync"
	"time"
)

// recently remembers an answer that every page asks for, that takes the database
// a while, and that may be some seconds old.
type recently[T any] struct {
	mu sync.Mutex
	at time.Time
	v  T
}

// get returns the last answer if it is younger than age, else that of load.
// Those who come while it loads wait for it. Remembered are
// answers that keep agrees to, and no errors.
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
