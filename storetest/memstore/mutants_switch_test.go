package memstore_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// switchable returns the sources of a store that has all mistakes in it and makes
// the one whose number the variable "mutant" holds. Of a function that differs
// there are all versions, and one under its name that chooses among them. To
// compile a package for each mistake would take minutes.
func switchable(t *testing.T, sources map[string]string, mutants []mutant) map[string]string {
	all := map[string]string{"mutant.go": "package memstore\n\nvar mutant int\n"}
	for name, content := range sources {
		all[name] = switchableFile(t, name, content, mutants)
	}
	for _, m := range mutants {
		for _, e := range m.edits {
			if _, ok := sources[e.file]; !ok {
				t.Errorf("%s: there is no %s", m.what, e.file)
			}
		}
	}
	return all
}

func switchableFile(t *testing.T, name, content string, mutants []mutant) string {
	sound := parseSource(t, name, content)
	versions := map[string][]version{}
	imports := slices.Clone(sound.imports)
	for i, m := range mutants {
		mistaken := parseSource(t, name, m.apply(t, name, content))
		if mistaken.rest != sound.rest || len(mistaken.functions) != len(sound.functions) {
			t.Fatalf("%s: %s differs in more than the bodies of functions", m.what, name)
		}
		for j, f := range mistaken.functions {
			if f.text != sound.functions[j].text {
				versions[f.key] = append(versions[f.key], version{i, f})
			}
		}
		imports = append(imports, mistaken.imports...)
	}
	slices.Sort(imports)
	var out strings.Builder
	fmt.Fprintf(&out, "package memstore\n\nimport (\n\t%s\n)\n%s", strings.Join(slices.Compact(imports), "\n\t"), sound.rest)
	for _, f := range sound.functions {
		if all := versions[f.key]; len(all) > 0 {
			out.WriteString(f.chooser(all))
			f = f.as(0)
			for _, v := range all {
				out.WriteString(v.as(v.mutant).text + "\n")
			}
		}
		out.WriteString(f.text + "\n")
	}
	return out.String()
}

// source is a file in parts.
type source struct {
	imports   []string // as written
	functions []function
	rest      string
}

// function is one with its text. Its signature is taken apart for a call.
type function struct {
	key                          string // "(*Store) Ready"
	text                         string
	name, receiver, method       string // "Ready", "(s *Store) ", "s."
	parameters, results, passing string // "p0 context.Context", "error", "p0"
	nameAt                       int    // in text
}

type version struct {
	mutant int
	function
}

func parseSource(t *testing.T, name, content string) source {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, content, parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	text := func(from, to token.Pos) string {
		return content[fset.Position(from).Offset:fset.Position(to).Offset]
	}
	var s source
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			s.functions = append(s.functions, functionOf(decl, text))
		case *ast.GenDecl:
			if decl.Tok != token.IMPORT {
				s.rest += text(decl.Pos(), decl.End()) + "\n"
				continue
			}
			for _, spec := range decl.Specs {
				s.imports = append(s.imports, text(spec.Pos(), spec.End()))
			}
		}
	}
	return s
}

func functionOf(decl *ast.FuncDecl, text func(from, to token.Pos) string) function {
	f := function{name: decl.Name.Name, text: text(decl.Pos(), decl.End()), nameAt: int(decl.Name.Pos() - decl.Pos())}
	f.key = f.name
	if decl.Recv != nil {
		kind := text(decl.Recv.List[0].Type.Pos(), decl.Recv.List[0].Type.End())
		f.key, f.receiver, f.method = "("+kind+") "+f.name, "(r "+kind+") ", "r."
	}
	var parameters, passing []string
	for _, field := range decl.Type.Params.List {
		for range max(len(field.Names), 1) {
			p := "p" + strconv.Itoa(len(passing))
			parameters = append(parameters, p+" "+text(field.Type.Pos(), field.Type.End()))
			if _, variadic := field.Type.(*ast.Ellipsis); variadic {
				p += "..."
			}
			passing = append(passing, p)
		}
	}
	f.parameters, f.passing = strings.Join(parameters, ", "), strings.Join(passing, ", ")
	if decl.Type.Results != nil {
		f.results = text(decl.Type.Results.Pos(), decl.Type.Results.End())
	}
	return f
}

// as returns the function under the name that it has for a mutant.
func (f function) as(mutant int) function {
	f.text = f.text[:f.nameAt] + f.nameFor(mutant) + f.text[f.nameAt+len(f.name):]
	return f
}

func (f function) nameFor(mutant int) string { return fmt.Sprintf("%s_%d", f.name, mutant) }

// chooser returns the function that calls the version of the mutant that it is.
func (f function) chooser(all []version) string {
	result := ""
	if f.results != "" {
		result = "return "
	}
	var b strings.Builder
	fmt.Fprintf(&b, "func %s%s(%s) %s {\n\tswitch mutant {\n", f.receiver, f.name, f.parameters, f.results)
	for _, v := range all {
		fmt.Fprintf(&b, "\tcase %d:\n\t\t%s%s%s(%s)\n", v.mutant, result, f.method, f.nameFor(v.mutant), f.passing)
	}
	fmt.Fprintf(&b, "\tdefault:\n\t\t%s%s%s(%s)\n\t}\n}\n", result, f.method, f.nameFor(0), f.passing)
	return b.String()
}
