package db

import (
	"context"
	"database/sql"
	"strings"

	"github.com/pressly/goose/v3"
	"golang.org/x/text/unicode/norm"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// The column search of an incident has what a search for incidents finds: its name,
// description, opener and notes, folded. It is folded here, because what LOWER does to
// letters beyond ASCII depends on the database and its locale.

// folded returns s in lower case and with composed letters.
func folded(s string) string { return strings.ToLower(norm.NFC.String(s)) }

func searchedText(texts ...string) string { return folded(strings.Join(texts, "\n")) }

// searched limits a list of incidents i to those that have every word of the text. The
// key of an incident stands for it.
func (w *where) searched(text string) {
	if number, ok := incident.ParseKey(strings.TrimSpace(text)); ok {
		w.args = append(w.args, number)
		w.add(`(i.number = `+placeholders(len(w.args), 1)+` OR i.search LIKE $? ESCAPE '\')`, likeText(folded(text)))
		return
	}
	for word := range strings.FieldsSeq(folded(text)) {
		w.add(`i.search LIKE $? ESCAPE '\'`, likeText(word))
	}
}

// addSearched makes a further text of an incident searchable.
func addSearched(ctx context.Context, tx *sql.Tx, number int64, text string) error {
	return exec(ctx, tx, `UPDATE incidents SET search = search || $2 WHERE number = $1`, number, "\n"+folded(text))
}

// setSearched makes an incident searchable by these texts and its notes.
func setSearched(ctx context.Context, tx *sql.Tx, number int64, texts ...string) error {
	notes, err := list(ctx, tx, func(d *incident.TimelineData) []any { return []any{jsonOf(d)} }, `
		SELECT data FROM timeline_entries WHERE incident_number = $1 AND kind = $2 ORDER BY at, id`, number, incident.EntryNote)
	if err != nil {
		return err
	}
	for _, n := range notes {
		texts = append(texts, n.Text)
	}
	return exec(ctx, tx, `UPDATE incidents SET search = $2 WHERE number = $1`, number, searchedText(texts...))
}

// searchIncidents is version 23 of the schema.
func (s *Store) searchIncidents() *goose.Migration {
	return goose.NewGoMigration(23, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		ctx = s.unwatched(ctx)
		if err := exec(ctx, tx, `ALTER TABLE incidents ADD COLUMN search TEXT NOT NULL DEFAULT ''`); err != nil {
			return err
		}
		type row struct {
			number int64
			texts  [3]string
		}
		for last := int64(0); ; {
			rows, err := list(ctx, tx, func(r *row) []any { return []any{&r.number, &r.texts[0], &r.texts[1], &r.texts[2]} }, `
				SELECT number, name, description, opener_email FROM incidents WHERE number > $1 ORDER BY number LIMIT $2`, last, convertedRows)
			if err != nil || len(rows) == 0 {
				return err
			}
			for _, r := range rows {
				last = r.number
				if err := setSearched(ctx, tx, r.number, r.texts[:]...); err != nil {
					return err
				}
			}
		}
	}}, nil)
}
