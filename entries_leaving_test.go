package settings_test

import (
	"context"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

func inTime(at time.Time) audit.Change {
	return audit.Change{Field: "purge_at", After: at.Format(time.RFC3339)}
}

// somebodyGone is somebody who was a member of a team, and deleted the account.
func (w *world) somebodyGone() (*human, *firm) {
	o, h := w.firm(), w.human()
	o.with(h, orgs.Member)
	h.leaves()
	return h, o
}

func nothingLeft() []audit.Entry { return nil }

var leavingDeeds = []deed{
	{method: inAccounts + "MayDelete", silent: "it asks, and they may", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error { return w.app.Accounts.MayDelete(w.t.Context(), a, h.email) }, nothingLeft
	}},
	{method: inAccounts + "RemoveFiles", silent: "a job, of somebody who is deleted", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, _ := w.somebodyGone()
		return func() error {
			_, err := w.app.Accounts.RemoveFiles(w.t.Context(), h.id)
			return err
		}, nothingLeft
	}},
	{method: inAccounts + "MayRestore", silent: "it asks, and they may", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, _ := w.somebodyGone()
		a := h.returning()
		return func() error { return w.app.Accounts.MayRestore(w.t.Context(), a, h.id) }, nothingLeft
	}},
	{method: inAccounts + "Delete", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error {
			_, err := w.app.Accounts.Delete(w.t.Context(), a, h.email, func(context.Context) error { return nil })
			return err
		}, leaving(h.by(a, accounts.ActionDeleted, inTime(w.now().Add(month))))
	}},
	{method: inAccounts + "Restore", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, _ := w.somebodyGone()
		a := h.returning()
		return func() error { return w.app.Accounts.Restore(w.t.Context(), a, h.id) }, leaving(h.by(a, accounts.ActionRestored))
	}},
	{method: inAccounts + "RemoveUser", silent: "there is nobody any more", is: accounts.ErrUserNotFound, prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error {
			_, err := w.app.Accounts.RemoveUser(w.t.Context(), id.NewUser(), nil)
			return err
		}, nothingLeft
	}},
	{method: inSecurity + "AccountDeleted", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		a := h.actor()
		return func() error { return w.app.Security.AccountDeleted(w.t.Context(), a) },
			leaving(h.by(a, security.ActionSessionsRevoked, changed("ended", "", "1")))
	}},
	{method: inSecurity + "AccountRestored", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, _ := w.somebodyGone()
		h.returning()
		return func() error { return w.app.Security.AccountRestored(w.t.Context(), support, h.id) },
			leaving(h.of(entry(support, security.ActionSessionsRevoked, h.target(), changed("ended", "", "1"))))
	}},
	{method: inSecurity + "RemovePerson", silent: "there is nobody any more", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		return func() error {
			_, err := w.app.Security.RemovePerson(w.t.Context(), h.id)
			return err
		}, nothingLeft
	}},
	{method: inOrgs + "Hold", silent: "it locks", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		return func() error { return w.app.Orgs.Hold(w.t.Context(), h.id) }, nothingLeft
	}},
	{method: inOrgs + "MayPurge", silent: "it locks", is: orgs.ErrOrgNotFound, prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Orgs.MayPurge(w.t.Context(), id.NewOrg(), w.now()) }, nothingLeft
	}},
	{method: inOrgs + "AccountDeleted", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Member)
		a := audit.System("membership")
		return func() error { return w.app.Orgs.AccountDeleted(w.t.Context(), a, h.id) },
			leaving(o.log(a, orgs.ActionMemberSuspended, h.target()))
	}},
	{method: inOrgs + "AccountRestored", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Member)
		a := audit.System("membership")
		require.NoError(w.t, w.app.Orgs.AccountDeleted(w.t.Context(), a, h.id))
		return func() error { return w.app.Orgs.AccountRestored(w.t.Context(), a, h.id) },
			leaving(o.log(a, orgs.ActionMemberReinstated, h.target()))
	}},
	{method: inOrgs + "MoveOwnership", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Member)
		return func() error { return w.app.Orgs.MoveOwnership(w.t.Context(), support, o.ID, h.id) },
			leaving(o.log(support, orgs.ActionOwnershipMoved, h.target(), changed("owner", o.owner.id.String(), h.id.String())))
	}},
	{method: inOrgs + "ForgetPerson", silent: "there is nobody any more", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		return func() error {
			_, err := w.app.Orgs.ForgetPerson(w.t.Context(), h.id, []string{h.email})
			return err
		}, nothingLeft
	}},
	{method: inOrgs + "RemoveOrg", silent: "there is none any more", is: orgs.ErrOrgNotFound, prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error {
			_, err := w.app.Orgs.RemoveOrg(w.t.Context(), id.NewOrg())
			return err
		}, nothingLeft
	}},
	{method: inFlows + "DeleteAccount", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Member)
		a := h.actor()
		return func() error {
				_, err := w.flows.DeleteAccount(w.t.Context(), a, h.email)
				return err
			}, leaving(
				h.by(a, security.ActionSessionsRevoked, changed("ended", "", "1")),
				o.log(audit.System("membership"), orgs.ActionMemberSuspended, h.target()),
				h.by(a, accounts.ActionDeleted, inTime(w.now().Add(month))),
			)
	}},
	{method: inFlows + "RestoreAccount", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h, o := w.somebodyGone()
		a := h.returning()
		return func() error { return w.flows.RestoreAccount(w.t.Context(), a, h.id) }, leaving(
			h.by(a, accounts.ActionRestored),
			o.log(audit.System("membership"), orgs.ActionMemberReinstated, h.target()),
		)
	}},
	{method: inFlows + "PurgeAccounts", silent: "nobody is due", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.flows.PurgeAccounts(w.t.Context()) }, nothingLeft
	}},
	{method: inFlows + "PurgeOrgs", silent: "none is due", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.flows.PurgeOrgs(w.t.Context()) }, nothingLeft
	}},
}
