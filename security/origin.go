package security

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/address"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/internal/token"
)

const (
	alertLasts = 7 * 24 * time.Hour
	noteEvery  = 24 * time.Hour // how often an earlier sign-in is brought up to date
)

// origin is where a sign-in comes from. It is found out before the transaction.
type origin struct {
	place  Place
	device Hash  // what the device is remembered by
	fresh  Token // what the browser will be recognised by; zero: it is already
	seen   Seen
	known  bool // by what the browser showed, which cannot be guessed
}

// originOf asks the same of somebody unknown as of a person.
func (s *Service) originOf(ctx context.Context, actor audit.Actor, p Person) (origin, error) {
	o := s.arrival(ctx, actor)
	seen, err := s.c.Store.Seen(ctx, p.ID, o.device, o.place.CountryCode)
	o.compare(seen, actor)
	return o, err
}

// originOfEmail is originOf for whoever has an address, together with who it is:
// nobody, if nobody has it.
func (s *Service) originOfEmail(ctx context.Context, actor audit.Actor, key string, now time.Time) (Person, origin, error) {
	o := s.arrival(ctx, actor)
	p, seen, err := s.c.Store.PersonSeen(ctx, key, o.device, o.place.CountryCode)
	if errors.Is(err, ErrPersonNotFound) {
		err = nil
	}
	if p.gone(now) {
		p, seen = Person{}, Seen{}
	}
	o.compare(seen, actor)
	return p, o, err
}

// arrival is what can be said of an origin whoever comes from there.
func (s *Service) arrival(ctx context.Context, actor audit.Actor) (o origin) {
	o.place = s.Place(ctx, actor.IP)
	o.device = actor.Device
	if o.device == (Hash{}) {
		// Programs keep no cookies, and people clear theirs: the same software in
		// the same network is no reason to write. It is no reason to trust either.
		d := device.Parse(actor.UserAgent)
		o.device = s.c.MAC("security.device", []byte(d.Name()+"\x00"+surroundings(actor.IP)))
		o.fresh = token.New()
	}
	return o
}

// compare adds what is known of the one who comes from there.
func (o *origin) compare(seen Seen, actor audit.Actor) {
	o.seen = seen
	o.known = actor.Device != (Hash{}) && seen.Device
}

// without makes nothing to recognise a client by that keeps no cookies.
func (o *origin) without(cookies bool) {
	if cookies {
		o.fresh = Token{}
	}
}

// onlyHere forgets all devices of a person but the one that acts: others may be
// known from a time when somebody else knew the password.
func (s *Service) onlyHere(ctx context.Context, tx Tx, user id.User, o origin, now time.Time) error {
	if err := tx.ForgetSeen(ctx, user); err != nil {
		return err
	}
	return tx.NoteSeen(ctx, user, o.device, o.place.CountryCode, now)
}

// surroundings is the /24 of an IPv4 address and the /48 of an IPv6 address:
// what one provider gives to one place.
func surroundings(ip netip.Addr) string {
	bits := 48
	if ip = ip.Unmap(); ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// Place returns where an address is, as far as is known.
func (s *Service) Place(ctx context.Context, ip netip.Addr) Place {
	if s.c.Geolocator == nil || !ip.IsValid() {
		return Place{}
	}
	place, err := s.c.Geolocator.Locate(ctx, ip)
	if err != nil {
		s.c.Log.WarnContext(ctx, "security: place not looked up", "err", err)
		return Place{}
	}
	if len(place.CountryCode) != 2 {
		place.CountryCode = "" // not a code
	}
	return place
}

// recognise remembers where somebody signed in from, and writes to the person if
// that is new. The first time is no news.
func (s *Service) recognise(ctx context.Context, tx Tx, actor audit.Actor, p Person, o origin, now time.Time) error {
	country := o.place.CountryCode
	if !o.seen.Device || now.Sub(o.seen.LastSeenAt) >= noteEvery {
		if err := tx.NoteSeen(ctx, p.ID, o.device, country, now); err != nil {
			return err
		}
	}
	if !o.fresh.IsZero() {
		if err := tx.NoteSeen(ctx, p.ID, o.fresh.Hash(), country, now); err != nil {
			return err
		}
	}
	if !o.seen.Any || o.seen.Device && (o.seen.Country || country == "") {
		return nil
	}
	secret := token.New()
	alert := Alert{Hash: secret.Hash(), User: p.ID, SignedInAt: now, ExpiresAt: now.Add(alertLasts)}
	if err := tx.InsertAlert(ctx, alert); err != nil {
		return err
	}
	return s.post(ctx, tx, p.Recipient(), NewDeviceLetter{
		Token: secret.Reveal(), At: now, ExpiresAt: alert.ExpiresAt, Device: s.deviceOf(ctx, actor), NewCountry: o.seen.Device,
	}, now)
}

// CheckAlert returns nil if a "this wasn't me" link could be used now, else
// ErrLinkGone. It does not use the link.
func (s *Service) CheckAlert(ctx context.Context, actor audit.Actor, raw string) error {
	if _, err := s.take(ctx, networkUnit(budgetLink, actor)); err != nil {
		return err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return ErrLinkGone
	}
	_, err := s.c.Store.AlertByHash(ctx, secret.Hash(), s.now())
	return err
}

// NotMe is what the person does who was told of a sign-in that was somebody
// else's: all sessions end, the password opens nothing any more, factors added
// since that sign-in go, and a link to set a new password is mailed. Before that,
// in the same transaction, restore brings an address back that was changed since;
// nil: there is none. ErrLinkGone.
func (s *Service) NotMe(ctx context.Context, actor audit.Actor, raw string, restore func(ctx context.Context, user id.User, since time.Time) error) error {
	now := s.now()
	if err := s.allow(actor, PermNotMe, now); err != nil {
		return err
	}
	if _, err := s.take(ctx, networkUnit(budgetLink, actor)); err != nil {
		return err
	}
	secret, ok := token.Parse(raw)
	if !ok {
		return ErrLinkGone
	}
	actor = actor.AsNobody()
	err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		alert, err := tx.SpendAlert(ctx, secret.Hash(), now)
		if err != nil {
			return err
		}
		if restore != nil {
			if err := restore(ctx, alert.User, alert.SignedInAt); err != nil {
				return err
			}
		}
		p, err := tx.LockPerson(ctx, alert.User)
		if err == nil && p.deleted() {
			err = ErrPersonNotFound
		}
		if err != nil {
			return err
		}
		if err := tx.AppendAudit(ctx, actor.Did(ActionNotMe, p.target(), now).InHistoryOf(p.ID)); err != nil {
			return err
		}
		return s.recover(ctx, tx, actor, p, alert.SignedInAt, now)
	})
	if unauthenticatedIfGone(err) == audit.ErrUnauthenticated { //nolint:errorlint // made there
		return ErrLinkGone
	}
	return err
}

// Recover is called in the transaction that gave a person the old address back:
// somebody else had got in. Sessions end, the password opens nothing any more,
// factors added at since or later go, and a link to set a new password is mailed.
func (s *Service) Recover(ctx context.Context, actor audit.Actor, user id.User, since time.Time) error {
	now := s.now()
	return s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		p, err := tx.LockPerson(ctx, user)
		if err != nil {
			return err
		}
		return s.recover(ctx, tx, actor, p, since, now)
	})
}

// recover is for a person who is locked.
func (s *Service) recover(ctx context.Context, tx Tx, actor audit.Actor, p Person, since, now time.Time) error {
	version, err := tx.SetPassword(ctx, p.ID, "", now)
	if err != nil {
		return err
	}
	ended, err := tx.RevokeSessions(ctx, p.ID, id.Session{})
	if err != nil {
		return err
	}
	entry := actor.Did(ActionPasswordVoided, p.target(), now, sessionsEnded(ended)...)
	if err := tx.AppendAudit(ctx, entry.InHistoryOf(p.ID)); err != nil {
		return err
	}
	if err := s.dropFactors(ctx, tx, actor, p, since, now); err != nil {
		return err
	}
	if err := tx.ForgetSeen(ctx, p.ID); err != nil {
		return err
	}
	addr, err := address.Parse(p.Email)
	if err != nil {
		return err
	}
	p.Version = version
	if err := s.startReset(ctx, tx, actor, s.accountKey(addr.Key), p, now); err != nil {
		return err
	}
	return tx.AppendAudit(ctx, actor.Did(ActionResetRequested, p.target(), now).InHistoryOf(p.ID))
}

// dropFactors removes what was enrolled at since or later.
func (s *Service) dropFactors(ctx context.Context, tx Tx, actor audit.Actor, p Person, since, now time.Time) error {
	passkeys, err := tx.Passkeys(ctx, p.ID)
	if err != nil {
		return err
	}
	for _, k := range passkeys {
		if k.CreatedAt.Before(since) {
			continue
		}
		if _, err := tx.DeletePasskey(ctx, p.ID, k.ID); err != nil {
			return err
		}
		if err := tx.AppendAudit(ctx, actor.Did(ActionPasskeyRemoved, k.target(), now).InHistoryOf(p.ID)); err != nil {
			return err
		}
	}
	t, err := tx.TOTP(ctx, p.ID)
	switch {
	case fault.Code(err) == ErrFactorNotFound.Code():
		return nil
	case err != nil:
		return err
	case !t.ConfirmedAt.IsZero() && t.ConfirmedAt.Before(since):
		return s.dropBackupCodes(ctx, tx, actor, p, since, now)
	}
	if err := tx.DeleteTOTP(ctx, p.ID); err != nil || t.ConfirmedAt.IsZero() {
		return err
	}
	if err := tx.ReplaceBackupCodes(ctx, p.ID, nil, now); err != nil {
		return err
	}
	if err := tx.AppendAudit(ctx, actor.Did(ActionTOTPDisabled, p.target(), now).InHistoryOf(p.ID)); err != nil {
		return err
	}
	return s.c.TwoFactor.SecondFactorChanged(ctx, actor, p.ID, false, now)
}

// dropBackupCodes removes those that were made at since or later.
func (s *Service) dropBackupCodes(ctx context.Context, tx Tx, actor audit.Actor, p Person, since, now time.Time) error {
	n, err := tx.DropBackupCodes(ctx, p.ID, since)
	if err != nil || n == 0 {
		return err
	}
	entry := actor.Did(ActionBackupCodesVoided, p.target(), now, audit.Change{Field: "voided", After: itoa(n)})
	return tx.AppendAudit(ctx, entry.InHistoryOf(p.ID))
}
