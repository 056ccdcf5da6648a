package zoomsim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// page is the position at which a list continues.
type page struct {
	list    string // path and parameters, which must be the same in the next call
	offset  int
	expires time.Time
}

// paged answers with one page of a list: 30 records unless page_size says otherwise, at most 300. A
// next_page_token is valid for 15 minutes and only with the same parameters. It is "" on the last page. name is
// the key of the records, and extra holds more keys with their values.
func (s *Sim) paged(q *request, name string, all []json.RawMessage, extra ...any) answer {
	query := q.URL.Query()
	size, err := strconv.Atoi(query.Get("page_size"))
	if err != nil || size < 1 {
		size = 30
	}
	size = min(size, 300)
	next := query.Get("next_page_token")
	query.Del("next_page_token")
	list := q.URL.Path + "?" + query.Encode()
	offset := 0
	if next != "" {
		p, ok := s.pages[next]
		if !ok || p.list != list || q.now.After(p.expires) {
			return fail(http.StatusBadRequest, 300, "The next page token is invalid or expired.")
		}
		offset = min(p.offset, len(all))
	}
	part := append([]json.RawMessage{}, all[offset:min(offset+size, len(all))]...) // not nil, which would be null
	next = ""
	if end := offset + len(part); end < len(all) {
		next = s.random("page", 35)
		s.pages[next] = page{list, end, q.now.Add(15 * time.Minute)}
	}
	pairs := []any{"next_page_token", next, "page_size", size, name, part}
	if name != "webhook_logs" { // which does not say how much there is
		pairs = append(pairs, "page_count", (len(all)+size-1)/size, "total_records", len(all))
	}
	return answer{status: http.StatusOK, body: object(append(pairs, extra...)...)}
}
