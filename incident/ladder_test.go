package incident_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

var update = flag.Bool("update", false, "write docs/ladder.md anew")

// TestLadder opens an incident under each fault of Zoom: with hosts only, with a standby
// meeting, and with a static link. docs/ladder.md holds what the incident got, and when.
func TestLadder(t *testing.T) {
	t.Parallel()
	all := func(f func(*zoomsim.User)) func(*town) {
		return func(w *town) {
			for _, host := range townHosts {
				w.sim.SetUser(host, f)
			}
		}
	}
	fault := func(f zoomsim.Faults) func(*town) {
		return func(w *town) { w.sim.SetFaults(func(have *zoomsim.Faults) { *have = f }) }
	}
	noLink := func(operation string, body map[string]any) {
		if operation == createOnly {
			delete(body, "join_url")
		}
	}
	table := bytes.NewBufferString(`# Which link an incident gets when Zoom fails

Each row is a fault of Zoom. *Hosts only* has an opener and two backup users, *with standby* also a standby meeting, and
*with a static link* also a room of another vendor. The time is that from the call for help to the answer, with a Zoom that
otherwise takes no time, and *then* is what the incident has ten minutes after Zoom is well again. The codes say why, in the
words that the database uses; [what the pages say](faults.md) is in sentences. ` + "`go test ./incident -run TestLadder -update`" + `
writes this table.

| fault | hosts only | then | with standby | with a static link |
|---|---|---|---|---|
`)
	for _, row := range []struct {
		name  string
		wrong func(*town)
	}{
		{"none", func(*town) {}},
		{"Z-01 the account's calls of the day are used up", fault(zoomsim.Faults{RateLimited: "day", Only: createOnly})},
		{"Z-02 the opener's meetings of the day are used up", func(w *town) { w.sim.SetUser(opener, func(u *zoomsim.User) { u.DailyLimitReached = true }) }},
		{"Z-02 every host's meetings of the day are used up", all(func(u *zoomsim.User) { u.DailyLimitReached = true })},
		{"Z-03 too many calls in a second, once", fault(zoomsim.Faults{RateLimited: "second", Only: createOnly, Times: 1})},
		{"Z-04 502 with an HTML page", fault(zoomsim.Faults{Down: true})},
		{"Z-04 503 while a meeting is created", fault(zoomsim.Faults{Down: true, DownStatus: 503, Only: createOnly})},
		{"Z-05 Zoom takes 1.9 s", fault(zoomsim.Faults{Latency: 1900 * time.Millisecond})},
		{"Z-05 Zoom takes 20 s", fault(zoomsim.Faults{Latency: 20 * time.Second})},
		{"Z-05 headers, then nothing", fault(zoomsim.Faults{Stall: true, Only: createOnly})},
		{"Z-06 the connection is reset", fault(zoomsim.Faults{Reset: true, Only: createOnly})},
		{"Z-06 the answer is lost, once", fault(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly, Times: 1})},
		{"Z-06 every answer is lost", fault(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly})},
		{"Z-07 half an answer", fault(zoomsim.Faults{TruncatedBody: true, Only: createOnly})},
		{"Z-07 no join link", fault(zoomsim.Faults{Mangle: noLink})},
		{"Z-08 the answer is lost, and lists are late", fault(zoomsim.Faults{ResetAfterCommit: true, Lag: 30 * time.Second, Only: createOnly})},
		{"Z-11 another program ends our token", fault(zoomsim.Faults{NewTokenKillsOld: true})},
		{"Z-12 the secret is wrong", fault(zoomsim.Faults{TokenRefused: true})},
		{"Z-13 the app has lost its scopes", fault(zoomsim.Faults{MissingScopes: []string{"meeting:write:admin", "meeting:write:meeting:admin"}})},
		{"Z-14 the opener is no user", func(w *town) { w.sim.SetUser(opener, func(u *zoomsim.User) { u.Unknown = true }) }},
		{"Z-14 no host is a user", all(func(u *zoomsim.User) { u.Unknown = true })},
		{"Z-15 Zoom's clock is a day ahead", fault(zoomsim.Faults{ClockSkew: 24 * time.Hour})},
		{"Z-17 Zoom overwrites the settings", fault(zoomsim.Faults{OverwriteSettings: true})},
		{"Z-19 the fourth incident while Zoom is down", func(w *town) {
			fault(zoomsim.Faults{Latency: 20 * time.Second})(w)
			for n := range 3 {
				w.open(fmt.Sprint("before ", n))
			}
		}},
		{"Z-20 Zoom can't be reached", fault(zoomsim.Faults{Reset: true})},
	} {
		t.Run(row.name, func(t *testing.T) {
			cells := []string{row.name}
			for _, ladder := range []struct {
				standby, static bool
				spare           incident.Kind
			}{{}, {standby: true, spare: incident.KindStandby}, {static: true, spare: incident.KindStatic}} {
				cfg := dbtest.Migrated(t)
				synctest.Test(t, func(t *testing.T) {
					w := newTown(t, cfg, 1, false, 0)
					s := w.servers[0]
					if ladder.static {
						if _, err := s.SaveStaticLinks(t.Context(), admin, []incident.StaticLink{warRoom}, 1); err != nil {
							t.Fatal(err)
						}
					}
					if ladder.standby {
						w.keepStandby(4)
					}
					w.token()
					row.wrong(w)
					b, took := w.open("this")
					if took > 3*time.Second {
						t.Errorf("%+v: the answer took %v", ladder, took)
					}
					if spare := ladder.spare; spare != "" && (b.JoinURL == "" || b.Kind != incident.KindMeeting && b.Kind != spare) {
						t.Errorf("%+v: the bridge is %s, %s (%s)", ladder, b.State, b.Kind, why(b))
					}
					cells = append(cells, gotten(b)+", "+within(took)+whyCodes(b))
					if ladder.spare != "" {
						s.kill()
						time.Sleep(time.Minute) // calls that Zoom left open end
						return
					}
					w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
					for _, host := range townHosts {
						w.sim.SetUser(host, func(u *zoomsim.User) { u.Unknown, u.DailyLimitReached = false, false })
					}
					w.work(s, 10*time.Minute, 20*time.Second)
					b = w.bridge(s, b.IncidentNumber)
					kind, _, _ := strings.Cut(gotten(b), ",") // which attempt is found first is chance
					cells = append(cells, kind)
					if b.State != incident.BridgeReady || b.Kind != incident.KindMeeting {
						t.Errorf("in the end the bridge is %s (%s)", b.State, why(b))
					}
				})
			}
			table.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		})
	}
	const file = "../docs/ladder.md"
	if *update {
		if err := os.WriteFile(file, table.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), table.String()); diff != "" {
		t.Errorf("run go test ./incident -run TestLadder -update (-want +got):\n%s", diff)
	}
}

// open opens an incident and returns its bridge, and how long that took.
func (w *town) open(key string) (incident.Bridge, time.Duration) {
	began := time.Now()
	i, _, err := w.servers[0].OpenIncident(w.Context(), anaIs, incident.OpenRequest{
		RunbookID: w.runbook, Name: "db down", Severity: "SEV1", DedupKey: key, Source: incident.SourceAPI,
	})
	if err != nil {
		w.Fatal(err)
	}
	return w.bridge(w.servers[0], i.Number), time.Since(began)
}

// gotten says what a bridge is.
func gotten(b incident.Bridge) string {
	switch {
	case b.JoinURL == "":
		return "no link yet (" + string(b.State) + ")"
	case b.Kind == incident.KindMeeting:
		return "own meeting, " + string(b.Rung)
	default:
		return string(b.Kind)
	}
}

// whyCodes lists why a bridge is what it is.
func whyCodes(b incident.Bridge) string {
	var list []string
	for _, r := range b.Reasons {
		code := string(r.Code)
		if r.Zoom != nil {
			code = string(r.Zoom.Code)
		}
		if !slices.Contains(list, code) {
			list = append(list, code)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return ": " + strings.Join(list, ", ")
}

// keepStandby has n standby meetings made.
func (w *town) keepStandby(n int) {
	s := w.servers[0]
	account, err := s.store.Account(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if _, err := s.SaveAccount(w.Context(), admin, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: "acc", ClientID: "cid", BackupUsers: townHosts[1:], StandbyMeetings: &n, Version: account.Version,
	}); err != nil {
		w.Fatal(err)
	}
	w.work(s, time.Minute, 10*time.Second)
}

// within says how long something took, without the part that is random.
func within(d time.Duration) string {
	if d < 300*time.Millisecond {
		return "at once"
	}
	return fmt.Sprintf("within %d s", int((d+time.Second-1)/time.Second))
}

// A link that Zoom gives late is used, and the next bridge gives Zoom the time that it
// takes today. A meeting that was created meanwhile for another host is deleted.
func TestSlowZoom(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Migrated(t)
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cfg, 1, false, 0)
		w.token()
		creates := func() (n int) {
			for _, c := range w.sim.Calls() {
				if c.Operation == createOnly {
					n++
				}
			}
			return n
		}
		for n, want := range []int{2, 3} {
			w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{Latency: 1900 * time.Millisecond, Only: createOnly} })
			b, took := w.open(fmt.Sprint(n))
			if b.Kind != incident.KindMeeting || b.JoinURL == "" || took > 2*time.Second || creates() != want {
				t.Errorf("bridge %d is %s after %v and %d calls, want %d (%s)", n, b.State, took, creates(), want, why(b))
			}
			w.sim.SetFaults(func(f *zoomsim.Faults) { *f = zoomsim.Faults{} })
			w.work(w.servers[0], 5*time.Minute, 20*time.Second)
			live := 0
			for _, m := range w.sim.Meetings() {
				if m.Status != "deleted" {
					live++
				}
			}
			if live != n+1 {
				t.Errorf("%d meetings live after bridge %d", live, n)
			}
		}
	})
}

// token gets the access token that a running server has at hand.
func (w *town) token() {
	if _, err := w.servers[0].CheckConnection(w.Context(), admin); err != nil {
		w.Fatal(err)
	}
}

// A bridge does not wait for an access token: a running server always has one at hand.
func TestTokenAtHand(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Migrated(t)
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cfg, 1, true, 0)
		time.Sleep(time.Hour + 90*time.Second) // longer than a token lasts
		before := w.sim.Calls()
		w.open("this")
		for _, c := range w.sim.Calls()[len(before):] {
			if strings.Contains(c.Operation, "token") {
				t.Errorf("the bridge waited for %s", c.Operation)
			}
		}
	})
}
