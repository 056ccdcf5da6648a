package incident

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const (
	// OpenersSince is how long someone who opened an incident counts as somebody who may
	// host the next one.
	OpenersSince = 90 * 24 * time.Hour
	// preflightEvery is how often everybody is checked without being asked for it.
	preflightEvery = 24 * time.Hour
	// preflightBatch people are checked in a row, with three calls each. The pause between
	// two batches leaves Zoom's limit of calls in a second to bridges.
	preflightBatch = 5
	preflightPause = time.Second
	// preflightLater is the pause after Zoom could not answer.
	preflightLater = 10 * time.Minute

	maxOnCall = 200
)

// HostRole says why somebody may become the host of a bridge.
type HostRole string

const (
	MayHostInPool HostRole = "pool"
	MayHostOnCall HostRole = "on_call"
	MayHostOpener HostRole = "opener"
)

// HostCheck is what Zoom said about one person as a host of bridges.
type HostCheck struct {
	Email     string
	ZoomID    string    // "": Zoom did not say
	At        time.Time // zero: not checked yet
	ChangedAt time.Time // when Zoom last told that the user has changed; zero: never
	Lines     []Finding
}

// Outdated reports whether Zoom has to be asked again.
func (h HostCheck) Outdated() bool { return h.At.IsZero() || h.ChangedAt.After(h.At) }

// AtOnce is how many meetings the person may run at the same time; 0: not known.
func (h HostCheck) AtOnce() int {
	if i := slices.IndexFunc(h.Lines, func(l Finding) bool { return l.Code == FoundAtOnce }); i >= 0 {
		return h.Lines[i].Count
	}
	return 0
}

// Level is the worst level of the lines, or unknown if they are outdated.
func (h HostCheck) Level() Level {
	if h.Outdated() {
		return LevelUnknown
	}
	return WorstLevel(h.Lines)
}

// PossibleHost is somebody who may become the host of a bridge, with the last check.
type PossibleHost struct {
	HostCheck
	Roles []HostRole
}

// PossibleHosts returns who may become a host: the host pool, people on call, and the
// openers of late. Those of the pool come first.
func PossibleHosts(a Account, openers []string, checks []HostCheck) (hosts []PossibleHost) {
	for _, group := range []struct {
		role   HostRole
		emails []string
	}{{MayHostInPool, a.BackupUsers}, {MayHostOnCall, a.OnCallUsers}, {MayHostOpener, slices.Sorted(slices.Values(openers))}} {
		for _, email := range group.emails {
			i := slices.IndexFunc(hosts, func(h PossibleHost) bool { return h.Email == email })
			if i < 0 {
				i = len(hosts)
				hosts = append(hosts, PossibleHost{HostCheck: HostCheck{Email: email}})
				if c := slices.IndexFunc(checks, func(c HostCheck) bool { return c.Email == email }); c >= 0 {
					hosts[i].HostCheck = checks[c]
				}
			}
			hosts[i].Roles = append(hosts[i].Roles, group.role)
		}
	}
	return hosts
}

// openerSeen has the pre-flight check look for somebody new, soon and not while people wait
// for a link.
func (s *Service) openerSeen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newOpeners = true
}

// openersOnce queues a check of people who opened their first incident. If the program stops
// before, the hourly look finds them.
func (s *Service) openersOnce(ctx context.Context) (int, error) {
	s.mu.Lock()
	due := s.newOpeners
	s.newOpeners = false
	s.mu.Unlock()
	if !due {
		return 0, nil
	}
	return 0, s.schedulePreflight(ctx)
}

func (s *Service) possibleHosts(ctx context.Context) (Account, []PossibleHost, error) {
	a, err := s.store.Account(ctx)
	if err != nil {
		return a, nil, err
	}
	openers, err := s.store.Openers(ctx, s.now().Add(-OpenersSince))
	if err != nil {
		return a, nil, err
	}
	checks, err := s.store.HostChecks(ctx)
	return a, PossibleHosts(a, openers, checks), err
}

// StartPreflight checks everybody who may host, soon.
func (s *Service) StartPreflight(ctx context.Context, actor Actor) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	a, err := s.store.Account(ctx)
	if err != nil {
		return err
	}
	if _, err := s.zoomClient(a); err != nil {
		return err
	}
	if a.Check.At.IsZero() {
		return refuse(Conflict, "Check the connection on the Zoom account page first.")
	}
	err = s.store.QueueJob(ctx, s.newJob(JobPreflight, PreflightAll, s.now()))
	nudge(s.wakeJobs)
	return err
}

// PreflightAll is the subject of a job that checks everybody. Without it, only those are
// checked about whom something changed, or who were not checked yet.
const PreflightAll = "all"

// schedulePreflight queues a check of everybody once a day, and otherwise of those who are
// new.
func (s *Service) schedulePreflight(ctx context.Context) error {
	a, hosts, err := s.possibleHosts(ctx)
	if err != nil || !a.Connected() || a.Check.At.IsZero() {
		return err
	}
	subject := ""
	for _, h := range hosts {
		if !h.At.IsZero() && s.now().Sub(h.At) >= preflightEvery {
			subject = PreflightAll
		}
	}
	if subject == "" && !slices.ContainsFunc(hosts, func(h PossibleHost) bool { return h.Outdated() }) {
		return nil
	}
	return s.store.QueueJob(ctx, s.newJob(JobPreflight, subject, s.now()))
}

// preflight checks some of the people that the job is about. It returns when to go on, or
// zero if nobody is left.
func (s *Service) preflight(ctx context.Context, job Job) (again time.Time, err error) {
	a, hosts, err := s.possibleHosts(ctx)
	if err != nil {
		return time.Time{}, err
	}
	client, err := s.zoomClient(a)
	if err != nil {
		return time.Time{}, nil // nobody can be checked
	}
	due := slices.DeleteFunc(slices.Clone(hosts), func(h PossibleHost) bool {
		return !h.Outdated() && (job.Subject != PreflightAll || !h.At.Before(job.CreatedAt))
	})
	for n, h := range due {
		if n == preflightBatch {
			return s.now().Add(preflightPause), nil
		}
		if passes, err := s.checkHost(ctx, client, a, h); err != nil {
			return time.Time{}, err
		} else if passes {
			return s.now().Add(preflightLater), nil
		}
	}
	return time.Time{}, s.store.KeepHostChecks(ctx, emailsOf(hosts))
}

func emailsOf(hosts []PossibleHost) (emails []string) {
	for _, h := range hosts {
		emails = append(emails, h.Email)
	}
	return emails
}

// checkHost asks Zoom about one person and stores the answer. passes means that Zoom could
// not answer, so that the last check stays.
func (s *Service) checkHost(ctx context.Context, client *zoom.Client, a Account, h PossibleHost) (passes bool, err error) {
	at := s.now()
	topic := TopicPerson
	if slices.Contains(h.Roles, MayHostInPool) {
		topic = TopicBackupUser
	}
	var c checker
	c.person(ctx, client, h.Email, topic)
	c.report.At = at
	if slices.ContainsFunc(c.report.Lines, Finding.passes) {
		return true, nil
	}
	write, cancel := attached(ctx, stateWrite)
	defer cancel()
	return false, s.saveHostCheck(write, c.report, h.HostCheck)
}

// saveHostCheck stores what a report says about a person. Settings that Zoom has refused to
// change stay locked until they change.
func (s *Service) saveHostCheck(ctx context.Context, r CheckReport, before HostCheck) error {
	h := HostCheck{Email: before.Email, ZoomID: r.Users[before.Email], At: r.At}
	for _, l := range r.Lines {
		if l.Email != h.Email {
			continue
		}
		was := slices.IndexFunc(before.Lines, func(b Finding) bool { return b.Code == l.Code })
		l.Locked = was >= 0 && before.Lines[was].Locked && l.Level == LevelWarning
		h.Lines = append(h.Lines, l)
	}
	if !slices.ContainsFunc(h.Lines, func(l Finding) bool { return l.Zoom != nil }) { // the settings were read
		atOnce := Finding{Code: FoundAtOnce, Topic: TopicSettings, Level: LevelOK, Email: h.Email, Count: r.AtOnce[h.Email]}
		if atOnce.Count == 0 {
			atOnce.Level = LevelNote // nothing to mend; it counts as one
		}
		h.Lines = append(h.Lines, atOnce)
	}
	return s.store.SaveHostCheck(ctx, h)
}

// shareCheck stores what the account's check found about people for the pre-flight check,
// so that Zoom is not asked twice.
func (s *Service) shareCheck(ctx context.Context, r CheckReport) error {
	checks, err := s.store.HostChecks(ctx)
	if err != nil {
		return err
	}
	var done []string
	for _, l := range r.Lines {
		if l.Email == "" || slices.Contains(done, l.Email) {
			continue
		}
		done = append(done, l.Email)
		if slices.ContainsFunc(r.Lines, func(other Finding) bool { return other.Email == l.Email && other.passes() }) {
			continue
		}
		before := HostCheck{Email: l.Email}
		if i := slices.IndexFunc(checks, func(c HostCheck) bool { return c.Email == l.Email }); i >= 0 {
			before = checks[i]
		}
		if err := s.saveHostCheck(ctx, r, before); err != nil {
			return err
		}
	}
	return nil
}

// passes reports whether Zoom could not answer for a reason that passes without anybody
// mending it.
func (f Finding) passes() bool { return f.Zoom != nil && slices.Contains(passing, f.Zoom.Code) }

// SaveOnCall replaces the addresses that the pre-flight check looks at besides hosts and
// openers, and leaves everything else of the account as it is.
func (s *Service) SaveOnCall(ctx context.Context, actor Actor, emails []string) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	list, problem := onCall(emails)
	if problem != "" {
		return invalid("Some fields are missing or invalid. Nothing was saved.", map[string]string{"on_call_emails": problem})
	}
	old, err := s.store.Account(ctx)
	if err != nil {
		return err
	}
	next := old
	next.OnCallUsers = list
	changes := changesOf(old, next)
	if len(changes) == 0 {
		return nil
	}
	if err := s.store.SaveOnCall(ctx, list, s.audit(actor, AuditAccountSave, "", changes...)); err != nil {
		return err
	}
	err = s.schedulePreflight(ctx)
	nudge(s.wakeJobs)
	return err
}

// onCall returns the addresses in their canonical form, none twice, and what is wrong
// with them.
func onCall(emails []string) (list []string, problem string) {
	for _, e := range emails {
		if e = CanonicalEmail(e); e == "" || slices.Contains(list, e) {
			continue
		}
		if !validEmail(e) {
			return nil, fmt.Sprintf("“%s” isn’t an email address. Enter one address a line.", cutRunes(e, 100))
		}
		list = append(list, e)
	}
	if len(list) > maxOnCall {
		return nil, fmt.Sprintf("Enter at most %d addresses. You entered %d.", maxOnCall, len(list))
	}
	return list, ""
}

// fixable has the findings that a call to Zoom can mend, with the setting and the value
// that suits bridges.
var fixable = map[FindingCode]struct {
	setting func(*zoom.SettingsChange) **bool
	good    bool
}{
	FoundPMIScheduled:   {func(c *zoom.SettingsChange) **bool { return &c.UsePMIForScheduled }, false},
	FoundPMIInstant:     {func(c *zoom.SettingsChange) **bool { return &c.UsePMIForInstant }, false},
	FoundWaitingRoom:    {func(c *zoom.SettingsChange) **bool { return &c.WaitingRoom }, false},
	FoundJoinBeforeHost: {func(c *zoom.SettingsChange) **bool { return &c.JoinBeforeHost }, true},
	FoundCloudRecording: {func(c *zoom.SettingsChange) **bool { return &c.CloudRecording }, true},
}

// Fixable returns the findings that Drawbridge can mend by changing the person's settings
// in Zoom, also those that Zoom kept before: somebody may have unlocked them.
func (h HostCheck) Fixable() (codes []FindingCode) {
	if h.Outdated() {
		return nil
	}
	basic := slices.ContainsFunc(h.Lines, func(l Finding) bool { return l.Code == FoundUserBasic })
	for _, l := range h.Lines {
		if _, ok := fixable[l.Code]; !ok || l.Level != LevelWarning || l.Code == FoundCloudRecording && basic {
			continue // cloud recording needs a license
		}
		codes = append(codes, l.Code)
	}
	return codes
}

// Locked reports whether Zoom kept the setting when Drawbridge last changed it.
func (h HostCheck) Locked(code FindingCode) bool {
	return slices.ContainsFunc(h.Lines, func(l Finding) bool { return l.Code == code && l.Locked })
}

// HostFix is what FixHosts did for one person.
type HostFix struct {
	Email string
	Fixed []FindingCode
	Kept  []FindingCode // Zoom accepted the call and kept the settings: somebody locked them
	Zoom  *zoom.Problem // why Zoom refused the call; nil: it did not
}

// FixHosts changes settings of people in Zoom so that they suit bridges, and checks each
// of them again. fixes has the findings to mend by email address; those that are not
// Fixable are left out. It stops when ctx ends, and returns what was done.
func (s *Service) FixHosts(ctx context.Context, actor Actor, fixes map[string][]FindingCode) (done []HostFix, err error) {
	if err := need(actor, Admin); err != nil {
		return nil, err
	}
	a, hosts, err := s.possibleHosts(ctx)
	if err != nil {
		return nil, err
	}
	client, err := s.zoomClient(a)
	if err != nil {
		return nil, err
	}
	for _, email := range slices.Sorted(maps.Keys(fixes)) {
		i := slices.IndexFunc(hosts, func(h PossibleHost) bool { return h.Email == email })
		if i < 0 || ctx.Err() != nil {
			continue
		}
		h := hosts[i]
		codes := slices.DeleteFunc(h.Fixable(), func(c FindingCode) bool { return !slices.Contains(fixes[email], c) })
		if len(codes) == 0 {
			continue
		}
		fix, err := s.fixHost(ctx, actor, client, a, h, codes)
		if err != nil {
			return done, err
		}
		done = append(done, fix)
	}
	return done, nil
}

func (s *Service) fixHost(ctx context.Context, actor Actor, client *zoom.Client, a Account, h PossibleHost, codes []FindingCode) (HostFix, error) {
	fix := HostFix{Email: h.Email}
	var change zoom.SettingsChange
	for _, code := range codes {
		f := fixable[code]
		*f.setting(&change) = &f.good
	}
	if err := client.UpdateUserSettings(ctx, h.Email, change); err != nil {
		problem := zoom.ProblemOf(err)
		fix.Zoom = &problem
		return fix, nil
	}
	// Zoom may keep a setting without saying so. Only reading it shows what it is now.
	var c checker
	c.person(ctx, client, h.Email, TopicPerson)
	var changes []Change
	for _, code := range codes {
		now := slices.IndexFunc(c.report.Lines, func(l Finding) bool { return l.Code == code })
		switch {
		case now >= 0 && c.report.Lines[now].Level == LevelOK:
			fix.Fixed = append(fix.Fixed, code)
			changes = append(changes, Change{Field: string(code), Before: strconv.FormatBool(!fixable[code].good), After: strconv.FormatBool(fixable[code].good)})
		case now >= 0 && c.report.Lines[now].Level == LevelWarning:
			fix.Kept = append(fix.Kept, code)
		}
	}
	for i := range h.Lines {
		h.Lines[i].Locked = h.Lines[i].Locked || slices.Contains(fix.Kept, h.Lines[i].Code)
	}
	if len(changes) > 0 {
		write, cancel := attached(ctx, stateWrite)
		defer cancel()
		if err := s.store.AddAudit(write, s.audit(actor, AuditHostFix, h.Email, changes...)); err != nil {
			return fix, err
		}
	}
	_, err := s.checkHost(ctx, client, a, h)
	return fix, err
}

// changedHost is what an event about a user means for the pre-flight check: the user must
// be checked again.
type ChangedHost struct {
	Emails []string
	ZoomID string // "": unknown
	At     time.Time
	Job    Job // not stored if nobody with this address or id was checked
}

// changedHost waits for the account's check, which looks at some of the same people, and
// gathers further changes.
func (s *Service) changedHost(e Event, u *zoom.EventUser) *ChangedHost {
	if u == nil {
		return nil
	}
	c := &ChangedHost{ZoomID: strings.ToLower(u.ID), At: e.ReceivedAt, Job: s.newJob(JobPreflight, "", s.now().Add(recheckEvery+preflightPause))}
	for _, email := range u.Emails {
		c.Emails = append(c.Emails, CanonicalEmail(email))
	}
	return c
}
