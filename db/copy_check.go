package db

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// rowsHash is a hash of rows that does not depend on their order.
type rowsHash struct {
	rows  int64
	lanes [4]uint64
	buf   bytes.Buffer
}

func (h *rowsHash) add(values []any) error {
	h.buf.Reset()
	for _, v := range values {
		var n [8]byte
		put := func(kind byte, x uint64) {
			h.buf.WriteByte(kind)
			binary.BigEndian.PutUint64(n[:], x)
			h.buf.Write(n[:])
		}
		switch v := v.(type) {
		case nil:
			h.buf.WriteByte('-')
		case int64:
			put('n', uint64(v))
		case bool:
			if put('f', 0); v {
				put('f', 1)
			}
		case string:
			put('t', uint64(len(v)))
			h.buf.WriteString(v)
		case []byte:
			put('b', uint64(len(v)))
			h.buf.Write(v)
		default:
			return fmt.Errorf("a value of type %T cannot be compared", v)
		}
	}
	sum := sha256.Sum256(h.buf.Bytes())
	for i := range h.lanes {
		h.lanes[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
	h.rows++
	return nil
}

// check compares all rows of a table in both databases.
func (c *copier) check(ctx context.Context, t copiedTable) (CopiedTable, error) {
	c.progress("checking "+t.name, 0, t.total)
	var ours, theirs rowsHash
	g, gctx := errgroup.WithContext(ctx)
	query := `SELECT ` + quoteNames(t.columns...) + ` FROM ` + t.quoted()
	g.Go(func() error {
		rows, err := c.from.QueryContext(gctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := scanCopied(rows, t)
			if err == nil {
				err = ours.add(values)
			}
			if err != nil {
				return err
			}
			if ours.rows%copyRows == 0 {
				c.progress("checking "+t.name, ours.rows, t.total)
			}
		}
		return rows.Err()
	})
	g.Go(func() error {
		rows, err := c.conn.Query(gctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			values, err := rows.Values()
			if err == nil {
				err = theirs.add(values)
			}
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err := g.Wait(); err != nil {
		return CopiedTable{}, err
	}
	if ours.rows != theirs.rows || ours.lanes != theirs.lanes {
		return CopiedTable{}, fmt.Errorf("the target (%d rows) differs from the source (%d rows): "+
			"the source changed after the copy started; empty the target database and copy again", theirs.rows, ours.rows)
	}
	return CopiedTable{Name: t.name, Rows: ours.rows, Hash: fmt.Sprintf("%016x", ours.lanes[0])}, nil
}
