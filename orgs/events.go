package orgs

import "github.com/aegisrunner/account-settings/audit"

// Events returns what the actions of this package mean. All are in the log of the
// organization that they are about.
func Events() []audit.Event {
	return append(append(orgEvents(), memberEvents()...), domainEvents()...)
}

func orgEvents() []audit.Event {
	return []audit.Event{
		{Action: ActionOrgCreated, Target: "org", Sentence: "{actor} founded {target}"},
		{
			Action: ActionOrgUpdated, Target: "org", Fields: []string{"name", "slug", "default_project"},
			Sentence: "{actor} changed the organization {target}",
		},
		{Action: ActionLogoChanged, Target: "org", Sentence: "{actor} changed the logo of {target}"},
		{Action: ActionLogoRemoved, Target: "org", Sentence: "{actor} removed the logo of {target}"},
		{Action: ActionOrgDeleted, Target: "org", Sentence: "{actor} deleted the organization {target}"},
		{Action: ActionOrgRestored, Target: "org", Sentence: "{actor} restored the organization {target}"},
		{
			Action: ActionPolicyChanged, Target: "org", Fields: []string{"require_second_factor", "grace_until"},
			Sentence: "{actor} changed the security policy of {target}",
		},
	}
}

func memberEvents() []audit.Event {
	return []audit.Event{
		{Action: ActionMemberJoined, Target: "user", Fields: []string{"role", "by"}, Sentence: "{target} joined as {role.after}"},
		{Action: ActionMemberLeft, Target: "user", Sentence: "{target} left the organization"},
		{Action: ActionMemberRemoved, Target: "user", Sentence: "{actor} removed {target} from the organization"},
		{Action: ActionMemberSuspended, Target: "user", Sentence: "{actor} suspended {target}"},
		{Action: ActionMemberReinstated, Target: "user", Sentence: "{actor} reinstated {target}"},
		{
			Action: ActionRoleChanged, Target: "user", Fields: []string{"role"},
			Sentence: "{actor} changed the role of {target} from {role.before} to {role.after}",
		},
		{Action: ActionSecondFactorOn, Target: "user", Sentence: "Two-factor authentication of {target} was turned on"},
		{Action: ActionSecondFactorOff, Target: "user", Sentence: "Two-factor authentication of {target} was turned off"},
		{
			Action: ActionOwnershipMoved, Target: "user", Fields: []string{"owner"},
			Sentence: "{actor} handed the ownership over to {target}",
		},
		{Action: ActionInvited, Target: "invitation", Fields: []string{"role"}, Sentence: "{actor} invited {target} as {role.after}"},
		{
			Action: ActionInvitationResent, Target: "invitation", Fields: []string{"role"},
			Sentence: "{actor} sent the invitation for {target} as {role.after} again",
		},
		{
			Action: ActionImportStarted, Target: "import", Fields: []string{"rows"},
			Sentence: "{actor} handed in a list of {rows.after} rows to invite",
		},
		{Action: ActionInvitationRevoked, Target: "invitation", Sentence: "{actor} revoked the invitation for {target}"},
		{Action: ActionInvitationDeclined, Target: "invitation", Sentence: "{actor} declined the invitation for {target}"},
	}
}

func domainEvents() []audit.Event {
	return []audit.Event{
		{Action: ActionDomainAdded, Target: "domain", Sentence: "{actor} added the domain {target}"},
		{Action: ActionDomainVerified, Target: "domain", Sentence: "{actor} proved the domain {target}"},
		{
			Action: ActionDomainUpdated, Target: "domain", Fields: []string{"auto_join", "role"},
			Sentence: "{actor} changed how people join by the domain {target}",
		},
		{Action: ActionDomainRemoved, Target: "domain", Sentence: "{actor} removed the domain {target}"},
	}
}
