package orgs

import "github.com/aegisrunner/account-settings/fault"

// Role is what somebody is in an organization.
type Role string

// The roles, from the one with most rights to the one with fewest. There is one
// Owner; Owner is no role that can be given, only handed over.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
	Viewer Role = "viewer"
)

var ranks = map[Role]int{Viewer: 1, Member: 2, Admin: 3, Owner: 4}

// AtLeast reports whether r has all rights of other. No role has those of one
// that does not exist.
func (r Role) AtLeast(other Role) bool { return ranks[other] > 0 && ranks[r] >= ranks[other] }

// assignable returns the role that text names, for field. Owner is refused: it
// is handed over by [Service.TransferOwnership].
func assignable(field, text string) (Role, error) {
	r := Role(text)
	if r == Admin || r == Member || r == Viewer {
		return r, nil
	}
	if text == "" {
		return "", fault.Fields{{Name: field, Code: "required", Message: "is required"}}
	}
	return "", fault.Fields{{Name: field, Code: "invalid", Message: "must be admin, member or viewer"}}
}

// ProjectRole returns the role that somebody has in a project in effect, for the
// host's own checks: Owner and Admin of the organization are Owner and Admin of
// each of its projects; everybody else is what the host says in explicit, and
// that may be more or less than org. "" in explicit is nothing, and so is the
// answer: such a project is not shown to them.
//
// org is the role of an active member, OrgView.Membership.Role of [Service.Get],
// asked for anew with each request: it may be another by now, or none.
func ProjectRole(org, explicit Role) Role {
	if org.AtLeast(Admin) {
		return org
	}
	return explicit
}
