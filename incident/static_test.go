package incident_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

var (
	warRoom  = incident.StaticLink{Name: "War room", URL: "https://meet.example.com/war", Phone: "+47 21 00 00 00", PIN: "1234"}
	zoomRoom = incident.StaticLink{URL: "https://example.zoom.us/j/123456789?pwd=x"}
)

// links saves static links.
func (w *world) links(links ...incident.StaticLink) {
	w.Helper()
	w.must(w.service.SaveStaticLinks(w.Context(), admin, links, w.account().Version))
}

// Whatever is wrong with Zoom, the incident has a static link within three seconds.
func TestStaticLink(t *testing.T) {
	t.Parallel()
	fault := func(f zoomsim.Faults) func(*world) { return func(w *world) { w.faults(f) } }
	users := func(f func(*zoomsim.User)) func(*world) {
		return func(w *world) {
			w.sim.SetUser(opener, f)
			w.sim.SetUser(backup, f)
		}
	}
	for _, test := range []struct {
		name       string
		wrong      func(*world)
		wantReason string
		wantAsked  int // -1: not checked
	}{
		{"both hosts unknown", users(func(u *zoomsim.User) { u.Unknown = true }), "no_such_user", 2},
		{"both hosts' daily limit", users(func(u *zoomsim.User) { u.DailyLimitReached = true }), "host_day_limit", 2},
		{"daily limit of the account", fault(zoomsim.Faults{RateLimited: "day", Only: createOnly}), "zoom", -1},
		{"Zoom rejects the token", fault(zoomsim.Faults{TokenRefused: true}), "wrong_client", 0},
		{"scope missing", fault(zoomsim.Faults{MissingScopes: []string{"meeting:write:meeting:admin", "meeting:write:admin"}}), "scopes", 1},
		{"Zoom is unreachable", fault(zoomsim.Faults{Reset: true}), "zoom", -1},
		{"Zoom is cut off after creating", fault(zoomsim.Faults{ResetAfterCommit: true, Only: createOnly}), "zoom", 2},
		{"Zoom doesn't answer", fault(zoomsim.Faults{Latency: 4 * time.Second}), "zoom", -1},
		{"Zoom's limit of calls in a second lasts", func(w *world) {
			w.must(w.zoom().Token(t.Context()))
			w.faults(zoomsim.Faults{RateLimited: "second", Only: createOnly})
		}, "zoom", -1},
		{"only events", func(w *world) {
			w.must(w.service.SaveAccount(t.Context(), admin, incident.AccountForm{Auth: "webhook_only", Version: w.account().Version}))
		}, "only_events", 0},
		{"not connected", func(w *world) {
			w.ok(w.store.SaveAccount(t.Context(), w.account(), nil, []incident.SecretName{incident.ClientSecret}, incident.AuditEntry{}))
		}, "not_connected", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.links(warRoom)
			test.wrong(w)
			began := time.Now()
			i, b := w.open()
			if took := time.Since(began); took > slowly {
				t.Errorf("it took %v", took)
			}
			if b.State != incident.BridgeReady || b.Kind != incident.KindStatic || b.Rung != incident.RungStatic || b.JoinURL != warRoom.URL ||
				b.Passcode != "1234" || b.LinkName != "War room" || len(b.DialIn) != 1 || b.DialIn[0].Number != warRoom.Phone {
				t.Errorf("bridge is %+v (%s)", b, why(b))
			}
			if v := b.Verdict(); v.Level != incident.LevelUnknown || v.Causes[0].Code != incident.FoundStaticLink || v.Causes[0].Value != "meet.example.com" {
				t.Errorf("verdict %+v", v)
			}
			if b.HostEmail != "" || b.MeetingID != "" || b.UsedBackupUser {
				t.Errorf("the bridge has things of a meeting: %+v", b)
			}
			if !strings.Contains(why(b), test.wantReason) || !strings.HasSuffix(why(b), `{"code":"static_link","text":"War room"}]`) {
				t.Errorf("reasons %s, want %q in them", why(b), test.wantReason)
			}
			if first := w.timeline(i)[0]; !strings.HasPrefix(first, `static_link {"link":"meet.example.com"`) {
				t.Errorf("the timeline's newest entry is %s", first)
			}
			if n := w.creates(); test.wantAsked >= 0 && n != test.wantAsked {
				t.Errorf("Zoom was asked %d times, want %d", n, test.wantAsked)
			}
			// Later, the meetings that nobody needs are gone and the link has stayed.
			w.faults(zoomsim.Faults{})
			for range 8 {
				w.work(30 * time.Second)
			}
			if after := w.bridge(i); after.JoinURL != warRoom.URL || len(w.ledger()) != 0 {
				t.Errorf("after four minutes the link is %s, and Zoom has %d meetings", after.JoinURL, len(w.ledger()))
			}
		})
	}
}

func TestStaticLinkIsTheLastRung(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.links(warRoom)
	if _, b := w.open(); b.Kind != incident.KindMeeting || b.Rung != incident.RungOpener {
		t.Errorf("with Zoom working, the bridge is %s by %s", b.Kind, b.Rung)
	}
	w.sim.SetUser(opener, func(u *zoomsim.User) { u.Unknown = true })
	if _, b := w.open(); b.Kind != incident.KindMeeting || b.Rung != incident.RungBackup {
		t.Errorf("with the opener unknown, the bridge is %s by %s", b.Kind, b.Rung)
	}
}

// An account that was never connected can have static links.
func TestStaticLinkWithoutAZoomApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, how := range []struct {
		name string
		save func() error
	}{
		{"page", func() error {
			_, err := w.service.SaveStaticLinks(t.Context(), admin, []incident.StaticLink{warRoom}, 0)
			return err
		}},
		{"file", func() error {
			_, err := w.service.SaveAccount(t.Context(), admin, incident.AccountForm{StaticLinks: &[]incident.StaticLink{warRoom}})
			return err
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			w = newEmptyWorld(t)
			w.ok(how.save())
			if a := w.account(); a.Auth != "" || a.Connected() || len(a.StaticLinks) != 1 {
				t.Fatalf("account %+v", a)
			}
			w.runbook = w.save(meeting())
			if _, b := w.open(); b.State != incident.BridgeReady || b.JoinURL != warRoom.URL {
				t.Errorf("bridge is %s with %s (%s)", b.State, b.JoinURL, why(b))
			}
		})
	}
}

// Each open incident gets a link of its own while there is one.
func TestStaticLinksAreShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{TokenRefused: true})
	w.links(warRoom, zoomRoom)
	first, a := w.open()
	_, b := w.open()
	third, c := w.open()
	if got := []string{a.JoinURL, b.JoinURL, c.JoinURL}; !slices.Equal(got, []string{warRoom.URL, zoomRoom.URL, warRoom.URL}) {
		t.Errorf("the incidents got %q", got)
	}
	uses, err := w.store.StaticUses(t.Context())
	w.ok(err)
	if len(uses) != 3 || uses[2] != (incident.StaticUse{URL: warRoom.URL, BridgeID: c.ID, IncidentNumber: third.Number}) {
		t.Errorf("uses %+v", uses)
	}
	w.ok(w.service.ResolveIncident(t.Context(), admin, first.Number))
	w.ok(w.service.ResolveIncident(t.Context(), admin, third.Number))
	if _, d := w.open(); d.JoinURL != warRoom.URL {
		t.Errorf("a link that became free isn't used: %s", d.JoinURL)
	}
}

// A bridge that failed or is unknown gets the link as soon as there is one.
func TestStaticLinkThatComesLater(t *testing.T) {
	t.Parallel()
	for _, fault := range []zoomsim.Faults{{TokenRefused: true}, {ResetAfterCommit: true, Only: createOnly}} {
		w := newWorld(t)
		w.faults(fault)
		i, b := w.open()
		if b.JoinURL != "" {
			t.Fatalf("the bridge is %s with a link", b.State)
		}
		w.faults(zoomsim.Faults{Reset: true})
		w.links(warRoom)
		w.work(3 * time.Second)
		if b = w.bridge(i); b.State != incident.BridgeReady || b.JoinURL != warRoom.URL {
			t.Errorf("after the links were saved, the bridge is %s (%s)", b.State, why(b))
		}
	}
}

// A link that can't work is refused with what to correct.
func TestStaticLinkThatCannotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const characters, complete, host, port = "The link contains a space", "Paste a complete link", "Correct the host name", "The port after the colon"
	for link, want := range map[string]string{
		warRoom.URL: "", "HTTPS://meet.example.com:8443/war#x": "", "https://meet/": "", "https://3cx/": "", "https://10.0.0.5/": "", "https://[2001:db8::1]:443/": "",
		"https://xn--mte-0na.example/": "", "https://møte.example/": "", "https://会议.example/": "", "https://meet.example.com/a//b": "",
		"https://https://meet.example.com/war": "The link starts with https:// twice", "https://HTTP//meet.example.com": "The link starts with https:// twice",
		"https://meet.example.com:99999/war": port, "https://meet.example.com:0/": port, "https://meet.example.com:https/": complete,
		"https://.": host, "https://...": host, "https://-": host, "https://a..b/": host, "https://meet,example,com/": host, "https://meet.example.com;evil/": host,
		"https://$(id)/": host, "https://10.0.0.256/": host, "https://meet.example.com//war": "Remove one of the two slashes",
		"https://meet.example.com／war": characters, "https://meet.example.com\u200b/": characters, "https:meet.example.com/war": complete,
	} {
		t.Run(link, func(t *testing.T) {
			_, err := w.service.SaveStaticLinks(t.Context(), admin, []incident.StaticLink{{URL: link}}, w.account().Version)
			if want == "" {
				w.ok(err)
			} else if got := fieldsOf(t, err)["static_links.0.url"]; !strings.HasPrefix(got, want) {
				t.Errorf("refused with %q, want %q", got, want)
			}
		})
	}
}

func TestSaveStaticLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		name  string
		links []incident.StaticLink
		want  []string
	}{
		{"no link", []incident.StaticLink{{Name: "War room"}}, []string{"static_links.0.url"}},
		{"the same link twice", []incident.StaticLink{warRoom, {URL: warRoom.URL}}, []string{"static_links.1.url"}},
		{"user in the link", []incident.StaticLink{{URL: "https://user:pw@meet.example.com/"}}, []string{"static_links.0.url"}},
		{"not https", []incident.StaticLink{{URL: "http://meet.example.com/"}}, []string{"static_links.0.url"}},
		{"line breaks", []incident.StaticLink{{URL: warRoom.URL, Name: "War\nroom", Phone: "+47\n21", PIN: "12\n34"}}, []string{"static_links.0.name", "static_links.0.phone", "static_links.0.pin"}},
		{"phone without a digit", []incident.StaticLink{{URL: warRoom.URL, Phone: "ask Ana"}}, []string{"static_links.0.phone"}},
		{"too long", []incident.StaticLink{{URL: "https://meet.example.com/" + strings.Repeat("a", 2000), Name: strings.Repeat("a", 81), Phone: strings.Repeat("1", 41), PIN: strings.Repeat("1", 51)}},
			[]string{"static_links.0.name", "static_links.0.phone", "static_links.0.pin", "static_links.0.url"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := w.service.SaveStaticLinks(t.Context(), admin, test.links, w.account().Version)
			wantFields(t, err, test.want...)
			if text := fieldsOf(t, err)["static_links.0.url"]; test.name == "too long" && text != "The link is too long. Use at most 2,000 characters." {
				t.Errorf("the link is refused with %q", text)
			}
		})
	}
	many := make([]incident.StaticLink, 11)
	for i := range many {
		many[i].URL = fmt.Sprint("https://meet.example.com/", i)
	}
	_, err := w.service.SaveStaticLinks(t.Context(), admin, many, w.account().Version)
	wantFields(t, err, "static_links")
	_, err = w.service.SaveStaticLinks(t.Context(), anaIs, nil, w.account().Version)
	wantCode(t, err, incident.Forbidden)
	_, err = w.service.SaveStaticLinks(t.Context(), admin, []incident.StaticLink{warRoom}, w.account().Version+1)
	wantCode(t, err, incident.Conflict)

	before := w.account()
	w.links(incident.StaticLink{}, incident.StaticLink{Name: " War room ", URL: warRoom.URL + "\n", PIN: "1234"})
	after := w.account()
	if diff := cmp.Diff([]incident.StaticLink{{Name: "War room", URL: warRoom.URL, PIN: "1234"}}, after.StaticLinks); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if after.ClientID != before.ClientID || !after.Connected() {
		t.Errorf("the Zoom app changed: %+v", after)
	}
	if text := fmt.Sprint(w.trail()); strings.Contains(text, "1234") || !strings.Contains(text, "static_links.0.pin") {
		t.Errorf("the audit trail shows the PIN, or not that it changed: %s", text)
	}
}
