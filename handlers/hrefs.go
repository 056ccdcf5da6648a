package handlers

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/views"
)

// hrefWith is this page with other query values, given as name, value, name, value …;
// an empty value removes the name.
func hrefWith(c echo.Context, pairs ...string) string {
	q := url.Values{}
	for name, values := range c.Request().URL.Query() {
		if len(values) > 0 && values[0] != "" {
			q.Set(name, values[0])
		}
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if q.Del(pairs[i]); pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return c.Request().URL.Path
	}
	return c.Request().URL.Path + "?" + q.Encode()
}

// pager links to the next page, unless its cursor next is "", and
// from any page but the first back to the first.
func pager(c echo.Context, cursor, next string) (p views.Pager) {
	if next != "" {
		p.Older = hrefWith(c, "cursor", next)
	}
	if cursor != "" {
		p.Newer = hrefWith(c, "cursor", "")
	}
	return p
}

// versionPath is the page of a version of a runbook.
func versionPath(id string, version int64) string {
	return "/runbooks/" + id + "/versions/" + strconv.FormatInt(version, 10)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// refusalText is the message of an incident.Error with any code, after the cause that Zoom gave. It is "" for other errors.
func (s *Site) refusalText(c echo.Context, err error) string {
	var e *incident.Error
	if !errors.As(err, &e) {
		return ""
	}
	if e.Reason != nil {
		return reasonWords(told(c, *e.Reason)[0], s.Now()).Says().Cause + " " + e.Message
	}
	return e.Message
}
