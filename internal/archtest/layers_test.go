package archtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A layer is a set of packages with the same rights to import.
type layer string

const (
	foundation layer = "foundation" // fault, id, audit, mail
	leaf       layer = "leaf"       // internal packages that know no domain
	domain     layer = "domain"     // accounts, security, … with their subpackages
	letters    layer = "letters"    // the texts of the domains' mails
	flows      layer = "flows"      // the wired services and what spans domains
	stores     layer = "stores"     // bunstore, storetest
	delivery   layer = "delivery"   // internal/httpapi, internal/pages
	product    layer = "product"    // the root package
	hosttest   layer = "hosttest"   // settingstest
	example    layer = "example"    // examples, commands
	owntest    layer = "owntest"    // what only tests of this module may use
)

// below lists what each layer may import of this module.
//
// The stores see internal/flows because flows.Store is the interface that they
// implement and check. Examples see no internal package: they show what a host
// can do. The root package sees no store: a host links only the one it chose.
var below = map[layer][]layer{
	foundation: {foundation},
	leaf:       {foundation, leaf},
	domain:     {foundation, leaf, domain},
	letters:    {foundation, leaf, domain},
	flows:      {foundation, leaf, domain, letters},
	stores:     {foundation, leaf, domain, flows, stores},
	delivery:   {foundation, leaf, domain, letters, flows, delivery},
	product:    {foundation, leaf, domain, letters, flows, delivery},
	hosttest:   {foundation, leaf, domain, letters, flows, delivery, stores, product, hosttest},
	example:    {foundation, domain, stores, product, hosttest, example},
	owntest:    {foundation, leaf, domain, letters, flows, delivery, stores, product, hosttest, owntest},
}

// rank orders the foundation within itself: each may import only lower ones.
var rank = map[string]int{"fault": 0, "id": 1, "audit": 2, "mail": 2}

var domains = []string{"accounts", "security", "orgs", "notify", "billing", "sso"}

// layerOf says where a folder of the module belongs; "" if DESIGN.md does not
// know it. An internal package that is not named here is a leaf.
func layerOf(dir string) layer {
	top, _, _ := strings.Cut(dir, "/")
	if _, ok := rank[top]; ok {
		return foundation
	}
	for _, d := range domains {
		if top == d {
			return domain
		}
	}
	switch top {
	case ".":
		return product
	case "bunstore", "storetest":
		return stores
	case "settingstest":
		return hosttest
	case "examples", "cmd":
		return example
	case "internal":
		return internalLayer(dir)
	}
	return ""
}

func internalLayer(dir string) layer {
	switch {
	case within(dir, "internal/flows"):
		return flows
	case within(dir, "internal/httpapi"), within(dir, "internal/pages"):
		return delivery
	case within(dir, "internal/letters"):
		return letters
	case within(dir, "internal/dbtest"), within(dir, "internal/browser"), within(dir, "internal/archtest"):
		return owntest
	}
	return leaf
}

// forbidden explains why a package must not import another of this module;
// both are folders from the module's root. "" means it may.
func forbidden(importer, imported string) string {
	from, to := layerOf(importer), layerOf(imported)
	switch {
	case from == "":
		return "the folder " + importer + " has no place in the layout"
	case to == "":
		return "the folder " + imported + " has no place in the layout"
	case !allows(from, to):
		return string(from) + " must not import " + string(to)
	}
	fromTop, _, _ := strings.Cut(importer, "/")
	toTop, _, _ := strings.Cut(imported, "/")
	switch {
	case from == foundation && to == foundation && fromTop != toTop && rank[toTop] >= rank[fromTop]:
		return fromTop + " must not import " + toTop
	case from == domain && to == domain && fromTop != toTop:
		return "a domain must not import another domain: declare what it needs as an interface of its own"
	case from == delivery && to == delivery && apart(importer, imported):
		return "the API and the pages must not import each other"
	case from == stores && to == stores && fromTop != toTop:
		return "the default store and the suites for anybody's store must not import each other"
	}
	return ""
}

// apart reports whether two folders are in different halves of delivery.
func apart(a, b string) bool {
	return within(a, "internal/pages") != within(b, "internal/pages")
}

func allows(from, to layer) bool {
	for _, l := range below[from] {
		if l == to {
			return true
		}
	}
	return false
}

// importsOf checks one file against the layers. Test files may import whatever
// helps them to test; the compiler already refuses cycles.
func importsOf(f *file) []finding {
	if f.test {
		return nil
	}
	var found []finding
	if layerOf(f.dir) == "" {
		found = append(found, f.finding(f.ast.Package, "the folder %s has no place in the layout", f.dir))
		return found
	}
	for imported, at := range f.imports() {
		dir, ok := insideModule(imported)
		if !ok {
			continue
		}
		if why := forbidden(f.dir, dir); why != "" {
			found = append(found, f.finding(at, "%s imports %s: %s", f.dir, dir, why))
		}
	}
	return found
}

func insideModule(importPath string) (dir string, ok bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func TestImportsPointDownwards(t *testing.T) {
	for _, f := range tree(t) {
		report(t, importsOf(f))
	}
}

func TestEveryForbiddenDirectionIsRefused(t *testing.T) {
	for _, pair := range [][2]string{
		{"fault", "id"}, {"id", "audit"}, {"audit", "mail"}, {"mail", "audit"}, {"mail/smtp", "audit"},
		{"audit", "accounts"}, {"mail", "internal/catalog"}, {"mail", "security"}, {"id", "."},
		{"accounts", "security"}, {"security/httpsession", "accounts"}, {"billing/stripe", "orgs"},
		{"accounts", "internal/flows"}, {"security", "bunstore"}, {"accounts", "internal/letters"},
		{"accounts", "."}, {"security/httpsession", "internal/httpapi"}, {"accounts", "internal/dbtest"},
		{"internal/address", "accounts"}, {"internal/token", "security"}, {"internal/catalog", "internal/flows"},
		{"internal/a-new-one", "accounts"}, {"internal/secretbox", "internal/letters"},
		{"internal/qrcode", "security"}, {"security/maxmind", "accounts"}, {"security/breach", "internal/flows"},
		{"internal/letters", "internal/flows"}, {"internal/flows", "internal/httpapi"},
		{"internal/flows", "bunstore"}, {"internal/flows", "."},
		{"internal/httpapi", "internal/pages"}, {"internal/pages", "internal/httpapi"},
		{"internal/pages", "bunstore"}, {"internal/httpapi", "."},
		{"bunstore", "."}, {"bunstore", "internal/httpapi"}, {"bunstore", "storetest"},
		{"storetest", "bunstore"}, {"storetest", "internal/dbtest"}, {"storetest/memstore", "bunstore"},
		{".", "bunstore"}, {".", "bunstore/sqlite"}, {".", "settingstest"}, {".", "storetest"}, {".", "examples/server"},
		{"settingstest", "internal/dbtest"}, {"settingstest", "examples/server"},
		{"examples/server", "internal/flows"}, {"examples/embed", "internal/pages"},
		{"utils", "fault"}, {"accounts", "helpers"},
	} {
		require.NotEmpty(t, forbidden(pair[0], pair[1]), "%s → %s must be refused", pair[0], pair[1])
	}
}

func TestEveryIntendedDirectionIsAllowed(t *testing.T) {
	for _, pair := range [][2]string{
		{"id", "fault"}, {"audit", "fault"}, {"audit", "id"}, {"mail", "id"}, {"mail/smtp", "mail"},
		{"accounts", "fault"}, {"accounts", "audit"}, {"accounts", "internal/address"},
		{"security/httpsession", "security"}, {"security/maxmind", "security"}, {"security/breach", "security"},
		{"internal/pages", "internal/qrcode"}, {"examples/server", "security/maxmind"}, {"security/httpsession", "internal/redirect"},
		{"internal/address", "fault"}, {"internal/picture", "internal/text"},
		{"internal/letters", "accounts"}, {"internal/letters", "internal/catalog"}, {"internal/letters", "mail"},
		{"internal/flows", "accounts"}, {"internal/flows", "internal/letters"},
		{"internal/httpapi", "internal/flows"}, {"internal/pages", "security/httpsession"},
		{"internal/pages/views", "internal/pages"},
		{"bunstore", "accounts"}, {"bunstore", "internal/flows"}, {"bunstore/sqlite", "bunstore"},
		{"storetest", "internal/flows"}, {"storetest/memstore", "security"},
		{".", "internal/httpapi"}, {".", "internal/flows"}, {".", "accounts"}, {".", "mail"},
		{"settingstest", "."}, {"settingstest", "bunstore/sqlite"},
		{"examples/server", "."}, {"examples/server", "bunstore/postgres"}, {"examples/server", "mail/smtp"},
		{"internal/dbtest", "bunstore/postgres"},
	} {
		require.Empty(t, forbidden(pair[0], pair[1]), "%s → %s", pair[0], pair[1])
	}
}

func TestAFileWithAForbiddenImportIsFound(t *testing.T) {
	source := "package accounts\n\nimport _ \"" + module + "/security\"\n"
	require.Len(t, importsOf(parse(t, "accounts/avatar.go", source)), 1)
	require.Empty(t, importsOf(parse(t, "accounts/avatar_test.go", source)), "tests may look sideways")
	require.Len(t, importsOf(parse(t, "helpers/strings.go", "package helpers\n")), 1)
}
