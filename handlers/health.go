package handlers

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
)

// Livez is GET /livez: the process answers.
func (s *Site) Livez(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

// readiness remembers the last answer for a second: it costs a write, and
// anybody may ask.
type readiness struct {
	mu       sync.Mutex
	at       time.Time
	database string
}

type readyAnswer struct {
	Ready    bool   `json:"ready"`
	Database string `json:"database"` // "ok" or what is wrong
	Disk     string `json:"disk"`
	Key      string `json:"key"`
}

// Readyz is GET /readyz: 200 when the database takes a write and stored secrets
// can be opened, else 503 and which of them is missing. A full disk alone is no
// 503: who asks would send nobody here any more, and incidents still work.
func (s *Site) Readyz(c echo.Context) error {
	answer := readyAnswer{Database: s.pingDatabase(c.Request().Context()), Disk: "ok", Key: "ok"}
	if s.Store.Health().DiskFull {
		answer.Disk = "full: events are refused"
	}
	if s.Store.KeyProblem() != "" {
		answer.Key = "cannot be used"
	}
	answer.Ready = answer.Database == "ok" && answer.Key == "ok"
	if !answer.Ready {
		return c.JSON(http.StatusServiceUnavailable, answer) // a report, not a failed request
	}
	return c.JSON(http.StatusOK, answer)
}

func (s *Site) pingDatabase(ctx context.Context) string {
	s.readiness.mu.Lock()
	defer s.readiness.mu.Unlock()
	now := s.Now()
	if age := now.Sub(s.readiness.at); s.readiness.database != "" && age >= 0 && age < time.Second {
		return s.readiness.database
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	result := "ok"
	if err := s.Store.Ping(ctx); err != nil {
		result = "does not answer"
	}
	s.readiness.at, s.readiness.database = now, result
	return result
}
