package passwords

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxMeasured bounds the work; nothing beyond it makes a password weaker.
	maxMeasured = 72
	// maxWord bounds a word that is looked up, in code points.
	maxWord = 24
	// minWord: shorter words are no better than their letters.
	minWord = 3
)

// Costs of a part, as the decimal logarithm of how many guesses find it.
const (
	costContext = 1.0 // the person's own name: among the first ten tried
	costCommon  = 3.9 // one of the list, less because it is tried by rank
	costYear    = 2.0
	costWalk    = 1.5 // where it starts, and which way it goes
	costCase    = 0.3 // capitals somewhere
	costLeet    = 0.5 // p@ssw0rd
	costChange  = 0.5 // going from one class of characters to another
)

// walks are the rows and columns of keyboards.
var walks = []string{
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "1234567890", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "!@#$%^&*()",
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "zaq1xsw2cde3vfr4bgt5nhy6mju7ki8lo9",
}

// leet maps what stands for a letter.
var leet = map[rune]rune{
	'@': 'a', '4': 'a', '3': 'e', '1': 'i', '!': 'i', '0': 'o', '$': 's', '5': 's', '7': 't', '8': 'b',
}

// Strength estimates how hard password is to guess, from 0 (among the first) to
// 4 (not by anybody): the cheapest way to put it together from common passwords,
// the words of context, repetitions, runs, keyboard walks, years and single
// characters. context is what a guesser knows: the person's name, the local part
// of the address, the name of the product.
//
// It is for a meter beside the field and never a rule: it cannot know which
// sentence somebody is fond of.
func Strength(password string, context ...string) int {
	s, ok := Normalize(password)
	if !ok {
		return 0
	}
	runes := []rune(s)
	if len(runes) > maxMeasured {
		runes = runes[:maxMeasured]
	}
	guesses := newMeter(runes, context).cheapest()
	score := 4
	for i, limit := range []float64{3, 6, 8, 10} {
		if guesses < limit {
			score = i
			break
		}
	}
	if len(runes) < 8 {
		score = min(score, 1)
	}
	return score
}

type meter struct {
	runes   []rune // as typed
	lower   []rune // in lower case
	plain   []rune // with the letters that digits and signs stand for
	back    []rune // lower, from the end
	context map[string]bool
}

func newMeter(runes []rune, context []string) *meter {
	m := &meter{runes: runes, context: make(map[string]bool)}
	for _, r := range runes {
		low := unicode.ToLower(r)
		m.lower = append(m.lower, low)
		if letter, ok := leet[low]; ok {
			low = letter
		}
		m.plain = append(m.plain, low)
	}
	m.back = slices.Clone(m.lower)
	slices.Reverse(m.back)
	for _, text := range context {
		text, ok := Normalize(text)
		if !ok {
			continue
		}
		text = strings.ToLower(text)
		for _, word := range append(strings.FieldsFunc(text, notWord), text) {
			if utf8.RuneCountInString(word) >= minWord {
				m.context[word] = true
			}
		}
	}
	return m
}

func notWord(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

// cheapest finds the partition with the lowest sum, from left to right.
func (m *meter) cheapest() float64 {
	best := make([]float64, len(m.runes)+1)
	for end := 1; end <= len(m.runes); end++ {
		best[end] = best[end-1] + m.single(end-1)
		for start := end - minWord; start >= 0; start-- {
			best[end] = min(best[end], best[start]+m.part(start, end))
		}
	}
	return best[len(m.runes)]
}

// single is the cost of one character that is not part of anything. Letters are
// cheap, because most that follow each other are words the list does not have.
func (m *meter) single(i int) float64 {
	class, cost := classOf(m.runes[i])
	if i > 0 {
		if before, _ := classOf(m.runes[i-1]); before != class {
			cost += costChange
		}
	}
	return cost
}

func classOf(r rune) (class int, cost float64) {
	switch {
	case unicode.IsDigit(r):
		return 0, 0.75
	case unicode.IsLower(r):
		return 1, 0.8
	case unicode.IsUpper(r):
		return 2, 0.8
	case r == ' ':
		return 3, 0.5
	case unicode.IsLetter(r):
		return 4, 1.5 // a character of a script without case, often a word of its own
	}
	return 5, 1.2
}

// part is the cost of a stretch as a whole, or infinity if it is nothing known.
func (m *meter) part(start, end int) float64 {
	token := m.lower[start:end]
	cost := math.Inf(1)
	reversed := string(m.back[len(m.back)-end : len(m.back)-start])
	if len(token) <= maxWord {
		cost = m.word(string(token), string(m.plain[start:end]), reversed)
	}
	length := math.Log10(float64(len(token)))
	if period := periodOf(token); period > 0 {
		for i := start; i < start+period; i++ {
			length += m.single(i)
		}
		cost = min(cost, length)
	} else if isRun(token) {
		cost = min(cost, 1+length)
	} else if len(token) > minWord && isWalk(string(token), reversed) {
		cost = min(cost, costWalk+length)
	}
	if len(token) == 4 && (token[0] == '1' && token[1] == '9' || token[0] == '2' && token[1] == '0') && isDigits(token) {
		cost = min(cost, costYear)
	}
	for _, r := range m.runes[start:end] {
		if unicode.IsUpper(r) {
			return cost + costCase
		}
	}
	return cost
}

func (m *meter) word(s, plain, reversed string) float64 {
	switch {
	case m.context[s]:
		return costContext
	case m.context[plain], m.context[reversed]:
		return costContext + costLeet
	case listed(s):
		return costCommon
	case plain != s && listed(plain), listed(reversed):
		return costCommon + costLeet
	}
	return math.Inf(1)
}

// periodOf returns the length of the block that token repeats, or zero.
func periodOf(token []rune) int {
	for period := 1; period <= len(token)/2; period++ {
		if len(token)%period != 0 {
			continue
		}
		repeats := true
		for i := period; i < len(token) && repeats; i++ {
			repeats = token[i] == token[i-period]
		}
		if repeats {
			return period
		}
	}
	return 0
}

// isRun holds for abcd, 4321 and the like.
func isRun(token []rune) bool {
	step := token[1] - token[0]
	if step != 1 && step != -1 {
		return false
	}
	for i := 2; i < len(token); i++ {
		if token[i]-token[i-1] != step {
			return false
		}
	}
	return true
}

func isWalk(s, reversed string) bool {
	for _, w := range walks {
		if strings.Contains(w, s) || strings.Contains(w, reversed) {
			return true
		}
	}
	return false
}

func isDigits(token []rune) bool {
	for _, r := range token {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}
