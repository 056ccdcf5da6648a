// Package static embeds the style sheets, scripts and images of the pages in the
// binary and serves them under names that change with their content. It must not
// know what a page is.
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

// Prefix is the path prefix of all files.
const Prefix = "/static/"

//go:embed app.css app.js pages.css editor.js events.css events.js theme.js mark.svg vendor/tabler.css vendor/htmx.js
var files embed.FS

type file struct {
	body        []byte
	gzipped     func() []byte // compressed at the first request
	contentType string
}

// byName maps a name to its served path, byPath a served path to its file. Both are
// filled at start and only read afterwards.
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
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // fails only for an invalid level
	_, _ = w.Write(body)                                  // writing to a buffer cannot fail
	_ = w.Close()
	return b.Bytes()
}

// contentType is the MIME type of a file extension. For our own files it does not ask
// the operating system, whose tables differ between machines.
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

// URL is the path of an embedded file ("app.css", "vendor/htmx.js"), which contains the hash of its content.
// It panics if the name is not embedded: that is a mistake in a view, and the first test that renders it finds it.
func URL(name string) string {
	served, ok := byName[name]
	if !ok {
		panic("static: no file " + strconv.Quote(name))
	}
	return served
}

// Handler serves exactly the paths that URL returns, cacheable for a year, and answers 404 to everything else.
// It expects the whole path including Prefix.
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
		_, _ = w.Write(body) // the client may have disconnected
	})
}
