package bunstore

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// maxAuditText is how many bytes are kept of each text of an entry.
const maxAuditText = 2048

type auditLog struct{ db *DB }

type entryRow struct {
	bun.BaseModel `bun:"table:settings_audit_entries,alias:e"`

	ID         id.Entry   `bun:"id,pk"`
	At         stamp      `bun:"at"`
	Action     string     `bun:"action"`
	Outcome    string     `bun:"outcome"`
	Reason     string     `bun:"reason"`
	ActorKind  string     `bun:"actor_kind"`
	ActorID    id.User    `bun:"actor_id"`
	ActorName  string     `bun:"actor_name"`
	TargetKind string     `bun:"target_kind"`
	TargetID   string     `bun:"target_id"`
	TargetName string     `bun:"target_name"`
	Changes    changes    `bun:"changes"`
	User       id.User    `bun:"user_id"`
	Org        id.Org     `bun:"org_id"`
	Session    id.Session `bun:"session_id"`
	IP         address    `bun:"ip"`
	UserAgent  string     `bun:"user_agent"`
	RequestID  string     `bun:"request_id"`
}

var insertEntry = newInsert("settings_audit_entries", "id, at, action, outcome, reason, actor_kind, actor_id, actor_name, "+
	"target_kind, target_id, target_name, changes, user_id, org_id, session_id, ip, user_agent, request_id")

func (r *entryRow) entry() audit.Entry {
	return audit.Entry{
		ID: r.ID, At: r.At.Time, Action: audit.Action(r.Action), Outcome: audit.Outcome(r.Outcome), Reason: r.Reason,
		ActorKind: audit.ActorKind(r.ActorKind), ActorID: r.ActorID, ActorName: r.ActorName,
		Target:  audit.Target{Kind: r.TargetKind, ID: r.TargetID, Name: r.TargetName},
		Changes: r.Changes, User: r.User, Org: r.Org, Session: r.Session,
		IP: r.IP.Addr, UserAgent: r.UserAgent, RequestID: r.RequestID,
	}
}

// appendAudit never refuses an entry for its text: that something happened, or
// was refused, must not go unrecorded because of how somebody spells.
func appendAudit(ctx context.Context, sc *scope, e audit.Entry) error {
	text := func(s string) string { return clean(s, maxAuditText) }
	r := entryRow{
		ID: e.ID, At: at(e.At), Action: text(string(e.Action)), Outcome: string(e.Outcome), Reason: text(e.Reason),
		ActorKind: string(e.ActorKind), ActorID: e.ActorID, ActorName: text(e.ActorName),
		TargetKind: text(e.Target.Kind), TargetID: text(e.Target.ID), TargetName: text(e.Target.Name),
		User: e.User, Org: e.Org, Session: e.Session,
		IP: address{e.IP}, UserAgent: clean(e.UserAgent, maxUserAgent), RequestID: text(e.RequestID),
	}
	for _, c := range e.Changes {
		r.Changes = append(r.Changes, audit.Change{Field: text(c.Field), Before: text(c.Before), After: text(c.After)})
	}
	_, err := sc.run(insertEntry, r.ID, r.At, r.Action, r.Outcome, r.Reason, r.ActorKind, r.ActorID, r.ActorName,
		r.TargetKind, r.TargetID, r.TargetName, r.Changes, r.User, r.Org, r.Session, r.IP, r.UserAgent, r.RequestID).Exec(ctx)
	return err
}

// Entries implements audit.Store.
func (s auditLog) Entries(ctx context.Context, user id.User, before id.Entry, limit int) ([]audit.Entry, error) {
	if limit < 1 {
		return nil, nil
	}
	var rows []entryRow
	q := s.db.reader(ctx).NewSelect().Model(&rows).Where("user_id = ?", user).Order("id DESC").Limit(int64(limit))
	if !before.IsZero() {
		q = q.Where("id < ?", before)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, err
	}
	entries := make([]audit.Entry, len(rows))
	for i := range rows {
		entries[i] = rows[i].entry()
	}
	return entries, nil
}
