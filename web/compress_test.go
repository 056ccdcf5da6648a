package web_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/drawbridge-hq/drawbridge/incident"
)

func TestPagesAreCompressed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.runbook("Outage")
	b := w.loggedIn(incident.Admin)
	plain := b.get("/runbooks")
	if plain.header.Get("Content-Encoding") != "" || !strings.Contains(plain.header.Get("Vary"), "Accept-Encoding") {
		t.Errorf("without Accept-Encoding: %v", plain.header)
	}
	unpack := map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	}
	for accept, want := range map[string]string{"gzip": "gzip", "gzip, deflate, br, zstd": "zstd", "gzip;q=0": "", "identity": "", "br": ""} {
		t.Run(accept, func(t *testing.T) {
			r := b.do(http.MethodGet, "/runbooks", nil, "Accept-Encoding", accept)
			if got := r.header.Get("Content-Encoding"); got != want || r.status != http.StatusOK {
				t.Fatalf("status %d, encoding %q, want %q", r.status, got, want)
			}
			text := r.body
			if want != "" {
				reader, err := unpack[want](strings.NewReader(r.body))
				w.must(err)
				all, err := io.ReadAll(reader)
				w.must(err)
				if text = string(all); len(r.body) > len(text)/2 {
					t.Errorf("%d bytes of %d", len(r.body), len(text))
				}
			}
			if text != plain.body {
				t.Error("it is another page")
			}
		})
	}
	t.Run("an error page", func(t *testing.T) {
		if r := b.do(http.MethodGet, "/nothing", nil, "Accept-Encoding", "gzip"); r.status != http.StatusNotFound || r.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("status %d, %v", r.status, r.header)
		}
	})
	t.Run("not an answer that shows a new secret", func(t *testing.T) {
		r := b.do(http.MethodPost, "/settings/tokens", strings.NewReader("name=x&scope=read"), "Accept-Encoding", "gzip", "Sec-Fetch-Site", "same-origin", "Content-Type", "application/x-www-form-urlencoded")
		if r.status != http.StatusOK || r.header.Get("Content-Encoding") != "" {
			t.Errorf("status %d, %v", r.status, r.header)
		}
	})
	t.Run("not the webhook's", func(t *testing.T) {
		if r := w.deliver(secretToken, started(1), "Accept-Encoding", "gzip"); r.status != http.StatusOK || r.body != "{}" {
			t.Errorf("status %d: %q", r.status, r.body)
		}
	})
}
