package audit

import (
	"net/netip"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// Action names what happened, "account.email_changed". Each is a constant of the
// domain that emits it, and is never renamed.
type Action string

// Outcome says whether it was done or refused.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Refused Outcome = "refused"
)

// Target is what was acted on, with its name at that time.
type Target struct {
	Kind string `json:"kind"` // "user", "session" …
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// Change is one field before and after. Secrets are never recorded: a password
// change is an entry without changes.
type Change struct {
	Field  string `json:"field"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// Entry is one thing that happened or was refused. Make one with [Actor.Did] or
// [Actor.WasRefused].
//
// The actor's name, IP and UserAgent, the target's name and the changes are
// personal: an entry can be relieved of them and still be proven; see [Line].
type Entry struct {
	ID        id.Entry
	At        time.Time
	Action    Action
	Outcome   Outcome
	Reason    string // the code of a refusal
	ActorKind ActorKind
	ActorID   id.User // zero unless a person
	ActorName string
	Target    Target
	Changes   []Change

	User id.User // whose own history it belongs to; zero: nobody's
	Org  id.Org  // whose log it belongs to; zero: none

	Session   id.Session
	Token     id.Token // when the actor is an API token
	IP        netip.Addr
	UserAgent string
	RequestID string
}

// Did returns the entry for something a has done at now.
func (a Actor) Did(action Action, target Target, now time.Time, changes ...Change) Entry {
	kind := a.Kind
	if kind == "" {
		kind = KindAnonymous
	}
	return Entry{
		ID: id.NewEntry(), At: now, Action: action, Outcome: Done,
		ActorKind: kind, ActorID: a.User, ActorName: a.Name, Target: target, Changes: changes,
		Session: a.Session, Token: a.Token, IP: a.IP, UserAgent: a.UserAgent, RequestID: a.RequestID,
	}
}

// WasRefused returns the entry for something a was refused at now, for the
// reason given as a stable code.
func (a Actor) WasRefused(action Action, target Target, reason string, now time.Time) Entry {
	e := a.Did(action, target, now)
	e.Outcome, e.Reason = Refused, reason
	return e
}

// InHistoryOf returns e as part of a person's own history.
func (e Entry) InHistoryOf(user id.User) Entry {
	e.User = user
	return e
}

// InLogOf returns e as part of an organization's log.
func (e Entry) InLogOf(org id.Org) Entry {
	e.Org = org
	return e
}

// TargetInvitation is the kind of a target that is named by the address of somebody
// who may have no account.
const TargetInvitation = "invitation"

// UserTarget returns a person as a target.
func UserTarget(user id.User, name string) Target {
	return Target{Kind: "user", ID: user.String(), Name: name}
}

// SessionTarget returns a session as a target; name says which device.
func SessionTarget(s id.Session, name string) Target {
	return Target{Kind: "session", ID: s.String(), Name: name}
}
