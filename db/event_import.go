package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

// importBatch is how many rows one transaction imports: so few that a server on
// the same database hardly has to wait.
const importBatch = 500

// importedRow is a row of a table of Zoom's sample app, which stores nothing
// else about a webhook.
type importedRow struct {
	id                       int64
	name, account, meetingID string
}

// body returns the body to store: only what the row contains, in the places
// where a webhook has it. The number of the row makes it different from the
// next event of the same meeting, and lets a second import recognize it.
func (r importedRow) body() []byte {
	return []byte(asJSON(struct {
		Event   string         `json:"event"`
		Payload map[string]any `json:"payload"`
		Row     int64          `json:"imported_row"`
	}{r.name, map[string]any{"account_id": r.account, "object": map[string]string{"id": r.meetingID}}, r.id}))
}

// ImportEvents imports a table of a PostgreSQL database that has the columns
// id, name, accountid and meetingid, like the table of Zoom's sample app. Its
// rows become events that count as read and have no effects. Rows that were
// already imported are skipped, so an import can be stopped at any time and run
// again. progress may be nil. After each step it gets the number of rows looked
// at, their total, and how many were new.
func (s *Store) ImportEvents(ctx context.Context, from, table string, progress func(done, total, added int64)) error {
	cfg, err := pgx.ParseConfig(from)
	if err != nil {
		return errors.New("the address of the source database is invalid; use postgres://user@host:5432/database") // the cause may contain the password
	}
	source, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL at %s: %w", cfg.Host, err)
	}
	defer source.Close(context.WithoutCancel(ctx))
	name := pgx.Identifier(strings.Split(table, ".")).Sanitize()
	var total int64
	if err := source.QueryRow(ctx, `SELECT COUNT(*) FROM `+name).Scan(&total); err != nil {
		return fmt.Errorf("read the table %s: %w", table, err)
	}
	var done, added int64
	for last := int64(-1 << 63); ; {
		rows, err := source.Query(ctx, `
			SELECT CAST(id AS BIGINT), COALESCE(name, ''), COALESCE(CAST(accountid AS TEXT), ''), COALESCE(CAST(meetingid AS TEXT), '')
			FROM `+name+` WHERE id > CAST($1 AS BIGINT) ORDER BY id LIMIT $2`, last, importBatch)
		var batch []importedRow
		if err == nil {
			batch, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (i importedRow, err error) {
				err = r.Scan(&i.id, &i.name, &i.account, &i.meetingID)
				return i, err
			})
		}
		if err != nil {
			return fmt.Errorf("read the table %s (it must have the columns id, name, accountid and meetingid): %w", table, err)
		}
		if len(batch) > 0 {
			last = batch[len(batch)-1].id
		}
		n, err := s.importRows(ctx, batch)
		if err != nil {
			return err
		}
		done, added = done+int64(len(batch)), added+n
		if progress != nil {
			progress(done, total, added)
		}
		if len(batch) < importBatch {
			return nil
		}
	}
}

func (s *Store) importRows(ctx context.Context, rows []importedRow) (added int64, err error) {
	for try := 0; ; try++ {
		err = s.write(ctx, func(tx *sql.Tx) (err error) {
			ids, err := list(ctx, tx, scalar[int64], `SELECT COALESCE(MAX(id), 0) FROM events`)
			if err != nil {
				return err
			}
			now := s.now()
			id := max(ids[0]+1, FirstEventID(now))
			events := make([]storedEvent, len(rows))
			for i, r := range rows {
				body := r.body()
				e := storedEvent{text: zoom.EventText(body)}
				e.ID, e.ReceivedAt, e.SignedAt, e.EventAt = id+int64(i), now, now, now
				e.Origin, e.State, e.Body = incident.OriginImported, incident.EventRead, body
				e.Event.Event, e.AccountID, e.MeetingID = r.name, r.account, r.meetingID
				events[i] = e
			}
			if added, err = s.insertStored(ctx, tx, events); err != nil || added == 0 {
				return err
			}
			return bump(ctx, tx, TopicEvents)
		})
		if !isUnique(err) || try == 4 { // a server took one of the ids
			return added, err
		}
	}
}
