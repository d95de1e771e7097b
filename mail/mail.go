// Package mail carries mail from a transaction to a mailbox.
//
// # How a letter travels
//
// A domain writes a typed [Letter] into the [Outbox] of its transaction: the
// letter is sent if, and only if, the change commits. What the letter says is
// sealed, because links in it are live secrets. A [Courier] claims waiting
// letters, has them rendered into a [Message], hands that to the [Mailer], and
// blanks them. Delivery is at least once: a process killed between the mailer's
// answer and the note of it sends the letter again, with the same Message-ID.
//
// A host that has its own templates gives [Courier] its own [Renderer] and gets
// the typed data.
package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// Letter is what a domain wants said: typed data, without words. A letter
// marshals to JSON and back, and has a value receiver for Kind.
type Letter interface {
	// Kind names the letter, "account.confirm_email". It is never renamed.
	Kind() string
}

// Urgency decides what is delivered first when there is a backlog.
type Urgency int

// The urgencies.
const (
	Urgent Urgency = 0 // security: codes, links, alerts
	Normal Urgency = 1
	Bulk   Urgency = 2
)

// Recipient is whom a letter goes to, and how to speak to them.
type Recipient struct {
	Address  string // as the person typed it
	Name     string
	Locale   string // BCP 47, "" for the product's default
	Timezone string // IANA name, "" for UTC
}

// Envelope is a letter in the outbox.
type Envelope struct {
	ID        id.Mail
	Kind      string
	To        Recipient
	Urgency   Urgency
	Sealed    []byte // the letter as JSON, sealed with the ID as context
	CreatedAt time.Time
	DueAt     time.Time // not delivered before
	Attempts  int       // failed so far
}

// Outbox takes letters. Every transaction handle of the module is one.
type Outbox interface {
	// EnqueueMail stores e if, and only if, the transaction commits. A store may
	// send it along with what comes next: then a failure to store it comes from
	// there, and at the latest from Update.
	EnqueueMail(ctx context.Context, e Envelope) error
}

// Sealer encrypts what must not lie open in a database. context is
// authenticated and not stored: what was sealed for one row opens for no other.
type Sealer interface {
	Seal(plaintext, context []byte) ([]byte, error)
	Open(sealed, context []byte) ([]byte, error)
}

// Seal puts a letter into an envelope.
func Seal(s Sealer, to Recipient, u Urgency, l Letter, now time.Time) (Envelope, error) {
	e := Envelope{ID: id.NewMail(), Kind: l.Kind(), To: to, Urgency: u, CreatedAt: now, DueAt: now}
	plain, err := json.Marshal(l)
	if err != nil {
		return Envelope{}, fmt.Errorf("mail: encode %s: %w", l.Kind(), err)
	}
	e.Sealed, err = s.Seal(plain, e.context())
	if err != nil {
		return Envelope{}, fmt.Errorf("mail: seal %s: %w", l.Kind(), err)
	}
	return e, nil
}

// Open returns the letter as JSON.
func (e Envelope) Open(s Sealer) (json.RawMessage, error) {
	plain, err := s.Open(e.Sealed, e.context())
	if err != nil {
		return nil, fmt.Errorf("mail: open %s: %w", e.Kind, err)
	}
	return plain, nil
}

func (e Envelope) context() []byte { return []byte("mail:" + e.ID.String()) }

// Message is a rendered mail.
type Message struct {
	ID      id.Mail // stable over repeated deliveries; makes the Message-ID
	Kind    string
	From    string // RFC 5322 address, "Acme <hello@acme.test>"
	To      string // the bare address
	ToName  string
	Subject string // one line
	Text    string // equal in content to HTML
	HTML    string
	Headers map[string]string // further headers, "List-Unsubscribe"
}

// Mailer hands a message to whatever carries it. It is called outside of any
// transaction, and may be called again for the same Message.ID. An error that
// wraps [ErrRejected] means that trying again is no use.
//
// The text of an error may name the recipient, so it is not logged. An error
// that can say what went wrong without doing so has a method Reason() string.
type Mailer interface {
	SendMail(ctx context.Context, m Message) error
}

// ErrRejected is wrapped by a [Mailer] when the message will never be accepted.
var ErrRejected = errors.New("mail: rejected for good")

// ErrNoMailbox is wrapped by a [Mailer], together with ErrRejected, when the server
// says that there is no such mailbox. The courier then suppresses the address.
var ErrNoMailbox = errors.New("mail: no such mailbox")

// ErrDiscard is returned by a [Renderer] for a letter that nobody is to get.
var ErrDiscard = errors.New("mail: nothing to send")

// Renderer turns an opened letter into a message.
type Renderer interface {
	// RenderMail gets the kind, whom it goes to and the letter as JSON. It sets
	// everything but Message.ID, Kind, To and ToName.
	RenderMail(ctx context.Context, kind string, to Recipient, letter json.RawMessage) (Message, error)
}

// Decoy is a letter that nobody gets. It is written where writing nothing would
// show, in the time that an answer takes, that an address has no account.
type Decoy struct{}

// Kind implements [Letter].
func (Decoy) Kind() string { return "mail.decoy" }
