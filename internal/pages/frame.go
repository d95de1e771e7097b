package pages

import (
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/internal/catalog"
)

// frame is what templates see as $: the page and what it can ask for.
type frame struct {
	r    *Renderer
	spec spec
	zone *time.Location

	P      *catalog.Printer
	V      View
	Person *Person
	Now    time.Time
}

// T returns a text of the catalogue.
func (f *frame) T(key string, args ...any) string { return f.P.T(key, args...) }

// N returns a text of the catalogue in the plural form for n.
func (f *frame) N(key string, n int, args ...any) string { return f.P.N(key, n, args...) }

// Has reports whether the catalogue has a text.
func (f *frame) Has(key string) bool { return f.P.Has(key) }

// URL returns the address of a page of ours.
func (f *frame) URL(path string) string { return f.r.cfg.Prefix + path }

// Icon returns the address of a symbol.
func (f *frame) Icon(name string) string {
	return f.r.cfg.Prefix + f.r.assets.href("icons.svg") + "#" + name
}

// Stylesheets, Scripts, Favicon and Config are for the head and the frame.
func (f *frame) Stylesheets() []string { return f.r.Stylesheets() }

// Scripts returns the addresses of the scripts.
func (f *frame) Scripts() []string { return f.r.Scripts() }

// Favicon returns the address of the icon of the browser's tab.
func (f *frame) Favicon() string {
	if f.r.cfg.IconURL != "" {
		return f.r.cfg.IconURL
	}
	return f.r.cfg.Prefix + f.r.assets.href("favicon.svg")
}

// Config returns the host's settings.
func (f *frame) Config() Config { return f.r.cfg }

// Home returns where the logo leads.
func (f *frame) Home() string {
	if f.r.cfg.HomeURL != "" {
		return f.r.cfg.HomeURL
	}
	return f.r.cfg.Prefix + "/"
}

// Initial returns the letter that stands for a product without a logo.
func (f *frame) Initial() string {
	for _, r := range strings.TrimSpace(f.r.cfg.Product) {
		return string(r)
	}
	return ""
}

// Shell returns "settings" or "door".
func (f *frame) Shell() string { return f.spec.shell }

// Wide reports whether the page is a table above all.
func (f *frame) Wide() bool { return f.spec.wide }

// Title returns the heading of the page.
func (f *frame) Title() string {
	if v, ok := f.V.(Custom); ok {
		return v.Title
	}
	if f.spec.title != "" {
		return f.T(f.spec.title, "product", f.r.cfg.Product)
	}
	return f.T(f.spec.file+".title", "product", f.r.cfg.Product)
}

// Lede returns the line below the title of a settings page.
func (f *frame) Lede() string {
	if v, ok := f.V.(Custom); ok {
		return v.Lede
	}
	return f.T(f.spec.file + ".lede")
}

// DocumentTitle returns what the browser's tab says. It begins with the news
// that something is wrong, since that is what a screen reader reads first.
func (f *frame) DocumentTitle() string {
	title := f.Title() + " · " + f.r.cfg.Product
	if f.Failed() {
		return f.T("problem.document", "title", title)
	}
	return title
}

// Failed reports whether a form of the page was sent in vain.
func (f *frame) Failed() bool {
	for _, s := range f.spec.forms {
		if s.form.failed() {
			return true
		}
	}
	return false
}

// Greeting returns "Good morning, Ada".
func (f *frame) Greeting() string {
	if f.Person == nil {
		return ""
	}
	return f.P.Greeting(f.Now, f.zone, f.Person.Name)
}

// tab is an entry of the menu.
type tab struct {
	Href, Icon, Label string
	Current           bool
}

// Tabs returns the tabs of the account.
func (f *frame) Tabs() []tab {
	if f.limited() {
		return nil
	}
	return []tab{
		{f.URL("/settings/profile"), f.Icon("user"), f.T("profile.title"), f.spec.tab == "profile"},
		{f.URL("/settings/security"), f.Icon("shield"), f.T("security.title"), f.spec.tab == "security"},
		{f.URL(mailsPath), f.Icon("mail"), f.T("email-preferences.title"), f.spec.tab == "email"},
	}
}

// limited reports whether the person reaches nothing but enrolling a second
// factor.
func (f *frame) limited() bool { return f.Person != nil && f.Person.Limited }

// HostTabs returns the tabs of the host.
func (f *frame) HostTabs() []tab {
	var out []tab
	if f.limited() {
		return nil
	}
	for _, t := range f.r.cfg.Tabs {
		label, icon := t.Labels[f.P.Lang()], t.Icon
		if label == "" {
			label = t.Label
		}
		if icon == "" {
			icon = "grid"
		}
		out = append(out, tab{t.Href, f.Icon(icon), label, f.spec.tab == t.ID})
	}
	return out
}

// Link is an entry at the foot of the page.
type link struct{ Href, Label string }

// Legal returns the host's links.
func (f *frame) Legal() []link {
	var out []link
	for _, l := range []link{
		{f.r.cfg.Links.Support, "link.support"},
		{f.r.cfg.Links.Terms, "link.terms"},
		{f.r.cfg.Links.Privacy, "link.privacy"},
	} {
		if l.Href != "" {
			out = append(out, link{l.Href, f.T(l.Label)})
		}
	}
	return out
}

// complaint is a line of the summary of errors.
type complaint struct{ Href, Text string }

// summary is the list of errors on top of a page.
type summary struct {
	Icon  string
	Title string
	Items []complaint
}

// Problem returns the summary of what was wrong with the forms of the page, or
// nil.
func (f *frame) Problem() *summary {
	p := &summary{Icon: f.Icon("alert")}
	for _, s := range f.spec.forms {
		if s.form.Code != "" {
			text := f.P.Problem(s.form.Code)
			if s.form.RetryAfter > time.Minute {
				text += " " + f.T("problem.retry", "when", f.P.Duration(s.form.RetryAfter.Round(time.Minute)))
			}
			p.Items = append(p.Items, complaint{Text: text})
		}
		for _, e := range s.form.Errors {
			c := complaint{Text: f.P.FieldError(e)}
			for _, name := range s.fields {
				if name == e.Name {
					c.Href = "#" + s.name + "-" + name
				}
			}
			p.Items = append(p.Items, c)
		}
	}
	switch len(p.Items) {
	case 0:
		return nil
	case 1:
		if p.Items[0].Href == "" {
			p.Title, p.Items = p.Items[0].Text, nil
			return p
		}
	}
	p.Title = f.N("problem.title", len(p.Items))
	return p
}

// FailureKind returns the group of a failure.
func (f *frame) FailureKind() string {
	v, _ := f.V.(Failure)
	return v.kind()
}

// FailureIcon returns the name of the symbol for a failure.
func (f *frame) FailureIcon() string {
	switch f.FailureKind() {
	case "403", "cross_origin":
		return "lock"
	case "404":
		return "compass"
	case "429", "503":
		return "clock"
	}
	return "alert"
}
