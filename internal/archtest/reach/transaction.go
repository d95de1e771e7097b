package reach

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
)

// function is one with a body.
type function struct {
	pkg  *Package
	decl *ast.FuncDecl
	uses map[*types.Func]bool // what it calls or names, function literals included
	txs  []transaction
}

// transaction is what is done in one.
type transaction struct {
	at     token.Pos
	by     *types.Func          // Update, InTx, or a function of the module that hands it on
	uses   map[*types.Func]bool // what it calls or names
	params bool                 // it calls a parameter of the function around it
}

// begins are the methods that begin a transaction, of the interfaces Store.
var begins = []string{"Update", "InTx"}

// collect notes what the functions of a package use.
func (m *Module) collect(p *Package) {
	for _, f := range p.files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.FuncDecl)
			if !ok || decl.Body == nil {
				continue
			}
			object, ok := p.info.Defs[decl.Name].(*types.Func)
			if !ok {
				continue
			}
			fn := &function{pkg: p, decl: decl, uses: p.uses(decl.Body)}
			m.funcs[object] = fn
			ast.Inspect(decl.Body, func(n ast.Node) bool {
				if call, ok := n.(*ast.CallExpr); ok {
					fn.txs = append(fn.txs, p.handedOver(call, decl)...)
				}
				return true
			})
		}
	}
}

// uses returns the functions that a piece of code calls or names.
func (p *Package) uses(n ast.Node) map[*types.Func]bool {
	out := map[*types.Func]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok {
			if f, ok := p.info.Uses[ident].(*types.Func); ok {
				out[f.Origin()] = true
			}
		}
		return true
	})
	return out
}

// handedOver returns the functions that a call is given as arguments. Whether they
// run in a transaction depends on what is called.
func (p *Package) handedOver(call *ast.CallExpr, around *ast.FuncDecl) []transaction {
	by := p.callee(call)
	if by == nil {
		return nil
	}
	var out []transaction
	for _, arg := range call.Args {
		t := transaction{at: arg.Pos(), by: by}
		switch arg := ast.Unparen(arg).(type) {
		case *ast.FuncLit:
			t.uses, t.params = p.uses(arg.Body), p.callsParameter(arg, around)
		case *ast.Ident, *ast.SelectorExpr:
			t.uses = p.uses(arg)
			if kind := p.info.TypeOf(arg); kind == nil || !isFunc(kind) {
				continue
			}
			ident, _ := arg.(*ast.Ident)
			t.params = ident != nil && p.isParameter(ident, around)
		default:
			continue
		}
		out = append(out, t)
	}
	return out
}

func (p *Package) callee(call *ast.CallExpr) *types.Func {
	var name *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = f
	case *ast.SelectorExpr:
		name = f.Sel
	default:
		return nil
	}
	f, ok := p.info.Uses[name].(*types.Func)
	if !ok {
		return nil
	}
	return f.Origin()
}

// isParameter reports whether a name is a parameter of the function around it
// whose type is a function's.
func (p *Package) isParameter(name *ast.Ident, around *ast.FuncDecl) bool {
	v, ok := p.info.Uses[name].(*types.Var)
	if !ok || v.Pos() < around.Type.Pos() || v.Pos() >= around.Type.End() {
		return false
	}
	return isFunc(v.Type())
}

func isFunc(t types.Type) bool {
	_, ok := t.Underlying().(*types.Signature)
	return ok
}

func (p *Package) callsParameter(lit *ast.FuncLit, around *ast.FuncDecl) bool {
	found := false
	ast.Inspect(lit.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if name, ok := call.Fun.(*ast.Ident); ok && p.isParameter(name, around) {
				found = true
			}
		}
		return true
	})
	return found
}

// Silent is a function that does something in a transaction without leaving an
// entry.
type Silent struct {
	Func string // "security: (*Service).Touch"
	At   string // file:line
}

// appends is the method that leaves an entry.
const appends = "AppendAudit"

// Silent returns the functions of these packages that do something in a
// transaction from which AppendAudit cannot be reached, sorted. A function that
// runs what it is given in a transaction, and appends nothing itself, is not one:
// those who call it are.
func (m *Module) Silent(dirs ...string) []Silent {
	audited := m.reaching(func(f *types.Func) bool { return f.Name() == appends && m.isInterface(f, "Appender") })
	leaves := func(t transaction) bool {
		return slices.ContainsFunc(slices.Collect(maps.Keys(t.uses)), func(f *types.Func) bool { return audited[f] })
	}
	runners := map[*types.Func]bool{}
	inTx := func(t transaction) bool { return m.beginsTransaction(t.by) || runners[t.by] }
	for again := true; again; {
		again = false
		for object, fn := range m.funcs {
			if runners[object] {
				continue
			}
			for _, t := range fn.txs {
				if inTx(t) && t.params && !leaves(t) {
					runners[object], again = true, true
				}
			}
		}
	}
	var out []Silent
	for object, fn := range m.funcs {
		if !slices.Contains(dirs, fn.pkg.Dir) {
			continue
		}
		for _, t := range fn.txs {
			if inTx(t) && !t.params && !leaves(t) {
				out = append(out, Silent{m.name(object), m.fset.Position(t.at).String()})
			}
		}
	}
	slices.SortFunc(out, func(a, b Silent) int { return strings.Compare(a.Func+a.At, b.Func+b.At) })
	return out
}

// Writers returns the exported functions of these packages, and the exported
// methods of their exported types, that can begin a transaction: "accounts:
// (*Service).UpdateProfile", sorted.
func (m *Module) Writers(dirs ...string) []string {
	writing := m.reaching(m.beginsTransaction)
	var out []string
	for object, fn := range m.funcs {
		if slices.Contains(dirs, fn.pkg.Dir) && writing[object] && object.Exported() && ast.IsExported(receiver(object)+object.Name()) {
			out = append(out, m.name(object))
		}
	}
	slices.Sort(out)
	return out
}

// reaching returns all functions that can reach one of which is holds, those
// included.
func (m *Module) reaching(is func(*types.Func) bool) map[*types.Func]bool {
	out := map[*types.Func]bool{}
	for again := true; again; {
		again = false
		for object, fn := range m.funcs {
			if out[object] {
				continue
			}
			for used := range fn.uses {
				if is(used) {
					out[used] = true
				}
				if out[used] {
					out[object], again = true, true
				}
			}
		}
	}
	return out
}

func (m *Module) beginsTransaction(f *types.Func) bool {
	return slices.Contains(begins, f.Name()) && m.isInterface(f, "Store")
}

// isInterface reports whether f is a method of an interface of the module with
// this name.
func (m *Module) isInterface(f *types.Func, name string) bool {
	if f.Pkg() == nil || !strings.HasPrefix(f.Pkg().Path(), m.path+"/") {
		return false
	}
	recv := f.Signature().Recv()
	if recv == nil {
		return false
	}
	n, ok := types.Unalias(recv.Type()).(*types.Named)
	return ok && types.IsInterface(n) && n.Obj().Name() == name
}

// receiver returns the name of the type that f is a method of, or "".
func receiver(f *types.Func) string {
	recv := f.Signature().Recv()
	if recv == nil {
		return ""
	}
	t := recv.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

// name names a function as the exceptions of the architecture's tests do.
func (m *Module) name(f *types.Func) string {
	dir := strings.TrimPrefix(f.Pkg().Path(), m.path+"/")
	recv := f.Signature().Recv()
	if recv == nil {
		return dir + ": " + f.Name()
	}
	if _, pointer := recv.Type().(*types.Pointer); pointer {
		return dir + ": (*" + receiver(f) + ")." + f.Name()
	}
	return dir + ": " + receiver(f) + "." + f.Name()
}
