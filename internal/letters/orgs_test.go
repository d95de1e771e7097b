package letters

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
)

func TestLettersAboutOrganizationsSayWhatMatters(t *testing.T) {
	r := renderer(t)
	invited := render(t, r, ada, samples["invitation"].letter)
	require.Equal(t, "Grace Hopper invites you to Analytical Engines", invited.Subject)
	for _, want := range []string{
		"Organization: Analytical Engines\n", "Invited by: Grace Hopper\n", "Role: Member\n",
		"The link works once, until 23 November 2026, 10:41 (Europe/Berlin).", "Only the person with this email address can accept it.",
	} {
		require.Contains(t, invited.Text, want)
	}
	stranger := render(t, r, mail.Recipient{Address: "new@acme.test", Locale: "de"}, samples["invitation"].letter)
	require.Equal(t, "Grace Hopper lädt Sie zu Analytical Engines ein", stranger.Subject)
	require.Contains(t, stranger.Text, "Rolle: Mitglied\n")

	require.NotContains(t, invited.HTML, "<img", "without a logo nothing is loaded")
	logo := strings.Repeat("0a", 16)
	l := orgs.InvitationLetter{Token: secret, Org: `Engines "R" us`, LogoKey: logo, Inviter: "Grace Hopper", Role: orgs.Member, ExpiresAt: until}
	with := render(t, r, ada, l)
	require.Contains(t, with.HTML, `src="`+public+`/logos/`+logo+`/128" alt="Engines &#34;R&#34; us"`)
	l.LogoKey = ""
	require.Equal(t, render(t, r, ada, l).Text, with.Text)

	require.Contains(t, render(t, r, ada, samples["role changed"].letter).Text, "Role: Admin\nBy: Grace Hopper\nWhen: 23 November 2026, 09:41 (Europe/Berlin)\n")
	require.Contains(t, render(t, r, ada, samples["handed over"].letter).Text, "You are an Admin there from now on.")
	require.Contains(t, render(t, r, ada, samples["became owner"].letter).Text, "Grace Hopper made you the Owner of Analytical Engines")
	require.Contains(t, render(t, r, ada, samples["org deleted"].letter).Text, "until 23 November 2026, 10:41 (Europe/Berlin)")
	require.Contains(t, render(t, r, ada, samples["2fa demanded"].letter).Text, "From 23 November 2026, 10:41 (Europe/Berlin) on")
}

// Somebody can name an organization, or themselves, as they like, and have us
// mail it to a stranger: nothing of it may lead anywhere.
func TestHostileNamesOfOthersAreHarmless(t *testing.T) {
	r := renderer(t)
	letters := func(name string) []mail.Letter {
		return []mail.Letter{
			orgs.InvitationLetter{Token: secret, Org: name, Inviter: name, Role: orgs.Member, ExpiresAt: until},
			orgs.RoleChangedLetter{Org: name, Role: orgs.Role(name), By: name, At: at},
			orgs.MemberRemovedLetter{Org: name, By: name, At: at},
			orgs.OwnershipLetter{Org: name, Other: name, At: at},
			orgs.OwnershipLetter{Org: name, Other: name, Became: true, At: at},
			orgs.OrgDeletedLetter{Org: name, Slug: name, At: at, PurgeAt: until},
			orgs.SecondFactorLetter{Org: name, Until: until},
			orgs.SecondFactorLetter{Org: name, Until: until, Again: true},
		}
	}
	plain := letters("Analytical Engines")
	for _, name := range append([]string{"", " \u200b "}, hostileNames...) {
		for i, l := range letters(name) {
			want, m := render(t, r, ada, plain[i]), render(t, r, ada, l)
			require.Equal(t, structure(t, want.HTML), structure(t, m.HTML), "no element comes from %q", name)
			require.Equal(t, addresses(want.Text, public), addresses(m.Text, public))
			require.NotContains(t, m.Subject, "\n")
			require.NotRegexp(t, `(?i)evil\.test`, m.Text+visible(t, m.HTML), "nothing to follow in %q", name)
			require.NotRegexp(t, "[\u202a-\u202e\u2066-\u2069\u2028\u2029\u0085\x00\r]", m.Text+m.HTML+m.Subject)
			require.Less(t, len(m.HTML), 30_000)
			require.Equal(t, strings.Count(want.Text, "\n"), strings.Count(m.Text, "\n"), "no line comes from %q", name)
		}
	}
	require.Equal(t, "Somebody invites you to an organization", render(t, r, ada, letters("")[0]).Subject)
}
