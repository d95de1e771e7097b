package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// transactional are the methods whose closure gets the context that carries the
// transaction, or, for AfterCommit, the one that no longer does.
var transactional = []string{"Update", "InTx", "AfterCommit"}

// afterCommit closures may ignore their context: there is no transaction any more
// that they could miss. An outer one is refused there all the same.
const afterCommit = "AfterCommit"

// Using the outer context inside hangs on a one-connection SQLite and silently
// leaves the transaction elsewhere. So the closure's own is named ctx, which
// hides the outer one, and no other context is brought in. Tests and suites look
// at a transaction from outside on purpose.
func closuresOf(f *file) []finding {
	if f.test || f.under(suites...) {
		return nil
	}
	pkg := f.nameOf("context")
	if pkg == "" {
		return nil
	}
	declared := resolve(f)
	var found []finding
	ast.Inspect(f.ast, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, closure := range transactionClosures(call, pkg) {
			if !shadows(closure) && !(called(call) == afterCommit && ignores(closure)) {
				found = append(found, f.finding(closure.Pos(), "the closure's context must be named ctx, to hide the outer one"))
			}
			found = append(found, outsiders(f, pkg, closure, declared)...)
		}
		return true
	})
	return found
}

// transactionClosures returns the function literals of a call like
// store.Update(ctx, func(ctx context.Context, tx Tx) error {…}).
func transactionClosures(call *ast.CallExpr, pkg string) []*ast.FuncLit {
	if !contains(transactional, called(call)) {
		return nil
	}
	var closures []*ast.FuncLit
	for _, arg := range call.Args {
		lit, ok := arg.(*ast.FuncLit)
		if !ok || len(lit.Type.Params.List) == 0 {
			continue
		}
		if selected(lit.Type.Params.List[0].Type, pkg) == "Context" {
			closures = append(closures, lit)
		}
	}
	return closures
}

// called returns the name of the method that a call is of, "" for other calls.
func called(call *ast.CallExpr) string {
	if method, ok := call.Fun.(*ast.SelectorExpr); ok {
		return method.Sel.Name
	}
	return ""
}

func shadows(closure *ast.FuncLit) bool {
	names := closure.Type.Params.List[0].Names
	return len(names) == 1 && names[0].Name == "ctx"
}

func ignores(closure *ast.FuncLit) bool {
	names := closure.Type.Params.List[0].Names
	return len(names) == 0 || len(names) == 1 && names[0].Name == "_"
}

// outsiders finds the contexts that a closure's body takes from outside.
func outsiders(f *file, pkg string, closure *ast.FuncLit, declared map[*ast.Ident]token.Pos) []finding {
	var found []finding
	ast.Inspect(closure.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			at, known := declared[n]
			if known && namesContext(n.Name) && (at < closure.Pos() || at >= closure.End()) {
				found = append(found, f.finding(n.Pos(), "%s comes from outside of the transaction", n.Name))
			}
		case *ast.SelectorExpr:
			if name := selected(n, pkg); name == "Background" || name == "TODO" {
				found = append(found, f.finding(n.Pos(), "context.%s leaves the transaction", name))
			}
			if namesContext(n.Sel.Name) && selected(n, pkg) == "" {
				found = append(found, f.finding(n.Pos(), "the field %s comes from outside of the transaction", n.Sel.Name))
			}
		case *ast.CallExpr:
			if method, ok := n.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Context" && len(n.Args) == 0 {
				found = append(found, f.finding(n.Pos(), "Context() leaves the transaction"))
			}
		}
		return true
	})
	return found
}

// namesContext goes by the name, since the types of other packages are unknown
// here: ctx, outerCtx, ctxOuter, parentContext.
func namesContext(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasPrefix(lower, "ctx") || strings.HasSuffix(lower, "ctx") ||
		lower != "context" && strings.HasSuffix(lower, "context")
}

// resolve tells where each local identifier of a file is declared. Imports are
// left unresolved: scopes are all that is needed.
func resolve(f *file) map[*ast.Ident]token.Pos {
	info := &types.Info{Uses: make(map[*ast.Ident]types.Object)}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	// Errors are expected: nothing of other packages, or of other files, is known.
	_, _ = config.Check(f.dir, f.fset, []*ast.File{f.ast}, info)
	declared := make(map[*ast.Ident]token.Pos)
	for ident, object := range info.Uses {
		if v, ok := object.(*types.Var); ok && v.Pos().IsValid() {
			declared[ident] = v.Pos()
		}
	}
	return declared
}

// nothing imports empty packages.
type nothing struct{}

func (nothing) Import(path string) (*types.Package, error) {
	pkg := types.NewPackage(path, path[strings.LastIndex(path, "/")+1:])
	pkg.MarkComplete()
	return pkg, nil
}

func TestTransactionsUseTheirOwnContext(t *testing.T) {
	for _, f := range tree(t) {
		report(t, closuresOf(f))
	}
}

func TestAContextFromOutsideIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		body     string
		findings int
	}{
		"shadowed":        {`s.Update(ctx, func(ctx context.Context, tx Tx) error { return tx.Do(ctx) })`, 0},
		"spanning":        {`s.InTx(ctx, func(ctx context.Context) error { return s.Update(ctx, nil) })`, 0},
		"derived inside":  {`s.InTx(ctx, func(ctx context.Context) error { ctx, stop := context.WithCancel(ctx); defer stop(); return use(ctx) })`, 0},
		"second inside":   {`s.InTx(ctx, func(ctx context.Context) error { inner := with(ctx); innerCtx := inner; return use(innerCtx) })`, 0},
		"another closure": {`s.Each(ctx, func(c context.Context) error { return use(ctx) })`, 0},
		"not shadowed":    {`s.Update(ctx, func(inner context.Context, tx Tx) error { return tx.Do(inner) })`, 1},
		"outer used":      {`s.Update(ctx, func(c context.Context, tx Tx) error { return tx.Do(ctx) })`, 2},
		"ignored":         {`s.Update(ctx, func(_ context.Context, tx Tx) error { return tx.Do(ctx) })`, 2},
		"unnamed":         {`s.InTx(ctx, func(context.Context) error { return nil })`, 1},
		"second outer":    {`outerCtx := ctx; s.InTx(ctx, func(ctx context.Context) error { return use(outerCtx) })`, 1},
		"deep":            {`outerCtx := ctx; s.InTx(ctx, func(ctx context.Context) error { if x { for range y { a.b(func() { use(outerCtx) }) } }; return nil })`, 1},
		"background":      {`s.InTx(ctx, func(ctx context.Context) error { return use(context.Background()) })`, 1},
		"of the request":  {`s.InTx(ctx, func(ctx context.Context) error { return use(r.Context()) })`, 1},
		"of a struct":     {`s.InTx(ctx, func(ctx context.Context) error { return use(s.ctx) })`, 1},
		"after commit":    {`s.Update(ctx, func(ctx context.Context, tx Tx) error { tx.AfterCommit(func(ctx context.Context) { use(ctx) }); return nil })`, 0},
		"too late":        {`s.Update(ctx, func(ctx context.Context, tx Tx) error { tx.AfterCommit(func(_ context.Context) { use(ctx) }); return nil })`, 1},
		"wake-up call":    {`s.Update(ctx, func(ctx context.Context, tx Tx) error { tx.AfterCommit(func(context.Context) { s.Wake() }); return nil })`, 0},
		"renamed":         {`s.Update(ctx, func(ctx context.Context, tx Tx) error { tx.AfterCommit(func(c context.Context) { use(c) }); return nil })`, 1},
	} {
		source := "package accounts\nimport \"context\"\nfunc f(ctx context.Context, s Store, r Request) { " + c.body + " }\n"
		require.Len(t, closuresOf(parse(t, "accounts/user.go", source)), c.findings, name)
	}
}
