package catalog

import (
	"strings"
	"time"
	"unicode"
)

// The hours at which a part of the day begins, by the person's own clock.
const (
	morningFrom   = 5
	afternoonFrom = 12
	eveningFrom   = 18
)

// Greeting says "Good morning, Ada" by the person's own clock: morning from 5,
// afternoon from 12, evening from 18 to 5. The name is shortened by
// [GivenName]; without one the greeting stands alone.
func (p *Printer) Greeting(t time.Time, loc *time.Location, name string) string {
	part := "evening"
	switch hour := in(t, loc).Hour(); {
	case hour >= morningFrom && hour < afternoonFrom:
		part = "morning"
	case hour >= afternoonFrom && hour < eveningFrom:
		part = "afternoon"
	}
	words := p.T("greeting." + part)
	if given := GivenName(name); given != "" {
		return p.T("greeting.named", "Greeting", words, "Name", given)
	}
	return words
}

// unspaced are scripts that do not part words by spaces, or put the family name
// first: a piece of such a name is not what its bearer is called.
var unspaced = []*unicode.RangeTable{
	unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
}

// GivenName guesses what to call somebody: the first word of "Ada Lovelace",
// the word after the comma of "Lovelace, Ada", the first that is neither a
// title nor an initial of "Dr. J. Robert Oppenheimer". A name in a script
// without spaces stays whole.
func GivenName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.In(r, unspaced...) }) {
		return strings.TrimSpace(name)
	}
	if _, after, found := strings.Cut(name, ","); found && strings.TrimSpace(after) != "" {
		name = after
	}
	words := strings.Fields(name)
	for _, w := range words {
		if !strings.HasSuffix(w, ".") {
			return w
		}
	}
	return strings.Join(words, " ")
}
