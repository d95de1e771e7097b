package flows_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/archtest/reach"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/orgs"
)

// go test ./internal/flows -run Events -update writes audit/ACTIONS.md, and
// appends what is new to the list of actions.
var update = flag.Bool("update", false, "write the list of actions and its document")

const (
	root     = "../.."
	document = root + "/audit/ACTIONS.md"
	list     = "testdata/actions.txt"
	module   = "github.com/aegisrunner/account-settings"
)

func source(t *testing.T) *reach.Module {
	t.Helper()
	m, err := reach.Load(module, os.DirFS(root), "internal/flows")
	require.NoError(t, err)
	return m
}

// emitting returns the packages that have actions, with their constants by name.
func emitting(m *reach.Module) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, dir := range m.Dirs() {
		if actions := m.Constants(dir, "audit", "Action"); len(actions) > 0 {
			out[dir] = actions
		}
	}
	return out
}

func TestEveryActionIsAnEvent(t *testing.T) {
	described := map[string]int{}
	for _, e := range flows.Events() {
		described[string(e.Action)]++
	}
	constants := 0
	for dir, actions := range emitting(source(t)) {
		for name, action := range actions {
			constants++
			require.Equal(t, 1, described[action], "%s.%s, %q, is described by one event", dir, name, action)
		}
	}
	require.Greater(t, constants, 50, "the search finds actions")
	require.Len(t, described, constants, "each event is of a constant, and no two constants are one action")
}

var placeholder = regexp.MustCompile(`{[^}]*}`)

func TestEventsAreSound(t *testing.T) {
	for _, e := range flows.Events() {
		require.Regexp(t, `^[a-z]+(\.[a-z_]+)+$`, e.Action)
		require.Regexp(t, `^[A-Z{][^.]*$`, placeholder.ReplaceAllString(e.Sentence, "{}"), e.Action)
		known := []string{"{actor}", "{target}"}
		for _, f := range e.Fields {
			require.Regexp(t, `^[a-z_]+$`, f, e.Action)
			known = append(known, "{"+f+".before}", "{"+f+".after}")
		}
		require.Subset(t, known, placeholder.FindAllString(e.Sentence, -1), "%s: what the sentence names is reported", e.Action)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(e.Fields))), len(e.Fields), e.Action)
	}
}

// What the code of a domain puts into entries is what its events say. That each
// action reports its own is seen when it happens, in the tests of the root package.
func TestTheSourceReportsWhatEventsDeclare(t *testing.T) {
	m := source(t)
	kinds := map[string]bool{}
	for dir, actions := range emitting(m) {
		fields := map[string]bool{}
		for _, e := range flows.Events() {
			if slices.Contains(slices.Collect(maps.Values(actions)), string(e.Action)) {
				for _, f := range e.Fields {
					fields[f] = true
				}
			}
			kinds[e.Target] = true
		}
		require.Equal(t, slices.Sorted(maps.Keys(fields)), m.Fields(dir), "fields of changes in %s", dir)
		for _, kind := range m.Kinds(dir) {
			require.True(t, kinds[kind], "%s: no event is about %q", dir, kind)
		}
	}
}

// An action is for ever: filters, exports and hosts know it by its name. The list
// grows at its end.
func TestEventsAreNeverRemoved(t *testing.T) {
	data, err := os.ReadFile(list)
	require.NoError(t, err)
	known := strings.Fields(string(data))
	now := map[string]bool{}
	var fresh []string
	for _, e := range flows.Events() {
		now[string(e.Action)] = true
		if !slices.Contains(known, string(e.Action)) {
			fresh = append(fresh, string(e.Action))
		}
	}
	for _, action := range known {
		require.True(t, now[action], "%q has been removed or renamed", action)
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(known))), len(known))
	if *update && len(fresh) > 0 {
		require.NoError(t, os.WriteFile(list, []byte(strings.Join(append(known, fresh...), "\n")+"\n"), 0o600))
		return
	}
	require.Empty(t, fresh, "actions that are not in %s yet: go test ./internal/flows -run Events -update", list)
}

// The sentences of the pages, in English, are those of the events. Placeholders
// are named {{.role_after}} there.
func TestEventsOfOrganizationsHaveSentences(t *testing.T) {
	en := catalog.For("en")
	all := map[string]bool{}
	for _, e := range orgs.Events() {
		key := "audit." + string(e.Action)
		all[key], all[key+".refused"] = true, true
		require.Contains(t, catalog.Keys("en"), key)
		var args []any
		for _, p := range placeholder.FindAllString(e.Sentence, -1) {
			args = append(args, strings.ReplaceAll(strings.Trim(p, "{}"), ".", "_"), p)
		}
		require.Equal(t, e.Sentence, en.T(key, args...))
		if refused := key + ".refused"; slices.Contains(catalog.Keys("en"), refused) {
			text := en.T(refused, "actor", "{actor}", "target", "{target}", "reason", "{reason}")
			require.Regexp(t, `^{actor} tried to .*: {reason}$`, text)
		}
	}
	for _, key := range catalog.Keys("en") {
		if strings.HasPrefix(key, "audit.orgs.") {
			require.True(t, all[key], "%s is said of nothing", key)
		}
	}
}

func TestEventsAreDocumented(t *testing.T) {
	want := actionsDocument()
	if *update {
		require.NoError(t, os.WriteFile(document, []byte(want), 0o600))
	}
	got, err := os.ReadFile(document)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "go test ./internal/flows -run Events -update")
}

const preamble = `# Actions of the audit log

Each entry of the log is of one of these actions. An action is never removed or
renamed; new ones come. Those of an account are in the history of the person,
those of an organization in its log. Sentences are for English readers; the pages
have them in every language of the product.

*Target* is the kind of what was acted on; "differs" if there are several. *Fields*
are what may be reported as changed, before and after. An entry whose outcome is
"refused" has a reason, which is the code of the error, and may name the person or
the organization in place of a target that does not exist, or has none of the
fields.

This file is made of the Events of the packages that emit them.
`

func actionsDocument() string {
	var b strings.Builder
	b.WriteString(preamble)
	group := ""
	for _, e := range flows.Events() {
		domain, _, _ := strings.Cut(string(e.Action), ".")
		if domain != group {
			group = domain
			fmt.Fprintf(&b, "\n## %s\n\n| Action | Sentence | Target | Fields |\n|---|---|---|---|\n", domain)
		}
		target := e.Target
		if target == "" {
			target = "differs"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", e.Action, e.Sentence, target, strings.Join(e.Fields, ", "))
	}
	return b.String()
}
