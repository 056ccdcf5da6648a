package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// checkLimit is how long a check may take in all.
const checkLimit = 20 * time.Second

// CheckConnection asks Zoom everything that would go wrong in the next
// incident: the token, its scopes, the backup user, and personal meeting ids
// and meeting settings of the backup user and of emails. The report is kept.
func (s *Service) CheckConnection(ctx context.Context, actor Actor, emails ...string) (CheckReport, error) {
	if err := need(actor, Admin); err != nil {
		return CheckReport{}, err
	}
	var people []string
	for _, e := range emails {
		if e = CanonicalEmail(e); e != "" && !validEmail(e) {
			return CheckReport{}, invalid("This is not an e-mail address.", map[string]string{"email": "This is not an e-mail address."})
		} else if e != "" {
			people = append(people, e)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	account, err := s.store.Account(ctx)
	if err != nil {
		return CheckReport{}, err
	}
	c := checker{report: CheckReport{At: s.now()}}
	c.all(ctx, s, account, people)

	ctx, cancelWrite := attached(ctx, stateWrite)
	defer cancelWrite()
	return c.report, s.store.SaveCheck(ctx, c.report)
}

type checker struct {
	report CheckReport
	email  string // whom the next lines are about; "" = the account
}

func (c *checker) add(topic, level, subject, reason, fix string) {
	c.report.Lines = append(c.report.Lines, CheckLine{Topic: topic, Email: c.email, Level: level, Subject: subject, Reason: reason, Fix: fix})
}

func (c *checker) all(ctx context.Context, s *Service, a Account, people []string) {
	if !a.Connected() {
		e := explain(errNotConnected)
		if a.Secrets[ClientSecret].Locked || a.Secrets[APISecret].Locked {
			e.Cause = "A secret of the Zoom app cannot be opened with the master key of this server."
			e.Fix = "Start the server with the key it was stored with, or enter the secret again."
		}
		c.add("token", "red", "Connection", e.Cause, e.Fix)
		return
	}
	// A token has the scopes of the moment it was given, so the check asks for a
	// new one. When there is none, bridges keep the old one.
	client := s.newZoomClient(a)
	token, err := client.Renew(ctx)
	if err != nil {
		e := explain(err)
		c.add("token", "red", "Access token", e.Cause, e.Fix)
		c.report.Lines = append(c.report.Lines, a.webhookLine(s.now()))
		return
	}
	s.useZoomClient(client, a)
	if a.Auth == zoom.JWT {
		c.add("token", "amber", "Access token", "A JWT token was made. Zoom ended JWT apps on 2023-09-08 and may refuse it.", "Move to Server-to-Server OAuth on this page.")
	} else {
		c.add("token", "green", "Access token", "Zoom gave a token, valid until "+token.ExpiresAt.UTC().Format("15:04")+" UTC.", "")
		c.scopes(token)
	}
	if a.BackupUser == "" {
		c.add("backup_user", "red", "Backup user", "No backup user is set. An opener who has no Zoom user gets no bridge.", "Set the e-mail address of a licensed Zoom user above.")
	} else {
		c.person(ctx, client, a.BackupUser, true)
	}
	for _, e := range people {
		if e != a.BackupUser {
			c.person(ctx, client, e, false)
		}
	}
	c.report.Lines = append(c.report.Lines, a.webhookLine(s.now()))
	if skew, ok := client.Skew(); ok && (skew > time.Minute || skew < -time.Minute) {
		c.add("clock", "amber", "Clock", fmt.Sprintf("This server’s clock differs from Zoom’s by %s.", skew.Abs().Round(time.Second)), "Let the server set its time by NTP.")
	}
}

func (c *checker) scopes(token zoom.Token) {
	for _, f := range zoom.CheckScopes(token.Scopes) {
		line := CheckLine{Topic: "scopes", Level: "green", Subject: f.Label, Reason: "The app has the scopes for it."}
		if !f.OK {
			line.Level, line.Copy = "red", strings.Join(f.Missing, "\n")
			line.Reason = "The app lacks: " + strings.Join(f.Missing, ", ") + " (classic: " + strings.Join(f.Classic, ", ") + ")."
			line.Fix = "In Zoom’s marketplace: your app → Scopes → Add scopes, then check again."
			switch f.Name {
			case "open_bridge", "check_people":
			case "find_gaps":
				line.Level, line.Reason = "grey", "Bridges do not need it. With "+strings.Join(f.Missing, ", ")+" events that did not arrive can be read in Zoom’s own log of its deliveries."
			default:
				line.Level = "amber"
			}
		}
		c.report.Lines = append(c.report.Lines, line)
	}
}

// person looks at one Zoom user as a host of bridges.
func (c *checker) person(ctx context.Context, client *zoom.Client, email string, backup bool) {
	c.email = email
	defer func() { c.email = "" }()
	topic, who := "person", email
	if backup {
		topic, who = "backup_user", "Backup user "+email
	}
	user, err := client.GetUser(ctx, email)
	if err != nil {
		e := explain(err)
		level := "red"
		var z *zoom.Error
		if !backup && errors.As(err, &z) && z.Code == 1001 {
			level = "amber" // the backup user hosts for them
		}
		c.add(topic, level, who, e.Cause, e.Fix)
		return
	}
	switch {
	case user.Status != "active":
		c.add(topic, "red", who, "This Zoom user is "+user.Status+" and cannot host.", "In Zoom: User Management → Users: activate the user.")
	case user.Type == zoom.UserBasic:
		c.add(topic, "amber", who, "This Zoom user has no licence: meetings end after 40 minutes.", "In Zoom: User Management → Users: give the user a licence.")
	case user.Type != zoom.UserLicensed:
		c.add(topic, "red", who, "This Zoom user is not allowed to host meetings.", "In Zoom: User Management → Users: give the user a licence.")
	default:
		c.add(topic, "green", who, "Exists, is active and licensed.", "")
	}
	settings, err := client.GetUserSettings(ctx, email)
	if err != nil {
		e := explain(err)
		c.add("settings", "amber", who, "The meeting settings cannot be read. "+e.Cause, e.Fix)
		return
	}
	c.settings(email, user, settings)
}

func (c *checker) settings(email string, user zoom.User, st zoom.UserSettings) {
	flag := func(topic string, bad bool, subject, reason, good, fix string) {
		if bad {
			c.add(topic, "amber", subject, reason, fix)
		} else {
			c.add(topic, "green", subject, good, "")
		}
	}
	flag("pmi", st.UsePMIForScheduled, "Personal meeting id, scheduled meetings, "+email,
		"On. Bridges could get the personal meeting id, which other calls use too (use_pmi_for_scheduled_meetings).",
		"Off, as it should be.",
		"In Zoom: Settings → Meeting → Schedule Meeting → “Use Personal Meeting ID (PMI) when scheduling a meeting”: turn it off.")
	flag("pmi", st.UsePMIForInstant || user.UsePMI, "Personal meeting id, instant meetings, "+email,
		"On. Drawbridge does not make instant meetings, but people who start one by hand share one id (use_pmi_for_instant_meetings).",
		"Off, as it should be.",
		"In Zoom: Settings → Meeting → Schedule Meeting → “Use Personal Meeting ID (PMI) when starting an instant meeting”: turn it off.")
	flag("settings", st.WaitingRoom, "Waiting room, "+email,
		"On. If it is locked, people wait until a host lets them in.",
		"Off.",
		"In Zoom: Settings → Meeting → Security → Waiting Room: turn it off, or unlock it so that a bridge may turn it off.")
	flag("settings", !st.JoinBeforeHost, "Join before host, "+email,
		"Off. If it is locked, nobody gets in before the host.",
		"On.",
		"In Zoom: Settings → Meeting → Schedule Meeting → “Allow participants to join before host”: turn it on.")
	flag("settings", !st.CloudRecording, "Cloud recording, "+email,
		"Off. Runbooks that record to the cloud get no recording.",
		"On.",
		"In Zoom: Settings → Recording → Cloud recording: turn it on. It needs a paid plan.")
}

// Report is the last check with what is known better now: whether Zoom has
// validated the webhook address. Nothing was checked: the zero report.
func (a Account) Report(now time.Time) CheckReport {
	r := a.Check
	if r.At.IsZero() {
		return r
	}
	r.Lines = slices.Clone(r.Lines)
	r.Lines = slices.DeleteFunc(r.Lines, func(l CheckLine) bool { return l.Topic == "webhook" })
	r.Lines = append(r.Lines, a.webhookLine(now))
	return r
}

// Readiness answers "would a bridge come out now?" from what is known, without
// asking Zoom: "green", "amber" or "red", with the lines that say why not
// green. What concerns one opener or only events does not stop a bridge.
func (a Account) Readiness(now time.Time) (level string, reasons []CheckLine) {
	if !a.Connected() {
		return "red", []CheckLine{{Topic: "token", Subject: "Zoom account", Level: "red", Reason: "No Zoom app is connected."}}
	}
	report := a.Report(now)
	if report.At.IsZero() {
		return "amber", []CheckLine{{Topic: "token", Subject: "Connection", Level: "amber", Reason: "The connection was never checked."}}
	}
	for _, l := range report.Lines {
		if !l.Fine() && l.Topic != "webhook" && (l.Email == "" || l.Email == a.BackupUser) {
			reasons = append(reasons, l)
		}
	}
	level = "green"
	for _, l := range reasons {
		// Without the backup user a bridge still comes out for openers who are
		// Zoom users.
		if l.Level == "red" && l.Topic != "backup_user" {
			return "red", reasons
		}
		level = "amber"
	}
	return level, reasons
}
