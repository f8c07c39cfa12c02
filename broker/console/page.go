package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	nethttp "net/http"
	"path"
	"time"

	"momus/broker/http"
)

// files is the page: it is served as it lies here, without a build step. vendor has libraries of
// others with their licences.
//
//go:embed page
var files embed.FS

// pages puts the page's files at / and /page.
func (s *Site) pages(server *http.Server) {
	serve := func(name string) nethttp.Handler {
		return nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
			f := name
			if f == "" {
				f = path.Join("page", r.PathValue("file"))
			}
			b, err := fs.ReadFile(files, f)
			if err != nil {
				nethttp.NotFound(w, r)
				return
			}
			// No time of the files is known, since they are part of the program; the browser asks
			// each time and gets "not modified" by the sum. A new version of the program thus shows
			// at once.
			sum := sha256.Sum256(b)
			w.Header().Set("Content-Type", contentType(f))
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("Etag", `"`+hex.EncodeToString(sum[:8])+`"`)
			nethttp.ServeContent(w, r, f, time.Time{}, bytes.NewReader(b))
		})
	}
	server.Read("/{$}", serve("page/index.html"))
	server.Read("/page/{file...}", serve(""))
}

// contentType is the type of a file of the page.
func contentType(name string) string {
	switch path.Ext(name) { // not left to the tables of the system
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".txt":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}
