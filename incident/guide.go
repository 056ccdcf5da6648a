package incident

import (
	"context"
	"slices"
	"strings"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

// SetupScope is one permission to tick when the Zoom app is made. Apps made
// since 2024 have granular scopes, older ones classic scopes.
type SetupScope struct {
	Granular, Classic string
	For               string // what needs it, for people
	Optional          bool   // a bridge comes out without it
}

// SetupScopes are the permissions the Zoom app needs, each once.
func SetupScopes() []SetupScope {
	var list []SetupScope
	for _, f := range zoom.CheckScopes(nil) {
		optional := f.Name != "open_bridge" && f.Name != "check_people"
		for _, name := range f.Granular {
			i := slices.IndexFunc(list, func(s SetupScope) bool { return s.Granular == name })
			if i < 0 {
				list = append(list, SetupScope{Granular: name, Classic: strings.Join(f.Classic, ", "), For: f.Label, Optional: optional})
				continue
			}
			list[i].For += "; " + strings.ToLower(f.Label[:1]) + f.Label[1:]
			list[i].Optional = list[i].Optional && optional
		}
	}
	return list
}

// SetupEvents are the events to subscribe to in the Zoom app.
func SetupEvents() []zoom.EventType { return slices.Clone(zoom.EventTypes) }

// SetName changes how a person is called. An admin may do it for everybody, and
// everybody for themselves. Fields: name.
func (s *Service) SetName(ctx context.Context, actor Actor, userID, name string) error {
	if actor.UserID == "" || actor.UserID != userID {
		if err := need(actor, Admin); err != nil {
			return err
		}
	}
	fields := map[string]string{}
	if name = strings.TrimSpace(name); name == "" {
		fields["name"] = "Give a name."
	}
	if tooLong(fields, "name", name, 100); len(fields) > 0 {
		return invalid("The name was not changed.", fields)
	}
	u, err := s.store.User(ctx, userID)
	if err != nil || u.Name == name {
		return err
	}
	before := "name: " + u.Name
	u.Name = name
	return s.store.UpdateUser(ctx, u, false, "", s.audit(actor, "user.set_name", u.Email, []string{before}, []string{"name: " + name}))
}

// EndOtherSessions logs the actor out everywhere but in keepSession.
func (s *Service) EndOtherSessions(ctx context.Context, actor Actor, keepSession string) error {
	u, err := s.store.User(ctx, actor.UserID)
	if err != nil {
		return err
	}
	return s.store.UpdateUser(ctx, u, true, keepSession, s.audit(actor, "user.end_sessions", u.Email, nil, nil))
}
