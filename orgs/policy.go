package orgs

import (
	"errors"
	"fmt"
	"maps"

	"github.com/aegisrunner/account-settings/audit"
)

// What this package can do. Routes name these constants, and the services check
// them.
const (
	PermOrgCreate      audit.Permission = "orgs.create"
	PermOrgList        audit.Permission = "orgs.list"
	PermOrgView        audit.Permission = "orgs.view"
	PermOrgUpdate      audit.Permission = "orgs.update"
	PermOrgDelete      audit.Permission = "orgs.delete"
	PermOrgRestore     audit.Permission = "orgs.restore"
	PermMembersView    audit.Permission = "orgs.members.view"
	PermMemberRole     audit.Permission = "orgs.members.role"
	PermMemberRemove   audit.Permission = "orgs.members.remove"
	PermLeave          audit.Permission = "orgs.leave"
	PermTransfer       audit.Permission = "orgs.ownership.transfer"
	PermInvite         audit.Permission = "orgs.invitations.manage"
	PermImport         audit.Permission = "orgs.invitations.import"
	PermInvitationLook audit.Permission = "orgs.invitations.inspect"
	PermInvitationMine audit.Permission = "orgs.invitations.answer"
	PermDomains        audit.Permission = "orgs.domains.manage"
	PermJoin           audit.Permission = "orgs.join"
	PermPolicyView     audit.Permission = "orgs.security_policy.view"
	PermPolicyChange   audit.Permission = "orgs.security_policy.change"
	PermProjects       audit.Permission = "orgs.projects.view"
	PermAuditView      audit.Permission = "orgs.audit.view"
)

var policy = audit.Policy{
	PermOrgCreate:      {SignedIn: true},
	PermOrgList:        {SignedIn: true, Enrollment: true}, // they may be who asks for it
	PermOrgView:        {SignedIn: true, Role: string(Viewer)},
	PermOrgUpdate:      {SignedIn: true, Role: string(Admin)},
	PermOrgDelete:      {SignedIn: true, Role: string(Owner), StepUp: true},
	PermOrgRestore:     {SignedIn: true, Role: string(Owner), StepUp: true},
	PermMembersView:    {SignedIn: true, Role: string(Viewer)},
	PermMemberRole:     {SignedIn: true, Role: string(Admin)},
	PermMemberRemove:   {SignedIn: true, Role: string(Admin)},
	PermLeave:          {SignedIn: true, Role: string(Viewer)},
	PermTransfer:       {SignedIn: true, Role: string(Owner), StepUp: true},
	PermInvite:         {SignedIn: true, Role: string(Admin)},
	PermImport:         {SignedIn: true, Role: string(Admin)}, // beside PermInvite
	PermInvitationLook: {},                                    // the link is the proof
	PermInvitationMine: {SignedIn: true},
	PermDomains:        {SignedIn: true, Role: string(Admin)},
	PermJoin:           {SignedIn: true},
	PermPolicyView:     {SignedIn: true, Role: string(Admin)},
	PermPolicyChange:   {SignedIn: true, Role: string(Admin), StepUp: true},
	PermProjects:       {SignedIn: true, Role: string(Viewer)},
	PermAuditView:      {SignedIn: true, Role: string(Admin)},
}

// features is what a plan must include, beside the role.
var features = map[audit.Permission]Feature{
	PermImport:       BulkInvitations,
	PermPolicyView:   RequiredSecondFactor,
	PermPolicyChange: RequiredSecondFactor,
	PermAuditView:    AuditLog,
}

// FeatureOf returns what a plan must include for a permission, beside the role; ""
// for nothing.
func FeatureOf(p audit.Permission) Feature { return features[p] }

// DefaultPolicy returns what each permission of this package needs, unless
// Config.Roles says otherwise.
func DefaultPolicy() audit.Policy { return maps.Clone(policy) }

// policyWith returns the table with the roles of a host in place of ours.
func policyWith(roles map[audit.Permission]Role) (audit.Policy, error) {
	p := DefaultPolicy()
	var errs []error
	for perm, role := range roles {
		rule, ok := p[perm]
		switch {
		case !ok || rule.Role == "":
			errs = append(errs, fmt.Errorf("orgs: Config.Roles: no role is asked for %q", perm))
		case ranks[role] == 0:
			errs = append(errs, fmt.Errorf("orgs: Config.Roles: %q is not a role", role))
		}
		rule.Role = string(role)
		p[perm] = rule
	}
	return p, errors.Join(errs...)
}

// The actions of this package, as the audit log names them. Never renamed.
const (
	ActionOrgCreated         audit.Action = "orgs.created"
	ActionOrgUpdated         audit.Action = "orgs.updated"
	ActionLogoChanged        audit.Action = "orgs.logo.changed"
	ActionLogoRemoved        audit.Action = "orgs.logo.removed"
	ActionOrgDeleted         audit.Action = "orgs.deleted"
	ActionOrgRestored        audit.Action = "orgs.restored"
	ActionMemberJoined       audit.Action = "orgs.member.joined"
	ActionMemberLeft         audit.Action = "orgs.member.left"
	ActionMemberRemoved      audit.Action = "orgs.member.removed"
	ActionMemberSuspended    audit.Action = "orgs.member.suspended"
	ActionMemberReinstated   audit.Action = "orgs.member.reinstated"
	ActionRoleChanged        audit.Action = "orgs.member.role_changed"
	ActionSecondFactorOn     audit.Action = "orgs.member.second_factor_on"
	ActionSecondFactorOff    audit.Action = "orgs.member.second_factor_off"
	ActionOwnershipMoved     audit.Action = "orgs.ownership_transferred"
	ActionInvited            audit.Action = "orgs.invitation.created"
	ActionInvitationResent   audit.Action = "orgs.invitation.resent"
	ActionInvitationRevoked  audit.Action = "orgs.invitation.revoked"
	ActionInvitationDeclined audit.Action = "orgs.invitation.declined"
	ActionImportStarted      audit.Action = "orgs.invitation.import_started"
	ActionDomainAdded        audit.Action = "orgs.domain.added"
	ActionDomainVerified     audit.Action = "orgs.domain.verified"
	ActionDomainUpdated      audit.Action = "orgs.domain.updated"
	ActionDomainRemoved      audit.Action = "orgs.domain.removed"
	ActionPolicyChanged      audit.Action = "orgs.security_policy_changed"
)
