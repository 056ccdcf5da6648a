package db_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// One search finds events by what people type and paste.
func TestSearch(t *testing.T) {
	t.Parallel()
	var names []string
	var queries map[string]string
	for file, v := range map[string]any{"testdata/search-names.json": &names, "testdata/search-queries.json": &queries} {
		text, err := os.ReadFile(file)
		check(t, err)
		check(t, json.Unmarshal(text, v))
	}
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		i, b := openIncident(t, s, addRunbook(t, s, "outage"))
		b = readyBridge(t, s, b, "87685621847")
		ids := map[string]int64{}
		add := func(name string, r incident.Reading) {
			r.Event = "meeting.participant_joined"
			ids[name] = addRead(t, s, len(ids), r)
		}
		add("bridge", incident.Reading{MeetingID: "87685621847", Topic: "db down", BridgeID: b.ID})
		add("pieces", incident.Reading{Topic: "876 reports of 8562 hosts, 1847 open"})
		for _, name := range names {
			add(name, incident.Reading{Who: name, MeetingID: "222"})
		}
		add("カタカナ", incident.Reading{Who: "ヤマモト ケンジ", MeetingID: "222"})
		add("mixed", incident.Reading{Who: "田中san", MeetingID: "222"})
		add("mail", incident.Reading{Who: "Jürgen juergen.gross@example.com", MeetingID: "222"})
		add("uuid", incident.Reading{Topic: "4444AAAiAAAAAiAiAiiAii==", MeetingID: "222"})
		add("decomposed", incident.Reading{Who: "Zoe\u0308 O'Neill", MeetingID: "222"})

		type search struct {
			name   string
			filter db.EventFilter
			want   []string // newest first
		}
		text := func(q string) db.EventFilter { return db.EventFilter{Text: q} }
		meeting := func(q string) db.EventFilter { return db.EventFilter{MeetingID: q} }
		list := []search{
			{"an id as shown", text("876 8562 1847"), []string{"pieces", "bridge"}},
			{"an id with hyphens", text("876-8562-1847"), []string{"pieces", "bridge"}},
			{"the digits", text("87685621847"), []string{"bridge"}},
			{"a link", text("https://us05web.zoom.us/j/87685621847?pwd=abc.1"), []string{"bridge"}},
			{"a link and a word", text("down https://us05web.zoom.us/j/87685621847?pwd=abc.1"), []string{"bridge"}},
			{"a link and another word", text("up https://us05web.zoom.us/j/87685621847?pwd=abc.1"), nil},
			{"the start of an id", text("8768562"), []string{"bridge"}},
			{"meeting as shown", meeting("876 8562 1847"), []string{"bridge"}},
			{"meeting with hyphens", meeting("876-8562-1847"), []string{"bridge"}},
			{"meeting in a link", meeting("https://us05web.zoom.us/j/87685621847"), []string{"bridge"}},
			{"meeting that is none", meeting("876 8562"), nil},
			{"an incident", text(i.Key()), []string{"bridge"}},
			{"an incident, other case", text("inc-1"), []string{"bridge"}},
			{"an incident in a link", text("https://bridge.example.com/j/INC-1?k=x"), []string{"bridge"}},
			{"an incident and a word", text("INC-1 down"), []string{"bridge"}},
			{"an incident and another word", text("INC-1 up"), nil},
			{"an incident that is not one", text("INC-99"), nil},
			{"an e-mail address", text("juergen.gross@example.com"), []string{"mail"}},
			{"the start of a word", text("juerg"), []string{"mail"}},
			{"the start of a word and a word", text("juerg example"), []string{"mail"}},
			{"too short for a start", text("ju"), nil},
			{"uuid", text("4444AAAiAAAAAiAiAiiAii=="), []string{"uuid"}},
			{"composed, stored decomposed", text("zoë"), []string{"decomposed"}},
			{"one letter", text("郎"), []string{"田中太郎"}},
			{"two names have it", text("田中"), []string{"mixed", "田中太郎"}},
			{"three letters", text("中太郎"), []string{"田中太郎"}},
			{"the whole name", text("田中太郎"), []string{"田中太郎"}},
			{"both ends", text("田中 太郎"), []string{"田中太郎"}},
			{"not in this order", text("中田"), nil},
			{"a mixed word", text("中san"), []string{"mixed"}},
			{"katakana", text("マモト"), []string{"カタカナ"}},
			{"part and type", db.EventFilter{Text: "太郎", Events: []string{"meeting.*"}}, []string{"田中太郎"}},
			{"part and another type", db.EventFilter{Text: "太郎", Events: []string{"meeting.ended"}}, nil},
			{"operators are words", text(`"太郎" OR (AND) NOT '*`), nil},
		}
		for q, name := range queries {
			want := []string{name}
			if q == "田中" {
				want = []string{"mixed", name}
			}
			list = append(list, search{"case " + q, text(q), want})
		}
		for _, tt := range list {
			t.Run(tt.name, func(t *testing.T) {
				page, err := s.EventRows(ctx, tt.filter, "", 0)
				check(t, err)
				want := []int64{}
				for _, name := range tt.want {
					want = append(want, ids[name])
				}
				same(t, append([]int64{}, eventIDs(page.Items)...), want)
				n, more, err := s.CountMatches(ctx, tt.filter, 100)
				check(t, err)
				if n != len(want) || more {
					t.Errorf("counted %d, more: %v; want %d", n, more, len(want))
				}
			})
		}
	})
}

// Events that were indexed before parts of words were are found by the start of
// a name.
func TestSearchOldIndex(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	old := addRead(t, s, 0, incident.Reading{Event: "meeting.started"})
	_, err := raw(t, cfg).Exec(`INSERT OR REPLACE INTO event_words (rowid, words) VALUES (?, 'meeting started 田中太郎')`, old)
	check(t, err)
	for q, want := range map[string][]int64{"田中": {old}, "田": {old}, "田中太郎": {old}, "太郎": {}} {
		page, err := s.EventRows(t.Context(), db.EventFilter{Text: q}, "", 0)
		check(t, err)
		if got := append([]int64{}, eventIDs(page.Items)...); len(got) != len(want) {
			t.Errorf("%s finds %d events, want %d", q, len(got), len(want))
		}
	}
}
