package incident

import (
	"context"
	"net/netip"
	"time"

	"github.com/alexedwards/argon2id"
)

const (
	freeLoginTries   = 5
	longestLoginWait = time.Minute
	loginMemory      = time.Hour // wrong passwords older than this do not count
)

var errLogin = refuse(Unauthorized, "The email address or the password is wrong.")

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

// dummyHash replaces the stored hash if the user does not exist, so that an
// unknown email address takes as long as a wrong password. It is the hash of a
// random value.
const dummyHash = "$argon2id$v=19$m=19456,t=2,p=1$MmsTkR9HVTE29e/7m07kJA$BvRGr+4S6qFGy6TbKpHvzMmUc1FkK9gAQQD4ln9Wy58"
