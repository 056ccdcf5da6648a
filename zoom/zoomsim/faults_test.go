package zoomsim_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/drawbridge-hq/drawbridge/zoom/zoomsim"
)

const createPath = "/v2/users/" + ana + "/meetings"

func TestFaults(t *testing.T) {
	tests := []struct {
		name       string
		faults     zoomsim.Faults
		wantBroken bool // the connection breaks
		wantStatus int
		wantBody   string // a part of the body
		wantHeader [2]string
		wantMade   int // number of meetings created
	}{
		{name: "none", wantStatus: 201, wantBody: `"join_url"`, wantMade: 1, wantHeader: [2]string{"X-Ratelimit-Category", "Medium"}},
		{name: "Z-04 down", faults: zoomsim.Faults{Down: true}, wantStatus: 502, wantBody: "<html>", wantHeader: [2]string{"Content-Type", "text/html"}},
		{name: "Z-04 503", faults: zoomsim.Faults{Down: true, DownStatus: 503}, wantStatus: 503, wantBody: "Service Unavailable"},
		{name: "Z-06 reset before the call", faults: zoomsim.Faults{Reset: true}, wantBroken: true},
		{name: "Z-06 reset after the call", faults: zoomsim.Faults{ResetAfterCommit: true}, wantBroken: true, wantMade: 1},
		{name: "Z-07 truncated", faults: zoomsim.Faults{TruncatedBody: true}, wantBroken: true, wantMade: 1},
		{name: "redirect", faults: zoomsim.Faults{Redirect: "https://evil.example/"}, wantStatus: 302, wantHeader: [2]string{"Location", "https://evil.example/"}},
		{name: "invalid JSON", faults: zoomsim.Faults{InvalidJSONError: true}, wantStatus: 400, wantBody: `"code":104`},
		{name: "OK with error", faults: zoomsim.Faults{OKWithError: true}, wantStatus: 200, wantBody: `"code":200`},
		{name: "token rejected", faults: zoomsim.Faults{TokenRefused: true}, wantStatus: 401, wantBody: `"code":124`},
		{name: "Z-01 Retry-After", faults: zoomsim.Faults{RateLimited: "second", RetryAfter: "7"}, wantStatus: 429, wantHeader: [2]string{"Retry-After", "7"}},
		{name: "documented daily limit", faults: zoomsim.Faults{RateLimited: "day", DocumentedRateHeaders: true}, wantStatus: 429, wantHeader: [2]string{"Retry-After", "2026-11-23T00:00:00Z"}},
		{name: "measured daily limit", faults: zoomsim.Faults{RateLimited: "day"}, wantStatus: 429, wantHeader: [2]string{"Retry-After", ""}},
		{name: "documented type", faults: zoomsim.Faults{RateLimited: "second", DocumentedRateHeaders: true}, wantStatus: 429, wantHeader: [2]string{"X-Ratelimit-Type", "QPS"}},
		{name: "only another host", faults: zoomsim.Faults{Down: true, Only: backup}, wantStatus: 201, wantMade: 1},
		{name: "only this host", faults: zoomsim.Faults{Down: true, Only: "ANA@example.com"}, wantStatus: 502},
		{name: "only this operation", faults: zoomsim.Faults{Down: true, Only: "POST /users/{userId}/meetings"}, wantStatus: 502},
		{name: "clock ahead", faults: zoomsim.Faults{ClockSkew: time.Hour}, wantStatus: 201, wantMade: 1, wantHeader: [2]string{"Date", "Sun, 22 Nov 2026 02:14:21 GMT"}},
		{name: "Z-07 mangled", faults: zoomsim.Faults{Mangle: func(op string, body map[string]any) {
			delete(body, "join_url")
			body["id"] = op
		}}, wantStatus: 201, wantMade: 1, wantBody: `"id":"POST /users/{userId}/meetings"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.token = w.newToken()
			w.SetFaults(func(f *zoomsim.Faults) { *f = tt.faults })
			r, err := w.try("POST", createPath, bridge)
			if (err != nil) != tt.wantBroken {
				t.Fatalf("error %v, want broken %t", err, tt.wantBroken)
			}
			w.Settle()
			if n := len(w.Meetings()); n != tt.wantMade {
				t.Errorf("%d meetings, want %d", n, tt.wantMade)
			}
			if tt.wantBroken {
				return
			}
			if r.status != tt.wantStatus || !strings.Contains(string(r.body), tt.wantBody) {
				t.Errorf("%d %s", r.status, r.body)
			}
			if h := tt.wantHeader; h[0] != "" && r.header.Get(h[0]) != h[1] {
				t.Errorf("%s: %q, want %q", h[0], r.header.Get(h[0]), h[1])
			}
			calls := w.Calls()
			if last := calls[len(calls)-1]; last.Status != tt.wantStatus || last.Operation != "POST /users/{userId}/meetings" || last.Body != bridge {
				t.Errorf("ledger: %+v", last)
			}
		})
	}
}

func TestFaultForSomeCalls(t *testing.T) {
	w := newWorld(t)
	w.token = w.newToken()
	w.SetFaults(func(f *zoomsim.Faults) { f.Down, f.Times, f.Only = true, 2, "POST /users/{userId}/meetings" })
	var got []int
	for range 3 {
		got = append(got, w.call("GET", "/v2/users/"+ana, "").status, w.call("POST", createPath, bridge).status)
	}
	if want := []int{200, 502, 200, 502, 200, 201}; !equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func equal(a, b []int) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

func TestPerSecond(t *testing.T) {
	w := newWorld(t)
	w.token = w.newToken()
	w.SetFaults(func(f *zoomsim.Faults) { f.PerSecond = 2 })
	var got []int
	for range 3 {
		got = append(got, w.call("GET", "/v2/users/"+ana, "").status)
	}
	w.clock.add(time.Second)
	got = append(got, w.call("GET", "/v2/users/"+ana, "").status)
	if want := []int{200, 200, 429, 200}; !equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Z-08: a new meeting becomes visible only some time later.
func TestLag(t *testing.T) {
	w := newWorld(t)
	w.SetFaults(func(f *zoomsim.Faults) { f.Lag = 30 * time.Second })
	m := w.create(ana, bridge)
	see := func() (int, any) {
		return w.call("GET", "/v2/meetings/"+id(m), "").status, w.call("GET", createPath, "").json(t)["total_records"]
	}
	if status, n := see(); status != 404 || n != json.Number("0") {
		t.Errorf("at once: %d, %v listed", status, n)
	}
	w.clock.add(30 * time.Second)
	if status, n := see(); status != 200 || n != json.Number("1") {
		t.Errorf("later: %d, %v listed", status, n)
	}
}

// Z-05: when the caller gives up, the simulator stops waiting.
func TestSlow(t *testing.T) {
	for _, f := range []zoomsim.Faults{{Latency: time.Hour}, {Stall: true}} {
		w := newWorld(t)
		w.token = w.newToken()
		w.SetFaults(func(on *zoomsim.Faults) { *on = f })
		client := &http.Client{Timeout: 50 * time.Millisecond}
		req, _ := http.NewRequest("GET", w.api.URL+"/v2/users/"+ana, nil)
		req.Header.Set("Authorization", "Bearer "+w.token)
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		var timeout interface{ Timeout() bool }
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%+v: %v", f.Latency, err)
		}
		w.Settle()
	}
}
