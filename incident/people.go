package incident

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// hashParams follow the OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2
// passes). Every hash contains its parameters, so these can be raised later.
var hashParams = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// dummyHash replaces the stored hash if the user does not exist, so that an
// unknown email address takes as long as a wrong password. It is the hash of a
// random value.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$MmsTkR9HVTE29e/7m07kJA$BvRGr+4S6qFGy6TbKpHvzMmUc1FkK9gAQQD4ln9Wy58"

// MinPassword is the minimum length of a password in characters.
const MinPassword = 12

const (
	setupFor         = 30 * time.Minute
	InvitationFor    = 3 * 24 * time.Hour
	freeLoginTries   = 5
	longestLoginWait = time.Minute
	loginMemory      = time.Hour // wrong passwords older than this do not count
	maxPassword      = 1024      // bytes
	tokenPrefix      = "db_"
	maxTokenDays     = 3650
)

var (
	errLogin = refuse(Unauthorized, "The email address or the password is wrong.")
	errBusy  = &Error{Code: Limited, Message: "The server is busy. Try again in a moment.", RetryAfter: time.Second}
	errToken = refuse(Unauthorized, "This request needs a valid API token: Authorization: Bearer …")
)

// newToken returns 256 random bits in a URL-safe form.
func newToken() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// hash runs f, which hashes a password. It limits how many run at once, because
// each hash needs 19 MiB.
func (s *Service) hash(ctx context.Context, f func() error) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return f()
	case <-ctx.Done():
		return errBusy
	}
}

func (s *Service) hashPassword(ctx context.Context, password string) (hash string, err error) {
	err = s.hash(ctx, func() (err error) {
		hash, err = argon2id.CreateHash(password, hashParams)
		return err
	})
	return hash, err
}

// passwordProblem returns why a password is rejected, or "". Only the length
// counts (NIST SP 800-63B).
func passwordProblem(password string) string {
	switch {
	case len(password) > maxPassword:
		return "Use at most 1024 bytes."
	case utf8.RuneCountInString(password) < MinPassword:
		return "Use at least 12 characters. A few words are easier to remember than symbols."
	}
	return ""
}

// SetupLink creates the one-time token for creating the first admin. It is valid
// for 30 minutes and replaces any earlier one. SetupLink returns "" if there is
// an admin.
func (s *Service) SetupLink(ctx context.Context) (token string, err error) {
	n, err := s.store.CountAdmins(ctx)
	if err != nil || n > 0 {
		return "", err
	}
	token = newToken()
	return token, s.store.SaveSetupLink(ctx, SetupLink{Hash: hashToken(token), ExpiresAt: s.now().Add(setupFor)}, nil, AuditEntry{})
}

// CheckSetup checks whether a setup link can still be used, and returns the user who
// sets a password with it, also for a link that can't be used; the zero User for the
// link of the first admin. It returns NotFound if the link is unknown or expired, and
// Conflict if it was used.
func (s *Service) CheckSetup(ctx context.Context, token string) (User, error) {
	gone := refuse(NotFound, "This link is no longer valid. Restart Drawbridge: it prints a new link as long as there is no admin.")
	link, err := s.store.SetupLink(ctx, hashToken(token))
	if CodeOf(err) == NotFound {
		return User{}, gone
	}
	var u User
	if err == nil && link.UserID != "" {
		u, err = s.store.User(ctx, link.UserID)
	}
	switch {
	case err != nil:
		return u, err
	case !link.UsedAt.IsZero():
		return u, refuse(Conflict, "This link has already been used. If that wasn’t you, find out who can read the server’s log, and reset the password with “drawbridge user reset-password EMAIL --password-stdin”.")
	case !s.now().Before(link.ExpiresAt), !u.DisabledAt.IsZero():
		return u, gone
	}
	return u, nil
}

// FirstAdmin creates the first admin. It works only once for each setup link.
func (s *Service) FirstAdmin(ctx context.Context, token, email, name, password, address string) (User, error) {
	if _, err := s.CheckSetup(ctx, token); err != nil {
		return User{}, err
	}
	u, err := s.newUser(ctx, email, name, Admin, password)
	if err != nil {
		return User{}, err
	}
	actor := Actor{Kind: ActorUser, Email: u.Email, Address: address}
	err = s.store.UseSetupLink(ctx, hashToken(token), s.now(), u, s.audit(actor, AuditUserFirstAdmin, u.Email, changesOf(nil, u)...))
	return u, err
}

// InviteUser adds a user who has no password yet, and returns the token of the
// one-time link with which they set one. Field errors are keyed email, name and role.
func (s *Service) InviteUser(ctx context.Context, actor Actor, email, name string, role Role) (token string, u User, err error) {
	if err := need(actor, Admin); err != nil {
		return "", User{}, err
	}
	u, fields := s.someone(email, name, role)
	if len(fields) > 0 {
		return "", User{}, invalid("Some fields are missing or invalid.", fields)
	}
	token, link := s.newInvitation(u.ID)
	return token, u, s.store.SaveSetupLink(ctx, link, &u, s.audit(actor, AuditUserInvite, u.Email, changesOf(nil, u)...))
}

// NewPasswordLink returns the token of a new one-time link for a user who was invited
// or forgot the password. The earlier link stops working; the password, if there is
// one, works until the link is used.
func (s *Service) NewPasswordLink(ctx context.Context, actor Actor, userID string) (token string, u User, err error) {
	if err := need(actor, Admin); err != nil {
		return "", User{}, err
	}
	if u, err = s.store.User(ctx, userID); err != nil {
		return "", User{}, err
	}
	if !u.DisabledAt.IsZero() {
		return "", u, refuse(Conflict, "This user is disabled. Enable them first.")
	}
	token, link := s.newInvitation(u.ID)
	return token, u, s.store.SaveSetupLink(ctx, link, nil, s.audit(actor, AuditUserLink, u.Email))
}

func (s *Service) newInvitation(userID string) (token string, l SetupLink) {
	token = newToken()
	return token, SetupLink{Hash: hashToken(token), UserID: userID, ExpiresAt: s.now().Add(InvitationFor)}
}

// Join sets the password of the user of a link. It works once for each link. Field
// errors are keyed password.
func (s *Service) Join(ctx context.Context, token, password, address string) (User, error) {
	u, err := s.CheckSetup(ctx, token)
	if err != nil {
		return User{}, err
	}
	if problem := passwordProblem(password); problem != "" {
		return User{}, invalid(problem, map[string]string{"password": problem})
	}
	if u.PasswordHash, err = s.hashPassword(ctx, password); err != nil {
		return User{}, err
	}
	actor := Actor{Kind: ActorUser, UserID: u.ID, Email: u.Email, Address: address}
	return u, s.store.UseInvitation(ctx, hashToken(token), s.now(), u.PasswordHash, s.audit(actor, AuditUserJoin, u.Email))
}

// someone is a new user without a password, and what is wrong with the fields.
func (s *Service) someone(email, name string, role Role) (u User, fields map[string]string) {
	u = User{ID: newID(), Email: CanonicalEmail(email), Name: strings.TrimSpace(name), Role: role, CreatedAt: s.now()}
	fields = map[string]string{}
	if !validEmail(u.Email) || strings.ContainsFunc(u.Email, func(r rune) bool { return r > unicode.MaxASCII }) {
		fields["email"] = "This isn’t an email address."
	}
	if tooLong(fields, "name", u.Name, 100); u.Name == "" {
		u.Name, _, _ = strings.Cut(u.Email, "@")
	}
	if rank(role) == 0 {
		fields["role"] = "Choose admin, responder or viewer."
	}
	return u, fields
}

func (s *Service) newUser(ctx context.Context, email, name string, role Role, password string) (User, error) {
	u, fields := s.someone(email, name, role)
	if problem := passwordProblem(password); problem != "" {
		fields["password"] = problem
	}
	if len(fields) > 0 {
		return User{}, invalid("Some fields are missing or invalid.", fields)
	}
	var err error
	u.PasswordHash, err = s.hashPassword(ctx, password)
	return u, err
}

// LogIn checks a password. Unknown users, disabled users and wrong passwords get
// the same answer and take the same time. After several wrong passwords, the next
// attempt has to wait. This applies to one user from one part of the network, so
// that nobody can lock on-call out.
func (s *Service) LogIn(ctx context.Context, email, password, address string) (User, error) {
	now := s.now()
	email = CanonicalEmail(email)
	key := hashToken(email + "\n" + addressPrefix(address))
	if _, err := s.mayLogIn(ctx, key, now); err != nil {
		return User{}, err
	}
	u, err := s.store.UserByEmail(ctx, email)
	known := err == nil
	if err != nil && CodeOf(err) != NotFound {
		return User{}, err
	}
	stored := dummyHash
	if known && u.PasswordHash != "" { // an invited user has none yet
		stored = u.PasswordHash
	}
	err = s.hash(ctx, func() error {
		// Check again, because many concurrent attempts may have passed the first
		// check before any of them failed.
		failures, err := s.mayLogIn(ctx, key, now)
		if err != nil {
			return err
		}
		right := false
		if len(password) <= maxPassword {
			right, err = argon2id.ComparePasswordAndHash(password, stored)
			right = right && err == nil
		}
		if !right || !known || !u.DisabledAt.IsZero() {
			if err := s.store.AddLoginFailure(ctx, key, now); err != nil {
				return err
			}
			return errLogin
		}
		if failures.Count > 0 {
			return s.store.ClearLoginFailures(ctx, key)
		}
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// mayLogIn returns Limited while the next attempt has to wait.
func (s *Service) mayLogIn(ctx context.Context, key string, now time.Time) (LoginFailures, error) {
	failures, err := s.store.LoginFailures(ctx, key)
	if wait := loginWait(failures, now); err == nil && wait > 0 {
		err = &Error{Code: Limited, RetryAfter: wait, Message: "Too many wrong passwords. Wait a moment, then try again."}
	}
	return failures, err
}

// loginWait returns how long the next attempt has to wait. After the free
// attempts, the wait starts at one second and doubles with each wrong password.
func loginWait(f LoginFailures, now time.Time) time.Duration {
	if f.Count < freeLoginTries || now.Sub(f.LastAt) > loginMemory {
		return 0
	}
	pause := min(longestLoginWait, time.Second<<min(f.Count-freeLoginTries, 6))
	return f.LastAt.Add(pause).Sub(now)
}

// addressPrefix returns the network of an address, because one person can have
// many addresses in it.
func addressPrefix(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	bits := 24
	if a = a.Unmap(); a.Is6() {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return address
	}
	return p.String()
}

// CreateUser creates a user who can log in. Field errors are keyed email, name,
// role and password.
func (s *Service) CreateUser(ctx context.Context, actor Actor, email, name string, role Role, password string) (User, error) {
	if err := need(actor, Admin); err != nil {
		return User{}, err
	}
	u, err := s.newUser(ctx, email, name, role, password)
	if err != nil {
		return User{}, err
	}
	return u, s.store.InsertUser(ctx, u, s.audit(actor, AuditUserCreate, u.Email, changesOf(nil, u)...))
}

// SetRole changes a user's role. It applies from the next request.
func (s *Service) SetRole(ctx context.Context, actor Actor, userID string, role Role) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	if rank(role) == 0 {
		return invalid("Choose a role.", map[string]string{"role": "Choose admin, responder or viewer."})
	}
	return s.changeUser(ctx, actor, userID, AuditUserSetRole, func(u *User) { u.Role = role })
}

// SetDisabled disables or enables a user. It ends the user's sessions at once.
func (s *Service) SetDisabled(ctx context.Context, actor Actor, userID string, disabled bool) error {
	if disabled {
		return s.changeUser(ctx, actor, userID, AuditUserDisable, func(u *User) { u.DisabledAt = s.now() })
	}
	return s.changeUser(ctx, actor, userID, AuditUserEnable, func(u *User) { u.DisabledAt = time.Time{} })
}

// ResetPassword sets a new password for a user and ends the user's sessions.
func (s *Service) ResetPassword(ctx context.Context, actor Actor, userID, password string) error {
	if err := need(actor, Admin); err != nil { // before the expensive hash
		return err
	}
	if problem := passwordProblem(password); problem != "" {
		return invalid(problem, map[string]string{"password": problem})
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	return s.changeUser(ctx, actor, userID, AuditUserResetPassword, func(u *User) { u.PasswordHash = hash })
}

// changeUser changes a user and ends the user's sessions.
func (s *Service) changeUser(ctx context.Context, actor Actor, userID string, action AuditAction, change func(*User)) error {
	if err := need(actor, Admin); err != nil {
		return err
	}
	defer s.forgetSessions(userID, "")
	return s.store.UpdateUser(ctx, userID, true, "", func(u *User) (AuditEntry, error) {
		old := *u
		change(u)
		return s.audit(actor, action, u.Email, changesOf(old, *u)...), nil
	})
}

// ChangePassword changes the actor's own password. It ends all of the actor's
// sessions except the one with the token keepSession. Field errors are keyed
// old_password and new_password.
func (s *Service) ChangePassword(ctx context.Context, actor Actor, old, password, keepSession string) error {
	u, err := s.store.User(ctx, actor.UserID)
	if err != nil {
		return err
	}
	// LogIn limits the attempts, so that the holder of a stolen session cannot
	// guess the password.
	wrong := invalid("The password wasn’t changed.", map[string]string{"old_password": "This isn’t your current password."})
	if u, err = s.LogIn(ctx, u.Email, old, actor.Address); CodeOf(err) == Unauthorized {
		return wrong
	} else if err != nil {
		return err
	}
	if problem := passwordProblem(password); problem != "" {
		return invalid("The password wasn’t changed.", map[string]string{"new_password": problem})
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return err
	}
	defer s.forgetSessions(u.ID, hashToken(keepSession))
	return s.store.UpdateUser(ctx, u.ID, true, hashToken(keepSession), func(now *User) (AuditEntry, error) {
		if now.PasswordHash != u.PasswordHash { // an admin has just reset it
			return AuditEntry{}, wrong
		}
		now.PasswordHash = hash
		return s.audit(actor, AuditUserPassword, u.Email), nil
	})
}

// SetName changes a user's display name. Admins may change any name, and everyone
// may change their own. Field errors are keyed name.
func (s *Service) SetName(ctx context.Context, actor Actor, userID, name string) error {
	if actor.UserID == "" || actor.UserID != userID {
		if err := need(actor, Admin); err != nil {
			return err
		}
	}
	fields := map[string]string{}
	if name = strings.TrimSpace(name); name == "" {
		fields["name"] = "Enter a name."
	}
	if tooLong(fields, "name", name, 100); len(fields) > 0 {
		return invalid("The name wasn’t changed.", fields)
	}
	u, err := s.store.User(ctx, userID)
	if err != nil || u.Name == name {
		return err
	}
	return s.store.UpdateUser(ctx, userID, false, "", func(u *User) (AuditEntry, error) {
		old := *u
		u.Name = name
		return s.audit(actor, AuditUserSetName, u.Email, changesOf(old, *u)...), nil
	})
}

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
