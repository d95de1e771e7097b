package settings_test

import (
	"bytes"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
)

const (
	inOrgs  = "orgs: (*Service)."
	inAudit = "audit: (*Service)."
)

var orgDeeds = []deed{
	{method: inOrgs + "Create", prepare: func(w *world) (func() error, func() []audit.Entry) {
		a := w.human().actor()
		o := &firm{}
		return func() (err error) {
				o.OrgView, err = w.app.Orgs.Create(w.t.Context(), a, orgs.NewOrg{Name: "Difference Engines"})
				return err
			}, func() []audit.Entry {
				return []audit.Entry{o.log(a, orgs.ActionOrgCreated, o.target())}
			}
	}},
	{method: inOrgs + "Update", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a, name, slug, project := o.owner.actor(), "Analytical Engines", o.Slug+"-now", "p1"
		target := o.target()
		target.Name = name
		return func() error {
				_, err := w.app.Orgs.Update(w.t.Context(), a, o.Slug, orgs.Patch{Name: &name, Slug: &slug, DefaultProject: &project})
				return err
			}, leaving(o.log(a, orgs.ActionOrgUpdated, target,
				changed("slug", o.Slug, slug), changed("name", o.Name, name), changed("default_project", "", project)))
	}},
	{method: inOrgs + "SetLogo", beside: pictures, prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.SetLogo(w.t.Context(), a, o.Slug, picturePNG(w.t, 9, 9))
			return err
		}, leaving(o.log(a, orgs.ActionLogoChanged, o.target()))
	}},
	{method: inOrgs + "UploadLogo", beside: pictures, prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.UploadLogo(w.t.Context(), a, o.Slug, bytes.NewReader(picturePNG(w.t, 9, 9)))
			return err
		}, leaving(o.log(a, orgs.ActionLogoChanged, o.target()))
	}},
	{method: inOrgs + "RemoveLogo", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		_, err := w.app.Orgs.SetLogo(w.t.Context(), o.owner.actor(), o.Slug, picturePNG(w.t, 9, 9))
		require.NoError(w.t, err)
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.RemoveLogo(w.t.Context(), a, o.Slug)
			return err
		}, leaving(o.log(a, orgs.ActionLogoRemoved, o.target()))
	}},
	{method: inOrgs + "CollectLogos", silent: "a job: logos that no organization has", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Orgs.CollectLogos(w.t.Context()) }, silence
	}},
	{method: inOrgs + "RemindSecondFactor", silent: "a job: letters about what was an event", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Orgs.RemindSecondFactor(w.t.Context()) }, silence
	}},
	{method: inOrgs + "Delete", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.Delete(w.t.Context(), a, o.Slug, o.Slug)
			return err
		}, leaving(o.log(a, orgs.ActionOrgDeleted, o.target()))
	}},
	{method: inOrgs + "Restore", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		_, err := w.app.Orgs.Delete(w.t.Context(), o.owner.actor(), o.Slug, o.Slug)
		require.NoError(w.t, err)
		a := o.owner.actor()
		return func() error { return w.app.Orgs.Restore(w.t.Context(), a, o.Slug) },
			leaving(o.log(a, orgs.ActionOrgRestored, o.target()))
	}},
	{method: inOrgs + "SetSecurityPolicy", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		o.owner.twoFactor()
		a, from := o.owner.actor(), w.now().Add(24*time.Hour)
		return func() error {
				_, err := w.app.Orgs.SetSecurityPolicy(w.t.Context(), a, o.Slug, orgs.SecurityPolicy{RequireSecondFactor: true, GraceUntil: from})
				return err
			}, leaving(o.log(a, orgs.ActionPolicyChanged, o.target(),
				changed("require_second_factor", "false", "true"), changed("grace_until", "", from.Format(time.RFC3339))))
	}},
	{method: inOrgs + "AddDomain", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, name := w.firm(), w.domain()
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.AddDomain(w.t.Context(), a, o.Slug, name)
			return err
		}, leaving(o.log(a, orgs.ActionDomainAdded, audit.Target{Kind: "domain", ID: "*", Name: name}))
	}},
	{method: inOrgs + "VerifyDomain", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		d := o.domain(w.domain())
		w.dns.publish(object{"name": d.Record().Host, "value": d.Record().Value})
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.VerifyDomain(w.t.Context(), a, o.Slug, d.ID)
			return err
		}, leaving(o.log(a, orgs.ActionDomainVerified, domainTarget(d)))
	}},
	{method: inOrgs + "UpdateDomain", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		d := o.proven(w.domain(), false)
		a, yes, role := o.owner.actor(), true, "viewer"
		return func() error {
				_, err := w.app.Orgs.UpdateDomain(w.t.Context(), a, o.Slug, d.ID, orgs.DomainPatch{AutoJoin: &yes, Role: &role})
				return err
			}, leaving(o.log(a, orgs.ActionDomainUpdated, domainTarget(d),
				changed("role", "member", "viewer"), changed("auto_join", "false", "true")))
	}},
	{method: inOrgs + "RemoveDomain", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		d := o.domain(w.domain())
		a := o.owner.actor()
		return func() error { return w.app.Orgs.RemoveDomain(w.t.Context(), a, o.Slug, d.ID) },
			leaving(o.log(a, orgs.ActionDomainRemoved, domainTarget(d)))
	}},
	{method: inOrgs + "Join", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, name := w.firm(), w.domain()
		o.proven(name, true)
		h := w.humanAt(name)
		a := h.actor()
		return func() error {
			_, err := w.app.Orgs.Join(w.t.Context(), a, o.Slug)
			return err
		}, leaving(o.log(a, orgs.ActionMemberJoined, h.target(), changed("role", "", "member"), changed("by", "", "domain")))
	}},
	{method: inOrgs + "Refused", is: audit.ErrEnrollmentRequired, prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a := o.owner.actor()
		return func() error {
				return w.app.Orgs.Refused(w.t.Context(), a, o.Slug, orgs.ActionOrgUpdated, audit.ErrEnrollmentRequired)
			}, func() []audit.Entry {
				e := o.log(a, orgs.ActionOrgUpdated, o.target())
				e.Outcome, e.Reason = audit.Refused, "second_factor_enrollment_required"
				return []audit.Entry{e}
			}
	}},
	{method: inOrgs + "Purge", silent: "a job: what has ended", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Orgs.Purge(w.t.Context()) }, silence
	}},
}

var memberDeeds = []deed{
	{method: inOrgs + "SetRole", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Viewer)
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.SetRole(w.t.Context(), a, o.Slug, h.id, "admin")
			return err
		}, leaving(o.log(a, orgs.ActionRoleChanged, h.target(), changed("role", "viewer", "admin")))
	}},
	{method: inOrgs + "Remove", when: "of somebody else", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Viewer)
		a := o.owner.actor()
		return func() error { return w.app.Orgs.Remove(w.t.Context(), a, o.Slug, h.id) },
			leaving(o.log(a, orgs.ActionMemberRemoved, h.target()))
	}},
	{method: inOrgs + "Remove", when: "of oneself", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Viewer)
		a := h.actor()
		return func() error { return w.app.Orgs.Remove(w.t.Context(), a, o.Slug, h.id) },
			leaving(o.log(a, orgs.ActionMemberLeft, h.target()))
	}},
	{method: inOrgs + "TransferOwnership", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Viewer)
		a := o.owner.actor()
		return func() error { return w.app.Orgs.TransferOwnership(w.t.Context(), a, o.Slug, h.id, o.Slug) },
			leaving(o.log(a, orgs.ActionOwnershipMoved, h.target(), changed("owner", o.owner.id.String(), h.id.String())))
	}},
	{method: inOrgs + "SuspendMember", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Member)
		a := audit.Actor{Kind: audit.KindSupport, Name: "Support", RequestID: "ticket-7"}
		return func() error { return w.app.Orgs.SuspendMember(w.t.Context(), a, o.ID, h.id) },
			leaving(o.log(a, orgs.ActionMemberSuspended, h.target()))
	}},
	{method: inOrgs + "ReinstateMember", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		o.with(h, orgs.Member)
		a := audit.System("retention")
		require.NoError(w.t, w.app.Orgs.SuspendMember(w.t.Context(), a, o.ID, h.id))
		return func() error { return w.app.Orgs.ReinstateMember(w.t.Context(), a, o.ID, h.id) },
			leaving(o.log(a, orgs.ActionMemberReinstated, h.target()))
	}},
	{method: inOrgs + "SecondFactorChanged", prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		o, gone := w.firm().with(h, orgs.Member), w.firm().with(h, orgs.Member)
		suspended := w.firm().with(h, orgs.Member)
		require.NoError(w.t, w.app.Orgs.SuspendMember(w.t.Context(), audit.System("test"), suspended.ID, h.id))
		_, err := w.app.Orgs.Delete(w.t.Context(), gone.owner.actor(), gone.Slug, gone.Slug)
		require.NoError(w.t, err)
		a := h.actor()
		return func() error { return w.app.Orgs.SecondFactorChanged(w.t.Context(), a, h.id, false, w.now()) },
			leaving(o.log(a, orgs.ActionSecondFactorOff, h.target()))
	}},
	{method: inOrgs + "Invite", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, one, two := w.firm(), w.address(), w.address()
		a := o.owner.actor()
		return func() error {
				_, err := w.app.Orgs.Invite(w.t.Context(), a, o.Slug, orgs.Invite{Emails: []string{one, "nonsense", two}, Role: "viewer"})
				return err
			}, leaving(
				o.log(a, orgs.ActionInvited, invitationTarget("*", one), changed("role", "", "viewer")),
				o.log(a, orgs.ActionInvited, invitationTarget("*", two), changed("role", "", "viewer")))
	}},
	{method: inOrgs + "Resend", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, email := w.firm(), w.address()
		i := o.invited(email)
		a := o.owner.actor()
		return func() error { return w.app.Orgs.Resend(w.t.Context(), a, o.Slug, i) },
			leaving(o.log(a, orgs.ActionInvitationResent, invitationTarget(i.String(), email), changed("role", "", "member")))
	}},
	{method: inOrgs + "Revoke", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, email := w.firm(), w.address()
		i := o.invited(email)
		a := o.owner.actor()
		return func() error { return w.app.Orgs.Revoke(w.t.Context(), a, o.Slug, i) },
			leaving(o.log(a, orgs.ActionInvitationRevoked, invitationTarget(i.String(), email)))
	}},
	{method: inOrgs + "Accept", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		link := o.invite(h.email)
		return o.joining(h, func(a audit.Actor) error {
			_, err := w.app.Orgs.Accept(w.t.Context(), a, link)
			return err
		})
	}},
	{method: inOrgs + "AcceptInspected", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		link := o.invite(h.email)
		return o.joining(h, func(a audit.Actor) error {
			_, err := w.app.Orgs.AcceptInspected(w.t.Context(), a, link)
			return err
		})
	}},
	{method: inOrgs + "AnswerMine", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		i := o.invited(h.email)
		return o.joining(h, func(a audit.Actor) error {
			_, err := w.app.Orgs.AnswerMine(w.t.Context(), a, i, orgs.Accepted)
			return err
		})
	}},
	{method: inOrgs + "Decline", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, h := w.firm(), w.human()
		link := o.invite(h.email)
		a := h.actor()
		return func() error { return w.app.Orgs.Decline(w.t.Context(), a, link) },
			leaving(o.log(a, orgs.ActionInvitationDeclined, invitationTarget("*", h.email)))
	}},
}

// importDeeds: first what the job does, while no other file waits for it.
var importDeeds = []deed{
	{method: inOrgs + "WorkImports", beside: []string{"settings_imports"}, prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, email := w.firm(), w.address()
		a := o.owner.actor()
		_, err := w.app.Orgs.StartImport(w.t.Context(), a, o.Slug, fileOf(email))
		require.NoError(w.t, err)
		return func() error { return w.app.Orgs.WorkImports(w.t.Context()) },
			leaving(o.log(a, orgs.ActionInvited, invitationTarget("*", email), changed("role", "", "member")))
	}},
	{method: inOrgs + "StartImport", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o, one, two := w.firm(), w.address(), w.address()
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Orgs.StartImport(w.t.Context(), a, o.Slug, fileOf(one, two))
			return err
		}, leaving(o.log(a, orgs.ActionImportStarted, audit.Target{Kind: "import", ID: "*"}, changed("rows", "", "2")))
	}},
}

func fileOf(emails ...string) orgs.NewImport {
	return orgs.NewImport{File: strings.NewReader("email\n" + strings.Join(emails, "\n") + "\n")}
}

const erasing = "takes the name of somebody who is gone out of the log: an entry would bring it back"

var logDeeds = []deed{
	{method: inAudit + "Export", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a, from, to := o.owner.actor(), w.now().Add(-time.Hour), w.now().Add(time.Hour)
		f := audit.Filter{Actor: o.owner.id.String(), Actions: []audit.Action{"orgs.*"}, Target: o.ID.String(), From: from, To: to}
		return func() error {
				_, err := w.app.Audit.Export(w.t.Context(), a, o.Slug, f, audit.CSV, id.Entry{})
				return err
			}, leaving(o.log(a, audit.ActionExported, o.target(), changed("format", "", "csv"), changed("actor", "", f.Actor),
				changed("action", "", "orgs.*"), changed("target", "", f.Target),
				changed("from", "", from.Format(time.RFC3339)), changed("to", "", to.Format(time.RFC3339))))
	}},
	{method: inAudit + "Seal", silent: "a job: seals what others have left", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Audit.Seal(w.t.Context()) }, silence
	}},
	{method: inAudit + "Checkpoints", silent: "it reads, after what others have left was sealed", prepare: func(w *world) (func() error, func() []audit.Entry) {
		o := w.firm()
		a := o.owner.actor()
		return func() error {
			_, err := w.app.Audit.Checkpoints(w.t.Context(), a, o.Slug, 0, 10)
			return err
		}, silence
	}},
	{method: inAudit + "Prune", silent: "a job: removes what is too old", prepare: func(w *world) (func() error, func() []audit.Entry) {
		return func() error { return w.app.Audit.Prune(w.t.Context()) }, silence
	}},
	{method: inAudit + "ErasePerson", silent: erasing, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		return func() error { return w.app.Audit.ErasePerson(w.t.Context(), audit.Person{ID: h.id}) }, silence
	}},
	{method: inFlows + "ErasePerson", silent: erasing, prepare: func(w *world) (func() error, func() []audit.Entry) {
		h := w.human()
		services := flows.Services{Accounts: w.app.Accounts, Audit: w.app.Audit}
		return func() error { return services.ErasePerson(w.t.Context(), h.id, h.email) }, silence
	}},
}

func domainTarget(d orgs.Domain) audit.Target {
	return audit.Target{Kind: "domain", ID: d.ID.String(), Name: d.Name}
}

func invitationTarget(i, email string) audit.Target {
	return audit.Target{Kind: "invitation", ID: i, Name: email}
}

// domain is nobody's.
func (w *world) domain() string {
	_, local, _ := strings.Cut(w.address(), "-")
	return "d" + strings.Replace(local, "@", ".", 1)
}

// domain lists a domain.
func (o *firm) domain(name string) orgs.Domain {
	w := o.owner.w
	w.t.Helper()
	d, err := w.app.Orgs.AddDomain(w.t.Context(), o.owner.actor(), o.Slug, name)
	require.NoError(w.t, err)
	return d
}

// proven lists a domain and proves it.
func (o *firm) proven(name string, join bool) orgs.Domain {
	w := o.owner.w
	w.t.Helper()
	d := o.domain(name)
	w.dns.publish(object{"name": d.Record().Host, "value": d.Record().Value})
	_, err := w.app.Orgs.VerifyDomain(w.t.Context(), o.owner.actor(), o.Slug, d.ID)
	require.NoError(w.t, err)
	if join {
		_, err := w.app.Orgs.UpdateDomain(w.t.Context(), o.owner.actor(), o.Slug, d.ID, orgs.DomainPatch{AutoJoin: &join})
		require.NoError(w.t, err)
	}
	return d
}

// invited invites an address.
func (o *firm) invited(email string) id.Invitation {
	w := o.owner.w
	w.t.Helper()
	out, err := w.app.Orgs.Invite(w.t.Context(), o.owner.actor(), o.Slug, orgs.Invite{Emails: []string{email}})
	require.NoError(w.t, err)
	require.Empty(w.t, out[0].Code)
	return out[0].Invitation
}

// invite invites an address, and returns the link.
func (o *firm) invite(email string) string {
	o.invited(email)
	return o.owner.w.link(email, "orgs.invitation")
}

// joining is the deed of accepting an invitation.
func (o *firm) joining(h *human, accept func(audit.Actor) error) (func() error, func() []audit.Entry) {
	a := h.actor()
	return func() error { return accept(a) }, leaving(
		o.log(a, orgs.ActionMemberJoined, h.target(), changed("role", "", "member"), changed("by", "", "invitation")))
}
