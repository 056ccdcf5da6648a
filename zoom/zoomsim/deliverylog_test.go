package zoomsim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const logPath = "/v2/marketplace/apps/" + appID + "/webhook_logs"

// logged queries the log and returns the entries of all pages.
func (w *world) logged(query string) (entries []map[string]any) {
	w.t.Helper()
	for next := ""; ; {
		r := w.call("GET", logPath+"?"+query+next, "")
		if r.status != http.StatusOK {
			w.t.Fatalf("status %d: %s", r.status, r.body)
		}
		page := r.json(w.t)
		for _, e := range page["webhook_logs"].([]any) {
			entries = append(entries, e.(map[string]any))
		}
		token := page["next_page_token"].(string)
		if token == "" {
			return entries
		}
		next = "&next_page_token=" + url.QueryEscape(token)
	}
}

func TestDeliveryLog(t *testing.T) {
	w := newWorld(t)
	w.answer(http.StatusServiceUnavailable)
	w.create(ana, bridge)
	w.Settle()
	w.clock.add(5 * time.Minute)
	w.RetryDue(t.Context())
	w.answer(http.StatusOK)
	w.clock.add(20 * time.Minute)
	w.RetryDue(t.Context())

	failed := w.logged("") // the log shows failed deliveries by default
	if len(failed) != 2 {
		t.Fatalf("%d failed deliveries, want 2", len(failed))
	}
	all := w.logged("type=1&page_size=2")
	if len(all) != 3 || len(w.logged("type=3")) != 1 {
		t.Fatalf("%d deliveries in all", len(all))
	}
	body := string(w.events()[0].Body)
	for i, e := range all { // newest first
		if fmt.Sprint(e["retry_num"]) != fmt.Sprint(2-i) || e["request_id"] != all[0]["request_id"] || e["request_body"] != body {
			t.Errorf("entry %d is %v", i, e)
		}
	}
	if d := w.Deliveries(); d[0].Header.Get("X-Zm-Request-Id") != all[0]["request_id"] || d[1].Header.Get("X-Zm-Request-Id") != all[0]["request_id"] {
		t.Error("the request id of the log is not that of the header")
	}
	if n := len(w.logged("type=1&event=meeting.started")); n != 0 {
		t.Errorf("%d deliveries of an event that was not sent", n)
	}
	if n := len(w.logged("type=1&from=2026-11-22T01:14:22Z&to=2026-11-22T01:30:00Z")); n != 1 {
		t.Errorf("%d deliveries in a range that has one", n)
	}
}

func TestDeliveryWithoutAnAnswerIsLogged(t *testing.T) {
	w := newWorld(t, func(o *zoomsim.Options) { o.WebhookURL = "http://127.0.0.1:1/webhook" })
	w.create(ana, bridge)
	w.Settle()
	e := w.logged("type=2")
	if len(e) != 1 || fmt.Sprint(e[0]["status"]) != "-1" || fmt.Sprint(e[0]["failed_reason_type"]) != "2" {
		t.Errorf("%v", e)
	}
}

func TestDeliveryLogRefuses(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 14, 21, 0, time.UTC)
	ago := func(d time.Duration) string { return now.Add(-d).Format(time.RFC3339) }
	for _, tt := range []struct {
		name, path string
		scopes     []string
		status     int
		code       string
	}{
		{"other app", "/v2/marketplace/apps/other/webhook_logs", nil, 404, "1401"},
		{"to before from", logPath + "?from=" + ago(time.Hour) + "&to=" + ago(2*time.Hour), nil, 404, "1501"},
		{"eight days", logPath + "?from=" + ago(8*24*time.Hour), nil, 404, "1502"},
		{"date without a time", logPath + "?from=2026-11-21", nil, 404, "1503"},
		{"the future", logPath + "?from=" + ago(-time.Hour), nil, 404, "1504"},
		{"missing scope", logPath, []string{"meeting:write:admin"}, 400, "4711"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, func(o *zoomsim.Options) { o.Scopes = tt.scopes })
			r := w.call("GET", tt.path, "")
			if got := r.json(t); r.status != tt.status || fmt.Sprint(got["code"]) != tt.code {
				t.Errorf("status %d %v, want %d and code %s", r.status, got, tt.status, tt.code)
			}
		})
	}
}
