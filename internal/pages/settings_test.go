package pages

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

func TestPresentSessionIsFirstAndOnlyOnce(t *testing.T) {
	present := security.Session{ID: id.NewSession(), UserAgent: "curl/8.5.0"}
	others := []security.Session{{ID: id.NewSession()}, {ID: id.NewSession()}, {ID: id.NewSession()}}
	ids := func(rows []Session) []string {
		var out []string
		for _, r := range rows {
			require.Equal(t, r.ID == present.ID.String(), r.Current)
			out = append(out, r.ID)
		}
		return out
	}
	want := []string{present.ID.String(), others[0].ID.String(), others[1].ID.String(), others[2].ID.String()}
	require.Equal(t, want, ids(sessionRows(others, present, true)), "it is on another page of the list")
	require.Equal(t, want, ids(sessionRows([]security.Session{others[0], present, others[1], others[2]}, present, true)))
	require.Equal(t, want[1:], ids(sessionRows([]security.Session{others[0], others[1], present, others[2]}, present, false)))
	require.Equal(t, "curl", sessionRows(nil, present, true)[0].Browser)
}
