package httpapi

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/aegisrunner/account-settings/fault"
)

// Pictures serves /avatars/ below Config.Pages. Pictures are public, and their
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
	mux.HandleFunc(a.c.Pages+"/avatars/", missing)
	mux.HandleFunc(a.c.Pages+"/avatars/{key}/{size}", func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuseMethod(w, "GET, HEAD")
			return
		}
		err := a.servePicture(w, r)
		switch {
		case errors.Is(err, fault.NotFound):
			missing(w, r)
		case err != nil:
			a.fail(w, r, err)
		}
	})
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

// servePicture answers GET /avatars/{key}/{size}. The address is public and
// random, and what is under it never changes; a replaced one is gone at once.
func (a *API) servePicture(w http.ResponseWriter, r *http.Request) error {
	name, png := strings.CutSuffix(r.PathValue("size"), ".png")
	size, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(size) != name {
		return errNotFound
	}
	p, err := a.c.Flows.Accounts.PictureByKey(r.Context(), r.PathValue("key"), size, png)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", p.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(p.Data)))
	h.Set("Content-Disposition", "inline")
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	_, _ = w.Write(p.Data)
	return nil
}
