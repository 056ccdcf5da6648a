package static_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/drawbridge-hq/drawbridge/static"
)

func TestHandler(t *testing.T) {
	t.Parallel()
	css := static.URL("app.css")
	for _, tc := range []struct {
		name, method, path string
		wantStatus         int
		wantType           string
	}{
		{"style sheet", "GET", css, 200, "text/css; charset=utf-8"},
		{"script", "GET", static.URL("vendor/htmx.js"), 200, "text/javascript; charset=utf-8"},
		{"mark", "GET", static.URL("mark.svg"), 200, "image/svg+xml"},
		{"head", "HEAD", css, 200, "text/css; charset=utf-8"},
		{"without hash", "GET", "/static/app.css", 404, ""},
		{"wrong hash", "GET", "/static/app.000000000000.css", 404, ""},
		{"folder", "GET", "/static/", 404, ""},
		{"not embedded", "GET", "/static/vendor.sh", 404, ""},
		{"F-30 dots", "GET", "/static/../static.go", 404, ""},
		{"F-30 encoded dots", "GET", "/static/%2e%2e/static.go", 404, ""},
		{"F-30 backslash", "GET", `/static/..%5cstatic.go`, 404, ""},
		{"F-30 double slash", "GET", "/static//app.css", 404, ""},
		{"post", "POST", css, 405, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			rec := httptest.NewRecorder()
			static.Handler().ServeHTTP(rec, httptest.NewRequest(tc.method, tc.path, nil))
			if rec.Code != tc.wantStatus {
				t.Fatalf("status %d, want %d", rec.Code, tc.wantStatus)
			}
			if tc.wantStatus != http.StatusOK {
				return
			}
			if got := rec.Header().Get("Content-Type"); got != tc.wantType {
				t.Errorf("Content-Type %q, want %q", got, tc.wantType)
			}
			if got := rec.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
				t.Errorf("Cache-Control %q is not immutable", got)
			}
			if empty := rec.Body.Len() == 0; empty != (tc.method == "HEAD") {
				t.Errorf("%s gave %d bytes", tc.method, rec.Body.Len())
			}
		})
	}
}

func TestURLOfUnknownFilePanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("URL of an unknown file did not panic")
		}
	}()
	static.URL("nope.css")
}
