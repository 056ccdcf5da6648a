package incident

import (
	"context"
	"maps"
	"slices"
	"time"
)

// DryRun returns a Service that checks account, retention, runbooks and the schedule of
// drills and reports what would change, but saves nothing. All its other writes fail.
func (s *Service) DryRun() *Service {
	return New(Config{
		Store: dryStore{s.store.ReadOnly(), map[string]Runbook{}}, Now: s.now, Log: s.log, ZoomHTTP: s.zoomHTTP,
		ZoomAPIURL: s.zoomAPIURL, ZoomOAuthURL: s.zoomOAuth, ZoomDomains: s.zoomDomains, PublicURL: s.publicURL,
	})
}

// dryStore remembers the runbooks that would be saved, because the schedule of drills may
// need one of them.
type dryStore struct {
	Store
	saved map[string]Runbook // by id
}

func (d dryStore) InsertRunbook(_ context.Context, r Runbook, _ AuditEntry) error {
	d.saved[r.ID] = r
	return nil
}

func (d dryStore) UpdateRunbook(ctx context.Context, r Runbook, audit AuditEntry) error {
	return d.InsertRunbook(ctx, r, audit)
}

func (d dryStore) ActiveRunbooks(ctx context.Context) ([]Runbook, error) {
	list, err := d.Store.ActiveRunbooks(ctx)
	list = slices.DeleteFunc(list, func(r Runbook) bool { return d.saved[r.ID].ID != "" })
	return slices.AppendSeq(list, maps.Values(d.saved)), err
}

func (dryStore) SaveAccount(context.Context, Account, map[SecretName]Secret, []SecretName, AuditEntry) error {
	return nil
}
func (dryStore) SaveCheck(context.Context, CheckReport) error                     { return nil }
func (dryStore) HastenRetries(context.Context, time.Time) error                   { return nil }
func (dryStore) EnsureJob(context.Context, Job) error                             { return nil }
func (dryStore) SaveDrillPlan(context.Context, DrillPlan, AuditEntry) error       { return nil }
func (dryStore) SaveRetention(context.Context, []RetentionRule, AuditEntry) error { return nil }
