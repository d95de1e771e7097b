package archtest

import (
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// vague are names that say nothing about what is in a package.
var vague = []string{"utils", "util", "common", "models", "types", "pkg", "helpers", "misc", "shared", "base"}

func vagueNames(f *file) []finding {
	var found []finding
	for _, part := range strings.Split(f.dir, "/") {
		if contains(vague, part) {
			found = append(found, f.finding(f.ast.Package, "a folder named %s", part))
		}
	}
	name := strings.TrimSuffix(f.ast.Name.Name, "_test")
	if contains(vague, name) && name != path.Base(f.dir) {
		found = append(found, f.finding(f.ast.Package, "a package named %s", name))
	}
	return found
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for _, f := range tree(t) {
		report(t, vagueNames(f))
	}
}

func TestVagueNamesAreFound(t *testing.T) {
	require.Len(t, vagueNames(parse(t, "internal/utils/x.go", "package utils\n")), 1)
	require.Len(t, vagueNames(parse(t, "accounts/models/x.go", "package records\n")), 1)
	require.Len(t, vagueNames(parse(t, "accounts/x_test.go", "package types_test\n")), 1)
	require.Empty(t, vagueNames(parse(t, "accounts/x.go", "package accounts\n")))
}

// directives returns the go.mod directives of this kind, in the single form and
// in blocks. What a replace points to is unknown to whoever imports the module:
// the go command ignores it there.
func directives(gomod, kind string) []string {
	var found []string
	block := ""
	for _, line := range strings.Split(gomod, "\n") {
		line, _, _ = strings.Cut(line, "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case block != "" && fields[0] == ")":
			block = ""
		case block != "":
			if block == kind {
				found = append(found, strings.Join(fields, " "))
			}
		case len(fields) > 1 && fields[1] == "(":
			block = fields[0]
		case fields[0] == kind:
			found = append(found, strings.Join(fields[1:], " "))
		}
	}
	return found
}

func TestTheModuleCanBeImportedAsItIs(t *testing.T) {
	for _, name := range []string{"go.mod", "tools/go.mod"} {
		gomod, err := fs.ReadFile(root(t), name)
		require.NoError(t, err)
		require.Empty(t, directives(string(gomod), "replace"), name)
		require.Empty(t, directives(string(gomod), "exclude"), name)
	}
	gomod, err := fs.ReadFile(root(t), "go.mod")
	require.NoError(t, err)
	require.Empty(t, directives(string(gomod), "tool"), "tools live in tools/go.mod, so that hosts do not inherit their modules")
	require.NotEmpty(t, directives(string(gomod), "require"))
}

func TestReplaceDirectivesAreFound(t *testing.T) {
	require.Equal(t, []string{"a => ../a"}, directives("module m\nreplace a => ../a\n", "replace"))
	require.Equal(t, []string{"a => ../a", "b v1 => c v2"},
		directives("module m\nreplace (\n\ta => ../a // why\n\n\tb v1 => c v2\n)\nrequire d v1\n", "replace"))
	require.Empty(t, directives("module m\n// replace a => b\nrequire (\n\treplace v1\n)\n", "replace"))
}
