package incident

import (
	"context"
	"strings"
	"time"
)

// SavedFilter is a named filter of the event log. Everyone sees all of them.
type SavedFilter struct {
	ID        string
	Name      string
	Query     string // query of the page's URL
	CreatedBy string // id of a user
	CreatedAt time.Time
}

// MayDelete reports whether an actor may delete the filter: its creator and
// admins may.
func (f SavedFilter) MayDelete(a Actor) bool {
	return a.UserID != "" && a.UserID == f.CreatedBy || a.Role.Includes(Admin)
}

// maxSavedFilters keeps the list of filters short enough to read.
const maxSavedFilters = 50

// SaveFilter saves a filter of the event log under a name.
func (s *Service) SaveFilter(ctx context.Context, actor Actor, name, query string) (SavedFilter, error) {
	if err := need(actor, Responder); err != nil {
		return SavedFilter{}, err
	}
	fields := map[string]string{}
	if name = strings.TrimSpace(name); name == "" {
		fields["name"] = "Enter a name for the filter."
	}
	tooLong(fields, "name", name, 60)
	tooLong(fields, "query", query, 2000)
	if query == "" {
		fields["query"] = "Choose a filter first."
	}
	if len(fields) > 0 {
		return SavedFilter{}, invalid("The filter wasn’t saved.", fields)
	}
	saved, err := s.store.SavedFilters(ctx)
	if err != nil {
		return SavedFilter{}, err
	}
	if len(saved) >= maxSavedFilters {
		return SavedFilter{}, invalid("The filter wasn’t saved.", map[string]string{"name": "There are already 50 saved filters. Delete one first."})
	}
	f := SavedFilter{ID: newID(), Name: name, Query: query, CreatedBy: actor.UserID, CreatedAt: s.now()}
	return f, s.store.InsertSavedFilter(ctx, f)
}

// DeleteFilter deletes a saved filter. Only its creator and admins may.
func (s *Service) DeleteFilter(ctx context.Context, actor Actor, id string) error {
	if err := need(actor, Responder); err != nil {
		return err
	}
	f, err := s.store.SavedFilter(ctx, id)
	if err != nil {
		return err
	}
	if !f.MayDelete(actor) {
		return refuse(Forbidden, "Someone else saved this filter. Ask them or an admin to delete it.")
	}
	return s.store.DeleteSavedFilter(ctx, id)
}
