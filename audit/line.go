package audit

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aegisrunner/account-settings/id"
)

// Line is an entry as it is stored, exported and sealed: one JSON object with
// its fields in a fixed order.
//
//	{"v":1,"id":"…","at":"2026-11-24T10:15:00.000000Z","action":"orgs.member.role_changed",
//	 "outcome":"done","reason":"","actor":{"kind":"user","id":"…","name":P},
//	 "target":{"kind":"user","id":"…","name":P},"changes":P,"ip":P,"user_agent":P,
//	 "session_id":"…","token_id":"","request_id":"…","salts":["…",…]}
//
// (without the line breaks). Each P is a personal value. The actor's are the
// first name, "ip" and "user_agent"; the target's are the second name and
// "changes". Unless they are all empty the values of each have a salt, the first
// and the second of "salts". The seal covers, in place of the first of them,
//
//	SHA-256(salt ‖ values one after the other, as they stand in the line)
//
// and nothing in place of the others. So they can be erased, with their salt, and
// what is left still proves that the entry is the one that was sealed, while
// nobody can find them by trying: the idea of selective disclosure, as in RFC
// 9901. Once erased, {"sha256":"<the digest in base64>"} stands in place of the
// first and null in place of the others and of the salt.
type Line []byte

const (
	lineTime   = "2006-01-02T15:04:05.000000Z"
	saltLength = 22 // 128 bits in base64
	erasedHead = `{"sha256":"`
	erasedTail = `"}`
	erasedSize = len(erasedHead) + 44 + len(erasedTail)

	maxText  = 2048 // bytes kept of each text of an entry
	maxAgent = 512  // bytes kept of a user agent
)

// ErrLine is returned for what is not a line of the log.
var ErrLine = errors.New("audit: not an entry of the log")

// The personal values, in the order of the line.
const (
	ofActorName = iota
	ofTargetName
	ofChanges
	ofIP
	ofUserAgent
	personalValues
)

// Whose personal values they are.
const (
	ofActor = iota
	ofTarget
	subjects
)

// subjectOf tells for each personal value whose it is. The first of each is where
// the digest stands.
var subjectOf = [personalValues]int{ofActor, ofTarget, ofTarget, ofActor, ofActor}

// NewLine returns e as a line with fresh salts. Nothing is refused for its text:
// that something happened must not go unrecorded because of how somebody spells.
// What is not UTF-8, NUL, and all beyond 2,048 bytes of a text is left out.
func NewLine(e Entry) Line {
	b := make([]byte, 0, 640)
	plain := func(key, value string) { b = appendText(append(b, key...), value) }

	plain(`{"v":1,"id":`, e.ID.String())
	plain(`,"at":`, e.At.UTC().Format(lineTime))
	plain(`,"action":`, string(e.Action))
	plain(`,"outcome":`, string(e.Outcome))
	plain(`,"reason":`, e.Reason)
	plain(`,"actor":{"kind":`, string(e.ActorKind))
	plain(`,"id":`, e.actorID())
	plain(`,"name":`, e.ActorName)
	plain(`},"target":{"kind":`, e.Target.Kind)
	plain(`,"id":`, e.Target.ID)
	plain(`,"name":`, e.Target.Name)
	b = appendChanges(append(b, `},"changes":`...), e.Changes)
	plain(`,"ip":`, addressText(e.IP))
	plain(`,"user_agent":`, clean(e.UserAgent, maxAgent))
	plain(`,"session_id":`, e.Session.String())
	plain(`,"token_id":`, e.Token.String())
	plain(`,"request_id":`, e.RequestID)

	var random [32]byte
	_, _ = rand.Read(random[:])
	b = append(b, `,"salts":[`...)
	b = appendSalt(b, random[:16], e.ActorName == "" && !e.IP.IsValid() && e.UserAgent == "")
	b = append(b, ',')
	b = appendSalt(b, random[16:], e.Target.Name == "" && len(e.Changes) == 0)
	return append(b, "]}"...)
}

// actorID is by what an actor is found: of a person or of a token.
func (e Entry) actorID() string {
	if !e.ActorID.IsZero() {
		return e.ActorID.String()
	}
	return e.Token.String()
}

func addressText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func appendSalt(b, random []byte, none bool) []byte {
	if none {
		return append(b, "null"...)
	}
	b = base64.RawURLEncoding.AppendEncode(append(b, '"'), random)
	return append(b, '"')
}

func appendChanges(b []byte, changes []Change) []byte {
	b = append(b, '[')
	for i, c := range changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(b, `{"field":`...), c.Field)
		b = appendText(append(b, `,"before":`...), c.Before)
		b = appendText(append(b, `,"after":`...), c.After)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	s = clean(s, maxText)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return appendEscaped(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendEscaped(b []byte, s string) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string has no encoding that fails
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte{'\n'})...)
}

func clean(s string, limit int) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if len(s) > limit {
		s = s[:limit]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// lineJSON is a line for encoding/json.
type lineJSON struct {
	ID      string          `json:"id"`
	At      string          `json:"at"`
	Action  string          `json:"action"`
	Outcome string          `json:"outcome"`
	Reason  string          `json:"reason"`
	Actor   namedJSON       `json:"actor"`
	Target  namedJSON       `json:"target"`
	Changes json.RawMessage `json:"changes"`
	IP      json.RawMessage `json:"ip"`
	Agent   json.RawMessage `json:"user_agent"`
	Session string          `json:"session_id"`
	Token   string          `json:"token_id"`
	Request string          `json:"request_id"`
}

type namedJSON struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Name json.RawMessage `json:"name"`
}

// Entry reads the line. What was erased is left out: a name is "", an address
// not valid, and changes are none.
func (l Line) Entry() (Entry, error) {
	var j lineJSON
	if err := json.Unmarshal(l, &j); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	e := Entry{
		Action: Action(j.Action), Outcome: Outcome(j.Outcome), Reason: j.Reason,
		ActorKind: ActorKind(j.Actor.Kind), ActorName: disclosed(j.Actor.Name),
		Target:    Target{Kind: j.Target.Kind, ID: j.Target.ID, Name: disclosed(j.Target.Name)},
		UserAgent: disclosed(j.Agent), RequestID: j.Request,
	}
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	var err error
	e.ID, err = id.ParseEntry(j.ID)
	note(err)
	e.At, err = time.Parse(lineTime, j.At)
	note(err)
	if j.Actor.ID != "" && j.Actor.ID != j.Token {
		e.ActorID, err = id.ParseUser(j.Actor.ID)
		note(err)
	}
	if j.Session != "" {
		e.Session, err = id.ParseSession(j.Session)
		note(err)
	}
	if j.Token != "" {
		e.Token, err = id.ParseToken(j.Token)
		note(err)
	}
	if ip := disclosed(j.IP); ip != "" {
		e.IP, err = netip.ParseAddr(ip)
		note(err)
	}
	if j.Changes != nil && !isErased(j.Changes) {
		note(json.Unmarshal(j.Changes, &e.Changes))
		if len(e.Changes) == 0 {
			e.Changes = nil
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Entry{}, fmt.Errorf("%w: %w", ErrLine, err)
	}
	return e, nil
}

func isErased(value []byte) bool { return bytes.HasPrefix(value, []byte(erasedHead)) }

// disclosed is a personal text, "" if it was erased.
func disclosed(value json.RawMessage) string {
	var s string
	if len(value) == 0 || isErased(value) || json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
