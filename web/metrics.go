package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/drawbridge-hq/drawbridge/handlers"
)

// metrics has its own registry, so that metrics which libraries register globally
// do not appear.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	serve    echo.HandlerFunc
}

func newMetrics(site *handlers.Site) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "drawbridge_http_requests_total",
			Help: "Answered requests by route and status.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "drawbridge_http_request_seconds",
			Help:    "Time to answer, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		m.requests, m.seconds,
		gauge("drawbridge_live_pages", "Open pages with live updates.", func() int64 { return int64(site.Live.Readers()) }),
		gauge("drawbridge_disk_full", "1 while Drawbridge rejects events because the disk is full.", func() int64 {
			if site.Health().DiskFull {
				return 1
			}
			return 0
		}),
		gauge("drawbridge_disk_free_bytes", "Free space on the disk of the SQLite database; -1 if unknown.", func() int64 { return site.Health().FreeBytes }),
		gauge("drawbridge_disk_ballast_bytes", "Size of the reserve file that is deleted when the disk is full.", func() int64 { return site.Health().BallastBytes }),
		gauge("drawbridge_database_bytes", "Size of the SQLite database; -1 with PostgreSQL.", func() int64 { return site.Health().DatabaseBytes }),
		gauge("drawbridge_wal_bytes", "Size of SQLite's write-ahead log; -1 with PostgreSQL. It grows while a reader, such as a backup, uses an old snapshot.",
			func() int64 { return site.Health().WALBytes }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "drawbridge_build_info",
			Help:        "Always 1. The label is the version.",
			ConstLabels: prometheus.Labels{"version": site.Version},
		}, func() float64 { return 1 }),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.serve = echo.WrapHandler(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return m
}

func gauge(name, help string, value func() int64) prometheus.GaugeFunc {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
}

// observe counts one answer. It keeps the number of label values small, whatever
// clients request.
func (m *metrics) observe(route, method string, status int, took time.Duration) {
	if route == "" {
		route = "none"
	}
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	if route != "/live" {
		m.seconds.WithLabelValues(route).Observe(took.Seconds())
	}
}
