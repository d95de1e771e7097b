package archtest

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A rule is something that library code does not do. find returns each place;
// allow holds the functions that may, by "folder: function", with the reason.
type rule struct {
	name  string
	why   string
	skip  []string // folders it does not concern, beside those of notLibrary
	find  func(f *file) []place
	allow map[string]string
}

// A place is where a rule's find struck, and in which function.
type place struct {
	at   token.Pos
	what string
}

// notLibrary are the folders whose code runs in a process of its own or in
// tests. What hosts import is held to the rules.
var notLibrary = []string{"examples", "cmd", "internal/dbtest", "internal/browser", "internal/archtest"}

// suites run inside a host's tests, where deadlines, races and panics are the
// point; they still read no environment and leave no global behind.
var suites = []string{"storetest", "settingstest"}

var rules = []rule{
	{
		name: "environment",
		why:  "configuration comes from the host's Config",
		find: uses("os", "Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv", "Unsetenv"),
	},
	{
		name: "goroutine",
		why:  "only the host starts work, through Run or its own scheduler",
		skip: suites,
		find: goStatements,
		allow: map[string]string{
			".: (*Settings).Run": "its purpose: the host calls it to have the periodic jobs run",
			// They end with the function.
			"audit: Verify": "its lines are hashed on every processor, and it waits for that",
			// It ends with the function: detached once the transaction has begun.
			"bunstore: (*DB).once": "context.AfterFunc ends the wait for BEGIN with the caller's context",
			// It ends with COMMIT, which waits for it.
			"bunstore/postgres: (*conn).interrupt": "context.AfterFunc asks the server to stop what COMMIT waits for",
			// It ends with the function, too: stopped when the connection is closed.
			"mail/smtp: (*Mailer).SendMail": "context.AfterFunc closes a connection whose library does not look at the context",
		},
	},
	{
		name: "clock",
		why:  "now comes from Config.Now and is handed down",
		skip: suites,
		find: clockReads,
		allow: map[string]string{
			"internal/httpapi: limitUpload":      "the deadline of a connection is by the machine's clock, which a test does not move",
			"internal/httpapi: (*patient).Write": "the deadline of a connection is by the machine's clock",
			"internal/pages: limitUpload":        "the deadline of a connection is by the machine's clock, which a test does not move",
		},
	},
	{
		name: "panic",
		why:  "a library returns errors; a panic ends the host's request or process",
		skip: suites,
		find: panics,
		allow: map[string]string{
			"internal/httpapi: (*API).brokenOff": "http.ErrAbortHandler is how net/http is told to end an answer that has begun",
			"internal/httpapi: (*API).guard":     "http.ErrAbortHandler is passed on to net/http, which understands it",
			"internal/pages: (*Site).recover":    "http.ErrAbortHandler is passed on to net/http, which understands it",
		},
	},
	{
		name: "default client",
		why:  "outgoing requests go through the one client that refuses private addresses, and globals belong to the host",
		find: uses("net/http", "DefaultClient", "DefaultTransport", "DefaultServeMux", "Get", "Head", "Post", "PostForm", "Handle", "HandleFunc"),
	},
	{
		name: "init function",
		why:  "importing a package has no effects",
		find: initFunctions,
	},
	{
		name: "Must function",
		why:  "it would panic in the host",
		find: mustFunctions,
	},
}

// uses finds references to these names of a package, called or not.
func uses(importPath string, names ...string) func(f *file) []place {
	return func(f *file) []place {
		pkg := f.nameOf(importPath)
		if pkg == "" {
			return nil
		}
		var found []place
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if name := selected(n, pkg); name != "" && contains(names, name) {
				found = append(found, place{n.Pos(), pkg + "." + name})
			}
			return true
		})
		return found
	}
}

// selected returns Name when n is pkg.Name, else "".
func selected(n ast.Node, pkg string) string {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if x, ok := sel.X.(*ast.Ident); !ok || x.Name != pkg {
		return ""
	}
	return sel.Sel.Name
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func goStatements(f *file) []place {
	var found []place
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if g, ok := n.(*ast.GoStmt); ok {
			found = append(found, place{g.Pos(), "go statement"})
		}
		// errgroup and sync.WaitGroup.Go start goroutines as well.
		if call, ok := n.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" && len(call.Args) == 1 {
				found = append(found, place{n.Pos(), "goroutine by Go"})
			}
		}
		return true
	})
	found = append(found, uses("context", "AfterFunc")(f)...)
	return append(found, uses("time", "AfterFunc")(f)...)
}

// clockReads finds every reading of the clock. Mentioning time.Now without
// calling it is how Config.Now gets its default, so that is allowed where it is
// stored under the name now.
func clockReads(f *file) []place {
	pkg := f.nameOf("time")
	if pkg == "" {
		return nil
	}
	stored := make(map[ast.Node]bool)
	var found []place
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, value := range n.Rhs {
				if len(n.Lhs) == len(n.Rhs) && namedNow(n.Lhs[i]) {
					stored[value] = true
				}
			}
		case *ast.KeyValueExpr:
			if namedNow(n.Key) {
				stored[n.Value] = true
			}
		case *ast.SelectorExpr:
			name := selected(n, pkg)
			if contains([]string{"Now", "Since", "Until"}, name) && !stored[n] {
				found = append(found, place{n.Pos(), pkg + "." + name})
			}
		}
		return true
	})
	return found
}

func namedNow(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return strings.EqualFold(e.Name, "now")
	case *ast.SelectorExpr:
		return strings.EqualFold(e.Sel.Name, "now")
	}
	return false
}

func panics(f *file) []place {
	var found []place
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if name, ok := call.Fun.(*ast.Ident); ok && name.Name == "panic" {
				found = append(found, place{call.Pos(), "panic"})
			}
		}
		return true
	})
	return found
}

func initFunctions(f *file) []place {
	var found []place
	for _, decl := range f.ast.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, place{fn.Pos(), "init"})
		}
	}
	return found
}

func mustFunctions(f *file) []place {
	var found []place
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		rest, ok := strings.CutPrefix(fn.Name.Name, "Must")
		if ok && (rest == "" || ast.IsExported(rest)) {
			found = append(found, place{fn.Pos(), fn.Name.Name})
		}
	}
	return found
}

// enclosing names the function that contains a position, as in "(*DB).Ready".
func enclosing(f *file, at token.Pos) string {
	for _, decl := range f.ast.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || at < fn.Pos() || at >= fn.End() {
			continue
		}
		if fn.Recv == nil || len(fn.Recv.List) == 0 {
			return fn.Name.Name
		}
		return receiver(fn.Recv.List[0].Type) + "." + fn.Name.Name
	}
	return "package level"
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "(*" + receiver(e.X) + ")"
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// check applies a rule and notes in used which exceptions it needed.
func (r rule) check(f *file, used map[string]bool) []finding {
	if f.test || f.under(notLibrary...) || f.under(r.skip...) {
		return nil
	}
	var found []finding
	for _, p := range r.find(f) {
		key := f.dir + ": " + enclosing(f, p.at)
		if _, ok := r.allow[key]; ok {
			used[key] = true
			continue
		}
		found = append(found, f.finding(p.at, "%s in %q: %s", p.what, key, r.why))
	}
	return found
}

func TestLibraryCodeBehaves(t *testing.T) {
	files := tree(t)
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			used := make(map[string]bool)
			for _, f := range files {
				report(t, r.check(f, used))
			}
			declared := declaredFunctions(files)
			for key, reason := range r.allow {
				require.NotEmpty(t, reason, key)
				require.False(t, declared[key] && !used[key], "the exception for %q is no longer needed", key)
			}
		})
	}
}

func declaredFunctions(files []*file) map[string]bool {
	declared := make(map[string]bool)
	for _, f := range files {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				declared[f.dir+": "+enclosing(f, fn.Pos())] = true
			}
		}
	}
	return declared
}

func TestEachRuleFindsItsOffence(t *testing.T) {
	for _, c := range []struct {
		rule, file, imports, body string
		findings                  int
	}{
		{"environment", "accounts/x.go", `"os"`, `_ = os.Getenv("A")`, 1},
		{"environment", "accounts/x.go", `system "os"`, `_, _ = system.LookupEnv("A"); _ = system.Environ()`, 2},
		{"environment", "storetest/x.go", `"os"`, `_ = os.Getenv("A")`, 1},
		{"environment", "examples/server/main.go", `"os"`, `_ = os.Getenv("A")`, 0},
		{"environment", "accounts/x_test.go", `"os"`, `_ = os.Getenv("A")`, 0},
		{"environment", "accounts/x.go", `"os"`, `_, _ = os.Open("A")`, 0},
		{"goroutine", "security/x.go", `"sync"`, `go func() {}(); var wg sync.WaitGroup; wg.Go(func() {})`, 2},
		{"goroutine", "security/x.go", `"time"`, `wg.Go(f); time.AfterFunc(time.Second, f)`, 2},
		{"goroutine", "security/x.go", `"context"`, `context.AfterFunc(context.Background(), func() {})`, 1},
		{"goroutine", "storetest/x.go", ``, `go func() {}()`, 0},
		{"clock", "accounts/x.go", `"time"`, `_ = time.Now()`, 1},
		{"clock", "accounts/x.go", `"time"`, `now := time.Now(); _ = now`, 1},
		{"clock", "accounts/x.go", `"time"`, `_ = time.Since(time.Time{}); _ = time.Until(time.Time{})`, 2},
		{"clock", "accounts/x.go", `clock "time"`, `var f = clock.Now; _ = f`, 1},
		{"clock", "accounts/x.go", `"time"`, `cfg.Now = time.Now; now := time.Now; _ = Config{Now: time.Now}`, 0},
		{"panic", "accounts/x.go", ``, `panic("no")`, 1},
		{"panic", "internal/pages/x.go", ``, `defer func() { panic(recover()) }()`, 1},
		{"default client", "security/x.go", `"net/http"`, `_ = http.DefaultClient; _, _ = http.Get("")`, 2},
		{"default client", "internal/httpapi/x.go", `"net/http"`, `http.HandleFunc("/", nil)`, 1},
		{"default client", "security/x.go", `"net/http"`, `mux := http.NewServeMux(); mux.Handle("/", nil)`, 0},
	} {
		source := "package x\n"
		if c.imports != "" {
			source += "import " + c.imports + "\n"
		}
		source += "func f() { " + c.body + " }\n"
		require.Len(t, named(t, c.rule).check(parse(t, c.file, source), map[string]bool{}), c.findings, c.body)
	}
}

func TestDeclarationsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		rule, source string
		findings     int
	}{
		{"init function", "package x\nfunc init() {}\n", 1},
		{"init function", "package x\ntype T struct{}\nfunc (T) init() {}\n", 0},
		{"Must function", "package x\nfunc MustParse() {}\ntype T struct{}\nfunc (T) Must() {}\n", 2},
		{"Must function", "package x\nfunc Mustard() {}\nfunc mustParse() {}\n", 0},
	} {
		require.Len(t, named(t, c.rule).check(parse(t, "accounts/x.go", c.source), map[string]bool{}), c.findings, c.source)
	}
}

func TestAnExceptionCoversItsFunctionAlone(t *testing.T) {
	r := rule{find: goStatements, allow: map[string]string{".: (*Settings).Run": "its purpose"}}
	used := make(map[string]bool)
	source := "package settings\nfunc (s *Settings) Run() { go s.Run() }\nfunc (s *Settings) Stop() { go s.Run() }\n"
	found := r.check(parse(t, "settings.go", source), used)
	require.Len(t, found, 1)
	require.Contains(t, found[0].String(), "(*Settings).Stop")
	require.True(t, used[".: (*Settings).Run"])
}

func named(t *testing.T, name string) rule {
	t.Helper()
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	require.Fail(t, "no rule "+name)
	return rule{}
}
