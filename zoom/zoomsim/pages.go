package zoomsim

import (
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

type pageBody struct {
	NextPageToken string `json:"next_page_token"`
	PageCount     int    `json:"page_count"`
	PageSize      int    `json:"page_size"`
	TotalRecords  int    `json:"total_records"`
}

// paged answers with one page of a list: 30 records unless page_size says otherwise, at most max. A
// next_page_token is valid for 15 minutes and only with the same parameters. It is "" on the last page.
func paged[T any](s *Sim, q *request, all []T, max int, body func(pageBody, []T) any) answer {
	query := q.URL.Query()
	size, err := strconv.Atoi(query.Get("page_size"))
	if err != nil || size < 1 {
		size = 30
	}
	size = min(size, max)
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
	part := all[offset:min(offset+size, len(all))]
	if part == nil {
		part = []T{}
	}
	b := pageBody{PageSize: size, TotalRecords: len(all), PageCount: (len(all) + size - 1) / size}
	if end := offset + len(part); end < len(all) {
		b.NextPageToken = s.random("page", 35)
		s.pages[b.NextPageToken] = page{list, end, q.now.Add(15 * time.Minute)}
	}
	return answer{status: http.StatusOK, body: body(b, part)}
}
