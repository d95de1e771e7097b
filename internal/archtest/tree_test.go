package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/aegisrunner/account-settings"

// A file is one parsed Go file of the module.
type file struct {
	path string // slash-separated, from the module's root
	dir  string // "." for the root package
	test bool
	fset *token.FileSet
	ast  *ast.File
}

// A finding is a place that breaks a rule.
type finding struct {
	at   string // path:line
	what string
}

func (f finding) String() string { return f.at + ": " + f.what }

func (f *file) finding(at token.Pos, format string, args ...any) finding {
	return finding{
		at:   f.path + ":" + strconv.Itoa(f.fset.Position(at).Line),
		what: fmt.Sprintf(format, args...),
	}
}

// under reports whether the file is in one of these folders or below it.
func (f *file) under(folders ...string) bool {
	for _, folder := range folders {
		if within(f.dir, folder) {
			return true
		}
	}
	return false
}

// imports returns the paths of the file's imports with their positions.
func (f *file) imports() map[string]token.Pos {
	found := make(map[string]token.Pos)
	for _, spec := range f.ast.Imports {
		// The parser accepts only well-formed string literals here.
		name, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			found[name] = spec.Pos()
		}
	}
	return found
}

// nameOf returns the name under which the file imports a package, "" if it does not.
func (f *file) nameOf(importPath string) string {
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil || name != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

func within(dir, folder string) bool {
	return dir == folder || strings.HasPrefix(dir, folder+"/")
}

// load parses every Go file below the root of fsys, except what the go command
// leaves out as well: testdata, hidden folders and nested modules.
func load(fsys fs.FS) ([]*file, error) {
	var files []*file
	fset := token.NewFileSet()
	err := fs.WalkDir(fsys, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if p != "." && skipped(fsys, p) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") || strings.HasPrefix(path.Base(p), ".") || strings.HasPrefix(path.Base(p), "_") {
			return nil
		}
		source, err := fs.ReadFile(fsys, p)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(fset, p, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, &file{
			path: p,
			dir:  path.Dir(p),
			test: strings.HasSuffix(p, "_test.go"),
			fset: fset,
			ast:  parsed,
		})
		return nil
	})
	return files, err
}

func skipped(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if base == "testdata" || base == "vendor" || base == "node_modules" ||
		strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") {
		return true
	}
	_, err := fs.Stat(fsys, dir+"/go.mod")
	return err == nil
}

// root is the module's root folder: tests run in the folder of their package.
func root(t *testing.T) fs.FS {
	t.Helper()
	const up = "../.."
	gomod, err := os.ReadFile(up + "/go.mod")
	require.NoError(t, err)
	require.Contains(t, string(gomod), "module "+module+"\n")
	return os.DirFS(up)
}

// tree is every Go file of the module.
func tree(t *testing.T) []*file {
	t.Helper()
	files, err := load(root(t))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

// parse makes a file out of source text, for the tests of the rules themselves.
func parse(t *testing.T, name, source string) *file {
	t.Helper()
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, name, source, parser.ParseComments|parser.SkipObjectResolution)
	require.NoError(t, err)
	return &file{path: name, dir: path.Dir(name), test: strings.HasSuffix(name, "_test.go"), fset: fset, ast: parsed}
}

// report fails the test with one line for each finding.
func report(t *testing.T, findings []finding) {
	t.Helper()
	for _, f := range findings {
		t.Error(f)
	}
}
