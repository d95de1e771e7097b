package httpapi

import (
	"net/http"

	"github.com/aegisrunner/account-settings/orgs"
)

// orgTable is the part of the table about organizations.
var orgTable = []route{
	{
		method: http.MethodGet, path: "/account/organizations", permission: orgs.PermOrgList, tag: tagOrgs, status: 200,
		summary: "The person's organizations", handler: gives((*API).myOrgs),
		about: "Deleted ones are listed for their Owner, who can restore them.",
	},
	{
		method: http.MethodGet, path: "/account/joinable-organizations", permission: orgs.PermJoin, tag: tagOrgs, status: 200,
		summary: "Organizations that have proven the domain of the person's address", handler: gives((*API).joinable),
	},
	{
		method: http.MethodGet, path: "/account/invitations", permission: orgs.PermInvitationMine, tag: tagOrgs, status: 200,
		summary: "Invitations that wait for the person's address", handler: gives((*API).myInvitations),
	},
	{
		method: http.MethodPost, path: "/account/invitations/{id}/accept", permission: orgs.PermInvitationMine, action: orgs.ActionMemberJoined, tag: tagOrgs, status: 200,
		summary: "Accept one of them", handler: gives((*API).acceptMine),
		problems: []string{"link_gone", "seat_limit", "already_member"},
	},
	{
		method: http.MethodPost, path: "/account/invitations/{id}/decline", permission: orgs.PermInvitationMine, action: orgs.ActionInvitationDeclined, tag: tagOrgs, status: 204,
		summary: "Decline one of them", handler: gives((*API).declineMine),
		problems: []string{"link_gone"},
	},
	{
		method: http.MethodPost, path: "/invitations/inspect", permission: orgs.PermInvitationLook, tag: tagOrgs, status: 200,
		summary: "What a mailed invitation is about", handler: takes((*API).inspectInvitation),
		problems: []string{"link_gone"},
		about:    "Uses nothing up.",
	},
	{
		method: http.MethodPost, path: "/invitations/accept", permission: orgs.PermInvitationMine, action: orgs.ActionMemberJoined, tag: tagOrgs, status: 200,
		summary: "Accept a mailed invitation", handler: takes((*API).acceptInvitation),
		problems: []string{"link_gone", "wrong_recipient", "seat_limit", "already_member"},
		about:    "Only who has the invited address can.",
	},
	{
		method: http.MethodPost, path: "/invitations/decline", permission: orgs.PermInvitationMine, action: orgs.ActionInvitationDeclined, tag: tagOrgs, status: 204,
		summary: "Decline a mailed invitation", handler: takes((*API).declineInvitation),
		problems: []string{"link_gone", "wrong_recipient"},
	},
	{
		method: http.MethodPost, path: "/orgs", permission: orgs.PermOrgCreate, action: orgs.ActionOrgCreated, tag: tagOrgs, status: 201,
		summary: "Found an organization", handler: takes((*API).createOrg),
		problems: []string{"slug_taken", "rate_limited"},
		about:    "Who founds it is its Owner.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}", permission: orgs.PermOrgView, tag: tagOrgs, status: 200,
		summary: "An organization, by identifier or slug", handler: gives((*API).getOrg),
		about: "A former slug answers members 308, and nobody else.",
	},
	{
		method: http.MethodPatch, path: "/orgs/{org}", permission: orgs.PermOrgUpdate, action: orgs.ActionOrgUpdated, tag: tagOrgs, status: 200,
		summary: "Change name, slug or default project", handler: takes((*API).patchOrg),
		problems: []string{"slug_taken"},
		about:    "The former slug leads here for 90 days (default), and nobody else can take it.",
	},
	{
		method: http.MethodPut, path: "/orgs/{org}/logo", permission: orgs.PermOrgUpdate, action: orgs.ActionLogoChanged, tag: tagOrgs, status: 200,
		summary: "Upload a logo", handler: putLogo, problems: []string{"too_large", "unsupported_media_type"},
		about: "The file itself as the body: PNG, JPEG, WebP or GIF, at most 5 MiB and 25 megapixels. It is cut square and served as PNG of 512, 128 and 64 pixels.",
	},
	{
		method: http.MethodDelete, path: "/orgs/{org}/logo", permission: orgs.PermOrgUpdate, action: orgs.ActionLogoRemoved, tag: tagOrgs, status: 204,
		summary: "Go back to the logo drawn from the initials", handler: gives((*API).deleteLogo),
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/delete", permission: orgs.PermOrgDelete, action: orgs.ActionOrgDeleted, tag: tagOrgs, status: 202,
		summary: "Delete it", handler: takes((*API).deleteOrg),
		about: "At once for everybody; its Owner can restore it until purge_at.",
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/restore", permission: orgs.PermOrgRestore, action: orgs.ActionOrgRestored, tag: tagOrgs, status: 204,
		summary: "Restore it", handler: gives((*API).restoreOrg),
		problems: []string{"not_deleted"},
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/members", permission: orgs.PermMembersView, tag: tagOrgs, status: 200,
		summary: "Its members, by name", handler: gives((*API).members), query: append([]param{{"q", "What the name, or the address, begins with"}}, paging...),
		about: "Addresses are shown to Admins, and searched for them alone.",
	},
	{
		method: http.MethodPatch, path: "/orgs/{org}/members/{user}", permission: orgs.PermMemberRole, action: orgs.ActionRoleChanged, tag: tagOrgs, status: 200,
		summary: "Give a member another role", handler: takes((*API).setRole),
		problems: []string{"owner_required"},
		about:    "Owner is no role to give: ownership is handed over.",
	},
	{
		method: http.MethodDelete, path: "/orgs/{org}/members/{user}", permission: orgs.PermMemberRemove, action: orgs.ActionMemberRemoved, tag: tagOrgs, status: 204,
		summary: "Remove a member; oneself: leave", handler: gives((*API).removeMember),
		problems: []string{"owner_required"},
		about:    "Everybody but the Owner may leave, whatever their role.",
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/ownership", permission: orgs.PermTransfer, action: orgs.ActionOwnershipMoved, tag: tagOrgs, status: 204,
		summary: "Hand ownership over to another member", handler: takes((*API).transfer),
		problems: []string{"stale_owner"},
		about:    "Who hands it over is Admin afterwards.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/invitations", permission: orgs.PermInvite, tag: tagOrgs, status: 200,
		summary: "Invitations that were not accepted, the newest first", handler: gives((*API).invitations), query: paging,
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/invitations", permission: orgs.PermInvite, action: orgs.ActionInvited, tag: tagOrgs, status: 201,
		summary: "Invite one or many", handler: takes((*API).invite),
		problems: []string{"seat_limit", "rate_limited"},
		about:    "Each address has a result of its own. One that is invited already gets a new link.",
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/invitations/{id}/resend", permission: orgs.PermInvite, action: orgs.ActionInvitationResent, tag: tagOrgs, status: 204,
		summary: "Mail a new link", handler: gives((*API).resendInvitation),
		problems: []string{"seat_limit", "rate_limited", "already_member"},
		about:    "The former one is void.",
	},
	{
		method: http.MethodDelete, path: "/orgs/{org}/invitations/{id}", permission: orgs.PermInvite, action: orgs.ActionInvitationRevoked, tag: tagOrgs, status: 204,
		summary: "Revoke an invitation", handler: gives((*API).revokeInvitation),
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/invitations/import", permission: orgs.PermImport, action: orgs.ActionImportStarted, tag: tagOrgs, status: 202,
		summary: "Invite by a file of addresses", handler: postImport, query: []param{{"role", "What rows that name no role invite as; member if it is left out"}},
		problems: []string{"rate_limited", "malformed", "unsupported_media_type", "too_large", "validation_failed"},
		about: "CSV in UTF-8 of up to 1 MiB and 1,000 rows: a column email, and perhaps role and projects (with | between several). " +
			"Without a header they stand in this order. The rows are invited one after the other, each by the rules for one invitation.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/invitations/import/{id}", permission: orgs.PermImport, tag: tagOrgs, status: 200,
		summary: "How far a file has come, and what came of each row", handler: gives((*API).getImport),
		about: "Files are forgotten a week after they were handed in.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/domains", permission: orgs.PermDomains, tag: tagOrgs, status: 200,
		summary: "Its mail domains", handler: gives((*API).domains),
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/domains", permission: orgs.PermDomains, action: orgs.ActionDomainAdded, tag: tagOrgs, status: 201,
		summary: "List a domain", handler: takes((*API).addDomain),
		problems: []string{"domain_exists"},
		about:    "Answers the TXT record that proves it.",
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/domains/{id}/verify", permission: orgs.PermDomains, action: orgs.ActionDomainVerified, tag: tagOrgs, status: 200,
		summary: "Look for the record in DNS", handler: gives((*API).verifyDomain),
		problems: []string{"domain_unproven", "domain_taken", "rate_limited"},
	},
	{
		method: http.MethodPatch, path: "/orgs/{org}/domains/{id}", permission: orgs.PermDomains, action: orgs.ActionDomainUpdated, tag: tagOrgs, status: 200,
		summary: "Say whether people with an address there may join, and as what", handler: takes((*API).patchDomain),
		problems: []string{"plan_required", "domain_unproven"},
	},
	{
		method: http.MethodDelete, path: "/orgs/{org}/domains/{id}", permission: orgs.PermDomains, action: orgs.ActionDomainRemoved, tag: tagOrgs, status: 204,
		summary: "Take a domain off the list", handler: gives((*API).removeDomain),
		about: "Members stay.",
	},
	{
		method: http.MethodPost, path: "/orgs/{org}/join", permission: orgs.PermJoin, action: orgs.ActionMemberJoined, tag: tagOrgs, status: 200,
		summary: "Join by a proven address at a proven domain", handler: gives((*API).join),
		problems: []string{"seat_limit"},
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/security-policy", permission: orgs.PermPolicyView, tag: tagOrgs, status: 200,
		summary: "What it asks of its members, and whom that affects", handler: gives((*API).securityPolicy),
		query: []param{{"preview", "With any value: who is affected, or would be"}},
	},
	{
		method: http.MethodPut, path: "/orgs/{org}/security-policy", permission: orgs.PermPolicyChange, action: orgs.ActionPolicyChanged, tag: tagOrgs, status: 200,
		summary: "Ask members for two factors, or stop asking", handler: takes((*API).putSecurityPolicy),
		about: "Members without a second factor are mailed, and reach nothing of the organization from grace_until on.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/projects", permission: orgs.PermProjects, tag: tagOrgs, status: 200,
		summary: "Its projects, from the host's directory", handler: gives((*API).projects),
	},
}
