package db

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/drawbridge-hq/drawbridge/incident"
	"github.com/drawbridge-hq/drawbridge/zoom"
)

const keySize = 32

// sealVersion is the format of a sealed text: "v1.<key id>.<base64 of nonce,
// ciphertext and tag>".
const sealVersion = "v1"

// Keyring holds the master keys. The first key seals, and each key opens what
// it sealed.
type Keyring struct {
	keys    []masterKey
	path    string // the file that save writes; "": there is nothing to write
	problem string // a sentence: why stored secrets are locked
}

type masterKey struct {
	id   string // 8 hex digits, derived from the key
	aead cipher.AEAD
	text string // base64, kept only until save has written it
}

// NewKeyring reads master keys, each 32 bytes in base64, newest first. The
// error contains no key.
func NewKeyring(keys ...string) (*Keyring, error) {
	k := &Keyring{}
	for i, text := range keys {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil || len(raw) != keySize {
			return nil, fmt.Errorf("master key %d is not %d bytes in base64; create one with: head -c 32 /dev/urandom | base64", i+1, keySize)
		}
		key, err := newMasterKey(raw)
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, key)
	}
	if len(k.keys) == 0 {
		return nil, errors.New("no master key is set")
	}
	return k, nil
}

// LoadOrCreateKey reads the key file, which has one key a line, newest first.
// It returns an error if others than the owner may read the file. If there is
// no such file, it creates a key. Open writes that key with mode 0600, once it
// knows that the database has nothing sealed by a lost key.
func LoadOrCreateKey(path string) (*Keyring, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		raw := make([]byte, keySize)
		rand.Read(raw) // never fails
		key, err := newMasterKey(raw)
		if err != nil {
			return nil, err
		}
		key.text = base64.StdEncoding.EncodeToString(raw)
		return &Keyring{keys: []masterKey{key}, path: path}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("the key file %s is not a file", path)
	}
	if openToOthers(info) {
		return nil, fmt.Errorf("others may read the key file %s (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	k, err := NewKeyring(strings.Fields(string(text))...)
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	return k, nil
}

func newMasterKey(raw []byte) (masterKey, error) {
	id, err := hkdf.Key(sha256.New, raw, nil, "drawbridge key id", 4)
	if err != nil {
		return masterKey{}, err
	}
	sealKey, err := hkdf.Key(sha256.New, raw, nil, "drawbridge seal "+sealVersion, 32)
	if err != nil {
		return masterKey{}, err
	}
	block, err := aes.NewCipher(sealKey)
	if err != nil {
		return masterKey{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return masterKey{id: hex.EncodeToString(id), aead: aead}, err
}

// Cell is the place where a sealed text is stored. The text cannot be opened
// for any other place.
type Cell struct{ Table, Column, Row string }

// data binds a sealed text to its cell, its format and its key. Table and
// column are our own names and contain no slash.
func (c Cell) data(keyID string) []byte {
	return []byte(sealVersion + "/" + keyID + "/" + c.Table + "/" + c.Column + "/" + c.Row)
}

// Seal encrypts a secret for a cell with the newest key.
func (k *Keyring) Seal(at Cell, secret incident.Secret) (string, error) {
	if len(k.keys) == 0 {
		return "", unavailable(k.problem, errors.New("no master key"))
	}
	key := k.keys[0]
	sealed := key.aead.Seal(nil, nil, []byte(secret.Reveal()), at.data(key.id))
	return sealVersion + "." + key.id + "." + base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Open decrypts what Seal returned for the same cell. It returns the secret or
// an error, never a different text.
func (k *Keyring) Open(at Cell, sealed string) (incident.Secret, error) {
	version, rest, _ := strings.Cut(sealed, ".")
	keyID, text, ok := strings.Cut(rest, ".")
	if !ok || version != sealVersion {
		return incident.Secret{}, lockedError("A stored secret has a format that this version of Drawbridge doesn’t know. Start the newer version that stored it, or enter the secret again.", at, "format "+printable(version))
	}
	for _, key := range k.keys {
		if key.id != keyID {
			continue
		}
		raw, err := base64.RawStdEncoding.Strict().DecodeString(text)
		if err != nil {
			return incident.Secret{}, lockedError("A stored secret is damaged. Enter it again.", at, "not base64")
		}
		plain, err := key.aead.Open(nil, nil, raw, at.data(keyID))
		if err != nil {
			return incident.Secret{}, lockedError("A stored secret is damaged or was moved. Enter it again.", at, "does not open with key "+keyID)
		}
		return zoom.NewSecret(string(plain)), nil
	}
	return incident.Secret{}, lockedError("A stored secret was sealed with a master key that isn’t set. Restore that key, or enter the secret again.", at, "key "+printable(keyID))
}

func lockedError(message string, at Cell, cause string) error {
	return unavailable(message, fmt.Errorf("sealed %s.%s of %s: %s", at.Table, at.Column, at.Row, cause))
}

// printable returns a format or key id if it looks like one. What is stored
// instead of a sealed text may be a secret in plain text.
func printable(s string) string {
	if len(s) > 8 || strings.Trim(s, "v0123456789abcdef") != "" {
		return "(none)"
	}
	return s
}

// admitKeys writes a new key to its file, or finds out that stored secrets need
// another key.
func (s *Store) admitKeys(ctx context.Context) error {
	sealed, err := list(ctx, s.r, scalar[string], `SELECT sealed FROM secrets`)
	if err != nil {
		return err
	}
	for _, text := range sealed {
		_, rest, _ := strings.Cut(text, ".")
		keyID, _, _ := strings.Cut(rest, ".")
		if s.keys.has(keyID) {
			continue
		}
		given := s.keys.path
		if given != "" { // a key that was just created would hide that the old one is lost
			s.keys = &Keyring{problem: fmt.Sprintf("The key file %s is missing, and stored secrets need its key. Restore the file, or set a new key with DRAWBRIDGE_KEY and enter the secrets again.", given)}
		} else if s.keys.problem == "" {
			s.keys.problem = fmt.Sprintf("Some stored secrets were sealed with master key %s, which isn’t set. Add that key, or enter the secrets again.", printable(keyID))
		}
		break
	}
	if s.keys.problem != "" {
		s.log.Error("stored secrets are locked", "reason", s.keys.problem)
	}
	return s.keys.save()
}

// KeyProblem returns a sentence that says why stored secrets cannot be opened,
// or "" if all can.
func (s *Store) KeyProblem() string { return s.keys.problem }

func (k *Keyring) has(id string) bool {
	for _, key := range k.keys {
		if key.id == id {
			return true
		}
	}
	return false
}

// save writes the key that LoadOrCreateKey created. If another process was
// faster, it uses the key of that process.
func (k *Keyring) save() error {
	if k.path == "" {
		return nil
	}
	dir := filepath.Dir(k.path)
	if err := makeDataDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".key-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(k.keys[0].text + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	err = os.Link(f.Name(), k.path) // writes the whole file or nothing, and never replaces another
	if errors.Is(err, fs.ErrExist) {
		first, err := LoadOrCreateKey(k.path)
		if err != nil {
			return err
		}
		*k = *first
		return nil
	}
	if err != nil {
		return fmt.Errorf("write the key file: %w", err)
	}
	k.path, k.keys[0].text = "", ""
	return syncDir(dir)
}

// syncDir makes a new name in a directory survive a power cut. Some file
// systems do not support that, so errors of the sync do not matter.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	d.Sync()
	return d.Close()
}
