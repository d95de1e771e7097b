package pages_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/browser"
)

func orgScriptWorks(t *testing.T, b *browser.Browser, server string) {
	tab := b.Tab(t, server)
	typing := `((id, v) => { const n = document.getElementById(id); n.value = v; n.dispatchEvent(new Event("input", {bubbles: true})) })`
	slug := `document.getElementById("new-org-slug").value`
	t.Run("NameSuggestsASlug", func(t *testing.T) {
		tab.Open("/me-org-new?lang=en")
		script[any](t, tab, typing+`("new-org-name", " Crème & Brûlée GmbH!")`)
		require.Equal(t, "creme-brulee-gmbh", script[string](t, tab, slug))
		script[any](t, tab, typing+`("new-org-slug", "dessert")`)
		script[any](t, tab, typing+`("new-org-name", "Something else")`)
		require.Equal(t, "dessert", script[string](t, tab, slug), "what was typed stays")
		script[any](t, tab, typing+`("new-org-slug", "")`)
		script[any](t, tab, typing+`("new-org-name", "Something")`)
		require.Equal(t, "something", script[string](t, tab, slug))
	})
	t.Run("LogoIsCutSquare", func(t *testing.T) {
		tab.Open("/me-org?lang=en")
		cutLeft(t, tab, "logo-picture")
		require.Equal(t, "200,200,255,0,0,255", script[string](t, tab, `window.found`), "the left end, which is red")
		require.Equal(t, "255,0,0,255", script[string](t, tab, `document.querySelector(".crop canvas").getContext("2d").getImageData(0, 0, 1, 1).data.join()`), "and its corner is seen as it is")
		tab.Glance("org-logo-crop")
		if dir := os.Getenv(picturesVariable); dir != "" {
			tab.Picture(dir + "/org-logo-crop.png")
		}
	})
	t.Run("LogosAreShown", func(t *testing.T) {
		for _, page := range []string{"me-org", "me-org-viewer", "invitation", "me-invitations"} {
			tab.Open("/" + page + "?lang=en")
			require.True(t, script[bool](t, tab, `(all => all.length > 0 && all.every(i => i.complete && i.naturalWidth > 0 && i.getBoundingClientRect().width === i.getBoundingClientRect().height))([...document.querySelectorAll("main .logo")])`), page)
		}
	})
	t.Run("SwitcherOpensAndCloses", func(t *testing.T) {
		tab.Open("/me-org?lang=en")
		open := `document.querySelector(".side .switch").open`
		script[any](t, tab, `document.querySelector(".side .switch > summary").click()`)
		require.True(t, script[bool](t, tab, open))
		require.Equal(t, float64(3), script[float64](t, tab, `document.querySelectorAll(".side .switch .orgs a").length`), "two organizations, and a new one")
		require.False(t, script[bool](t, tab, `document.documentElement.scrollWidth > innerWidth || document.querySelector(".side > div").scrollWidth > document.querySelector(".side > div").clientWidth`))
		if dir := os.Getenv(picturesVariable); dir != "" {
			tab.Picture(dir + "/org-switcher.png")
		}
		tab.Glance("org-switcher")
		script[any](t, tab, `document.dispatchEvent(new KeyboardEvent("keydown", {key: "Escape"}))`)
		require.False(t, script[bool](t, tab, open))
	})
}

func orgsOnAPhone(t *testing.T, b *browser.Browser, server string) {
	tab := b.Tab(t, server)
	tab.Open("/me-org?lang=de")
	tab.Look(browser.Phone, browser.Light)
	script[any](t, tab, `document.querySelector(".top > details > summary").click()`)
	script[any](t, tab, `document.querySelector(".top .switch > summary").click()`)
	width := func(selector string) string {
		return `document.querySelector("` + selector + `").getBoundingClientRect().width`
	}
	require.InDelta(t, script[float64](t, tab, width(".top nav")), script[float64](t, tab, width(".top .switch > summary")), 1, "as wide as the menu")
	require.True(t, script[bool](t, tab, `document.querySelector(".top > details").open && document.querySelector(".top .switch").open`))
	require.Empty(t, tab.Sideways())
	require.Empty(t, tab.Violations())
	if dir := os.Getenv(picturesVariable); dir != "" {
		tab.Picture(dir + "/org-menu-phone.png")
	}
}

func teamScriptWorks(t *testing.T, b *browser.Browser, server string) {
	tab := b.Tab(t, server)
	t.Run("RoleIsChangedOnlyOnceItDiffers", func(t *testing.T) {
		tab.Open("/me-org-team?lang=en")
		shown := `getComputedStyle(document.querySelector(".role .btn")).display !== "none"`
		require.False(t, script[bool](t, tab, shown))
		tab.Pick(".role select", "viewer")
		require.True(t, script[bool](t, tab, shown))
		require.Empty(t, tab.Sideways())
		tab.Glance("team-role")
		tab.Pick(".role select", "admin")
		require.False(t, script[bool](t, tab, shown))
	})
	t.Run("WithoutAScriptTheButtonIsThere", func(t *testing.T) {
		bare := b.Tab(t, server)
		bare.NoScripts()
		bare.Open("/me-org-team?lang=en")
		bare.Until(`document.querySelectorAll(".role .btn").length === 2 && [...document.querySelectorAll(".role .btn")].every(b => getComputedStyle(b).display !== "none" && !b.disabled)`)
		require.Empty(t, bare.Sideways())
	})
}
