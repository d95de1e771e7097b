package security

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

const (
	totpPeriod    = 30 // seconds in a time step (RFC 6238)
	totpSecret    = 20 // bytes, as long as SHA-1 (RFC 4226, section 4)
	suspendAfter  = 100
	suspendedFor  = 24 * time.Hour
	backupCodes   = 8
	backupLetters = 16
)

// typedCode is a code as somebody typed it, in its normal form.
type typedCode struct {
	method audit.Factor
	text   string
}

// parseCode refuses what cannot be a code of the method at all.
func parseCode(method audit.Factor, field, text string) (typedCode, error) {
	c := typedCode{method: method}
	switch method {
	case audit.TOTP:
		c.text = digits(text)
	case audit.BackupCode:
		c.text = normalBackupCode(text)
	default:
		return c, fault.Fields{{Name: "method", Code: "invalid", Message: "must be totp or backup_code"}}
	}
	if strings.TrimSpace(text) == "" {
		return c, fault.Fields{{Name: field, Code: "required", Message: "is required"}}
	}
	return c, nil
}

// parseEitherCode is for a field that takes both kinds.
func parseEitherCode(field, text string) (typedCode, error) {
	if len(digits(text)) == 6 {
		return parseCode(audit.TOTP, field, text)
	}
	return parseCode(audit.BackupCode, field, text)
}

// digits returns text if it is digits, with spaces at will, and else "".
func digits(text string) string {
	if len(text) > 64 {
		return ""
	}
	text = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' {
			return -1
		}
		return r
	}, text)
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return ""
		}
	}
	return text
}

// Backup codes are written in Crockford's base 32: its 32 characters leave out I,
// L, O and U, and what looks alike is read alike. 16 of them are 80 bits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

func newBackupCode() string {
	var b [backupLetters * 5 / 8]byte
	_, _ = rand.Read(b[:]) // never fails
	s := crockford.EncodeToString(b[:])
	return s[:backupLetters/2] + "-" + s[backupLetters/2:]
}

// normalBackupCode returns the 16 characters of a code, however it was typed, or
// "" if it is none.
func normalBackupCode(text string) string {
	if len(text) > 64 {
		return ""
	}
	text = strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\u00a0':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		}
		return r
	}, strings.ToUpper(text))
	if _, err := crockford.DecodeString(text); err != nil || len(text) != backupLetters {
		return ""
	}
	return text
}

func (s *Service) backupHash(user id.User, normal string) Hash {
	return s.c.MAC("security.backup_code", append(user[:], normal...))
}

// newBackupCodes replaces all backup codes of a person and returns the new ones.
func (s *Service) newBackupCodes(ctx context.Context, tx Tx, user id.User, now time.Time) ([]string, error) {
	codes := make([]string, backupCodes)
	hashes := make([]Hash, backupCodes)
	for i := range codes {
		codes[i] = newBackupCode()
		hashes[i] = s.backupHash(user, normalBackupCode(codes[i]))
	}
	return codes, tx.ReplaceBackupCodes(ctx, user, hashes, now)
}

// matchStep returns the time step that a code is of: the present one, the one
// before or the one after (RFC 6238, section 5.2), but none up to last. All three
// are always compared.
func matchStep(secret []byte, code string, last int64, now time.Time) (step int64, ok bool, err error) {
	encoded := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	present := now.Unix() / totpPeriod
	for _, at := range []int64{present - 1, present, present + 1} {
		want, err := hotp.GenerateCodeCustom(encoded, uint64(max(at, 0)), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // not negative
		if err != nil {
			return 0, false, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && at > last && !ok {
			step, ok = at, true
		}
	}
	return step, ok, nil
}

// spendCode uses a code up, and reports whether it was right. A wrong one is
// counted and recorded in tx, which the caller commits in either case.
func (s *Service) spendCode(ctx context.Context, tx Tx, actor audit.Actor, p Person, code typedCode, action audit.Action, now time.Time) (bool, error) {
	right := false
	var err error
	if p.TwoFactor {
		if code.method == audit.TOTP {
			right, err = s.spendTOTP(ctx, tx, p, code.text, now)
		} else {
			right, err = s.spendBackupCode(ctx, tx, actor, p, code.text, now)
		}
	}
	if err != nil || right {
		return right, err
	}
	return false, s.refused(ctx, tx, actor, p, action, now)
}

func (s *Service) spendTOTP(ctx context.Context, tx Tx, p Person, code string, now time.Time) (bool, error) {
	t, err := tx.TOTP(ctx, p.ID)
	if errors.Is(err, ErrFactorNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if wait := t.SuspendedUntil.Sub(now); wait > 0 {
		return false, &fault.Retry{Reason: ErrRateLimited, After: wait}
	}
	secret, err := s.openTOTP(t)
	if err != nil {
		return false, err
	}
	step, ok, err := matchStep(secret, code, t.LastStep, now)
	if err != nil {
		return false, err
	}
	if ok {
		ok, err = tx.AdvanceTOTP(ctx, p.ID, t.ID, step, now)
	}
	if err != nil || ok {
		if ok {
			err = s.reseal(ctx, tx, t, secret)
		}
		return ok, err
	}
	n, err := tx.FailTOTP(ctx, p.ID, suspendAfter, now.Add(suspendedFor))
	if err != nil || n == 0 || n%suspendAfter != 0 {
		return false, err
	}
	entry := audit.System("wrong codes").Did(ActionTOTPSuspended, p.target(), now, audit.Change{Field: "failures", After: itoa(n)})
	if err := tx.AppendAudit(ctx, entry.InHistoryOf(p.ID)); err != nil {
		return false, err
	}
	return false, s.post(ctx, tx, p.Recipient(), TOTPSuspendedLetter{At: now, Until: now.Add(suspendedFor), Failures: n}, now)
}

func (s *Service) spendBackupCode(ctx context.Context, tx Tx, actor audit.Actor, p Person, code string, now time.Time) (bool, error) {
	if code == "" {
		return false, nil
	}
	left, err := tx.SpendBackupCode(ctx, p.ID, s.backupHash(p.ID, code), now)
	if errors.Is(err, ErrInvalidCode) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	entry := actor.As(p.ID, p.Name).Did(ActionBackupCodeUsed, p.target(), now, audit.Change{Field: "left", After: itoa(left)})
	if err := tx.AppendAudit(ctx, entry.InHistoryOf(p.ID)); err != nil {
		return false, err
	}
	return true, s.post(ctx, tx, p.Recipient(), BackupCodeUsedLetter{At: now, Left: left, Device: s.deviceOf(ctx, actor)}, now)
}

func totpContext(t TOTP) []byte { return []byte("totp:" + t.User.String() + ":" + t.ID.String()) }

func (s *Service) openTOTP(t TOTP) ([]byte, error) { return s.c.Sealer.Open(t.Sealed, totpContext(t)) }

// reseal seals a secret under the present key, if it is not yet.
func (s *Service) reseal(ctx context.Context, tx Tx, t TOTP, secret []byte) error {
	if _, present := s.c.Sealer.KeyOf(t.Sealed); present {
		return nil
	}
	sealed, err := s.c.Sealer.Seal(secret, totpContext(t))
	if err != nil {
		return err
	}
	key, _ := s.c.Sealer.KeyOf(sealed)
	_, err = tx.ResealTOTP(ctx, t.User, t.ID, t.Sealed, sealed, key)
	return err
}

// refused records a wrong code in tx. See remember for how many are kept.
func (s *Service) refused(ctx context.Context, tx Tx, actor audit.Actor, p Person, action audit.Action, now time.Time) error {
	n, err := tx.BumpFailures(ctx, s.c.MAC("security.codes", p.ID[:]), now, refusalWindow)
	if err != nil || !kept(n) {
		return err
	}
	entry := actor.WasRefused(action, p.target(), "invalid_code", now).InHistoryOf(p.ID)
	if n > refusalsKept {
		entry.Changes = []audit.Change{{Field: fieldFailures, After: itoa(n)}}
	}
	return tx.AppendAudit(ctx, entry)
}
