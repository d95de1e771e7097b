// Package id holds the typed identifiers of the module.
//
// An identifier is a UUID of version 7 (RFC 9562), so that rows written one
// after the other lie beside each other in an index. Each noun has a type of
// its own: a session's identifier cannot be passed where a user's is wanted.
//
// The zero value means "none" and is stored as NULL.
package id

import (
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/aegisrunner/account-settings/fault"
)

// ErrMalformed is returned for text that is not an identifier. It is a
// [fault.NotFound], because an identifier that cannot exist names nothing.
var ErrMalformed = fault.New(fault.NotFound, "not_found", "id: malformed identifier")

// ID is the identifier of a noun of kind K. Use the aliases: [User], [Session] …
type ID[K any] [16]byte

type (
	userKind    struct{}
	orgKind     struct{}
	sessionKind struct{}
	entryKind   struct{}
	mailKind    struct{}
	changeKind  struct{}
	factorKind  struct{}
	inviteKind  struct{}
	domainKind  struct{}
	tokenKind   struct{}
	importKind  struct{}
	exportKind  struct{}
	receiptKind struct{}
)

// The nouns.
type (
	// User identifies a person.
	User = ID[userKind]
	// Org identifies an organization.
	Org = ID[orgKind]
	// Session identifies a sign-in on one device. It is public and opens nothing.
	Session = ID[sessionKind]
	// Entry identifies an entry of the audit log.
	Entry = ID[entryKind]
	// Mail identifies a letter in the outbox, and makes its Message-ID.
	Mail = ID[mailKind]
	// EmailChange identifies one request to change an address.
	EmailChange = ID[changeKind]
	// Factor identifies an authenticator app or a passkey.
	Factor = ID[factorKind]
	// Invitation identifies an invitation to an organization.
	Invitation = ID[inviteKind]
	// Domain identifies a mail domain of an organization.
	Domain = ID[domainKind]
	// Token identifies an API token. It is public and opens nothing.
	Token = ID[tokenKind]
	// Import identifies a file of addresses that are invited to an organization.
	Import = ID[importKind]
	// Export identifies a file of all that is kept of a person.
	Export = ID[exportKind]
	// Receipt identifies the record of what was removed with a person or an
	// organization, of whom it says nothing.
	Receipt = ID[receiptKind]
)

// NewUser returns a new identifier.
func NewUser() User { return User(uuid.Must(uuid.NewV7())) }

// NewOrg returns a new identifier.
func NewOrg() Org { return Org(uuid.Must(uuid.NewV7())) }

// NewSession returns a new identifier.
func NewSession() Session { return Session(uuid.Must(uuid.NewV7())) }

// NewEntry returns a new identifier.
func NewEntry() Entry { return Entry(uuid.Must(uuid.NewV7())) }

// NewMail returns a new identifier.
func NewMail() Mail { return Mail(uuid.Must(uuid.NewV7())) }

// NewEmailChange returns a new identifier.
func NewEmailChange() EmailChange { return EmailChange(uuid.Must(uuid.NewV7())) }

// NewFactor returns a new identifier.
func NewFactor() Factor { return Factor(uuid.Must(uuid.NewV7())) }

// NewInvitation returns a new identifier.
func NewInvitation() Invitation { return Invitation(uuid.Must(uuid.NewV7())) }

// NewDomain returns a new identifier.
func NewDomain() Domain { return Domain(uuid.Must(uuid.NewV7())) }

// NewToken returns a new identifier.
func NewToken() Token { return Token(uuid.Must(uuid.NewV7())) }

// NewImport returns a new identifier.
func NewImport() Import { return Import(uuid.Must(uuid.NewV7())) }

// NewExport returns a new identifier.
func NewExport() Export { return Export(uuid.Must(uuid.NewV7())) }

// NewReceipt returns a new identifier.
func NewReceipt() Receipt { return Receipt(uuid.Must(uuid.NewV7())) }

// ParseUser reads the canonical form; anything else is [ErrMalformed].
func ParseUser(s string) (User, error) { return parse[userKind](s) }

// ParseOrg reads the canonical form; anything else is [ErrMalformed].
func ParseOrg(s string) (Org, error) { return parse[orgKind](s) }

// ParseSession reads the canonical form; anything else is [ErrMalformed].
func ParseSession(s string) (Session, error) { return parse[sessionKind](s) }

// ParseFactor reads the canonical form; anything else is [ErrMalformed].
func ParseFactor(s string) (Factor, error) { return parse[factorKind](s) }

// ParseInvitation reads the canonical form; anything else is [ErrMalformed].
func ParseInvitation(s string) (Invitation, error) { return parse[inviteKind](s) }

// ParseDomain reads the canonical form; anything else is [ErrMalformed].
func ParseDomain(s string) (Domain, error) { return parse[domainKind](s) }

// ParseToken reads the canonical form; anything else is [ErrMalformed].
func ParseToken(s string) (Token, error) { return parse[tokenKind](s) }

// ParseImport reads the canonical form; anything else is [ErrMalformed].
func ParseImport(s string) (Import, error) { return parse[importKind](s) }

// ParseExport reads the canonical form; anything else is [ErrMalformed].
func ParseExport(s string) (Export, error) { return parse[exportKind](s) }

// ParseEntry reads the canonical form; anything else is [ErrMalformed].
func ParseEntry(s string) (Entry, error) { return parse[entryKind](s) }

// ParseMail reads the canonical form; anything else is [ErrMalformed].
func ParseMail(s string) (Mail, error) { return parse[mailKind](s) }

// parse accepts the 36-character lower-case form alone: several spellings of
// one identifier would be several keys in a cache or a limiter.
func parse[K any](s string) (ID[K], error) {
	var zero ID[K]
	if len(s) != 36 {
		return zero, ErrMalformed
	}
	u, err := uuid.Parse(s)
	if err != nil || u.String() != s {
		return zero, ErrMalformed
	}
	return ID[K](u), nil
}

// IsZero reports whether i names nothing.
func (i ID[K]) IsZero() bool { return i == ID[K]{} }

// String returns the canonical form, 36 characters, or "" for the zero value.
func (i ID[K]) String() string {
	if i.IsZero() {
		return ""
	}
	var b [36]byte
	i.encode(&b)
	return string(b[:])
}

func (i ID[K]) encode(b *[36]byte) {
	hex.Encode(b[0:8], i[0:4])
	hex.Encode(b[9:13], i[4:6])
	hex.Encode(b[14:18], i[6:8])
	hex.Encode(b[19:23], i[8:10])
	hex.Encode(b[24:36], i[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
}

// MarshalText implements [encoding.TextMarshaler], and so JSON.
func (i ID[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler]. Empty text is the zero value.
func (i *ID[K]) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*i = ID[K]{}
		return nil
	}
	v, err := parse[K](string(b))
	if err != nil {
		return err
	}
	*i = v
	return nil
}

// Value implements [driver.Valuer]: the canonical text, or NULL.
func (i ID[K]) Value() (driver.Value, error) {
	if i.IsZero() {
		return nil, nil
	}
	return i.String(), nil
}

// Scan implements [database/sql.Scanner] for text, for 16 raw bytes and NULL.
func (i *ID[K]) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*i = ID[K]{}
		return nil
	case string:
		return i.UnmarshalText([]byte(v))
	case []byte:
		if len(v) == 16 {
			copy(i[:], v)
			return nil
		}
		return i.UnmarshalText(v)
	case [16]byte:
		*i = v
		return nil
	}
	return fmt.Errorf("id: cannot scan %T: %w", src, errors.ErrUnsupported)
}
