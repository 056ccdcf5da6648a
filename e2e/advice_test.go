package e2e

import (
	"net"
	"os"
	"strings"
	"testing"
)

// A command that fails says what is wrong in the words of the command, and advises
// only what applies to it.
func TestAdviceOfCommands(t *testing.T) {
	alone(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, text := range map[string]string{
		"bad.db":       strings.Repeat("not a database ", 20),
		"runbook.yaml": "runbooks:\n  - name: Outage\n    steps:\n      - kind: create_meeting\n        execute_automatically: true\n        topic: '{{ no.such }}'\n",
		"token.yaml":   "account:\n  auth: server_to_server\n  account_id: AccountAAAAAAAAAAAAAAA\n  client_id: ClientAAAAAAAAAAAAAAAA\n  client_secret: secret-of-the-client\n  backup_user_email: oncall@example.com\n  webhook_secret_tokens: [good-token-0123456789, short]\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args    string
		says    []string
		saysNot []string
	}{
		{"import --from foo", []string{"address of the source database is invalid"}, []string{"run the command again", "0 events"}},
		{"verify bad.db", []string{"bad.db is not a SQLite database"}, []string{"data directory", "restore"}},
		{"apply runbook.yaml", []string{`runbook "Outage"`, "steps[0].topic"}, []string{"invalid: "}},
		{"apply token.yaml", []string{"account: ", "webhook_secret_tokens[1]: "}, []string{"webhook_secret_token_"}},
		{"serve --addr " + taken.Addr().String(), []string{"--addr"}, nil},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := command(t, "", strings.Fields(c.args)...)
			if r.code != 1 {
				t.Errorf("status %d", r.code)
			}
			for _, text := range c.says {
				if !strings.Contains(r.err, text) {
					t.Errorf("it does not say %q: %s", text, r.err)
				}
			}
			for _, text := range c.saysNot {
				if strings.Contains(r.err, text) {
					t.Errorf("it says %q: %s", text, r.err)
				}
			}
		})
	}
}
