package handlers_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/drawbridge-hq/drawbridge/handlers"
	"github.com/drawbridge-hq/drawbridge/views"
)

// request returns the context of a request with cookies, given as name, value, name, value ….
func request(cookies ...string) (echo.Context, *httptest.ResponseRecorder) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(cookies); i += 2 {
		r.Header.Add("Cookie", cookies[i]+"="+cookies[i+1])
	}
	w := httptest.NewRecorder()
	return echo.New().NewContext(r, w), w
}

func TestZone(t *testing.T) { // F-36
	for cookie, want := range map[string]string{
		"Europe/Oslo": "Europe/Oslo", "Australia/Lord_Howe": "Australia/Lord_Howe", "UTC": "UTC", "Etc/GMT+3": "Etc/GMT+3",
		"": "UTC", "Local": "UTC", "../../etc/passwd": "UTC", "/etc/localtime": "UTC", "Europe/../Europe/Oslo": "UTC", "No/Where": "UTC",
		strings.Repeat("A", 10_000): "UTC", "Europe%2fOslo": "UTC",
	} {
		c, _ := request("tz", cookie)
		if got := handlers.Zone(c).String(); got != want {
			t.Errorf("%.40q gives %s, want %s", cookie, got, want)
		}
	}
	c, _ := request()
	if got := handlers.Zone(c).String(); got != "UTC" {
		t.Errorf("without a cookie: %s", got)
	}
}

func TestFlash(t *testing.T) {
	var site handlers.Site
	t.Run("says it once", func(t *testing.T) {
		c, w := request()
		site.Flash(c, "ok", "Runbook “Outage” was saved; 3 fields changed.\nÆ")
		cookie := w.Result().Cookies()[0]
		c, w = request(cookie.Name, cookie.Value)
		flash := site.Frame(c, "", "").Flash
		if flash == nil || flash.Level != views.LevelOK || flash.Text != "Runbook “Outage” was saved; 3 fields changed.\nÆ" {
			t.Errorf("flash %+v", flash)
		}
		if again := w.Result().Cookies()[0]; again.MaxAge >= 0 || !again.HttpOnly {
			t.Errorf("the cookie stays: %+v", again)
		}
	})
	t.Run("a long one is cut on a rune", func(t *testing.T) {
		c, w := request()
		site.Flash(c, "ok", strings.Repeat("é", 5000))
		if cookie := w.Result().Cookies()[0]; len(cookie.Value) > 2000 {
			t.Errorf("%d bytes", len(cookie.Value))
		}
	})
	t.Run("an invalid cookie is ignored", func(t *testing.T) {
		for _, value := range []string{"", "x", "!!!", base64.RawURLEncoding.EncodeToString([]byte("nospace"))} {
			c, _ := request("drawbridge_flash", value)
			if flash := site.Frame(c, "", "").Flash; flash != nil {
				t.Errorf("%q: %+v", value, flash)
			}
		}
	})
}

func TestSafeNext(t *testing.T) { // F-20
	for next, want := range map[string]string{
		"/": "/", "/incidents/42?tab=a%20b": "/incidents/42?tab=a%20b", "/ok?u=//e": "/ok?u=//e", "/caf%C3%A9": "/caf%C3%A9",
		"": "/", "incidents": "/", "//e": "/", `/\e`: "/", "/%09/e": "/", "/\t/e": "/", "https:e": "/", "///e": "/", "/%2f/e": "/", "/%5ce": "/",
		"javascript:x": "/", "http://host@e": "/", "/a\r\nb": "/", "/%zz": "/", "/a b": "/", "/\x7f": "/", "/" + strings.Repeat("a", 2001): "/",
	} {
		if got := handlers.SafeNext(next); got != want {
			t.Errorf("SafeNext(%.40q) = %.40q, want %q", next, got, want)
		}
	}
}
