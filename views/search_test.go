package views_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/views"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	f := in("Search", "")
	page := func(text string, href string) views.SearchPage {
		return views.SearchPage{Frame: f, Query: text, Groups: []views.SearchGroup{
			{Title: "Incidents", Hits: []views.SearchHit{{Text: text, Detail: text, Href: href, At: when(time.Minute)}}, MoreText: "All incidents found", MoreHref: "/incidents?q=x"},
			{Title: "Settings", Hits: []views.SearchHit{{Text: text, Href: href}}},
		}}
	}
	testGolden(t, []golden{
		{"search-empty", views.Search(views.SearchPage{Frame: f})},
		{"search-nothing", views.Search(views.SearchPage{Frame: f, Query: "nothing"})},
		{"search-full", views.Search(page("INC-42 db down", "/incidents/42"))},
		{"search-long", views.Search(page(long, "/incidents/42"))},
		{"search-hostile", views.Search(page(hostile, "javascript:alert(1)"))},
	})
}
