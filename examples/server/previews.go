package main

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/mail"
)

// previews shows what each mail of the product looks like.
type previews struct {
	app *settings.Settings
}

var previewsPage = template.Must(template.ParseFS(mailboxFiles, "previews.gohtml"))

// languages are those that the product speaks.
var languages = []string{"en", "de"}

// preview is a kind in the list.
type preview struct {
	Kind, Href string
	Open       bool
}

// ServeHTTP serves the page, and a mail alone for its frame.
func (p previews) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kinds, lang, kind := settings.MailKinds(), r.URL.Query().Get("lang"), r.URL.Query().Get("kind")
	if !slices.Contains(languages, lang) {
		lang = languages[0]
	}
	if kind == "" {
		kind = kinds[0]
	}
	if !slices.Contains(kinds, kind) {
		http.NotFound(w, r)
		return
	}
	m, err := p.write(r.Context(), kind, lang)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.HasSuffix(r.URL.Path, ".html") {
		h.Set("Content-Security-Policy", mailPolicy)
		fmt.Fprint(w, m.HTML)
		return
	}
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'")
	list := make([]preview, len(kinds))
	for i, k := range kinds {
		list[i] = preview{k, address(k, lang), k == kind}
	}
	others := make([]preview, len(languages))
	for i, l := range languages {
		others[i] = preview{l, address(kind, l), l == lang}
	}
	_ = previewsPage.Execute(w, map[string]any{"Kinds": list, "Languages": others, "Mail": m, "Lang": lang})
}

func address(kind, lang string) string {
	return "/dev/mailbox/previews?" + url.Values{"kind": {kind}, "lang": {lang}}.Encode()
}

func (p previews) write(ctx context.Context, kind, lang string) (mail.Message, error) {
	return p.app.PreviewMail(ctx, kind, mail.Recipient{
		Address: demoEmail, Name: "Ada Lovelace", Locale: lang, Timezone: "Europe/London",
	})
}
