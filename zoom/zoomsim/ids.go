package zoomsim

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// hash returns 43 characters of base64url that look random and depend only on the arguments.
func hash(seed int64, label string, n int64, text string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %d %s", seed, label, n, text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// random returns a text of n < 44 characters that it has not returned before.
func (s *Sim) random(label string, n int) string {
	s.serial++
	return hash(s.seed, label, int64(s.serial), "")[:n]
}

// number returns a 63-bit number that looks random and depends only on the arguments.
func (s *Sim) number(label, text string) int64 {
	b, _ := base64.RawURLEncoding.DecodeString(hash(s.seed, label, 0, text))
	return int64(binary.BigEndian.Uint64(b) >> 1)
}

// newMeetingID returns an id of 11 digits, which does not fit into 32 bits. The step has no factor in common
// with 10^10, so ids do not repeat.
func (s *Sim) newMeetingID() int64 {
	s.serial++
	return 80000000000 + (s.number("meeting", "")%10000000000+int64(s.serial)*7368787873)%10000000000
}

// newUUID returns 16 bytes in base64. Every fourth one begins with "/" and every fourth one contains "//". Such
// uuids must be percent-encoded twice in a path.
func (s *Sim) newUUID() string {
	b, _ := base64.RawURLEncoding.DecodeString(s.random("uuid", 43))
	b = b[:16]
	s.uuids++
	switch s.uuids % 4 {
	case 2:
		b[0] |= 0xfc
	case 0:
		b[3], b[4] = 0xff, b[4]|0xf0
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (s *Sim) newPassword() string {
	return strings.NewReplacer("-", "k", "_", "W").Replace(s.random("password", 6))
}

func (s *Sim) digits(label string, n int) string {
	return fmt.Sprintf("%019d", s.number(label, s.random(label, 20)))[19-n:]
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
