package incident_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestHealthOfValidations(t *testing.T) {
	t.Parallel()
	now := dbtest.Now
	for _, tt := range []struct {
		name   string
		ago    time.Duration // since the last validation; 0: never validated
		failed int
		level  incident.Level
		code   incident.FindingCode
	}{
		{"never", 0, 0, "warning", incident.FoundNotValidated},
		{"just now", time.Second, 0, "ok", incident.FoundValidated},
		{"in the future, because the clock was wrong", -9 * 24 * time.Hour, 0, "ok", incident.FoundValidated},
		{"79 hours ago", 79 * time.Hour, 0, "ok", incident.FoundValidated},
		{"W-56 80 hours ago", 80 * time.Hour, 1, "warning", incident.FoundValidationsFailed},
		{"twelve days ago", 13 * 24 * time.Hour, 4, "bad", incident.FoundValidationsFailed},
		{"a month ago", 30 * 24 * time.Hour, 9, "bad", incident.FoundValidationsEnded},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := incident.Account{Secrets: map[incident.SecretName]incident.StoredSecret{incident.WebhookToken1: {Value: zoom.NewSecret(simSecretToken)}}}
			if tt.ago != 0 {
				a.WebhookValidatedAt = now.Add(-tt.ago)
			}
			h := a.Health(incident.DeliveryFacts{}, 0, now)
			if h.FailedValidations != tt.failed || h.Level() != tt.level || h.Lines[0].Code != tt.code {
				t.Errorf("%d failed, %s, %+v", h.FailedValidations, h.Level(), h.Lines)
			}
			if f := h.Lines[0]; tt.failed > 0 && (f.Count != tt.failed || f.Span != tt.ago) {
				t.Errorf("%d failures, the last success %v ago", f.Count, f.Span)
			}
			if tt.ago != 0 && !h.ValidationDue.Equal(a.WebhookValidatedAt.Add(72*time.Hour)) {
				t.Errorf("due %v", h.ValidationDue)
			}
		})
	}
}

// A call that Drawbridge knows only by asking says that Zoom's events don't come. An event
// about a later call ends that.
func TestHealthUntold(t *testing.T) {
	t.Parallel()
	now := dbtest.Now
	call := func(number int64, ago time.Duration, told bool) incident.StartedCall {
		return incident.StartedCall{IncidentNumber: number, At: now.Add(-ago), Told: told}
	}
	token := map[incident.SecretName]incident.StoredSecret{incident.WebhookToken1: {Value: zoom.NewSecret(simSecretToken)}}
	for _, tt := range []struct {
		name    string
		calls   []incident.StartedCall
		secrets map[incident.SecretName]incident.StoredSecret
		want    int64 // the incident of the finding; 0: no finding
	}{
		{"no call", nil, token, 0},
		{"told", []incident.StartedCall{call(7, time.Hour, true)}, token, 0},
		{"untold", []incident.StartedCall{call(7, 2*time.Minute, false), call(6, time.Hour, true)}, token, 7},
		{"the event may still come", []incident.StartedCall{call(7, 30*time.Second, false), call(6, time.Hour, true)}, token, 0},
		{"a later one was told", []incident.StartedCall{call(8, time.Minute, true), call(7, time.Hour, false)}, token, 0},
		{"Zoom isn't to send any", []incident.StartedCall{call(7, time.Hour, false)}, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got int64
			for _, l := range (incident.Account{Secrets: tt.secrets, WebhookValidatedAt: now}).Health(incident.DeliveryFacts{Started: tt.calls}, 0, now).Lines {
				if l.Code == incident.FoundUntold {
					got = l.Incident
				}
			}
			if got != tt.want {
				t.Errorf("the finding is about INC-%d, want INC-%d", got, tt.want)
			}
		})
	}
}

func TestHealthOfSilence(t *testing.T) {
	t.Parallel()
	now := dbtest.Now
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	call := func(number int64, d time.Duration) incident.LiveCall {
		return incident.LiveCall{IncidentNumber: number, LastEventAt: ago(d)}
	}
	for _, tt := range []struct {
		name string
		last time.Duration
		live []incident.LiveCall
		want incident.Finding // zero: no finding
	}{
		{"no live bridge", 9 * time.Hour, nil, incident.Finding{}},
		{"live bridge and an event of another meeting", time.Minute, []incident.LiveCall{call(4, 2*time.Hour)}, incident.Finding{}},
		{"no events at all", 2 * time.Hour, []incident.LiveCall{call(4, 2*time.Hour)}, incident.Finding{Code: incident.FoundSilence, Span: 2 * time.Hour, Incident: 4}},
		{"no events of one of two meetings", time.Minute, []incident.LiveCall{call(5, time.Minute), call(4, 4*time.Hour)}, incident.Finding{Code: incident.FoundSilenceOfMeeting, Span: 4 * time.Hour, Incident: 4}},
		{"call that just started", 9 * time.Hour, []incident.LiveCall{call(4, time.Minute)}, incident.Finding{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := incident.Account{}.Health(incident.DeliveryFacts{LastEventAt: ago(tt.last), Live: tt.live}, 0, now)
			var got incident.Finding
			for _, l := range h.Lines {
				if l.Topic == "silence" {
					got = l
				}
			}
			if got.Code != tt.want.Code || got.Span != tt.want.Span || got.Incident != tt.want.Incident {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

// eventTimes returns n events, one a second, newest first. They were signed ahead
// of their arrival; ahead is negative if Zoom's clock agrees with ours.
func eventTimes(now time.Time, n int, ahead time.Duration) (list []incident.EventTimes) {
	for i := range n {
		at := now.Add(-time.Duration(i) * time.Second)
		list = append(list, incident.EventTimes{ReceivedAt: at, SignedAt: at.Add(ahead), EventAt: at.Add(ahead - 300*time.Millisecond)})
	}
	return list
}

func TestHealthOfDelays(t *testing.T) {
	t.Parallel()
	now := dbtest.Now
	recent := eventTimes(now, 100, -time.Second)
	for i := range 6 {
		recent[i].EventAt = recent[i].ReceivedAt.Add(-25 * time.Minute)
	}
	recent = append(recent, incident.EventTimes{ReceivedAt: now, EventAt: now.AddDate(-5, 0, 0)}, incident.EventTimes{ReceivedAt: now})
	h := incident.Account{}.Health(incident.DeliveryFacts{Recent: recent}, 0, now)
	if h.Measured != 100 || h.Median != 1300*time.Millisecond || h.P95 != 25*time.Minute || h.Lines[len(h.Lines)-1].Code != incident.FoundLate {
		t.Errorf("%d events, median %v, p95 %v, %+v", h.Measured, h.Median, h.P95, h.Lines)
	}
	// A clock that is known to be ahead causes no delay.
	h = incident.Account{}.Health(incident.DeliveryFacts{Recent: eventTimes(now, 50, -time.Hour)}, -time.Hour, now)
	if h.P95 != 300*time.Millisecond {
		t.Errorf("p95 %v with a clock that is an hour ahead", h.P95)
	}
}

func TestJudgeClock(t *testing.T) {
	t.Parallel()
	now := dbtest.Now
	stale := func(list []incident.EventTimes, n int) []incident.EventTimes {
		for i := range n {
			list[i].Stale = true
		}
		return list
	}
	retries := eventTimes(now, 20, -25*time.Minute)
	retries[7].SignedAt = retries[7].ReceivedAt
	for _, tt := range []struct {
		name   string
		skew   time.Duration
		known  bool
		recent []incident.EventTimes
		want   incident.Clock // zero: no known error
	}{
		{name: "no facts"},
		{name: "right", skew: -time.Second, known: true, recent: eventTimes(now, 30, -time.Second)},
		{name: "ahead, by Zoom's answers", skew: -3 * time.Minute, known: true, want: incident.Clock{Ahead: 3 * time.Minute}},
		{name: "behind, by Zoom's answers", skew: 26 * time.Hour, known: true, want: incident.Clock{Ahead: -26 * time.Hour}},
		{name: "answers count more than events", skew: time.Second, known: true, recent: eventTimes(now, 30, -3*time.Hour)},
		{name: "ahead, by events before any answer", recent: eventTimes(now, 3, -3*time.Hour), want: incident.Clock{Ahead: 3 * time.Hour}},
		{name: "behind, by events", recent: eventTimes(now, 30, 10*time.Minute), want: incident.Clock{Ahead: -10 * time.Minute}},
		{name: "two events are too few", recent: eventTimes(now, 2, -3*time.Hour)},
		{name: "old deliveries do not make a clock wrong", recent: retries},
		{name: "yesterday's events do not count", recent: eventTimes(now.Add(-24*time.Hour), 9, -3*time.Hour)},
		{name: "many stale events", skew: 0, known: true, recent: stale(eventTimes(now, 40, -time.Second), 5), want: incident.Clock{Stale: 5, Events: 40}},
		{name: "four stale events", skew: 0, known: true, recent: stale(eventTimes(now, 4, -time.Second), 4)},
		{name: "a tenth is stale", skew: 0, known: true, recent: stale(eventTimes(now, 50, -time.Second), 5)},
	} {
		t.Run("C-04 "+tt.name, func(t *testing.T) {
			got := incident.JudgeClock(tt.skew, tt.known, tt.recent, now)
			if got.Ahead != tt.want.Ahead || got.Stale != tt.want.Stale || tt.want.Events != 0 && got.Events != tt.want.Events {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
