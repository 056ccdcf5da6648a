package db

import (
	"context"
	"database/sql"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const savedFilterColumns = `id, name, query, created_by, created_at`

func savedFilterFields(f *incident.SavedFilter) []any {
	return []any{&f.ID, &f.Name, &f.Query, &f.CreatedBy, timeOf(&f.CreatedAt)}
}

// SavedFilter returns the filter with this id.
func (s *Store) SavedFilter(ctx context.Context, id string) (incident.SavedFilter, error) {
	return one(ctx, s.r, "saved filter", savedFilterFields, `SELECT `+savedFilterColumns+` FROM saved_filters WHERE id = $1`, id)
}

// SavedFilters returns all saved filters, sorted by name.
func (s *Store) SavedFilters(ctx context.Context) ([]incident.SavedFilter, error) {
	return list(ctx, s.r, savedFilterFields, `SELECT `+savedFilterColumns+` FROM saved_filters ORDER BY LOWER(name), id`)
}

// InsertSavedFilter adds a filter. It returns Conflict if the name is taken.
func (s *Store) InsertSavedFilter(ctx context.Context, f incident.SavedFilter) error {
	_, err := s.writeRows(ctx, `INSERT INTO saved_filters (`+savedFilterColumns+`) VALUES (`+placeholders(1, 5)+`)`,
		f.ID, f.Name, f.Query, f.CreatedBy, f.CreatedAt)
	if isUnique(err) {
		return &incident.Error{Code: incident.Conflict, Message: "A saved filter with this name already exists.",
			Fields: map[string]string{"name": "A saved filter with this name already exists. Choose another name."}, Err: err}
	}
	return err
}

// DeleteSavedFilter deletes a filter.
func (s *Store) DeleteSavedFilter(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		return execOne(ctx, tx, notFound("saved filter"), `DELETE FROM saved_filters WHERE id = $1`, id)
	})
}
