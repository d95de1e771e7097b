package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/fault"
)

var pictureTypes = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/webp": true, "image/gif": true, "application/octet-stream": true,
}

// receives is a handler that takes a picture as the body. What it is decides the
// content; the header only has to say that it is a picture at all.
func receives[Out any](fn func(*API, *call) (*Out, error)) handler {
	return handler{out: answer[Out](), raw: "image/*", serve: func(a *API, c *call) (any, error) {
		media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
		if err != nil || !pictureTypes[media] {
			return nil, accounts.ErrPictureType
		}
		limitUpload(c.w)
		return result(fn(a, c))
	}}
}

// uploadTime is how long sending a picture may take: few are read at once, and
// a slow sender must not keep others waiting.
const uploadTime = 30 * time.Second

// limitUpload bounds it where the server can.
func limitUpload(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
}

// Pictures serves /avatars/ and /logos/ below Config.Pages. Pictures are public, and their
// addresses do not change with the API's. One that is not there is a problem, but
// a browser that opens its address as a page gets the answer of page. Requests
// must have passed httpsession.Manager.Identify.
func (a *API) Pictures(page http.Handler) http.Handler {
	missing := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept")
		if acceptsPage(r) {
			page.ServeHTTP(w, r)
			return
		}
		a.fail(w, r, errNotFound)
	}
	mux := http.NewServeMux()
	for folder, find := range map[string]findPicture{
		"/avatars/": func(ctx context.Context, key string, size int, png bool) (string, []byte, error) {
			p, err := a.c.Flows.Accounts.PictureByKey(ctx, key, size, png)
			return p.ContentType, p.Data, err
		},
		"/logos/": func(ctx context.Context, key string, size int, png bool) (string, []byte, error) {
			l, err := a.c.Flows.Orgs.LogoByKey(ctx, key, size, png)
			return l.ContentType, l.Data, err
		},
	} {
		mux.HandleFunc(a.c.Pages+folder, missing)
		mux.HandleFunc(a.c.Pages+folder+"{key}/{size}", func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				refuseMethod(w, "GET, HEAD")
				return
			}
			err := servePicture(w, r, find)
			switch {
			case errors.Is(err, fault.NotFound):
				missing(w, r)
			case err != nil:
				a.fail(w, r, err)
			}
		})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.guard(w, r, mux) })
}

// acceptsPage reports whether the Accept header names HTML. A browser that loads
// an image, and a program, say nothing of the kind.
func acceptsPage(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for accepted := range strings.SplitSeq(line, ",") {
			media, params, err := mime.ParseMediaType(accepted)
			if err != nil || media != "text/html" {
				continue
			}
			q, err := strconv.ParseFloat(params["q"], 64)
			return params["q"] == "" || err == nil && q > 0
		}
	}
	return false
}

// findPicture returns the picture that is under a key now.
type findPicture func(ctx context.Context, key string, size int, png bool) (contentType string, data []byte, err error)

// servePicture answers GET /avatars/{key}/{size} and /logos/{key}/{size}. The
// address is public and random, and what is under it never changes; a replaced one
// is gone at once.
func servePicture(w http.ResponseWriter, r *http.Request, find findPicture) error {
	name, png := strings.CutSuffix(r.PathValue("size"), ".png")
	size, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(size) != name {
		return errNotFound
	}
	contentType, data, err := find(r.Context(), r.PathValue("key"), size, png)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Content-Disposition", "inline")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write(data)
	return nil
}
