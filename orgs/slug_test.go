package orgs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSlugOf(t *testing.T) {
	for name, want := range map[string]string{
		"Acme Inc.":            "acme-inc",
		"  Crème & Brûlée -- ": "creme-brulee",
		"ÅNGSTRÖM 42":          "angstrom-42",
	} {
		require.Equal(t, want, slugOf(name))
	}
	for _, name := range []string{"", "!", "株式会社", "Admin", "ab"} { // nothing is left, or nothing allowed
		require.Regexp(t, `^org-[a-z2-9]{6}$`, slugOf(name), name)
	}
	long := slugOf(strings.Repeat("long name ", 20))
	require.NoError(t, CheckSlug("slug", long))
	require.NoError(t, CheckSlug("slug", withSuffix(long)), "with what makes it free")
}

func TestRoles(t *testing.T) {
	order := []Role{Viewer, Member, Admin, Owner}
	for i, r := range order {
		for j, other := range order {
			require.Equal(t, i >= j, r.AtLeast(other), "%s and %s", r, other)
		}
		require.False(t, r.AtLeast(""), "no role has the rights of none")
		require.False(t, Role("").AtLeast(r))
	}
	require.Equal(t, Admin, ProjectRole(Admin, Viewer))
	require.Equal(t, Viewer, ProjectRole(Member, Viewer))
	require.Equal(t, Role(""), ProjectRole(Member, ""))
}
