package memstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// place is a device in a country, of which either may be unknown.
type place struct {
	user    id.User
	device  security.Hash
	country string
}

// Seen implements [security.FactorReader].
func (r securityReader) Seen(ctx context.Context, user id.User, device security.Hash, country string) (security.Seen, error) {
	st, err := r.view(ctx)
	if err != nil {
		return security.Seen{}, err
	}
	var seen security.Seen
	for p := range st.seen {
		if p.user != user {
			continue
		}
		seen.Any = true
		if p.device == device && device != (security.Hash{}) {
			seen.Device = true
		}
		if p.country == country && country != "" {
			seen.Country = true
		}
	}
	seen.LastSeenAt = st.seen[place{user, device, country}]
	return seen, nil
}

// NoteSeen implements [security.FactorTx].
func (tx securityTx) NoteSeen(ctx context.Context, user id.User, device security.Hash, country string, now time.Time) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	if !st.enters(user) {
		return security.ErrPersonNotFound
	}
	st.seen[place{user, device, country}] = now
	var all []place
	for p := range st.seen {
		if p.user == user {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b place) int { return st.seen[b].Compare(st.seen[a]) })
	for _, p := range all[min(len(all), maxSeen):] {
		delete(st.seen, p)
	}
	return nil
}

// maxSeen is how many pairs of a device and a country are kept of a person.
const maxSeen = 200

// ForgetSeen implements [security.FactorTx].
func (tx securityTx) ForgetSeen(ctx context.Context, user id.User) error {
	st, err := tx.scope.view(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(st.seen, func(p place, _ time.Time) bool { return p.user == user })
	return nil
}
