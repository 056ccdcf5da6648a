package db

import (
	"context"
	"database/sql"
	"regexp"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// keepFacts is version 9 of the schema. Up to version 8, the database stored
// English sentences about what had happened. Since version 9 it stores codes
// with data, and the words are chosen where they are shown. Only this code
// reads the old sentences. A sentence that it cannot parse becomes the text of
// a note.
//
// It writes today's types of package incident. A later version that changes their
// JSON must convert what this one wrote, and copy the types as they are now to
// here.
func (s *Store) keepFacts() *goose.Migration {
	return goose.NewGoMigration(9, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		for _, step := range []func(context.Context, *sql.Tx) error{
			statements(
				`ALTER TABLE timeline_entries ADD COLUMN data TEXT NOT NULL DEFAULT '{}'`, // JSON
				`UPDATE events SET read_error = CASE read_error
					WHEN 'The reader failed on this body.' THEN 'crashed'
					WHEN 'What it says could not be stored.' THEN 'not_stored'
					ELSE 'not_json' END
				WHERE state = 'unreadable' AND read_error <> ''`,
			),
			convertTimeline, convertReasons,
			convertAttempts, // last of the three, because the others read the attempts' causes
			convertLooks, convertCheck, convertAudit,
			statements(
				`ALTER TABLE timeline_entries DROP COLUMN text`,
				`ALTER TABLE bridges RENAME COLUMN reason TO reasons`, // JSON
				`ALTER TABLE bridges DROP COLUMN fix`,
				`ALTER TABLE bridge_attempts RENAME COLUMN cause TO reason`, // JSON; '': none
				`ALTER TABLE gap_looks DROP COLUMN fix`,                     // problem is JSON; '': the check finished
				`ALTER TABLE jobs DROP COLUMN last_error`,
			),
		} {
			if err := step(s.unwatched(ctx), tx); err != nil {
				return err
			}
		}
		return nil
	}}, nil)
}

func statements(list ...string) func(context.Context, *sql.Tx) error {
	return func(ctx context.Context, tx *sql.Tx) error {
		for _, statement := range list {
			if err := exec(ctx, tx, statement); err != nil {
				return err
			}
		}
		return nil
	}
}

// convertedRows is how many rows are in memory at a time.
const convertedRows = 100

// rewrite changes the rows of a table. read selects as many texts as columns says,
// first the id: of the rows after the id $1, in the order of ids. change returns the
// new values of a row, and write stores them from the table v: column1 is the id,
// and the values follow. change must not return an id that sorts after its own.
func rewrite(ctx context.Context, tx *sql.Tx, read string, columns int, write string, change func(r []string) ([]any, error)) error {
	fields := func(texts *[]string) []any {
		*texts = make([]string, columns)
		fields := make([]any, columns)
		for i := range fields {
			fields[i] = textOf(&(*texts)[i])
		}
		return fields
	}
	for last, done := "", false; !done; {
		rows, err := list(ctx, tx, fields, read+` LIMIT $2`, last, convertedRows)
		if err != nil {
			return err
		}
		if done = len(rows) < convertedRows; len(rows) == 0 {
			break
		}
		last = rows[len(rows)-1][0]
		var places []string
		var args []any
		for _, r := range rows {
			values, err := change(r)
			if err != nil {
				return err
			}
			places = append(places, "("+placeholders(1+len(args), 1+len(values))+")")
			args = append(append(args, r[0]), values...)
		}
		values := `(VALUES ` + strings.Join(places, ",") + `) AS v`
		if err := exec(ctx, tx, strings.Replace(write, "$v", values, 1), args...); err != nil {
			return err
		}
	}
	return nil
}

// form is a sentence of an old version and its meaning.
type form[T any] struct {
	sentence *regexp.Regexp
	says     T
}

// say returns the form of a sentence. A name in braces stands for any text, or
// for what parts says.
func say[T any](sentence string, says T) form[T] {
	pattern := named.ReplaceAllStringFunc(regexp.QuoteMeta(sentence), func(hole string) string {
		name := named.FindStringSubmatch(hole)[1]
		if pattern, ok := parts[name]; ok {
			return pattern
		}
		return `(?P<` + name + `>.*)`
	})
	return form[T]{regexp.MustCompile(`^(?s:` + pattern + `)$`), says}
}

var named = regexp.MustCompile(`\\\{(\w+)\\\}`)

var parts = map[string]string{
	"host":      `(?:The host|(?P<host>\S+@\S+))`, // the address was inserted if it was known
	"user":      `(?:backup_user, Backup user|person,) \S+`,
	"whose":     `(?:Backup user )?\S+`,
	"number":    `(?P<number>\d+)`,
	"maybe":     `(?P<maybe> The meeting may exist all the same\.)?`,
	"exclaimed": `(?P<reasons>.*[!?…])`, // the program added a period
}

// match finds the first form that text has. found holds the parts of text by
// name.
func match[T any](forms []form[T], text string) (says T, found map[string]string, ok bool) {
	for _, f := range forms {
		if m := f.sentence.FindStringSubmatch(text); m != nil {
			found = map[string]string{}
			for i, name := range f.sentence.SubexpNames() {
				found[name] = m[i]
			}
			return f.says, found, true
		}
	}
	return says, nil, false
}

// levelOf returns the level that an old version stored as a color.
func levelOf(color string) incident.Level {
	switch color {
	case "green":
		return incident.LevelOK
	case "grey":
		return incident.LevelNote
	case "red":
		return incident.LevelBad
	}
	return incident.LevelWarning
}
