package flows

import (
	"context"
	"iter"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/internal/zones"
)

// ExportSources returns what the domains keep of a person: what they see on their
// own pages, and of other people nothing. Secrets and what only tells whether one
// is right, such as hashes and sealed keys, are left out. blobs is where pictures
// are. The services may be set later, before the first export.
func (f *Services) ExportSources(blobs accounts.BlobStore) []accounts.ExportSource {
	return []accounts.ExportSource{
		exported{"profile", f.exportProfile(blobs)},
		exported{"security", f.exportSecurity},
		exported{"organizations", f.exportOrgs},
		exported{"email-preferences", f.exportMails},
		exported{"history", f.exportHistory},
	}
}

// exported is a function as a source.
type exported struct {
	name  string
	write func(ctx context.Context, user id.User, w accounts.ExportWriter) error
}

// Name implements [accounts.ExportSource].
func (e exported) Name() string { return e.name }

// Export implements [accounts.ExportSource].
func (e exported) Export(ctx context.Context, user id.User, w accounts.ExportWriter) error {
	return e.write(ctx, user, w)
}

// exportedAtOnce is how many entries of a list are held in memory.
const exportedAtOnce = 500

// paged reads a list page by page, each behind the last of the one before.
func paged[R any, K comparable, D any](read func(after K) ([]R, error), key func(R) K, document func(R) D) iter.Seq2[D, error] {
	return func(yield func(D, error) bool) {
		var (
			after K
			none  D
		)
		for {
			rows, err := read(after)
			if err != nil {
				yield(none, err)
				return
			}
			for _, r := range rows {
				if !yield(document(r), nil) {
					return
				}
			}
			if len(rows) < exportedAtOnce {
				return
			}
			after = key(rows[len(rows)-1])
		}
	}
}

// both writes a list as JSON, which leaves nothing out, and as a table for
// spreadsheets.
func both[D any](w accounts.ExportWriter, name string, columns []string, items iter.Seq2[D, error], row func(D) []string) error {
	err := w.List(name+".json", func(yield func(any, error) bool) {
		items(func(d D, err error) bool { return yield(d, err) })
	})
	if err != nil {
		return err
	}
	return w.Table(name+".csv", columns, func(yield func([]string, error) bool) {
		items(func(d D, err error) bool { return yield(row(d), err) })
	})
}

// moment returns t, or nil if there is none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// ExportReadme returns what README.txt says in an export from a product: what is in
// which folder, in the language of the person and by their clock.
func ExportReadme(product string) func(u accounts.User, e accounts.Export) string {
	return func(u accounts.User, e accounts.Export) string {
		p := catalog.For(u.Locale)
		var b strings.Builder
		line := func(text string) { b.WriteString(text + "\r\n") }
		line(p.T("export.readme.title", "product", product))
		line("")
		line(p.T("export.readme.person", "name", u.Name, "email", u.Email))
		line(p.T("export.readme.at", "at", p.DateTime(e.CreatedAt, zones.Location(u.Timezone))))
		line("")
		for _, folder := range e.Sources {
			key := "export.folder." + folder
			if !p.Has(key) { // of the host
				key = "export.folder"
			}
			line(folder + "/  " + p.T(key, "product", product))
		}
		line("")
		line(p.T("export.readme.formats"))
		line(p.T("export.readme.secrets"))
		return b.String()
	}
}
