package incident_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// faultyStore is the real store, with faults in some calls.
type faultyStore struct {
	incident.Store
	account  error
	attempts func()
	change   func(incident.BridgeChange) error
	stops    bool // as if the program stopped right after storing the incident
}

func (f *faultyStore) Account(ctx context.Context) (incident.Account, error) {
	if f.account != nil {
		return incident.Account{}, f.account
	}
	return f.Store.Account(ctx)
}

func (f *faultyStore) Attempts(ctx context.Context, id string) ([]incident.Attempt, error) {
	a, err := f.Store.Attempts(ctx, id)
	if f.attempts != nil {
		f.attempts()
	}
	return a, err
}

func (f *faultyStore) ChangeBridge(ctx context.Context, c incident.BridgeChange) error {
	if f.change != nil {
		if err := f.change(c); err != nil {
			return err
		}
	}
	return f.Store.ChangeBridge(ctx, c)
}

func (f *faultyStore) OpenIncident(ctx context.Context, n incident.NewIncident) (incident.Incident, bool, error) {
	i, created, err := f.Store.OpenIncident(ctx, n)
	if f.stops && err == nil {
		return incident.Incident{}, false, errors.New("stopped")
	}
	return i, created, err
}

// another returns a second server of the same world, with its own store.
func (w *world) another(store incident.Store) *incident.Service {
	server := httptest.NewServer(w.sim.API())
	w.Cleanup(server.Close)
	return incident.New(incident.Config{
		Store: store, Now: w.clock.Now, Log: w.logger,
		ZoomHTTP: server.Client(), ZoomAPIURL: server.URL + "/v2", ZoomOAuthURL: server.URL + "/oauth/token", PublicURL: "https://bridge.example.com",
	})
}

// wantReady runs the worker until the bridge is ready, and checks that Zoom has
// only its meeting.
func (w *world) wantReady(i incident.Incident, within time.Duration) {
	w.Helper()
	for spent := time.Duration(0); spent <= within; spent += 15 * time.Second {
		w.work(15 * time.Second)
	}
	b, left := w.bridge(i), w.ledger()
	if b.State != incident.BridgeReady || len(left) != 1 || fmt.Sprint(left[0].ID) != b.MeetingID {
		w.Errorf("bridge is %s (%s) with meeting %s, Zoom has %d meetings; want ready and just its own", b.State, why(b), b.MeetingID, len(left))
	}
}

func TestLooksThatZoomDidNotAnswerProveNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes about five seconds: run without -short")
	}
	w := newWorld(t)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
	i, _ := w.open()
	w.faults(zoomsim.Faults{Down: true})
	for range 4 {
		w.work(20 * time.Second)
	}
	w.faults(zoomsim.Faults{Lag: 3*time.Minute + 10*time.Second}) // the list is delayed
	w.work(61 * time.Second)
	if n := w.creates(); n != 2 {
		t.Fatalf("Zoom was asked %d times for a meeting after one empty look, want 2: one a rung", n)
	}
	w.faults(zoomsim.Faults{})
	w.wantReady(i, time.Minute)
}

func TestListsThatCannotBeReadProveNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
	i, _ := w.open()
	w.faults(zoomsim.Faults{Mangle: func(_ string, body map[string]any) {
		list, _ := body["meetings"].([]any)
		for _, m := range list {
			m.(map[string]any)["id"] = nil
		}
	}})
	for range 6 {
		w.work(20 * time.Second)
	}
	if n := w.creates(); n != 2 {
		t.Fatalf("Zoom was asked %d times for a meeting, want 2: one a rung", n)
	}
	w.faults(zoomsim.Faults{})
	w.wantReady(i, time.Minute)
}

func TestUnknownWithAHostWhoIsNoUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Down: true, Only: createOnly})
	i, _ := w.open(func(r *incident.OpenRequest) { r.OpenerEmail = "noor@partner.example" })
	w.faults(zoomsim.Faults{})
	w.wantReady(i, 2*time.Minute)
}

func TestMissingScopeToLookIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
	i, _ := w.open()
	w.faults(zoomsim.Faults{MissingScopes: []string{"meeting:read:meeting:admin"}})
	w.work(time.Minute)
	if b := w.bridge(i); b.State != incident.BridgeUnknown || len(b.Reasons) != 1 || b.Reasons[0].Zoom == nil || b.Reasons[0].Zoom.Code != zoom.ProblemMissingScopes {
		t.Errorf("bridge is %s because %s; want unknown and the missing permission", b.State, why(b))
	}
	w.faults(zoomsim.Faults{})
	w.wantReady(i, 2*time.Minute)
}

// After an hour the bridge is retried, and a meeting that is found later is
// deleted.
func TestLongOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
	i, _ := w.open()
	w.faults(zoomsim.Faults{Down: true})
	for range 4 {
		w.work(20 * time.Minute)
	}
	if n := w.creates(); n > 6 {
		t.Errorf("Zoom was asked %d times for a meeting; want at most 6", n)
	}
	w.faults(zoomsim.Faults{})
	for range 50 {
		w.work(30 * time.Minute)
	}
	b, left := w.bridge(i), w.ledger()
	if b.State != incident.BridgeReady || len(left) != 1 {
		t.Errorf("bridge is %s (%s), Zoom has %d meetings; want ready and 1", b.State, why(b), len(left))
	}
}

func TestOneEventCannotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	body, err := json.Marshal(map[string]any{"event": "recording.completed", "event_ts": w.clock.Now().UnixMilli(), "payload": map[string]any{
		"account_id": "a", "object": map[string]any{"id": b.MeetingID, "uuid": b.MeetingUUID, "recording_files": []any{map[string]any{
			"file_type": "MP4", "play_url": "https://zoom.us/rec/play/x", "recording_start": "9999-12-31T23:59:59-12:00"}}}}})
	w.ok(err)
	w.must(w.service.KeepEvent(t.Context(), zoom.Signature{Timestamp: w.clock.Now()}, nil, body))
	w.must(w.sim.Join(t.Context(), b.MeetingID, zoomsim.Person{Name: "Ravi"}))
	w.work(0)
	if b = w.bridge(i); b.State != incident.BridgeLive {
		t.Errorf("bridge is %s, want live", b.State)
	}
}

func TestSecondStepGetsItsTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := meeting()
	m.Host = incident.HostBackup
	step := incident.Step{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: m}
	r, _, err := w.service.SaveRunbook(t.Context(), admin, incident.Runbook{Name: "two", Steps: []incident.Step{step, step}})
	w.ok(err)
	w.must(w.service.CheckConnection(t.Context(), admin)) // gets a token
	w.faults(zoomsim.Faults{Latency: 2 * time.Second, Only: createOnly, Times: 1})
	i, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: r.ID, Name: "x", Source: "form"})
	w.ok(err)
	w.faults(zoomsim.Faults{})
	w.work(time.Minute)
	bridges, err := w.store.Bridges(t.Context(), i.Number)
	w.ok(err)
	for _, b := range bridges {
		if b.State != incident.BridgeReady {
			t.Errorf("bridge is %s (%s), want ready", b.State, why(b))
		}
	}
}

// Z-17: nobody gets a dead link.
func TestDeletedMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	i, b := w.open()
	w.ok(w.zoom().DeleteMeeting(t.Context(), b.MeetingID))
	w.sim.Settle()
	_, err := w.service.ReadEvents(t.Context())
	w.ok(err)
	b = w.bridge(i)
	if b.State != incident.BridgeFailed || b.JoinURL != "" || len(b.Reasons) == 0 {
		t.Fatalf("bridge is %s with the link %q; want failed, without one", b.State, b.JoinURL)
	}
	w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
	if b = w.bridge(i); b.State != incident.BridgeReady {
		t.Errorf("bridge is %s after another try, want ready", b.State)
	}
}

// P19: two servers close the last two unknown attempts at the same time.
func TestTwoServersGoOnTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Down: true, Only: createOnly})
	i, _ := w.open()
	w.faults(zoomsim.Faults{})
	w.work(3 * time.Second)
	w.work(11 * time.Second)
	w.clock.Add(11 * time.Second)
	var both, done sync.WaitGroup
	both.Add(2)
	for range 2 {
		once := sync.OnceFunc(func() { both.Done(); both.Wait() })
		s := w.another(&faultyStore{Store: w.store, attempts: once})
		done.Go(func() {
			if _, err := s.RunOnce(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	w.wantReady(i, 2*time.Minute)
}

func TestOutcomeThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &faultyStore{Store: w.store}
	store.change = func(c incident.BridgeChange) error {
		if c.Attempt != nil && c.Attempt.State == incident.AttemptUnknown {
			return &incident.Error{Code: incident.Unavailable, Message: "The disk is full."}
		}
		return nil
	}
	w.service = w.another(store)
	w.faults(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})
	i, _ := w.open()
	store.change = nil
	w.faults(zoomsim.Faults{})
	w.wantReady(i, 2*time.Minute)
}

// Whoever opens an incident waits for no commit that only concerns its job.
func TestOpeningClaimsAndEndsItsJob(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.service = w.another(jobless{w.store})
	if _, b := w.open(); b.State != incident.BridgeReady {
		t.Fatalf("bridge is %s because %s", b.State, why(b))
	}
	later := w.clock.Now().Add(time.Hour)
	jobs, err := w.store.ClaimJobs(t.Context(), "another", later, time.Minute, 100)
	w.ok(err)
	for _, j := range jobs {
		if j.Kind == incident.JobRunStep {
			t.Errorf("the job is still there: %+v", j)
		}
	}
}

// jobless is a store that can neither claim one job nor finish one.
type jobless struct{ incident.Store }

func (jobless) ClaimJob(context.Context, string, string, time.Time, time.Duration) (incident.Job, bool, error) {
	return incident.Job{}, false, errors.New("no claims")
}

func (jobless) FinishJob(context.Context, incident.Job, incident.JobState) error {
	return errors.New("no ends")
}

// O-01: the program is told to stop during a climb and started again.
func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.service = w.another(&faultyStore{Store: w.store, stops: true})
	_, _, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", Source: "form"})
	if err == nil {
		t.Fatal("the program did not stop")
	}
	i, err := w.store.Incident(t.Context(), 1)
	w.ok(err)
	w.clock.Add(7 * time.Second) // until then, the job is claimed
	w.faults(zoomsim.Faults{Latency: 300 * time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _ = w.service.RunOnce(ctx) // the context ends, but the running job is finished
	w.faults(zoomsim.Faults{})
	w.service = w.another(w.store)
	w.wantReady(i, 2*time.Minute)
}

func TestStepThatCannotBeDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	store := &faultyStore{Store: w.store, account: &incident.Error{Code: incident.Internal, Message: "x"}}
	w.service = w.another(store)
	i, _ := w.open()
	for range 40 {
		w.clock.Add(time.Minute)
		_, _ = w.service.RunOnce(t.Context()) // everything that needs the account fails every time
	}
	b := w.bridge(i)
	if b.State != incident.BridgeFailed || len(b.Reasons) == 0 {
		t.Fatalf("bridge is %s because %s; want failed when nobody works on it any more", b.State, why(b))
	}
	store.account = nil
	w.ok(w.service.RetryBridge(t.Context(), anaIs, b.ID))
	if b = w.bridge(i); b.State != incident.BridgeReady {
		t.Errorf("bridge is %s, want ready", b.State)
	}
}

func TestResolvedIncidentGetsNoMeeting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Down: true, Only: createOnly})
	i, b := w.open()
	w.ok(w.service.ResolveIncident(t.Context(), anaIs, i.Number))
	w.faults(zoomsim.Faults{})
	for range 5 {
		w.work(15 * time.Second)
	}
	if b = w.bridge(i); b.State != incident.BridgeFailed || len(w.ledger()) != 0 {
		t.Errorf("bridge is %s, Zoom has %d meetings; want failed and none", b.State, len(w.ledger()))
	}
	wantCode(t, w.service.RetryBridge(t.Context(), anaIs, b.ID), incident.Conflict)
}

// Temporary failures are retried automatically while the incident is open.
func TestZoomCannotBeReachedForAWhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{Reset: true, Only: "POST /oauth/token"})
	i, b := w.open()
	if b.State != incident.BridgeFailed {
		t.Fatalf("bridge is %s, want failed", b.State)
	}
	w.faults(zoomsim.Faults{})
	w.wantReady(i, 2*time.Minute)
}

func TestRepeatedAlertFindsItsIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, _ := w.open(func(r *incident.OpenRequest) { r.DedupKey = "a" })
	w.ok(w.service.SetRunbookDisabled(t.Context(), admin, w.runbook.ID, true))
	i, created, err := w.service.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, DedupKey: "a"})
	if err != nil || created || i.Number != first.Number {
		t.Errorf("incident %d, created %v, %v; want the open one", i.Number, created, err)
	}
}
