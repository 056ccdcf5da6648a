package zoomsim

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// loggedDelivery is one attempt as it appears in Zoom's log of deliveries.
type loggedDelivery struct {
	Event           string `json:"event"`
	Status          int    `json:"status"`
	FailedReason    int    `json:"failed_reason_type,omitempty"`
	UserID          string `json:"user_id"`
	Endpoint        string `json:"endpoint"`
	SubscriptionID  string `json:"subscription_id"`
	RequestHeaders  string `json:"request_headers"`
	RequestBody     string `json:"request_body"`
	ResponseHeaders string `json:"response_headers"`
	ResponseBody    string `json:"response_body"`
	DateTime        string `json:"date_time"`
	TraceID         string `json:"trace_id"`
	RequestID       string `json:"request_id"`
	RetryNum        int    `json:"retry_num"`
}

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
	var list []loggedDelivery
	for _, d := range slices.Backward(s.deliveries) {
		good := d.Err == "" && d.Status >= 200 && d.Status < 300
		event := query.Get("event")
		switch {
		case d.At.Before(from) || d.At.After(to) || event != "" && event != d.Event:
		case kind == "1", kind == "3" && good, (kind == "2" || kind == "") && !good:
			list = append(list, s.logged(d))
		}
	}
	return paged(s, q, list, 300, func(p pageBody, part []loggedDelivery) any {
		return struct {
			NextPageToken string           `json:"next_page_token"`
			PageSize      int              `json:"page_size"`
			Logs          []loggedDelivery `json:"webhook_logs"`
		}{p.NextPageToken, p.PageSize, part}
	})
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

func (s *Sim) logged(d Delivery) loggedDelivery {
	l := loggedDelivery{
		Event: d.Event, Status: d.Status, UserID: "", Endpoint: s.opts.WebhookURL, SubscriptionID: hash(s.seed, "subscription", 0, "")[:22],
		RequestHeaders: "N/A", RequestBody: string(d.Body), ResponseHeaders: "N/A", ResponseBody: string(d.Answer),
		DateTime: utc(d.At), TraceID: "WEB_" + hash(s.seed, "log", 0, d.RequestID)[:32], RequestID: d.RequestID, RetryNum: d.Attempt - 1,
	}
	if d.Err != "" {
		l.Status, l.FailedReason, l.ResponseBody = -1, 2, "connection refused"
		if strings.Contains(d.Err, "deadline") || strings.Contains(d.Err, "Timeout") {
			l.FailedReason, l.ResponseBody = 1, "Timeout connecting to server."
		}
	}
	return l
}
