package incident_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// withAppID enters the App ID, so that the program can check for missing events,
// and does the work that is then due.
func (w *world) withAppID() {
	w.Helper()
	id := simAppID
	w.saveAccount(func(f *incident.AccountForm) { f.AppID = &id })
	w.work(0)
}

// outage lets d pass while the webhook answers 503.
func (w *world) outage(d time.Duration, happens func()) {
	w.Helper()
	w.answers.Store(http.StatusServiceUnavailable)
	happens()
	w.sim.Settle()
	w.clock.Add(d)
	w.sim.RetryDue(w.Context())
	w.answers.Store(0)
}

func (w *world) looks() []incident.GapLook {
	w.Helper()
	looks, err := w.store.GapLooks(w.Context(), time.Unix(0, 0))
	w.ok(err)
	return looks
}

func (w *world) stored() []incident.Event {
	w.Helper()
	page, err := w.store.EventRows(w.Context(), db.EventFilter{}, "", 200)
	w.ok(err)
	return page.Items
}

// logCalls returns the calls that read Zoom's log, by type.
func (w *world) logCalls() (calls []string) {
	for _, c := range w.sim.Calls() {
		if c.Operation == "GET /marketplace/apps/{appId}/webhook_logs" {
			_, kind, _ := strings.Cut(c.Path, "&type=")
			kind, _, _ = strings.Cut(kind, "&")
			calls = append(calls, kind)
		}
	}
	return calls
}

func TestGapsAreFoundByTheWorker(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.Store) {
		w := worldWith(t, store)
		i, b := w.open()
		w.must(w.sim.Join(t.Context(), b.MeetingID, zoomsim.Person{Name: "Ravi"}))
		w.work(0)
		w.withAppID()
		if got := w.looks(); len(got) != 1 || got[0].Recovered != 0 || got[0].Problem.Code != "" || got[0].Deliveries == 0 {
			t.Fatalf("the first look, which compares everything: %+v", got)
		}

		// Zoom gives up after 85 minutes. The call ended three hours ago, but the
		// event is not stale.
		w.outage(25*time.Minute, func() { w.ok(w.sim.End(t.Context(), b.MeetingID)) })
		w.clock.Add(3 * time.Hour)
		w.work(0)
		if got := w.bridge(i); got.State != incident.BridgeEnded || got.EndedAt.IsZero() {
			t.Errorf("the bridge is %s", got.State)
		}
		looks := w.looks()
		if len(looks) != 2 || looks[0].Recovered != 3 || looks[0].Lost != 0 || looks[0].Actor != "" {
			t.Errorf("looks %+v, want one that recovered that Ravi left, the recording stopped and the call ended", looks)
		}
		recovered := 0
		for _, e := range w.stored() {
			if e.Origin == incident.OriginRecovered {
				recovered++
				if e.Stale || e.State != incident.EventRead || e.IncidentNumber != i.Number {
					t.Errorf("%+v", e)
				}
			}
		}
		if recovered != 3 {
			t.Errorf("%d recovered events", recovered)
		}

		// Everything that Zoom still delivers after this is already stored.
		before := len(w.stored())
		w.sim.RetryDue(t.Context())
		w.work(time.Hour)
		if got := len(w.stored()); got != before || w.looks()[0].Recovered != 0 {
			t.Errorf("%d events after the retries, were %d; %+v", got, before, w.looks()[0])
		}
		if got := strings.Join(w.logCalls(), ""); strings.Trim(got[strings.Index(got, "2"):], "2") != "" {
			t.Errorf("types %q: only the first look of a process asks for all", got)
		}
	})
}

func TestFirstLookFindsWhatABackupLacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, b := w.open()
	w.withAppID()
	w.clock.Add(time.Hour)
	// These were acknowledged, but no database has them.
	lost := len(w.stored())
	w.answers.Store(http.StatusOK)
	w.must(w.sim.Join(t.Context(), b.MeetingID, zoomsim.Person{Name: "Ravi"}))
	w.answers.Store(0)
	if got := len(w.stored()); got != lost {
		t.Fatalf("%d events, want %d", got, lost)
	}
	w.clock.Add(10 * time.Minute)
	look, err := w.service.FindGaps(t.Context(), admin)
	w.ok(err)
	if look.Recovered != 3 || look.Actor != admin.Email {
		t.Errorf("%+v", look)
	}
	w.work(0)
	if entry := w.trail()[0]; entry.Action != "gaps.find" || entry.Target != "" || !slices.Contains(entry.Changes, incident.Change{Field: "recovered", After: "3"}) {
		t.Errorf("%+v", entry)
	}
}

func TestFindGaps(t *testing.T) {
	t.Parallel()
	appID := simAppID
	mangle := func(f func(map[string]any)) zoomsim.Faults {
		return zoomsim.Faults{Mangle: func(op string, body map[string]any) {
			if logs, ok := body["webhook_logs"].([]any); ok && strings.Contains(op, "webhook_logs") {
				for _, e := range logs {
					f(e.(map[string]any))
				}
			}
		}}
	}
	for _, tt := range []struct {
		name    string
		after   time.Duration // time since the delivery failed
		retried bool          // a retry succeeded
		faults  zoomsim.Faults
		want    incident.GapLook // Recovered, Lost
		problem zoom.ProblemCode
	}{
		{name: "found", after: 2 * time.Hour, want: incident.GapLook{Recovered: 1}},
		{name: "six days ago", after: 6 * 24 * time.Hour, want: incident.GapLook{Recovered: 1}},
		{name: "Zoom does not keep eight days", after: 8 * 24 * time.Hour},
		{name: "a retry delivered it", after: 2 * time.Hour, retried: true},
		{name: "no body", after: 2 * time.Hour, faults: mangle(func(e map[string]any) { e["request_body"] = "N/A" }), want: incident.GapLook{Lost: 1}},
		{name: "truncated body", after: 2 * time.Hour, faults: mangle(func(e map[string]any) { e["request_body"] = e["request_body"].(string)[:40] }), want: incident.GapLook{Lost: 1}},
		{name: "no body, and Zoom will retry", after: time.Hour, faults: mangle(func(e map[string]any) { e["request_body"] = "N/A" })},
		{name: "no body, and a retry delivered it", after: 2 * time.Hour, retried: true, faults: mangle(func(e map[string]any) { e["request_body"] = "N/A" })},
		{name: "re-encoded body with the same request id", after: 2 * time.Hour, retried: true, faults: mangle(func(e map[string]any) {
			e["request_body"] = strings.Replace(e["request_body"].(string), "{", "{ ", 1)
		})},
		{name: "delivered to another address", after: 2 * time.Hour, faults: mangle(func(e map[string]any) { e["endpoint"] = "https://phones.example.com/zoom" })},
		{name: "missing scope", after: 2 * time.Hour, faults: zoomsim.Faults{MissingScopes: []string{"marketplace_app:read:admin"}}, problem: zoom.ProblemMissingScopes},
		{name: "Zoom is down", after: 2 * time.Hour, faults: zoomsim.Faults{Down: true}, problem: zoom.ProblemServerError},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			// Gets a token first, so that the intended call fails.
			w.must(w.service.CheckConnection(t.Context(), admin))
			w.answers.Store(http.StatusServiceUnavailable)
			_, err := w.sim.Send(t.Context(), "user.updated", event(w, "user.updated", 1))
			w.ok(err)
			if tt.retried {
				w.answers.Store(0)
				w.clock.Add(5 * time.Minute)
				w.sim.RetryDue(t.Context())
			}
			w.answers.Store(0)
			w.saveAccount(func(f *incident.AccountForm) { f.AppID = &appID })
			w.clock.Add(tt.after)
			w.faults(tt.faults)
			look, err := w.service.FindGaps(t.Context(), admin)
			w.ok(err)
			if look.Recovered != tt.want.Recovered || look.Lost != tt.want.Lost || (tt.problem == "") != (look.Problem.Code == "") || tt.problem != "" && (look.Problem.Zoom == nil || look.Problem.Zoom.Code != tt.problem) {
				t.Errorf("%+v", look)
			}
			again, err := w.service.FindGaps(t.Context(), admin)
			w.ok(err)
			if again.Recovered+again.Lost != 0 {
				t.Errorf("found again: %+v", again)
			}
			if n := len(w.looks()); n != 2 {
				t.Errorf("%d looks are kept", n)
			}
		})
	}
}

func TestFindGapsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.service.FindGaps(t.Context(), anaIs)
	wantCode(t, err, incident.Forbidden)
	_, err = w.service.FindGaps(t.Context(), admin)
	wantFields(t, err, "app_id")

	bad := "not an app id"
	_, err = w.service.SaveAccount(t.Context(), admin, w.accountForm(func(f *incident.AccountForm) { f.AppID = &bad }))
	wantFields(t, err, "app_id")
	page := " https://marketplace.zoom.us/develop/apps/" + simAppID + "/information "
	if changed := w.saveAccount(func(f *incident.AccountForm) { f.AppID = &page }); fmt.Sprint(changed) != "[app_id]" || w.account().AppID != simAppID {
		t.Errorf("changed %q, App ID %q", changed, w.account().AppID)
	}
	w.ok(w.store.Close())
	_, err = w.service.FindGaps(t.Context(), admin)
	wantCode(t, err, incident.Unavailable)
}

func TestFailedValidationsOfTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.withAppID()
	w.ok(w.service.NoteValidation(t.Context()))
	for range 2 {
		w.clock.Add(time.Minute)
		w.answers.Store(http.StatusServiceUnavailable)
		w.must(w.sim.Validate(t.Context()))
	}
	w.work(time.Hour)
	w.work(time.Hour) // finds the same two
	now := w.clock.Now()
	if h := w.account().Health(incident.DeliveryFacts{}, 0, now); h.FailedValidations != 2 || h.Level() != incident.LevelWarning {
		t.Errorf("%d failed, %+v", h.FailedValidations, h.Lines)
	}
	w.ok(w.service.NoteValidation(t.Context()))
	if h := w.account().Health(incident.DeliveryFacts{}, 0, now); h.FailedValidations != 0 {
		t.Errorf("%d failed after a validation", h.FailedValidations)
	}
}

// event returns the body of an event without a meeting.
func event(w *world, name string, n int) []byte {
	b, err := json.Marshal(map[string]any{"event": name, "event_ts": w.clock.Now().UnixMilli(), "payload": map[string]any{"account_id": "acc", "object": map[string]any{"n": n}}})
	w.ok(err)
	return b
}
