package db_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/db"
	"github.com/drawbridge-hq/drawbridge/db/dbtest"
	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

var cell = db.Cell{Table: "secrets", Column: "sealed", Row: "zoom/client_secret"}

func seal(t testing.TB, k *db.Keyring, at db.Cell, text string) string {
	t.Helper()
	sealed, err := k.Seal(at, zoom.NewSecret(text))
	check(t, err)
	return sealed
}

func TestSeal(t *testing.T) {
	t.Parallel()
	k := dbtest.Keys(t, "one")
	for _, text := range []string{"", "x", "CANARY-zoom-cs", strings.Repeat("é", 5000), "\x00\xff"} {
		sealed := seal(t, k, cell, text)
		if !strings.HasPrefix(sealed, "v1.") || strings.Contains(sealed, text) && text != "" && len(text) > 3 {
			t.Errorf("%q is sealed as %s", text, sealed)
		}
		got, err := k.Open(cell, sealed)
		check(t, err)
		if got.Reveal() != text {
			t.Errorf("%q comes back as %q", text, got.Reveal())
		}
	}
}

// A sealed text opens only in its cell and with its key: K-08, K-10.
func TestOpenSealedRefuses(t *testing.T) {
	t.Parallel()
	k := dbtest.Keys(t, "one")
	sealed := seal(t, k, cell, "CANARY-1")
	parts := strings.Split(sealed, ".")
	data, err := base64.RawStdEncoding.DecodeString(parts[2])
	check(t, err)
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 0x10
		if got, err := k.Open(cell, "v1."+parts[1]+"."+base64.RawStdEncoding.EncodeToString(flipped)); err == nil {
			t.Fatalf("K-08: with byte %d changed it opens as %q", i, got.Reveal())
		}
	}
	for _, tt := range []struct {
		name, sealed string
		cell         db.Cell
		keys         *db.Keyring
		want         string // in the sentence
	}{
		{"K-08 wrong key", sealed, cell, dbtest.Keys(t, "two"), "master key that isn’t set"},
		{"K-08 other key under this id", seal(t, dbtest.Keys(t, "two"), cell, "x")[:3] + parts[1] + "." + strings.Split(seal(t, dbtest.Keys(t, "two"), cell, "x"), ".")[2], cell, k, "damaged"},
		{"K-08 other row", sealed, db.Cell{Table: "secrets", Column: "sealed", Row: "zoom/api_secret"}, k, "damaged or was moved"},
		{"K-08 other column", sealed, db.Cell{Table: "secrets", Column: "name", Row: cell.Row}, k, "damaged or was moved"},
		{"K-08 other table", sealed, db.Cell{Table: "targets", Column: "sealed", Row: cell.Row}, k, "damaged or was moved"},
		{"K-10 unknown key id", "v1.00000000." + parts[2], cell, k, "master key that isn’t set"},
		{"K-10 future version", "v2." + parts[1] + "." + parts[2], cell, k, "format"},
		{"empty", "", cell, k, "format"},
		{"plain text", "CANARY-1", cell, k, "format"},
		{"not base64", "v1." + parts[1] + ".###", cell, k, "damaged"},
		{"cut", sealed[:len(sealed)-4], cell, k, "damaged"},
		{"nothing", "v1." + parts[1] + ".", cell, k, "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.keys.Open(tt.cell, tt.sealed)
			wantCode(t, err, incident.Unavailable)
			if !got.IsZero() {
				t.Errorf("an error and %q", got.Reveal())
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), parts[2]) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// Two keys during a rotation: Q11.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	old := seal(t, dbtest.Keys(t, "one"), cell, "x")
	both := dbtest.Keys(t, "two", "one")
	got, err := both.Open(cell, old)
	check(t, err)
	if got.Reveal() != "x" {
		t.Fatal("the old key opens something else")
	}
	if _, err := dbtest.Keys(t, "two").Open(cell, seal(t, both, cell, "x")); err != nil {
		t.Fatalf("the newest key does not seal: %v", err)
	}
}

// K-11.
func TestNonces(t *testing.T) {
	t.Parallel()
	k := dbtest.Keys(t, "one")
	const n = 100_000
	seen := make(map[string]bool, n)
	for range n {
		sealed := seal(t, k, cell, "")
		nonce := sealed[strings.LastIndexByte(sealed, '.')+1:][:16] // 12 bytes
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

// F13: the original or an error, never another text.
func FuzzOpenSealed(f *testing.F) {
	k := dbtest.Keys(f, "one", "two")
	original := seal(f, k, cell, "the original")
	f.Add(original)
	f.Add(seal(f, dbtest.Keys(f, "two"), cell, "the original"))
	f.Add("v1.." + original)
	f.Add("v2" + original[2:])
	f.Fuzz(func(t *testing.T, sealed string) {
		got, err := k.Open(cell, sealed)
		if err != nil && !got.IsZero() || err == nil && got.Reveal() != "the original" {
			t.Fatalf("%q opens as %q, %v", sealed, got.Reveal(), err)
		}
	})
}

func TestNewKeyring(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, tt := range []struct {
		name string
		keys []string
		ok   bool
	}{
		{"one", []string{good}, true},
		{"line end", []string{good + "\n"}, true},
		{"none", nil, false},
		{"empty", []string{""}, false},
		{"31 bytes", []string{base64.StdEncoding.EncodeToString(make([]byte, 31))}, false},
		{"not base64", []string{"CANARY-key"}, false},
		{"the second is invalid", []string{good, "CANARY-key"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := db.NewKeyring(tt.keys...)
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestKeyFile(t *testing.T) {
	t.Parallel()
	save := func(t *testing.T, cfg db.Config, secret string) {
		s := dbtest.Open(t, cfg)
		check(t, s.SaveAccount(t.Context(), incident.Account{}, map[incident.SecretName]incident.Secret{
			incident.ClientSecret: zoom.NewSecret(secret)}, nil, incident.AuditEntry{}))
	}
	load := func(t *testing.T, path string) *db.Keyring {
		t.Helper()
		k, err := db.LoadOrCreateKey(path)
		check(t, err)
		return k
	}

	t.Run("created at the first start and reused", func(t *testing.T) {
		cfg := dbtest.SQLite(t)
		path := filepath.Join(cfg.DataDir, "key")
		cfg.Keys = load(t, path)
		if _, err := os.Stat(path); err == nil {
			t.Fatal("the key is written before the database was looked at")
		}
		save(t, cfg, "CANARY")
		cfg.Keys = load(t, path)
		s := dbtest.Open(t, cfg)
		a, err := s.Account(t.Context())
		check(t, err)
		if a.Secrets[incident.ClientSecret].Value.Reveal() != "CANARY" || s.KeyProblem() != "" {
			t.Errorf("got %+v, %q", a.Secrets, s.KeyProblem())
		}
	})
	t.Run("two programs at once use the same key", func(t *testing.T) {
		cfg := dbtest.SQLite(t)
		path := filepath.Join(cfg.DataDir, "key")
		other := cfg
		cfg.Keys, other.Keys = load(t, path), load(t, path)
		dbtest.Open(t, cfg)
		dbtest.Open(t, other)
		if _, err := cfg.Keys.Open(cell, seal(t, other.Keys, cell, "x")); err != nil {
			t.Error(err)
		}
		if _, err := load(t, path).Open(cell, seal(t, cfg.Keys, cell, "x")); err != nil {
			t.Error(err)
		}
	})
	t.Run("K-14 lost", func(t *testing.T) {
		cfg := dbtest.SQLite(t)
		path := filepath.Join(cfg.DataDir, "key")
		save(t, cfg, "CANARY")
		cfg.Keys = load(t, path)
		s := dbtest.Open(t, cfg)
		if _, err := os.Stat(path); err == nil {
			t.Error("a new key hides that the old one is lost")
		}
		if !strings.Contains(s.KeyProblem(), path) {
			t.Errorf("the problem is %q", s.KeyProblem())
		}
		a, err := s.Account(t.Context())
		check(t, err)
		if !a.Secrets[incident.ClientSecret].Locked {
			t.Error("the secret is not locked")
		}
		err = s.SaveAccount(t.Context(), a, map[incident.SecretName]incident.Secret{incident.APISecret: zoom.NewSecret("x")}, nil, entry("account.save"))
		wantCode(t, err, incident.Unavailable)
		same(t, actions(t, s), []string{})
	})
	t.Run("K-07 none, K-08 wrong", func(t *testing.T) {
		for _, keys := range []*db.Keyring{nil, dbtest.Keys(t, "wrong")} {
			cfg := dbtest.SQLite(t)
			save(t, cfg, "CANARY")
			cfg.Keys = keys
			s := dbtest.Open(t, cfg)
			a, err := s.Account(t.Context())
			check(t, err)
			if !a.Secrets[incident.ClientSecret].Locked || !a.Secrets[incident.ClientSecret].Value.IsZero() || s.KeyProblem() == "" {
				t.Errorf("got %+v, %q", a.Secrets, s.KeyProblem())
			}
		}
	})
	t.Run("K-12 others may read it", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		text := base64.StdEncoding.EncodeToString(make([]byte, 32))
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644} {
			check(t, os.WriteFile(path, []byte(text), mode))
			check(t, os.Chmod(path, mode))
			_, err := db.LoadOrCreateKey(path)
			if err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("mode %v: %v", mode, err)
			}
		}
		check(t, os.Chmod(path, 0o400))
		load(t, path)
	})
	t.Run("not a key", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "key")
		for _, text := range []string{"", "CANARY", "\n\n"} {
			check(t, os.WriteFile(path, []byte(text), 0o600))
			_, err := db.LoadOrCreateKey(path)
			if err == nil || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%q: %v", text, err)
			}
		}
		if _, err := db.LoadOrCreateKey(t.TempDir()); err == nil {
			t.Error("a directory is a key")
		}
	})
}

// The database contains no secret in plain text, not even in deleted data:
// K-06.
func TestNoSecretOnDisk(t *testing.T) {
	t.Parallel()
	cfg := dbtest.SQLite(t)
	s := dbtest.Open(t, cfg)
	ctx := context.Background()
	check(t, s.SaveAccount(ctx, incident.Account{}, map[incident.SecretName]incident.Secret{
		incident.ClientSecret: zoom.NewSecret("CANARY-zoom-cs-1"), incident.WebhookToken1: zoom.NewSecret("CANARY-zoom-wt-1")}, nil, entry("account.save")))
	check(t, s.SaveAccount(ctx, incident.Account{Version: 1}, nil, []incident.SecretName{incident.ClientSecret}, entry("account.save")))
	session, err := incident.New(incident.Config{Store: s, Now: func() time.Time { return now }}).StartSession(ctx, addUser(t, s, "ana@example.com", incident.Viewer))
	check(t, err)
	files, err := os.ReadDir(cfg.DataDir)
	check(t, err)
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(cfg.DataDir, f.Name()))
		check(t, err)
		for _, form := range []string{session, "CANARY", base64.StdEncoding.EncodeToString([]byte("CANARY"))[:7]} {
			if bytes.Contains(data, []byte(form)) {
				t.Errorf("%s holds a secret", f.Name())
			}
		}
	}
}
