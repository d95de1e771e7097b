package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
)

// span is where a value stands in a line.
type span struct{ from, to int }

// layout is where the parts of a line are. One is used for many lines.
type layout struct {
	personal [personalValues]span
	salts    [subjects]span // of the text, empty for null
	list     int            // where `,"salts":` begins
	end      int            // where the salts end

	// Of a line of an export.
	seq  uint64
	leaf []byte // as text, nil if it has none

	buf []byte
}

// The keys of a line, in their order, with the number of what follows.
var keys = []struct {
	text     string
	personal int // -1: a plain string
}{
	{`{"v":1,"id":`, -1},
	{`,"at":`, -1},
	{`,"action":`, -1},
	{`,"outcome":`, -1},
	{`,"reason":`, -1},
	{`,"actor":{"kind":`, -1},
	{`,"id":`, -1},
	{`,"name":`, ofActorName},
	{`},"target":{"kind":`, -1},
	{`,"id":`, -1},
	{`,"name":`, ofTargetName},
	{`},"changes":`, ofChanges},
	{`,"ip":`, ofIP},
	{`,"user_agent":`, ofUserAgent},
	{`,"session_id":`, -1},
	{`,"token_id":`, -1},
	{`,"request_id":`, -1},
}

const (
	saltsKey = `,"salts":[`
	seqKey   = `],"seq":`
	leafKey  = `,"leaf":"`
	null     = "null"
)

// read finds the parts of a line. It is strict: a line in any other order or
// spelling is not one that was written here, and is an error.
func (y *layout) read(line []byte) error {
	pos := 0
	for i := range keys {
		k := &keys[i]
		at := pos + len(k.text)
		if at >= len(line) || string(line[pos:at]) != k.text {
			return ErrLine
		}
		if k.personal < 0 {
			if line[at] != '"' {
				return ErrLine
			}
			if pos = stringEnd(line, at); pos < 0 {
				return ErrLine
			}
			continue
		}
		if pos = valueEnd(line, at); pos < 0 {
			return ErrLine
		}
		y.personal[k.personal] = span{at, pos}
	}
	y.list = pos
	if !bytes.HasPrefix(line[pos:], []byte(saltsKey)) {
		return ErrLine
	}
	pos += len(saltsKey)
	for i := range y.salts {
		if i > 0 {
			if pos >= len(line) || line[pos] != ',' {
				return ErrLine
			}
			pos++
		}
		switch {
		case bytes.HasPrefix(line[pos:], []byte(null)):
			y.salts[i] = span{}
			pos += len(null)
		case len(line) > pos+saltLength+1 && line[pos] == '"' && line[pos+saltLength+1] == '"':
			y.salts[i] = span{pos + 1, pos + 1 + saltLength}
			pos += saltLength + 2
		default:
			return ErrLine
		}
	}
	y.end = pos
	return y.readTail(line[pos:])
}

// readTail reads what follows the salts: the end, or the place in the log.
func (y *layout) readTail(tail []byte) error {
	y.seq, y.leaf = 0, nil
	if string(tail) == "]}" {
		return nil
	}
	rest, ok := bytes.CutPrefix(tail, []byte(seqKey))
	if !ok {
		return ErrLine
	}
	digits, rest, ok := bytes.Cut(rest, []byte(leafKey))
	if !ok || len(rest) != 44+len(erasedTail) || string(rest[44:]) != erasedTail {
		return ErrLine
	}
	seq, err := strconv.ParseUint(string(digits), 10, 63)
	if err != nil || strconv.FormatUint(seq, 10) != string(digits) {
		return ErrLine
	}
	y.seq, y.leaf = seq, rest[:44]
	return nil
}

// valueEnd returns where the string, array, erased value or null that begins at
// pos ends, or -1.
func valueEnd(line []byte, pos int) int {
	if pos >= len(line) {
		return -1
	}
	switch line[pos] {
	case '"':
		return stringEnd(line, pos)
	case '{':
		to := pos + erasedSize
		if to > len(line) || !bytes.HasPrefix(line[pos:], []byte(erasedHead)) || string(line[to-len(erasedTail):to]) != erasedTail {
			return -1
		}
		return to
	case '[':
		return arrayEnd(line, pos)
	case 'n':
		if bytes.HasPrefix(line[pos:], []byte(null)) {
			return pos + len(null)
		}
	}
	return -1
}

// stringEnd finds the quote that ends a string: one after an even number of
// backslashes.
func stringEnd(line []byte, pos int) int {
	for at := pos + 1; ; {
		i := bytes.IndexByte(line[at:], '"')
		if i < 0 {
			return -1
		}
		quote := at + i
		if line[quote-1] != '\\' {
			return quote + 1
		}
		slashes := 1
		for line[quote-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return quote + 1
		}
		at = quote + 1
	}
}

func arrayEnd(line []byte, pos int) int {
	depth := 0
	for pos < len(line) {
		switch line[pos] {
		case '"':
			if pos = stringEnd(line, pos); pos < 0 {
				return -1
			}
			continue
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				return pos + 1
			}
		}
		pos++
	}
	return -1
}

// isEmpty reports whether a value that is neither erased nor null is "" or [].
func isEmpty(value []byte) bool { return len(value) == len(`""`) }

// digests returns what the seal covers of the personal values of each subject.
// none: there are none, and the values stand for themselves.
func (y *layout) digests(line []byte) (d [subjects][32]byte, none [subjects]bool, err error) {
	for who := range d {
		salt := line[y.salts[who].from:y.salts[who].to]
		b, first, empty := append(y.buf[:0], salt...), true, true
		erased := false
		for i, p := range y.personal {
			if subjectOf[i] != who {
				continue
			}
			value := line[p.from:p.to]
			switch {
			case first && isErased(value):
				if d[who], err = erasedDigest(value); err != nil {
					return d, none, err
				}
				erased = true
			case erased != (string(value) == null):
				return d, none, ErrLine
			case !erased:
				b = append(b, value...)
				empty = empty && isEmpty(value)
			}
			first = false
		}
		y.buf = b
		none[who] = empty && !erased
		if (len(salt) == 0) != (erased || empty) {
			return d, none, ErrLine
		}
		if !empty {
			d[who] = sha256.Sum256(b)
		}
	}
	return d, none, nil
}

func erasedDigest(value []byte) (d [32]byte, err error) {
	var raw [33]byte
	n, err := base64.StdEncoding.Strict().Decode(raw[:], value[len(erasedHead):len(value)-len(erasedTail)])
	if err != nil || n != len(d) {
		return d, ErrLine
	}
	return [32]byte(raw[:32]), nil
}

// hash returns the leaf hash of a line whose layout was read: RFC 6962, section
// 2.1, of the line with the digests in place of the personal values and without
// the salts.
func (y *layout) hash(line []byte) ([32]byte, error) {
	digests, none, err := y.digests(line)
	if err != nil {
		return [32]byte{}, err
	}
	b := append(y.buf[:0], 0)
	pos := 0
	var placed [subjects]bool
	for i, p := range y.personal {
		who := subjectOf[i]
		b = append(b, line[pos:p.from]...)
		pos = p.to
		switch {
		case none[who]:
			b = append(b, line[p.from:p.to]...)
		case !placed[who]:
			b = append(b, digests[who][:]...)
			placed[who] = true
		}
	}
	b = append(b, line[pos:y.list]...)
	y.buf = b
	return sha256.Sum256(b), nil
}

// LeafHash returns what the tree holds of a line.
func (l Line) LeafHash() ([32]byte, error) {
	var y layout
	if err := y.read(l); err != nil {
		return [32]byte{}, err
	}
	return y.hash(l)
}

// Erasure names personal values of an entry.
type Erasure uint8

// What can be erased.
const (
	EraseActor  Erasure = 1 << iota // the actor's name, address and user agent
	EraseTarget                     // the target's name, and the changes
)

// Erase returns the line without these values. Its leaf hash stays the same.
func (l Line) Erase(what Erasure) (Line, error) {
	var y layout
	if err := y.read(l); err != nil {
		return nil, err
	}
	digests, none, err := y.digests(l)
	if err != nil {
		return nil, err
	}
	gone := [subjects]bool{what&EraseActor != 0 && !none[ofActor], what&EraseTarget != 0 && !none[ofTarget]}
	out := make([]byte, 0, len(l)+erasedSize*subjects)
	pos := 0
	var placed [subjects]bool
	for i, p := range y.personal {
		who := subjectOf[i]
		out = append(out, l[pos:p.from]...)
		pos = p.to
		switch {
		case !gone[who]:
			out = append(out, l[p.from:p.to]...)
		case placed[who]:
			out = append(out, null...)
		default:
			out = base64.StdEncoding.AppendEncode(append(out, erasedHead...), digests[who][:])
			out = append(out, erasedTail...)
			placed[who] = true
		}
	}
	out = append(append(out, l[pos:y.list]...), saltsKey...)
	for i, s := range y.salts {
		if i > 0 {
			out = append(out, ',')
		}
		if s.to == 0 || gone[i] {
			out = append(out, null...)
		} else {
			out = append(out, l[s.from-1:s.to+1]...)
		}
	}
	return append(out, l[y.end:]...), nil
}

// At returns the line with its place in the log, as exports have it: "seq",
// counted from 0, and "leaf", its leaf hash in base64.
func (l Line) At(seq uint64, leaf [32]byte) []byte { return l.appendAt(nil, seq, leaf) }

func (l Line) appendAt(out []byte, seq uint64, leaf [32]byte) []byte {
	out = append(out, l[:len(l)-len("]}")]...)
	out = strconv.AppendUint(append(out, seqKey...), seq, 10)
	out = base64.StdEncoding.AppendEncode(append(out, leafKey...), leaf[:])
	return append(out, erasedTail...)
}
