package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kong"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/static"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

type demoCommand struct {
	Empty bool `help:"Start without the Zoom account and the sample runbooks and incidents."`
}

// demoSets are the flags that the demo has its own values for.
var demoSets = []string{"data-dir", "public-url", "key-file", "zoom-api-url", "zoom-oauth-url"}

// AfterApply refuses flags that would change nothing. A variable of the environment may be
// there for the real server.
func (demoCommand) AfterApply(k *kong.Context) error {
	for _, p := range k.Path {
		if p.Flag != nil && slices.Contains(demoSets, p.Flag.Name) {
			return fmt.Errorf("the demo can’t use --%s: it has a temporary database, an address on this machine and a simulated Zoom. Leave it out, or run serve", p.Flag.Name)
		}
	}
	return nil
}

// The logins of the demo. It listens on this machine only and its data is deleted
// when it stops.
const (
	DemoEmail    = "admin@example.com"
	DemoPassword = "drawbridge-demo"
	DemoBackup   = "oncall@example.com"
)

// DemoPool are the backup users. Several can host while one of them runs a call.
var DemoPool = []string{DemoBackup, "oncall-2@example.com", "oncall-3@example.com"}

// The credentials of the simulated Zoom app.
const (
	DemoAccountID    = "DemoAccountIdAAAAAAAAA"
	DemoClientID     = "DemoClientIdAAAAAAAAAA"
	DemoAppID        = "DemoAppIdAAAAAAAAAAAAA"
	DemoClientSecret = "demo-client-secret-of-the-simulator"
	DemoSecretToken  = "DemoSecretTokenAAAAAAA"
)

// Run runs the server with a temporary database and the simulator as Zoom.
func (c demoCommand) Run(ctx context.Context, t terminal, cfg Config) error {
	dir, err := os.MkdirTemp("", "drawbridge-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cfg.DataDir, cfg.DatabaseURL, cfg.KeyFile, cfg.key = dir, "", "", ""

	listener, err := demoListener(cfg.Addr)
	if err != nil {
		return fmt.Errorf("listen on %s (--addr or DRAWBRIDGE_ADDR): %w", cfg.Addr, err)
	}
	cfg.Addr, cfg.PublicURL = listener.Addr().String(), ""
	api, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer api.Close()

	clock := &demoClock{}
	sim := newDemoZoom(cfg.publicURL(), clock)
	zoomServer := &http.Server{Handler: sim.API(), ReadHeaderTimeout: 5 * time.Second}
	defer zoomServer.Close()
	go zoomServer.Serve(api)
	cfg.ZoomAPIURL = "http://" + api.Addr().String() + "/v2"
	cfg.ZoomOAuthURL = "http://" + api.Addr().String() + "/oauth/token"

	p, err := Open(ctx, cfg, clock.now, newLog(t.err, max(cfg.logLevel, slog.LevelError)))
	if err != nil {
		return err
	}
	defer p.Store.Close()
	return p.Serve(ctx, listener, sim.Page(), func() error {
		if err := p.SeedDemo(ctx, sim, c.Empty); err != nil && ctx.Err() == nil {
			return fmt.Errorf("prepare the demo: %w", err)
		}
		if err := p.addRungs(ctx, c.Empty); err != nil && ctx.Err() == nil {
			return fmt.Errorf("prepare the demo: %w", err)
		}
		_, err := fmt.Fprintf(t.out, `The Drawbridge demo is at %[1]s

  log in as  %[2]s
  password   %[3]s

%[4]s
Zoom is simulated; play Zoom at %[1]s/simulator/
Its API, for a server of your own: --zoom-api-url %[5]s --zoom-oauth-url %[6]s
Press Ctrl-C to stop the demo; its data is deleted.
`, cfg.publicURL(), DemoEmail, DemoPassword, demoHint(c.Empty), cfg.ZoomAPIURL, cfg.ZoomOAuthURL)
		return err
	})
}

// addRungs adds two standby meetings and a static link, so that incidents get a link while
// the simulated Zoom is down, and puts somebody on call whose settings don't suit bridges.
func (p *Program) addRungs(ctx context.Context, empty bool) error {
	if empty {
		return nil
	}
	account, err := p.Store.Account(ctx)
	if err != nil {
		return err
	}
	_, err = p.Service.SaveAccount(ctx, commandLine, incident.AccountForm{
		Auth: string(account.Auth), ZoomAccountID: account.ZoomAccountID, ClientID: account.ClientID, BackupUsers: account.BackupUsers, Version: account.Version,
		StandbyMeetings: new(2), OnCallUsers: &[]string{"ravi@example.com"},
		StaticLinks: &[]incident.StaticLink{{Name: "Spare room", URL: "https://meet.example.com/spare-room", Phone: "+47 21 00 00 00", PIN: "4711"}},
	})
	return err
}

func demoHint(empty bool) string {
	if empty {
		return "Drawbridge isn't connected to Zoom yet; the Zoom page below shows the credentials to enter."
	}
	return "Other logins, same password: ravi@example.com (responder), vera@example.com (viewer)."
}

// demoListener listens on the configured port of this machine, or on a free one
// when that is in use. Other machines cannot reach the demo, because its password
// is public.
func demoListener(addr string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return l, nil
}

// demoClock is the time of the demo, which the page of the simulator can move forward.
type demoClock struct{ ahead atomic.Int64 }

func (c *demoClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *demoClock) move(d time.Duration) { c.ahead.Add(int64(d)) }

// newDemoZoom is a Zoom account with a few people, each with a setting found in
// real accounts.
func newDemoZoom(publicURL string, clock *demoClock) *zoomsim.Sim {
	sim := zoomsim.New(zoomsim.Options{
		Now: clock.now, MoveTime: clock.move,
		AccountID: DemoAccountID, ClientID: DemoClientID, ClientSecret: DemoClientSecret, AppID: DemoAppID,
		SecretToken: DemoSecretToken, WebhookURL: publicURL + "/webhook",
		BaseURL:     publicURL,
		Stylesheets: []string{static.URL("vendor/tabler.css"), static.URL("app.css")}, Icon: static.URL("mark.svg"),
	})
	for n, email := range DemoPool {
		sim.AddUser(zoomsim.User{Email: email, DisplayName: fmt.Sprintf("On-call bridge %d", n+1), JoinBeforeHost: true, CloudRecording: true})
	}
	sim.AddUser(zoomsim.User{Email: DemoEmail, DisplayName: "Ada Admin", JoinBeforeHost: true, CloudRecording: true})
	sim.AddUser(zoomsim.User{Email: "ravi@example.com", DisplayName: "Ravi", JoinBeforeHost: true, UsePMIForScheduled: true})
	sim.AddUser(zoomsim.User{Email: "basic@example.com", DisplayName: "Basil Basic", Type: 1})
	return sim
}

// SeedDemo creates the admin and, unless empty is set, connects the simulator and
// creates runbooks and two incidents.
func (p *Program) SeedDemo(ctx context.Context, sim *zoomsim.Sim, empty bool) error {
	user := func(email, name string, role incident.Role) (incident.User, error) {
		return p.Service.CreateUser(ctx, commandLine, email, name, role, DemoPassword)
	}
	admin, err := user(DemoEmail, "Ada Admin", incident.Admin)
	if err != nil || empty {
		return err
	}
	actor := incident.Actor{Kind: incident.ActorUser, UserID: admin.ID, Email: admin.Email, Name: admin.Name, Role: admin.Role, Address: "127.0.0.1"}
	if _, err := user("ravi@example.com", "Ravi Responder", incident.Responder); err != nil {
		return err
	}
	if _, err := user("vera@example.com", "Vera Viewer", incident.Viewer); err != nil {
		return err
	}
	appID := DemoAppID
	if _, err := p.Service.SaveAccount(ctx, actor, incident.AccountForm{
		Auth: "server_to_server", ZoomAccountID: DemoAccountID, ClientID: DemoClientID, AppID: &appID, BackupUsers: DemoPool,
		Secrets: map[incident.SecretName]string{incident.ClientSecret: DemoClientSecret, incident.WebhookToken1: DemoSecretToken},
	}); err != nil {
		return err
	}
	if _, err := sim.Validate(ctx); err != nil {
		return err
	}
	if err := p.Service.NoteValidation(ctx); err != nil { // the server records it only after it has answered
		return err
	}
	if _, err := p.Service.CheckConnection(ctx, actor, "ravi@example.com"); err != nil {
		return err
	}
	outage, err := p.SeedRunbooks(ctx, actor)
	if err != nil {
		return err
	}
	if _, _, err := p.Service.SaveRunbook(ctx, actor, majorIncident()); err != nil {
		return err
	}
	return p.seedIncidents(ctx, actor, sim, outage)
}

// majorIncident is a runbook whose steps run themselves when their time has come.
func majorIncident() incident.Runbook {
	war, customers := incident.NewStep(incident.StepCreateMeeting), incident.NewStep(incident.StepCreateMeeting)
	war.Name, war.Meeting.Topic = "War room", "{{ incident.severity }} {{ incident.name }}"
	customers.Name, customers.Meeting.Topic = "Customers", "{{ incident.key }} for customers"
	customers.Schedule.OnlyIf.All = []incident.Condition{{Field: "severity", Is: incident.AtLeast, Value: incident.Values{"SEV1"}}}
	line := func(text string, c incident.Schedule) incident.Step {
		step := incident.NewStep(incident.StepChecklist)
		step.Text, step.Schedule = text, c
		return step
	}
	return incident.Runbook{
		Name: "Major incident", IncidentType: "outage",
		Description: "A second bridge for customers if it is a SEV1, and reminders of what to do.",
		Steps: []incident.Step{
			war, customers,
			line("Page the second on-call: nobody is in the call about {{ incident.name }}", incident.Schedule{When: incident.TriggerNobody, Wait: 5}),
			line("Post an update on the status page", incident.Schedule{Wait: 10, Repeat: incident.Repeat{Every: 30, Times: 3}}),
			line("Write down what happened, while you remember", incident.Schedule{When: incident.TriggerResolved}),
		},
	}
}

// SeedRunbooks creates two runbooks and returns the one for outages.
func (p *Program) SeedRunbooks(ctx context.Context, actor incident.Actor) (outage incident.Runbook, err error) {
	meeting := incident.NewMeetingTemplate()
	meeting.Topic = "{{ incident.severity }} {{ incident.name }} ({{ vars.customer }})"
	meeting.Agenda = "{{ incident.description }}\n\nOpened by {{ incident.opener.name | default: incident.opener.email }} at {{ incident.started_at | tz: \"Europe/Oslo\" }}\n{{ incident.url }}"
	meeting.Recording = "cloud"
	review := incident.NewMeetingTemplate()
	review.Topic = "Review of {{ incident.key }}"
	review.DurationMinutes = 30
	outage, _, err = p.Service.SaveRunbook(ctx, actor, incident.Runbook{
		Name: "Production outage", IncidentType: "outage",
		Description: "A customer-facing service is down. Opens a recorded bridge at once.",
		Variables: []incident.Variable{
			{Name: "customer", Label: "Customer", Type: "text", Default: "all customers", Help: "Which customers are affected."},
			{Name: "region", Label: "Region", Type: "choice", Choices: []string{"eu-north", "eu-west", "us-east"}, Default: "eu-north"},
		},
		Steps: []incident.Step{
			{Kind: incident.StepCreateMeeting, Name: "War room", ExecuteAutomatically: true, Meeting: meeting},
			{Kind: incident.StepCreateMeeting, Name: "Review", Meeting: review},
		},
	})
	if err != nil {
		return incident.Runbook{}, err
	}
	security := incident.NewMeetingTemplate()
	security.Topic = "{{ incident.key }} security: {{ incident.name }}"
	security.Agenda = ""
	security.Host, security.WaitingRoom = incident.HostBackup, true
	_, _, err = p.Service.SaveRunbook(ctx, actor, incident.Runbook{
		Name: "Security incident", IncidentType: "security",
		Description: "Hosted by a backup user, with a waiting room, not recorded.",
		Steps:       []incident.Step{{Kind: incident.StepCreateMeeting, ExecuteAutomatically: true, Meeting: security}},
	})
	return outage, err
}

// seedIncidents creates one resolved incident and one with a live bridge.
func (p *Program) seedIncidents(ctx context.Context, actor incident.Actor, sim *zoomsim.Sim, r incident.Runbook) error {
	open := func(request incident.OpenRequest, people ...string) (i incident.Incident, meeting string, err error) {
		request.RunbookID, request.Source = r.ID, "form"
		i, _, err = p.Service.OpenIncident(ctx, actor, request)
		if err != nil {
			return i, "", err
		}
		bridges, err := p.Store.Bridges(ctx, i.Number)
		if err != nil {
			return i, "", err
		}
		if len(bridges) == 0 || bridges[0].MeetingID == "" {
			return i, "", errors.New("the simulator created no meeting")
		}
		for _, name := range people {
			if _, err := sim.Join(ctx, bridges[0].MeetingID, zoomsim.Person{Name: name}); err != nil {
				return i, "", err
			}
		}
		return i, bridges[0].MeetingID, nil
	}

	over, meeting, err := open(incident.OpenRequest{
		Name: "Checkout answers slowly", Severity: "SEV2", OpenerEmail: DemoEmail,
		Description: "p99 of POST /checkout went from 300 ms to 9 s after the 13:40 deploy.",
	}, "Ada Admin", "Ravi Responder", "Søren Ødegård 🚒")
	if err != nil {
		return err
	}
	if err := errors.Join(sim.End(ctx, meeting), sim.CompleteRecording(ctx, meeting)); err != nil {
		return err
	}
	if err := p.Service.ResolveIncident(ctx, actor, over.Number); err != nil {
		return err
	}

	// The opener is not a Zoom user, so the backup user hosts this one.
	if _, _, err := open(incident.OpenRequest{
		Name: "Database primary is down", Severity: "SEV1", OpenerEmail: "noor@partner.example",
		Description: "Primary db-1 in eu-north has not answered since 02:10. Replicas serve reads.",
	}, "Ravi Responder", "Noor (Partner AS)"); err != nil {
		return err
	}
	// Read the events now, so that the first page already shows who is in the call.
	for {
		if n, err := p.Service.ReadEvents(ctx); n == 0 || err != nil {
			return err
		}
	}
}
