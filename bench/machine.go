package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine describes the machine and the versions that the numbers belong to.
func (h *harness) machine(ctx context.Context) string {
	parts := []string{
		time.Now().UTC().Format("Measured 2006-01-02"),
		fmt.Sprintf("%d × %s", runtime.NumCPU(), line("/proc/cpuinfo", "model name")),
		fmt.Sprintf("%.0f GiB", float64(memory(os.Getpid(), "../meminfo", "MemTotal"))/(1<<30)),
		filesystem(h.dir),
		strings.Replace(runtime.Version(), "go", "Go ", 1),
	}
	if h.postgres != nil {
		parts = append(parts, "PostgreSQL "+h.postgres.version(ctx))
	}
	if h.node != "" {
		if out, err := exec.Command(h.node, "--version").Output(); err == nil {
			parts = append(parts, "Node "+strings.TrimSpace(string(out)))
		}
	}
	return strings.Join(parts, ", ") + ". Servers, databases and load generator share the machine." + h.busy
}

// busy is a warning if other programs use the machine, otherwise "".
func busy() string {
	work := func() (busy, all int64) {
		text, _ := os.ReadFile("/proc/stat")
		first, _, _ := strings.Cut(string(text), "\n")
		for i, f := range strings.Fields(first) {
			n, _ := strconv.ParseInt(f, 10, 64)
			if all += n; i != 4 && i != 5 { // idle and iowait
				busy += n
			}
		}
		return busy, all
	}
	busy, all := work()
	time.Sleep(time.Second)
	busy2, all2 := work()
	share := float64(busy2-busy) / float64(max(1, all2-all))
	if share < 0.15 {
		return ""
	}
	return fmt.Sprintf(" **Other programs used %.0f %% of the CPU before the start: measure again.**", 100*share)
}

// line is the value of a "name : value" line in a file.
func line(file, name string) string {
	text, _ := os.ReadFile(file)
	for l := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// filesystem is the type of file system that a directory is on.
func filesystem(dir string) string {
	text, _ := os.ReadFile("/proc/mounts")
	kind, at := "unknown filesystem", ""
	for l := range strings.Lines(string(text)) {
		f := strings.Fields(l)
		if len(f) > 2 && strings.HasPrefix(dir+"/", strings.TrimSuffix(f[1], "/")+"/") && len(f[1]) >= len(at) {
			at, kind = f[1], f[2]
		}
	}
	if kind == "tmpfs" {
		kind += " (nothing is synced there: set -dir to a directory on a disk)"
	}
	return kind
}
