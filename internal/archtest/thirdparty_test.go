package archtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An enclosure keeps a third-party library in the folders that need it, so that
// a host can replace that part and so that an upgrade touches one place.
type enclosure struct {
	library string // import path; everything below it is meant too
	folders []string
	tests   []string // folders whose tests may use it as well; "*" for all
}

var enclosures = []enclosure{
	{library: "github.com/uptrace/bun", folders: []string{"bunstore"}},
	{library: "github.com/pressly/goose/v3", folders: []string{"bunstore"}},
	{library: "modernc.org/sqlite", folders: []string{"bunstore/sqlite"}, tests: []string{"bunstore"}},
	// The test databases are created and dropped over a connection of their own,
	// and the benchmarks at the root compare with the driver alone.
	{library: "github.com/jackc/pgx/v5", folders: []string{"bunstore/postgres", "internal/dbtest"}, tests: []string{"bunstore", "."}},
	{library: "github.com/danielgtaylor/huma/v2", folders: []string{"internal/httpapi"}},
	{library: "github.com/wneessen/go-mail", folders: []string{"mail/smtp"}},
	{library: "github.com/oschwald/maxminddb-golang", folders: []string{"security/maxmind"}},
	{library: "github.com/maxmind/mmdbwriter", tests: []string{"*"}},
	{library: "github.com/boombuler/barcode", folders: []string{"internal/qrcode"}},
	{library: "github.com/go-webauthn/webauthn", folders: []string{"security"}},
	// Tests everywhere play the app that shows the codes.
	{library: "github.com/pquerna/otp", folders: []string{"security"}, tests: []string{"*"}},
	{library: "github.com/stretchr/testify", folders: []string{"internal/dbtest", "internal/browser"}, tests: []string{"*"}},
	{library: "pgregory.net/rapid", tests: []string{"*"}},
	{library: "go.uber.org/goleak", tests: []string{"*"}},
	{library: "github.com/chromedp", folders: []string{"internal/browser"}, tests: []string{"*"}},
	{library: "github.com/emersion", tests: []string{"*"}},
}

// Not to be used at all, with the reason.
var banned = map[string]string{
	"math/rand":                      "randomness is crypto/rand",
	"math/rand/v2":                   "randomness is crypto/rand",
	"github.com/uptrace/bun/migrate": "it records a failed migration as done",
}

// standardOnly are the folders whose importers must not inherit a library. Their
// own tests may use one: nobody who imports a package compiles its tests.
var standardOnly = []string{"storetest", "settingstest"}

// librariesOf checks what a file imports from outside the module.
func librariesOf(f *file) []finding {
	var found []finding
	for imported, at := range f.imports() {
		if _, ok := insideModule(imported); ok {
			continue
		}
		if why, ok := banned[imported]; ok && !f.test {
			found = append(found, f.finding(at, "%s is not used: %s", imported, why))
		}
		if f.under(standardOnly...) && !f.test && !standard(imported) {
			found = append(found, f.finding(at, "%s needs the standard library alone, not %s", f.dir, imported))
		}
		for _, e := range enclosures {
			if within(imported, e.library) && !e.allows(f) {
				found = append(found, f.finding(at, "%s belongs to %s alone", imported, e.owners()))
			}
		}
	}
	return found
}

func (e enclosure) allows(f *file) bool {
	if f.under(e.folders...) {
		return true
	}
	if !f.test {
		return false
	}
	return len(e.tests) == 1 && e.tests[0] == "*" || f.under(e.tests...)
}

func (e enclosure) owners() string {
	if len(e.folders) == 0 {
		return "tests"
	}
	return strings.Join(e.folders, ", ")
}

// standard reports whether a path is of the standard library: the first part of
// every other path is a domain name.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	for _, f := range tree(t) {
		report(t, librariesOf(f))
	}
}

func TestALibraryOutsideItsFolderIsFound(t *testing.T) {
	for _, c := range []struct {
		file, library string
		findings      int
	}{
		{"bunstore/user.go", "github.com/uptrace/bun", 0},
		{"bunstore/sqlite/open.go", "github.com/uptrace/bun/dialect/sqlitedialect", 0},
		{"accounts/store.go", "github.com/uptrace/bun", 1},
		{"accounts/store_test.go", "github.com/uptrace/bun", 1},
		{"settings.go", "github.com/uptrace/bun/dialect/pgdialect", 1},
		{"bunstore/migrate.go", "github.com/uptrace/bun/migrate", 1},
		{"bunstore/sqlite/open.go", "modernc.org/sqlite", 0},
		{"bunstore/bunstore.go", "modernc.org/sqlite", 1},
		{"bunstore/bunstore_test.go", "modernc.org/sqlite", 0},
		{"bunstore/postgres/open.go", "github.com/jackc/pgx/v5/stdlib", 0},
		{"bunstore/sqlite/open.go", "github.com/jackc/pgx/v5", 1},
		{"examples/server/main.go", "github.com/jackc/pgx/v5/stdlib", 1},
		{"examples/server/bench_test.go", "github.com/jackc/pgx/v5/stdlib", 1},
		{"bench_test.go", "github.com/jackc/pgx/v5/stdlib", 0},
		{"settings.go", "github.com/jackc/pgx/v5/stdlib", 1},
		{"internal/pages/pages.go", "github.com/danielgtaylor/huma/v2", 1},
		{"internal/httpapi/api.go", "github.com/danielgtaylor/huma/v2/adapters/humago", 0},
		{"mail/courier.go", "github.com/wneessen/go-mail", 1},
		{"mail/smtp/smtp.go", "github.com/wneessen/go-mail", 0},
		{"security/maxmind/maxmind.go", "github.com/oschwald/maxminddb-golang/v2", 0},
		{"security/geo.go", "github.com/oschwald/maxminddb-golang/v2", 1},
		{"examples/server/main.go", "github.com/oschwald/maxminddb-golang/v2", 1},
		{"security/maxmind/maxmind.go", "github.com/maxmind/mmdbwriter/mmdbtype", 1},
		{"security/maxmind/maxmind_test.go", "github.com/maxmind/mmdbwriter/mmdbtype", 0},
		{"internal/qrcode/qrcode.go", "github.com/boombuler/barcode/qr", 0},
		{"internal/pages/security.go", "github.com/boombuler/barcode/qr", 1},
		{"security/passkey.go", "github.com/go-webauthn/webauthn/protocol", 0},
		{"internal/pages/passkey_test.go", "github.com/go-webauthn/webauthn/protocol", 1},
		{"security/totp.go", "github.com/pquerna/otp/totp", 0},
		{"internal/httpapi/totp.go", "github.com/pquerna/otp/totp", 1},
		{"factor_test.go", "github.com/pquerna/otp/totp", 0},
		{"accounts/user.go", "github.com/stretchr/testify/require", 1},
		{"accounts/user_test.go", "github.com/stretchr/testify/require", 0},
		{"storetest/user.go", "github.com/stretchr/testify/require", 2},
		{"storetest/memstore/memstore.go", "github.com/stretchr/testify/require", 2},
		{"storetest/memstore/memstore_test.go", "github.com/stretchr/testify/require", 0},
		{"settingstest/clock.go", "golang.org/x/text/language", 1},
		{"storetest/user.go", "crypto/rand", 0},
		{"security/token.go", "math/rand/v2", 1},
		{"internal/token/token.go", "math/rand", 1},
	} {
		source := "package x\n\nimport _ \"" + c.library + "\"\n"
		require.Len(t, librariesOf(parse(t, c.file, source)), c.findings, "%s imports %s", c.file, c.library)
	}
}
