package zoom_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/zoom"
)

func TestSecretDoesNotPrint(t *testing.T) {
	const canary = "canary-0123456789-canary"
	s := zoom.NewSecret(canary)
	holder := struct {
		Public zoom.Secret
		hidden zoom.Secret
		list   []zoom.Secret
		deep   map[string]*zoom.Secret
	}{s, s, []zoom.Secret{s}, map[string]*zoom.Secret{"k": &s}}
	client := zoom.New(zoom.Config{Credentials: zoom.Credentials{ClientSecret: s, APISecret: s}})

	var out strings.Builder
	for _, v := range []any{s, &s, holder, &holder, client, zoom.Meeting{StartURL: s}, zoom.Credentials{ClientSecret: s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, v)
		if b, err := json.Marshal(v); err == nil {
			out.Write(b)
		}
		for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(h).Info("x", "v", v)
		}
	}
	text, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	if err := json.NewEncoder(&out).Encode(map[string]any{"a": s, "b": []zoom.Secret{s}}); err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{canary, fmt.Sprintf("%x", canary), "99 97 110 97"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in:\n%s", leak, out.String())
		}
	}
	if !bytes.Contains([]byte(out.String()), []byte("[secret]")) {
		t.Error("nothing was printed at all")
	}
}

func TestSecret(t *testing.T) {
	for _, tt := range []struct {
		name, in   string
		wantZero   bool
		wantEnding string
	}{
		{"zero", "", true, ""},
		{"short", "12345678901234567890123", false, ""},
		{"long", "12345678901234567890abcd", false, "abcd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := zoom.NewSecret(tt.in)
			if s.Reveal() != tt.in || s.IsZero() != tt.wantZero || s.Ending() != tt.wantEnding {
				t.Errorf("Reveal %q, IsZero %v, Ending %q", s.Reveal(), s.IsZero(), s.Ending())
			}
			if !s.Equal(zoom.NewSecret(tt.in)) || s.Equal(zoom.NewSecret(tt.in+"x")) {
				t.Error("Equal returns the wrong result")
			}
		})
	}
}
