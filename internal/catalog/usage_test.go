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

var (
	// Sentinels: fault.New(fault.Gone, "link_gone", …).
	sentinel = regexp.MustCompile(`fault\.New\([^,"]+, "([a-z_]+)"`)
	// Fields: f.Add(name, "required", …), fault.Field{Name: name, Code: "required"}.
	fieldCode = regexp.MustCompile(`(?:\.Add\((?:"[a-z_]+"|[a-z]+(?:\([a-z]+\))?), |Name: [a-z"_]+, Code: )"([a-z_]+)"`)
)

// TestEveryCodeInTheSourceHasWords reads what the packages refuse requests
// with.
func TestEveryCodeInTheSourceHasWords(t *testing.T) {
	keys := Keys("en")
	seen := 0
	eachFile(t, "../..", func(path, line string) {
		for prefix, expr := range map[string]*regexp.Regexp{"code.": sentinel, "error.": fieldCode} {
			for _, m := range expr.FindAllStringSubmatch(line, -1) {
				seen++
				require.Contains(t, keys, prefix+m[1], path)
			}
		}
	}, ".go")
	require.Greater(t, seen, 20, "the search finds codes")
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

// usedKeys returns each key with a file that uses it.
func usedKeys(t *testing.T, root string) map[string]string {
	t.Helper()
	used := map[string]string{}
	collect := func(expr *regexp.Regexp) func(path, line string) {
		return func(path, line string) {
			for _, key := range found(expr, line) {
				used[key] = path
			}
		}
	}
	eachFile(t, root, collect(inGo), ".go")
	eachFile(t, root, collect(inTemplate), ".html", ".tmpl", ".gohtml")
	return used
}

// eachFile calls fn with every line that is no comment. Tests are left out:
// they ask for keys that do not exist.
func eachFile(t *testing.T, root string, fn func(path, line string), extensions ...string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n := d.Name(); d.IsDir() {
			if n == "testdata" || n == "node_modules" || (strings.HasPrefix(n, ".") && n != "." && n != "..") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains(extensions, filepath.Ext(path)) || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(strings.TrimSpace(line), "//") {
				fn(path, line)
			}
		}
		return nil
	})
	require.NoError(t, err)
}
