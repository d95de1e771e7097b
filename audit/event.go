package audit

import (
	"slices"
	"strings"
)

// Event describes an action: what an entry with it means. The events of a domain
// are in its Events.
type Event struct {
	Action Action

	// Sentence says in English what happened, with {actor} and {target} and the
	// fields as {field.before} and {field.after}.
	Sentence string

	Target string   // the kind of its target, "user"; "" if it differs
	Fields []string // what its changes report, in no order
}

// Group is what comes before the last dot of an action: "orgs.member" of
// "orgs.member.left".
func (a Action) Group() string {
	i := strings.LastIndexByte(string(a), '.')
	return string(a[:max(i, 0)])
}

// Choose returns the actions of events that pattern names: one action, or with
// ".*" at its end all that begin with what comes before. None: there is no such
// action.
func Choose(events []Event, pattern string) []Action {
	prefix, group := strings.CutSuffix(pattern, "*")
	if group && !strings.HasSuffix(prefix, ".") {
		return nil
	}
	var chosen []Action
	for _, e := range events {
		if string(e.Action) == pattern || group && strings.HasPrefix(string(e.Action), prefix) {
			chosen = append(chosen, e.Action)
		}
	}
	slices.Sort(chosen)
	return chosen
}
