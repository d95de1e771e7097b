package memstore

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

// exported is an export with its claim.
type exported struct {
	accounts.Export
	claimedUntil time.Time
}

// copiedExport returns an export whose lists are nobody else's.
func copiedExport(e accounts.Export) accounts.Export {
	e.Sources, e.Parts = slices.Clone(e.Sources), slices.Clone(e.Parts)
	return e
}

// Export implements [accounts.ExportReader].
func (r accountsReader) Export(ctx context.Context, user id.User, e id.Export) (accounts.Export, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.Export{}, err
	}
	found, ok := st.exports[e]
	if !ok || found.User != user {
		return accounts.Export{}, accounts.ErrExportNotFound
	}
	return copiedExport(found.Export), nil
}

// Exports implements [accounts.ExportReader].
func (r accountsReader) Exports(ctx context.Context, user id.User, limit int) ([]accounts.Export, error) {
	st, err := r.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []accounts.Export
	for _, e := range st.exports {
		if e.User == user {
			list = append(list, copiedExport(e.Export))
		}
	}
	slices.SortFunc(list, func(a, b accounts.Export) int { return strings.Compare(b.ID.String(), a.ID.String()) })
	return list[:min(len(list), max(limit, 0))], nil
}

// InsertExport implements [accounts.ExportTx].
func (tx accountsTx) InsertExport(ctx context.Context, e accounts.Export) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	for _, other := range st.exports {
		if other.User == e.User && other.State == accounts.ExportRunning {
			return accounts.ErrExportRunning
		}
	}
	e.State = accounts.ExportRunning
	st.exports[e.ID] = exported{Export: copiedExport(e), claimedUntil: e.CreatedAt}
	return nil
}

// ClaimExport implements [accounts.ExportTx].
func (tx accountsTx) ClaimExport(ctx context.Context, now, until time.Time) (accounts.Export, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return accounts.Export{}, err
	}
	var due []exported
	for _, e := range st.exports {
		if e.State == accounts.ExportRunning && !e.claimedUntil.After(now) && e.ExpiresAt.After(now) {
			due = append(due, e)
		}
	}
	if len(due) == 0 {
		return accounts.Export{}, accounts.ErrExportNotFound
	}
	first := slices.MinFunc(due, func(a, b exported) int {
		if c := a.claimedUntil.Compare(b.claimedUntil); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	first.claimedUntil = until
	first.Claim++
	first.Tries++
	st.exports[first.ID] = first
	return copiedExport(first.Export), nil
}

// SaveExport implements [accounts.ExportTx].
func (tx accountsTx) SaveExport(ctx context.Context, e accounts.Export, until time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	found, ok := st.exports[e.ID]
	if !ok || found.State != accounts.ExportRunning || found.Claim != e.Claim {
		return accounts.ErrExportNotFound
	}
	found.State, found.Parts, found.Records, found.Tries = e.State, slices.Clone(e.Parts), e.Records, e.Tries
	found.EndedAt, found.ExpiresAt = e.EndedAt, e.ExpiresAt
	found.claimedUntil = until
	st.exports[e.ID] = found
	return nil
}

// EndExports implements [accounts.ExportTx].
func (tx accountsTx) EndExports(ctx context.Context, user id.User, now time.Time) (int, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for key, e := range st.exports {
		switch e.State {
		case accounts.ExportEnded, accounts.ExportRemoved:
			continue
		case accounts.ExportRunning, accounts.ExportReady, accounts.ExportFailed:
		}
		if e.User != user {
			continue
		}
		e.State, e.EndedAt, e.ExpiresAt = accounts.ExportEnded, now, now
		st.exports[key] = e
		n++
	}
	return n, nil
}

// DueExports implements [accounts.ExportTx].
func (tx accountsTx) DueExports(ctx context.Context, now time.Time, limit int) ([]accounts.Export, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return nil, err
	}
	var list []accounts.Export
	for _, e := range st.exports {
		if !e.ExpiresAt.After(now) {
			list = append(list, copiedExport(e.Export))
		}
	}
	slices.SortFunc(list, func(a, b accounts.Export) int {
		if c := a.ExpiresAt.Compare(b.ExpiresAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID.String(), b.ID.String())
	})
	return list[:min(len(list), max(limit, 0))], nil
}

// RemoveExport implements [accounts.ExportTx].
func (tx accountsTx) RemoveExport(ctx context.Context, e id.Export, now, again time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	found, ok := st.exports[e]
	if !ok {
		return nil
	}
	if found.EndedAt.IsZero() {
		found.EndedAt = now
	}
	found.State, found.ExpiresAt, found.Parts = accounts.ExportRemoved, again, nil
	st.exports[e] = found
	return nil
}

// ForgetExport implements [accounts.ExportTx].
func (tx accountsTx) ForgetExport(ctx context.Context, e id.Export) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	delete(st.exports, e)
	return nil
}
