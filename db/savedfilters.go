package db

import (
	"context"

	"github.com/drawbridge-hq/drawbridge/incident"
)

const savedFilterColumns = `id, name, query, created_by, created_at`

func scanSavedFilter(r row) (f incident.SavedFilter, err error) {
	err = r.Scan(&f.ID, &f.Name, &f.Query, &f.CreatedBy, timeOf(&f.CreatedAt))
	return f, err
}

// SavedFilter is the filter with this id. NotFound if there is none.
func (s *Store) SavedFilter(ctx context.Context, id string) (incident.SavedFilter, error) {
	return one(ctx, s.r, "saved filter", scanSavedFilter, `SELECT `+savedFilterColumns+` FROM saved_filters WHERE id = $1`, id)
}

// SavedFilters is every saved filter, by name.
func (s *Store) SavedFilters(ctx context.Context) ([]incident.SavedFilter, error) {
	return list(ctx, s.r, scanSavedFilter, `SELECT `+savedFilterColumns+` FROM saved_filters ORDER BY LOWER(name), id`)
}

// InsertSavedFilter adds a filter. Conflict if the name is taken.
func (s *Store) InsertSavedFilter(ctx context.Context, f incident.SavedFilter) error {
	_, err := s.writeRows(ctx, `INSERT INTO saved_filters (`+savedFilterColumns+`) VALUES (`+placeholders(1, 5)+`)`,
		f.ID, f.Name, f.Query, f.CreatedBy, f.CreatedAt)
	if isUnique(err) {
		return &incident.Error{Code: incident.Conflict, Message: "A saved filter has this name already.",
			Fields: map[string]string{"name": "A saved filter has this name already. Choose another."}, Err: err}
	}
	return err
}

// DeleteSavedFilter deletes a filter. NotFound if there is none.
func (s *Store) DeleteSavedFilter(ctx context.Context, id string) error {
	n, err := s.writeRows(ctx, `DELETE FROM saved_filters WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = notFound("saved filter")
	}
	return err
}
