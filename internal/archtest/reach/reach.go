// Package reach reads the source of the module and tells what its services can
// reach: which functions write, and whether what a transaction does leaves an
// entry in the audit log. It is for tests.
//
// It goes by types and by what is called or named, without regard to conditions:
// "can" is not "does".
package reach

import (
	"errors"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the source of the packages that were loaded.
type Module struct {
	path  string // of the module
	files fs.FS
	fset  *token.FileSet
	pkgs  map[string]*Package // by folder
	funcs map[*types.Func]*function
}

// Package is one of them.
type Package struct {
	Dir   string // from the root of the module
	files []*ast.File
	types *types.Package
	info  *types.Info
}

// Load reads the packages in these folders, and all of the module that they
// import. Test files are left out, and what is from elsewhere is unknown.
func Load(module string, files fs.FS, dirs ...string) (*Module, error) {
	m := &Module{path: module, files: files, fset: token.NewFileSet(), pkgs: map[string]*Package{}, funcs: map[*types.Func]*function{}}
	for _, dir := range dirs {
		if _, err := m.load(dir); err != nil {
			return nil, err
		}
	}
	for _, p := range m.pkgs {
		m.collect(p)
	}
	return m, nil
}

func (m *Module) load(dir string) (*Package, error) {
	if p := m.pkgs[dir]; p != nil {
		return p, nil
	}
	p := &Package{Dir: dir, info: &types.Info{
		Types: map[ast.Expr]types.TypeAndValue{}, Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{},
	}}
	names, err := fs.Glob(m.files, path.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := fs.ReadFile(m.files, name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(m.fset, name, source, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	if len(p.files) == 0 {
		return nil, errors.New("reach: no Go files in " + dir)
	}
	// Errors are expected: of what is from elsewhere nothing is known.
	config := types.Config{Importer: importer{m}, Error: func(error) {}}
	p.types, _ = config.Check(path.Join(m.path, dir), m.fset, p.files, p.info)
	m.pkgs[dir] = p
	return p, nil
}

type importer struct{ m *Module }

// Import returns a package of the module, and of any other an empty one.
func (i importer) Import(name string) (*types.Package, error) {
	if dir, ours := strings.CutPrefix(name, i.m.path+"/"); ours {
		p, err := i.m.load(dir)
		if err != nil {
			return nil, err
		}
		return p.types, nil
	}
	empty := types.NewPackage(name, path.Base(name))
	empty.MarkComplete()
	return empty, nil
}

// Constants returns the values of a package's constants of a type, which is named
// by its folder and its name, "audit" and "Action", by their names.
func (m *Module) Constants(dir, typeDir, typeName string) map[string]string {
	out := map[string]string{}
	scope := m.pkgs[dir].types.Scope()
	for _, name := range scope.Names() {
		if c, ok := scope.Lookup(name).(*types.Const); ok && m.named(c.Type(), typeDir, typeName) {
			out[name] = constant.StringVal(c.Val())
		}
	}
	return out
}

// named reports whether t, or what it points to, is a type of the module.
func (m *Module) named(t types.Type, dir, name string) bool {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		t = p.Elem()
	}
	n, ok := types.Unalias(t).(*types.Named)
	return ok && n.Obj().Name() == name && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == path.Join(m.path, dir)
}

// Dirs returns the folders of all packages that were loaded.
func (m *Module) Dirs() []string {
	var out []string
	for dir := range m.pkgs {
		out = append(out, dir)
	}
	slices.Sort(out)
	return out
}
