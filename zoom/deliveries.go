package zoom

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// Delivery is one attempt by Zoom to deliver an event, as listed in Zoom's own
// log.
type Delivery struct {
	Event     string
	RequestID string // the same for every attempt of one delivery
	Retry     int    // 0 for the first attempt, at most 3
	At        time.Time
	Endpoint  string // the URL that Zoom called
	Status    int    // HTTP status; -1 when Zoom got no answer
	Body      []byte // as Zoom sent it; nil when Zoom did not keep all of it
}

// Delivered reports whether Zoom got a 2xx answer, which it counts as delivered.
func (d Delivery) Delivered() bool { return d.Status >= 200 && d.Status <= 299 }

// DeliveryQuery selects deliveries. From and To must lie within the last seven
// days, because Zoom keeps its log that long.
type DeliveryQuery struct {
	AppID    string // the App ID; not the client ID
	From, To time.Time
	Outcome  DeliveryOutcome
}

// DeliveryOutcome filters deliveries by their outcome. The values are those of
// Zoom's parameter type.
type DeliveryOutcome int

const (
	AllDeliveries        DeliveryOutcome = 1
	FailedDeliveries     DeliveryOutcome = 2
	SuccessfulDeliveries DeliveryOutcome = 3
)

// DeliveryLogKept is how long Zoom keeps its log.
const DeliveryLogKept = 7 * 24 * time.Hour

const (
	// Zoom allows 300 entries a page, but each holds a whole body, so that such a
	// page could exceed maxAnswer.
	deliveriesPerPage = 100
	maxDeliveryPages  = 2000
)

var errNoApp = errors.New("not an App ID")

var appIDShape = regexp.MustCompile(`^[A-Za-z0-9_-]{10,64}$`)

// IsAppID reports whether s could be the App ID of a Zoom app.
func IsAppID(s string) bool { return appIDShape.MatchString(s) }

// Deliveries calls each with every page of Zoom's log of deliveries. Zoom
// promises no order. The app needs the scope marketplace_app:read:admin.
// Deliveries returns the first error of each, or an *Error; each keeps the pages
// it was given before that.
func (c *Client) Deliveries(ctx context.Context, q DeliveryQuery, each func([]Delivery) error) error {
	r := request{op: "list deliveries", method: http.MethodGet, path: "/marketplace/apps/" + q.AppID + "/webhook_logs"}
	if !IsAppID(q.AppID) {
		r.err = errNoApp
	}
	query := url.Values{
		"type":      {strconv.Itoa(int(q.Outcome))},
		"from":      {q.From.UTC().Format("2006-01-02T15:04:05Z")},
		"to":        {q.To.UTC().Format("2006-01-02T15:04:05Z")},
		"page_size": {strconv.Itoa(deliveriesPerPage)},
	}
	return c.pages(ctx, r, query, "webhook_logs", maxDeliveryPages, func(page gjson.Result) error { return each(readDeliveries(page)) })
}

func readDeliveries(list gjson.Result) (page []Delivery) {
	each(list, 300, func(j gjson.Result) {
		page = append(page, Delivery{
			Event:     word(j.Get("event")),
			RequestID: word(j.Get("request_id")),
			Retry:     count(j.Get("retry_num")),
			At:        logTime(j.Get("date_time")),
			Endpoint:  word(j.Get("endpoint")),
			Status:    int(j.Get("status").Int()),
			Body:      sentBody(j.Get("request_body")),
		})
	})
	return page
}

// sentBody returns the body of an event, or nil if the log has "N/A" or a
// truncated body.
func sentBody(r gjson.Result) []byte {
	if r.Type != gjson.String {
		return nil
	}
	if j, ok := readObject([]byte(r.Str)); !ok || j.Get("event").Type != gjson.String {
		return nil
	}
	return []byte(r.Str)
}

// logTime reads a time of the log. Zoom's own example, 2022-09-09T08:11:387Z, is
// not a valid time; from such a text logTime reads the date, hour and minute.
func logTime(r gjson.Result) time.Time {
	t := instant(r)
	if t.IsZero() && len(r.Str) >= 16 {
		t, _ = time.Parse("2006-01-02T15:04", strings.Replace(r.Str[:16], " ", "T", 1))
	}
	return t
}
