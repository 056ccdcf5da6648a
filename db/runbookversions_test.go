package db_test

import (
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
)

// Every number that a runbook has had leads to what the runbook was then.
func TestRunbookVersions(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, s *db.Store) {
		ctx := t.Context()
		_, err := s.RunbookVersions(ctx, "none", 0, 10)
		wantCode(t, err, incident.NotFound)
		_, err = s.RunbookVersion(ctx, "none", 1)
		wantCode(t, err, incident.NotFound)

		const root = "root@example.com" // who makes every entry
		want := map[int64]incident.RunbookVersion{}
		keep := func(b incident.Runbook, actor string) {
			b.CreatedAt = time.Time{}
			want[b.Version] = incident.RunbookVersion{Runbook: b, ActorKind: map[bool]incident.ActorKind{true: incident.ActorUser}[actor != ""], Actor: actor}
		}
		b := addRunbook(t, s, "outage")
		keep(b, "")
		update := func(change func()) {
			t.Helper()
			change()
			b.UpdatedAt = after(int(b.Version))
			check(t, s.UpdateRunbook(ctx, b, entry("runbook.update")))
			b.Version++
			keep(b, root)
		}
		update(func() { b.Name, b.Default = "Outage 2", true })
		update(func() { b.Steps, b.DisabledAt = b.Steps[1:], after(9) })
		update(func() { b.Variables, b.DisabledAt = nil, now })

		stale := b
		stale.Version = 2
		wantCode(t, s.UpdateRunbook(ctx, stale, entry("runbook.update")), incident.Conflict)

		// Another runbook becomes the default one, and at last this one is archived.
		other := addRunbook(t, s, "other")
		other.Default, other.UpdatedAt = true, after(20)
		check(t, s.UpdateRunbook(ctx, other, entry("runbook.update")))
		b.Version, b.Default, b.UpdatedAt = b.Version+1, false, after(20)
		keep(b, root)
		openIncident(t, s, b)
		archived, err := s.DeleteRunbook(ctx, b.ID, after(30), entry("runbook.delete"))
		check(t, err)
		if !archived {
			t.Error("a runbook with incidents was deleted")
		}
		b.Version, b.ArchivedAt, b.UpdatedAt = b.Version+1, after(30), after(30)
		keep(b, root)

		all, err := s.RunbookVersions(ctx, b.ID, 0, 50)
		check(t, err)
		if int64(len(all)) != b.Version {
			t.Errorf("%d versions are kept of %d", len(all), b.Version)
		}
		for i, v := range all {
			if v.Version != b.Version-int64(i) {
				t.Errorf("version %d is at place %d", v.Version, i)
			}
			same(t, v, want[v.Version])
			one, err := s.RunbookVersion(ctx, b.ID, v.Version)
			check(t, err)
			same(t, one, v)
		}
		page, err := s.RunbookVersions(ctx, b.ID, 4, 2)
		check(t, err)
		same(t, page, []incident.RunbookVersion{want[3], want[2]})
		for _, none := range []int64{-1, 0, b.Version + 1} {
			_, err := s.RunbookVersion(ctx, b.ID, none)
			wantCode(t, err, incident.NotFound)
		}

		// A deleted runbook takes its versions with it.
		gone := addRunbook(t, s, "gone")
		_, err = s.DeleteRunbook(ctx, gone.ID, now, entry("runbook.delete"))
		check(t, err)
		_, err = s.RunbookVersions(ctx, gone.ID, 0, 10)
		wantCode(t, err, incident.NotFound)
	})
}

// A runbook that was last saved before versions were kept has its newest version at once,
// and keeps it when it is saved again.
func TestRunbookVersionsBefore(t *testing.T) {
	t.Parallel()
	dbtest.EachConfig(t, func(t *testing.T, cfg db.Config) {
		s := dbtest.Open(t, cfg)
		ctx := t.Context()
		b := addRunbook(t, s, "outage")
		raw := raw(t, cfg)
		for _, statement := range []string{`UPDATE runbooks SET version = 7`, `DELETE FROM runbook_versions`} {
			_, err := raw.ExecContext(ctx, statement)
			check(t, err)
		}
		b.Version = 7
		before := func(v []incident.RunbookVersion) (list []incident.Runbook) {
			for _, v := range v {
				v.CreatedAt = b.CreatedAt
				list = append(list, v.Runbook)
			}
			return list
		}
		all, err := s.RunbookVersions(ctx, b.ID, 0, 10)
		check(t, err)
		same(t, before(all), []incident.Runbook{b})
		one, err := s.RunbookVersion(ctx, b.ID, 7)
		check(t, err)
		same(t, one.Runbook, b)
		_, err = s.RunbookVersion(ctx, b.ID, 6)
		wantCode(t, err, incident.NotFound)

		old := b
		b.Name, b.UpdatedAt = "Outage", after(5)
		check(t, s.UpdateRunbook(ctx, b, entry("runbook.update")))
		b.Version = 8
		all, err = s.RunbookVersions(ctx, b.ID, 0, 10)
		check(t, err)
		same(t, before(all), []incident.Runbook{b, old})
		if all[1].ActorKind != "" || all[0].Actor != "root@example.com" {
			t.Errorf("version 7 is by %q, and version 8 by %q", all[1].Actor, all[0].Actor)
		}
	})
}
