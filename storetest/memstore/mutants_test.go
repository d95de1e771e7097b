package memstore_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
)

// A mutant is this store with one mistake in it, and the subtests that must
// fail because of it. Without any it is an honest store, and passes.
type mutant struct {
	what         string
	caught       []string // "SpendSignUp/WorksOnce" in every suite that has it, or with a suite before it
	edits        []edit
	noSavepoints bool // the suites are told so
}

type edit struct{ file, old, new string }

// broken returns a mutant; edits are triples of file, old text and new text.
func broken(what, caught string, edits ...string) mutant {
	m := mutant{what: what, caught: strings.Fields(caught)}
	for e := range slices.Chunk(edits, 3) {
		m.edits = append(m.edits, edit{e[0], e[1], e[2]})
	}
	return m
}

func (m mutant) withoutSavepoints() mutant {
	m.noSavepoints = true
	return m
}

// TestSuitesCatchBrokenStores proves that the suites can fail: every subtest is
// failed by at least one store with a mistake, and no subtest by a store without
// one. The stores are copies of this package, compiled into one test program
// that is run once for each.
func TestSuitesCatchBrokenStores(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles a copy of the store for each mistake")
	}
	mutants := slices.Concat([]mutant{{what: "no mistake"}}, transactionMutants, accountsMutants, securityMutants, otherMutants)
	program := buildMutants(t, mutants)

	subtests := runMutant(t, program, 0, nil)["PASS"]
	if len(subtests) < 100 {
		t.Fatalf("the store without a mistake passes %d subtests", len(subtests))
	}
	unproven := map[string]bool{}
	for _, name := range subtests {
		unproven[name] = true
	}
	for i, m := range mutants {
		t.Run(strings.ReplaceAll(m.what, " ", "_"), func(t *testing.T) {
			failed := runMutant(t, program, i, m.caught)["FAIL"]
			if len(m.caught) == 0 && len(failed) > 0 {
				t.Errorf("an honest store fails %v", failed)
			}
			for _, name := range expected(t, m, subtests) {
				delete(unproven, name)
				if !slices.Contains(failed, name) {
					t.Errorf("%s passes although %s", name, m.what)
				}
			}
		})
	}
	if len(unproven) > 0 {
		t.Errorf("no broken store fails %v", slices.Sorted(maps.Keys(unproven)))
	}
}

// expected returns the full names of the subtests that m must fail.
func expected(t *testing.T, m mutant, subtests []string) []string {
	var all []string
	for _, caught := range m.caught {
		before := len(all)
		for _, name := range subtests {
			if strings.HasSuffix("/"+name, "/"+caught) {
				all = append(all, name)
			}
		}
		if len(all) == before {
			t.Errorf("no subtest is called %q", caught)
		}
	}
	return all
}

const program = `package mutants

import (
	"testing"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/storetest"
{{range .}}	{{.Name}} "github.com/aegisrunner/account-settings/storetest/memstore/mutants/{{.Name}}"
{{end}})

func sealed(t *testing.T, s flows.Store, m id.Mail) []byte {
	content, _ := s.(interface{ Sealed(id.Mail) ([]byte, bool) }).Sealed(m)
	return content
}

func TestMutant(t *testing.T) {
{{range .}}	t.Run("{{.Name}}", func(t *testing.T) {
		storetest.Options{
			SealedMail: sealed, NoSavepoints: {{.NoSavepoints}}, Rounds: 2, Timeout: {{.Seconds}} * time.Second,
		}.All(t, func(*testing.T) flows.Store { return {{.Name}}.New() })
	})
{{end}}}
`

// buildMutants compiles a copy of the store for each mutant, m000 and so on. The
// copies exist in an overlay alone, so that the source tree stays as it is.
func buildMutants(t *testing.T, mutants []mutant) string {
	type entry struct {
		Name         string
		NoSavepoints bool
		Seconds      int
	}
	tmp, sources := t.TempDir(), storeSources(t)
	files := map[string]string{}
	var entries []entry
	for i, m := range mutants {
		e := entry{Name: mutantName(i), NoSavepoints: m.noSavepoints, Seconds: 30}
		if len(m.caught) > 0 {
			e.Seconds = 1 // a mistake that makes the store wait for itself is told by the deadline
		}
		entries = append(entries, e)
		for file, content := range m.apply(t, sources) {
			files[e.Name+"/"+file] = content
		}
	}
	var main bytes.Buffer
	check(t, template.Must(template.New("").Parse(program)).Execute(&main, entries))
	files["mutants_test.go"] = main.String()

	binary := filepath.Join(tmp, "mutants.test")
	// Optimizing, and what a debugger needs, would double the time it takes.
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-w",
		"-gcflags=github.com/aegisrunner/account-settings/storetest/memstore/mutants/...=-N -l -dwarf=false",
		"-overlay", overlay(t, tmp, files), "-o", binary, "./mutants")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	return binary
}

// overlay makes the go command see files in the folder "mutants", which does not
// exist, and returns the name of the list that says so.
func overlay(t *testing.T, tmp string, files map[string]string) string {
	here, err := os.Getwd()
	check(t, err)
	replace := map[string]string{}
	for name, content := range files {
		file := filepath.Join(tmp, strings.ReplaceAll(name, "/", "_"))
		check(t, os.WriteFile(file, []byte(content), 0o600))
		replace[filepath.Join(here, "mutants", filepath.FromSlash(name))] = file
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	check(t, err)
	name := filepath.Join(tmp, "overlay.json")
	check(t, os.WriteFile(name, list, 0o600))
	return name
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mutantName(i int) string { return fmt.Sprintf("m%03d", i) }

// storeSources returns the files of this package without its tests.
func storeSources(t *testing.T) map[string]string {
	files, err := filepath.Glob("*.go")
	check(t, err)
	sources := map[string]string{}
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			content, err := os.ReadFile(file)
			check(t, err)
			sources[file] = string(content)
		}
	}
	return sources
}

// apply returns the sources with the mistake in them. What it replaces must be
// there exactly once: an edit that no longer fits is an error, not a sound store.
func (m mutant) apply(t *testing.T, sources map[string]string) map[string]string {
	all := maps.Clone(sources)
	for _, e := range m.edits {
		if n := strings.Count(all[e.file], e.old); n != 1 {
			t.Fatalf("%s: %s has %d times %q, want it once", m.what, e.file, n, e.old)
		}
		all[e.file] = strings.Replace(all[e.file], e.old, e.new, 1)
	}
	return all
}

// A result names the subtest below its mutant: suite, noun and sentence.
var result = regexp.MustCompile(`--- (PASS|FAIL): TestMutant/m\d+/([^/\s]+/[^/\s]+/\S+)`)

// runMutant runs the subtests that are wanted, or all, and returns their names
// by result.
func runMutant(t *testing.T, program string, i int, wanted []string) map[string][]string {
	var suites, nouns, sentences []string
	for _, name := range wanted {
		parts := strings.Split(name, "/")
		if len(parts) == 2 {
			parts = append([]string{".*"}, parts...)
		}
		suites = append(suites, parts[0])
		nouns = append(nouns, parts[1])
		sentences = append(sentences, parts[2])
	}
	pattern := "^TestMutant$/^" + mutantName(i) + "$"
	if len(wanted) > 0 {
		pattern += "/^(" + strings.Join(suites, "|") + ")$/^(" + strings.Join(nouns, "|") + ")$/^(" + strings.Join(sentences, "|") + ")$"
	}
	// Failing is what it is here for, so that its exit status says nothing.
	out, _ := exec.CommandContext(t.Context(), program, "-test.v", "-test.timeout=2m", "-test.run", pattern).CombinedOutput()
	results := map[string][]string{}
	for _, m := range result.FindAllStringSubmatch(string(out), -1) {
		results[m[1]] = append(results[m[1]], m[2])
	}
	return results
}
