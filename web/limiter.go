package web

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiter limits how often each key may do something. Every key has its own bucket.
type limiter struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex
	keys  map[string]*rate.Limiter
	swept time.Time
}

func newLimiter(limit rate.Limit, burst int) *limiter {
	return &limiter{limit: limit, burst: burst, keys: map[string]*rate.Limiter{}}
}

// take returns 0 if the key may proceed now, otherwise how long it must wait.
func (l *limiter) take(key string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if age := now.Sub(l.swept); age > time.Minute || age < 0 {
		for k, v := range l.keys {
			if v.TokensAt(now) >= float64(l.burst) { // the bucket is full again
				delete(l.keys, k)
			}
		}
		l.swept = now
	}
	bucket, ok := l.keys[key]
	if !ok {
		bucket = rate.NewLimiter(l.limit, l.burst)
		l.keys[key] = bucket
	}
	r := bucket.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
