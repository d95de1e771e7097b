package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"maps"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

//go:embed templates
var templateFiles embed.FS

// asset is a file that never changes under its address.
type asset struct {
	hash   string
	kind   string
	body   []byte
	packed []byte // gzip
}

// assets are the files under <prefix>/assets/<hash>/<name>.
type assets map[string]asset

// ownAssets are the files that every product has. They are read and compressed when
// the first renderer is made.
var ownAssets = sync.OnceValues(func() (assets, error) {
	out := assets{}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		body, err := assetFiles.ReadFile(path.Join("assets", e.Name()))
		if err != nil {
			return nil, err
		}
		if err := out.add(e.Name(), body); err != nil {
			return nil, err
		}
	}
	return out, nil
})

func loadAssets(theme string) (assets, error) {
	own, err := ownAssets()
	if err != nil || theme == "" {
		return own, err
	}
	out := maps.Clone(own)
	return out, out.add("theme.css", []byte(theme))
}

func (a assets) add(name string, body []byte) error {
	kinds := map[string]string{".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
	sum := sha256.Sum256(body)
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(body); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	a[name] = asset{
		hash: hex.EncodeToString(sum[:8]), body: body, packed: packed.Bytes(),
		kind: mime.FormatMediaType(kinds[path.Ext(name)], map[string]string{"charset": "utf-8"}),
	}
	return nil
}

// href returns the address of a file below the prefix, "" if there is none.
func (a assets) href(name string) string {
	f, ok := a[name]
	if !ok {
		return ""
	}
	return "/assets/" + f.hash + "/" + name
}

// Assets serves style sheet, script and icons for GET and HEAD requests to
// <prefix>/assets/. It needs nobody to be signed in.
func (r *Renderer) Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		rest, ok := strings.CutPrefix(req.URL.Path, r.cfg.Prefix+"/assets/")
		hash, name, _ := strings.Cut(rest, "/")
		f, known := r.assets[name]
		if !ok || !known {
			http.NotFound(w, req)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		h.Set("Vary", "Accept-Encoding")
		// While two versions run side by side, a page of one may ask the other for
		// its file. It gets the other's, and must not keep it under that address.
		h.Set("Cache-Control", "no-store")
		if hash == f.hash {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		body := f.body
		if strings.Contains(req.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			body = f.packed
		}
		if req.Method == http.MethodHead {
			return
		}
		_, _ = w.Write(body)
	})
}
