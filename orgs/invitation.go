package orgs

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/internal/cursor"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/mail"
)

// MaxInvited is how many addresses one request may name.
const MaxInvited = 50

// Invite is what inviting needs.
type Invite struct {
	Emails   []string // 1 to 50, on every plan; a file is [Service.StartImport]
	Role     string   // "": member
	Projects []string // of the host's directory
}

// Invited is what came of one address.
type Invited struct {
	Email      string // as typed
	Invitation id.Invitation
	Code       string // why not; "": invited
}

// What can stand in the way of one address, beside the codes of errors. The last
// four are of imports alone.
const (
	CodeInvalidAddress = "invalid_email"
	CodeTwice          = "duplicate"
	CodeInvalidRow     = "invalid_row"     // cannot be read, or has a cell too many
	CodeInvalidRole    = "invalid_role"    // owner included
	CodeUnknownProject = "unknown_project" // not in the host's directory
	CodeDailyLimit     = "daily_limit"     // past the plan's links in 24 hours
)

// Invite mails links to join. Each address gets an answer of its own: one that
// cannot be invited keeps no other from it. An address that has an invitation
// already gets a new link, and the former one is void. ErrSeatLimit if no seat is
// left for any of them; ErrRateLimited past the plan's links in 24 hours.
func (s *Service) Invite(ctx context.Context, actor audit.Actor, ref string, in Invite) ([]Invited, error) {
	now := s.now()
	what := attempt{perm: PermInvite, action: ActionInvited}
	v, err := s.enter(ctx, actor, ref, what, now)
	if err != nil {
		return nil, err
	}
	role, err := s.checkInvite(ctx, v, &in)
	if err != nil {
		return nil, err
	}
	asked, err := s.addressees(ctx, in.Emails)
	if err != nil {
		return nil, err
	}
	var out []Invited
	err = s.change(ctx, actor, v.ID.String(), what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		if !v.Membership.Role.AtLeast(role) {
			return ErrForbidden
		}
		out, err = s.inviteAll(ctx, tx, actor, v, asked, in.Projects, role, now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (s *Service) checkInvite(ctx context.Context, v OrgView, in *Invite) (Role, error) {
	var f fault.Fields
	if in.Role == "" {
		in.Role = string(Member)
	}
	role, err := assignable("role", in.Role)
	f.AddFields(err)
	switch n := len(in.Emails); {
	case n == 0:
		f.Add("emails", "required", "is required")
	case n > MaxInvited:
		f = append(f, fault.Field{Name: "emails", Code: "too_many", Message: "are too many", Params: map[string]any{"max": MaxInvited}})
	}
	if len(in.Projects) > 0 {
		known, err := s.c.Projects.Projects(ctx, v.ID)
		if err != nil {
			return "", err
		}
		for _, p := range in.Projects {
			if !slices.ContainsFunc(known, func(k Project) bool { return k.ID == p }) {
				f.Add("project_ids", "invalid", "names what is not a project of this organization")
				break
			}
		}
	}
	return role, f.Err()
}

// addressee is an address as it was typed, and what stands in its way already.
type addressee struct {
	typed string
	addr  address.Address
	code  string
}

// addressees reads addresses, and asks for each whether it may be written to: the
// limiter is not asked while the organization is locked.
func (s *Service) addressees(ctx context.Context, emails []string) ([]addressee, error) {
	out := make([]addressee, 0, len(emails))
	seen := map[string]bool{}
	for _, typed := range emails {
		a := addressee{typed: strings.TrimSpace(typed)}
		var err error
		a.addr, err = address.Parse(typed)
		switch {
		case err != nil:
			a.code = CodeInvalidAddress
		case seen[a.addr.Key]:
			a.code = CodeTwice
		default:
			seen[a.addr.Key] = true
			if a.code, err = s.mailableCode(ctx, a.addr.Key); err != nil {
				return nil, err
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// inviting is what addresses that are invited together have in common. The
// organization is locked.
type inviting struct {
	actor   audit.Actor
	v       OrgView
	seats   int // of the plan; negative: any number
	urgency mail.Urgency
	now     time.Time
}

// startInviting reads what the plan has to say.
func (s *Service) startInviting(ctx context.Context, actor audit.Actor, v OrgView, u mail.Urgency, now time.Time) (inviting, error) {
	seats, err := s.c.Entitlements.Seats(ctx, v.ID)
	return inviting{actor: actor, v: v, seats: seats, urgency: u, now: now}, err
}

func (s *Service) inviteAll(ctx context.Context, tx Tx, actor audit.Actor, v OrgView, asked []addressee, projects []string, role Role, now time.Time) ([]Invited, error) {
	if err := s.mayInvite(ctx, tx, v, len(asked), now); err != nil {
		return nil, err
	}
	in, err := s.startInviting(ctx, actor, v, mail.Normal, now)
	if err != nil {
		return nil, err
	}
	out := make([]Invited, 0, len(asked))
	tried, full := 0, 0
	for _, a := range asked {
		one := Invited{Email: a.typed, Code: a.code}
		if a.code == "" {
			tried++
			if one.Invitation, one.Code, err = s.inviteOne(ctx, tx, in, a.addr, role, projects); err != nil {
				return nil, err
			}
			if one.Code == ErrSeatLimit.Code() {
				full++
			}
		}
		out = append(out, one)
	}
	if full > 0 && full == tried {
		return nil, ErrSeatLimit
	}
	return out, nil
}

// mayInvite bounds the links of an organization in 24 hours.
func (s *Service) mayInvite(ctx context.Context, tx Tx, v OrgView, n int, now time.Time) error {
	daily, err := s.c.Entitlements.DailyInvitations(ctx, v.ID)
	if err != nil {
		return err
	}
	made, err := tx.InvitationsSince(ctx, v.ID, now.Add(-day))
	if err != nil {
		return err
	}
	if made+n > daily {
		return &fault.Retry{Reason: ErrRateLimited, After: time.Hour}
	}
	return nil
}

// inviteOne invites one address, or says by a code why not. The error is an
// outage.
func (s *Service) inviteOne(ctx context.Context, tx Tx, in inviting, addr address.Address, role Role, projects []string) (id.Invitation, string, error) {
	i, err := s.putInvitation(ctx, tx, in, addr, role, projects)
	if code := fault.Code(err); code != "" {
		return id.Invitation{}, code, nil
	}
	return i, "", err
}

func (s *Service) putInvitation(ctx context.Context, tx Tx, in inviting, addr address.Address, role Role, projects []string) (id.Invitation, error) {
	if err := outside(ctx, tx, in.v.ID, addr.Key); err != nil {
		return id.Invitation{}, err
	}
	secret := token.New()
	i := Invitation{
		ID: id.NewInvitation(), Org: in.v.ID, Email: addr.Email, EmailKey: addr.Key, Role: role, Projects: projects,
		Hash: secret.Hash(), State: Pending, InvitedBy: in.actor.User, CreatedAt: in.now, ExpiresAt: in.now.Add(s.c.InvitationLifetime),
	}
	if err := s.seatFor(ctx, tx, in.v.ID, addr.Key, in.seats, in.now); err != nil {
		return id.Invitation{}, err
	}
	var err error
	if i.ID, err = tx.PutInvitation(ctx, i); err != nil {
		return id.Invitation{}, err
	}
	return i.ID, s.sendInvitation(ctx, tx, in, i, secret, ActionInvited)
}

// outside returns ErrAlreadyMember if an address is that of a member, also of one
// who is suspended.
func outside(ctx context.Context, tx Tx, org id.Org, key string) error {
	p, err := tx.PersonByEmail(ctx, key)
	if err == nil {
		_, err = tx.Member(ctx, org, p.ID)
	}
	switch {
	case err == nil:
		return ErrAlreadyMember
	case errors.Is(err, ErrNotMember), errors.Is(err, ErrPersonNotFound):
		return nil
	}
	return err
}

// seatFor returns ErrSeatLimit if the plan has no seat for one more address. One
// that is invited already has its seat.
func (s *Service) seatFor(ctx context.Context, tx Tx, org id.Org, key string, limit int, now time.Time) error {
	if limit < 0 {
		return nil
	}
	has, err := tx.InvitationsFor(ctx, key, now)
	if err != nil || slices.ContainsFunc(has, func(i Invitation) bool { return i.Org == org }) {
		return err
	}
	taken, err := tx.Seats(ctx, org, now)
	if err == nil && taken >= limit {
		err = ErrSeatLimit
	}
	return err
}

// mailable bounds how often one address is written to, over all organizations.
func (s *Service) mailable(ctx context.Context, key string) error {
	sum := s.c.MAC("orgs.invited", []byte(key))
	return s.take(ctx, "invited:"+hex.EncodeToString(sum[:16]), 10, 2*time.Hour)
}

// mailableCode is mailable as a code. The error is an outage.
func (s *Service) mailableCode(ctx context.Context, key string) (string, error) {
	err := s.mailable(ctx, key)
	if err != nil && !errors.Is(err, fault.Throttled) {
		return "", err
	}
	return fault.Code(err), nil
}

func (s *Service) sendInvitation(ctx context.Context, tx Tx, in inviting, i Invitation, secret token.Secret, action audit.Action) error {
	to, err := tx.PersonByEmail(ctx, i.EmailKey)
	if errors.Is(err, ErrPersonNotFound) {
		to, err = Person{Email: i.Email}, nil
		if me, err := tx.Person(ctx, in.actor.User); err == nil {
			to.Locale, to.Timezone = me.Locale, me.Timezone // as whom they work with
		}
	}
	if err != nil {
		return err
	}
	letter := InvitationLetter{Token: secret.Reveal(), Org: in.v.Name, Inviter: in.actor.Name, Role: i.Role, ExpiresAt: i.ExpiresAt}
	if in.v.LogoUploaded {
		letter.LogoKey = in.v.LogoKey
	}
	if err := s.postWith(ctx, tx, in.urgency, to.Recipient(), letter, in.now); err != nil {
		return err
	}
	return tx.AppendAudit(ctx, did(in.actor, action, i.target(), in.v.Org, in.now, audit.Change{Field: "role", After: string(i.Role)}))
}

func (i Invitation) target() audit.Target {
	return audit.Target{Kind: audit.TargetInvitation, ID: i.ID.String(), Name: i.Email}
}

// Invitations returns the invitations of an organization that were not accepted,
// the newest first. limit is 1–200.
func (s *Service) Invitations(ctx context.Context, actor audit.Actor, ref, after string, limit int) (items []Invitation, next string, err error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermInvite, s.now())
	if err != nil {
		return nil, "", err
	}
	if limit < 1 || limit > 200 {
		return nil, "", fault.Fields{{Name: "limit", Code: "invalid", Message: "must be 1 to 200"}}
	}
	var from id.Invitation
	if after != "" {
		parts, ok := cursor.Decode(after, 1)
		if ok {
			from, err = id.ParseInvitation(parts[0])
		}
		if !ok || err != nil {
			return nil, "", errCursor
		}
	}
	items, err = s.c.Store.Invitations(ctx, v.ID, from, limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(items) > limit {
		items = items[:limit]
		next = cursor.Encode(items[limit-1].ID.String())
	}
	return items, next, nil
}

// Resend mails a new link for an invitation that is pending or expired; the
// former one is void, and the seven days begin anew. ErrAlreadyMember if the person
// has come by another way; ErrSeatLimit; ErrRateLimited.
func (s *Service) Resend(ctx context.Context, actor audit.Actor, ref string, invitation id.Invitation) error {
	now := s.now()
	what := attempt{PermInvite, ActionInvitationResent, Invitation{ID: invitation}.target()}
	v, err := s.enter(ctx, actor, ref, what, now)
	if err != nil {
		return err
	}
	i, err := s.c.Store.Invitation(ctx, v.ID, invitation)
	if err != nil {
		return err
	}
	if err := s.mailable(ctx, i.EmailKey); err != nil {
		return err
	}
	return s.change(ctx, actor, v.ID.String(), what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		i, err := tx.Invitation(ctx, v.ID, invitation)
		if err != nil {
			return err
		}
		if state := i.At(now); state != Pending && state != Expired {
			return ErrInvitationNotFound
		}
		if !v.Membership.Role.AtLeast(i.Role) {
			return ErrForbidden
		}
		if err := outside(ctx, tx, v.ID, i.EmailKey); err != nil { // joined by domain, once it had expired
			return err
		}
		if err := s.mayInvite(ctx, tx, v, 1, now); err != nil {
			return err
		}
		secret := token.New()
		i.Hash, i.State, i.InvitedBy = secret.Hash(), Pending, actor.User
		i.CreatedAt, i.ExpiresAt = now, now.Add(s.c.InvitationLifetime)
		if i.ID, err = tx.PutInvitation(ctx, i); err != nil {
			return err
		}
		if err := s.seatFree(ctx, tx, v.ID, now); err != nil { // an expired one had none
			return err
		}
		in := inviting{actor: actor, v: v, urgency: mail.Normal, now: now}
		return s.sendInvitation(ctx, tx, in, i, secret, ActionInvitationResent)
	})
}

// seatFree returns ErrSeatLimit if more seats are taken than the plan has.
func (s *Service) seatFree(ctx context.Context, tx Tx, org id.Org, now time.Time) error {
	limit, err := s.c.Entitlements.Seats(ctx, org)
	if err != nil || limit < 0 {
		return err
	}
	taken, err := tx.Seats(ctx, org, now)
	if err == nil && taken > limit {
		err = ErrSeatLimit
	}
	return err
}

// Revoke ends an invitation; its link is void at once.
func (s *Service) Revoke(ctx context.Context, actor audit.Actor, ref string, invitation id.Invitation) error {
	now := s.now()
	what := attempt{PermInvite, ActionInvitationRevoked, Invitation{ID: invitation}.target()}
	return s.change(ctx, actor, ref, what, now, func(ctx context.Context, tx Tx, v OrgView) error {
		i, err := tx.EndInvitation(ctx, v.ID, invitation, now)
		if err != nil {
			return err
		}
		return tx.AppendAudit(ctx, did(actor, ActionInvitationRevoked, i.target(), v.Org, now))
	})
}
