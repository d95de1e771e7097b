package pages

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
)

const auditPath = orgPath + "/audit"

// mostPeople is how many members the filter offers; others are found by their
// entries.
const mostPeople = 200

func (s *Site) auditPage(v *visit) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	view := OrgAudit{Slug: o.Slug, Name: o.Name, Owner: o.Membership.Role == orgs.Owner, Filter: auditFilter(v.r)}
	err = s.readAudit(v, o, &view, zoneOf(me.Timezone))
	var plan *orgs.PlanError
	status := http.StatusOK
	switch {
	case errors.As(err, &plan):
		view.NeedsPlan = plan.Plan
	case err != nil:
		form, code, err := refused(err)
		if err != nil {
			return err
		}
		view.Form, status = form, code
	}
	return s.render(v, status, &me, view)
}

// zoneOf is the time zone of the reader, by whose days the filter goes.
func zoneOf(name string) *time.Location {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone
	}
	return time.UTC
}

// auditFilter reads the filter of an address.
func auditFilter(r *http.Request) AuditFilter {
	q := r.URL.Query()
	return AuditFilter{Actor: q.Get("actor"), Action: q.Get("action"), Target: q.Get("target"), From: q.Get("from"), To: q.Get("to")}
}

// chosen is the filter as the service has it.
func (f AuditFilter) chosen(zone *time.Location) (audit.Filter, error) {
	out := audit.Filter{Actor: f.Actor, Target: f.Target}
	if f.Action != "" {
		out.Actions = []audit.Action{audit.Action(f.Action)}
	}
	var wrong fault.Fields
	day := func(field, text string, days int) time.Time {
		if text == "" {
			return time.Time{}
		}
		t, err := time.ParseInLocation(time.DateOnly, text, zone)
		if err != nil {
			wrong = append(wrong, fault.Field{Name: field, Code: "invalid_date", Message: "must be a day such as 2026-11-24"})
		}
		return t.AddDate(0, 0, days)
	}
	out.From, out.To = day("from", f.From, 0), day("to", f.To, 1)
	return out, wrong.Err()
}

func (s *Site) readAudit(v *visit, o orgs.OrgView, view *OrgAudit, zone *time.Location) error {
	ctx := v.r.Context()
	events, err := s.c.Flows.Audit.ActionsOf(ctx, v.actor(), o.ID.String())
	if err != nil {
		return err
	}
	people, err := s.c.Flows.Orgs.Members(ctx, v.actor(), o.ID.String(), "", "", mostPeople)
	if err != nil {
		return err
	}
	view.Groups = auditGroups(events)
	for _, m := range people.Items {
		view.People = append(view.People, AuditChoice{m.User.String(), m.Person.Name})
	}
	f, err := view.Filter.chosen(zone)
	if err != nil {
		return err
	}
	before, err := flows.ParseLogCursor(v.r.URL.Query().Get("cursor"))
	if err != nil { // of no use: begin at the start
		before = audit.Position{}
	}
	list, err := s.c.Flows.Audit.Log(ctx, v.actor(), o.ID.String(), f, before, perPage)
	if err != nil {
		return err
	}
	view.Later = !before.IsZero()
	fields := map[audit.Action][]string{}
	for _, e := range events {
		fields[e.Action] = e.Fields
	}
	for _, e := range list.Entries {
		row := s.auditRow(v, e)
		row.Fields = fields[e.Action]
		view.Items = append(view.Items, row)
	}
	view.Next = flows.LogCursor(list.Next)
	view.choose()
	return nil
}

// choose lets the filter offer who is chosen, if only the entries know them.
func (v *OrgAudit) choose() {
	a := v.Filter.Actor
	if a == "" || slices.ContainsFunc(v.People, func(p AuditChoice) bool { return p.Value == a }) {
		return
	}
	name := a
	for _, row := range v.Items {
		if row.ActorID == a {
			name = cmp.Or(row.ActorName, a)
		}
	}
	v.People = append(v.People, AuditChoice{a, name})
}

// auditGroups are the actions that an organization's log has.
func auditGroups(events []audit.Event) []AuditGroup {
	var groups []AuditGroup
	for _, e := range events {
		if top, _, _ := strings.Cut(string(e.Action), "."); top == "account" || top == "security" {
			continue // in a person's own history alone
		}
		prefix := e.Action.Group()
		i := slices.IndexFunc(groups, func(g AuditGroup) bool { return g.Prefix == prefix })
		if i < 0 {
			groups = append(groups, AuditGroup{Prefix: prefix})
			i = len(groups) - 1
		}
		groups[i].Actions = append(groups[i].Actions, string(e.Action))
	}
	return groups
}

func (s *Site) auditRow(v *visit, e audit.Entry) AuditRow {
	d := device.Parse(e.UserAgent)
	row := AuditRow{
		Event: Event{At: e.At, Action: string(e.Action), Refused: e.Outcome == audit.Refused, Reason: e.Reason, Browser: d.Browser, OS: d.OS},
		ID:    e.ID.String(), ActorKind: string(e.ActorKind), ActorID: e.ActorID.String(), ActorName: e.ActorName,
		TargetKind: e.Target.Kind, TargetID: e.Target.ID, TargetName: e.Target.Name,
		UserAgent: e.UserAgent, Session: e.Session.String(), RequestID: e.RequestID,
	}
	if e.IP.IsValid() {
		row.IP = e.IP.String()
		row.Place = s.c.Flows.Security.Place(v.r.Context(), e.IP).String()
	}
	for _, c := range e.Changes {
		row.Changes = append(row.Changes, AuditChange{c.Field, c.Before, c.After})
	}
	return row
}

// auditExport is what the buttons of the page lead to: the entries that its filter
// shows, as a file.
func (s *Site) auditExport(v *visit) error {
	o, err := s.org(v)
	if err != nil {
		return err
	}
	me, err := s.c.Flows.Accounts.Me(v.r.Context(), v.actor())
	if err != nil {
		return err
	}
	f, err := auditFilter(v.r).chosen(zoneOf(me.Timezone))
	if err != nil {
		return err
	}
	return s.c.Export(v.w, v.r, v.actor(), o.ID.String(), f, audit.Format(v.r.URL.Query().Get("format")), id.Entry{})
}
