package settings_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

const (
	inAccounts = "accounts: (*Service)."
	inFlows    = "internal/flows: (*Services)."
)

// What uploading a picture writes before the transaction that points at it.
var pictures = []string{"settings_blobs", "settings_blob_discards", "settings_logo_discards"}

var accountDeeds = []deed{
	{method: inAccounts + "StartSignUp", when: "nobody's address", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, email := w.from(), w.address()
		return func() error { return w.app.Accounts.StartSignUp(w.t.Context(), a, email, "en") },
			leaving(entry(a, accounts.ActionSignUpRequested, audit.Target{Kind: "address", ID: "*"}))
	}},
	{method: inAccounts + "StartSignUp", when: "somebody's address", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, h := w.from(), w.human()
		return func() error { return w.app.Accounts.StartSignUp(w.t.Context(), a, h.email, "en") },
			leaving(h.of(entry(a, accounts.ActionSignUpRequested, audit.Target{Kind: "address", ID: "*"})))
	}},
	{method: inAccounts + "StartSignUp", when: "again and again", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, email := w.from(), w.address()
		for range 15 {
			require.NoError(w.t, w.app.Accounts.StartSignUp(w.t.Context(), w.from(), email, "en"))
		}
		return func() error { return w.app.Accounts.StartSignUp(w.t.Context(), a, email, "en") },
			leaving(entry(a, accounts.ActionSignUpRequested, audit.Target{Kind: "address", ID: "*"}, changed("requests_in_the_last_hour", "", "16")))
	}},
	{method: inAccounts + "CreateFromSignUp", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, email := w.from(), w.address()
		require.NoError(w.t, w.app.Accounts.StartSignUp(w.t.Context(), w.from(), email, "en"))
		link := w.link(email, "account.sign_up")
		return created(w, a, func(n accounts.NewUser) (accounts.User, error) {
			n.Token = link
			return w.app.Accounts.CreateFromSignUp(w.t.Context(), a, n)
		})
	}},
	{method: inAccounts + "CreateProven", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, email := w.from(), w.address()
		return created(w, a, func(n accounts.NewUser) (accounts.User, error) {
			return w.app.Accounts.CreateProven(w.t.Context(), a, n, email, email)
		})
	}},
	{method: inAccounts + "UpdateProfile", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a, name, zone, locale := h.actor(), "Ada Lovelace", "Europe/London", "de"
		target := audit.Target{Kind: "user", ID: h.id.String(), Name: name}
		return func() error {
				_, err := w.app.Accounts.UpdateProfile(w.t.Context(), a, accounts.Patch{Name: &name, Timezone: &zone, Locale: &locale})
				return err
			}, leaving(h.of(entry(a, accounts.ActionUpdated, target,
				changed("name", h.name, name), changed("timezone", "UTC", zone), changed("locale", "en", locale))))
	}},
	{method: inAccounts + "SetPicture", beside: pictures, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.SetPicture(w.t.Context(), a, picturePNG(w.t, 9, 9))
			return err
		}, leaving(h.by(a, accounts.ActionPictureChanged))
	}},
	{method: inAccounts + "UploadPicture", beside: pictures, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.UploadPicture(w.t.Context(), a, bytes.NewReader(picturePNG(w.t, 9, 9)))
			return err
		}, leaving(h.by(a, accounts.ActionPictureChanged))
	}},
	{method: inAccounts + "RemovePicture", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		_, err := w.app.Accounts.SetPicture(w.t.Context(), h.actor(), picturePNG(w.t, 9, 9))
		require.NoError(w.t, err)
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.RemovePicture(w.t.Context(), a)
			return err
		}, leaving(h.by(a, accounts.ActionPictureRemoved))
	}},
	{method: inAccounts + "RequestEmailChange", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.RequestEmailChange(w.t.Context(), a, to)
			return err
		}, leaving(h.by(a, accounts.ActionEmailChangeRequested, changed("email", h.email, to)))
	}},
	{method: inAccounts + "CancelEmailChange", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.moving(w.address())
		a := h.actor()
		return func() error { return w.app.Accounts.CancelEmailChange(w.t.Context(), a) },
			leaving(h.by(a, accounts.ActionEmailChangeCanceled))
	}},
	{method: inAccounts + "ConfirmEmailChange", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		confirm, _ := h.moving(to)
		a := h.actor() // the link acts, and not who is signed in
		return func() error {
			_, err := w.app.Accounts.ConfirmEmailChange(w.t.Context(), a, confirm)
			return err
		}, leaving(h.by(asNobody(a), accounts.ActionEmailChanged, changed("email", h.email, to)))
	}},
	{method: inAccounts + "UndoEmailChange", when: "pending", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		_, undo := h.moving(w.address())
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.UndoEmailChange(w.t.Context(), a, undo)
			return err
		}, leaving(h.by(asNobody(a), accounts.ActionEmailChangeCanceled))
	}},
	{method: inAccounts + "UndoEmailChange", when: "confirmed", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		undo := h.moved(to)
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.UndoEmailChange(w.t.Context(), a, undo)
			return err
		}, leaving(h.by(asNobody(a), accounts.ActionEmailRestored, changed("email", to, h.email)))
	}},
	{method: inAccounts + "UndoEmailSince", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		since := w.now()
		h.moved(to)
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.UndoEmailSince(w.t.Context(), a, h.id, since)
			return err
		}, leaving(h.by(asNobody(a), accounts.ActionEmailRestored, changed("email", to, h.email)))
	}},
	{method: inAccounts + "CollectBlobs", silent: "a job: pictures that nobody points at", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Accounts.CollectBlobs(w.t.Context()) }, silence
	}},
	{method: inAccounts + "PurgeLinks", silent: "a job: links that have ended", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Accounts.PurgeLinks(w.t.Context()) }, silence
	}},
}

// exportDeeds: first what the job does, while no other export waits for it.
var exportDeeds = []deed{
	{method: inAccounts + "WorkExports", beside: []string{"settings_exports", "settings_blobs"}, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.exporting()
		return func() error { return w.app.Accounts.WorkExports(w.t.Context()) },
			leaving(h.of(entry(audit.Actor{Kind: audit.KindSystem, Name: "export"}, accounts.ActionExportReady, h.target(), changed("bytes", "", "*"))))
	}},
	{method: inAccounts + "WorkExports", when: "in vain", is: errStubborn, beside: []string{"settings_exports", "settings_blobs"}, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		w.stubborn = h.id
		h.exporting()
		for range 4 {
			require.ErrorIs(w.t, w.app.Accounts.WorkExports(w.t.Context()), errStubborn)
			w.app.Clock.Advance(2 * time.Minute)
		}
		return func() error { return w.app.Accounts.WorkExports(w.t.Context()) },
			leaving(h.of(entry(audit.Actor{Kind: audit.KindSystem, Name: "export"}, accounts.ActionExportFailed, h.target())))
	}},
	{method: inAccounts + "StartExport", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.StartExport(w.t.Context(), a)
			return err
		}, leaving(h.by(a, accounts.ActionExportRequested))
	}},
	{method: inAccounts + "DownloadExport", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		e := h.exporting()
		require.NoError(w.t, w.app.Accounts.WorkExports(w.t.Context()))
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.DownloadExport(w.t.Context(), a, e)
			return err
		}, leaving(h.by(a, accounts.ActionExportDownloaded, changed("bytes", "", "*")))
	}},
	{method: inAccounts + "EndExports", silent: "part of deleting an account", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.exporting()
		return func() error { return w.app.Accounts.EndExports(w.t.Context(), h.id) }, silence
	}},
	{method: inAccounts + "RemoveExports", silent: "part of removing a person", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		h.exporting()
		return func() error { return w.app.Accounts.RemoveExports(w.t.Context(), h.id) }, silence
	}},
	{method: inAccounts + "CollectExports", silent: "a job: what is stored of exports that have expired", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Accounts.CollectExports(w.t.Context()) }, silence
	}},
}

// exporting asks for an export.
func (h *human) exporting() id.Export {
	h.w.t.Helper()
	e, err := h.w.app.Accounts.StartExport(h.w.t.Context(), h.actor())
	require.NoError(h.w.t, err)
	return e.ID
}

// stubborn is a source of exports that fails for one person.
type stubborn struct{ w *world }

var errStubborn = errors.New("cannot be asked")

func (s stubborn) Name() string { return "stubborn" }

func (s stubborn) Export(_ context.Context, user id.User, _ accounts.ExportWriter) error {
	if user == s.w.stubborn {
		return errStubborn
	}
	return nil
}

// address is nobody's.
func (w *world) address() string {
	w.count++
	return fmt.Sprintf("new-%d@example.com", w.count)
}

// created is the deed of making an account.
func created(w *world, a audit.Actor, create func(accounts.NewUser) (accounts.User, error)) (func() error, func() []audit.Entry) {
	var u accounts.User
	return func() (err error) {
			u, err = create(accounts.NewUser{Name: "Grace", Timezone: "UTC", Locale: "en"})
			return err
		}, func() []audit.Entry {
			who := a
			who.Kind, who.User, who.Name = audit.KindUser, u.ID, "Grace"
			h := &human{w: w, id: u.ID, name: "Grace"}
			return []audit.Entry{h.by(who, accounts.ActionCreated)}
		}
}

// moving asks to change the address, and returns both links.
func (h *human) moving(to string) (confirm, undo string) {
	h.w.t.Helper()
	_, err := h.w.app.Accounts.RequestEmailChange(h.w.t.Context(), h.actor(), to)
	require.NoError(h.w.t, err)
	return h.w.link(to, "account.confirm_email"), h.w.link(h.email, "account.email_change_requested")
}

// moved changes the address, and returns the link to undo that.
func (h *human) moved(to string) (undo string) {
	h.w.t.Helper()
	confirm, _ := h.moving(to)
	_, err := h.w.app.Accounts.ConfirmEmailChange(h.w.t.Context(), h.w.from(), confirm)
	require.NoError(h.w.t, err)
	return h.w.link(h.email, "account.email_changed")
}

var flowDeeds = []deed{
	{method: inFlows + "CompleteSignUp", when: "by the link", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, email := w.from(), w.address()
		require.NoError(w.t, w.app.Accounts.StartSignUp(w.t.Context(), w.from(), email, "en"))
		return completed(w, a, w.link(email, "account.sign_up"), nil)
	}},
	{method: inFlows + "CompleteSignUp", when: "by an invitation", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a, email, o := w.from(), w.address(), w.firm()
		return completed(w, a, o.invite(email), o)
	}},
	{method: inFlows + "ConfirmEmail", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		h.signIn() // the session before ends
		confirm, _ := h.moving(to)
		a := h.actor()
		return func() error {
				_, err := w.flows.ConfirmEmail(w.t.Context(), a, confirm)
				return err
			}, leaving(
				h.by(asNobody(a), accounts.ActionEmailChanged, changed("email", h.email, to)),
				h.by(asSystem(a, "email change"), security.ActionSessionsRevoked, changed("ended", "", "1")))
	}},
	{method: inFlows + "UndoEmail", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		undo := h.moved(to)
		a := w.from()
		system := asSystem(a, "email undo")
		return func() error {
				_, err := w.flows.UndoEmail(w.t.Context(), a, undo)
				return err
			}, leaving(
				h.by(asNobody(a), accounts.ActionEmailRestored, changed("email", to, h.email)),
				h.by(system, security.ActionPasswordVoided, changed("sessions_ended", "", "1")),
				h.by(system, security.ActionResetRequested))
	}},
	{method: inFlows + "NotMe", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, to := w.human(), w.address()
		link := h.alarmed()
		h.moved(to)
		a := w.from()
		return func() error { return w.flows.NotMe(w.t.Context(), a, link) }, leaving(
			h.by(a, accounts.ActionEmailRestored, changed("email", to, h.email)),
			h.by(a, security.ActionNotMe),
			h.by(a, security.ActionPasswordVoided, changed("sessions_ended", "", "2")),
			h.by(a, security.ActionResetRequested))
	}},
}

// completed is the deed of finishing to sign up, in o if that is not nil.
func completed(w *world, a audit.Actor, link string, o *firm) (func() error, func() []audit.Entry) {
	var in flows.Entered
	return func() (err error) {
			in, err = w.flows.CompleteSignUp(w.t.Context(), a, flows.CompleteSignUp{
				NewUser: accounts.NewUser{Token: link, Name: "Grace"}, Password: settingstest.Password,
			})
			return err
		}, func() []audit.Entry {
			w.secret(in.Token.Reveal())
			h := &human{w: w, id: in.Person.ID, name: "Grace"}
			who := a
			who.Kind, who.User, who.Name = audit.KindUser, h.id, h.name
			out := []audit.Entry{h.by(who, accounts.ActionCreated), h.began(who, in.Session.ID)}
			if o != nil {
				who.Session = in.Session.ID
				out = append(out, o.log(who, orgs.ActionMemberJoined, h.target(), changed("role", "", "member"), changed("by", "", "invitation")))
			}
			return out
		}
}

// began is the entry of a session's beginning.
func (h *human) began(who audit.Actor, session id.Session, changes ...audit.Change) audit.Entry {
	who.Kind, who.User, who.Name, who.Session = audit.KindUser, h.id, h.name, session
	return h.of(entry(who, security.ActionSignedIn, audit.Target{Kind: "session", ID: session.String(), Name: "Firefox on Linux"}, changes...))
}
