package db

import (
	"context"
	"database/sql"
)

// SQLite's search index is in parts, of which there is a new one with each commit,
// and parts are merged (https://www.sqlite.org/fts5.html#the_automerge_configuration_option).
// By itself FTS5 does so within a commit, hundreds of pages at a time, and events
// that arrive wait for that. So it is told not to, and merges here, a few pages in
// a transaction.
const (
	mergePages  = 16
	mergeEvents = 32 // that are read or removed for each such transaction, as FTS5 would
	mergeParts  = 8  // of one size that become one
)

// mergeByHand tells the index not to merge by itself.
func (s *Store) mergeByHand(ctx context.Context) error {
	by, err := list(ctx, s.r, scalar[int64], `SELECT v FROM event_words_config WHERE k = 'automerge'`)
	if err != nil || len(by) > 0 && by[0] == 0 {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := exec(ctx, tx, `INSERT INTO event_words (event_words, rank) VALUES ('usermerge', $1)`, mergeParts); err != nil {
			return err
		}
		_, err := exec(ctx, tx, `INSERT INTO event_words (event_words, rank) VALUES ('automerge', 0)`)
		return err
	})
}

// mergeWords merges as much of the index as so many events that were read or
// removed ask for. What it leaves is merged later: no event depends on it.
func (s *Store) mergeWords(ctx context.Context, events int) {
	if s.postgres {
		return
	}
	for done := 0; done < events; done += mergeEvents {
		more, err := s.mergeOnce(ctx)
		if err != nil {
			s.log.WarnContext(ctx, "the search index could not be merged", "error", err)
		}
		if err != nil || !more {
			return
		}
	}
}

// mergeOnce reports whether there was something to merge: then more than one
// row changed, as FTS5 documents.
func (s *Store) mergeOnce(ctx context.Context) (more bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		const changes = `SELECT total_changes()`
		before, err := list(ctx, tx, scalar[int64], changes)
		if err != nil {
			return err
		}
		if _, err := exec(ctx, tx, `INSERT INTO event_words (event_words, rank) VALUES ('merge', $1)`, mergePages); err != nil {
			return err
		}
		after, err := list(ctx, tx, scalar[int64], changes)
		if err == nil {
			more = after[0]-before[0] >= 2
		}
		return err
	})
	return more, err
}
