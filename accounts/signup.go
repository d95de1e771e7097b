package accounts

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/internal/clientip"
	"github.com/aegisrunner/account-settings/internal/text"
	"github.com/aegisrunner/account-settings/internal/token"
	"github.com/aegisrunner/account-settings/internal/upload"
	"github.com/aegisrunner/account-settings/internal/zones"
	"github.com/aegisrunner/account-settings/mail"
)

// MaxName is how many code points a name may have, after trimming and NFC.
const MaxName = 100

// StartSignUp mails a link to finish signing up, or, to an address that has an
// account, a notice. The answer, and the work done, are the same for both; past
// 5 mails to one address, and one more every half hour, nothing is sent and the
// answer is still the same. locale is how to write to somebody unknown.
func (s *Service) StartSignUp(ctx context.Context, actor audit.Actor, email, locale string) error {
	now := s.now()
	if err := s.allow(actor, PermSignUp, now); err != nil {
		return err
	}
	addr, err := address.Parse(email)
	if err != nil {
		return err
	}
	if err := s.takeNetwork(ctx, actor, "sign_up"); err != nil {
		return err
	}
	if ok, err := s.mayMail(ctx, addr.Key); !ok {
		return err
	}
	secret := token.New()
	signUp := SignUp{
		Hash: secret.Hash(), Email: addr.Email, EmailKey: addr.Key,
		CreatedAt: now, ExpiresAt: now.Add(s.c.SignUpLifetime),
	}
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		entry := actor.Did(ActionSignUpRequested, s.addressTarget(addr), now)
		to := mail.Recipient{Address: addr.Email, Locale: s.locale(locale), Timezone: s.c.DefaultTimezone}
		var letter mail.Letter = SignUpLetter{Token: secret.Reveal(), ExpiresAt: signUp.ExpiresAt}

		known, err := tx.UserByEmail(ctx, addr.Key)
		switch {
		case err == nil:
			// To the address on the account, never to the one that was typed.
			to, letter = known.recipient(), AccountExistsLetter{}
			entry = entry.InHistoryOf(known.ID)
		case !errors.Is(err, ErrUserNotFound):
			return err
		}
		// Stored in both cases, so that both do the same work. Nobody ever gets
		// the token of the second kind.
		if err := tx.InsertSignUp(ctx, signUp); err != nil {
			return err
		}
		if err := s.post(ctx, tx, to, letter, now); err != nil {
			return err
		}
		return s.recordRequest(ctx, tx, entry, addr)
	})
}

// addressTarget returns an address, which may be nobody's, as a target: as a keyed
// hash. Package security names it by the same, so that entries about one address
// are seen to belong together.
func (s *Service) addressTarget(addr address.Address) audit.Target {
	sum := s.c.MAC("security.attempts", []byte(addr.Key))
	return audit.Target{Kind: "address", ID: hex.EncodeToString(sum[:16])}
}

// AddressTarget returns what the entries about an address are found by that were
// recorded when it was nobody's; zero for what is no address.
func (s *Service) AddressTarget(email string) audit.Target {
	addr, err := address.Parse(email)
	if err != nil {
		return audit.Target{}
	}
	return s.addressTarget(addr)
}

// The first requests of an hour are entries of their own, for each address and
// for each network; after that only those whose count is a power of two. So
// neither a flood nor one over many addresses can fill the log, and its size can
// still be read from it.
const (
	requestWindow = time.Hour
	requestsKept  = 10
)

func kept(n int) bool { return n <= requestsKept || n&(n-1) == 0 }

// recordRequest stores the entry of a request for an address, unless there were
// many. What it does depends on their number alone, and not on who has the
// address.
func (s *Service) recordRequest(ctx context.Context, tx Tx, e audit.Entry, addr address.Address) error {
	// The network last: requests from it wait for one another from here on.
	ofAddress, err := tx.BumpRequests(ctx, s.c.MAC("accounts.sign_up", []byte(addr.Key)), e.At, requestWindow)
	if err != nil {
		return err
	}
	ofNetwork, err := tx.BumpRequests(ctx, s.c.MAC("accounts.sign_up_network", []byte(clientip.Network(e.IP))), e.At, requestWindow)
	if err != nil || !kept(ofAddress) || !kept(ofNetwork) {
		return err
	}
	if n := max(ofAddress, ofNetwork); n > requestsKept {
		e.Changes = []audit.Change{{Field: "requests_in_the_last_hour", After: strconv.Itoa(n)}}
	}
	return tx.AppendAudit(ctx, e)
}

// SignUpByToken returns the sign-up that a link belongs to, without spending
// it, else ErrLinkGone.
func (s *Service) SignUpByToken(ctx context.Context, actor audit.Actor, raw string) (SignUp, error) {
	if err := s.takeNetwork(ctx, actor, "link"); err != nil {
		return SignUp{}, err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return SignUp{}, ErrLinkGone
	}
	return s.c.Store.SignUpByHash(ctx, secret.Hash(), s.now())
}

// NewUser is what somebody says of themselves while signing up.
type NewUser struct {
	Token    string
	Name     string
	Timezone string // "": Config.DefaultTimezone
	Locale   string // "": Config.DefaultLocale
}

// Check returns a fault.Fields that names what CreateFromSignUp would refuse.
func (s *Service) Check(n NewUser) error {
	_, err := s.checked(n)
	return err
}

func (s *Service) checked(n NewUser) (NewUser, error) {
	var f fault.Fields
	name, err := text.Name("name", n.Name, MaxName)
	f.AddFields(err)
	n.Name = name
	if n.Timezone == "" {
		n.Timezone = s.c.DefaultTimezone
	}
	if n.Locale == "" {
		n.Locale = s.c.DefaultLocale
	}
	s.checkTimezone(&f, n.Timezone)
	s.checkLocale(&f, n.Locale)
	return n, f.Err()
}

// CreateFromSignUp spends a link and makes the account. ErrLinkGone if the link
// is gone, ErrEmailTaken if the address has got an account meanwhile. It is
// called inside the transaction that also stores the credential.
func (s *Service) CreateFromSignUp(ctx context.Context, actor audit.Actor, n NewUser) (User, error) {
	secret, ok := token.Parse(n.Token)
	if !ok {
		return User{}, ErrLinkGone
	}
	return s.create(ctx, actor, n, func(ctx context.Context, tx Tx, now time.Time) (email, key string, err error) {
		spent, err := tx.SpendSignUp(ctx, secret.Hash(), now)
		return spent.Email, spent.EmailKey, err
	})
}

// CreateProven makes an account for an address that a link of another kind has
// proven, which the caller spends in the same transaction: an invitation. Errors
// as of CreateFromSignUp.
func (s *Service) CreateProven(ctx context.Context, actor audit.Actor, n NewUser, email, key string) (User, error) {
	return s.create(ctx, actor, n, func(context.Context, Tx, time.Time) (string, string, error) { return email, key, nil })
}

// create makes an account for the address that prove tells, inside the
// transaction.
func (s *Service) create(ctx context.Context, actor audit.Actor, n NewUser, prove func(ctx context.Context, tx Tx, now time.Time) (email, key string, err error)) (User, error) {
	now := s.now()
	if err := s.allow(actor, PermSignUp, now); err != nil {
		return User{}, err
	}
	n, err := s.checked(n)
	if err != nil {
		return User{}, err
	}
	u := User{
		ID: id.NewUser(), Name: n.Name, Timezone: n.Timezone, Locale: n.Locale,
		AvatarKey: upload.NewKey(), CreatedAt: now, UpdatedAt: now,
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		if u.Email, u.EmailKey, err = prove(ctx, tx, now); err != nil {
			return err
		}
		if err := tx.InsertUser(ctx, u); err != nil {
			return err
		}
		return tx.AppendAudit(ctx, actor.As(u.ID, u.Name).Did(ActionCreated, u.target(), now).InHistoryOf(u.ID))
	})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

func (s *Service) checkTimezone(f *fault.Fields, name string) {
	if !zones.Valid(name) {
		f.Add("timezone", "invalid_timezone", "must be an IANA time zone such as Europe/London")
	}
}

func (s *Service) checkLocale(f *fault.Fields, tag string) {
	if !s.localeOK(tag) {
		f.Add("locale", "invalid_locale", "must be one of the offered languages")
	}
}
