package incident

import "context"

// DryRun returns a Service that checks account, retention and runbooks and
// reports what would change, but saves nothing. All its other writes fail.
func (s *Service) DryRun() *Service {
	return New(Config{
		Store: dryStore{s.store.ReadOnly()}, Now: s.now, Log: s.log, ZoomHTTP: s.zoomHTTP,
		ZoomAPIURL: s.zoomAPIURL, ZoomOAuthURL: s.zoomOAuth, ZoomDomains: s.zoomDomains, PublicURL: s.publicURL,
	})
}

type dryStore struct{ Store }

func (dryStore) SaveAccount(context.Context, Account, map[SecretName]Secret, []SecretName, AuditEntry) error {
	return nil
}
func (dryStore) EnsureJob(context.Context, Job) error                             { return nil }
func (dryStore) InsertRunbook(context.Context, Runbook, AuditEntry) error         { return nil }
func (dryStore) UpdateRunbook(context.Context, Runbook, AuditEntry) error         { return nil }
func (dryStore) SaveDrillPlan(context.Context, DrillPlan, AuditEntry) error       { return nil }
func (dryStore) SaveRetention(context.Context, []RetentionRule, AuditEntry) error { return nil }
