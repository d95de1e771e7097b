package flows

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

type profileDocument struct {
	ID           id.User    `json:"id"`
	ExternalID   string     `json:"external_id,omitempty"`
	Name         string     `json:"name"`
	Email        string     `json:"email"`
	PendingEmail string     `json:"pending_email,omitempty"`
	Timezone     string     `json:"timezone"`
	Locale       string     `json:"locale"`
	Picture      string     `json:"picture,omitempty"`
	CreatedAt    time.Time  `json:"created_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	PasswordSet  *time.Time `json:"password_changed_at"`
}

// pictureNames are the files of pictures by their media type.
var pictureNames = map[string]string{"image/png": "picture.png", "image/jpeg": "picture.jpg", "image/webp": "picture.webp", "image/gif": "picture.gif"}

func (f *Services) exportProfile(blobs accounts.BlobStore) func(context.Context, id.User, accounts.ExportWriter) error {
	return func(ctx context.Context, user id.User, w accounts.ExportWriter) error {
		u, err := f.Store.Accounts().UserByID(ctx, user)
		if err != nil {
			return err
		}
		p, err := f.Store.Security().PersonByID(ctx, user)
		if err != nil {
			return err
		}
		d := profileDocument{
			ID: u.ID, ExternalID: u.ExternalID, Name: u.Name, Email: u.Email, Timezone: u.Timezone, Locale: u.Locale,
			CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, PasswordSet: moment(p.PasswordChangedAt),
		}
		switch c, err := f.Store.Accounts().PendingEmailChange(ctx, user, w.At()); {
		case err == nil:
			d.PendingEmail = c.NewEmail
		case !errors.Is(err, accounts.ErrNoEmailChange):
			return err
		}
		picture, err := uploaded(ctx, blobs, u)
		if err != nil {
			return err
		}
		d.Picture = picture.name
		if err := w.JSON("profile.json", d); err != nil || picture.name == "" {
			return err
		}
		out, err := w.Create(picture.name)
		if err != nil {
			return err
		}
		_, err = out.Write(picture.data)
		return err
	}
}

type pictureFile struct {
	name string
	data []byte
}

// uploaded returns the picture that a person has uploaded at its largest, if any;
// one that is drawn from initials is not kept.
func uploaded(ctx context.Context, blobs accounts.BlobStore, u accounts.User) (pictureFile, error) {
	if !u.AvatarUploaded {
		return pictureFile{}, nil
	}
	media, data, err := blobs.Blob(ctx, "avatars/"+u.AvatarKey+"/512")
	if errors.Is(err, accounts.ErrNoBlob) {
		return pictureFile{}, nil // replaced this moment
	}
	if err != nil {
		return pictureFile{}, err
	}
	name := pictureNames[media]
	if name == "" {
		name = "picture"
	}
	return pictureFile{name, data}, nil
}

type factorsDocument struct {
	HasPassword  bool              `json:"has_password"`
	TwoFactor    bool              `json:"two_factor"`
	App          *appDocument      `json:"authenticator_app"`
	BackupCodes  int               `json:"backup_codes_remaining"`
	Passkeys     []passkeyDocument `json:"passkeys"`
	PasswordSet  *time.Time        `json:"password_changed_at"`
	Explanations string            `json:"note"`
}

type appDocument struct {
	CreatedAt   time.Time  `json:"created_at"`
	ConfirmedAt *time.Time `json:"confirmed_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
}

type passkeyDocument struct {
	ID         id.Factor  `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	BackedUp   bool       `json:"backed_up"`
}

func (f *Services) exportSecurity(ctx context.Context, user id.User, w accounts.ExportWriter) error {
	store := f.Store.Security()
	p, err := store.PersonByID(ctx, user)
	if err != nil {
		return err
	}
	d := factorsDocument{
		HasPassword: p.PasswordHash != "", TwoFactor: p.TwoFactor, PasswordSet: moment(p.PasswordChangedAt), Passkeys: []passkeyDocument{},
		Explanations: "Passwords, keys and codes are left out: whoever held this file could sign in with them.",
	}
	switch app, err := store.TOTP(ctx, user); {
	case err == nil:
		d.App = &appDocument{app.CreatedAt, moment(app.ConfirmedAt), moment(app.LastUsedAt)}
	case !errors.Is(err, security.ErrFactorNotFound):
		return err
	}
	if d.BackupCodes, err = store.BackupCodes(ctx, user); err != nil {
		return err
	}
	passkeys, err := store.Passkeys(ctx, user)
	if err != nil {
		return err
	}
	for _, k := range passkeys {
		d.Passkeys = append(d.Passkeys, passkeyDocument{k.ID, k.Name, k.CreatedAt, moment(k.LastUsedAt), k.BackedUp})
	}
	if err := w.JSON("second-factor.json", d); err != nil {
		return err
	}
	return both(w, "sessions", sessionColumns, f.sessionsOf(ctx, user, w.At()), sessionDocument.row)
}

type sessionDocument struct {
	ID         id.Session `json:"id"`
	Method     string     `json:"method"`
	IP         string     `json:"ip,omitempty"`
	Place      string     `json:"place,omitempty"`
	UserAgent  string     `json:"user_agent"`
	SignedInAt time.Time  `json:"signed_in_at"`
	LastUsedAt time.Time  `json:"last_used_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
}

var sessionColumns = []string{"id", "method", "ip", "place", "user_agent", "signed_in_at", "last_used_at", "expires_at"}

func (d sessionDocument) row() []string {
	return []string{d.ID.String(), d.Method, d.IP, d.Place, d.UserAgent, instant(d.SignedInAt), instant(d.LastUsedAt), instant(d.ExpiresAt)}
}

// sessionsOf returns what is stored of where a person is signed in, newest first.
func (f *Services) sessionsOf(ctx context.Context, user id.User, now time.Time) iter.Seq2[sessionDocument, error] {
	everUsed := time.Unix(0, 0).UTC() // what has been idle for long is stored as well
	return paged(func(after id.Session) ([]security.Session, error) {
		return f.Store.Security().Sessions(ctx, user, now, everUsed, after, exportedAtOnce)
	}, func(s security.Session) id.Session { return s.ID }, func(s security.Session) sessionDocument {
		d := sessionDocument{
			ID: s.ID, Method: string(s.Method), UserAgent: s.UserAgent, SignedInAt: s.SignedInAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt,
			Place: f.Security.Place(ctx, s.IP).String(),
		}
		if s.IP.IsValid() {
			d.IP = s.IP.String()
		}
		return d
	})
}

type membershipDocument struct {
	ID       id.Org     `json:"organization_id"`
	Slug     string     `json:"slug"`
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	JoinedAt time.Time  `json:"joined_at"`
	Deleted  *time.Time `json:"deleted_at"`
}

var membershipColumns = []string{"organization_id", "slug", "name", "role", "joined_at", "deleted_at"}

func (d membershipDocument) row() []string {
	deleted := ""
	if d.Deleted != nil {
		deleted = instant(*d.Deleted)
	}
	return []string{d.ID.String(), d.Slug, d.Name, d.Role, instant(d.JoinedAt), deleted}
}

type invitationDocument struct {
	ID        id.Invitation `json:"id"`
	Org       string        `json:"organization"`
	Role      string        `json:"role"`
	CreatedAt time.Time     `json:"created_at"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// exportOrgs writes what a person is a member of, and what they are invited to. Who
// else is there, and who invited, is of others.
func (f *Services) exportOrgs(ctx context.Context, user id.User, w accounts.ExportWriter) error {
	views, err := f.Store.Orgs().OrgsOf(ctx, user)
	if err != nil {
		return err
	}
	memberships := func(yield func(membershipDocument, error) bool) {
		for _, v := range views {
			d := membershipDocument{v.ID, v.Slug, v.Name, string(v.Membership.Role), v.Membership.JoinedAt, moment(v.DeletedAt)}
			if !yield(d, nil) {
				return
			}
		}
	}
	if err := both(w, "memberships", membershipColumns, memberships, membershipDocument.row); err != nil {
		return err
	}
	p, err := f.Store.Orgs().Person(ctx, user)
	if err != nil {
		return err
	}
	invitations, err := f.Store.Orgs().InvitationsFor(ctx, p.EmailKey, w.At())
	if err != nil {
		return err
	}
	list := make([]invitationDocument, 0, len(invitations))
	for _, i := range invitations {
		o, err := f.Store.Orgs().Org(ctx, i.Org)
		if errors.Is(err, orgs.ErrOrgNotFound) {
			continue // deleted this moment
		}
		if err != nil {
			return err
		}
		list = append(list, invitationDocument{i.ID, o.Name, string(i.Role), i.CreatedAt, i.ExpiresAt})
	}
	return w.JSON("invitations.json", list)
}

// exportMails writes what a person has chosen; what is missing was never chosen.
func (f *Services) exportMails(ctx context.Context, user id.User, w accounts.ExportWriter) error {
	choices, err := f.Store.Notify().Choices(ctx, user)
	if err != nil {
		return err
	}
	if choices == nil {
		choices = map[notify.Category]bool{}
	}
	return w.JSON("choices.json", choices)
}

type entryDocument struct {
	ID        id.Entry       `json:"id"`
	At        time.Time      `json:"at"`
	Action    string         `json:"action"`
	Outcome   string         `json:"outcome"`
	Reason    string         `json:"reason,omitempty"`
	Actor     string         `json:"actor"` // what kind
	ActorName string         `json:"actor_name,omitempty"`
	Target    audit.Target   `json:"target"`
	Changes   []audit.Change `json:"changes"`
	IP        string         `json:"ip,omitempty"`
	UserAgent string         `json:"user_agent,omitempty"`
	Session   string         `json:"session_id,omitempty"`
	RequestID string         `json:"request_id,omitempty"`
}

var entryColumns = []string{
	"id", "at", "action", "outcome", "reason", "actor", "actor_name", "target_kind", "target_id", "target_name", "changes",
	"ip", "user_agent", "session_id", "request_id",
}

func (d entryDocument) row() []string {
	changes := make([]string, len(d.Changes))
	for i, c := range d.Changes {
		changes[i] = c.Field + ": " + strconv.Quote(c.Before) + " > " + strconv.Quote(c.After)
	}
	return []string{
		d.ID.String(), instant(d.At), d.Action, d.Outcome, d.Reason, d.Actor, d.ActorName, d.Target.Kind, d.Target.ID, d.Target.Name,
		strings.Join(changes, "; "), d.IP, d.UserAgent, d.Session, d.RequestID,
	}
}

// exportHistory writes the person's own history, as the Security page shows it.
func (f *Services) exportHistory(ctx context.Context, user id.User, w accounts.ExportWriter) error {
	entries := paged(func(before id.Entry) ([]audit.Entry, error) {
		return f.Store.Audit().Entries(ctx, user, before, exportedAtOnce)
	}, func(e audit.Entry) id.Entry { return e.ID }, func(e audit.Entry) entryDocument {
		d := entryDocument{
			ID: e.ID, At: e.At, Action: string(e.Action), Outcome: string(e.Outcome), Reason: e.Reason, Actor: string(e.ActorKind),
			ActorName: e.ActorName, Target: e.Target, Changes: append([]audit.Change{}, e.Changes...), UserAgent: e.UserAgent, RequestID: e.RequestID,
		}
		if e.IP.IsValid() {
			d.IP = e.IP.String()
		}
		if !e.Session.IsZero() {
			d.Session = e.Session.String()
		}
		return d
	})
	return both(w, "history", entryColumns, entries, entryDocument.row)
}
