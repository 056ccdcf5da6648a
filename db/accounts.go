package db

import (
	"context"
	"database/sql"
	"time"

	"github.com/drawbridge-hq/drawbridge/incident"
)

// accountID is the id of the one account.
const accountID = "zoom"

func secretCell(name incident.SecretName) Cell {
	return Cell{Table: "secrets", Column: "sealed", Row: accountID + "/" + string(name)}
}

// Account returns the account with its secrets decrypted, or the zero Account
// if none was saved. A secret that no key decrypts is marked Locked.
func (s *Store) Account(ctx context.Context) (incident.Account, error) {
	a := incident.Account{Secrets: map[incident.SecretName]incident.StoredSecret{}}
	err := each(ctx, s.r, func(r row) error {
		var name incident.SecretName
		var sealed, setBy string
		var setAt time.Time
		err := r.Scan(&a.Auth, &a.ZoomAccountID, &a.ClientID, &a.APIKey, &a.Cluster, jsonOf(&a.BackupUsers),
			&a.StandbyMeetings, &a.StormLimit, jsonOf(&a.StaticLinks), jsonOf(&a.OnCallUsers), timeOf(&a.WebhookValidatedAt), jsonOf(&a.Check),
			&a.Version, timeOf(&a.UpdatedAt), &a.AppID, &a.LoggedFailures, timeOf(&a.ValidationFailedAt), timeOf(&a.HostsChangedAt),
			textOf(&name), textOf(&sealed), timeOf(&setAt), textOf(&setBy))
		if err == nil && name != "" {
			value, sealErr := s.keys.Open(secretCell(name), sealed)
			if sealErr != nil {
				s.log.ErrorContext(ctx, "a stored secret is locked", "name", string(name), "error", sealErr)
			}
			a.Secrets[name] = incident.StoredSecret{Value: value, Locked: sealErr != nil, SetAt: setAt, SetBy: setBy}
		}
		return err
	}, `
		SELECT a.auth, a.zoom_account_id, a.client_id, a.api_key, a.cluster, a.backup_users,
			a.standby_meetings, a.storm_limit, a.static_links, a.on_call_users, a.webhook_validated_at, a.check_report,
			a.version, a.updated_at, COALESCE(d.app_id, ''), COALESCE(d.failed_validations, 0), d.validation_failed_at, a.hosts_changed_at,
			s.name, s.sealed, s.set_at, s.set_by
		FROM accounts a LEFT JOIN secrets s ON s.account_id = a.id LEFT JOIN delivery_log d ON d.id = a.id
		WHERE a.id = $1`, accountID)
	return a, err
}

// SaveAccount implements incident.Accounts.
func (s *Store) SaveAccount(ctx context.Context, a incident.Account, set map[incident.SecretName]incident.Secret, remove []incident.SecretName, audit incident.AuditEntry) error {
	now := s.now()
	return s.change(ctx, audit, []string{TopicAccount}, func(tx *sql.Tx) error {
		args := []any{accountID, a.Auth, a.ZoomAccountID, a.ClientID, a.APIKey, a.Cluster, asJSON(a.BackupUsers),
			a.StandbyMeetings, asJSON(a.StaticLinks), now, asJSON(a.OnCallUsers), a.StormLimit}
		var n int64
		var err error
		if a.Version == 0 {
			n, err = execRows(ctx, tx, `
				INSERT INTO accounts (id, auth, zoom_account_id, client_id, api_key, cluster, backup_users,
					standby_meetings, static_links, check_report, version, updated_at, on_call_users, storm_limit)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 1, $10, $11, $12)
				ON CONFLICT (id) DO NOTHING`, args...)
		} else {
			n, err = execRows(ctx, tx, `
				UPDATE accounts SET auth = $2, zoom_account_id = $3, client_id = $4, api_key = $5, cluster = $6,
					backup_users = $7, standby_meetings = $8, static_links = $9, updated_at = $10, on_call_users = $11, storm_limit = $12, version = version + 1
				WHERE id = $1 AND version = $13`, append(args, a.Version)...)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return conflict("The account was changed since this page was opened. Reload the page and make your changes again.")
		}
		if err := saveAppID(ctx, tx, a.AppID); err != nil {
			return err
		}
		for name, secret := range set {
			sealed, err := s.keys.Seal(secretCell(name), secret)
			if err != nil {
				return err
			}
			err = exec(ctx, tx, `
				INSERT INTO secrets (account_id, name, sealed, set_at, set_by) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (account_id, name) DO UPDATE SET
					sealed = excluded.sealed, set_at = excluded.set_at, set_by = excluded.set_by`,
				accountID, name, sealed, now, audit.Actor)
			if err != nil {
				return err
			}
		}
		for _, name := range remove {
			if err := exec(ctx, tx, `DELETE FROM secrets WHERE account_id = $1 AND name = $2`, accountID, name); err != nil {
				return err
			}
		}
		// The stored token was requested with the old credentials.
		return exec(ctx, tx, `DELETE FROM zoom_tokens`)
	})
}

// SaveCheck stores the report of a check.
func (s *Store) SaveCheck(ctx context.Context, r incident.CheckReport) error {
	return s.updateAccount(ctx, `UPDATE accounts SET check_report = $2 WHERE id = $1`, asJSON(r))
}

// SetWebhookValidated stores when Zoom validated our address.
func (s *Store) SetWebhookValidated(ctx context.Context, at time.Time) error {
	return s.updateAccount(ctx, `UPDATE accounts SET webhook_validated_at = $2 WHERE id = $1`, at)
}

func (s *Store) updateAccount(ctx context.Context, query string, arg any) error {
	return s.change(ctx, incident.AuditEntry{}, []string{TopicAccount}, func(tx *sql.Tx) error {
		return execOne(ctx, tx, notFound("Zoom account"), query, accountID, arg)
	})
}
