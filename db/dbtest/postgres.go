package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/drawbridge-hq/drawbridge/db"
)

// errNone says how to get a PostgreSQL.
var errNone = errors.New("no PostgreSQL: set TEST_POSTGRES_URL to a server where databases may be created, or install one (on Debian: apt-get install postgresql)")

// server returns the address of the server, which it finds or starts once, and
// the end of a statement that creates a database there.
var server = sync.OnceValues(func() (s struct{ address, copying string }, err error) {
	if s.address = os.Getenv("TEST_POSTGRES_URL"); s.address != "" {
		return s, nil
	}
	if s.address, _, err = startServer(); err != nil {
		return s, err
	}
	// Copying the files of a database takes a quarter of the time of copying
	// its pages. It is meant for a server that does not wait for the disk.
	// Since version 15 it must be requested.
	var number int
	if err = ask(s.address, `SELECT current_setting('server_version_num')::int`, &number); number >= 15_00_00 {
		s.copying = " STRATEGY FILE_COPY"
	}
	return s, err
})

// migrated returns the name of a database with this program's schema, on the
// server that was started here. Copying that database is faster than creating
// one.
var migrated = sync.OnceValues(func() (string, error) {
	const name = "drawbridge_migrated"
	base, err := server()
	if err != nil {
		return "", err
	}
	if err := ask(base.address, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	s, err := db.Open(context.Background(), db.Config{
		DatabaseURL: on(base.address, name), Now: func() time.Time { return Now }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", err
	}
	return name, s.Close()
})

// OwnPostgres returns the address of a database on a server that no other test
// uses. stop crashes that server, and restart starts it again, after a crash if
// it runs. It skips the test if the server cannot be started.
func OwnPostgres(t testing.TB) (address string, stop, restart func()) {
	t.Helper()
	skipShort(t)
	address, control, err := startServer()
	unless(t, err)
	do := func(verb string) func() {
		return func() {
			t.Helper()
			if err := control(verb); err != nil {
				t.Fatalf("%s PostgreSQL: %v", verb, err)
			}
		}
	}
	return address, do("stop"), do("restart")
}

// PostgresURL returns the address of a fresh, empty PostgreSQL database, which
// is dropped when the test ends. It skips the test if there is no server or if
// tests run with -short.
func PostgresURL(t testing.TB) string {
	t.Helper()
	skipShort(t)
	return copyOf(t, "template1")
}

func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("tests on PostgreSQL take longer: run without -short")
	}
}

// migratedURL is PostgresURL for a database that has this program's schema.
func migratedURL(t testing.TB) string {
	t.Helper()
	skipShort(t)
	if os.Getenv("TEST_POSTGRES_URL") != "" {
		return PostgresURL(t) // leave nothing behind on that server
	}
	name, err := migrated()
	unless(t, err)
	return copyOf(t, name)
}

func copyOf(t testing.TB, template string) string {
	t.Helper()
	base, err := server()
	unless(t, err)
	name := "drawbridge_test_" + strings.ToLower(rand.Text())
	unless(t, ask(base.address, fmt.Sprintf(`CREATE DATABASE %s TEMPLATE %s%s`, name, template, base.copying)))
	t.Cleanup(func() { unless(t, ask(base.address, fmt.Sprintf(`DROP DATABASE %s WITH (FORCE)`, name))) })
	return on(base.address, name)
}

// unless fails the test if err is not nil. It skips the test instead if there
// is no server and none is required.
func unless(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, errNone) && os.Getenv("REQUIRE_POSTGRES") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// on returns the address of another database on a server.
func on(server, database string) string {
	u, err := url.Parse(server)
	if err != nil {
		panic("TEST_POSTGRES_URL is not a URL")
	}
	u.Path = "/" + database
	return u.String()
}

// ask runs a statement on a server and reads the row of its answer, if any.
func ask(server, text string, row ...any) error {
	conn, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if len(row) > 0 {
		return conn.QueryRow(text).Scan(row...)
	}
	if _, err := conn.Exec(text); err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	return nil
}

// awaitServer waits until a server accepts connections.
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
