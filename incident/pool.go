package incident

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// HostDayLimit is how many meetings Zoom lets one user create or change on one UTC day
// (Zoom, "Rate limits").
const HostDayLimit = 100

const (
	// hostRest is how long Drawbridge does not ask a backup user again whom Zoom
	// refused, unless somebody saved or checked the account meanwhile.
	hostRest = time.Hour
	// expectPeople is how long a meeting that nobody has joined takes up room of its
	// host.
	expectPeople = NobodyCameAfter
)

// ErrNoRoom says that another bridge took the last room of a host. ChangeBridge
// returns it.
var ErrNoRoom = refuse(Conflict, "The host has no room for another meeting.")

// Room is how many meetings a host may have; 0: no limit.
type Room struct {
	AtOnce int
	Ready  time.Time // a ready meeting counts if it changed since then
}

func (c *climber) room(r rung) Room { return Room{r.atOnce, LoadsAt(c.s.now(), nil).Ready} }

// HostLoad is what the storage knows about one Zoom user who may host.
type HostLoad struct {
	AtOnce  int     // meetings that may run at the same time, as the last pre-flight check says; 0: it doesn't
	Open    int     // meetings of ours that take up room: being created, ready since recently, or live
	Runs    int     // of those, calls that run now
	Creates int     // meetings created or changed today, on Zoom's day
	Last    Attempt // the last call that Zoom answered; zero: none today
}

// HostLoads is what the storage counts of the hosts' meetings.
type HostLoads struct {
	Hosts []string  // whose meetings are counted
	Day   time.Time // the creates since then, in UTC
	Since time.Time // the last calls since then
	Ready time.Time // a ready meeting counts as open if it changed since then
}

// hostLoads returns the loads of hosts, by email address.
func (s *Service) hostLoads(ctx context.Context, hosts []string) (map[string]HostLoad, error) {
	return s.store.HostLoads(ctx, LoadsAt(s.now(), hosts))
}

// LoadsAt returns which loads of hosts count at now.
func LoadsAt(now time.Time, hosts []string) HostLoads {
	day := dayOf(now)
	return HostLoads{Hosts: hosts, Day: day, Since: day.Add(-hostRest), Ready: now.Add(-expectPeople)}
}

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// Host is one Zoom user of the host pool, as it is now.
type Host struct {
	Email   string
	AtOnce  int // meetings that may run at the same time; 1 if Zoom didn't say
	Open    int // meetings of ours that take up room: of open incidents, and calls that run
	Runs    int // of those, calls that run now
	Creates int // meetings created or changed today, of HostDayLimit
	// Why says that the host is not asked now, until RestsUntil; zero: it is.
	Why        Reason
	RestsUntil time.Time
}

// Room is how many more meetings the host may run at the same time.
func (h Host) Room() int { return h.AtOnce - h.Open }

// RunsAll reports whether the host runs as many calls as it may, so that no other can start.
func (h Host) RunsAll() bool { return h.Runs >= h.AtOnce }

// Host returns what is known about a Zoom user as a host.
func (a Account) Host(email string, load HostLoad, now time.Time) Host {
	h := Host{Email: email, AtOnce: cmp.Or(load.AtOnce, max(1, a.Check.AtOnce[email])), Open: load.Open, Runs: load.Runs, Creates: load.Creates}
	tomorrow := dayOf(now).Add(24 * time.Hour)
	if h.Creates >= HostDayLimit {
		h.Why, h.RestsUntil = Reason{Code: ReasonHostSpent, Host: email, Count: HostDayLimit}, tomorrow
		return h
	}
	last := load.Last
	if last.State != AttemptRefused || last.Reason.Zoom == nil {
		return h
	}
	until := last.StartedAt.Add(hostRest)
	switch last.Reason.Zoom.Code {
	case zoom.ProblemHostDayLimit:
		if until = tomorrow; last.StartedAt.Before(dayOf(now)) {
			return h
		}
	default:
		if !slices.Contains(cannotHostProblems, last.Reason.Zoom.Code) {
			return h
		}
		// Somebody may have mended it in Zoom.
		if a.UpdatedAt.After(last.StartedAt) || a.Check.At.After(last.StartedAt) && !a.Check.against(email) {
			return h
		}
	}
	if now.Before(until) {
		problem := *last.Reason.Zoom
		h.Why, h.RestsUntil = Reason{Code: ReasonHostRests, Host: email, Zoom: &problem}, until
	}
	return h
}

// cannotHostProblems say that somebody can't host, until somebody mends it in Zoom.
var cannotHostProblems = []zoom.ProblemCode{zoom.ProblemNoSuchUser, zoom.ProblemOtherAccount, zoom.ProblemInvitationPending, zoom.ProblemMayNotHost, zoom.ProblemHostRefused}

// against reports whether the check found that the user can't host.
func (r CheckReport) against(email string) bool {
	return slices.ContainsFunc(r.Lines, func(l Finding) bool { return l.Email == email && l.Level == LevelBad })
}

// The places of hosts: one that takes another meeting, one whose next meeting may block
// another that nobody has joined yet, one whose next meeting can't start or would end the
// call that runs, and one that Zoom refused.
const (
	placeFree = iota
	placeFull
	placeRuns
	placeRests
)

// order sorts the rungs by what is known about their hosts, and stores why hosts were
// passed over. People come before backup users; of those, the one with the most room
// comes first, then the one that Zoom was asked for least today. A host without room
// comes after all that have room, and one that rests comes last.
func (c *climber) order(list []rung, loads map[string]HostLoad) []rung {
	type candidate struct {
		rung
		Host
		place int
	}
	var all []candidate
	for _, r := range list {
		h := candidate{rung: r, Host: c.account.Host(r.host, loads[r.host], c.s.now())}
		switch {
		case r.name == RungBackup && h.Why.Code == "" && c.reserved(h.Host):
			h.place, h.rung.rests = placeRests, true
			h.Why = Reason{Code: ReasonReserved, Host: r.host, Count: peopleReserve}
		case r.name == RungBackup && h.Why.Code != "":
			h.place, h.rung.rests = placeRests, true
		case h.Room() < 1:
			h.place = placeFull
			h.Why = Reason{Code: ReasonHostBusy, Host: r.host, Count: h.Open}
			if h.RunsAll() {
				h.place, h.rung.runs = placeRuns, true
				h.Why = Reason{Code: ReasonHostRuns, Host: r.host, Count: h.Runs}
			}
		default:
			h.Why = Reason{}
			h.rung.atOnce = h.AtOnce
		}
		if h.Why.Code != "" {
			c.passed = append(c.passed, h.Why)
		}
		all = append(all, h)
	}
	room := func(h candidate) int { // if nothing stood against it
		if h.Why.Code != "" {
			return h.AtOnce
		}
		return h.Room()
	}
	wished := slices.SortedStableFunc(slices.Values(all), func(a, b candidate) int {
		if a.name != RungBackup || b.name != RungBackup {
			return cmp.Compare(rankOf(a.name), rankOf(b.name))
		}
		return cmp.Compare(room(b), room(a))
	})
	for _, h := range wished {
		c.wished = append(c.wished, h.host)
	}
	slices.SortStableFunc(all, func(a, b candidate) int {
		if a.place != b.place || a.place == placeFree && (a.name != RungBackup || b.name != RungBackup) {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(rankOf(a.name), rankOf(b.name)))
		}
		return cmp.Or(cmp.Compare(b.Room(), a.Room()), cmp.Compare(a.Creates, b.Creates))
	})
	for n, h := range all {
		list[n] = h.rung
	}
	return list
}

func rankOf(name Rung) int {
	return slices.Index([]Rung{RungRunner, RungOpener, RungBackup}, name)
}

// passedOver returns why hosts that would have come before this one were passed over, and
// drops what the reasons in said already say. If this one is as busy as they are, that they
// are is no reason. host is "" if no host gave a meeting.
func (c *climber) passedOver(host string, said []Reason) (why []Reason) {
	runs := slices.ContainsFunc(c.passed, func(r Reason) bool { return r.Host == host && r.Code == ReasonHostRuns })
	busy := runs || slices.ContainsFunc(c.passed, func(r Reason) bool { return r.Host == host && r.Code == ReasonHostBusy })
	at := slices.Index(c.wished, host)
	for _, r := range c.passed {
		later := at >= 0 && slices.Index(c.wished, r.Host) > at
		asBusy := busy && r.Code == ReasonHostBusy || runs && r.Code == ReasonHostRuns
		if r.Host != host && !later && !asBusy && !slices.ContainsFunc(said, func(s Reason) bool { return s.Host == r.Host }) {
			why = append(why, r)
		}
	}
	return why
}

// Forecast estimates how many meetings the host will have made or changed by the end of
// the day, if it goes on like this.
func (h Host) Forecast(now time.Time) int {
	spent := max(time.Hour, now.Sub(dayOf(now)))
	return max(h.Creates, int(float64(h.Creates)*float64(24*time.Hour)/float64(spent)))
}
