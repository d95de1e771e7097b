package pages

import "time"

// OrgTeam is /settings/orgs/{slug}/team. Each of its forms may post here, which
// is the part of the list to come back to.
type OrgTeam struct {
	Saved  string // "role", "owner", "removed", "invited", "resent", "revoked" or ""
	Slug   string
	Name   string
	Invite InviteCard
	Team   TeamCard
}

// InviteCard posts emails and role to …/team/invite.
type InviteCard struct {
	Form
	Emails  string // as typed; of several, those that could not be invited
	Role    string
	Roles   []string
	Results []InviteResult // of the last attempt, if not all went well
	Upgrade bool           // the Owner has no seat left, and can change the plan
}

// InviteResult is what came of one address.
type InviteResult struct {
	Email string
	Code  string // why not; "": invited
}

// TeamCard is the list: whoever was invited, then the members by name.
type TeamCard struct {
	Form
	List        TeamList
	Invitations []TeamInvitation
	Members     []TeamMember
	Next        TeamList // the next page; zero on the last
}

// Start returns the first page of what is searched.
func (c TeamCard) Start() TeamList { return TeamList{Query: c.List.Query} }

// TeamList is a part of the list, as the address has it.
type TeamList struct {
	Query   string // what a name or address begins with
	Members string // cursor
	Invited string // cursor; the page then shows invitations alone
}

// TeamMember is a row. It posts member and role to …/team/role, and member to
// …/team/remove.
type TeamMember struct {
	ID        string
	Name      string
	Email     string
	AvatarURL string
	Role      string
	Roles     []string // that the person may give; none: it stays
	JoinedAt  time.Time
	TwoFactor bool
	Me        bool
	Removable bool
	Asking    bool // whether to remove them
}

// TeamInvitation is a row. It posts invitation to …/team/resend and …/team/revoke.
type TeamInvitation struct {
	ID        string
	Email     string
	Role      string
	State     string // "pending", "expired" or "declined"
	ExpiresAt time.Time
}

func (v OrgTeam) spec() spec {
	return spec{file: "org-team", shell: "settings", tab: "org-team", forms: []scope{
		{"invite", v.Invite.Form, []string{"emails", "role"}}, {"team", v.Team.Form, nil},
	}}
}

// OrgOwner asks to confirm that ownership is handed over. It posts member and
// confirm to …/team/owner.
type OrgOwner struct {
	Form
	Slug      string
	OrgName   string
	Member    string // ID
	Name      string
	Email     string
	AvatarURL string
	Typed     string
}

func (v OrgOwner) spec() spec {
	return spec{file: "org-owner", shell: "settings", tab: "org-team", forms: []scope{{"owner", v.Form, []string{"confirm"}}}}
}
