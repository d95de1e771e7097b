package orgs

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
)

// Hash is the SHA-256 of a link's token. Tokens themselves are never stored.
type Hash = [32]byte

// Org is an organization. It has exactly one Owner, who is an active member, as
// long as it lives.
type Org struct {
	ID             id.Org
	Slug           string
	Name           string
	Owner          id.User
	LogoKey        string // random; changes whenever the logo does
	LogoUploaded   bool   // false: drawn from the initials
	DefaultProject string // of the host's ProjectDirectory; "": none

	// RequireSecondFactor asks members for two factors, from GraceUntil on.
	RequireSecondFactor bool
	GraceUntil          time.Time

	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time // zero: lives
	PurgeAt   time.Time // set with DeletedAt
}

// Membership is a person in an organization.
type Membership struct {
	Org       id.Org
	User      id.User
	Role      Role    // Owner for the Owner
	Suspended bool    // does not count and has no rights; never the Owner
	InvitedBy id.User // zero: founded it, or joined by domain
	JoinedAt  time.Time

	// AccountDeleted says that the person's account was deleted and nothing else
	// suspended them: restoring it reinstates them.
	AccountDeleted bool
}

// Person is what organizations need to know of somebody.
type Person struct {
	ID        id.User
	Name      string
	Email     string
	EmailKey  string // canonical
	AvatarKey string
	Timezone  string
	Locale    string
	TwoFactor bool // or a passkey
}

// Recipient returns the person as whom a mail goes to.
func (p Person) Recipient() mail.Recipient {
	return mail.Recipient{Address: p.Email, Name: p.Name, Locale: p.Locale, Timezone: p.Timezone}
}

// MemberView is a membership with the person.
type MemberView struct {
	Membership
	Person Person
}

// OrgView is an organization as one of its members sees it.
type OrgView struct {
	Org
	Membership Membership
}

// State is how far an invitation has come.
type State string

// The states. Expired is never stored: a pending invitation is expired from
// ExpiresAt on.
const (
	Pending  State = "pending"
	Accepted State = "accepted"
	Declined State = "declined"
	Expired  State = "expired"
	Revoked  State = "revoked"
)

// Invitation asks one address to become a member.
type Invitation struct {
	ID         id.Invitation
	Org        id.Org
	Email      string
	EmailKey   string // canonical
	Role       Role   // never Owner
	Projects   []string
	Hash       Hash
	State      State
	InvitedBy  id.User
	CreatedAt  time.Time // of the newest link
	ExpiresAt  time.Time
	EndedAt    time.Time // zero: pending
	AcceptedBy id.User
}

// At returns the state at now.
func (i Invitation) At(now time.Time) State {
	if i.State == Pending && !now.Before(i.ExpiresAt) {
		return Expired
	}
	return i.State
}

// Domain is a mail domain that an organization says is its own.
type Domain struct {
	ID         id.Domain
	Org        id.Org
	Name       string    // lower case, ASCII
	Token      string    // to be published in DNS
	VerifiedAt time.Time // zero: not proven
	AutoJoin   bool      // people with a proven address there may join
	Role       Role      // as what; never Owner
	CreatedAt  time.Time
}

// Position is where a list of members goes on: behind that member.
type Position struct {
	Key  string
	User id.User
	// ByEmail says that the list has come to those found by their address alone.
	ByEmail bool
}

// Reader is what can be read outside of a transaction and inside. Deleted people
// are nobody: not found, no members.
type Reader interface {
	ImportReader
	LeavingReader

	// Org returns an organization, also a deleted one, else ErrOrgNotFound.
	Org(ctx context.Context, org id.Org) (Org, error)

	// View finds an organization by its identifier, or a slug that is or was its
	// own and has not gone to another, together with the membership of user.
	// ErrOrgNotFound if there is none, or user is no active member of it. A
	// deleted organization is found for its last Owner alone. This is on the way
	// of every request: one indexed look-up.
	View(ctx context.Context, user id.User, ref string) (OrgView, error)

	// OrgByLogo finds the living organization whose present logo has this key, else
	// ErrOrgNotFound.
	OrgByLogo(ctx context.Context, key string) (Org, error)

	// OrgsOf returns all organizations that a person is an active member of, by
	// name, deleted ones for their last Owner alone.
	OrgsOf(ctx context.Context, user id.User) ([]OrgView, error)

	// Member returns a membership, also a suspended one, else ErrNotMember.
	Member(ctx context.Context, org id.Org, user id.User) (MemberView, error)

	// Members returns up to limit active members, by folded name. With a prefix,
	// which is folded too, it returns those whose name begins with it, and after
	// them, with byEmail, those whose address alone does. after is where to go on
	// (nil: the start); what is returned with the members is where the next page
	// does (nil: there is none).
	Members(ctx context.Context, org id.Org, prefix string, byEmail bool, after *Position, limit int) ([]MemberView, *Position, error)

	// WithoutSecondFactor returns up to limit active members who have neither
	// two-factor nor a passkey, and how many there are.
	WithoutSecondFactor(ctx context.Context, org id.Org, limit int) ([]MemberView, int, error)

	// Seats returns how many seats are taken: active members, and invitations
	// that are pending at now.
	Seats(ctx context.Context, org id.Org, now time.Time) (int, error)

	// Person returns ErrPersonNotFound for nobody and for deleted people.
	Person(ctx context.Context, user id.User) (Person, error)

	// PersonByEmail finds a person by the canonical address key.
	PersonByEmail(ctx context.Context, key string) (Person, error)

	// InvitationByHash returns the invitation that SpendInvitation would accept
	// at now, else ErrLinkGone.
	InvitationByHash(ctx context.Context, hash Hash, now time.Time) (Invitation, error)

	// Invitation returns one of the organization, in any state, else
	// ErrInvitationNotFound.
	Invitation(ctx context.Context, org id.Org, invitation id.Invitation) (Invitation, error)

	// Invitations returns up to limit invitations of an organization that are
	// pending, expired or declined, the newest ID first, so that one whose link was
	// replaced keeps its place; after continues behind that one (zero: from the
	// start).
	Invitations(ctx context.Context, org id.Org, after id.Invitation, limit int) ([]Invitation, error)

	// InvitationsFor returns the invitations of living organizations that are
	// pending at now for an address, the newest first.
	InvitationsFor(ctx context.Context, emailKey string, now time.Time) ([]Invitation, error)

	// InvitationsSince counts the links that were made for an organization at t and
	// later, also those that another has taken the place of since.
	InvitationsSince(ctx context.Context, org id.Org, t time.Time) (int, error)

	// Domains returns the domains of an organization, by name.
	Domains(ctx context.Context, org id.Org) ([]Domain, error)

	// AutoJoin returns the proven domains of this name whose living organization
	// lets people join by it; user is a member of none of them.
	AutoJoin(ctx context.Context, user id.User, domain string) ([]Domain, error)
}

// Store persists organizations. Implementations must pass storetest.Orgs. A
// failure of the database is returned as it is.
type Store interface {
	Reader

	// Update runs fn in one transaction; see accounts.Store.Update, whose rules
	// are the same.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}

// Tx is the only place where organizations are written. Each method that changes
// one is called with the organization locked, except InsertOrg and where it says so.
type Tx interface {
	Reader
	ImportTx
	ReminderTx
	LeavingTx
	audit.Appender
	mail.Outbox

	// AfterCommit runs fn once the outermost transaction has committed; see
	// accounts.Tx.AfterCommit.
	AfterCommit(fn func(ctx context.Context))

	// LockOrg reads an organization, also a deleted one, and keeps everybody else
	// from locking it until the transaction ends. ErrOrgNotFound.
	LockOrg(ctx context.Context, org id.Org) (Org, error)

	// InsertOrg stores an organization with its Owner as the first member, and
	// takes the slug. ErrSlugTaken if it is somebody's, or reserved at CreatedAt;
	// ErrPersonNotFound if there is no such Owner.
	InsertOrg(ctx context.Context, o Org) error

	// UpdateOrg stores everything but slug, Owner and the times of deletion.
	UpdateOrg(ctx context.Context, o Org) error

	// ChangeSlug gives an organization another slug. Until reserve the former one
	// leads to it, and nobody else can take it. A slug that it had before is its
	// own to take again. ErrSlugTaken as in InsertOrg.
	ChangeSlug(ctx context.Context, org id.Org, slug string, now, reserve time.Time) error

	// SetOwner makes another active member the Owner, if from is the Owner still,
	// else ErrStaleOwner; the former Owner goes on as Admin. ErrNotMember if to is
	// no active member; ErrOrgNotFound if the organization is deleted. The schema
	// refuses what these conditions would miss.
	SetOwner(ctx context.Context, org id.Org, from, to id.User, now time.Time) error

	// DeleteOrg marks an organization as deleted, ErrOrgNotFound if it is already;
	// its slug stays taken, and its links are void. Its Owner can leave. RestoreOrg
	// undoes that for the same Owner, if still an active member, else ErrNotMember;
	// ErrNotDeleted; ErrOrgNotFound once its removal has begun.
	DeleteOrg(ctx context.Context, org id.Org, now, purge time.Time) error
	RestoreOrg(ctx context.Context, org id.Org, now time.Time) error

	// InsertMember adds somebody who is no member, else ErrAlreadyMember. Not as
	// Owner. ErrPersonNotFound.
	InsertMember(ctx context.Context, m Membership) error

	// SetRole changes the role of a member who is not the Owner, to one that is not
	// Owner. ErrNotMember; ErrOwnerRequired.
	SetRole(ctx context.Context, org id.Org, user id.User, role Role) error

	// SetSuspended takes a member's rights away without forgetting the role, or
	// gives them back. ErrNotMember; ErrOwnerRequired for the Owner.
	SetSuspended(ctx context.Context, org id.Org, user id.User, suspended bool) error

	// RemoveMember ends a membership. ErrNotMember; ErrOwnerRequired for the Owner.
	RemoveMember(ctx context.Context, org id.Org, user id.User) error

	// PutInvitation stores an invitation. If one is pending or expired for the
	// same address, it takes its place under the former ID, which is returned, and
	// the former link is void.
	PutInvitation(ctx context.Context, i Invitation) (id.Invitation, error)

	// SpendInvitation ends an invitation that is pending at now, as Accepted by
	// user or as Declined. Of concurrent callers, and those of EndInvitation, one
	// succeeds; all others get ErrLinkGone.
	SpendInvitation(ctx context.Context, hash Hash, state State, user id.User, now time.Time) (Invitation, error)

	// EndInvitation revokes an invitation that is pending or expired, else
	// ErrInvitationNotFound.
	EndInvitation(ctx context.Context, org id.Org, invitation id.Invitation, now time.Time) (Invitation, error)

	// InsertDomain stores a domain that is not proven yet. ErrDomainExists if the
	// organization has it.
	InsertDomain(ctx context.Context, d Domain) error

	// VerifyDomain notes that a domain was proven. ErrDomainTaken if it is another
	// organization's proven one; ErrDomainNotFound.
	VerifyDomain(ctx context.Context, org id.Org, domain id.Domain, now time.Time) error

	// UpdateDomain stores AutoJoin and Role. ErrDomainNotFound.
	UpdateDomain(ctx context.Context, d Domain) error

	// DeleteDomain returns what it removed, else ErrDomainNotFound.
	DeleteDomain(ctx context.Context, org id.Org, domain id.Domain) (Domain, error)

	// DiscardLogo lists the blobs under key for removal once due has come; KeepLogo
	// takes key off that list. It is a list of its own, apart from that of people's
	// pictures. See Service.CollectLogos. Neither needs a locked organization.
	DiscardLogo(ctx context.Context, key string, due time.Time) error
	KeepLogo(ctx context.Context, key string) error

	// DueLogos returns up to limit keys that are due for removal.
	DueLogos(ctx context.Context, now time.Time, limit int) ([]string, error)

	// PurgeInvitations removes up to limit invitations that ended, or expired,
	// before t, what InvitationsSince counts of the time before t, and slugs whose
	// reservation ended before now. Returns how many rows went.
	PurgeInvitations(ctx context.Context, t, now time.Time, limit int) (int, error)
}
