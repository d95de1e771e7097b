package pages

import (
	"strings"
	"time"
)

// piece is a part of a sentence: plain text, emphasised text, or a moment.
type piece struct {
	Text   string
	Strong bool
	ISO    string // of a moment: what <time datetime> holds
	Exact  string // of a moment: shown on hover
}

// Strong marks a value of a sentence for emphasis; see Rich.
func (f *frame) Strong(s string) piece { return piece{Text: s, Strong: true} }

// Relative returns how long ago t was.
func (f *frame) Relative(t time.Time) piece { return f.moment(t, f.P.Relative(t, f.Now, f.zone)) }

// Date returns the day of t.
func (f *frame) Date(t time.Time) piece { return f.moment(t, f.P.Date(t, f.zone)) }

// Until returns a deadline: "tomorrow, 09:41", or date and time.
func (f *frame) Until(t time.Time) piece {
	there, now := t.In(f.zone), f.Now.In(f.zone)
	clock := f.P.Time(t, f.zone)
	text := f.P.DateTime(t, f.zone)
	switch {
	case sameDay(there, now):
		text = f.T("when.today", "time", clock)
	case sameDay(there, now.AddDate(0, 0, 1)):
		text = f.T("when.tomorrow", "time", clock)
	}
	return f.moment(t, text)
}

func sameDay(a, b time.Time) bool {
	return a.Year() == b.Year() && a.YearDay() == b.YearDay()
}

func (f *frame) moment(t time.Time, text string) piece {
	there := t.In(f.zone)
	return piece{
		Text:  text,
		ISO:   t.UTC().Format("2006-01-02T15:04:05Z"),
		Exact: f.P.Date(t, f.zone) + there.Format(", 15:04:05 MST"),
	}
}

// Rich returns a text of the catalogue in pieces, so that values in it can be
// emphasised or be moments, wherever the language puts them, while all of it is
// still escaped by the template.
func (f *frame) Rich(key string, args ...any) []piece {
	// A value is sent through the catalogue as a mark that no text holds.
	const mark = "\x00"
	var held []piece
	sent := make([]any, len(args))
	for i, a := range args {
		switch v := a.(type) {
		case piece:
			sent[i] = mark + string(rune('A'+len(held))) + mark
			held = append(held, v)
		case string:
			sent[i] = strings.ReplaceAll(v, mark, "")
		default:
			sent[i] = v
		}
	}
	var out []piece
	for i, part := range strings.Split(f.T(key, sent...), mark) {
		switch {
		case i%2 == 1 && part != "":
			out = append(out, held[part[0]-'A'])
		case part != "":
			out = append(out, piece{Text: part})
		}
	}
	return out
}
