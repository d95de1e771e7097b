package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

// ActionExported is recorded in the log that was exported. Never renamed.
const ActionExported Action = "audit.exported"

// Events are the actions of this package.
func Events() []Event {
	return []Event{{
		Action: ActionExported, Sentence: "{actor} exported the audit log", Target: "org",
		Fields: []string{"format", "actor", "action", "target", "from", "to"},
	}}
}

// Gate tells who may read the log of an organization.
type Gate interface {
	// AdmitToLog returns the organization that ref, an identifier or a slug, names
	// and its name, if a may read its log now, and the error of its own otherwise:
	// nobody signed in, no such organization, not with that role, not on that plan.
	AdmitToLog(ctx context.Context, a Actor, ref string) (org id.Org, name string, err error)

	// KeepsLog returns for how long the entries of an organization are kept;
	// negative: for ever.
	KeepsLog(ctx context.Context, org id.Org) (time.Duration, error)

	// KeepsHistory returns for how long the entries of a person's own history are
	// kept; negative: for ever. Zero asks for entries that are in nobody's.
	KeepsHistory(ctx context.Context, user id.User) (time.Duration, error)
}

// Config configures a [Service].
type Config struct {
	Store Store // required
	Gate  Gate  // required

	// MAC returns a keyed hash that stays the same for ever: the key that signs
	// checkpoints is made of it. Required.
	MAC func(purpose string, data []byte) [32]byte

	// Origin is the first part of the name under which checkpoints are signed, a
	// host and a path without a scheme, "app.acme.test/audit". Required.
	Origin string

	// Events are the actions of all domains.
	Events []Event

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard
}

// Service reads, exports, seals and prunes the logs of organizations, prunes what
// people have of their own, and erases who is gone from both. It is safe for
// concurrent use.
type Service struct {
	c      Config
	key    ed25519.PrivateKey
	events []Event // by action
}

// NewService returns a service, or an error that names every missing field.
func NewService(c Config) (*Service, error) {
	var errs []error
	missing := func(is bool, field string) {
		if is {
			errs = append(errs, errors.New("audit: Config."+field+" is required"))
		}
	}
	missing(c.Store == nil, "Store")
	missing(c.Gate == nil, "Gate")
	missing(c.MAC == nil, "MAC")
	missing(c.Origin == "" || strings.ContainsAny(c.Origin, "+ \n"), "Origin")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	events := slices.Clone(c.Events)
	slices.SortFunc(events, func(a, b Event) int { return strings.Compare(string(a.Action), string(b.Action)) })
	seed := c.MAC("audit.checkpoint", []byte("ed25519"))
	return &Service{c: c, key: ed25519.NewKeyFromSeed(seed[:]), events: events}, nil
}

func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// Events returns all actions, by name.
func (s *Service) Events() []Event { return slices.Clone(s.events) }

// ActionsOf returns the catalogue to those who may read the log.
func (s *Service) ActionsOf(ctx context.Context, a Actor, ref string) ([]Event, error) {
	if _, _, err := s.c.Gate.AdmitToLog(ctx, a, ref); err != nil {
		return nil, err
	}
	return s.Events(), nil
}

// Check returns f with its actions as the catalogue has them, each once, or a
// [fault.Fields] for what cannot be: "actor", "action", "to".
func (s *Service) Check(f Filter) (Filter, error) {
	var wrong fault.Fields
	if f.Actor != "" && !slices.Contains([]string{string(KindSystem), string(KindSupport), string(KindAnonymous)}, f.Actor) {
		if _, err := id.ParseUser(f.Actor); err != nil {
			wrong = append(wrong, fault.Field{Name: "actor", Code: "invalid", Message: "must be the identifier of a person or token, or system, support or anonymous"})
		}
	}
	var actions []Action
	for _, pattern := range f.Actions {
		chosen := Choose(s.events, string(pattern))
		if len(chosen) == 0 {
			wrong = append(wrong, fault.Field{Name: "action", Code: "invalid", Message: "names an action that there is not"})
			break
		}
		actions = append(actions, chosen...)
	}
	slices.Sort(actions)
	f.Actions = slices.Compact(actions)
	if len(f.Actions) > MaxActions {
		wrong = append(wrong, fault.Field{Name: "action", Code: "too_many", Message: "chooses more than " + strconv.Itoa(MaxActions) + " actions"})
	}
	if len(f.Target) > 255 {
		wrong = append(wrong, fault.Field{Name: "target", Code: "too_long", Message: "is longer than 255 bytes"})
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		wrong = append(wrong, fault.Field{Name: "to", Code: "before_from", Message: "must be later than from"})
	}
	if len(wrong) > 0 {
		return Filter{}, wrong
	}
	return f, nil
}

// Listing is a page of a log.
type Listing struct {
	Entries []Entry
	Next    Position // where to go on; zero: that was all
}

// Log returns at most limit entries of an organization's log that f chooses,
// older than before (zero: the newest), newest first. A page may be short, even
// empty, and still have a Next: a store reads a bounded number of entries for
// one. Entries that arrive meanwhile do not move a page.
func (s *Service) Log(ctx context.Context, a Actor, ref string, f Filter, before Position, limit int) (Listing, error) {
	org, _, err := s.c.Gate.AdmitToLog(ctx, a, ref)
	if err != nil {
		return Listing{}, err
	}
	if f, err = s.Check(f); err != nil {
		return Listing{}, err
	}
	page, err := s.c.Store.Log(ctx, org, f, before, limit)
	if err != nil {
		return Listing{}, err
	}
	l := Listing{Entries: make([]Entry, len(page.Items)), Next: page.Next}
	for i, item := range page.Items {
		if l.Entries[i], err = item.Line.Entry(); err != nil {
			return Listing{}, err
		}
		l.Entries[i].Org = org
	}
	return l, nil
}
