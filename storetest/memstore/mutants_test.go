package memstore_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
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
// one. The mistakes are compiled into one test program, which is run once for
// each of them.
func TestSuitesCatchBrokenStores(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the store with each mistake")
	}
	mutants := slices.Concat([]mutant{{what: "no mistake"}}, transactionMutants, accountsMutants, securityMutants, factorMutants, orgMutants, invitationMutants, importMutants, reminderMutants, exportMutants, auditMutants, notifyMutants, otherMutants)
	program := buildMutants(t, mutants)

	subtests := program.run(t, 0, mutants[0])["PASS"]
	if len(subtests) < 100 {
		t.Fatalf("the store without a mistake passes %d subtests", len(subtests))
	}
	var mu sync.Mutex
	unproven := map[string]bool{}
	for _, name := range subtests {
		unproven[name] = true
	}
	t.Run("mistakes", func(t *testing.T) {
		for i, m := range mutants {
			t.Run(strings.ReplaceAll(m.what, " ", "_"), func(t *testing.T) {
				t.Parallel()
				failed := program.run(t, i, m)["FAIL"]
				if len(m.caught) == 0 && len(failed) > 0 {
					t.Errorf("an honest store fails %v", failed)
				}
				for _, name := range expected(t, m, subtests) {
					if !slices.Contains(failed, name) {
						t.Errorf("%s passes although %s", name, m.what)
					}
					mu.Lock()
					delete(unproven, name)
					mu.Unlock()
				}
			})
		}
	})
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

// A program is the compiled test of all mutants.
type program string

const programTest = `package memstore

import (
	"flag"
	"testing"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/storetest"
)

var (
	noSavepoints = flag.Bool("no-savepoints", false, "")
	timeout      = flag.Duration("each", time.Second, "")
)

func init() { flag.IntVar(&mutant, "mutant", 0, "") }

func TestMutant(t *testing.T) {
	storetest.Options{
		SealedMail: func(t *testing.T, s flows.Store, m id.Mail) []byte {
			content, _ := s.(*Store).Sealed(m)
			return content
		},
		NoSavepoints: *noSavepoints, Rounds: 2, Timeout: *timeout,
	}.All(t, func(*testing.T) flows.Store { return New() })
}
`

// buildMutants compiles one copy of the store that makes the mistake whose number
// it is given. The copy exists in an overlay alone, so that the source tree stays
// as it is.
func buildMutants(t *testing.T, mutants []mutant) program {
	files := switchable(t, storeSources(t), mutants)
	files["mutants_test.go"] = programTest
	tmp := t.TempDir()
	binary := filepath.Join(tmp, "mutants.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay(t, tmp, files), "-o", binary, "./mutants")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compile: %v\n%s", err, out)
	}
	return program(binary)
}

// overlay makes the go command see files in the folder "mutants", which does not
// exist, and returns the name of the list that says so.
func overlay(t *testing.T, tmp string, files map[string]string) string {
	here, err := os.Getwd()
	check(t, err)
	replace := map[string]string{}
	for name, content := range files {
		file := filepath.Join(tmp, name)
		check(t, os.WriteFile(file, []byte(content), 0o600))
		replace[filepath.Join(here, "mutants", name)] = file
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

// apply returns a file with the mistake in it. What it replaces must be there
// exactly once: an edit that no longer fits is an error, not a sound store.
func (m mutant) apply(t *testing.T, file, content string) string {
	for _, e := range m.edits {
		if e.file != file {
			continue
		}
		if n := strings.Count(content, e.old); n != 1 {
			t.Fatalf("%s: %s has %d times %q, want it once", m.what, file, n, e.old)
		}
		content = strings.Replace(content, e.old, e.new, 1)
	}
	return content
}

// A result names the subtest: suite, noun and sentence.
var result = regexp.MustCompile(`--- (PASS|FAIL): TestMutant/([^/\s]+/[^/\s]+/\S+)`)

// run runs the subtests that must catch a mutant, or all if it is honest, and
// returns their names by result.
func (p program) run(t *testing.T, i int, m mutant) map[string][]string {
	pattern, each := "^TestMutant$", 30*time.Second
	if len(m.caught) > 0 {
		each = time.Second // a mistake that makes the store wait for itself is told by the deadline
		var suites, nouns, sentences []string
		for _, name := range m.caught {
			parts := strings.Split(name, "/")
			if len(parts) == 2 {
				parts = append([]string{".*"}, parts...)
			}
			suites = append(suites, parts[0])
			nouns = append(nouns, parts[1])
			sentences = append(sentences, parts[2])
		}
		pattern += "/^(" + strings.Join(suites, "|") + ")$/^(" + strings.Join(nouns, "|") + ")$/^(" + strings.Join(sentences, "|") + ")$"
	}
	// Failing is what it is here for, so that its exit status says nothing.
	out, _ := exec.CommandContext(t.Context(), string(p), "-test.v", "-test.timeout=2m", "-test.run", pattern,
		fmt.Sprintf("-mutant=%d", i), fmt.Sprintf("-no-savepoints=%t", m.noSavepoints), fmt.Sprintf("-each=%s", each)).CombinedOutput()
	results := map[string][]string{}
	for _, m := range result.FindAllStringSubmatch(string(out), -1) {
		results[m[1]] = append(results[m[1]], m[2])
	}
	return results
}
