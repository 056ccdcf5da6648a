package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that the harness runs. It dies with the harness.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
}

func start(cmd *exec.Cmd, log string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr.Setpgid = true // only the harness gets the interrupt; it ends the servers
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, log: log, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process with SIGTERM and waits.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.kill()
	}
}

// kill ends the process with SIGKILL and waits.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// fault adds the end of the process's log to err.
func (p *process) fault(err error) error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s: %w\n%s", filepath.Base(p.cmd.Path), err, text[max(0, len(text)-2000):])
}

// awaitWebhook sends events until one is answered with 2xx, which means that the
// server is up.
func (p *process) awaitWebhook(ctx context.Context, addr string) error {
	deadline := time.Now().Add(60 * time.Second)
	events := newSender()
	for {
		request, _ := events.next(time.Now())
		status, body, err := fetch(ctx, addr, request)
		if err == nil && status/100 == 2 {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("status %d: %s", status, body)
		}
		select {
		case <-p.done:
			return p.fault(fmt.Errorf("it exited before it answered"))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Microsecond):
		}
		if time.Now().After(deadline) {
			return p.fault(fmt.Errorf("no 200 within a minute: %w", err))
		}
	}
}

// freeAddr is a free address on loopback.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// The functions below read /proc: https://www.kernel.org/doc/html/latest/filesystems/proc.html

// tree is a process and all its descendants.
func tree(pid int) []int {
	pids := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range tasks {
		text, _ := os.ReadFile(name)
		for _, child := range strings.Fields(string(text)) {
			if n, err := strconv.Atoi(child); err == nil {
				pids = append(pids, tree(n)...)
			}
		}
	}
	return pids
}

// cpuOf is the CPU time of processes and of their finished children.
func cpuOf(pids []int) (sum time.Duration) {
	const tick = 10 * time.Millisecond
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, i := range []int{11, 12, 13, 14} { // utime, stime, cutime, cstime
			n, _ := strconv.ParseInt(fields[i], 10, 64)
			sum += time.Duration(n) * tick
		}
	}
	return sum
}

// memory is the value of a line such as VmHWM or Pss, in bytes.
func memory(pid int, file, name string) int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return n << 10
		}
	}
	return 0
}

// resetPeak restarts the measurement of VmHWM.
func resetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// awaitIdle waits until processes use almost no CPU time, at most for limit, and
// returns how long that took.
func awaitIdle(ctx context.Context, pids func() []int, limit time.Duration) time.Duration {
	const look, quiet = 200 * time.Millisecond, 5
	begin := time.Now()
	last, calm := cpuOf(pids()), 0
	for time.Since(begin) < limit && calm < quiet && ctx.Err() == nil {
		time.Sleep(look)
		now := cpuOf(pids())
		if now-last <= look/20 {
			calm++
		} else {
			calm = 0
		}
		last = now
	}
	return max(0, time.Since(begin)-look*quiet)
}

// dirSize is the total size of the files in a directory.
func dirSize(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// syncTimes measures n times how long the disk of dir takes to sync 4 KiB, sorted.
func syncTimes(dir string, n int) ([]time.Duration, error) {
	f, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := bytes.Repeat([]byte("x"), 4096)
	var times []time.Duration
	for range n {
		begin := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return nil, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times, nil
}
