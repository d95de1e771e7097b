package orgs

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// LeavingReader is what can be read of organizations and memberships whatever has
// become of them.
type LeavingReader interface {
	// MembershipsOf returns all memberships of a person by the ID of the
	// organization: suspended ones, those of a deleted organization and those of a
	// deleted person too.
	MembershipsOf(ctx context.Context, user id.User) ([]Membership, error)

	// OrgsOwnedBy returns all organizations that a person owns, by ID, and those
	// that are deleted and were owned last.
	OrgsOwnedBy(ctx context.Context, user id.User) ([]Org, error)

	// InvitationsOf returns the IDs of all invitations, in any state, that went to
	// these addresses, without regard to case, or were accepted by user.
	InvitationsOf(ctx context.Context, user id.User, addresses []string) ([]id.Invitation, error)

	// DueOrgs returns up to limit organizations, in the order of their ID, behind
	// after (zero: from the start), that are deleted, have a PurgeAt of now or
	// earlier, and whose removal has not begun or is claimed by nobody at now.
	DueOrgs(ctx context.Context, now time.Time, after id.Org, limit int) ([]id.Org, error)
}

// LeavingTx is where people and organizations go.
type LeavingTx interface {
	// SuspendMemberships suspends each active membership of a person, with
	// AccountDeleted. ErrOwnerRequired if they own a living organization.
	SuspendMemberships(ctx context.Context, user id.User) error

	// ReinstateMembership undoes that for one organization, else ErrNotMember: no
	// member, or suspended by somebody.
	ReinstateMembership(ctx context.Context, org id.Org, user id.User) error

	// ForgetPerson removes the memberships of a person, the invitations that went to
	// these addresses, without regard to case, or were accepted by them, files of
	// addresses that they handed in and rows of others' files with their address; of
	// what they did for others, such as inviting them, it removes that it was they.
	// Returns how much of what kind went.
	ForgetPerson(ctx context.Context, user id.User, addresses []string) (map[string]int, error)

	// RemoveOrg removes an organization that is deleted with all that is kept of it,
	// else ErrOrgNotFound. Nobody can take its present slug until reserve, nor a former
	// one as long as that was reserved. Returns how much of what kind went.
	RemoveOrg(ctx context.Context, org id.Org, reserve time.Time) (map[string]int, error)
}
