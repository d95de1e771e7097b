package audit

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// Appender records entries. Every transaction handle of the module is one.
type Appender interface {
	// AppendAudit stores e if, and only if, the transaction commits. One of an
	// organization's log then waits for its seal. What reads afterwards in the
	// transaction sees it. A store may send it along with what comes next: then a
	// failure to store it comes from there, and at the latest from Update.
	AppendAudit(ctx context.Context, e Entry) error
}

// Position is a place in a log by time. Entries of one instant are in the order
// of their identifiers. The zero value is before the first and after the last.
type Position struct {
	At time.Time
	ID id.Entry
}

// IsZero reports whether p is no place.
func (p Position) IsZero() bool { return p.At.IsZero() && p.ID.IsZero() }

// Position returns where e is.
func (e Entry) Position() Position { return Position{e.At, e.ID} }

// ActorKey is by what a [Filter] finds who acted: "system", "support" and
// "anonymous" for these, else the identifier of the person or of the API token; ""
// if there is none.
func (e Entry) ActorKey() string {
	switch e.ActorKind {
	case KindSystem, KindSupport, KindAnonymous:
		return string(e.ActorKind)
	case KindUser, KindToken:
	}
	return e.actorID()
}

// Filter chooses entries of an organization's log. Its conditions all hold. The
// zero value chooses all.
type Filter struct {
	// Actor is of a person or of an API token, by its identifier, or one of
	// "system", "support" and "anonymous". "": any.
	Actor   string
	Actions []Action // any of these; none: any. At most MaxActions
	Target  string   // by its identifier; "": any

	From, To time.Time // at From or later, before To; zero: unbounded
}

// MaxActions is how many actions a filter names at most.
const MaxActions = 200

// MaxScan is how many entries a store reads for one page at most.
const MaxScan = 10_000

// Stored is an entry as it is stored.
type Stored struct {
	Line Line
	At   time.Time
	ID   id.Entry

	// Of a sealed entry: its place in the log, and what the tree holds of it.
	Sealed bool
	Seq    uint64
	Leaf   [32]byte

	User id.User // whose own history it is in; of [Tx.ToErase] alone
}

// Position returns where the entry is.
func (s Stored) Position() Position { return Position{s.At, s.ID} }

// Page is a part of a log.
type Page struct {
	Items []Stored
	Next  Position // where to go on; zero: that was all
}

// Tree is the Merkle tree of an organization's log (RFC 6962), and how far it is
// kept. The zero value is of a log without an entry.
type Tree struct {
	Org    id.Org
	Size   uint64     // entries sealed so far
	Hashes [][32]byte // the largest full subtrees of [0, Size), from the left

	// Entries before Start have been removed for their age, and what the tree
	// needs of them is in StartHashes: the largest full subtrees of [0, Start).
	Start       uint64
	StartHashes [][32]byte

	Note []byte    // the newest checkpoint, signed (C2SP tlog-checkpoint); nil: none
	At   time.Time // when it was made
}

// Leaf is an entry that is being sealed: its place and what the tree holds of it.
type Leaf struct {
	Entry id.Entry
	Seq   uint64
	Hash  [32]byte
}

// History is what a person has of their own.
type History struct {
	User id.User

	// Oldest is the time of the first entry, by its identifier, that is in no
	// organization's log; zero: there is none.
	Oldest time.Time
}

// Person is whoever is to be named by no entry any more, by what entries are found
// that do.
type Person struct {
	ID        id.User
	Addresses []string // that they have or had, as people have typed them
	Targets   []string // identifiers of what else is named after them
}

// Checkpoint is what a log's tree was at some time.
type Checkpoint struct {
	Size uint64
	At   time.Time
	Note []byte // signed
}

// Reader reads entries.
type Reader interface {
	// Entries returns at most limit entries of the person's own history that
	// are older than before (zero: the newest), newest first.
	Entries(ctx context.Context, user id.User, before id.Entry, limit int) ([]Entry, error)

	// Log returns at most limit entries of an organization's log that f chooses and
	// that are older than before (zero: the newest), newest first, whether sealed
	// or not; Sealed, Seq and Leaf are not set. It reads at most [MaxScan] entries,
	// and may return fewer than limit, even none, with a Next to go on from.
	Log(ctx context.Context, org id.Org, f Filter, before Position, limit int) (Page, error)

	// Lines is Log from the oldest on, after the position given (zero: the oldest),
	// with Sealed, Seq and Leaf.
	Lines(ctx context.Context, org id.Org, f Filter, after Position, limit int) (Page, error)

	// Sealed returns at most limit entries of a log in the order of their seals,
	// beginning with place from or the first that is kept.
	Sealed(ctx context.Context, org id.Org, from uint64, limit int) ([]Stored, error)

	// Find returns an entry of an organization's log without its Line, or
	// [ErrNoEntry].
	Find(ctx context.Context, org id.Org, e id.Entry) (Stored, error)

	// LogTree returns the tree of an organization's log; of one in which nothing was
	// sealed yet it has Org alone.
	LogTree(ctx context.Context, org id.Org) (Tree, error)

	// Checkpoints returns at most limit checkpoints of a log whose size is below
	// that given (zero: any), the largest first. One that ended before the first
	// entry that is kept is removed with the entries.
	Checkpoints(ctx context.Context, org id.Org, below uint64, limit int) ([]Checkpoint, error)

	// Unsealed returns at most limit organizations that have entries without a
	// seal, and the time of the oldest such entry of all (zero: none), whatever the
	// limit. The oldest of an organization is that with the first identifier.
	Unsealed(ctx context.Context, limit int) ([]id.Org, time.Time, error)

	// Logs returns at most limit organizations in whose logs something was sealed,
	// in the order of their identifiers, after the one given (zero: the first).
	Logs(ctx context.Context, after id.Org, limit int) ([]id.Org, error)

	// Histories returns at most limit people who have a history of their own, in the
	// order of their identifiers, after the one given (zero: the first).
	Histories(ctx context.Context, after id.User, limit int) ([]History, error)
}

// Tx is a transaction of the log. An entry is changed in two ways alone: what
// names a person is erased, and what is too old is removed.
type Tx interface {
	Reader
	Appender

	// LockTree returns the tree of an organization's log and keeps others from
	// locking it until the transaction ends: it waits for whoever has. Appending
	// does not wait for it where several transactions can write at a time.
	LockTree(ctx context.Context, org id.Org) (Tree, error)

	// ToSeal returns at most limit entries of an organization's log that have no
	// seal, in the order of their identifiers.
	ToSeal(ctx context.Context, org id.Org, limit int) ([]Stored, error)

	// Seal records that leaves follow in the log, which nobody else has locked,
	// and what its tree and its newest checkpoint are then. An entry that has a
	// seal already is an error, as is a place that is taken.
	Seal(ctx context.Context, t Tree, leaves []Leaf) error

	// Expired returns at most limit of the oldest sealed entries of a log, in the
	// order of the log, up to and without the first that is not older than
	// cutoff; their Line is not set.
	Expired(ctx context.Context, org id.Org, cutoff time.Time, limit int) ([]Stored, error)

	// Prune removes the entries of a log before t.Start and the checkpoints whose
	// size is less, and stores t.
	Prune(ctx context.Context, t Tree) error

	// ToErase returns at most limit entries after the identifier given (zero: from
	// the first), in the order of their identifiers, in which p is named: those of
	// p's own history, and, in whosever log or history, those whose actor is p, whose
	// target is p or has one of these identifiers, or whose target is an invitation
	// with one of these addresses for its name, without regard to the case of ASCII
	// letters. Sealed, Seq and Leaf are not set.
	ToErase(ctx context.Context, p Person, after id.Entry, limit int) ([]Stored, error)

	// Rewrite stores a line in place of an entry's own: one with less in it. An
	// entry that is not stored is [ErrNoEntry].
	Rewrite(ctx context.Context, e id.Entry, l Line) error

	// RemoveHistory removes at most limit entries of a person's own history that
	// are in no organization's log and older than cutoff, and returns how many.
	RemoveHistory(ctx context.Context, user id.User, cutoff time.Time, limit int) (int, error)

	// RemoveNobodys removes at most limit entries that are in nobody's history and in
	// no organization's log and older than cutoff, and returns how many.
	RemoveNobodys(ctx context.Context, cutoff time.Time, limit int) (int, error)
}

// Store keeps entries. Implementations are safe for concurrent use.
type Store interface {
	Reader

	// Update runs fn in one transaction, as the Update of every domain does.
	Update(ctx context.Context, fn func(ctx context.Context, tx Tx) error) error
}
