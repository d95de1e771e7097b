package reach

import (
	"go/ast"
	"go/constant"
	"go/types"
	"maps"
	"slices"
)

// Fields returns the fields of changes that the code of a package puts into
// entries, sorted: of every audit.Change, and where its field is a parameter of a
// function in a variable, of every call of that variable.
func (m *Module) Fields(dir string) []string {
	p, found := m.pkgs[dir], map[string]bool{}
	m.literals(p, "Change", "Field", func(value ast.Expr) {
		if text, ok := p.constant(value); ok {
			found[text] = true
			return
		}
		for _, arg := range p.argumentsFor(value) {
			if text, ok := p.constant(arg); ok {
				found[text] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(found))
}

// Kinds returns the kinds of target that the code of a package names, sorted: of
// every audit.Target, its own or made by a function of package audit.
func (m *Module) Kinds(dir string) []string {
	found := map[string]bool{}
	note := func(p *Package) func(ast.Expr) {
		return func(value ast.Expr) {
			if text, ok := p.constant(value); ok {
				found[text] = true
			}
		}
	}
	p := m.pkgs[dir]
	m.literals(p, "Target", "Kind", note(p))
	for _, fn := range m.funcs {
		if fn.pkg != p {
			continue
		}
		for used := range fn.uses {
			if made := m.funcs[used]; made != nil && made.pkg.Dir == "audit" {
				m.literalsIn(made.pkg, made.decl, "Target", "Kind", note(made.pkg))
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// literals calls fn with the value of a field in each literal of a type of package
// audit.
func (m *Module) literals(p *Package, typeName, field string, fn func(value ast.Expr)) {
	for _, f := range p.files {
		m.literalsIn(p, f, typeName, field, fn)
	}
}

func (m *Module) literalsIn(p *Package, n ast.Node, typeName, field string, fn func(value ast.Expr)) {
	ast.Inspect(n, func(n ast.Node) bool {
		lit, ok := n.(*ast.CompositeLit)
		if !ok || !m.named(p.info.TypeOf(lit), "audit", typeName) {
			return true
		}
		for _, e := range lit.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				if key, ok := kv.Key.(*ast.Ident); ok && key.Name == field {
					fn(kv.Value)
				}
			}
		}
		return true
	})
}

func (p *Package) constant(e ast.Expr) (string, bool) {
	v := p.info.Types[e].Value
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}

// argumentsFor returns what is given for a parameter of a function literal that is
// in a variable, in all calls of that variable.
func (p *Package) argumentsFor(parameter ast.Expr) []ast.Expr {
	name, ok := parameter.(*ast.Ident)
	if !ok {
		return nil
	}
	object := p.info.Uses[name]
	var variable types.Object
	index := -1
	p.each(func(n ast.Node) {
		assign, ok := n.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
			return
		}
		lit, isFunc := assign.Rhs[0].(*ast.FuncLit)
		to, isName := assign.Lhs[0].(*ast.Ident)
		if !isFunc || !isName {
			return
		}
		i := 0
		for _, field := range lit.Type.Params.List {
			for _, param := range field.Names {
				if object != nil && p.info.Defs[param] == object {
					variable, index = p.info.Defs[to], i
				}
				i++
			}
		}
	})
	var out []ast.Expr
	p.each(func(n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || variable == nil || len(call.Args) <= index {
			return
		}
		if callee, ok := call.Fun.(*ast.Ident); ok && p.info.Uses[callee] == variable {
			out = append(out, call.Args[index])
		}
	})
	return out
}

func (p *Package) each(fn func(ast.Node)) {
	for _, f := range p.files {
		ast.Inspect(f, func(n ast.Node) bool {
			if n != nil {
				fn(n)
			}
			return true
		})
	}
}
