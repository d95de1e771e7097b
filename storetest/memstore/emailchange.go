package memstore

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
)

// change is a request with the version of the credential it was made under.
type change struct {
	accounts.EmailChange
	version int64
	ended   bool // cancelled, superseded or undone
}

// pending reports whether the request waits for its confirmation.
func (c change) pending(now time.Time) bool {
	return !c.ended && c.ConfirmedAt.IsZero() && now.Before(c.ExpiresAt)
}

// confirmable reports whether the request would be accepted: who made it must
// still be signed in, under the same credential.
func (c change) confirmable(st *state, now time.Time) bool {
	s, signedIn := st.sessions[c.Session]
	return c.pending(now) && st.credentials[c.User].version == c.version &&
		signedIn && s.User == c.User && now.Before(s.ExpiresAt)
}

// undoable reports whether the request can be cancelled or undone.
func (c change) undoable(now time.Time) bool {
	return c.pending(now) || !c.ended && !c.ConfirmedAt.IsZero() && now.Before(c.UndoUntil)
}

// undoneBy reports whether hash is one of the two that undo. NoticeHash is zero
// until the confirmation, and zero is nobody's hash.
func (c change) undoneBy(hash accounts.Hash) bool {
	return hash != accounts.Hash{} && (c.UndoHash == hash || c.NoticeHash == hash)
}

// over reports whether nothing needs the request any more since before t.
func (c change) over(st *state, t time.Time) bool {
	if c.ConfirmedAt.IsZero() {
		return c.ExpiresAt.Before(t)
	}
	a, ok := st.addresses[c.OldKey]
	reserved := ok && a.user == c.User && !a.reservedUntil.Before(t)
	return c.UndoUntil.Before(t) && !reserved
}

// findChange returns the request that matches, or refuses with missing.
func (st *state) findChange(missing error, match func(change) bool) (change, error) {
	for _, c := range st.changes {
		if match(c) {
			return c, nil
		}
	}
	return change{}, missing
}

// PendingEmailChange implements [accounts.Reader].
func (r accountsReader) PendingEmailChange(ctx context.Context, user id.User, now time.Time) (accounts.EmailChange, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.EmailChange{}, err
	}
	c, err := st.findChange(accounts.ErrNoEmailChange, func(c change) bool {
		return c.User == user && c.confirmable(st, now)
	})
	return c.EmailChange, err
}

// EmailChangeByHash implements [accounts.Reader].
func (r accountsReader) EmailChangeByHash(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.EmailChange, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.EmailChange{}, err
	}
	c, err := st.findChange(accounts.ErrLinkGone, func(c change) bool {
		return c.ConfirmHash == hash && c.confirmable(st, now) || c.undoneBy(hash) && c.undoable(now)
	})
	return c.EmailChange, err
}

// InsertEmailChange implements [accounts.Tx].
func (tx accountsTx) InsertEmailChange(ctx context.Context, c accounts.EmailChange) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	for key, other := range st.changes {
		if other.User == c.User && other.ConfirmedAt.IsZero() {
			other.ended = true
			st.changes[key] = other
		}
	}
	st.changes[c.ID] = change{EmailChange: c, version: st.credentials[c.User].version}
	return nil
}

// ConfirmEmailChange implements [accounts.Tx].
func (tx accountsTx) ConfirmEmailChange(ctx context.Context, hash, notice accounts.Hash, now, undoUntil time.Time) (accounts.EmailChange, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return accounts.EmailChange{}, err
	}
	c, err := st.findChange(accounts.ErrLinkGone, func(c change) bool {
		return c.ConfirmHash == hash && c.confirmable(st, now)
	})
	if err != nil {
		return accounts.EmailChange{}, err
	}
	c.NoticeHash, c.ConfirmedAt, c.UndoUntil = notice, now, undoUntil
	st.changes[c.ID] = c
	return c.EmailChange, nil
}

// CancelEmailChange implements [accounts.Tx].
func (tx accountsTx) CancelEmailChange(ctx context.Context, user id.User, now time.Time) (accounts.EmailChange, error) {
	c, err := tx.PendingEmailChange(ctx, user, now)
	if err != nil {
		return accounts.EmailChange{}, err
	}
	tx.tx.state.endChange(c.ID)
	return c, nil
}

// EmailChangeSince implements [accounts.Reader].
func (r accountsReader) EmailChangeSince(ctx context.Context, user id.User, since, now time.Time) (accounts.EmailChange, error) {
	st, err := r.view(ctx)
	if err != nil {
		return accounts.EmailChange{}, err
	}
	var first *change
	for _, c := range st.changes {
		if c.User == user && c.undoable(now) && !c.ConfirmedAt.IsZero() && !c.ConfirmedAt.Before(since) &&
			(first == nil || c.ConfirmedAt.Before(first.ConfirmedAt)) {
			first = &c
		}
	}
	if first == nil {
		return accounts.EmailChange{}, accounts.ErrNoEmailChange
	}
	return first.EmailChange, nil
}

// UndoEmailChange implements [accounts.Tx].
func (tx accountsTx) UndoEmailChange(ctx context.Context, hash accounts.Hash, now time.Time) (accounts.EmailChange, error) {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return accounts.EmailChange{}, err
	}
	c, err := st.findChange(accounts.ErrLinkGone, func(c change) bool { return c.undoneBy(hash) && c.undoable(now) })
	if err != nil {
		return accounts.EmailChange{}, err
	}
	st.endChange(c.ID)
	for key, later := range st.changes {
		if later.User == c.User && later.RequestedAt.After(c.RequestedAt) {
			st.endChange(key)
		}
	}
	return c.EmailChange, nil
}

func (st *state) endChange(key id.EmailChange) {
	c := st.changes[key]
	c.ended = true
	st.changes[key] = c
}
