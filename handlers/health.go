package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/db"
)

// Livez is GET /livez: the process answers.
func (s *Site) Livez(c echo.Context) error { return c.String(http.StatusOK, "ok\n") }

type readyAnswer struct {
	Ready    bool   `json:"ready"`
	Database string `json:"database"` // "ok" or what is wrong
	Disk     string `json:"disk"`
	Key      string `json:"key"`
}

// Readyz is GET /readyz. It answers 200 if the database accepts a write and the master
// key opens stored secrets, else 503 with what is wrong. A full disk alone is not a
// 503, because a load balancer would then stop sending requests, and incidents still work.
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

// pingDatabase is "ok" or what is wrong. It remembers the answer for a second, because
// it costs a write and anyone may ask.
func (s *Site) pingDatabase(ctx context.Context) string {
	answer, _ := s.database.get(ctx, s.Now(), time.Second, func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if s.Store.Ping(ctx) != nil {
			return "does not answer", nil
		}
		return "ok", nil
	}, func(string) bool { return true })
	return answer
}

// Health is the health of the database and its disk, for /metrics. It doesn't query
// the database.
func (s *Site) Health() db.Health { return s.Store.Health() }
