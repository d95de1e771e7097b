package notify

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
)

// A token is the identifier of the person, the number of the category, and the MAC,
// in unpadded URL-safe base64 (RFC 4648, section 5). The address is in the MAC alone.
const (
	macSize   = 32
	tokenSize = 16 + 1 + macSize
)

// numbers are those of the categories in tokens. They are never changed.
var numbers = map[Category]byte{WeeklyDigest: 1, PlanLimitWarnings: 2, ProductUpdates: 3, RetentionNudges: 4}

// token returns what switches a category off for a person at this address.
func (s *Service) token(user id.User, addressKey string, c Category) string {
	head := append(user[:], numbers[c])
	sum := s.c.MAC("notify.unsubscribe", append(slices.Clone(head), addressKey...))
	return base64.RawURLEncoding.EncodeToString(append(head, sum[:]...))
}

// parseToken takes a token apart, whether or not its MAC is right.
func parseToken(raw string) (user id.User, c Category, ok bool) {
	if len(raw) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return user, "", false
	}
	var b [tokenSize + 3]byte // a line end in the text is skipped by the decoder
	n, err := base64.RawURLEncoding.Strict().Decode(b[:], []byte(raw))
	if err != nil || n != tokenSize {
		return user, "", false
	}
	copy(user[:], b[:])
	for category, number := range numbers {
		if number == b[16] {
			return user, category, true
		}
	}
	return user, "", false
}

// matches reports whether raw is the token of a person and a category.
func (s *Service) matches(raw string, u Person, c Category) bool {
	return hmac.Equal([]byte(raw), []byte(s.token(u.ID, u.EmailKey, c)))
}

// Unsubscription returns the category that a link is about, and changes nothing;
// else ErrLink.
func (s *Service) Unsubscription(ctx context.Context, actor audit.Actor, raw string) (Category, error) {
	user, c, err := s.link(ctx, actor, raw)
	if err != nil {
		return "", err
	}
	u, err := s.c.Store.Person(ctx, user)
	return c, s.checked(raw, u, c, err)
}

// Unsubscribe switches a category off by the link in a mail: whoever holds it
// acts, and not who is signed in. Doing so again is no error and changes nothing.
// Of warnings about a plan's limits, those about organizations on the free plan go
// on to be sent. ErrLink.
func (s *Service) Unsubscribe(ctx context.Context, actor audit.Actor, raw string) (Category, error) {
	user, c, err := s.link(ctx, actor, raw)
	if err != nil {
		return "", err
	}
	actor, now := actor.AsNobody(), s.now()
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		u, err := tx.LockPerson(ctx, user)
		if err := s.checked(raw, u, c, err); err != nil {
			return err
		}
		choices, err := tx.Choices(ctx, u.ID)
		if err != nil {
			return err
		}
		all, err := s.c.Directory.Organizations(ctx, u.ID)
		if err != nil {
			return err
		}
		before := s.preferences(choices, anyPaid(all))
		for i := range before {
			// What the plan decides today is the person's to decide tomorrow.
			if on, ok := choices[c]; ok && before[i].Category == c {
				before[i].Enabled, before[i].chosen = on, true
			}
			before[i].Locked = false
		}
		changes, err := choose(ctx, tx, u.ID, before, off(c), now)
		if err != nil || len(changes) == 0 {
			return err
		}
		return tx.AppendAudit(ctx, actor.Did(ActionUnsubscribed, u.target(), now, changes...).InHistoryOf(u.ID))
	})
	return c, err
}

// link bounds what one network may try, and takes a token apart.
func (s *Service) link(ctx context.Context, actor audit.Actor, raw string) (id.User, Category, error) {
	if err := policy.Check(actor, PermUnsubscribe, s.now(), 0); err != nil {
		return id.User{}, "", err
	}
	if err := s.takeNetwork(ctx, actor, "unsubscribe"); err != nil {
		return id.User{}, "", err
	}
	user, c, ok := parseToken(raw)
	if !ok {
		return id.User{}, "", ErrLink
	}
	return user, c, nil
}

// checked returns ErrLink unless the person was found and the token is theirs.
func (s *Service) checked(raw string, u Person, c Category, err error) error {
	if err == nil && !s.matches(raw, u, c) || errors.Is(err, ErrPersonNotFound) {
		return ErrLink
	}
	return err
}
