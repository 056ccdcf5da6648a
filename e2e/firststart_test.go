package e2e

import (
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Before there is an admin, the login page says where the one-time link is. Later, its
// commands for a lost password work as they are written.
func TestLoginPageAdvice(t *testing.T) {
	dockerfile, err := os.ReadFile("../deploy/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile("../deploy/drawbridge.service")
	if err != nil {
		t.Fatal(err)
	}
	alone(t)
	s := start(t, "serve")
	p := newPerson(t, s.url)

	t.Run("no admin", func(t *testing.T) {
		if status, _ := p.do("GET", "/", nil); status != 303 {
			t.Errorf("/: status %d, want a redirect to the login page", status)
		}
		_, page := p.do("GET", "/login", nil)
		for _, want := range []string{"Create the first admin", "it printed a link", "journalctl -u drawbridge", "docker logs CONTAINER", "Restart Drawbridge to get a new one."} {
			if !strings.Contains(page, want) {
				t.Errorf("the login page does not say %q", want)
			}
		}
		link := regexp.MustCompile(`/setup\?token=(\S+)`).FindStringSubmatch(s.out.String())
		if link == nil || strings.Contains(page, link[1]) {
			t.Errorf("the link %q was not printed, or it is on the page", link)
		}
		if status, _ := p.do("GET", link[0], nil); status != 200 {
			t.Errorf("the printed link: status %d", status)
		}
	})

	ok(t, demoPassword, "user", "add", "ada@example.com", "--role", "admin", "--password-stdin")
	_, page := p.do("GET", "/login", nil)
	if strings.Contains(page, "Create the first admin") {
		t.Error("the login page still says how to create the first admin")
	}
	data, err := filepath.Abs("data")
	if err != nil {
		t.Fatal(err)
	}
	// What comes before the arguments, depending on how the server was started, and the
	// lines of our files that make it right.
	for _, start := range []struct{ before, file, line string }{
		{"./drawbridge ", "", ""},
		{"sudo drawbridge ", string(unit), "Environment=DRAWBRIDGE_DATA_DIR=/var/lib/drawbridge\n"},
		{"docker exec -i CONTAINER /drawbridge ", string(dockerfile), "ENTRYPOINT [\"/drawbridge\"]\n"},
	} {
		t.Run(start.before, func(t *testing.T) {
			if !strings.Contains(start.file, start.line) {
				t.Errorf("no line %q", start.line)
			}
			found := regexp.MustCompile(`<code><bdi>` + regexp.QuoteMeta(start.before) + `([^<]*reset-password[^<]*)</bdi>`).FindStringSubmatch(page)
			if found == nil {
				t.Fatal("the login page has no such command")
			}
			arguments := strings.NewReplacer("EMAIL", "ada@example.com", "/var/lib/drawbridge", data).Replace(html.UnescapeString(found[1]))
			secret := "a new password for " + start.before
			ok(t, secret+"\n", strings.Fields(arguments)...)
			if !newPerson(t, s.url).canLogIn("ada@example.com", secret) {
				t.Error("the new password does not work")
			}
		})
	}
}
