package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// client is one keep-alive connection. It implements only the HTTP that our peers
// need, because it takes CPU time away from the server.
type client struct {
	conn   net.Conn
	buffer []byte
}

const requestTime = 30 * time.Second

func dial(ctx context.Context, addr string) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, buffer: make([]byte, 64<<10)}, nil
}

func (c *client) close() { c.conn.Close() }

// do sends a complete request and returns the status. It writes the body to keep
// unless keep is nil.
func (c *client) do(request []byte, keep *bytes.Buffer) (status int, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(requestTime)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	n, end := 0, -1
	for end < 0 {
		if n == len(c.buffer) {
			return 0, fmt.Errorf("the response headers are longer than %d bytes", n)
		}
		more, err := c.conn.Read(c.buffer[n:])
		if err != nil {
			return 0, err
		}
		n += more
		end = bytes.Index(c.buffer[:n], []byte("\r\n\r\n"))
	}
	head, body := c.buffer[:end+2], c.buffer[end+4:n]
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("not an HTTP/1.1 response: %.40q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, err
	}
	if bytes.Contains(head, []byte("Transfer-Encoding: chunked")) {
		return status, c.readChunks(body, keep)
	}
	length := 0
	if _, rest, ok := bytes.Cut(head, []byte("\r\nContent-Length: ")); ok {
		line, _, _ := bytes.Cut(rest, []byte("\r\n"))
		if length, err = strconv.Atoi(string(line)); err != nil {
			return 0, err
		}
	}
	if keep != nil {
		keep.Write(body)
	}
	for length -= len(body); length > 0; {
		n, err := c.conn.Read(c.buffer[:min(length, len(c.buffer))])
		if err != nil {
			return 0, err
		}
		if keep != nil {
			keep.Write(c.buffer[:n])
		}
		length -= n
	}
	return status, nil
}

// readChunks reads a chunked body. Its beginning, first, has already been read.
func (c *client) readChunks(first []byte, keep *bytes.Buffer) error {
	if keep == nil {
		keep = new(bytes.Buffer)
	}
	rest := bytes.NewBuffer(slices.Clone(first))
	more := func() error {
		n, err := c.conn.Read(c.buffer)
		rest.Write(c.buffer[:n])
		return err
	}
	for {
		i := bytes.Index(rest.Bytes(), []byte("\r\n"))
		if i < 0 {
			if err := more(); err != nil {
				return err
			}
			continue
		}
		size, err := strconv.ParseInt(string(rest.Bytes()[:i]), 16, 64)
		if err != nil {
			return err
		}
		for rest.Len() < i+2+int(size)+2 {
			if err := more(); err != nil {
				return err
			}
		}
		rest.Next(i + 2)
		keep.Write(rest.Next(int(size)))
		rest.Next(2)
		if size == 0 {
			return nil
		}
	}
}

// get is a GET request with one more header line, such as a cookie.
func get(path, header string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + header + "\r\n\r\n")
}

// load describes requests to a server, limited by time or number, whichever is
// reached first.
type load struct {
	conns  int
	length time.Duration
	count  int64 // 0: no limit
	rate   int   // requests a second (open loop); 0: each connection sends the next at once
	// source creates a connection's requests; nil: webhooks.
	source func(worker int) func() []byte
	// acked, if not nil, collects the meetings of acknowledged events.
	acked *[]int64
}

// result is the result of a load. Latencies are sorted.
type result struct {
	ok        int
	not2xx    map[int]int
	broken    int // connections that failed; the load continued without them
	lastError error
	length    time.Duration
	latencies []time.Duration
}

func (r result) rate() float64 { return float64(r.ok) / r.length.Seconds() }

func (r result) sort() result {
	slices.Sort(r.latencies)
	return r
}

func (r result) at(share float64) time.Duration {
	if len(r.latencies) == 0 {
		return 0
	}
	return r.latencies[min(len(r.latencies)-1, int(share*float64(len(r.latencies))))]
}

// problem lists statuses other than 2xx and broken connections, "" for none.
func (r result) problem() string {
	var list []string
	for _, status := range slices.Sorted(maps.Keys(r.not2xx)) {
		list = append(list, fmt.Sprintf("%d with %d", r.not2xx[status], status))
	}
	if r.broken > 0 {
		list = append(list, fmt.Sprintf("%d disconnected", r.broken))
	}
	return strings.Join(list, ", ")
}

// run sends the load to addr. In the open loop each request has a due time and is
// sent on any free connection. Time spent waiting for a free connection counts as
// the server's.
func (l load) run(ctx context.Context, addr string) (result, error) {
	clients := make([]*client, l.conns)
	for i := range clients {
		c, err := dial(ctx, addr)
		if err != nil {
			return result{}, err
		}
		clients[i] = c
		defer c.close()
	}
	ctx, cancel := context.WithTimeout(ctx, l.length)
	defer cancel()
	var (
		group   sync.WaitGroup
		mu      sync.Mutex
		total   = result{not2xx: map[int]int{}}
		tickets atomic.Int64
		begin   = time.Now()
	)
	for i, c := range clients {
		group.Go(func() {
			var mine result
			var acked []int64
			mine.not2xx = map[int]int{}
			events := newSender()
			var pages func() []byte
			if l.source != nil {
				pages = l.source(i)
			}
			for ctx.Err() == nil {
				n := tickets.Add(1) - 1
				if l.count > 0 && n >= l.count {
					break
				}
				start := time.Now()
				if l.rate > 0 {
					due := begin.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
					if wait := due.Sub(start); wait > 0 {
						if due.Sub(begin) > l.length {
							break
						}
						time.Sleep(wait)
						start = time.Now()
					} else {
						start = due
					}
				}
				var request []byte
				var meeting int64
				if pages != nil {
					request = pages()
				} else {
					request, meeting = events.next(start)
				}
				status, err := c.do(request, nil)
				if err != nil {
					mine.broken, mine.lastError = 1, err
					break
				}
				if status/100 != 2 {
					mine.not2xx[status]++
					continue
				}
				mine.ok++
				mine.latencies = append(mine.latencies, time.Since(start))
				if l.acked != nil {
					acked = append(acked, meeting)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			total.add(mine)
			if l.acked != nil {
				*l.acked = append(*l.acked, acked...)
			}
		})
	}
	group.Wait()
	total.length = time.Since(begin)
	slices.Sort(total.latencies)
	return total, nil
}

func (r *result) add(other result) {
	r.ok += other.ok
	for status, n := range other.not2xx {
		r.not2xx[status] += n
	}
	if other.broken > 0 {
		r.broken += other.broken
		r.lastError = other.lastError
	}
	r.latencies = append(r.latencies, other.latencies...)
}

// fetch sends one request outside of any load.
func fetch(ctx context.Context, addr string, request []byte) (status int, body []byte, err error) {
	c, err := dial(ctx, addr)
	if err != nil {
		return 0, nil, err
	}
	defer c.close()
	var b bytes.Buffer
	status, err = c.do(request, &b)
	return status, b.Bytes(), err
}
