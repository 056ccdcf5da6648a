package zoomsim

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The data that the page shows.

type pageView struct {
	Theme       string // light or dark; "" follows the device
	Stylesheets []string
	Icon        string
	Meetings    []meetingView // newest first
	Faults      []faultView
	FaultsOn    []string // labels
	Hosts       []hostView
	App         []credential
	WebhookURL  string
	Validation  string
	Deliveries  []deliveryView // newest first
	Clock       string         // what time it is; "": the page can't move it
}

type meetingView struct {
	ID, Spaced, Topic, Host, Status, Mark, Notes, Inside, Heading string
	Open, Running, CanRecord                                      bool
	People                                                        []personView
}

type personView struct {
	Name, Key, Waiting string
	CanAdmit           bool
}

type faultView struct {
	Name, Label, Text string
	On                bool
}

// credential is a value of the simulated app that a person enters in Drawbridge.
type credential struct{ Label, Value string }

type hostView struct{ ID, Name, Email, State string }

type deliveryView struct{ At, Event, Attempt, Answer, Mark, Next string }

// suggestions are names that break pages which do not escape or wrap text.
var suggestions = []string{
	"Ana Lima",
	"Jürgen Müller-Lüdenscheidt",
	"山田 花子 🚒",
	"Wolfeschlegelsteinhausenbergerdorff Adolph Blaine Charles David Earl Frederick Gerald Hubert Irvin John Kenneth Lloyd Martin Nero",
	"<script>alert(1)</script>",
}

func (s *Sim) view(r *http.Request) pageView {
	p := pageView{Stylesheets: s.opts.Stylesheets, Icon: s.opts.Icon, WebhookURL: s.opts.WebhookURL}
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		p.Theme = c.Value
	}
	if s.opts.MoveTime != nil {
		p.Clock = s.opts.Now().UTC().Format("2 Jan 2006, 15:04:05 MST")
	}
	for _, m := range slices.Backward(s.Meetings()) {
		p.Meetings = append(p.Meetings, viewMeeting(m))
	}
	f := s.Faults()
	for _, x := range pageFaults {
		on := x.get(f)
		p.Faults = append(p.Faults, faultView{x.name, x.label, x.text, on})
		if on {
			p.FaultsOn = append(p.FaultsOn, x.label)
		}
	}
	for i, u := range s.Users() {
		p.Hosts = append(p.Hosts, hostView{strconv.Itoa(i), u.DisplayName, u.Email, u.state()})
		s.mu.Lock()
		changed := u.state() != s.added[i].state()
		s.mu.Unlock()
		if n := slices.IndexFunc(hostStates, func(h hostState) bool { return h.Name == u.state() }); changed {
			p.FaultsOn = append(p.FaultsOn, u.Email+": "+hostStates[n].Label)
		}
	}
	o := s.opts
	p.App = []credential{{"Account ID", o.AccountID}, {"Client ID", o.ClientID}, {"Client secret", o.ClientSecret}, {"App ID", o.AppID}, {"Secret token", o.SecretToken}}
	s.mu.Lock()
	v := s.crc
	s.mu.Unlock()
	switch {
	case v.At.IsZero():
		p.Validation = "Zoom hasn’t validated this URL yet."
	case v.OK:
		p.Validation = "Validated at " + v.At.UTC().Format("15:04:05") + " UTC."
	default:
		p.Validation = fmt.Sprintf("Validation failed (%d in a row): %s.", v.Failures, v.Problem)
		if v.Disabled {
			p.Validation += " The subscription is disabled. Zoom sends no events until a validation succeeds."
		}
	}
	all := s.Deliveries()
	for _, d := range slices.Backward(all[max(0, len(all)-50):]) {
		p.Deliveries = append(p.Deliveries, viewDelivery(d))
	}
	return p
}

func viewMeeting(m Meeting) meetingView {
	number := m.ID
	if m.PMI != 0 {
		number = m.PMI
	}
	v := meetingView{ID: strconv.FormatInt(m.ID, 10), Spaced: spaced(number), Topic: m.Topic, Host: m.HostEmail, Status: "Waiting", Mark: "db-st-open",
		Open: m.Status != "deleted" && (m.Status != "ended" || m.Type != 1), Running: m.Status == "started",
		CanRecord: m.Status == "ended" && !m.Recorded}
	switch m.Status {
	case "started":
		v.Status, v.Mark = "Running", "db-st-live"
	case "ended":
		v.Status, v.Mark = "Ended", "db-st-ended"
	case "deleted":
		v.Status, v.Mark = "Deleted", "db-st-failed"
	}
	var notes []string
	if m.PMI != 0 {
		notes = append(notes, "personal meeting ID")
	}
	if m.WaitingRoom {
		notes = append(notes, "waiting room")
	}
	if !m.JoinBeforeHost {
		notes = append(notes, "nobody can join before the host")
	}
	if m.Recording != "none" {
		notes = append(notes, m.Recording+" recording")
	}
	if m.Recorded {
		notes = append(notes, "recording complete")
	}
	v.Notes = strings.Join(notes, ", ")
	inside := 0
	for _, who := range m.People {
		p := personView{Name: who.Name, Key: who.Key, CanAdmit: who.Waiting == "room"}
		switch who.Waiting {
		case "host":
			p.Waiting = "waiting for the host"
		case "room":
			p.Waiting = "in the waiting room"
		default:
			inside++
		}
		v.People = append(v.People, p)
	}
	v.Inside = fmt.Sprintf("%d inside, %d waiting", inside, len(v.People)-inside)
	switch {
	case m.Status == "deleted":
		v.Heading = "This meeting was deleted"
	case !v.Open:
		v.Heading = "This meeting has ended"
	case m.Status != "started" && !m.JoinBeforeHost:
		v.Heading = "You would now wait for the host to start the meeting"
	case m.WaitingRoom:
		v.Heading = "You would now be in the waiting room of the meeting"
	default:
		v.Heading = "You would now be in the meeting"
	}
	return v
}

func viewDelivery(d Delivery) deliveryView {
	v := deliveryView{At: d.At.UTC().Format("15:04:05"), Event: d.Event, Attempt: strconv.Itoa(d.Attempt), Answer: strconv.Itoa(d.Status), Mark: "db-st-ready"}
	if d.Err != "" {
		v.Answer = d.Err
	}
	if d.Err != "" || d.Status >= 300 {
		v.Mark = "db-st-failed"
	}
	if !d.RetryAt.IsZero() {
		v.Next = "retry at " + d.RetryAt.UTC().Format("15:04:05")
	}
	return v
}
