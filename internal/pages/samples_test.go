package pages_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/pages"
)

var now = time.Date(2026, 11, 24, 9, 41, 7, 0, time.UTC)

// person is who is signed in on sample pages. s makes every string hostile in
// the tests that want it so.
func person(s func(string) string) *pages.Person {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		london = time.UTC
	}
	return &pages.Person{
		Name: s("Ada Lovelace"), Email: s("ada@example.com"), AvatarURL: s("/avatars/ada/128"), Locale: "en", Zone: london,
	}
}

func fields(pairs ...string) pages.Form {
	var f fault.Fields
	for i := 0; i < len(pairs); i += 2 {
		f = append(f, fault.Field{Name: pairs[i], Code: pairs[i+1], Message: "No.", Params: map[string]any{"min": 8, "max": 100}})
	}
	return pages.Form{Errors: f}
}

func sessions(s func(string) string) []pages.Session {
	return []pages.Session{
		{ID: s("019ac001-0000-7000-8000-000000000001"), Current: true, Browser: s("Chrome"), OS: s("macOS"), Kind: "desktop", IP: s("81.2.69.142"), Place: s("London, United Kingdom"), SignedInAt: now.AddDate(0, 0, -12), LastUsedAt: now},
		{ID: s("019ac001-0000-7000-8000-000000000002"), Browser: s("Safari"), OS: s("iPhone"), Kind: "phone", IP: s("103.48.196.3"), SignedInAt: now.AddDate(0, 0, -21), LastUsedAt: now.Add(-2 * time.Hour)},
		{ID: s("019ac001-0000-7000-8000-000000000003"), Browser: s("Firefox"), OS: s("Windows"), Kind: "desktop", IP: s("2001:db8:85a3:8d3:1319:8a2e:370:7348"), SignedInAt: now.AddDate(0, 0, -34), LastUsedAt: now.AddDate(0, 0, -6)},
		{ID: s("019ac001-0000-7000-8000-000000000004"), Browser: s("curl"), Kind: "bot", IP: s("198.51.100.7"), SignedInAt: now.AddDate(0, 0, -40), LastUsedAt: now.AddDate(0, 0, -13)},
		{ID: s("019ac001-0000-7000-8000-000000000005"), Browser: s("Safari"), OS: s("iPad"), Kind: "tablet", IP: s("203.0.113.80"), SignedInAt: now.AddDate(0, 0, -41), LastUsedAt: now.Add(-26 * time.Hour)},
		{ID: s("019ac001-0000-7000-8000-000000000006"), SignedInAt: now.AddDate(0, 0, -60), LastUsedAt: now.AddDate(0, 0, -14)},
	}
}

// samples returns every page in every state worth looking at.
func samples(s func(string) string) map[string]pages.Page {
	me := person(s)
	limited := pages.Form{Code: "rate_limited", RetryAfter: 4 * time.Minute}
	profile := pages.Profile{
		Picture: pages.PictureCard{URL: s("/avatars/ada/512")},
		About:   pages.AboutCard{Name: s("Ada Lovelace"), Timezone: "Europe/London", Locale: "en"},
		Email:   pages.EmailCard{Email: s("ada@example.com")},
	}
	pending, saved, rejected := profile, profile, profile
	pending.Email.Pending = &pages.PendingEmail{Email: s("ada@new.example"), ExpiresAt: now.Add(23 * time.Hour)}
	pending.Picture.Uploaded = true
	saved.Saved = "about"
	rejected.About.Form, rejected.About.Name = fields("name", "required"), ""
	rejected.Email.Form, rejected.Email.Typed = fields("email", "invalid_email"), s("ada@@example.com")
	rejected.Picture.Form = pages.Form{Errors: fields("picture", "invalid_picture").Errors}

	security := pages.Security{
		Password: pages.PasswordCard{Has: true, ChangedAt: now.AddDate(0, -3, 0)},
		Sessions: pages.SessionsCard{Items: sessions(s)[:3]},
		History:  pages.HistoryCard{Items: events(s)},
	}
	alone, long, wrong, first := security, security, security, security
	alone.Sessions.Items = sessions(s)[:1]
	long.Sessions = pages.SessionsCard{Items: sessions(s), NextCursor: s("AbC-_9"), Later: true}
	long.Saved = "sessions"
	wrong.Password.Form = fields("current_password", "wrong_password", "password", "too_short")
	first.Password, first.Saved = pages.PasswordCard{}, "password"

	views := map[string]pages.View{
		"sign-in":            pages.SignIn{Next: s("/settings/security")},
		"sign-in-signed-out": pages.SignIn{Notice: "signed_out"},
		"sign-in-refused":    pages.SignIn{Email: s("ada@example.com"), Form: pages.Form{Code: "invalid_credentials"}},
		"sign-in-limited":    pages.SignIn{Email: s("ada@example.com"), Form: limited},
		"sign-up":            pages.SignUp{},
		"sign-up-invalid":    pages.SignUp{Email: s("ada@@example"), Form: fields("email", "invalid_email")},
		"check-mail":         pages.CheckMail{For: "sign_up", Lasts: 24 * time.Hour},
		"check-mail-reset":   pages.CheckMail{For: "reset", Lasts: time.Hour},
		"complete":           pages.CompleteSignUp{Token: s("tok"), Email: s("ada@example.com")},
		"complete-invalid": pages.CompleteSignUp{Token: s("tok"), Email: s("ada@example.com"), Name: s(" "), Timezone: "Asia/Calcutta", Locale: "de",
			Form: fields("name", "required", "password", "common_password", "token", "required")},
		"forgot":                pages.ForgotPassword{},
		"forgot-limited":        pages.ForgotPassword{Email: s("ada@example.com"), Form: limited},
		"reset":                 pages.ResetPassword{Token: s("tok"), Email: s("ada@example.com")},
		"reset-invalid":         pages.ResetPassword{Token: s("tok"), Form: fields("password", "needs_digit")},
		"confirm-email":         pages.ConfirmEmail{Token: s("tok"), OldEmail: s("ada@example.com"), NewEmail: s("ada@new.example")},
		"confirm-taken":         pages.ConfirmEmail{Token: s("tok"), OldEmail: s("ada@example.com"), NewEmail: s("ada@new.example"), Form: pages.Form{Code: "email_taken"}},
		"undo-cancel":           pages.UndoEmail{Token: s("tok"), OldEmail: s("ada@example.com"), NewEmail: s("eve@new.example")},
		"undo-restore":          pages.UndoEmail{Token: s("tok"), OldEmail: s("ada@example.com"), NewEmail: s("eve@new.example"), Confirmed: true},
		"signed-out":            pages.Outcome{Kind: "signed_out"},
		"email-restored":        pages.Outcome{Kind: "email_restored", Email: s("ada@example.com")},
		"gone":                  pages.LinkGone{},
		"gone-sign-up":          pages.LinkGone{For: "sign_up"},
		"gone-reset":            pages.LinkGone{For: "reset"},
		"gone-confirm":          pages.LinkGone{For: "email_confirm"},
		"gone-undo":             pages.LinkGone{For: "email_undo"},
		"failure-400":           pages.Failure{Status: 400},
		"failure-403":           pages.Failure{Status: 403, RequestID: s("req_1f2e")},
		"failure-cross-origin":  pages.Failure{Status: 403, Code: "cross_origin"},
		"failure-404":           pages.Failure{Status: 404},
		"failure-413":           pages.Failure{Status: 413},
		"failure-429":           pages.Failure{Status: 429, RetryAfter: time.Minute},
		"failure-500":           pages.Failure{Status: 500, RequestID: s("019ac001-7d1b-7c2a-9f00-3c1d2e4f5a6b")},
		"failure-503":           pages.Failure{Status: 503, RetryAfter: 5 * time.Second},
		"me/reauthenticate":     pages.Reauthenticate{Method: "password", Continue: s("sealed"), Waiting: "email_change", Detail: s("ada@new.example"), Back: "/settings/profile"},
		"me/reauthenticate-bad": pages.Reauthenticate{Method: "password", Others: []string{"passkey"}, Continue: s("sealed"), Form: fields("password", "wrong_password"), Back: "/settings/profile"},
		"me/restore":            pages.Restore{Email: s("ada@example.com"), Until: now.AddDate(0, 0, 12)},
		"me/restore-late":       pages.Restore{Email: s("ada@example.com"), Until: now, Form: pages.Form{Code: "account_gone"}},
		"me/delete-account":     pages.Reauthenticate{Method: "password", Continue: s("sealed"), Waiting: "account_delete", Back: "/settings/profile"},
		"me/email-confirmed":    pages.Outcome{Kind: "email_confirmed", Email: s("ada@new.example")},
		"me/email-canceled":     pages.Outcome{Kind: "email_canceled", Email: s("ada@example.com")},
		"me/failure-404":        pages.Failure{Status: 404},
		"me/profile":            profile,
		"me/profile-pending":    pending,
		"me/profile-saved":      saved,
		"me/profile-rejected":   rejected,
		"me/security":           security,
		"me/security-alone":     alone,
		"me/security-long":      long,
		"me/security-wrong":     wrong,
		"me/security-first":     first,
		"me/custom":             pages.Custom{Tab: "projects", Title: s("Projects"), Lede: s("What you build."), Content: "<p>From the host.</p>"},
	}
	maps.Copy(views, factorSamples(s, security))
	maps.Copy(views, orgSamples(s, profile))
	maps.Copy(views, importSamples(s))
	maps.Copy(views, mailSamples(s))
	maps.Copy(views, exportSamples(profile))
	out := map[string]pages.Page{}
	for name, v := range views {
		p := pages.Page{Now: now, View: v}
		if rest, signedIn := strings.CutPrefix(name, "me/"); signedIn {
			name, p.Person = "me-"+rest, me
		}
		if strings.HasPrefix(name, "me-org") {
			who := *me
			who.Orgs, p.Person = orgLinks(s), &who
		}
		if _, limited := v.(pages.Enroll); limited {
			who := *me
			who.Limited, p.Person = true, &who
		}
		out[name] = p
	}
	return out
}

func plain(s string) string { return s }

func config() pages.Config {
	return pages.Config{
		Product: "Acme", MailboxURL: "/dev/mailbox", API: "/api/v1", Mails: []string{"weekly_digest", "retention_nudges"},
		Links: pages.Links{Support: "mailto:help@acme.test", Terms: "https://acme.test/terms", Privacy: "https://acme.test/privacy", Upgrade: "https://acme.test/plans", Notifications: "https://acme.test/notifications"},
	}
}

func renderer(t *testing.T, cfg pages.Config) *pages.Renderer {
	t.Helper()
	r, err := pages.NewRenderer(cfg)
	require.NoError(t, err)
	return r
}

// draw renders p as an English browser gets it, unless language says otherwise.
func draw(t *testing.T, r *pages.Renderer, p pages.Page, language string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	req.Header.Set("Accept-Language", language)
	if p.Person != nil {
		me := *p.Person
		me.Locale, p.Person = language, &me
	}
	w := httptest.NewRecorder()
	require.NoError(t, r.Render(w, req, http.StatusOK, p))
	return w
}
