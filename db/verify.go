package db

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// VerifyReport says what Verify found in a database file.
type VerifyReport struct {
	Bytes                      int64
	SchemaVersion, SchemaKnown int64 // Drawbridge knows versions up to SchemaKnown
	Events, Incidents, Bridges int64
	Newest                     time.Time // arrival of the newest event; zero if there are none
	Checked                    int64     // events whose content is the one that Drawbridge acknowledged
	Unchecked                  int64     // events with readable content but without a stored hash: blanked or too old
	Secrets                    int
	SecretsOpened              bool // all of them open with the keys; false without keys

	// Problems are sentences that say what is wrong; none for a good file. If
	// there are many problems of one kind, the first few are listed and the
	// rest are counted.
	Problems []string
}

// Verify reads all of a database file, such as a backup, and changes nothing.
// It runs SQLite's own check of every page and index, and checks references
// between tables and the content of every event against the hash that
// recognizes duplicates. With keys, it also checks whether the stored secrets
// open. It returns an error if it could not examine the file; what is wrong
// with the file is in Problems. progress may be nil; it gets the name of each
// step.
func Verify(ctx context.Context, file string, keys *Keyring, progress func(what string)) (report VerifyReport, err error) {
	if progress == nil {
		progress = func(string) {}
	}
	info, err := os.Stat(file)
	if err != nil {
		return report, err
	}
	report.Bytes = info.Size()
	mark, err := checkHeader(file)
	if err != nil {
		return report, err
	}
	open := openSnapshot
	if _, err := os.Stat(file + "-wal"); errors.Is(err, fs.ErrNotExist) {
		// No program has it open, and SQLite would leave a log next to it.
		open = openImmutable
	}
	conn, closeFile, err := open(ctx, file)
	if isDamage(err) {
		report.problem("The file is damaged: %v.", err)
		return report, nil
	}
	if err != nil {
		return report, err
	}
	defer closeFile()
	v := verifier{queryer: conn, report: &report}
	for _, step := range []struct {
		what  string
		check func(ctx context.Context) error
	}{
		{"the kind of file", func(ctx context.Context) error {
			_, err := checkMark(ctx, v, mark)
			return errors.Join(err, checkPart(ctx, v))
		}},
		{"every page and index", func(ctx context.Context) error { return quickCheck(ctx, v, `PRAGMA integrity_check(20)`) }},
		{"references between tables", v.references},
		{"counts", v.count},
		{"secrets", func(ctx context.Context) error { return v.secrets(ctx, keys) }},
		{"every event", v.events},
	} {
		progress(step.what)
		err := step.check(ctx)
		switch {
		case err == nil:
		case errors.Is(err, errForeign), errors.Is(err, errForeignLog), isWrongStatement(err):
			report.problem("The file is not a Drawbridge database, or its version is unknown to this program (%v).", err)
			return report, nil
		case isDamage(err):
			report.problem("Damaged: %v.", err)
		default:
			return report, err
		}
	}
	return report, nil
}

func (r *VerifyReport) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

type verifier struct {
	queryer
	report *VerifyReport
}

func (v verifier) references(ctx context.Context) error {
	var broken []string
	err := each(ctx, v, func(r row) error {
		var table, parent string
		var id, key int64
		err := r.Scan(&table, numberOf(&id), &parent, &key)
		broken = append(broken, fmt.Sprintf("row %d of %s", id, table))
		return err
	}, `PRAGMA foreign_key_check`)
	if len(broken) > 0 {
		v.report.problem("%d rows refer to a missing row: %s.", len(broken), strings.Join(broken[:min(len(broken), 5)], ", "))
	}
	return err
}

func (v verifier) count(ctx context.Context) error {
	known, err := knownSchema()
	if err != nil {
		return err
	}
	v.report.SchemaKnown = known
	err = each(ctx, v, func(r row) error {
		return r.Scan(&v.report.SchemaVersion, &v.report.Events, arrivalOf(&v.report.Newest), &v.report.Incidents, &v.report.Bridges)
	}, `SELECT (SELECT MAX(version_id) FROM goose_db_version WHERE is_applied), (SELECT COUNT(*) FROM events), (SELECT COALESCE(MAX(id), 0) FROM events),
		(SELECT COUNT(*) FROM incidents), (SELECT COUNT(*) FROM bridges)`)
	if v.report.SchemaVersion > known {
		v.report.problem("A newer Drawbridge wrote it: its schema has version %d, but this program knows versions only up to %d.", v.report.SchemaVersion, known)
	}
	return err
}

func (v verifier) secrets(ctx context.Context, keys *Keyring) error {
	type stored struct{ account, name, sealed string }
	all, err := list(ctx, v, func(s *stored) []any {
		return []any{&s.account, &s.name, &s.sealed}
	}, `SELECT account_id, name, sealed FROM secrets ORDER BY name`)
	v.report.Secrets = len(all)
	if err != nil || keys == nil {
		return err
	}
	v.report.SecretsOpened = true
	for _, s := range all {
		if _, err := keys.Open(Cell{Table: "secrets", Column: "sealed", Row: s.account + "/" + s.name}, s.sealed); err != nil {
			v.report.SecretsOpened = false
			v.report.problem("The secret %s does not open: %v", s.name, err)
		}
	}
	return nil
}

// events reads every event. An event that Zoom may still redeliver has its hash
// stored, and its content must match that hash.
func (v verifier) events(ctx context.Context) error {
	if v.report.SchemaVersion < 2 || v.report.SchemaVersion > v.report.SchemaKnown {
		v.report.Unchecked = v.report.Events
		return nil
	}
	// Keys are deleted when both their event_ts and their event's arrival are too
	// old. So a key is gone only if every key that is left has a later time.
	oldest, err := one(ctx, v, "key", scalar[int64], `
		SELECT COALESCE(MIN(CASE WHEN at < event_id / 4096 THEN event_id / 4096 ELSE at END), 9223372036854775807) FROM event_keys WHERE at > 0`)
	if err != nil {
		return err
	}
	const batch = 100
	type content struct {
		id       int64
		blanked  bool
		encoding int
		content  []byte
	}
	bad := 0
	for last, more := int64(0), true; more; {
		events, err := list(ctx, v, func(c *content) []any {
			return []any{&c.id, &c.blanked, &c.encoding, &c.content}
		}, `SELECT id, blanked_at IS NOT NULL, encoding, content FROM events WHERE id > $1 ORDER BY id LIMIT $2`, last, batch)
		if err != nil {
			return err
		}
		more = len(events) == batch
		for _, e := range events {
			last = e.id
			_, body, err := unpackContent(e.encoding, e.content)
			if err == nil && e.blanked {
				v.report.Unchecked++
				continue
			}
			if err == nil {
				k := keysOf(body, "")[0]
				owner, listErr := list(ctx, v, scalar[int64], `SELECT event_id FROM event_keys WHERE at = $1 AND key = $2`, k.at, k.hash[:])
				switch {
				case listErr != nil:
					return listErr
				case len(owner) == 1 && owner[0] == e.id:
					v.report.Checked++
					continue
				case len(owner) == 0 && 0 < k.at && k.at <= oldest:
					v.report.Unchecked++
					continue
				}
				err = errors.New("its content is not what Drawbridge acknowledged")
			}
			if bad++; bad <= 5 {
				v.report.problem("Event %d: %v.", e.id, err)
			}
		}
	}
	if bad > 5 {
		v.report.problem("%d more events have the same kind of problem.", bad-5)
	}
	return nil
}
