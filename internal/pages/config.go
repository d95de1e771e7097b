package pages

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
)

// Config says how the pages look and where they are. The zero value but for
// Product is complete.
type Config struct {
	Product string // required; at most 60 bytes
	Prefix  string // where the pages are mounted: "" or "/account"

	LogoURL  string // image beside the name; "" draws the first letter
	IconURL  string // of the browser tab; "" is a neutral shield
	Theme    Theme
	Links    Links
	Footer   string // a line of plain text at the bottom of every page
	Password PasswordRule

	// Mails are the categories of mail that somebody who signs up gets without
	// asking, as package notify names them; the pages of signing up say so.
	Mails []string

	// MailboxURL is the development mailbox, linked from "check your mail". Empty
	// in production.
	MailboxURL string

	// API is where the JSON API is mounted, "/api/v1": the script asks it for
	// passkeys. Empty: the host has no passkeys.
	API string

	// HomeURL is where the logo leads. Empty: the pages' own start.
	HomeURL string

	// Tabs are the host's own, shown below those of the account.
	Tabs []Tab

	// Templates overrides templates. A file named as one of the package, such as
	// "sign-in.html", speaks for that page alone; every other *.html file for all
	// of them. What a file defines replaces the block of the same name; the
	// blocks are those of the package's own templates.
	Templates fs.FS
}

// Links are the host's own pages. Empty ones are left out.
type Links struct {
	Support string // URL, or mailto:
	Terms   string
	Privacy string
	Upgrade string // where an Owner gets a larger plan, until billing is here

	// Notifications is where people say which runs they hear of: that belongs to
	// projects, and Email preferences leads there.
	Notifications string
}

// Tab is a page of the host beside those of the account.
type Tab struct {
	ID     string            // what [Custom.Tab] names; unique
	Href   string            // an address of the host; taken as it is
	Label  string            // in English
	Labels map[string]string // by BCP 47 tag, "de"; Label where there is none
	Icon   string            // a symbol of icons.svg; "" is "grid"
}

// PasswordRule is what the forms say about passwords. The services check; the
// two must agree.
type PasswordRule struct {
	MinLength int  // in characters; zero is 8
	NoDigit   bool // a digit is not asked for
}

func (c Config) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("pages: "+format, args...)) }
	if strings.TrimSpace(c.Product) == "" || len(c.Product) > 60 {
		bad("Product is missing or over 60 bytes")
	}
	if c.Prefix != "" && (!strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/") ||
		strings.Contains(c.Prefix, "//") || strings.ContainsAny(c.Prefix, "?#\\% \"<>{}")) {
		bad("Prefix %q is neither empty nor of the form /account", c.Prefix)
	}
	for name, link := range map[string]string{
		"LogoURL": c.LogoURL, "IconURL": c.IconURL, "MailboxURL": c.MailboxURL, "HomeURL": c.HomeURL, "API": c.API,
		"Links.Support": c.Links.Support, "Links.Terms": c.Links.Terms, "Links.Privacy": c.Links.Privacy,
		"Links.Upgrade":       c.Links.Upgrade,
		"Links.Notifications": c.Links.Notifications,
	} {
		if link != "" && !linkable(link) {
			bad("%s is neither a path nor an http, https or mailto address", name)
		}
	}
	seen := map[string]bool{}
	for i, t := range c.Tabs {
		if t.ID == "" || t.Label == "" || !linkable(t.Href) || seen[t.ID] {
			bad("Tabs[%d] wants an ID of its own, a Label and an Href", i)
		}
		seen[t.ID] = true
	}
	if c.Password.MinLength < 0 || c.Password.MinLength > 64 {
		bad("Password.MinLength is not between 0 and 64")
	}
	errs = append(errs, c.Theme.check())
	return errors.Join(errs...)
}

// linkable reports whether a browser may be sent to s: a path of this host, or
// an absolute address of a harmless scheme.
func linkable(s string) bool {
	u, err := url.Parse(s)
	if err != nil || strings.ContainsAny(s, " \"<>\\;'") {
		return false
	}
	switch u.Scheme {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return true
	case "":
		return strings.HasPrefix(s, "/")
	}
	return false
}

// origin returns scheme and host of an absolute address, else "".
func origin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
