package zoom_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const appID = "nqSreNVsQ2eGzUMGnA8AHA"

func TestDeliveries(t *testing.T) {
	pages := []string{
		`{"next_page_token":"p2","page_size":2,"webhook_logs":[
			{"event":"meeting.started","status":503,"request_body":"{\"event\":\"meeting.started\",\"payload\":{\"object\":{\"topic\":\"\\uD83D\\uDE92 – \"}},\"event_ts\":1663654515392}",
			 "request_id":"e8ca3e3c_0196_4dc8_9f9e_81217d9000e6","retry_num":1,"date_time":"2026-11-22T01:14:21Z","endpoint":"https://bridge.example.com/webhook"},
			{"event":"meeting.ended","status":-1,"failed_reason_type":1,"request_body":"N/A","request_id":"r2","retry_num":0,"date_time":"2022-09-09T08:11:387Z"}]}`,
		`{"next_page_token":"","webhook_logs":[
			{"event":"meeting.deleted","status":429,"request_body":"{\"event\":\"meeting.created\",\"payload\":{\"account_id\":\"oFPq\",\"event_ts\":1663654515392}","request_id":"r3","date_time":7},
			{"event":"x","status":200,"request_body":"{\"payload\":{}}"}, "nonsense", {"request_body":{"event":"a"}}]}`,
	}
	n := 0
	f := &fake{api: func(w http.ResponseWriter, _ *http.Request) { reply(w, 200, pages[n]); n++ }}
	c := onTheNet(t, f)
	var got []zoom.Delivery
	err := c.Deliveries(t.Context(), zoom.DeliveryQuery{
		AppID: appID, From: time.Date(2026, 11, 22, 2, 0, 0, 0, time.FixedZone("", 3600)), To: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC), Outcome: zoom.FailedDeliveries,
	}, func(page []zoom.Delivery) error { got = append(got, page...); return nil })
	if err != nil {
		t.Fatal(err)
	}
	want := []zoom.Delivery{
		{Event: "meeting.started", RequestID: "e8ca3e3c_0196_4dc8_9f9e_81217d9000e6", Retry: 1, At: time.Date(2026, 11, 22, 1, 14, 21, 0, time.UTC), Endpoint: "https://bridge.example.com/webhook",
			Status: 503, Body: []byte(`{"event":"meeting.started","payload":{"object":{"topic":"\uD83D\uDE92 – "}},"event_ts":1663654515392}`)},
		{Event: "meeting.ended", RequestID: "r2", Status: -1, At: time.Date(2022, 9, 9, 8, 11, 0, 0, time.UTC)},
		{Event: "meeting.deleted", RequestID: "r3", Status: 429}, // its body was truncated
		{Event: "x", Status: 200},
		{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	const path = "GET /v2/marketplace/apps/" + appID + "/webhook_logs?from=2026-11-22T01%3A00%3A00Z"
	calls, _ := f.log()
	if len(calls) != 2 || calls[0] != path+"&page_size=100&to=2026-11-22T03%3A00%3A00Z&type=2" || !strings.Contains(calls[1], "next_page_token=p2") {
		t.Errorf("calls %q", calls)
	}
}

func TestDeliveriesRefused(t *testing.T) {
	mine := errors.New("enough")
	for _, tt := range []struct {
		name, appID, answer string
		status              int
		each                error
		want                string // part of the error's text
		problem             zoom.ProblemCode
	}{
		{name: "no App ID", want: "not an App ID", problem: zoom.ProblemNoAppID},
		{name: "path instead of an App ID", appID: "../../users/x", want: "not an App ID", problem: zoom.ProblemNoAppID},
		{name: "unknown app", appID: appID, status: 404, answer: `{"code":1401,"message":"APP ID does not exist: ` + appID + `."}`, want: "1401", problem: zoom.ProblemNoSuchApp},
		{name: "no scope", appID: appID, status: 400, answer: `{"code":4711,"message":"Invalid access token, does not contain scopes:[marketplace_app:read:admin]."}`, want: "4711", problem: zoom.ProblemMissingScopes},
		{name: "no permission", appID: appID, status: 401, answer: `{"code":201,"message":"You do not have permission to access the targeted resource."}`, want: "201", problem: zoom.ProblemMayNotSee},
		{name: "not a list", appID: appID, status: 200, answer: `{"webhook_logs":{}}`, want: "cannot be used", problem: zoom.ProblemUnreadable},
		{name: "same page again and again", appID: appID, status: 200, answer: `{"next_page_token":"x","webhook_logs":[]}`, want: "does not end", problem: zoom.ProblemUnreadable},
		{name: "callback returns an error", appID: appID, status: 200, answer: `{"webhook_logs":[]}`, each: mine, want: "enough"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := onTheNet(t, &fake{api: replies(tt.status, tt.answer)})
			err := c.Deliveries(t.Context(), zoom.DeliveryQuery{AppID: tt.appID, Outcome: zoom.AllDeliveries}, func([]zoom.Delivery) error { return tt.each })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if tt.each != nil {
				return
			}
			if p := zoom.ProblemOf(err); p.Code != tt.problem {
				t.Errorf("%+v", p)
			}
		})
	}
}
