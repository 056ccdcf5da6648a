package incident_test

import (
	"testing"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

// every verb that changes something, with the lowest role that may use it.
// The arguments are chosen so that nothing changes for those who may.
func TestNeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.faults(zoomsim.Faults{TokenRefused: true})
	i, b := w.open()
	runs, err := w.store.StepRuns(t.Context(), i.Number)
	w.ok(err)
	ctx, s := t.Context(), w.service
	verbs := []struct {
		name string
		need incident.Role
		do   func(incident.Actor) error
	}{
		{"SaveAccount", incident.Admin, func(a incident.Actor) error { _, err := s.SaveAccount(ctx, a, incident.AccountForm{}); return err }},
		{"CheckConnection", incident.Admin, func(a incident.Actor) error { _, err := s.CheckConnection(ctx, a, "x"); return err }},
		{"SaveRunbook", incident.Admin, func(a incident.Actor) error { _, _, err := s.SaveRunbook(ctx, a, incident.Runbook{}); return err }},
		{"BringBackRunbook", incident.Admin, func(a incident.Actor) error { _, _, err := s.BringBackRunbook(ctx, a, "x", 1, 1); return err }},
		{"SaveRunbookFile", incident.Admin, func(a incident.Actor) error {
			_, _, err := s.SaveRunbookFile(ctx, a, incident.RunbookFile{}, incident.Runbook{})
			return err
		}},
		{"DuplicateRunbook", incident.Admin, func(a incident.Actor) error { _, err := s.DuplicateRunbook(ctx, a, "x"); return err }},
		{"SetRunbookDisabled", incident.Admin, func(a incident.Actor) error { return s.SetRunbookDisabled(ctx, a, "x", true) }},
		{"DeleteRunbook", incident.Admin, func(a incident.Actor) error { _, err := s.DeleteRunbook(ctx, a, "x"); return err }},
		{"CreateUser", incident.Admin, func(a incident.Actor) error { _, err := s.CreateUser(ctx, a, "", "", "", ""); return err }},
		{"SetRole", incident.Admin, func(a incident.Actor) error { return s.SetRole(ctx, a, "x", "") }},
		{"SetDisabled", incident.Admin, func(a incident.Actor) error { return s.SetDisabled(ctx, a, "x", true) }},
		{"SetName", incident.Admin, func(a incident.Actor) error { return s.SetName(ctx, a, "x", "y") }},
		{"InviteUser", incident.Admin, func(a incident.Actor) error { _, _, err := s.InviteUser(ctx, a, "", "", ""); return err }},
		{"NewPasswordLink", incident.Admin, func(a incident.Actor) error { _, _, err := s.NewPasswordLink(ctx, a, "x"); return err }},
		{"ResetPassword", incident.Admin, func(a incident.Actor) error { return s.ResetPassword(ctx, a, "x", "") }},
		{"CreateToken", incident.Admin, func(a incident.Actor) error { _, _, err := s.CreateToken(ctx, a, "", nil, 0); return err }},
		{"RevokeToken", incident.Admin, func(a incident.Actor) error { return s.RevokeToken(ctx, a, "x") }},
		{"ReprocessEvent", incident.Admin, func(a incident.Actor) error { _, err := s.ReprocessEvent(ctx, a, 1); return err }},
		{"OpenIncident", incident.Responder, func(a incident.Actor) error { _, _, err := s.OpenIncident(ctx, a, incident.OpenRequest{}); return err }},
		{"ResolveIncident", incident.Responder, func(a incident.Actor) error { return s.ResolveIncident(ctx, a, 999) }},
		{"ReopenIncident", incident.Responder, func(a incident.Actor) error { return s.ReopenIncident(ctx, a, i.Number) }},
		{"RunStep", incident.Responder, func(a incident.Actor) error { return s.RunStep(ctx, a, runs[0].ID+"x") }},
		{"RetryBridge", incident.Responder, func(a incident.Actor) error { return s.RetryBridge(ctx, a, b.ID) }},
		{"UseLink", incident.Responder, func(a incident.Actor) error { return s.UseLink(ctx, a, b.ID, "", "") }},
	}
	actors := []struct {
		name  string
		actor incident.Actor
	}{
		{"nobody", incident.Actor{}},
		{"unknown role", incident.Actor{Kind: "user", UserID: "x1", Role: "owner"}},
		{"viewer", viewer},
		{"token that reads", incident.Actor{Kind: "token", Email: "reader", Role: incident.Viewer}},
		{"responder", anaIs},
		{"token that writes", incident.Actor{Kind: "token", Email: "writer", Role: incident.Responder}},
		{"admin", admin},
		{"command line", incident.Actor{Kind: "cli", Email: "root"}},
	}
	for _, verb := range verbs {
		t.Run(verb.name, func(t *testing.T) {
			for _, who := range actors {
				may := who.actor.Role.Includes(verb.need) || who.actor.Kind == incident.ActorCommandLine
				err := verb.do(who.actor)
				if got := incident.CodeOf(err) != incident.Forbidden; got != may {
					t.Errorf("%s: %v, want allowed %v", who.name, err, may)
				}
			}
		})
	}
	t.Run("one's own name and sessions, with any role", func(t *testing.T) {
		vera := w.person("vera", incident.Viewer)
		w.ok(s.SetName(ctx, actorOf(vera), vera.ID, "Vera"))
		w.ok(s.EndOtherSessions(ctx, actorOf(vera), ""))
		for _, a := range []incident.Actor{{}, {Kind: "token", Role: incident.Responder}} {
			wantCode(t, s.EndOtherSessions(ctx, a, ""), incident.NotFound)
			wantCode(t, s.ChangePassword(ctx, a, password, password, ""), incident.NotFound)
			wantCode(t, s.SetName(ctx, a, "", "x"), incident.Forbidden)
		}
	})
}

func TestRoleIncludes(t *testing.T) {
	t.Parallel()
	order := []incident.Role{incident.Viewer, incident.Responder, incident.Admin}
	for i, have := range order {
		for j, need := range order {
			if got := have.Includes(need); got != (i >= j) {
				t.Errorf("%s includes %s: %v", have, need, got)
			}
		}
		for _, none := range []incident.Role{"", "owner", "Admin"} {
			if none.Includes(have) {
				t.Errorf("the role %q includes %s", none, have)
			}
		}
	}
}
