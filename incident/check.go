package incident

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

const checkLimit = 20 * time.Second

// CheckConnection asks Zoom about everything that could prevent the next bridge:
// the token, its scopes, the backup users, and the personal meeting ids and
// meeting settings of the backup users and of the users in emails. It stores the
// report.
func (s *Service) CheckConnection(ctx context.Context, actor Actor, emails ...string) (CheckReport, error) {
	if err := need(actor, Admin); err != nil {
		return CheckReport{}, err
	}
	var people []string
	for _, e := range emails {
		if e = CanonicalEmail(e); e != "" && !validEmail(e) {
			return CheckReport{}, invalid("This isn’t an email address.", map[string]string{"email": "This isn’t an email address."})
		} else if e != "" {
			people = append(people, e)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	now := s.now() // before the account is read: see Account.Report
	c := checker{report: CheckReport{At: now, Asked: now}}
	account, err := s.store.Account(ctx)
	if err != nil {
		return CheckReport{}, err
	}
	c.all(ctx, s, account, people)

	ctx, cancelWrite := attached(ctx, stateWrite)
	defer cancelWrite()
	s.retryNow(ctx)
	return c.report, cmp.Or(s.store.SaveCheck(ctx, c.report), s.shareCheck(ctx, c.report))
}

type checker struct {
	report CheckReport
	email  string // the user whom the next lines are about; "": the account
}

// found adds a line. If a user is being checked, the line is about that user.
func (c *checker) found(topic Topic, level Level, f Finding) {
	f.Topic, f.Level, f.Email = topic, level, c.email
	c.report.Lines = append(c.report.Lines, f)
}

func (c *checker) user(email, id string) {
	if c.report.Users == nil {
		c.report.Users = map[string]string{}
	}
	c.report.Users[email] = id
}

func (c *checker) all(ctx context.Context, s *Service, a Account, people []string) {
	if a.OnlyEvents() {
		c.found(TopicToken, LevelNote, Finding{Code: FoundOnlyEvents})
		c.report.Lines = append(c.report.Lines, a.WebhookFinding(s.now()))
		return
	}
	if !a.Connected() {
		code := FoundNotConnected
		if a.Secrets[ClientSecret].Locked || a.Secrets[APISecret].Locked {
			code = FoundSecretLocked
		}
		c.found(TopicToken, LevelBad, Finding{Code: code})
		return
	}
	// A token has the scopes that the app had when it was issued, so the check
	// requests a new one. If that fails, bridges keep using the old one.
	client := s.newZoomClient(a)
	token, err := client.Renew(ctx)
	if err != nil {
		problem := zoom.ProblemOf(err)
		c.found(TopicToken, LevelBad, Finding{Code: FoundNoToken, Zoom: &problem})
		c.report.Lines = append(c.report.Lines, a.WebhookFinding(s.now()))
		return
	}
	s.mu.Lock()
	s.client, s.clientVersion = client, a.Version
	s.mu.Unlock()
	if a.Auth == zoom.JWT {
		c.found(TopicToken, LevelWarning, Finding{Code: FoundJWTToken})
	} else {
		c.found(TopicToken, LevelOK, Finding{Code: FoundToken, Until: token.ExpiresAt.UTC()})
		c.scopes(token)
	}
	if len(a.BackupUsers) == 0 {
		c.found(TopicBackupUser, LevelBad, Finding{Code: FoundNoBackupUser})
	}
	for _, e := range a.BackupUsers {
		if id := a.Check.Users[e]; id != "" { // their events are recognized even if they are gone now
			c.user(e, id)
		}
		c.person(ctx, client, e, TopicBackupUser)
	}
	for _, e := range people {
		if !slices.Contains(a.BackupUsers, e) {
			c.person(ctx, client, e, TopicPerson)
		}
	}
	c.report.Lines = append(c.report.Lines, a.WebhookFinding(s.now()))
	if skew, ok := client.Skew(); ok && (skew > time.Minute || skew < -time.Minute) {
		c.found(TopicClock, LevelWarning, Finding{Code: FoundClock, Span: skew.Abs().Round(time.Second)})
	}
}

func (c *checker) scopes(token zoom.Token) {
	if token.Scopes == nil {
		c.found(TopicScopes, LevelUnknown, Finding{Code: FoundScopesUnsaid})
		return
	}
	for _, f := range zoom.CheckScopes(token.Scopes) {
		level, finding := LevelOK, Finding{Code: FoundScopes, Feature: f.Name}
		if !f.OK {
			finding.Scopes, finding.Classic = f.Missing, f.Classic
			switch f.Name {
			case zoom.OpenBridge, zoom.CheckPeople:
				level = LevelBad
			case zoom.FindGaps, zoom.PastMeetings, zoom.DeleteLeftovers, zoom.EndMeetings, zoom.FixSettings, zoom.ChangeMeetings:
				level = LevelNote
			default:
				level = LevelWarning
			}
		}
		c.found(TopicScopes, level, finding)
	}
}

// person checks one Zoom user as a host of bridges.
func (c *checker) person(ctx context.Context, client *zoom.Client, email string, topic Topic) {
	c.email = email
	defer func() { c.email = "" }()
	user, err := client.GetUser(ctx, email)
	if err != nil {
		level, problem := LevelBad, zoom.ProblemOf(err)
		if topic == TopicPerson && problem.Code == zoom.ProblemNoSuchUser {
			level = LevelWarning // the backup user can host for them
		}
		c.found(topic, level, Finding{Code: FoundUserUnknown, Zoom: &problem})
		return
	}
	if user.ID != "" {
		c.user(email, user.ID)
	}
	switch {
	case user.Status == "" || user.Type == 0:
		c.found(topic, LevelUnknown, Finding{Code: FoundUserUnsaid})
	case user.Status != "active":
		c.found(topic, LevelBad, Finding{Code: FoundUserInactive, Value: user.Status})
	case user.Type == zoom.UserBasic:
		c.found(topic, LevelWarning, Finding{Code: FoundUserBasic})
	case user.Type != zoom.UserLicensed:
		c.found(topic, LevelBad, Finding{Code: FoundUserMayNotHost})
	default:
		c.found(topic, LevelOK, Finding{Code: FoundUser})
	}
	settings, err := client.GetUserSettings(ctx, email)
	if err != nil {
		problem := zoom.ProblemOf(err)
		c.found(TopicSettings, LevelWarning, Finding{Code: FoundNoSettings, Zoom: &problem})
		return
	}
	if settings.AtOnce > 0 {
		if c.report.AtOnce == nil {
			c.report.AtOnce = map[string]int{}
		}
		c.report.AtOnce[email] = settings.AtOnce
	}
	setting := func(topic Topic, code FindingCode, is *bool, good bool) {
		level := LevelUnknown
		switch {
		case is != nil && *is == good:
			level = LevelOK
		case is != nil:
			level = LevelWarning
		}
		c.found(topic, level, Finding{Code: code})
	}
	setting(TopicPMI, FoundPMIScheduled, settings.UsePMIForScheduled, false)
	instant := settings.UsePMIForInstant
	if instant == nil || user.UsePMI != nil && *user.UsePMI {
		instant = user.UsePMI
	}
	setting(TopicPMI, FoundPMIInstant, instant, false)
	setting(TopicSettings, FoundWaitingRoom, settings.WaitingRoom, false)
	setting(TopicSettings, FoundAuthentication, settings.MeetingAuthentication, false)
	setting(TopicSettings, FoundJoinBeforeHost, settings.JoinBeforeHost, true)
	setting(TopicSettings, FoundCloudRecording, settings.CloudRecording, true)
}

// notChecked are settings of the account that a check says nothing about.
var notChecked = []string{"static_links", "standby_meetings", "storm_limit", "on_call_emails"}

// keepCheck keeps the last check valid after a save that changed nothing that it is
// about. If that fails, the account has to be checked again.
func (s *Service) keepCheck(ctx context.Context, old Account, changes []Change) {
	if old.Report(s.now()).At.IsZero() || slices.ContainsFunc(changes, func(c Change) bool {
		field, _, _ := strings.Cut(c.Field, ".")
		return !slices.Contains(notChecked, field)
	}) {
		return
	}
	check := old.Check
	check.StillAt = s.now()
	if err := s.store.SaveCheck(ctx, check); err != nil {
		s.log.Warn("the account has to be checked again", "error", err)
	}
}

// Report returns the last check, with the current state of the webhook
// validation. It returns the zero report if nothing was checked since the account
// was saved: an older check is about other credentials. What it says about users
// is left out if one of them has changed since.
func (a Account) Report(now time.Time) CheckReport {
	r := a.Check
	if r.At.IsZero() || r.At.Before(a.UpdatedAt) && r.StillAt.Before(a.UpdatedAt) {
		return CheckReport{}
	}
	r.Lines = slices.Clone(r.Lines)
	r.Lines = slices.DeleteFunc(r.Lines, func(l Finding) bool { return l.Topic == TopicWebhook })
	if a.outdated() {
		r.Lines = slices.DeleteFunc(r.Lines, func(l Finding) bool { return l.Email != "" })
		for _, host := range a.BackupUsers {
			r.Lines = append(r.Lines, Finding{Code: FoundHostChanged, Topic: TopicBackupUser, Level: LevelWarning, Email: host})
		}
	}
	r.Lines = append(r.Lines, a.WebhookFinding(now))
	return r
}

// Readiness says whether the next incident will get a bridge, from stored facts
// and without asking Zoom. why holds the findings for any level other than ok.
// Findings about a single opener or only about events do not prevent a bridge.
// LevelNote means that no incident gets one, as intended: the app only sends
// events.
func (a Account) Readiness(now time.Time) (level Level, why []Finding) {
	if a.OnlyEvents() {
		return LevelNote, []Finding{{Code: FoundOnlyEvents, Topic: TopicToken, Level: LevelNote}}
	}
	if !a.Connected() {
		return LevelBad, []Finding{{Code: FoundNotConnected, Topic: TopicToken, Level: LevelBad}}
	}
	report := a.Report(now)
	if report.At.IsZero() {
		return LevelWarning, []Finding{{Code: FoundNeverChecked, Topic: TopicToken, Level: LevelWarning}}
	}
	for _, l := range report.Lines {
		if !l.Level.Fine() && l.Topic != TopicWebhook && (l.Email == "" || slices.Contains(a.BackupUsers, l.Email)) {
			why = append(why, l)
		}
	}
	level = LevelOK
	for _, l := range why {
		if l.Level == LevelBad && l.Topic == TopicBackupUser {
			l.Level = LevelWarning // openers who are Zoom users still get a bridge
		}
		if l.Level.Compare(level) > 0 {
			level = l.Level
		}
	}
	return level, why
}
