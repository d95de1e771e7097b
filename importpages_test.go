package settings_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
)

const importPage = "/settings/orgs/engines/team/import"

// handIn sends the form of the page, as a browser does: all fields, in its order.
func handIn(t *testing.T, c *settingstest.Client, role, file, text string) settingstest.Response {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.WriteField("role", role))
	name := ""
	if file != "" {
		name = "people.csv"
	}
	part, err := w.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = part.Write([]byte(file))
	require.NoError(t, err)
	require.NoError(t, w.WriteField("text", text))
	require.NoError(t, w.Close())
	return c.Do(post, importPage, http.Header{"Content-Type": {w.FormDataContentType()}}, b.Bytes())
}

var spaces = regexp.MustCompile(`<[^>]*>|\s+`)

// words are what a page says.
func words(body string) string {
	return strings.Join(strings.Fields(spaces.ReplaceAllString(body, " ")), " ")
}

// Without a script: a file or what was pasted, the bar with its counts, and what
// came of each row.
func TestImportPagesWithoutScript(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		ada := app.SignUp("ada@example.com", "Ada")
		api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
		require.Contains(t, opened(t, ada, "/settings/orgs/engines/team"), `href="`+importPage+`"`)
		body := opened(t, ada, importPage)
		require.Contains(t, body, `enctype="multipart/form-data"`)
		require.NotContains(t, body, "Lists of the last 7 days")
		template := ada.Get(importPage + "/template.csv")
		require.Equal(t, "text/csv; charset=utf-8", template.Header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="invitations.csv"`, template.Header.Get("Content-Disposition"))

		r := handIn(t, ada, "viewer", string(template.Body)+"nonsense,,\r\n", "")
		require.Equal(t, 303, r.Status)
		report := r.Header.Get("Location")
		require.Regexp(t, `^`+importPage+`/[0-9a-f-]{36}$`, report)
		body = opened(t, ada, report)
		require.Contains(t, body, `max="2" value="1"`)
		require.Contains(t, words(body), "1 of 2 rows done 0 invited 1 not invited")
		require.Contains(t, words(body), "name@example.com Waiting")
		require.Contains(t, words(body), "nonsense This is not an email address.")
		require.Contains(t, body, `class="btn no-script" href="`+report+`"`, "a link shows how far it is")
		require.Contains(t, body, " data-live>")
		app.RunJob(work)
		body = opened(t, ada, report)
		require.Contains(t, words(body), "2 of 2 rows done 1 invited 1 not invited")
		require.Contains(t, words(body), "name@example.com Invited")
		require.Contains(t, body, "All rows are done.")
		require.NotContains(t, body, " data-live>")
		require.NotContains(t, words(opened(t, ada, report+"?show=refused")), "name@example.com")
		require.Contains(t, words(opened(t, ada, report+"?show=refused&after=99")), "Nothing was refused so far.")
		require.Contains(t, words(opened(t, ada, importPage)), "2 rows 1 invited, 1 not invited")

		r = handIn(t, ada, "viewer", "", "x@example.com\ny@example.com,admin\n")
		app.RunJob(work)
		require.Contains(t, words(opened(t, ada, r.Header.Get("Location"))), "2 of 2 rows done 2 invited")
		roles := map[string]any{}
		for _, i := range api(t, ada, get, "/orgs/engines/invitations", nil, 200)["items"].([]any) {
			roles[i.(object)["email"].(string)] = i.(object)["role"]
		}
		require.Equal(t, map[string]any{"name@example.com": "member", "x@example.com": "viewer", "y@example.com": "admin"}, roles)
		require.Equal(t, 404, ada.Get(importPage+"/nonsense").Status)
		require.Equal(t, 404, ada.Get(importPage+"/019ac001-0000-7000-8000-000000000001").Status)
	})
}

// What is wrong with a file is said beside where it came from, and what was pasted
// and chosen stays.
func TestImportPagesRefuse(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	pasted := "email\n\"x@example.com\ny@example.com\n"
	large := strings.Repeat("x", 1<<20+1)
	for name, c := range map[string]struct {
		file, text string
		status     int
		says       string
	}{
		"nothing":        {"", "", 422, `id="import-file-error"`},
		"blanks":         {"", " \n", 422, "Choose a file, or paste rows below."},
		"a quote":        {"", pasted, 422, "A quotation mark in line 2 is not closed there."},
		"in the file":    {"a@example.com\nM\xfcller@example.com", "", 422, "Line 2 is not UTF-8 text."},
		"a large file":   {large, "", 422, "The file is larger than 1 MB."},
		"a large paste":  {"", large, 422, "The file is larger than 1 MB."},
		"another column": {"email,phone\n", "", 422, "Column 2 is none of email, role and projects."},
	} {
		r := handIn(t, ada, "admin", c.file, c.text)
		require.Equal(t, c.status, r.Status, name)
		require.Contains(t, string(r.Body), c.says, name)
		require.Contains(t, string(r.Body), `<option value="admin" selected>`, name)
		if name == "a quote" {
			require.Contains(t, string(r.Body), `id="import-text-error"`)
			require.Contains(t, string(r.Body), "&#34;x@example.com\ny@example.com\n</textarea>")
		}
	}
	r := handIn(t, ada, "owner", "", "kept@example.com")
	require.Equal(t, 422, r.Status)
	require.Contains(t, string(r.Body), "kept@example.com</textarea>")
	require.Contains(t, string(r.Body), `id="import-role-error"`)
	require.Equal(t, 400, ada.Form(importPage, nil).Status)
	for range 20 {
		handIn(t, ada, "member", "", "nonsense")
	}
	r = handIn(t, ada, "member", "", "kept@example.com")
	require.Equal(t, 429, r.Status)
	require.Contains(t, string(r.Body), "kept@example.com</textarea>")
	require.NotEmpty(t, r.Header.Get("Retry-After"))
}

// More rows than a page holds, each once.
func TestImportPagesOfMany(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	file, all := addresses("guest", 250)
	path := handIn(t, ada, "member", file, "").Header.Get("Location")
	next := regexp.MustCompile(`href="([^"]+)#rows">Next page`)
	row := regexp.MustCompile(`<bdi>([^<]+)</bdi>`)
	var seen []string
	for pages := 0; path != ""; pages++ {
		require.Less(t, pages, 4)
		body := opened(t, ada, path)
		for _, m := range row.FindAllStringSubmatch(body, -1) {
			seen = append(seen, m[1])
		}
		path = ""
		if m := next.FindStringSubmatch(body); m != nil {
			path = m[1]
		}
	}
	require.Equal(t, all, seen)
}

// Who may, and whose plan has it: the others are told calmly, and the Owner where
// to get it if the host says so.
func TestImportPagesByRoleAndPlan(t *testing.T) {
	plan := newTerms()
	app := settingstest.Start(t, settings.Config{Entitlements: plan, Links: settings.Links{Upgrade: "https://acme.example/plans"}})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	admin := joined(t, app, ada, "engines", "bob@example.com", "Bob", "admin")
	member := joined(t, app, ada, "engines", "cy@example.com", "Cy", "member")
	eve := app.SignUp("eve@example.com", "Eve")
	report := handIn(t, admin, "member", "x@example.com", "").Header.Get("Location")
	for _, page := range []string{importPage, report} {
		require.Equal(t, 200, ada.Get(page).Status)
		require.Equal(t, 403, member.Get(page).Status)
		require.Equal(t, 404, eve.Get(page).Status)
		require.Contains(t, app.Client().Get(page).Header.Get("Location"), "/sign-in?next=")
	}
	require.Equal(t, 404, eve.Get(importPage+"/template.csv").Status)
	require.Equal(t, 403, handIn(t, member, "member", "y@example.com", "").Status)
	require.Equal(t, 404, handIn(t, eve, "member", "y@example.com", "").Status)

	plan.set(func(p *terms) { p.smaller = true })
	body := opened(t, ada, importPage)
	require.Contains(t, body, "Inviting from a file is part of the Pro plan.")
	require.Contains(t, body, `href="https://acme.example/plans"`)
	require.NotContains(t, body, `type="file"`)
	body = opened(t, admin, importPage)
	require.NotContains(t, body, "https://acme.example/plans")
	require.Contains(t, body, "The Owner of the organization can change the plan.")
	require.Equal(t, 402, handIn(t, ada, "member", "y@example.com", "").Status)
	require.Equal(t, importPage, ada.Get(report).Header.Get("Location"))
	app.RunJob(work)
	plan.set(func(p *terms) { p.smaller = false })
	require.Contains(t, words(opened(t, ada, report)), "x@example.com Your plan does not include this any more.")

	// A slug that was theirs leads on.
	api(t, ada, patch, "/orgs/engines", object{"slug": "machines"}, 200)
	require.Equal(t, strings.Replace(report, "engines", "machines", 1), ada.Get(report).Header.Get("Location"))
}

// A spreadsheet takes apart what it opens by the habits of the language.
func TestImportTemplateSuitsTheLanguage(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	ada := app.SignUp("ada@example.com", "Ada")
	api(t, ada, post, "/orgs", object{"name": "Engines", "slug": "engines"}, 201)
	for locale, want := range map[string]string{"en": "email,role,projects\r\nname@example.com,member,\r\n", "de": "email;role;projects\r\nname@example.com;member;\r\n"} {
		api(t, ada, patch, "/account", object{"locale": locale}, 200)
		file := ada.Get(importPage + "/template.csv").Body
		require.Equal(t, want, string(file))
		which := importFile(t, ada, "engines", string(file))
		require.Equal(t, []string{"2 name@example.com waiting"}, importOf(t, ada, "engines", which).results(), "and can be handed in as it is")
	}
}
