package incident

import (
	"slices"
	"time"
)

// Outlook is what incidents get that are opened now, as far as it is known before: who
// opens them, and who then hosts, is not.
type Outlook struct {
	Pool     []Host // the backup users
	Ready    int    // standby meetings
	CanStart int    // of those, how many can run at the same time, beside the calls that run
	Blocked  int    // of those, how many have a host that runs as many calls as it may
	Static   bool   // there is a static link
}

// Outlook judges what is stored about the backup users and the standby meetings.
func (a Account) Outlook(loads map[string]HostLoad, standbys []Standby, now time.Time) Outlook {
	o := Outlook{Static: len(a.StaticLinks) > 0}
	for _, email := range a.BackupUsers {
		h, ready := a.Host(email, loads[email], now), 0
		for _, m := range standbys {
			if m.State == StandbyReady && m.HostEmail == email {
				ready++
			}
		}
		o.Pool, o.Ready = append(o.Pool, h), o.Ready+ready
		if h.RunsAll() {
			o.Blocked += ready
		} else {
			o.CanStart += min(ready, h.AtOnce-h.Runs)
		}
	}
	return o
}

// Hosts returns the backup users who can host another call now.
func (o Outlook) Hosts() []Host {
	return slices.DeleteFunc(slices.Clone(o.Pool), func(h Host) bool { return h.RunsAll() || h.Why.Code != "" })
}
