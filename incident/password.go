package incident

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
)

// hashParams follow the OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, 2
// passes). Every hash contains its parameters, so these can be raised later.
var hashParams = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// MinPassword is the minimum length of a password in characters.
const MinPassword = 12

const maxPassword = 1024 // bytes

var errBusy = &Error{Code: Limited, Message: "The server is busy. Try again in a moment.", RetryAfter: time.Second}

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
