package pages

import (
	"net/url"
	"time"
)

// values returns what the address of a filter holds.
func (f AuditFilter) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"actor": f.Actor, "action": f.Action, "target": f.Target, "from": f.From, "to": f.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Any reports whether the filter leaves anything out.
func (f AuditFilter) Any() bool { return f != AuditFilter{} }

// AuditURL returns the address of the log, or of a page below it, with a filter
// and what else is asked.
func (f *frame) AuditURL(slug, page string, filter AuditFilter, pairs ...string) string {
	q := filter.values()
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	to := f.OrgURL(url.PathEscape(slug), "audit"+page)
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to
}

// ByActor and OnTarget are filters for what a row names.
func (r AuditRow) ByActor() AuditFilter { return AuditFilter{Actor: r.ActorID} }

// OnTarget chooses the entries about what the row is about.
func (r AuditRow) OnTarget() AuditFilter { return AuditFilter{Target: r.TargetID} }

// AuditActor says who acted.
func (f *frame) AuditActor(r AuditRow) string {
	switch {
	case r.ActorKind == "system" || r.ActorKind == "support" || r.ActorKind == "anonymous":
		return f.T("audit.actor." + r.ActorKind)
	case r.ActorName == "":
		return f.T("audit.actor.erased")
	}
	return r.ActorName
}

// AuditSentence says what an entry is about, with the names in it emphasised.
func (f *frame) AuditSentence(r AuditRow) []piece {
	key := "audit." + r.Action
	args := []any{"actor", f.Strong(f.AuditActor(r)), "target", f.Strong(f.auditTarget(r))}
	if r.Refused {
		if key += ".refused"; !f.Has(key) {
			key = "audit.refused"
		}
		args = append(args, "reason", f.auditReason(r.Reason))
	}
	for _, field := range r.Fields { // in place of those that were erased
		args = append(args, field+"_before", "…", field+"_after", "…")
	}
	for _, c := range r.Changes {
		args = append(args, c.Field+"_before", f.AuditValue(c.Field, c.Before), c.Field+"_after", f.AuditValue(c.Field, c.After))
	}
	if !f.Has(key) { // of a later version, or of the host
		return []piece{{Text: r.Action}}
	}
	return f.Rich(key, args...)
}

func (f *frame) auditTarget(r AuditRow) string {
	if r.TargetName == "" {
		return f.T("audit.target.erased")
	}
	return r.TargetName
}

func (f *frame) auditReason(reason string) string {
	if key := "event.reason." + reason; f.Has(key) {
		return f.T(key)
	}
	return f.T("event.reason.other")
}

// AuditValue says a value of a field: roles in the reader's words.
func (f *frame) AuditValue(field, value string) string {
	switch {
	case value == "":
		return f.T("audit.none")
	case field == "role":
		return f.Role(value)
	case value == "true" || value == "false":
		return f.T("audit." + value)
	}
	return value
}

// AuditField says the name of a field.
func (f *frame) AuditField(field string) string {
	if key := "audit.field." + field; f.Has(key) {
		return f.T(key)
	}
	return field
}

// AuditGroup says the name of a group of actions.
func (f *frame) AuditGroup(prefix string) string {
	if key := "audit.group." + prefix; f.Has(key) {
		return f.T(key)
	}
	return prefix
}

// AuditAction says an action without its actor and target.
func (f *frame) AuditAction(action string) string {
	if key := "audit.do." + action; f.Has(key) {
		return f.T(key)
	}
	return action
}

// NoFilter chooses everything.
func (v OrgAudit) NoFilter() AuditFilter { return AuditFilter{} }

// Strings is a list for a template.
func (f *frame) Strings(all ...string) []string { return all }

// Wrong says what is wrong with a field of a form, or "".
func (f *frame) Wrong(form Form, name string) string {
	for _, e := range form.Errors {
		if e.Name == name {
			return f.P.FieldError(e)
		}
	}
	return ""
}

// Exactly is a moment to the second.
func (f *frame) Exactly(t time.Time) piece {
	p := f.moment(t, "")
	p.Text = p.Exact
	return p
}

// AuditPicture is what the log looks like, for those whose plan lacks it.
func (f *frame) AuditPicture() []AuditRow {
	person := func(ago time.Duration, action, actor, target string, changes ...AuditChange) AuditRow {
		return AuditRow{
			Event: Event{At: f.Now.Add(-ago), Action: action}, ActorKind: "user", ActorName: actor, TargetName: target,
			Changes: changes,
		}
	}
	return []AuditRow{
		person(4*time.Minute, "orgs.member.role_changed", "Ada Lovelace", "Grace Hopper", AuditChange{"role", "member", "admin"}),
		person(2*time.Hour, "orgs.domain.verified", "Grace Hopper", "engines.example"),
		person(26*time.Hour, "orgs.member.removed", "Ada Lovelace", "Charles Babbage"),
	}
}
