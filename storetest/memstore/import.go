package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/orgs"
)

// imported is an import with its claim. Its counts are made when it is read.
type imported struct {
	orgs.Import
	claimedUntil time.Time
}

// importLine finds a row of an import.
type importLine struct {
	of   id.Import
	line int
}

// counted returns an import as it is read.
func (st *state) counted(i imported) orgs.Import {
	i.ImportCounts = orgs.ImportCounts{}
	for key, row := range st.importRows {
		if key.of != i.ID {
			continue
		}
		i.Rows++
		switch row.State {
		case orgs.RowWaiting:
			i.Waiting++
		case orgs.RowInvited:
			i.Invited++
		case orgs.RowRefused:
			i.Refused++
		}
	}
	return i.Import
}

// Import implements [orgs.ImportReader].
func (r orgsReader) Import(ctx context.Context, org id.Org, i id.Import) (orgs.Import, error) {
	st, err := r.view(ctx)
	if err != nil {
		return orgs.Import{}, err
	}
	found, ok := st.imports[i]
	if !ok || found.Org != org {
		return orgs.Import{}, orgs.ErrImportNotFound
	}
	return st.counted(found), nil
}

// Imports implements [orgs.ImportReader].
func (r orgsReader) Imports(ctx context.Context, org id.Org, limit int) ([]orgs.Import, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.Import
	for _, i := range st.imports {
		if i.Org == org {
			list = append(list, st.counted(i))
		}
	}
	slices.SortFunc(list, func(a, b orgs.Import) int { return strings.Compare(b.ID.String(), a.ID.String()) })
	return list[:min(len(list), max(limit, 0))], nil
}

// ImportRows implements [orgs.ImportReader].
func (r orgsReader) ImportRows(ctx context.Context, i id.Import, state orgs.RowState, after, limit int) ([]orgs.ImportRow, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []orgs.ImportRow
	for key, row := range st.importRows {
		if key.of == i && key.line > after && (state == "" || row.State == state) {
			row.Projects = slices.Clone(row.Projects)
			list = append(list, row)
		}
	}
	slices.SortFunc(list, func(a, b orgs.ImportRow) int { return a.Line - b.Line })
	return list[:min(len(list), max(limit, 0))], nil
}

// InsertImport implements [orgs.ImportTx].
func (tx orgsTx) InsertImport(ctx context.Context, i orgs.Import, rows []orgs.ImportRow) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	waiting := false
	for _, row := range rows {
		if row.Role != "" || row.State != orgs.RowRefused {
			if err := checkRole(row.Role); err != nil {
				return err
			}
		}
		key := importLine{i.ID, row.Line}
		if _, ok := st.importRows[key]; ok {
			return errDuplicate
		}
		waiting = waiting || row.State == orgs.RowWaiting
		row.Projects = slices.Clone(row.Projects)
		st.importRows[key] = row
	}
	i.EndedAt = time.Time{}
	if !waiting {
		i.EndedAt = i.CreatedAt
	}
	st.imports[i.ID] = imported{Import: i, claimedUntil: i.CreatedAt}
	return nil
}

// ClaimImport implements [orgs.ImportTx].
func (tx orgsTx) ClaimImport(ctx context.Context, now, until time.Time) (orgs.Import, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return orgs.Import{}, err
	}
	var due []imported
	for _, i := range st.imports {
		if i.EndedAt.IsZero() && !i.claimedUntil.After(now) {
			due = append(due, i)
		}
	}
	if len(due) == 0 {
		return orgs.Import{}, orgs.ErrImportNotFound
	}
	first := slices.MinFunc(due, func(a, b imported) int {
		if c := a.claimedUntil.Compare(b.claimedUntil); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	first.claimedUntil = until
	st.imports[first.ID] = first
	return st.counted(first), nil
}

// ReleaseImport implements [orgs.ImportTx].
func (tx orgsTx) ReleaseImport(ctx context.Context, i id.Import, until, now time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if found, ok := st.imports[i]; ok && found.claimedUntil.Equal(until) {
		found.claimedUntil = now
		st.imports[i] = found
	}
	return nil
}

// EndImportRow implements [orgs.ImportTx].
func (tx orgsTx) EndImportRow(ctx context.Context, i id.Import, line int, state orgs.RowState, code string, now time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	key := importLine{i, line}
	row, ok := st.importRows[key]
	if !ok || row.State != orgs.RowWaiting {
		return orgs.ErrImportNotFound
	}
	row.State, row.Code = state, code
	st.importRows[key] = row
	if of := st.imports[i]; st.counted(of).Waiting == 0 {
		of.EndedAt = now
		st.imports[i] = of
	}
	return nil
}

// PurgeImports implements [orgs.ImportTx].
func (tx orgsTx) PurgeImports(ctx context.Context, t time.Time, limit int) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	left := limit
	purge(st.imports, &left, func(_ id.Import, i imported) bool { return i.CreatedAt.Before(t) })
	all := len(st.importRows)
	purge(st.importRows, &all, func(key importLine, _ orgs.ImportRow) bool {
		_, ok := st.imports[key.of]
		return !ok
	})
	return limit - left, nil
}
