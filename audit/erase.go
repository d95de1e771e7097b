package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aegisrunner/account-settings/id"
)

// eraseBatch is how many entries are read, and rewritten, in one transaction.
const eraseBatch = 500

// ErasePerson takes what is personal of p out of every entry that names p: where p
// acted, the name, the address and the user agent; where p, or what is named after
// p, was acted on, its name and the changes; and in p's own history all of it, but
// not what is of somebody else who acted. The entries stay, and can be proven as
// before, since what a seal covers of these values is their salted digest, and the
// salts go with them (see [Line]).
//
// It does so in transactions of a bounded size. Killed at any point, and on many
// nodes at once, it has done a part of the work: call it again until it returns
// nil. What was recorded after it was called may be left. Erasing somebody of whom
// nothing is left does nothing.
func (s *Service) ErasePerson(ctx context.Context, p Person) error {
	p.Targets = slices.DeleteFunc(slices.Clone(p.Targets), func(t string) bool { return t == "" })
	p.Addresses = slices.DeleteFunc(slices.Clone(p.Addresses), func(a string) bool { return a == "" })
	for after := (id.Entry{}); ; {
		n, last := 0, after
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
			batch, err := tx.ToErase(ctx, p, after, eraseBatch)
			if n = len(batch); err != nil || n == 0 {
				return err
			}
			for _, e := range batch {
				if err := p.eraseFrom(ctx, tx, e); err != nil {
					return fmt.Errorf("entry %s: %w", e.ID, err)
				}
			}
			last = batch[n-1].ID
			return nil
		})
		if err != nil {
			return fmt.Errorf("audit: erase %s: %w", p.ID, err)
		}
		if n < eraseBatch {
			return nil
		}
		after = last
	}
}

func (p Person) eraseFrom(ctx context.Context, tx Tx, e Stored) error {
	entry, err := e.Line.Entry()
	if err != nil {
		return err
	}
	less, err := e.Line.Erase(p.namedIn(entry, e.User))
	if err != nil || bytes.Equal(less, e.Line) {
		return err
	}
	// One that was removed for its age meanwhile names nobody.
	if err := tx.Rewrite(ctx, e.ID, less); !errors.Is(err, ErrNoEntry) {
		return err
	}
	return nil
}

// namedIn tells which values of an entry, in the history given, are of p.
func (p Person) namedIn(e Entry, history id.User) (what Erasure) {
	own := !p.ID.IsZero() && history == p.ID
	target := own || !p.ID.IsZero() && e.Target.ID == p.ID.String() || e.Target.ID != "" && slices.Contains(p.Targets, e.Target.ID) ||
		e.Target.Kind == TargetInvitation && slices.ContainsFunc(p.Addresses, func(a string) bool { return strings.EqualFold(a, e.Target.Name) })
	if target {
		what |= EraseTarget
	}
	// Who is not signed in and acts on what is p's, by a mailed link, is p, or
	// somebody who pretended to be.
	if !p.ID.IsZero() && e.ActorID == p.ID || target && e.ActorID.IsZero() && e.Token.IsZero() && e.ActorKind != KindSupport {
		what |= EraseActor
	}
	return what
}
