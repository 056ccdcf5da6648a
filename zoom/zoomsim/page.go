package zoomsim

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
)

// Page returns the pages on which a person can act as Zoom: let people join, end meetings, make Zoom fail. It
// must be mounted at /simulator/. The pages have no login and no scripts. Only same-origin POST requests change
// anything.
func (s *Sim) Page() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /simulator/{$}", func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, http.StatusOK, indexPage(s.view(r)))
	})
	mux.HandleFunc("GET /simulator/j/{id}", func(w http.ResponseWriter, r *http.Request) { s.clientPage(w, r, false) })
	mux.HandleFunc("GET /simulator/s/{id}", func(w http.ResponseWriter, r *http.Request) { s.clientPage(w, r, true) })
	mux.HandleFunc("GET /simulator/rec/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.render(w, r, http.StatusOK, messagePage(s.view(r), "Recording", "Zoom would play the recording here."))
	})
	mux.HandleFunc("POST /simulator/meetings/{id}/{action}", s.meetingAction)
	mux.HandleFunc("POST /simulator/faults", s.setFaultsAction)
	mux.HandleFunc("POST /simulator/hosts", s.hostAction)
	mux.HandleFunc("POST /simulator/validate", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.Validate(r.Context())
		s.done(w, r, "/simulator/", err)
	})
	mux.HandleFunc("POST /simulator/retry", func(w http.ResponseWriter, r *http.Request) {
		s.RetryDue(r.Context())
		s.done(w, r, "/simulator/", nil)
	})
	if s.opts.MoveTime != nil {
		mux.HandleFunc("POST /simulator/time", func(w http.ResponseWriter, r *http.Request) {
			minutes, err := strconv.Atoi(r.PostFormValue("minutes"))
			if err != nil || !slices.Contains(timeSteps, minutes) {
				http.Error(w, "Choose how far to move the clock.", http.StatusBadRequest)
				return
			}
			s.opts.MoveTime(time.Duration(minutes) * time.Minute)
			s.RetryDue(r.Context())
			s.done(w, r, "/simulator/", nil)
		})
	}
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		guarded.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (s *Sim) meetingAction(w http.ResponseWriter, r *http.Request) {
	ctx, id, back := r.Context(), r.PathValue("id"), "/simulator/"
	var err error
	switch r.PathValue("action") {
	case "join":
		p := Person{Name: strings.TrimSpace(r.PostFormValue("name"))}
		if suggested := r.PostFormValue("suggestion"); suggested != "" {
			p.Name = suggested
		}
		if r.PostFormValue("as") == "host" {
			s.mu.Lock()
			if m, _ := s.meeting(id); m != nil {
				p = Person{Name: m.host.DisplayName, Email: m.host.Email}
			}
			s.mu.Unlock()
		}
		if p.Name == "" {
			p.Name = "Guest"
		}
		if r.PostFormValue("back") == "client" {
			if n, parse := strconv.ParseInt(id, 10, 64); parse == nil {
				back = "/simulator/j/" + number(n)
			}
		}
		_, err = s.Join(ctx, id, p)
	case "admit":
		err = s.Admit(ctx, id, r.PostFormValue("key"))
	case "leave":
		err = s.Leave(ctx, id, r.PostFormValue("key"))
	case "end":
		err = s.End(ctx, id)
	case "record":
		err = s.CompleteRecording(ctx, id)
	default:
		http.NotFound(w, r)
		return
	}
	s.done(w, r, back, err)
}

type pageFault struct {
	name, label, text string
	get               func(Faults) bool
	set               func(*Faults, bool)
}

var pageFaults = []pageFault{
	{"slow", "Slow", "Every call takes 4 seconds longer.",
		func(f Faults) bool { return f.Latency > 0 },
		func(f *Faults, on bool) { f.Latency = map[bool]time.Duration{true: 4 * time.Second}[on] }},
	{"down", "Down", "Every call is answered 502 with an HTML page.",
		func(f Faults) bool { return f.Down }, func(f *Faults, on bool) { f.Down = on }},
	{"limited", "Rate-limited", "Every call is answered 429, too many calls.",
		func(f Faults) bool { return f.RateLimited == "second" },
		func(f *Faults, on bool) { f.RateLimited = map[bool]string{true: "second"}[on] }},
	{"token", "Token rejected", "Zoom rejects the app, as if it had been deactivated.",
		func(f Faults) bool { return f.TokenRefused }, func(f *Faults, on bool) { f.TokenRefused = on }},
	{"jwt", "JWT apps switched off", "Zoom rejects JWT apps, as it does since 2023-09-08.",
		func(f Faults) bool { return f.JWTEnded }, func(f *Faults, on bool) { f.JWTEnded = on }},
	{"pmi", "Personal meeting ID on", "All new meetings of a host are in the same room.",
		func(f Faults) bool { return f.PMI }, func(f *Faults, on bool) { f.PMI = on }},
	{"overwrite", "Settings overwritten", "New meetings have a waiting room, and nobody joins before the host.",
		func(f Faults) bool { return f.OverwriteSettings }, func(f *Faults, on bool) { f.OverwriteSettings = on }},
	{"commit", "Answer lost", "Zoom carries out every call, but its answer gets lost.",
		func(f Faults) bool { return f.ResetAfterCommit }, func(f *Faults, on bool) { f.ResetAfterCommit = on }},
	{"deaf", "Deliveries fail", "Events don’t arrive. Zoom’s log of deliveries lists them.",
		func(f Faults) bool { return f.Unreachable }, func(f *Faults, on bool) { f.Unreachable = on }},
	{"lost", "Events lost", "Zoom sends no events at all, and doesn’t repeat them.",
		func(f Faults) bool { return f.LoseEvents == "*" },
		func(f *Faults, on bool) { f.LoseEvents = map[bool]string{true: "*"}[on] }},
	{"twice", "Duplicate events", "Zoom delivers each event twice.",
		func(f Faults) bool { return f.DuplicateEvents }, func(f *Faults, on bool) { f.DuplicateEvents = on }},
}

func (s *Sim) setFaultsAction(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.done(w, r, "/simulator/", err)
		return
	}
	if r.PostForm.Has("reset") {
		s.resetAll()
		s.done(w, r, "/simulator/", nil)
		return
	}
	s.SetFaults(func(f *Faults) {
		for _, p := range pageFaults {
			p.set(f, slices.Contains(r.PostForm["on"], p.name))
		}
	})
	s.done(w, r, "/simulator/", nil)
}

// resetAll ends all faults, and gives all users the state in which they were added.
func (s *Sim) resetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = Faults{}
	for i, u := range s.users {
		was := s.added[i]
		u.Unknown, u.DailyLimitReached, u.UsePMIForScheduled, u.Status = was.Unknown, was.DailyLimitReached, was.UsePMIForScheduled, was.Status
	}
}

// timeSteps are the steps, in minutes, in which the page moves the clock.
var timeSteps = []int{1, 5, 30, 24 * 60}

func timeStep(minutes int) string {
	return strings.TrimSuffix(strings.TrimSuffix((time.Duration(minutes)*time.Minute).String(), "0s"), "0m")
}

type hostState struct{ Name, Label string }

// hostStates are the states that the page offers for a host. It shows the first one that applies.
var hostStates = []hostState{
	{"ok", "Can host"},
	{"unknown", "Unknown to Zoom"},
	{"inactive", "Deactivated"},
	{"limit", "Daily limit reached"},
	{"pmi", "Uses personal meeting ID"},
}

func (u User) state() string {
	switch {
	case u.Unknown:
		return "unknown"
	case u.Status == "inactive":
		return "inactive"
	case u.DailyLimitReached:
		return "limit"
	case u.UsePMIForScheduled:
		return "pmi"
	}
	return "ok"
}

func (u *User) setState(state string) {
	u.Unknown, u.DailyLimitReached, u.UsePMIForScheduled = state == "unknown", state == "limit", state == "pmi"
	if u.Status = "active"; state == "inactive" {
		u.Status = "inactive"
	}
}

func (s *Sim) hostAction(w http.ResponseWriter, r *http.Request) {
	s.SetUser(r.PostFormValue("email"), func(u *User) { u.setState(r.PostFormValue("state")) })
	s.done(w, r, "/simulator/", nil)
}

// done redirects to back, or shows the error.
func (s *Sim) done(w http.ResponseWriter, r *http.Request, back string, err error) {
	if err != nil {
		s.render(w, r, http.StatusConflict, messagePage(s.view(r), "This didn’t work", sentence(err.Error())))
		return
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

func (s *Sim) clientPage(w http.ResponseWriter, r *http.Request, host bool) {
	s.mu.Lock()
	m, _ := s.meeting(r.PathValue("id"))
	var shown Meeting
	if m != nil {
		shown = m.ledger()
	}
	s.mu.Unlock()
	if m == nil {
		s.render(w, r, http.StatusNotFound, messagePage(s.view(r), "This meeting link is invalid", "Zoom has no meeting with this ID. It may have been deleted."))
		return
	}
	s.render(w, r, http.StatusOK, clientPage(s.view(r), viewMeeting(shown), host))
}

func (s *Sim) render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		http.Error(w, "page", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	}
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}
