package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
)

// burst posts n different signed events as fast as the server accepts them. kinds are
// their types, in turn.
func (w *world) burst(ctx context.Context, n int, kinds ...string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	numbers, failed := make(chan int), make(chan error, 32)
	var senders sync.WaitGroup
	for range 32 {
		senders.Go(func() {
			for i := range numbers {
				if err := w.post(ctx, client, i, kinds[i%len(kinds)]); err != nil {
					select {
					case failed <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	senders.Wait()
	close(failed)
	return <-failed
}

func (w *world) post(ctx context.Context, client *http.Client, i int, kind string) error {
	at := w.clock.now()
	body := fmt.Appendf(nil, `{"event":%q,"event_ts":%d,"payload":{"account_id":"x","object":{"id":"%d","uuid":"u%d==","topic":"Standup of team %d","n":"%d",
		"participant":{"user_name":"Person %d","participant_uuid":"p%d","join_time":%q}}}}`,
		kind, at.UnixMilli(), 80000000000+i%97, i%97, i%97, at.UnixNano(), i%700, i, at.UTC().Format(time.RFC3339))
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+"/webhook", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header = w.sim.Sign(body, at)
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("event %d: status %d", i, answer.StatusCode)
	}
	return nil
}

var everyKind = []string{"meeting.participant_joined", "meeting.participant_joined", "meeting.participant_left", "meeting.started", "meeting.ended", "recording.completed", "user.updated"}

// Someone reads the log while a thousand events a second arrive.
func TestLiveTail(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newSeededWorld(t)
	b := newTab(t, w.url)
	b.logIn(demoEmail)
	b.open("/events")
	b.wait("a live page", `document.querySelector("[data-db-live=live]")`)
	b.allow("503") // a slow machine with so many events; the next update succeeds
	// Record the most rows that the page showed at once, and how often the list changed.
	get[bool](b, `(() => {
		window.most = 0;
		window.swaps = 0;
		new MutationObserver(() => { most = Math.max(most, document.querySelectorAll("#live tbody tr[class]").length); swaps++; })
			.observe(document.querySelector(".db-live"), { childList: true });
		return true;
	})()`)
	rows := func() []string {
		return get[[]string](b, `[...document.querySelectorAll("#live a.db-row-main")].map((a) => a.id)`)
	}

	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		ticks := time.NewTicker(100 * time.Millisecond)
		defer ticks.Stop()
		for {
			select {
			case <-stop:
				done <- nil
				return
			case <-ticks.C: // if a burst takes longer, the next one starts at once
				if err := w.burst(context.Background(), 100, everyKind...); err != nil {
					done <- err
					return
				}
			}
		}
	}()

	b.wait("the rate", `/^[\d,]+\+?\/s now/.test(document.querySelector("#tail").textContent)`)
	b.wait("the number of events that are not shown", `/Showing the newest 50; [\d,]+\+? more arrived in between/.test(document.querySelector("#tail").textContent)`)
	if n := len(rows()); n != 50 {
		t.Errorf("%d rows, want a page of 50", n)
	}

	b.click("button >> Pause")
	b.see("paused")
	still := rows()
	swaps := get[int](b, `swaps`)
	b.wait("the number of new events", `/[\d,]+\+? new since you paused/.test(document.querySelector("#tail").textContent)`)
	more := `Number(/([\d,]+)\+? new since/.exec(document.querySelector("#tail").textContent)[1].replaceAll(",", ""))`
	first := get[int](b, more)
	b.wait("a higher number", more+" > "+strconv.Itoa(first))
	if now := rows(); fmt.Sprint(now) != fmt.Sprint(still) || get[int](b, `swaps`) != swaps {
		t.Errorf("the paused list moved from %v to %v", still[0], now[0])
	}

	b.click("button >> Resume")
	b.see("up to date")
	b.wait("the newest", `document.querySelector("#live a.db-row-main").id !== `+quoted(still[0]))

	// Scrolling down pauses the list, and so does opening an event.
	get[bool](b, `(scrollTo(0, document.documentElement.scrollHeight), true)`)
	b.see("paused")
	still = rows()
	b.wait("the number of new events", `/new since you paused/.test(document.querySelector("#tail").textContent)`)
	if now := rows(); now[0] != still[0] {
		t.Error("the list moved while someone was reading it")
	}
	get[bool](b, `(scrollTo(0, 0), true)`)
	b.wait("a live page", `document.querySelector("[data-db-live=live]")`)

	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if most := get[int](b, `most`); most > 50 {
		t.Errorf("the page showed %d rows at once, want 50 at most", most)
	}
	b.click("table.db-events tbody a.db-row-main")
	b.wait("the event", `document.querySelector("[data-db-detail]") && location.pathname !== "/events"`)
	b.see("paused")
	b.click("button >> Resume")
	b.wait("the list alone", `location.pathname === "/events" && !document.querySelector("[data-db-detail]")`)
	b.wait("a live page", `document.querySelector("[data-db-live=live]")`)
}

// --- a log with many events

// seedLog stores 10,000 events of the last 30 days, most of them recent, some of them
// stale and some unreadable.
func seedLog(ctx context.Context, w *world) error {
	w.clock.set(31 * 24 * time.Hour)
	if err := w.program.SeedDemo(ctx, w.sim, false); err != nil {
		return err
	}
	for i, part := range []struct {
		ago time.Duration
		n   int
	}{{30 * 24 * time.Hour, 400}, {16 * 24 * time.Hour, 600}, {6 * 24 * time.Hour, 900}, {40 * time.Hour, 1100}, {23 * time.Hour, 500}, {20 * time.Hour, 900}, {14 * time.Hour, 1500},
		{9 * time.Hour, 1200}, {5 * time.Hour, 1400}, {2 * time.Hour, 900}, {20 * time.Minute, 600}} {
		w.clock.set(part.ago)
		if err := w.burst(ctx, part.n, everyKind[i%4:]...); err != nil {
			return err
		}
	}
	w.clock.set(time.Minute)
	for i, body := range []string{`{"event":"meeting.ended"`, `{"event":"meeting.ended","event_ts":1,"payload":{}}`} {
		if _, err := w.sim.Send(ctx, fmt.Sprint("odd ", i), []byte(body)); err != nil {
			return err
		}
	}
	admin, err := w.admin(ctx)
	if err != nil {
		return err
	}
	for name, query := range map[string]string{"Unread": "unread=1", "Recordings of a week": "event=recording.%2A&range=7d", "Who joined and left": "event=meeting.participant_joined%2Cmeeting.participant_left"} {
		if _, err := w.service.SaveFilter(ctx, admin, name, query); err != nil {
			return err
		}
	}
	w.clock.set(0)
	return w.settled(ctx)
}

func logSpots(t *testing.T, w *world) []spot {
	t.Helper()
	// A page in the middle of the log.
	middle, err := w.store.EventRows(t.Context(), db.EventFilter{Before: time.Now().Add(-8 * time.Hour)}, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	around := "/events?around=" + strconv.FormatInt(middle.Items[99].ID, 10) + "#here"
	return []spot{
		{"events", "/events", nil},
		{"events-week", "/events?range=7d&event=meeting.*,recording.completed", nil},
		{"events-saved", "/events?unread=1", nil},
		{"events-save", "/events?twin=1&stale=1&meeting_id=80000000012&range=24h", func(b *tab) {
			b.click("#save-filter summary")
			b.fill("#f-name", "Unread")
			b.click("#save-filter button")
			b.wait("the error at the field", `document.querySelector("#f-name[aria-invalid=true]")`)
		}},
		{"events-around", around, nil},
		{"events-live", "/events", func(b *tab) {
			done := make(chan error)
			go func() { done <- w.burst(t.Context(), 2000, everyKind...) }()
			// A selection pauses the list.
			b.wait("the number of events that are not shown", `/arrived in between/.test(document.querySelector("#tail").textContent) &&
				(getSelection().selectAllChildren(document.querySelector("#live caption")), true)`)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}},
		{"events-paused", "/events", func(b *tab) {
			b.wait("a live page", `document.querySelector("[data-db-live=live]")`)
			b.click("button >> Pause")
			if err := w.burst(t.Context(), 300, everyKind...); err != nil {
				t.Fatal(err)
			}
			b.wait("the number of new events", `/since you paused/.test(document.querySelector("#tail").textContent)`)
		}},
	}
}
