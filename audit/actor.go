package audit

import (
	"net/netip"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// ActorKind says what sort of caller an [Actor] is.
type ActorKind string

// The kinds of actor.
const (
	KindAnonymous ActorKind = "anonymous" // nobody is signed in
	KindUser      ActorKind = "user"      // a person, by a session
	KindToken     ActorKind = "api_token" // a program, by an API token
	KindSystem    ActorKind = "system"    // a job of the product itself
	KindSupport   ActorKind = "support"   // the host's staff, through the service API
)

// Actor is who asks for an operation. It is the second argument of everything
// that changes or reveals something. HTTP builds it from the session; a host
// that calls services directly builds its own. The zero value is anonymous.
type Actor struct {
	Kind    ActorKind
	User    id.User
	Name    string // at this moment; entries keep it
	Session id.Session
	Token   id.Token // of an API token

	// Version is that of the credential at the time of authentication, and
	// SignedInAt when the session began. What changes a credential refuses an
	// actor of a former version.
	Version    int64
	SignedInAt time.Time

	Proofs       Proofs // when each factor was last proven in this session
	SecondFactor bool   // step-up asks for the second factor
	HasTOTP      bool
	HasPassword  bool
	HasPasskey   bool
	Limited      Limit // what the session is good for; "": everything

	// Device is the SHA-256 of what the browser is recognised by. It proves
	// nothing. Zero: not recognised.
	Device [32]byte

	IP        netip.Addr
	UserAgent string // at most 512 bytes
	RequestID string
}

// System returns the actor of the product's own jobs.
func System(job string) Actor { return Actor{Kind: KindSystem, Name: job} }

// SignedIn reports whether a person acts by a session.
func (a Actor) SignedIn() bool { return a.Kind == KindUser && !a.User.IsZero() }

// As returns the same caller (address, agent, request) as the person who has
// just been recognised.
func (a Actor) As(user id.User, name string) Actor {
	a.Kind, a.User, a.Name = KindUser, user, name
	return a
}

// AsSystem returns the product itself, acting for a consequence of what this
// caller's request did.
func (a Actor) AsSystem(job string) Actor {
	return Actor{Kind: KindSystem, Name: job, IP: a.IP, UserAgent: a.UserAgent, RequestID: a.RequestID}
}

// AsNobody returns the same caller with nobody signed in: who holds a mailed
// link acts, and not who happens to be signed in where it is opened.
func (a Actor) AsNobody() Actor {
	return Actor{Kind: KindAnonymous, IP: a.IP, UserAgent: a.UserAgent, RequestID: a.RequestID}
}

// Factor is a way of proving who one is.
type Factor string

// The factors.
const (
	Password   Factor = "password"
	TOTP       Factor = "totp"
	BackupCode Factor = "backup_code"
	Passkey    Factor = "passkey" // with user verification: it is both factors
	EmailCode  Factor = "email_code"
	SSO        Factor = "sso"
)

// Proofs is when each factor was last proven in a session. Zero: never.
type Proofs struct {
	Password, TOTP, BackupCode, Passkey, EmailCode, SSO time.Time
}

// With returns p with factor f proven at t.
func (p Proofs) With(f Factor, t time.Time) Proofs {
	switch f {
	case Password:
		p.Password = t
	case TOTP:
		p.TOTP = t
	case BackupCode:
		p.BackupCode = t
	case Passkey:
		p.Passkey = t
	case EmailCode:
		p.EmailCode = t
	case SSO:
		p.SSO = t
	}
	return p
}

// ahead is how much later than now a proof may be: clocks of nodes differ. One
// from further in the future, as after a clock was set back, is not fresh.
const ahead = 2 * time.Minute

// Fresh reports whether factor f was proven no longer ago than age.
func (p Proofs) Fresh(f Factor, now time.Time, age time.Duration) bool {
	at := p.At(f)
	return !at.IsZero() && !at.Before(now.Add(-age)) && !at.After(now.Add(ahead))
}

// At returns when factor f was last proven; zero: never.
func (p Proofs) At(f Factor) time.Time {
	switch f {
	case Password:
		return p.Password
	case TOTP:
		return p.TOTP
	case BackupCode:
		return p.BackupCode
	case Passkey:
		return p.Passkey
	case EmailCode:
		return p.EmailCode
	case SSO:
		return p.SSO
	}
	return time.Time{}
}

// TwoFactors reports whether, taken together, they are proof of two factors: a
// passkey, or another first factor with a code.
func (p Proofs) TwoFactors() bool {
	first := !p.Password.IsZero() || !p.EmailCode.IsZero() || !p.SSO.IsZero()
	return !p.Passkey.IsZero() || first && (!p.TOTP.IsZero() || !p.BackupCode.IsZero())
}

// fresh reports whether the factor that step-up asks for was proven: the second
// one where one is enrolled, else any of the person's own. SSO is the
// organization's proof and not the person's.
func (p Proofs) fresh(secondFactor bool, now time.Time, age time.Duration) bool {
	if p.Fresh(TOTP, now, age) || p.Fresh(BackupCode, now, age) || p.Fresh(Passkey, now, age) {
		return true
	}
	return !secondFactor && (p.Fresh(Password, now, age) || p.Fresh(EmailCode, now, age))
}
