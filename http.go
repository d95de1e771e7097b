package settings

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/httpapi"
	"github.com/aegisrunner/account-settings/internal/pages"
	"github.com/aegisrunner/account-settings/internal/problem"
	"github.com/aegisrunner/account-settings/internal/redirect"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security/httpsession"
)

type jsonText = json.RawMessage

// Handler serves the pages, the JSON API, their assets and the pictures, at the
// paths of Config.Paths. Mount it at the root of PublicURL, or of the host's own
// mux: it answers 404 for what is not its own.
func (s *Settings) Handler() http.Handler { return s.handler }

func (s *Settings) route(api *httpapi.API, site http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(s.c.Paths.API+"/", api)
	pictures := api.Pictures(site)
	mux.Handle(s.c.Paths.Pages+"/avatars/", pictures)
	mux.Handle(s.c.Paths.Pages+"/logos/", pictures)
	mux.Handle("/", site)
	return s.identify(s.secure(mux))
}

// identify is httpsession.Manager.Identify for a request that has not passed one:
// it keeps the one identifier that the outermost gave it.
func (s *Settings) identify(next http.Handler) http.Handler {
	fresh := s.sessions.Identify(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if httpsession.From(r.Context()).RequestID != "" {
			next.ServeHTTP(w, r)
			return
		}
		fresh.ServeHTTP(w, r)
	})
}

// secure sets the headers that every answer has. Pages, assets and pictures say
// more than that, or otherwise; redirects do not.
func (s *Settings) secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if s.url.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// User is who is signed in, for the host's own handlers.
type User struct {
	ID       id.User
	Name     string
	Email    string
	Timezone string // IANA name
	Locale   string // BCP 47
	Actor    Actor  // to call the services with

	app *Settings
}

// PictureURL returns the absolute address of the person's picture, a square of
// 128 pixels for an <img>: uploaded, or drawn from the initials. It is public,
// and another one once the picture has changed. It takes one look-up in the
// database, whose errors it returns; a User that is not from [UserFrom] has none.
func (u User) PictureURL(ctx context.Context) (string, error) {
	if u.app == nil {
		return "", errors.New("settings: a User that is not from UserFrom has no picture")
	}
	me, err := u.app.Accounts.Me(ctx, u.Actor)
	if err != nil {
		return "", err
	}
	return u.app.url.String() + u.app.c.Paths.Pages + "/avatars/" + me.AvatarKey + "/128", nil
}

// LogoURL returns the absolute address of an organization's logo, a PNG of 128
// pixels that anybody may show, such as in comments on another site; "" if it has
// uploaded none. Once the logo has changed, or the organization is deleted, the
// address is 404.
func (s *Settings) LogoURL(o orgs.Org) string {
	if !o.LogoUploaded || !o.DeletedAt.IsZero() {
		return ""
	}
	return s.url.String() + s.c.Paths.Pages + "/logos/" + o.LogoKey + "/128"
}

type userKey struct{}

// UserFrom returns who is signed in, inside of [Settings.RequireUser].
func UserFrom(ctx context.Context) (User, bool) {
	u, ok := ctx.Value(userKey{}).(User)
	return u, ok
}

// RequireUser lets only signed-in people through to next, which finds them by
// [UserFrom]. A page view of somebody else is sent to sign in and comes back to
// the address that the browser asked for, also below http.StripPrefix; any other
// request gets 401. Somebody who has to enrol a second factor first
// (Config.RequireSecondFactor) is sent there, or gets 403; so is somebody whose
// account is deleted, to restore it. An unsafe request by cookie must come from PublicURL's own
// pages, else 403.
func (s *Settings) RequireUser(next http.Handler) http.Handler {
	return s.identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, err := s.sessions.Authenticate(r)
		if err == nil && !caller.Actor.SignedIn() {
			err = audit.ErrUnauthenticated
		}
		if err == nil {
			err = caller.Actor.Limited.Err()
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		p := caller.Login.Person
		u := User{ID: p.ID, Name: p.Name, Email: p.Email, Timezone: p.Timezone, Locale: p.Locale, Actor: caller.Actor, app: s}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, u)))
	}))
}

func (s *Settings) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if p.Internal && r.Context().Err() == nil {
		s.c.Log.ErrorContext(r.Context(), "settings: request failed", "err", err,
			"request_id", httpsession.From(r.Context()).RequestID)
	}
	page := (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Authorization") == ""
	if errors.Is(err, audit.ErrEnrollmentRequired) && page {
		http.Redirect(w, r, s.c.Paths.Pages+pages.EnrollPath, http.StatusSeeOther)
		return
	}
	if errors.Is(err, audit.ErrAccountDeleted) && page {
		http.Redirect(w, r, s.c.Paths.Pages+pages.RestorePath, http.StatusSeeOther)
		return
	}
	if p.Status == http.StatusUnauthorized && page {
		to := s.c.Paths.Pages + "/sign-in"
		if next := asked(r); next != "" {
			to += "?next=" + url.QueryEscape(next)
		}
		http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // a path of our own
		return
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(p.RetryAfter.Seconds()))))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	http.Error(w, p.Detail, p.Status)
}

// asked returns the path and query that a browser asked for, or "" if nobody may
// be sent there. Routers change r.URL on the way.
func asked(r *http.Request) string {
	if r.RequestURI == "" { // made by hand
		return redirect.Safe(r.URL.RequestURI())
	}
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil {
		return ""
	}
	return redirect.Safe(u.RequestURI()) // without the host that a proxy is asked for
}
