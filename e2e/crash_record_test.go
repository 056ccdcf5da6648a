//go:build linux

package e2e

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/drawbridge-hq/drawbridge/db"
)

// The model: the real program is traced once, and its writes, syncs and answers become
// the list of operations below. Replayed up to any point, they give the disk as a kill
// would leave it (everything written), or a power cut (everything synced, and any part
// of the rest). docs/durability.md has the limits of the model.

// operation is one step of the recorded programs.
type operation struct {
	kind  string // write, truncate, create, remove, link, rename, sync, sync dir, ack, applied
	path  string
	to    string // link, rename: the new name
	at    int64  // write: where; truncate: the length
	data  []byte
	began int // sync: how many operations were done when it began
	event int // ack: which body was answered 200
}

// calls lists the system calls that change a disk, and accept4, which tells the
// connection of an answer.
const calls = "openat,open,creat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,syncfs,sync_file_range,ftruncate,truncate,fallocate," +
	"unlink,unlinkat,rename,renameat,renameat2,link,linkat,copy_file_range,sendfile,accept4"

// straceRecord traces a command into a file, with all strings in hex.
func straceRecord(trace string) []string {
	return []string{"strace", "-D", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "4000000", "-o", trace, "-e", "signal=none", "-e", "trace=" + calls}
}

// recorder turns traces into operations.
type recorder struct {
	dir       string // the data directory
	ops       []operation
	size      map[string]int64 // by file, for writes without an offset
	begun     map[string]begun // by thread: calls whose line another thread's call interrupted
	ports     map[string]int   // by socket: the client's port
	sent      map[int][]int    // by port: the bodies in order
	responses map[string]int   // by socket: the number of answers
}

type begun struct {
	text string
	ops  int
}

// kept reports whether a crash must leave a file intact. SQLite rebuilds the index of
// its log (-shm) after every crash, locks have no content, and the ballast only reserves
// space.
func (r *recorder) kept(path string) bool {
	base := filepath.Base(path)
	return filepath.Dir(path) == r.dir && !slices.Contains([]string{db.SQLiteFile + "-shm", "lock", "migrate.lock", "ballast"}, base)
}

var (
	tracedFile = regexp.MustCompile(`^\d+<((?:\\x[0-9a-f]{2})*)>`)
	tracedText = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
	tracedPort = regexp.MustCompile(`sin_port=htons\((\d+)\)`)
	tracedTo   = regexp.MustCompile(`= \d+<((?:\\x[0-9a-f]{2})*)>$`)
)

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
	if err != nil {
		panic(err) // the regular expressions above match nothing else
	}
	return b
}

func (r *recorder) read(trace string) error {
	f, err := os.Open(trace)
	if err != nil {
		return err
	}
	defer f.Close()
	r.begun = map[string]begun{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		thread, text, _ := strings.Cut(lines.Text(), " ")
		text = strings.TrimLeft(text, " ")
		b := begun{text, len(r.ops)}
		if cut, ok := strings.CutSuffix(text, " <unfinished ...>"); ok {
			r.answer(cut)
			r.begun[thread] = begun{cut, len(r.ops)}
			continue
		}
		if strings.HasPrefix(text, "<... ") {
			_, rest, _ := strings.Cut(text, " resumed>")
			b = r.begun[thread]
			b.text += rest
		} else {
			r.answer(text)
		}
		if err := r.call(b); err != nil {
			return fmt.Errorf("%w in %.300s", err, text)
		}
	}
	return lines.Err()
}

// answer records an answer to a client. An answer counts from the start of its write,
// because from then on the client may have it.
func (r *recorder) answer(text string) {
	name, args, _ := strings.Cut(text, "(")
	if name != "write" {
		return
	}
	socket := tracedFile.FindStringSubmatch(args)
	data := tracedText.FindStringSubmatch(args)
	if socket == nil || data == nil || r.ports[socket[1]] == 0 || len(data[1]) < 4*12 {
		return
	}
	start := string(unhex(data[1][:4*12]))
	if !strings.HasPrefix(start, "HTTP/1.1 ") {
		return
	}
	n := r.responses[socket[1]]
	r.responses[socket[1]]++
	if sent := r.sent[r.ports[socket[1]]]; n < len(sent) && start == "HTTP/1.1 200" {
		r.ops = append(r.ops, operation{kind: "ack", event: sent[n]})
	}
}

// call records a system call that has returned.
func (r *recorder) call(b begun) error {
	name, rest, ok := strings.Cut(b.text, "(")
	end := strings.LastIndex(rest, ") ")
	if !ok || end < 0 {
		return nil // a signal or an exit
	}
	args, result := rest[:end], strings.TrimLeft(rest[end+2:], " ")
	if strings.HasPrefix(result, "= -1") || strings.HasPrefix(result, "= ?") {
		return nil
	}
	add := func(op operation) {
		op.began = b.ops
		r.ops = append(r.ops, op)
	}
	var path string
	if m := tracedFile.FindStringSubmatch(args); m != nil {
		path = string(unhex(m[1]))
	}
	var texts []string
	for _, m := range tracedText.FindAllStringSubmatch(args, -1) {
		if name == "write" || name == "pwrite64" {
			texts = append(texts, m[1])
		} else {
			texts = append(texts, string(unhex(m[1])))
		}
	}
	last := func() (n int64) {
		n, _ = strconv.ParseInt(strings.TrimSpace(args[strings.LastIndex(args, ",")+1:]), 10, 64)
		return n
	}
	switch name {
	case "accept4":
		port, socket := tracedPort.FindStringSubmatch(args), tracedTo.FindStringSubmatch(result)
		if port != nil && socket != nil {
			r.ports[socket[1]], _ = strconv.Atoi(port[1])
			r.responses[socket[1]] = 0
		}
	case "openat", "open", "creat":
		if r.kept(texts[0]) && strings.Contains(args, "O_CREAT") {
			if _, there := r.size[texts[0]]; !there {
				add(operation{kind: "create", path: texts[0]})
				r.size[texts[0]] = 0
			}
		}
		if r.kept(texts[0]) && strings.Contains(args, "O_TRUNC") && r.size[texts[0]] > 0 {
			add(operation{kind: "truncate", path: texts[0]})
			r.size[texts[0]] = 0
		}
	case "write", "pwrite64":
		if !r.kept(path) {
			return nil
		}
		op := operation{kind: "write", path: path, at: r.size[path], data: unhex(texts[0])}
		if name == "pwrite64" {
			op.at = last()
		}
		if n, _ := strconv.Atoi(strings.TrimPrefix(result, "= ")); n != len(op.data) {
			return fmt.Errorf("%d bytes of %d were written", n, len(op.data))
		}
		r.size[path] = max(r.size[path], op.at+int64(len(op.data)))
		add(op)
	case "ftruncate":
		if r.kept(path) {
			r.size[path] = last()
			add(operation{kind: "truncate", path: path, at: last()})
		}
	case "fsync", "fdatasync":
		if path == r.dir {
			add(operation{kind: "sync dir"})
		} else if r.kept(path) {
			add(operation{kind: "sync", path: path})
		}
	case "unlink", "unlinkat":
		if r.kept(texts[0]) {
			delete(r.size, texts[0])
			add(operation{kind: "remove", path: texts[0]})
		}
	case "link", "linkat", "rename", "renameat", "renameat2":
		if r.kept(texts[0]) || r.kept(texts[1]) {
			kind := strings.TrimRight(name, "at2")
			r.size[texts[1]] = r.size[texts[0]]
			if kind == "rename" {
				delete(r.size, texts[0])
			}
			add(operation{kind: kind, path: texts[0], to: texts[1]})
		}
	default:
		if r.kept(path) || len(texts) > 0 && r.kept(texts[0]) {
			return errors.New("the replay does not support this call")
		}
	}
	return nil
}
