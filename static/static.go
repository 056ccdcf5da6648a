// Package static holds the style sheets, scripts and marks of the pages, embedded in
// the binary, and serves them under names that change with their content.
// It must not know what a page is.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Prefix is the path every file is served below.
const Prefix = "/static/"

//go:embed app.css app.js pages.css editor.js events.css events.js theme.js mark.svg vendor/tabler.css vendor/htmx.js
var files embed.FS

type file struct {
	body        []byte
	gzipped     func() []byte // made at the first request for it
	contentType string
}

// byName is name → served path, byPath is served path → file. Both are complete at start
// and only read afterwards.
var byName, byPath = load()

func load() (map[string]string, map[string]file) {
	names, paths := map[string]string{}, map[string]file{}
	for _, dir := range []string{".", "vendor"} {
		entries, err := files.ReadDir(dir)
		if err != nil {
			panic("static: " + err.Error())
		}
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			name := path.Join(dir, entry.Name())
			body, err := files.ReadFile(name)
			if err != nil {
				panic("static: " + err.Error())
			}
			sum := sha256.Sum256(body)
			ext := path.Ext(name)
			served := Prefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
			names[name] = served
			paths[served] = file{body: body, contentType: contentType(ext), gzipped: sync.OnceValue(func() []byte { return compress(body) })}
		}
	}
	return names, paths
}

func compress(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails for a wrong level only
	_, _ = w.Write(body)                                  // a buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// contentType does not ask the operating system's tables first: those differ between machines.
func contentType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(ext)
}

// URL is the path of an embedded file ("app.css", "vendor/htmx.js") with its content's hash in it.
// It panics on a name that is not embedded: that is a mistake in a view, found by the first test that renders it.
func URL(name string) string {
	served, ok := byName[name]
	if !ok {
		panic("static: no file " + strconv.Quote(name))
	}
	return served
}

// Handler serves exactly the paths URL gives, to be kept for a year, and 404 for anything else.
// It expects the whole path, Prefix included.
func Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		f, ok := byPath[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.contentType)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Vary", "Accept-Encoding")
		body := f.body
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.gzipped()
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		if r.Method == http.MethodHead {
			return
		}
		_, _ = w.Write(body) // a reader who went away is nobody's error
	})
}
