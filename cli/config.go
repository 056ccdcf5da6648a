package cli

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/drawbridge-hq/drawbridge/db"
)

// Config holds all settings from flags and environment. Secrets have no flag,
// because other processes on the machine can read a command line.
type Config struct {
	Addr               string   `env:"DRAWBRIDGE_ADDR" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on."`
	DataDir            string   `env:"DRAWBRIDGE_DATA_DIR" default:"data" placeholder:"DIR" help:"Directory of the SQLite database and the master key."`
	PublicURL          string   `env:"DRAWBRIDGE_PUBLIC_URL" name:"public-url" placeholder:"URL" help:"How people and Zoom reach this server, such as https://bridge.example.com."`
	KeyFile            string   `env:"DRAWBRIDGE_KEY_FILE" placeholder:"FILE" help:"File with the master key. Default: master.key in the data directory, created at the first start."`
	ZoomAPIURL         string   `env:"DRAWBRIDGE_ZOOM_API_URL" name:"zoom-api-url" placeholder:"URL" help:"Base URL of the Zoom API, if it is not Zoom’s own."`
	ZoomOAuthURL       string   `env:"DRAWBRIDGE_ZOOM_OAUTH_URL" name:"zoom-oauth-url" placeholder:"URL" help:"Zoom’s token endpoint, if it is not Zoom’s own."`
	ZoomDomains        []string `env:"DRAWBRIDGE_ZOOM_DOMAINS" name:"zoom-domains" placeholder:"DOMAIN" help:"Domains whose links lead to Zoom, in addition to Zoom’s own."`
	TrustedProxies     []string `env:"DRAWBRIDGE_TRUSTED_PROXIES" placeholder:"CIDR" help:"Networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are trusted."`
	OutboundAllowCIDRs []string `env:"DRAWBRIDGE_OUTBOUND_ALLOW_CIDRS" name:"outbound-allow-cidrs" placeholder:"CIDR" help:"Private networks the server may call."`
	LogLevel           string   `env:"DRAWBRIDGE_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Log level: debug, info, warn or error."`

	// Filled in by check.
	DatabaseURL string         `kong:"-"`
	Proxies     []netip.Prefix `kong:"-"`
	key         string
	logLevel    slog.Level
	journal     string // "": the first file of the data directory
	outbound    []netip.Prefix
}

// check reads the secrets and returns all problems, each with the variable to set.
func (c *Config) check() (problems []string) {
	wrong := func(name, text string) { problems = append(problems, name+": "+text) }

	// Remove them from the environment, so that nothing that prints it shows them.
	c.DatabaseURL, c.key = os.Getenv("DRAWBRIDGE_DATABASE_URL"), os.Getenv("DRAWBRIDGE_KEY")
	os.Unsetenv("DRAWBRIDGE_DATABASE_URL")
	os.Unsetenv("DRAWBRIDGE_KEY")

	if _, port, err := net.SplitHostPort(c.Addr); err != nil || port == "" {
		wrong("DRAWBRIDGE_ADDR", "use host:port, such as 127.0.0.1:8080 or :8080")
	}
	if err := c.logLevel.UnmarshalText([]byte(c.LogLevel)); err != nil {
		wrong("DRAWBRIDGE_LOG_LEVEL", "use debug, info, warn or error")
	}
	if c.DataDir == "" {
		wrong("DRAWBRIDGE_DATA_DIR", "set a directory, such as ./data")
	}
	if u, err := url.Parse(c.DatabaseURL); c.DatabaseURL != "" && (err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") || u.Host == "" && u.Query().Get("host") == "") {
		wrong("DRAWBRIDGE_DATABASE_URL", "use postgres://user:password@host/database, or leave it empty for SQLite")
	}
	if c.key != "" && c.KeyFile != "" {
		wrong("DRAWBRIDGE_KEY", "set either this or DRAWBRIDGE_KEY_FILE, not both")
	}
	if b, err := base64.StdEncoding.DecodeString(c.key); c.key != "" && (err != nil || len(b) != 32) {
		wrong("DRAWBRIDGE_KEY", "use 32 bytes in base64, such as the output of `openssl rand -base64 32`")
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	for _, u := range []struct{ name, value string }{
		{"DRAWBRIDGE_PUBLIC_URL", c.PublicURL},
		{"DRAWBRIDGE_ZOOM_API_URL", c.ZoomAPIURL},
		{"DRAWBRIDGE_ZOOM_OAUTH_URL", c.ZoomOAuthURL},
	} {
		p, err := url.Parse(u.value)
		switch {
		case u.value == "":
		case err != nil || (p.Scheme != "https" && p.Scheme != "http") || p.Hostname() == "" || p.User != nil || p.RawQuery != "" || p.Fragment != "":
			wrong(u.name, "use an address that starts with https:// or http:// and has no user, ? or #")
		case u.name == "DRAWBRIDGE_PUBLIC_URL" && p.Path != "":
			wrong(u.name, "use an address without a path, such as https://bridge.example.com")
		}
	}
	for i, d := range c.ZoomDomains {
		c.ZoomDomains[i] = strings.TrimPrefix(strings.TrimSpace(d), "*.")
		if !domain.MatchString(c.ZoomDomains[i]) {
			wrong("DRAWBRIDGE_ZOOM_DOMAINS", fmt.Sprintf("%q is not a domain; use a name such as zoom.example.com, with commas between several", d))
		}
	}
	var problem string
	if c.Proxies, problem = prefixes(c.TrustedProxies); problem != "" {
		wrong("DRAWBRIDGE_TRUSTED_PROXIES", problem)
	}
	if c.outbound, problem = prefixes(c.OutboundAllowCIDRs); problem != "" {
		wrong("DRAWBRIDGE_OUTBOUND_ALLOW_CIDRS", problem)
	}
	return problems
}

// domain matches a domain with at least two labels. A whole top-level domain would
// make almost every link one of Zoom's.
var domain = regexp.MustCompile(`^(?i)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$`)

// prefixes parses networks. A single address is a network of one address.
func prefixes(list []string) (out []netip.Prefix, problem string) {
	for _, s := range list {
		s = strings.TrimSpace(s)
		p, err := netip.ParsePrefix(s)
		if a, addrErr := netip.ParseAddr(s); err != nil && addrErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Sprintf("%q is not a network; use CIDR notation such as 10.0.0.0/8, with commas between several", s)
		}
		out = append(out, p.Masked())
	}
	return out, ""
}

// publicURL is the address at which people reach the server.
func (c Config) publicURL() string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, _ := net.SplitHostPort(c.Addr)
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// where names the database in a message.
func (c Config) where() string {
	if c.DatabaseURL != "" {
		return "the PostgreSQL database"
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		dir = c.DataDir
	}
	return dir
}

// keyFile is the path of the master key, "" if the key is in the environment.
func (c Config) keyFile() string {
	if c.key != "" {
		return ""
	}
	return cmp.Or(c.KeyFile, filepath.Join(c.DataDir, db.KeyFile))
}

// keyring returns the master key. It creates the key file if there is none.
func (c Config) keyring() (*db.Keyring, error) {
	if c.key != "" {
		return db.NewKeyring(c.key)
	}
	return db.LoadOrCreateKey(c.keyFile())
}

// print writes the configuration in effect. Of secrets it shows only that they are set.
func (c Config) print(w io.Writer) {
	set := func(s string) string {
		if s == "" {
			return ""
		}
		return "(set)"
	}
	for _, v := range [][2]string{
		{"DRAWBRIDGE_ADDR", c.Addr},
		{"DRAWBRIDGE_DATA_DIR", c.DataDir},
		{"DRAWBRIDGE_DATABASE_URL", set(c.DatabaseURL)},
		{"DRAWBRIDGE_PUBLIC_URL", c.publicURL()},
		{"DRAWBRIDGE_KEY", set(c.key)},
		{"DRAWBRIDGE_KEY_FILE", c.KeyFile},
		{"DRAWBRIDGE_ZOOM_API_URL", c.ZoomAPIURL},
		{"DRAWBRIDGE_ZOOM_OAUTH_URL", c.ZoomOAuthURL},
		{"DRAWBRIDGE_ZOOM_DOMAINS", strings.Join(c.ZoomDomains, ",")},
		{"DRAWBRIDGE_TRUSTED_PROXIES", strings.Join(c.TrustedProxies, ",")},
		{"DRAWBRIDGE_OUTBOUND_ALLOW_CIDRS", strings.Join(c.OutboundAllowCIDRs, ",")},
		{"DRAWBRIDGE_LOG_LEVEL", c.LogLevel},
	} {
		fmt.Fprintf(w, "%s=%s\n", v[0], v[1])
	}
}
