package zoomsim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

const logKept = 7 * 24 * time.Hour

// listDeliveries answers GET /marketplace/apps/{appId}/webhook_logs, newest first.
func (s *Sim) listDeliveries(q *request) answer {
	query := q.URL.Query()
	if app := q.path[2]; s.opts.AppID == "" || app != s.opts.AppID {
		return fail(http.StatusNotFound, 1401, "APP ID does not exist: "+app+".")
	}
	from, to, a, ok := logRange(query.Get("from"), query.Get("to"), q.now)
	if !ok {
		return a
	}
	kind := query.Get("type")
	var list []json.RawMessage
	for _, d := range slices.Backward(s.deliveries) {
		good := d.Err == "" && d.Status >= 200 && d.Status < 300
		event := query.Get("event")
		switch {
		case d.At.Before(from) || d.At.After(to) || event != "" && event != d.Event:
		case kind == "1", kind == "3" && good, (kind == "2" || kind == "") && !good:
			list = append(list, s.logged(d))
		}
	}
	return s.paged(q, "webhook_logs", list)
}

// logRange parses the times of a query: whole seconds in UTC, within the last seven days.
func logRange(fromText, toText string, now time.Time) (from, to time.Time, a answer, ok bool) {
	from, to = now.Add(-logKept), now
	for _, t := range []struct {
		text string
		time *time.Time
	}{{fromText, &from}, {toText, &to}} {
		if t.text == "" {
			continue
		}
		parsed, err := time.Parse("2006-01-02T15:04:05Z", t.text)
		if err != nil {
			return from, to, fail(http.StatusNotFound, 1503, "The dates must follow the format: `yyyy-MM-dd'T'HH:mm:ss'Z'`."), false
		}
		*t.time = parsed
	}
	switch {
	case !from.Before(now):
		return from, to, fail(http.StatusNotFound, 1504, "The 'from' date must be before the current date(UTC)."), false
	case !to.After(from):
		return from, to, fail(http.StatusNotFound, 1501, "The 'to' date must be after the 'from' date."), false
	case to.Sub(from) > logKept || now.Sub(from) > logKept+time.Minute:
		return from, to, fail(http.StatusNotFound, 1502, "The date range must be within the last seven days."), false
	}
	if toText != "" {
		to = to.Add(time.Second - 1) // the last second is included
	}
	return from, to, answer{}, true
}

func (s *Sim) logged(d Delivery) json.RawMessage {
	status, body, failed := d.Status, string(d.Answer), []any(nil)
	if d.Err != "" {
		status, body, failed = -1, "connection refused", []any{"failed_reason_type", 2}
		if strings.Contains(d.Err, "deadline") || strings.Contains(d.Err, "Timeout") {
			body, failed[1] = "Timeout connecting to server.", 1
		}
	}
	return object(append(failed, "event", d.Event, "status", status, "user_id", "", "endpoint", s.opts.WebhookURL,
		"subscription_id", hash(s.seed, "subscription", 0, "")[:22], "request_headers", "N/A", "request_body", string(d.Body),
		"response_headers", "N/A", "response_body", body, "date_time", utc(d.At),
		"trace_id", "WEB_"+hash(s.seed, "log", 0, d.RequestID)[:32], "request_id", d.RequestID, "retry_num", d.Attempt-1)...)
}
