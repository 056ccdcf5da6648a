package handlers_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// oldEvents stores and reads n events about people that arrived that long ago.
func (o *office) oldEvents(n int, ago time.Duration) {
	o.t.Helper()
	for i := range n {
		at := o.clock().Add(-ago + time.Duration(i)*time.Second)
		_, _, err := o.store.AppendEvent(o.t.Context(), incident.NewEvent{ReceivedAt: at, SignedAt: at, Body: fmt.Appendf(nil,
			`{"event":"meeting.participant_joined","event_ts":%d,"payload":{"object":{"id":"1","participant":{"user_name":"Jill","user_id":"%d"}}}}`, at.UnixMilli(), i)})
		o.must(err)
	}
	o.must(work(o))
}

func work(o *office) error {
	for {
		if n, err := o.service.RunOnce(o.t.Context()); n == 0 || err != nil {
			return err
		}
	}
}

const day = 24 * time.Hour

func TestRetention(t *testing.T) {
	t.Parallel()
	form := func(pairs ...string) []string {
		for _, name := range []string{"keep_others", "blank_others", "keep_participant", "blank_participant"} {
			if !slices.Contains(pairs, name) {
				pairs = append(pairs, name, "")
			}
		}
		return pairs
	}
	t.Run("presets", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		o.oldEvents(3, 400*day)
		b := o.as(incident.Admin)
		b.get("/settings/retention").want(t, http.StatusOK, "Keep everything", "People who join and leave participant")
		page := b.get("/settings/retention?preset=year")
		page.want(t, http.StatusOK, "What these rules would do now", "3 events", "Save and start")
		if page.value("keep_others") != "365" || page.value("blank_others") != "90" || page.value("keep_participant") != "" {
			t.Errorf("keep %q, erase after %q", page.value("keep_others"), page.value("blank_others"))
		}
		b.get("/settings/retention?preset=week").want(t, http.StatusBadRequest)
		if rules, err := o.store.Retention(t.Context()); err != nil || len(rules) > 0 {
			t.Errorf("a preset saved %v, %v", rules, err)
		}
	})
	t.Run("guard", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Responder)
		b.get("/settings/retention").want(t, http.StatusForbidden)
		b.post("/settings/retention", form()...).want(t, http.StatusForbidden)
		b.post("/settings/retention/preview", form()...).want(t, http.StatusForbidden)
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		for _, path := range []string{"/settings/retention", "/settings/retention/preview"} {
			page := b.post(path, form("keep_others", "3", "blank_others", "x", "keep_participant", "30")...)
			page.want(t, http.StatusUnprocessableEntity, "Enter a number of days.", "Fill in both, or leave both empty.")
			if got := page.value("keep_others") + page.value("blank_others") + page.value("keep_participant"); got != "3x30" {
				t.Errorf("what was typed became %q", got)
			}
			b.post(path, form("keep_others", "3")...).want(t, http.StatusUnprocessableEntity, "Enter 7 to")
			b.post(path, form("keep_participant", "30", "blank_participant", "40")...).want(t, http.StatusUnprocessableEntity, "Enter fewer days")
		}
		b.post("/settings/retention", form("wrong", "1")...).want(t, http.StatusBadRequest)
		b.post("/settings/retention", form("keep_Tab*", "30", "blank_Tab*", "1")...).want(t, http.StatusUnprocessableEntity, "A family is the first part of an event’s name")
	})
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		o.oldEvents(3, 100*day)
		o.oldEvents(2, 20*day)
		b.get("/settings/retention").want(t, http.StatusOK, "All other events", "recording")

		rules := form("keep_participant", "90", "blank_participant", "10")
		preview := b.post("/settings/retention/preview", rules...)
		preview.want(t, http.StatusOK, "What these rules would do now", "3 events", "2 events", "Save and start")
		stored, err := o.store.Retention(t.Context())
		o.must(err)
		if len(stored) > 0 {
			t.Error("the preview saved the rules")
		}
		// Rules that weren't previewed aren't saved.
		b.post("/settings/retention", rules...).want(t, http.StatusUnprocessableEntity, "Check what they do, then save.", "Save and start")
		rules = append(rules, "shown", preview.value("shown"))
		other := form("keep_participant", "91", "blank_participant", "10", "shown", preview.value("shown"))
		b.post("/settings/retention", other...).want(t, http.StatusUnprocessableEntity, "Check what they do, then save.")

		b.post("/settings/retention", rules...).leadsTo(b, "/settings/retention").want(t, http.StatusOK, "applying the rules now", "0 events removed, about 3 to go")
		stored, err = o.store.Retention(t.Context())
		o.must(err)
		if d := cmp.Diff([]incident.RetentionRule{{Family: "participant", KeepDays: 90, BlankDays: 10}}, stored); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		o.must(work(o))
		page := b.get("/settings/retention")
		page.want(t, http.StatusOK, "3 events removed.", "2 events with personal data erased.")
		if got := page.value("keep_participant") + "/" + page.value("blank_participant"); got != "90/10" {
			t.Errorf("the form has %q", got)
		}
		trail := b.get("/settings/audit")
		trail.want(t, http.StatusOK, "changed the retention of", "participant keep (days) 90 participant erase personal data after (days) 10")
		left, err := o.store.EventRows(t.Context(), db.EventFilter{}, "", 10)
		o.must(err)
		for _, e := range left.Items {
			if e.BlankedAt.IsZero() || e.Who != "" {
				t.Errorf("%+v is not blanked", e)
			}
		}
		if len(left.Items) != 2 {
			t.Errorf("%d events are left, want 2", len(left.Items))
		}
	})
	t.Run("broken", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		b := o.as(incident.Admin)
		testBroken(t, o, "retention", func() reply { return b.get("/settings/retention") })
	})
}
