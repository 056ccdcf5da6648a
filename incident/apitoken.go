package incident

import (
	"context"
	"slices"
	"strings"
	"time"
)

const (
	tokenPrefix  = "db_"
	maxTokenDays = 3650
)

var errToken = refuse(Unauthorized, "This request needs a valid API token: Authorization: Bearer …")

// CreateToken creates an API token that expires after a number of days, 0 for never,
// and returns it. Only its hash and its last characters are stored, so it cannot be
// shown again. Field errors are keyed name, scopes and days.
func (s *Service) CreateToken(ctx context.Context, actor Actor, name string, scopes []string, days int) (plain string, t Token, err error) {
	if err := need(actor, Admin); err != nil {
		return "", Token{}, err
	}
	fields := map[string]string{}
	if name = strings.TrimSpace(name); name == "" {
		fields["name"] = "Enter a name, such as the script that uses the token."
	}
	tooLong(fields, "name", name, 100)
	scopes = slices.Compact(slices.Sorted(slices.Values(scopes)))
	if len(scopes) == 0 {
		fields["scopes"] = "Choose what the token may do."
	}
	for _, scope := range scopes {
		if !slices.Contains(Scopes, scope) {
			fields["scopes"] = "The allowed scopes are " + strings.Join(Scopes, ", ") + "."
		}
	}
	if days < 0 || days > maxTokenDays {
		fields["days"] = "Choose when the token expires, within ten years."
	}
	if len(fields) > 0 {
		return "", Token{}, invalid("Some fields are missing or invalid.", fields)
	}
	plain = tokenPrefix + newToken()
	t = Token{ID: newID(), Name: name, Hash: hashToken(plain), Scopes: scopes, CreatedBy: actor.Email, CreatedAt: s.now(), Suffix: plain[len(plain)-4:]}
	if days > 0 {
		t.ExpiresAt = s.now().AddDate(0, 0, days)
	}
	return plain, t, s.store.InsertToken(ctx, t, s.audit(actor, AuditTokenCreate, name, changesOf(nil, t)...))
}

// Scopes are what a token can be allowed to do.
var Scopes = []string{ScopeIncidentsWrite, ScopeRead, ScopeEventsRaw, ScopeMetrics}

// RevokeToken ends an API token at once.
func (s *Service) RevokeToken(ctx context.Context, actor Actor, id string) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	defer s.usedTokens.forget(func(_ string, t Token) bool { return t.ID == id })
	return s.store.RevokeToken(ctx, id, s.now(), s.audit(actor, AuditTokenRevoke, ""))
}

// TokenActor returns the actor of an API token. A token with the scope
// incidents:write has the role responder, any other the role viewer.
// An urgent request can be answered from memory, and waits less for the database.
func (s *Service) TokenActor(ctx context.Context, plain, address string, urgent bool) (Actor, Token, error) {
	if !strings.HasPrefix(plain, tokenPrefix) || len(plain) != len(tokenPrefix)+43 {
		return Actor{}, Token{}, errToken
	}
	t, recalled, err := s.usedTokens.read(ctx, s.now, hashToken(plain), urgent, s.store.TokenByHash)
	switch {
	case CodeOf(err) == NotFound || (err == nil && (!t.RevokedAt.IsZero() || t.Expired(s.now()))):
		s.usedTokens.forget(func(_ string, known Token) bool { return known.ID == t.ID })
		return Actor{}, Token{}, errToken
	case err != nil:
		return Actor{}, Token{}, err
	case !recalled && s.hasLinks():
		s.usedTokens.keep(t.Hash, t, s.now())
	}
	if !recalled && s.now().Sub(t.LastUsedAt) > time.Minute {
		now := s.now()
		if err := s.touch(ctx, func(ctx context.Context) error { return s.store.TouchToken(ctx, t.ID, now) }); err != nil {
			s.log.Warn("could not store when a token was used", "error", err)
		}
	}
	actor := Actor{Kind: ActorToken, Email: t.Name, Name: t.Name, Role: Viewer, Address: address, Recalled: recalled}
	if slices.Contains(t.Scopes, ScopeIncidentsWrite) {
		actor.Role = Responder
	}
	return actor, t, nil
}
