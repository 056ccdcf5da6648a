// Command bench measures Drawbridge next to its peers, in one run and on loopback
// only, and prints tables with ratios. Absolute numbers depend on the machine;
// ratios from one run can be compared across machines. It needs Linux. Without
// PostgreSQL or Node it skips the rows that need them. See docs/performance.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) == 5 && os.Args[1] == "serve" {
		err = servePeer(ctx, os.Args[2], os.Args[3], os.Args[4])
	} else {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// wholeTime is the time limit of a run.
const wholeTime = time.Hour

func run(ctx context.Context) error {
	quick := flag.Bool("quick", false, "measure less, in a few minutes; for work on this program")
	big := flag.Bool("big", false, "measure a large event log instead: browsing, searching and exporting while events arrive")
	open := flag.Bool("open", false, "measure only how long people wait who open incidents")
	count := flag.Int64("count", 10_000_000, "with -big: number of events to create")
	dataDir := flag.String("data-dir", "", "with -big: existing data directory to use; replaces its account, adds events and deletes the oldest")
	write := flag.Bool("write", false, "update the tables in docs/performance.md")
	dir := flag.String("dir", "", "directory for the databases (default: the system's temporary directory)")
	flag.Parse()

	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	debug.SetGCPercent(400) // leave the CPU to the servers
	h, err := prepare(ctx, *dir, !*big, !*big && !*open)
	if err != nil {
		return err
	}
	defer h.close()

	p := wholePlan
	if *quick {
		p = quickPlan
	}
	sections := []section{{"receiving", h.receiving}, {"opening", h.opening}}
	switch {
	case *big:
		sections = []section{{"browsing", func(ctx context.Context, p plan) (string, error) { return h.browsing(ctx, p, *dataDir, *count) }}}
	case *open:
		sections = sections[1:]
	}
	machine := h.machine(ctx)
	for _, s := range sections {
		text, err := s.measure(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		text = machine + "\n\n" + text
		fmt.Print("\n", text)
		if !*write {
			continue
		}
		if err := writeSection(filepath.Join(h.repo, "docs", "performance.md"), s.name, text); err != nil {
			return err
		}
	}
	return nil
}

// section is a section of docs/performance.md.
type section struct {
	name    string
	measure func(context.Context, plan) (string, error)
}

func (h *harness) receiving(ctx context.Context, p plan) (string, error) {
	disk, err := syncTimes(h.dir, 1000/p.rounds)
	if err != nil {
		return "", err
	}
	all, err := h.measureIngest(ctx, p)
	if err != nil {
		return "", err
	}
	page, err := h.pageTime(ctx)
	if err != nil {
		return "", err
	}
	return ingestReport(all, p, disk, page), nil
}

// prepare builds Drawbridge, starts PostgreSQL if it is wanted, and installs the
// packages of Zoom's sample.
func prepare(ctx context.Context, base string, postgres, sample bool) (h *harness, err error) {
	h = &harness{busy: busy()}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.self, err = os.Executable(); err != nil {
		return h, err
	}
	if h.repo, err = repository(); err != nil {
		return h, err
	}
	if h.dir, err = os.MkdirTemp(base, "drawbridge-bench-"); err != nil {
		return h, err
	}
	h.binary = filepath.Join(h.dir, "drawbridge")
	h.wordless = h.binary + "-wordless"
	progress("building Drawbridge")
	for binary, flags := range map[string]string{h.binary: "", h.wordless: "-X github.com/drawbridge-hq/drawbridge/db.searchIndex=off"} {
		if out, err := h.goTool(ctx, "build", "-ldflags", flags, "-o", binary, "."); err != nil {
			return h, fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	if !postgres {
		return h, nil
	}
	switch h.postgres, err = startPostgres(ctx, base); {
	case errors.Is(err, errNoPostgres):
		progress("skipped: %v", err)
		return h, nil
	case err != nil:
		return h, err
	}
	if !sample {
		return h, nil
	}
	if h.node, err = exec.LookPath("node"); err != nil {
		progress("skipped: the sample, which needs Node (%v)", err)
		return h, nil
	}
	return h, h.install(ctx)
}

func (h *harness) goTool(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = h.repo
	return cmd.CombinedOutput()
}

var pageTime = regexp.MustCompile(`(?m)^BenchmarkEventsPage\S*\s+\d+\s+([0-9.]+) ns/op`)

// pageTime is the CPU time to render a page of 50 events, without reading them, in
// microseconds.
func (h *harness) pageTime(ctx context.Context) (float64, error) {
	out, err := h.goTool(ctx, "test", "-run", "^$", "-bench", "^BenchmarkEventsPage$", "-cpu", "1", "./views")
	m := pageTime.FindSubmatch(out)
	if err != nil || m == nil {
		return 0, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	ns, err := strconv.ParseFloat(string(m[1]), 64)
	return ns / 1000, err
}

func (h *harness) close() {
	if h.postgres != nil {
		h.postgres.stop()
	}
	if h.dir != "" {
		_ = os.RemoveAll(h.dir)
	}
}

// repository is the parent directory of this program's module.
func repository() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	return filepath.Dir(filepath.Dir(string(out))), nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}
