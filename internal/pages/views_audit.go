package pages

// OrgAudit is /settings/orgs/{slug}/audit. Its filter is in the address.
type OrgAudit struct {
	Form      // what is wrong with the filter
	Slug      string
	Name      string
	NeedsPlan string // the plan that includes it; "" if theirs does
	Owner     bool   // who can change the plan
	Filter    AuditFilter
	People    []AuditChoice // who can be chosen
	Groups    []AuditGroup
	Items     []AuditRow
	Next      string // cursor of the next page
	Later     bool   // this is not the first page
}

func (v OrgAudit) spec() spec {
	return spec{file: "org-audit", shell: "settings", tab: "org-audit", wide: true, forms: []scope{{"audit", v.Form, []string{"actor", "action", "from", "to"}}}}
}

// AuditFilter is what of the log is shown, as the address has it.
type AuditFilter struct {
	Actor, Action, Target string
	From, To              string // days of the reader's, both included: "2026-11-24"
}

// AuditChoice is somebody or something that can be chosen.
type AuditChoice struct{ Value, Label string }

// AuditGroup are the actions of a group.
type AuditGroup struct {
	Prefix  string // "orgs.member"
	Actions []string
}

// AuditRow is an entry.
type AuditRow struct {
	Event
	ID, ActorKind, ActorID, ActorName string
	TargetKind, TargetID, TargetName  string
	Fields                            []string // that such an entry reports
	Changes                           []AuditChange
	UserAgent, Session, RequestID     string
}

// AuditChange is a field before and after.
type AuditChange struct{ Field, Before, After string }
