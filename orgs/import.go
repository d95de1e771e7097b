package orgs

import (
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
)

// NewImport is a file of addresses to invite. The plan must include
// BulkInvitations.
type NewImport struct {
	// File is CSV (RFC 4180) in UTF-8 of at most [MaxImportBytes] and
	// [MaxImportRows]: a column email, and perhaps role and projects (IDs of the
	// host's directory with "|" between them). Without a header they stand in this
	// order. It is read once the actor is known to be allowed to.
	File io.Reader

	// Role is that of rows that name none; "": member.
	Role string
}

// StartImport stores a file of addresses, which [Service.WorkImports] then invites
// one after the other, as whoever acts here: each obeys what a single invitation
// does at that moment, and gets an answer of its own. Rows that are no good by
// themselves are refused at once, and keep no other from being invited.
//
// The file as a whole is refused with a fault.Fields about "file" (see the codes
// required, too_many, invalid_encoding, unclosed_quote, unknown_column and
// repeated_column), or with ErrImportTooLarge; nobody is invited then. An
// organization may hand in 20 files, and then one every 15 minutes:
// ErrRateLimited.
func (s *Service) StartImport(ctx context.Context, actor audit.Actor, ref string, in NewImport) (Import, error) {
	now := s.now()
	what := attempt{perm: PermInvite, action: ActionImportStarted}
	v, err := s.admitImport(ctx, actor, ref, now)
	if err != nil {
		return Import{}, s.refused(ctx, actor, v, what, now, err)
	}
	if in.Role == "" {
		in.Role = string(Member)
	}
	role, err := assignable("role", in.Role)
	if err != nil {
		return Import{}, err
	}
	if !v.Membership.Role.AtLeast(role) {
		return Import{}, s.refused(ctx, actor, v, what, now, ErrForbidden)
	}
	if err := s.take(ctx, "import:"+v.ID.String(), 20, 15*time.Minute); err != nil {
		return Import{}, err
	}
	read, err := readRows(in.File)
	if err != nil {
		return Import{}, err
	}
	rows, err := s.importRows(ctx, v, read, role)
	if err != nil {
		return Import{}, err
	}
	i := Import{
		ID: id.NewImport(), Org: v.ID, StartedBy: actor.User, Name: actor.Name, Session: actor.Session,
		IP: actor.IP, UserAgent: actor.UserAgent, RequestID: actor.RequestID, CreatedAt: now,
	}
	err = s.change(ctx, actor, v.ID.String(), what, now, func(ctx context.Context, tx Tx, v OrgView) (err error) {
		if err := s.permitted(ctx, v, actor, PermImport, now); err != nil {
			return err
		}
		if err := tx.InsertImport(ctx, i, rows); err != nil {
			return err
		}
		if i, err = tx.Import(ctx, v.ID, i.ID); err != nil {
			return err
		}
		tx.AfterCommit(func(context.Context) { s.c.WakeImports() })
		change := audit.Change{Field: "rows", After: strconv.Itoa(i.Rows)}
		return tx.AppendAudit(ctx, did(actor, ActionImportStarted, i.target(), v.Org, now, change))
	})
	return i, err
}

func (i Import) target() audit.Target { return audit.Target{Kind: "import", ID: i.ID.String()} }

// admitImport is admit for inviting by a file. Whoever may not invite may not
// import either, whatever role the host asks for: that comes before the plan.
func (s *Service) admitImport(ctx context.Context, actor audit.Actor, ref string, now time.Time) (OrgView, error) {
	v, err := s.admit(ctx, s.c.Store, actor, ref, PermInvite, now)
	if err != nil {
		return v, err
	}
	return v, s.permitted(ctx, v, actor, PermImport, now)
}

// importRows says of each row of a file whether it can be invited at all.
func (s *Service) importRows(ctx context.Context, v OrgView, read []fileRow, role Role) ([]ImportRow, error) {
	var known []Project
	if slices.ContainsFunc(read, func(r fileRow) bool { return len(r.projects) > 0 }) {
		var err error
		// Asked before the transaction: the directory is the host's.
		if known, err = s.c.Projects.Projects(ctx, v.ID); err != nil {
			return nil, err
		}
	}
	unknown := func(p string) bool { return !slices.ContainsFunc(known, func(k Project) bool { return k.ID == p }) }
	rows := make([]ImportRow, 0, len(read))
	seen := map[string]bool{}
	for _, r := range read {
		row := ImportRow{Line: r.line, Email: cut(r.email), Role: role, Projects: r.projects, State: RowWaiting}
		wrongRole := false
		if r.role != "" {
			given, err := assignable("role", r.role)
			row.Role, wrongRole = given, err != nil
		}
		addr, err := address.Parse(r.email)
		switch {
		case r.code != "":
			row.Code = r.code
		case err != nil:
			row.Code = CodeInvalidAddress
		case wrongRole:
			row.Code = CodeInvalidRole
		case slices.ContainsFunc(r.projects, unknown):
			row.Code = CodeUnknownProject
		case seen[addr.Key]:
			row.Code = CodeTwice
		default:
			seen[addr.Key] = true
		}
		if row.Code != "" {
			row.State, row.Projects = RowRefused, nil
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// cut keeps as much of what was typed for an address as is stored.
func cut(typed string) string {
	n := 0
	for i := range typed {
		if n == maxRowEmail {
			return typed[:i]
		}
		n++
	}
	return typed
}

// RowQuery chooses rows of an import.
type RowQuery struct {
	State RowState // "": all
	After int      // the line behind which they begin
	Limit int      // 1 to MaxImportRows
}

// ImportReport returns an import of the organization and what has come of its
// rows, in the order of the file. ErrImportNotFound, also a week after it began:
// then the file is forgotten.
func (s *Service) ImportReport(ctx context.Context, actor audit.Actor, ref string, which id.Import, q RowQuery) (Import, []ImportRow, error) {
	v, err := s.admitImport(ctx, actor, ref, s.now())
	if err != nil {
		return Import{}, nil, err
	}
	if q.Limit < 1 || q.Limit > MaxImportRows {
		return Import{}, nil, fault.Fields{{Name: "limit", Code: "invalid", Message: "must be 1 to 1000"}}
	}
	// In this order: once the counts say that it has ended, the rows do too.
	i, err := s.c.Store.Import(ctx, v.ID, which)
	if err != nil {
		return Import{}, nil, err
	}
	rows, err := s.c.Store.ImportRows(ctx, i.ID, q.State, q.After, q.Limit)
	return i, rows, err
}

// Imports returns the imports of the last week, the newest first, at most 20.
func (s *Service) Imports(ctx context.Context, actor audit.Actor, ref string) ([]Import, error) {
	v, err := s.admitImport(ctx, actor, ref, s.now())
	if err != nil {
		return nil, err
	}
	return s.c.Store.Imports(ctx, v.ID, 20)
}
