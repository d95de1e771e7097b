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
	salts    [personalValues]span // of the text, empty for null
	list     int                  // where `,"salts":` begins
	end      int                  // where the salts end

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
)

// read finds the parts of a line. It is strict: a line in any other order or
// spelling is not one that was written here, and is an error.
func (y *layout) read(line []byte) error {
	pos := 0
	for _, k := range keys {
		if !bytes.HasPrefix(line[pos:], []byte(k.text)) {
			return ErrLine
		}
		pos += len(k.text)
		to := valueEnd(line, pos)
		if to < 0 || k.personal < 0 && line[pos] != '"' {
			return ErrLine
		}
		if k.personal >= 0 {
			y.personal[k.personal] = span{pos, to}
		}
		pos = to
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
		case bytes.HasPrefix(line[pos:], []byte("null")):
			y.salts[i] = span{}
			pos += len("null")
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

// valueEnd returns where the string, array or erased value that begins at pos
// ends, or -1.
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
		quote, slashes := at+i, 0
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

func isEmpty(value []byte) bool { return len(value) == len(`""`) }

// hash returns the leaf hash of a line whose layout was read: RFC 6962, section
// 2.1, of the line with the digests in place of the personal values and without
// the salts.
func (y *layout) hash(line []byte) ([32]byte, error) {
	b := append(y.buf[:0], 0)
	pos := 0
	for i, p := range y.personal {
		value, salt := line[p.from:p.to], line[y.salts[i].from:y.salts[i].to]
		b = append(b, line[pos:p.from]...)
		pos = p.to
		switch {
		case isErased(value):
			var raw [33]byte
			n, err := base64.StdEncoding.Strict().Decode(raw[:], value[len(erasedHead):len(value)-len(erasedTail)])
			if err != nil || n != 32 || len(salt) != 0 {
				return [32]byte{}, ErrLine
			}
			b = append(b, raw[:32]...)
		case isEmpty(value) != (len(salt) == 0):
			return [32]byte{}, ErrLine
		case isEmpty(value):
			b = append(b, value...)
		default:
			d := sha256.Sum256(append(append(b[len(b):], salt...), value...))
			b = append(b, d[:]...)
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
	var gone [personalValues]bool
	gone[ofActorName], gone[ofIP], gone[ofUserAgent] = what&EraseActor != 0, what&EraseActor != 0, what&EraseActor != 0
	gone[ofTargetName], gone[ofChanges] = what&EraseTarget != 0, what&EraseTarget != 0

	out := make([]byte, 0, len(l)+erasedSize*personalValues)
	pos := 0
	for i, p := range y.personal {
		value := l[p.from:p.to]
		out = append(out, l[pos:p.from]...)
		pos = p.to
		if !gone[i] || isErased(value) || isEmpty(value) {
			out = append(out, value...)
			continue
		}
		d := digest(l[y.salts[i].from:y.salts[i].to], value)
		out = base64.StdEncoding.AppendEncode(append(out, erasedHead...), d[:])
		out = append(out, erasedTail...)
		y.salts[i] = span{}
	}
	out = append(append(out, l[pos:y.list]...), saltsKey...)
	for i, s := range y.salts {
		if i > 0 {
			out = append(out, ',')
		}
		if s.to == 0 {
			out = append(out, "null"...)
		} else {
			out = append(out, l[s.from-1:s.to+1]...)
		}
	}
	return append(out, l[y.end:]...), nil
}

// At returns the line with its place in the log, as exports have it: "seq",
// counted from 0, and "leaf", its leaf hash in base64.
func (l Line) At(seq uint64, leaf [32]byte) []byte {
	out := make([]byte, 0, len(l)+80)
	out = append(out, l[:len(l)-len("]}")]...)
	out = strconv.AppendUint(append(out, seqKey...), seq, 10)
	out = base64.StdEncoding.AppendEncode(append(out, leafKey...), leaf[:])
	return append(out, erasedTail...)
}
