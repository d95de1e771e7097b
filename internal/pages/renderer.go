package pages

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"math"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aegisrunner/account-settings/internal/catalog"
)

// Renderer draws pages. It is made by [NewRenderer] and safe for concurrent use.
type Renderer struct {
	cfg       Config
	assets    assets
	templates map[string]parsed // by file, without .html
	policy    string
	zones     func() []zone
}

// NewRenderer reads the templates. Its error names every missing or wrong field
// of cfg, and each template of the host that cannot be read, at once.
func NewRenderer(cfg Config) (*Renderer, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Password.MinLength == 0 {
		cfg.Password.MinLength = 8
	}
	a, err := loadAssets(cfg.Theme.css())
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	t, err := loadTemplates(cfg.Templates)
	if err != nil {
		return nil, err
	}
	return &Renderer{cfg: cfg, assets: a, templates: t, policy: policy(cfg), zones: loadZones()}, nil
}

// policy is the Content-Security-Policy: this origin alone, and no inline script
// or style. A logo of another origin is the one exception a host can make.
func policy(cfg Config) string {
	images := "'self' data: blob:"
	for _, o := range []string{origin(cfg.LogoURL), origin(cfg.IconURL)} {
		if o != "" && !strings.Contains(images, o) {
			images += " " + o
		}
	}
	return "default-src 'none'; style-src 'self'; script-src 'self'; img-src " + images +
		"; font-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}

// parsed returns the template of a page. It may be drawn from several goroutines
// at once.
type parsed func() (*template.Template, error)

// ownTemplates are the templates of a product whose host brings none: the same for
// every renderer, and each is read when its page is first drawn. Most programs draw
// few of them, and all together take megabytes.
var ownTemplates = sync.OnceValues(func() (map[string]parsed, error) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	out := map[string]parsed{}
	for _, f := range names {
		out[pageName(f)] = sync.OnceValues(func() (*template.Template, error) { return parseOwn(f) })
	}
	return out, nil
})

func pageName(file string) string { return strings.TrimSuffix(path.Base(file), ".html") }

// parseOwn parses a page's own file and the shared ones.
func parseOwn(file string) (*template.Template, error) {
	t, err := template.New("").ParseFS(templateFiles, file, "templates/shared/*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return t, nil
}

// loadTemplates returns the templates. What a host puts in their place is read at
// once, so that its mistakes are told when the product starts.
func loadTemplates(host fs.FS) (map[string]parsed, error) {
	own, err := ownTemplates()
	if err != nil || host == nil {
		return own, err
	}
	others, err := fs.Glob(host, "*.html")
	if err != nil {
		return nil, fmt.Errorf("pages: Config.Templates: %w", err)
	}
	out := map[string]parsed{}
	var errs []error
	for name := range own {
		t, err := parseOwn("templates/" + name + ".html")
		if err != nil {
			return nil, err
		}
		for _, o := range others {
			if _, another := own[pageName(o)]; another && pageName(o) != name {
				continue
			}
			if _, err := t.ParseFS(host, o); err != nil {
				errs = append(errs, fmt.Errorf("pages: Config.Templates: %w", err))
			}
		}
		out[name] = func() (*template.Template, error) { return t, nil }
	}
	return out, errors.Join(errs...)
}

// draw executes a block of a page.
func (r *Renderer) draw(f *frame, block string) ([]byte, error) {
	var body bytes.Buffer
	t, err := r.templates[f.spec.file]()
	if err != nil {
		return nil, err
	}
	if err := t.ExecuteTemplate(&body, block, f); err != nil {
		return nil, fmt.Errorf("pages: %s: %w", f.spec.file, err)
	}
	return body.Bytes(), nil
}

// Render answers with a whole page. Nothing is sent unless all of it could be
// drawn; the error then is the template's, and the answer is the caller's to
// give. r says the language of whom is not signed in.
func (r *Renderer) Render(w http.ResponseWriter, req *http.Request, status int, p Page) error {
	f, err := r.frame(req, p)
	if err != nil {
		return err
	}
	body, err := r.draw(f, "page")
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", f.P.Lang())
	h.Set("Content-Security-Policy", r.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept-Language")
	h.Set("Referrer-Policy", "same-origin")
	if f.spec.token {
		h.Set("Referrer-Policy", "no-referrer")
	}
	if after := retryAfter(p.View, f.spec); after > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	w.WriteHeader(status)
	if req.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return nil
}

// Fragment draws the content of a page alone, without the frame around it, for
// a host that puts a section into a layout of its own. That layout links
// [Renderer.Stylesheets] and [Renderer.Scripts].
func (r *Renderer) Fragment(req *http.Request, p Page) (template.HTML, error) {
	f, err := r.frame(req, p)
	if err != nil {
		return "", err
	}
	body, err := r.draw(f, "content")
	if err != nil {
		return "", err
	}
	return template.HTML(body), nil //nolint:gosec // it comes from html/template
}

// Stylesheets returns the addresses of the style sheets, in their order.
func (r *Renderer) Stylesheets() []string {
	out := []string{r.cfg.Prefix + r.assets.href("settings.css")}
	if theme := r.assets.href("theme.css"); theme != "" {
		out = append(out, r.cfg.Prefix+theme)
	}
	return out
}

// Scripts returns the addresses of the scripts, in their order.
func (r *Renderer) Scripts() []string {
	out := []string{r.cfg.Prefix + r.assets.href("settings.js")}
	if r.cfg.API != "" {
		out = append(out, r.cfg.Prefix+r.assets.href("passkeys.js"))
	}
	return out
}

func (r *Renderer) frame(req *http.Request, p Page) (*frame, error) {
	if p.View == nil {
		return nil, errors.New("pages: a page without a view")
	}
	f := &frame{r: r, V: p.View, Person: p.Person, Now: p.Now, spec: p.View.spec()}
	accept := req.Header.Get("Accept-Language")
	if p.Person != nil {
		f.P, f.zone = catalog.For(p.Person.Locale, accept), p.Person.Zone
	} else {
		f.P = catalog.For(accept)
	}
	if f.zone == nil {
		f.zone = time.UTC
	}
	return f, nil
}

// retryAfter returns the longest wait that the page asks for.
func retryAfter(v View, s spec) time.Duration {
	var wait time.Duration
	if f, ok := v.(Failure); ok {
		wait = f.RetryAfter
	}
	for _, s := range s.forms {
		wait = max(wait, s.form.RetryAfter)
	}
	return wait
}
