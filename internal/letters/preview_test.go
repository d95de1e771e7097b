package letters

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/catalog"
	"github.com/aegisrunner/account-settings/mail"
)

// Every kind can be looked at in every language, with something in each field.
func TestPreview(t *testing.T) {
	r := renderer(t)
	for _, l := range catalog.Locales() {
		for _, kind := range Kinds() {
			if kind == (mail.Decoy{}).Kind() {
				continue
			}
			to := ada
			to.Locale = l.Tag
			m, err := r.Preview(t.Context(), kind, to, at)
			require.NoError(t, err, kind)
			require.Equal(t, kind, m.Kind)
			require.NotEmpty(t, m.Subject)
			require.NotContains(t, m.Subject+m.Text, "⟦", kind)
			require.NotContains(t, m.Subject+m.Text, "<no value>", kind)
			require.NotContains(t, m.Subject+m.Text, "Example", "%s: a field without an example of its own", kind)
		}
	}
	for _, kind := range []string{"", "nothing", (mail.Decoy{}).Kind()} {
		_, err := r.Preview(t.Context(), kind, ada, at)
		require.Error(t, err, kind)
	}
}

// What is made up leaves out nothing that a letter could say.
func TestPreviewFillsEverything(t *testing.T) {
	for kind, w := range writers {
		v := reflect.ValueOf(w.example(at))
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "LogoKey" && v.Field(i).Kind() != reflect.Bool && v.Field(i).Kind() != reflect.Pointer {
				require.False(t, v.Field(i).IsZero(), "%s: %s", kind, v.Type().Field(i).Name)
			}
		}
	}
}
