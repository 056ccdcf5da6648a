package incident_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// locked is a world whose database accepts no writes until the returned function is
// called, because another connection has a transaction open.
func locked(t *testing.T, prepare ...func(*world)) (w *world, unlock func()) {
	t.Helper()
	cfg := dbtest.Migrated(t)
	w = worldWith(t, dbtest.Open(t, cfg))
	w.links(warRoom, zoomRoom)
	for _, f := range prepare {
		f(w)
	}
	conn, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, db.SQLiteFile))
	w.ok(err)
	t.Cleanup(func() { conn.Close() })
	conn.SetMaxOpenConns(1)
	_, err = conn.Exec(`BEGIN IMMEDIATE`)
	w.ok(err)
	return w, func() {
		t.Helper()
		_, err := conn.Exec(`ROLLBACK`)
		w.ok(err)
	}
}

// ask opens an incident as a program does.
func (w *world) ask(change ...func(*incident.OpenRequest)) incident.Opened {
	w.Helper()
	req := incident.OpenRequest{RunbookName: w.runbook.Name, Name: "db down", Severity: "SEV1", Source: incident.SourceAPI}
	for _, f := range change {
		f(&req)
	}
	began := time.Now()
	opened, err := w.service.Open(w.Context(), anaIs, req)
	w.ok(err)
	if took := time.Since(began); took > slowly {
		w.Errorf("it took %v", took)
	}
	return opened
}

func (w *world) incidents() []incident.Incident {
	w.Helper()
	page, err := w.store.Incidents(w.Context(), db.IncidentFilter{}, "", 50)
	w.ok(err)
	var list []incident.Incident
	for _, row := range page.Items {
		list = append(list, row.Incident)
	}
	return list
}

// The database accepts no writes. Incidents get their link from memory, and are written
// down once, also if the program stops in between.
func TestOpenFromMemory(t *testing.T) {
	t.Parallel()
	w, unlock := locked(t)
	at := w.clock.Now()
	dedup := func(r *incident.OpenRequest) { r.DedupKey = "alert-7" }
	first := w.ask(dedup)
	if p := first.Pending; p == nil || !first.Created || !p.Saved || p.Bridge().JoinURL != warRoom.URL || p.Bridge().Passcode != "1234" || p.Bridge().Kind != incident.KindStatic {
		t.Fatalf("opened %+v", first)
	}
	if again := w.ask(dedup); again.Created || again.Pending == nil || again.Pending.ID != first.Pending.ID {
		t.Errorf("the repeated alert got %+v", again)
	}
	w.clock.Add(time.Second)
	second := w.ask(func(r *incident.OpenRequest) { r.Source, r.FormKey = incident.SourceForm, "form-1" })
	if second.Pending.Bridge().JoinURL != zoomRoom.URL {
		t.Errorf("the second incident shares a room although one is free: %s", second.Pending.Bridge().JoinURL)
	}
	if info, err := os.Stat(w.cfg.JournalPath); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the journal: %v, %v", info, err)
	}

	// Another server process reads the journal. Half a line at its end was never answered.
	content, err := os.ReadFile(w.cfg.JournalPath)
	w.ok(err)
	if strings.Contains(string(content), `"pin":"`+warRoom.PIN) {
		t.Error("the PIN of a static link is in the journal")
	}
	damaged := "\x00\x00{\"ID\":\"damaged\"}\n" // it was answered, so it is kept
	w.ok(os.WriteFile(w.cfg.JournalPath, append([]byte(damaged), append(content, `{"ID":"torn","Request":{"Na`...)...), 0o600))
	w.service = incident.New(w.cfg)
	unlock()
	journal, err := os.ReadFile(w.cfg.JournalPath)
	w.ok(err)
	w.work(time.Minute)
	if kept, err := os.ReadFile(w.cfg.JournalPath + ".damaged"); string(kept) != damaged {
		t.Errorf("kept %q (%v)", kept, err)
	}
	list := w.incidents()
	if len(list) != 2 {
		t.Fatalf("%d incidents are stored, want 2\n%s", len(list), w.log)
	}
	i, b := list[1], w.bridge(list[1])
	if i.DedupKey != "alert-7" || !i.CreatedAt.Equal(at) || i.CreatedBy != anaIs.Email || b.JoinURL != warRoom.URL || b.State != incident.BridgeReady ||
		b.Rung != incident.RungStatic || b.LinkName != "War room" || b.Passcode != "1234" || !b.LinkChangedAt.IsZero() {
		t.Errorf("stored %+v with %+v", i, b)
	}
	if lines := strings.Join(w.timeline(i), "\n"); !strings.Contains(lines, `from_memory {"link":"meet.example.com","text":"War room"}`) {
		t.Errorf("timeline:\n%s", lines)
	}
	if w.creates() != 0 || len(w.ledger()) != 0 {
		t.Error("Zoom was asked for a meeting although people are in the room")
	}
	if _, err := os.Stat(w.cfg.JournalPath); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}

	// The program stopped after storing them, before it shortened the journal.
	w.ok(os.WriteFile(w.cfg.JournalPath, journal, 0o600))
	w.ok(w.service.ResolveIncident(t.Context(), admin, i.Number))
	w.service = incident.New(w.cfg)
	w.work(time.Minute)
	if n := len(w.incidents()); n != 2 {
		t.Errorf("%d incidents after reading the journal twice, want 2", n)
	}
	if opened := w.ask(func(r *incident.OpenRequest) { r.Source, r.FormKey = incident.SourceForm, "form-1" }); opened.Created || opened.Incident.Number != list[0].Number {
		t.Errorf("the form opened another incident: %+v", opened)
	}
	// Moving it to Zoom works as for any other.
	w.ok(w.service.MoveToZoom(t.Context(), anaIs, w.bridge(list[0]).ID))
	if b := w.bridge(list[0]); b.Kind != incident.KindMeeting || b.Topic == "" {
		t.Errorf("after the move: %+v", b)
	}
}

// Another server opened an incident for the same alert meanwhile.
// An alert comes again, or a form is sent again, after the database has gone: the caller gets
// the link that the others have.
func TestAskedAgainWhileDown(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]func(*incident.OpenRequest){
		"alert": func(r *incident.OpenRequest) { r.DedupKey = "alert-7" },
		"form":  func(r *incident.OpenRequest) { r.FormKey = "form-7" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.links(warRoom)
			w.work(time.Second)
			first := w.ask(key)
			w.ok(w.store.Close())
			again := w.ask(key)
			if again.Pending != nil || again.Created || again.Incident.Number != first.Incident.Number || len(again.Bridges) != 1 || again.Bridges[0].JoinURL != first.Bridges[0].JoinURL {
				t.Errorf("asking again gives %+v, not the link of %+v", again, first.Bridges)
			}
			if other := w.ask(); other.Pending == nil || other.Pending.Bridge().JoinURL != warRoom.URL {
				t.Errorf("another incident gets %+v", other)
			}
			w.clock.Add(16 * time.Minute) // it may have been resolved at another server
			if late := w.ask(key); late.Pending == nil {
				t.Errorf("much later, asking again gives %+v", late)
			}
		})
	}
}

// Callers at the same time get one link. One of them opened the incident, and none is told
// that it isn't saved.
func TestOpenFromMemoryAtOnce(t *testing.T) {
	t.Parallel()
	w, unlock := locked(t)
	defer unlock()
	answers := make([]incident.Opened, 8)
	var wg sync.WaitGroup
	for n := range answers {
		wg.Go(func() { answers[n] = w.ask(func(r *incident.OpenRequest) { r.DedupKey = "alert-7" }) })
	}
	wg.Wait()
	created := 0
	for _, a := range answers {
		if a.Pending == nil || !a.Pending.Saved || a.Pending.ID != answers[0].Pending.ID {
			t.Fatalf("a caller got %+v", a)
		}
		if a.Created {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d callers were told that they opened the incident", created)
	}
}

func TestOpenFromMemoryTwice(t *testing.T) {
	t.Parallel()
	w, unlock := locked(t)
	dedup := func(r *incident.OpenRequest) { r.DedupKey = "alert-7" }
	w.ask(dedup)
	unlock()
	cfg := w.cfg
	cfg.JournalPath = ""
	other := incident.New(cfg)
	i, created, err := other.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", DedupKey: "alert-7", Source: incident.SourceAPI})
	w.ok(err)
	if !created {
		t.Fatal("the other server opened no incident")
	}
	w.work(time.Minute)
	if n := len(w.incidents()); n != 1 {
		t.Errorf("%d incidents, want 1", n)
	}
	if lines := strings.Join(w.timeline(i), "\n"); !strings.Contains(lines, `from_memory {"link":"meet.example.com"`) {
		t.Errorf("the incident doesn’t say that people have another link:\n%s", lines)
	}
	if b := w.bridge(i); b.Kind != incident.KindMeeting || b.LinkChangedAt.IsZero() {
		t.Errorf("the bridge is %s, and its link changed at %v", b.Kind, b.LinkChangedAt)
	}
	if opened := w.ask(dedup); opened.Pending != nil || opened.Incident.Number != i.Number {
		t.Errorf("the alert got %+v", opened)
	}
}

func TestOpenFromMemoryLimits(t *testing.T) {
	t.Parallel()
	t.Run("the journal can't be written", func(t *testing.T) {
		w, unlock := locked(t, func(w *world) {
			w.cfg.JournalPath = filepath.Join(t.TempDir(), "gone", "journal.jsonl")
			w.service = incident.New(w.cfg)
			w.work(time.Second) // reads the links
		})
		if p := w.ask().Pending; p == nil || p.Saved {
			t.Fatalf("pending %+v", p)
		}
		w.ok(os.Mkdir(filepath.Dir(w.cfg.JournalPath), 0o700)) // now it can
		w.work(3 * time.Second)
		if content, err := os.ReadFile(w.cfg.JournalPath); err != nil || strings.Count(string(content), "\n") != 1 {
			t.Errorf("the journal holds %q, %v", content, err)
		}
		unlock()
		w.work(time.Minute)
		if n := len(w.incidents()); n != 1 {
			t.Errorf("%d incidents, want 1\n%s", n, w.log)
		}
	})
	t.Run("no static links", func(t *testing.T) {
		w := newWorld(t)
		w.ok(w.store.Close())
		_, err := w.service.Open(t.Context(), anaIs, incident.OpenRequest{RunbookName: w.runbook.Name, Name: "db down", Source: incident.SourceAPI})
		wantCode(t, err, incident.Unavailable)
	})
	t.Run("who may not open, and what can't be", func(t *testing.T) {
		w := newWorld(t)
		w.links(warRoom)
		_, err := w.service.Open(t.Context(), viewer, incident.OpenRequest{RunbookName: w.runbook.Name, Name: "db down", Source: incident.SourceAPI})
		wantCode(t, err, incident.Forbidden)
		_, err = w.service.Open(t.Context(), anaIs, incident.OpenRequest{RunbookName: "Nope", Name: "db down", Source: incident.SourceAPI})
		wantCode(t, err, incident.Invalid)
	})
	t.Run("the database is gone", func(t *testing.T) {
		w := newWorld(t)
		w.links(warRoom)
		plain, _, err := w.service.CreateToken(t.Context(), admin, "pager", []string{incident.ScopeIncidentsWrite}, 0)
		w.ok(err)
		_, _, err = w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
		w.ok(err)
		w.ok(w.store.Close())
		actor, token, err := w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
		if err != nil || actor.Role != incident.Responder || token.Name != "pager" {
			t.Fatalf("a token that was just used: %+v, %v", actor, err)
		}
		if p := w.ask().Pending; p == nil || !p.Saved {
			t.Errorf("pending %+v", p)
		}
		w.clock.Add(16 * time.Minute)
		_, _, err = w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
		wantCode(t, err, incident.Unavailable)
	})
}

// A caller who hangs up while the token is looked up doesn't make the database one that is
// gone, so nothing is answered from memory.
func TestHangingUpIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom)
	plain, _, err := w.service.CreateToken(t.Context(), admin, "pager", []string{incident.ScopeIncidentsWrite}, 0)
	w.ok(err)
	_, _, err = w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
	w.ok(err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if actor, _, err := w.service.TokenActor(ctx, plain, "192.0.2.9", true); err == nil {
		t.Errorf("the actor comes from memory: %+v", actor)
	}
}

// Another server revokes a token. This one, which has refused it since, does not take it
// from memory when the database is gone.
func TestRevokedTokenIsNotRecalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom)
	plain, token, err := w.service.CreateToken(t.Context(), admin, "pager", []string{incident.ScopeIncidentsWrite}, 0)
	w.ok(err)
	_, _, err = w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
	w.ok(err)
	w.ok(incident.New(incident.Config{Store: w.store, Now: w.clock.Now, Log: w.logger}).RevokeToken(t.Context(), admin, token.ID))
	_, _, err = w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
	wantCode(t, err, incident.Unauthorized)
	w.ok(w.store.Close())
	_, _, err = w.service.TokenActor(t.Context(), plain, "192.0.2.9", true)
	wantCode(t, err, incident.Unavailable)
}

// A request with very many unusable values opens its incident, which says how many more
// there were.
func TestManyAdjustments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	vars := map[string]string{}
	for n := range 5000 {
		vars[fmt.Sprintf("v%d", n)] = "x"
	}
	o := w.ask(func(r *incident.OpenRequest) { r.Vars = vars })
	entries, err := w.store.Timeline(t.Context(), o.Incident.Number, 50)
	w.ok(err)
	i := slices.IndexFunc(entries, func(e incident.TimelineEntry) bool { return e.Kind == incident.EntryAdjusted })
	if i < 0 {
		t.Fatal("the incident says nothing about them")
	}
	if all := entries[i].Data.Adjusted; len(all) != 51 || all[50].Code != incident.AdjustedMore || all[50].Limit != 4950 {
		t.Errorf("%d adjustments, the last is %+v", len(all), all[len(all)-1])
	}
}

// The database stops to accept writes after the incident is stored, while Zoom creates
// the meeting.
func TestBridgeFromMemory(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Migrated(t)
	w := worldWith(t, dbtest.Open(t, cfg))
	w.links(warRoom)
	conn, err := sql.Open("sqlite", filepath.Join(cfg.DataDir, db.SQLiteFile))
	w.ok(err)
	defer conn.Close()
	conn.SetMaxOpenConns(1)
	lock := sync.OnceFunc(func() {
		_, err := conn.Exec(`BEGIN IMMEDIATE`)
		w.ok(err)
	})
	w.faults(zoomsim.Faults{Only: createOnly, Mangle: func(string, map[string]any) { lock() }})
	opened, err := w.service.Open(t.Context(), anaIs, incident.OpenRequest{RunbookName: w.runbook.Name, Name: "db down", Source: incident.SourceAPI})
	w.ok(err)
	if opened.Pending != nil || opened.Incident.Number != 1 {
		t.Fatalf("opened %+v", opened)
	}
	if b := w.service.Shown(w.bridge(opened.Incident)); b.State != incident.BridgeReady || b.JoinURL != warRoom.URL || b.Kind != incident.KindStatic {
		t.Errorf("people see the bridge %+v", b)
	}
	_, err = conn.Exec(`ROLLBACK`)
	w.ok(err)
	w.faults(zoomsim.Faults{})
	w.service = incident.New(w.cfg)
	for range 8 {
		w.work(30 * time.Second)
	}
	// Zoom's meeting is stored after all if the database accepts the write in time. Then
	// people must learn that the link changed.
	switch b := w.bridge(opened.Incident); {
	case b.State == incident.BridgeReady && b.JoinURL == warRoom.URL && len(w.ledger()) == 0:
	case b.State == incident.BridgeReady && b.Kind == incident.KindMeeting && !b.LinkChangedAt.IsZero() && len(w.ledger()) == 1:
	default:
		t.Errorf("later, the bridge is %s with %s, changed at %v, and Zoom has %d meetings\n%s", b.State, b.JoinURL, b.LinkChangedAt, len(w.ledger()), w.log)
	}
	if _, err := os.Stat(w.cfg.JournalPath); !os.IsNotExist(err) {
		t.Errorf("the journal is still there: %v", err)
	}
}

// PostgreSQL hangs while Zoom creates the meeting. The caller does not wait for it.
func TestDatabaseHangsDuringClimb(t *testing.T) {
	t.Parallel()
	cfg := dbtest.MigratedPostgres(t)
	wire := dbtest.NewWire(t, cfg.DatabaseURL)
	cfg.DatabaseURL = wire.URL
	w := worldWith(t, dbtest.Open(t, cfg))
	w.links(warRoom)
	w.faults(zoomsim.Faults{Only: createOnly, Mangle: func(string, map[string]any) { wire.Hang() }})
	dedup := func(r *incident.OpenRequest) { r.DedupKey = "alert-7" }
	began := time.Now()
	opened := w.ask(dedup)
	t.Logf("the answer took %v", time.Since(began))
	// The incident is stored, so the answer has its number.
	if opened.Pending != nil || opened.Incident.Number != 1 || len(opened.Bridges) != 1 || w.service.Shown(opened.Bridges[0]).JoinURL != warRoom.URL || w.service.PendingIncidents() != 1 {
		t.Fatalf("opened %+v", opened)
	}
	w.faults(zoomsim.Faults{})
	wire.Mend()
	for range 20 {
		w.clock.Add(time.Minute)
		_, _ = w.service.RunOnce(t.Context()) // the first may find connections that broke
	}
	if n := w.service.PendingIncidents(); n != 0 {
		t.Fatalf("%d are pending\n%s", n, w.log)
	}
	list := w.incidents()
	if len(list) != 1 || list[0].DedupKey != "alert-7" {
		t.Fatalf("stored %+v", list)
	}
	if again := w.ask(dedup); again.Created || again.Incident.Number != list[0].Number {
		t.Errorf("the repeated alert got %+v", again)
	}
	// Zoom created the meeting while nobody could write that down: it is the bridge, or gone.
	b, left := w.bridge(list[0]), w.ledger()
	if b.JoinURL == "" || len(left) > 1 || len(left) == 1 && b.Kind != incident.KindMeeting {
		t.Errorf("the bridge is %s, %s; Zoom has %d meetings", b.State, b.Kind, len(left))
	}
	if !strings.Contains(strings.Join(w.timeline(list[0]), "\n"), `from_memory {"link":"meet.example.com"`) {
		t.Error("the incident doesn’t say which link people got")
	}
}

// lateJobs is a store that takes long to say which jobs of an incident will be retried.
type lateJobs struct{ *db.Store }

func (s lateJobs) RetryJobs(ctx context.Context, number int64) ([]incident.Job, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// Whoever repeats an alert gets the number and the link of its incident, however long
// OpenIncident takes for the rest.
func TestRepeatedAlertLeavesInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom, zoomRoom)
	dedup := func(r *incident.OpenRequest) { r.DedupKey = "alert-7" }
	first := w.ask(dedup)
	cfg := w.cfg
	cfg.Store = lateJobs{w.store}
	w.service = incident.New(cfg)
	w.work(0) // reads the static links
	again := w.ask(dedup)
	if again.Created || again.Pending != nil || again.Incident.Number != first.Incident.Number || len(again.Bridges) != 1 || again.Bridges[0].JoinURL != first.Bridges[0].JoinURL {
		t.Errorf("opened %+v, then %+v", first, again)
	}
}

// The database stored the incident but its answer was lost, so people got the link from
// memory. The journal makes that link the bridge.
func TestOpenFromMemoryStoredUnheard(t *testing.T) {
	t.Parallel()
	w, unlock := locked(t)
	w.ask(func(r *incident.OpenRequest) { r.FormKey = "key-1" })
	unlock()
	w.links()
	w.faults(zoomsim.Faults{TokenRefused: true})
	other := incident.New(incident.Config{Store: w.store, Now: w.clock.Now, Log: w.logger})
	i, _, err := other.OpenIncident(t.Context(), anaIs, incident.OpenRequest{RunbookID: w.runbook.ID, Name: "db down", FormKey: "key-1", Source: incident.SourceForm})
	w.ok(err)
	if b := w.bridge(i); b.State != incident.BridgeFailed {
		t.Fatalf("the bridge is %s", b.State)
	}
	w.work(time.Minute)
	if b := w.bridge(i); b.JoinURL != warRoom.URL || len(w.incidents()) != 1 {
		t.Errorf("the bridge is %s with %s, of %d incidents", b.State, b.JoinURL, len(w.incidents()))
	}
}
