// Package catalog holds every word that pages and mails show, in every
// language, and says dates and numbers the way each language does.
//
// The messages are JSON files under locales/<language>/: flat keys, such as
// "profile.title", and values in the syntax of text/template, such as
// "At least {{.min}} characters". A message that depends on a number is an
// object of CLDR plural forms: {"one": "{{.Count}} day", "other": "{{.Count}} days"}.
//
// English is complete by definition: what another language lacks is shown in
// English. Nothing here fails: a key that no language has is shown as ⟦key⟧, so
// that it is seen on the page, and is listed by [Missing], so that a test
// finds it.
//
// Messages are plain text. Whoever puts them into HTML escapes them.
package catalog
