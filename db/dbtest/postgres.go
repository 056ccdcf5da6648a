package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// errNone says how to get a PostgreSQL.
var errNone = errors.New("no PostgreSQL: set TEST_POSTGRES_URL to a server where databases may be created, or install one (on Debian: apt-get install postgresql)")

// server is the address of the server, found or started once.
var server = sync.OnceValues(func() (string, error) {
	if u := os.Getenv("TEST_POSTGRES_URL"); u != "" {
		return u, nil
	}
	address, _, err := startServer()
	return address, err
})

// OwnPostgres is the address of the database of a server that no other test
// uses, and crashes and restarts that server. It skips the test where the
// server cannot be started.
func OwnPostgres(t testing.TB) (address string, restart func()) {
	t.Helper()
	address, again, err := startServer()
	if errors.Is(err, errNone) && os.Getenv("REQUIRE_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return address, func() {
		t.Helper()
		if err := again(); err != nil {
			t.Fatalf("restart PostgreSQL: %v", err)
		}
	}
}

// PostgresURL is the address of a fresh, empty PostgreSQL database, which is
// dropped when the test ends. It skips the test when there is no server.
func PostgresURL(t testing.TB) string {
	t.Helper()
	base, err := server()
	if errors.Is(err, errNone) && os.Getenv("REQUIRE_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal("TEST_POSTGRES_URL is not a URL")
	}
	name := "drawbridge_test_" + strings.ToLower(rand.Text())
	statement(t, base, fmt.Sprintf(`CREATE DATABASE %s`, name))
	t.Cleanup(func() { statement(t, base, fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, name)) })
	u.Path = "/" + name
	return u.String()
}

func statement(t testing.TB, server, text string) {
	t.Helper()
	conn, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Exec(text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// awaitServer waits until a server takes connections.
func awaitServer(ctx context.Context, address string) error {
	conn, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		err := conn.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
