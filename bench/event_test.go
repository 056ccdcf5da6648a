package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	s := newSender()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	seen := map[int64]bool{}
	for range 1000 {
		text, meeting := s.next(now)
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if len(body) < 633 || len(body) > 754 {
			t.Errorf("a body has %d bytes", len(body))
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + r.Header.Get("X-Zm-Request-Timestamp") + ":" + string(body)))
		if got, want := r.Header.Get("X-Zm-Signature"), "v0="+hex.EncodeToString(mac.Sum(nil)); got != want {
			t.Fatalf("signature %s, want %s", got, want)
		}
		var e struct {
			At      int64 `json:"event_ts"`
			Payload struct{ Object struct{ ID int64 } }
		}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatal(err)
		}
		if e.At != now.UnixMilli() || e.Payload.Object.ID != meeting || seen[meeting] || meeting < 1e10 || meeting >= 1e11 {
			t.Fatalf("event %+v, meeting %d", e, meeting)
		}
		seen[meeting] = true
	}
}

func BenchmarkSender(b *testing.B) {
	s := newSender()
	for b.Loop() {
		s.next(time.Now())
	}
}
