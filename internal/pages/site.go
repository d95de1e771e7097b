package pages

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/problem"
	"github.com/aegisrunner/account-settings/internal/redirect"
	"github.com/aegisrunner/account-settings/internal/zones"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security/httpsession"
)

// SiteConfig configures [New]. Beside what Config says, everything but Log and
// StepUpAge is required.
type SiteConfig struct {
	Config
	Flows    *flows.Services
	Sessions *httpsession.Manager
	Sealer   mail.Sealer // of what waits while a person proves who they are

	// Export answers with entries of an organization's log, as the API does.
	Export func(w http.ResponseWriter, r *http.Request, actor audit.Actor, ref string, f audit.Filter, format audit.Format, after id.Entry) error

	// Download answers with an export of the person who acts, as the API does.
	Download func(w http.ResponseWriter, r *http.Request, actor audit.Actor, which id.Export) error

	Now       func() time.Time
	StepUpAge time.Duration
	Log       *slog.Logger
}

// Site serves the pages. Requests must have passed httpsession.Manager.Identify.
type Site struct {
	c       SiteConfig
	r       *Renderer
	mux     *http.ServeMux
	known   map[string]string // path to the methods that it answers
	actions map[string]action
}

// New returns the pages, or an error that names every missing or wrong field.
func New(c SiteConfig) (*Site, error) {
	r, err := NewRenderer(c.Config)
	if err != nil {
		return nil, err
	}
	if c.Flows == nil || c.Sessions == nil || c.Sealer == nil || c.Export == nil || c.Download == nil || c.Now == nil {
		return nil, errors.New("pages: Flows, Sessions, Sealer, Export, Download and Now are required")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Site{c: c, r: r, mux: http.NewServeMux(), known: map[string]string{}, actions: map[string]action{}}
	s.routes()
	return s, nil
}

func (s *Site) routes() {
	s.mux.Handle("GET "+s.c.Prefix+"/assets/", s.r.Assets())
	s.page("/{$}", s.home)
	s.page("/sign-in", s.signInPage)
	s.post("/sign-in", s.signIn)
	s.post("/sign-in/passkey", s.signInByPasskey)
	s.page("/second-factor", s.secondFactorPage)
	s.post("/second-factor", s.secondFactor)
	s.post("/second-factor/passkey", s.secondFactorByPasskey)
	s.page("/not-me", s.notMePage)
	s.post("/not-me", s.notMe)
	s.page("/sign-up", s.signUpPage)
	s.post("/sign-up", s.signUp)
	s.page("/sign-up/complete", s.completePage)
	s.post("/sign-up/complete", s.complete)
	s.page("/forgot-password", s.forgotPage)
	s.post("/forgot-password", s.forgot)
	s.page("/reset-password", s.resetPage)
	s.post("/reset-password", s.reset)
	s.page("/confirm-email", s.confirmPage)
	s.post("/confirm-email", s.confirm)
	s.page(unsubscribePath, s.unsubscribePage)
	s.post(unsubscribePath, s.unsubscribe)
	s.page(mailsPath, s.signedIn(s.mailsPage))
	s.page("/undo-email", s.undoPage)
	s.post("/undo-email", s.undo)
	s.post("/sign-out", s.signOut)
	s.page("/reauthenticate", s.signedIn(s.proofPage))
	s.post("/reauthenticate", s.signedIn(s.prove))
	s.page(RestorePath, s.authenticated(s.restorePage))
	s.post(RestorePath, s.authenticated(s.restore))
	s.page("/settings", s.home)
	s.page("/settings/profile", s.signedIn(s.profilePage))
	s.page(securityPath, s.signedIn(s.securityPage))
	s.page(EnrollPath, s.signedIn(s.enrollPage))
	s.page(turnOffPath, s.signedIn(s.turnOffPage))
	s.post(securityPath+"/backup-codes/download", s.signedIn(s.downloadCodes))
	s.post("/settings/profile/picture", s.signedIn(s.setPicture))
	s.orgRoutes()
	s.actionRoutes(map[string]action{
		"/settings/profile/about":                   {run: s.saveAbout},
		"/settings/profile/email":                   {run: s.changeEmail, waiting: "email_change", detail: "email"},
		"/settings/profile/email/cancel":            {run: s.cancelEmail, waiting: "email_cancel"},
		"/settings/profile/picture/remove":          {run: s.removePicture},
		mailsPath + "/save":                         {run: s.saveMails},
		exportPath:                                  {run: s.startExport, waiting: "export"},
		exportPath + "/download":                    {run: s.downloadExport, waiting: "export_download"},
		"/settings/profile/delete":                  {run: s.deleteAccount, waiting: "account_delete"},
		"/settings/security/password":               {run: s.changePassword, waiting: "first_password"},
		"/settings/security/two-factor/start":       {run: s.startTwoFactor, waiting: "two_factor_on"},
		"/settings/security/two-factor/confirm":     {run: s.confirmTwoFactor, waiting: "two_factor_on"},
		"/settings/security/two-factor/disable":     {run: s.turnOff, waiting: "two_factor_off"},
		"/settings/security/backup-codes":           {run: s.renewCodes, waiting: "backup_codes"},
		"/settings/security/passkeys/begin":         {run: s.beginPasskey, waiting: "passkey_add"},
		"/settings/security/passkeys/add":           {run: s.addPasskey, waiting: "passkey_add"},
		"/settings/security/passkeys/rename":        {run: s.renamePasskey, waiting: "passkey_rename", detail: "name"},
		"/settings/security/passkeys/remove":        {run: s.removePasskey, waiting: "passkey_remove"},
		"/settings/security/sessions/revoke":        {run: s.revoke},
		"/settings/security/sessions/revoke-others": {run: s.revokeOthers},
		"/settings/security/sessions/revoke-all":    {run: s.revokeAll},
	})
	s.mux.HandleFunc("/", s.unknown)
}

func (s *Site) actionRoutes(actions map[string]action) {
	for path, a := range actions {
		s.actions[path] = a
		s.post(path, s.signedIn(s.act(path)))
	}
}

// visit is one request under way.
type visit struct {
	w      http.ResponseWriter
	r      *http.Request
	caller httpsession.Caller
	form   url.Values     // of a POST
	slug   string         // of the organization that the address names, or ""
	orgs   []orgs.OrgView // of the person, once they were asked for
}

func (v *visit) actor() audit.Actor { return v.caller.Actor }

// bearer reports whether the session travels in a header, and so cannot be given
// another token.
func (v *visit) bearer() bool { return v.caller.Via == httpsession.Bearer }

type handler func(*visit) error

func (s *Site) page(path string, h handler) { s.handle(http.MethodGet, path, h) }

func (s *Site) post(path string, h handler) { s.handle(http.MethodPost, path, h) }

const maxForm = 64 << 10

// maxProofForm is for the form that carries another one, sealed: what a browser
// has written in three bytes takes at most six in JSON, and base64 adds a third.
const maxProofForm = 3 * maxForm

func limitOf(path string) int64 {
	if path == "/reauthenticate" {
		return maxProofForm
	}
	return maxForm
}

func (s *Site) handle(method, path string, h handler) {
	name := strings.TrimSuffix(path, "{$}")
	s.known[name] = strings.TrimPrefix(s.known[name]+", "+method, ", ")
	s.mux.HandleFunc(method+" "+s.c.Prefix+path, func(w http.ResponseWriter, r *http.Request) {
		v := &visit{w: w, r: r, caller: httpsession.Caller{Actor: httpsession.From(r.Context())}, slug: r.PathValue("slug")}
		defer s.recover(v)
		if err := s.begin(v, path); err != nil {
			s.fail(v, err)
			return
		}
		if err := h(v); err != nil {
			s.fail(v, err)
		}
	})
}

// begin checks where a form comes from, and reads it. Mail programs unsubscribe from
// wherever they are, and without a session: that form alone may come from anywhere.
func (s *Site) begin(v *visit, path string) error {
	if v.r.Method != http.MethodPost {
		return nil
	}
	if err := s.c.Sessions.CheckForm(v.r); err != nil && path != unsubscribePath {
		return err
	}
	if strings.HasPrefix(v.r.Header.Get("Content-Type"), "multipart/form-data") {
		return nil // read as a stream by whoever wants it
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, limitOf(path))
	err := v.r.ParseForm()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fault.New(fault.TooLarge, "too_large", "pages: form too large")
	case err != nil:
		return fault.New(fault.Malformed, "malformed", "pages: form cannot be read")
	}
	v.form = v.r.PostForm
	return nil
}

// signedIn lets only signed-in people through, and sends others to sign in, and who
// has deleted the account to where it is restored.
func (s *Site) signedIn(h handler) handler {
	return s.authenticated(func(v *visit) error {
		if restoring(v) {
			return audit.ErrAccountDeleted
		}
		return h(v)
	})
}

// authenticated is signedIn for what is open to a session that is good for restoring
// the account alone.
func (s *Site) authenticated(h handler) handler {
	return func(v *visit) error {
		var err error
		if v.caller, err = s.c.Sessions.Authenticate(v.r); err != nil {
			return err
		}
		if !v.actor().SignedIn() {
			return audit.ErrUnauthenticated
		}
		return h(v)
	}
}

// ServeHTTP implements [http.Handler].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Site) unknown(w http.ResponseWriter, r *http.Request) {
	v := &visit{w: w, r: r, caller: httpsession.Caller{Actor: httpsession.From(r.Context())}}
	defer s.recover(v)
	path, ours := strings.CutPrefix(r.URL.Path, s.c.Prefix)
	if page := settingsPageOf(path); ours && page != "" && s.known[patternOf(path)] != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		s.redirect(v, page, nil) // a form that was refused, and loaded again
		return
	}
	if methods := s.known[patternOf(path)]; ours && methods != "" {
		w.Header().Set("Allow", strings.Replace(methods, "GET", "GET, HEAD", 1))
		s.failure(v, Failure{Status: http.StatusMethodNotAllowed})
		return
	}
	s.failure(v, Failure{Status: http.StatusNotFound})
}

func (s *Site) recover(v *visit) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // compared as net/http does
		panic(p)
	}
	s.c.Log.ErrorContext(v.r.Context(), "pages: handler panicked", "panic", p, "request_id", v.actor().RequestID, "route", v.r.Pattern)
	s.failure(v, Failure{Status: http.StatusInternalServerError, RequestID: v.actor().RequestID})
}

// fail answers an error that no form can show.
func (s *Site) fail(v *visit, err error) {
	p := problem.Of(err)
	if p.Internal && v.r.Context().Err() == nil { // who hangs up is no failure of ours
		s.c.Log.ErrorContext(v.r.Context(), "pages: request failed", "err", err, "request_id", v.actor().RequestID, "route", v.r.Pattern)
	}
	if p.Status == http.StatusUnauthorized {
		s.toSignIn(v)
		return
	}
	if errors.Is(err, audit.ErrAccountDeleted) {
		s.redirect(v, RestorePath, nil)
		return
	}
	if errors.Is(err, audit.ErrEnrollmentRequired) {
		q := url.Values{}
		if v.slug != "" { // one organization asks for it, and the rest stays open
			q.Set("org", v.slug)
		}
		s.redirect(v, EnrollPath, q)
		return
	}
	var moved *orgs.MovedError
	if errors.As(err, &moved) {
		s.moved(v, moved)
		return
	}
	f := Failure{Status: p.Status, Code: p.Code, RetryAfter: p.RetryAfter}
	if p.Status >= http.StatusInternalServerError {
		f.RequestID = v.actor().RequestID
	}
	s.failure(v, f)
}

func (s *Site) failure(v *visit, f Failure) {
	if err := s.render(v, f.Status, nil, f); err != nil {
		s.c.Log.ErrorContext(v.r.Context(), "pages: error page failed", "err", err, "request_id", v.actor().RequestID)
		http.Error(v.w, http.StatusText(f.Status), f.Status)
	}
}

// toSignIn asks to sign in, and remembers where the person wanted to go: for a
// form that is the page it stands on, since only a GET can be repeated.
func (s *Site) toSignIn(v *visit) {
	q := url.Values{}
	next := v.r.URL.RequestURI()
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		next = s.c.Prefix + pageOf(strings.TrimPrefix(v.r.URL.Path, s.c.Prefix))
	}
	if next = redirect.Safe(next); next != "" {
		q.Set("next", next)
	}
	if v.caller.Stale {
		// The cookie stays: a newer one may have come meanwhile.
		q.Set("notice", "expired")
	}
	s.redirect(v, "/sign-in", q)
}

// pageOf returns the page that a form's address belongs to, or the address.
func pageOf(path string) string { return cmp.Or(settingsPageOf(path), path) }

// settingsPageOf returns the page whose card a form's address belongs to, or "".
func settingsPageOf(path string) string {
	for _, page := range []string{"/settings/profile", securityPath, mailsPath, invitationsPath, "/sign-in", "/second-factor"} {
		if strings.HasPrefix(path, page+"/") {
			return page
		}
	}
	return orgPageOf(path)
}

func (s *Site) redirect(v *visit, path string, q url.Values) {
	to := s.c.Prefix + path
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther) //nolint:gosec // a path of our own, below the prefix
}

// saved goes back to a page after one of its cards was saved.
func (s *Site) saved(v *visit, page, card string) error {
	http.Redirect(v.w, v.r, s.c.Prefix+page+"?saved="+card+"#"+card, http.StatusSeeOther)
	return nil
}

// render draws a page. u is who is signed in; nil: nobody, or it does not matter.
func (s *Site) render(v *visit, status int, u *accounts.User, view View) error {
	p := Page{Now: s.c.Now(), View: view}
	if u != nil {
		p.Person = &Person{
			Name: u.Name, Email: u.Email, AvatarURL: s.avatar(*u, "128"), Locale: u.Locale, Zone: zones.Location(u.Timezone),
			Limited: limited(v), Stale: v.actor().SignedIn() && v.actor().RequireStepUp(s.c.Now(), s.c.StepUpAge) != nil,
		}
		if err := s.addOrgs(v, p.Person, view); err != nil {
			return err
		}
	}
	return s.r.Render(v.w, v.r, status, p)
}

func (s *Site) avatar(u accounts.User, size string) string {
	return s.c.Prefix + "/avatars/" + u.AvatarKey + "/" + size
}

// refused returns what a form shows of err and the status of its page, or err
// itself if a form is no place for it.
func refused(err error) (Form, int, error) {
	p := problem.Of(err)
	switch p.Status {
	case http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusConflict, http.StatusPaymentRequired,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return FormOf(err), p.Status, nil
	case http.StatusUnauthorized:
		switch p.Code {
		case "invalid_credentials":
			return FormOf(err), http.StatusUnprocessableEntity, nil
		case "invalid_code":
			wrong := fault.Fields{{Name: "code", Code: "invalid_code", Message: "is not right"}}
			return Form{Errors: wrong}, http.StatusUnprocessableEntity, nil
		}
	case http.StatusServiceUnavailable:
		if !p.Internal {
			return FormOf(err), p.Status, nil
		}
	}
	return Form{}, 0, err
}
