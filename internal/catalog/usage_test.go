package catalog

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	// T("profile.title"…), N("sessions.count"…), T("error."+code).
	inGo = regexp.MustCompile(`\b[TN]\(\s*"([a-z0-9_.-]+)"(\s*\+)?`)
	// {{t "profile.title"}}, {{.T "x.y"}}, {{n "x.y" 3}}, (t (print "x." .Kind)).
	inTemplate = regexp.MustCompile(`[{\s(.|][tTnN] (?:"([a-z0-9_.-]+)"|\(print(f?) "([a-z0-9_.-]+))`)
)

// TestEveryUsedKeyExists reads the module's Go files and templates. A key that
// is put together at run time must at least begin like one that exists.
func TestEveryUsedKeyExists(t *testing.T) {
	keys := Keys("en")
	known := func(key string) bool {
		if prefix, more := strings.CutSuffix(key, "*"); more {
			return slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, prefix) })
		}
		return slices.Contains(keys, key)
	}
	used := usedKeys(t, "../..")
	require.Contains(t, used, "date.long", "the search finds keys in Go files")
	for key, where := range used {
		require.True(t, known(key), "%s uses the key %q, which is in no file", where, key)
	}
}

func TestTheSearchFindsKeys(t *testing.T) {
	for line, want := range map[string]string{
		`p.T("a.b")`:                            "a.b",
		`p.N("a.b", 3)`:                         "a.b",
		`p.T("a." + kind + ".subject")`:         "a.*",
		`<h1>{{t "a-c.b_d"}}</h1>`:              "a-c.b_d",
		`{{$.T "a.b" "n" 1}}`:                   "a.b",
		`{{template "x" (dict "T" (t "a.b"))}}`: "a.b",
		`{{t (print "a." .Kind)}}`:              "a.*",
		`{{t (printf "a.%s" .Kind)}}`:           "a.*",
	} {
		expr := inGo
		if strings.Contains(line, "{{") {
			expr = inTemplate
		}
		require.Equal(t, []string{want}, found(expr, line), line)
	}
	require.Empty(t, found(inTemplate, `<p class="t">"a.b"</p>`))
}

// found returns the keys in a line, those that go on at run time with a star.
func found(expr *regexp.Regexp, line string) []string {
	var out []string
	for _, m := range expr.FindAllStringSubmatch(line, -1) {
		switch {
		case len(m) > 3 && m[3] != "":
			out = append(out, m[3]+"*")
		case expr == inGo && m[2] != "":
			out = append(out, m[1]+"*")
		default:
			out = append(out, m[1])
		}
	}
	return out
}

// usedKeys returns each key with a file that uses it. Tests are left out: they
// ask for keys that do not exist.
func usedKeys(t *testing.T, root string) map[string]string {
	t.Helper()
	used := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if n := d.Name(); n == "testdata" || n == "node_modules" || (strings.HasPrefix(n, ".") && n != "." && n != "..") {
				return filepath.SkipDir
			}
			return nil
		}
		var expr *regexp.Regexp
		switch ext := filepath.Ext(path); {
		case ext == ".go" && !strings.HasSuffix(path, "_test.go"):
			expr = inGo
		case ext == ".html" || ext == ".tmpl" || ext == ".gohtml":
			expr = inTemplate
		default:
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			for _, key := range found(expr, line) {
				used[key] = path
			}
		}
		return nil
	})
	require.NoError(t, err)
	return used
}
