package orgs

import (
	"crypto/rand"
	"regexp"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/aegisrunner/account-settings/fault"
)

// Slug limits, in bytes.
const (
	MinSlug = 3
	MaxSlug = 48
)

var slugForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// reserved are slugs that could be taken for a part of the product, or for the
// people who run it.
var reserved = strings.Fields(`
	about abuse access account accounts admin administrator api app apps assets audit auth billing blog business
	callback careers confirm contact create dashboard delete demo deleted dev docs domain domains download edit email
	enterprise error example explore export favicon features feedback file files forgot-password general health healthz
	help home host http https img import index info integrations internal invitation invitations invite invoice invoices
	join legal link login logout logo logos mail mailbox me media member members metadata metrics new news null oauth
	organization organizations orgs owner owners page pages password payment ping plan plans policy pricing privacy
	product profile project projects public readyz register reset root saml search secure security security-policy
	self service services session sessions settings setup sign-in sign-out sign-up signin signout signup sso staff
	static status subscribe support system team teams terms test token tokens trust undefined unsubscribe update user
	users webhook webhooks well-known www`)

var reservedSlugs = func() map[string]bool {
	m := map[string]bool{}
	for _, s := range reserved {
		m[s] = true
	}
	return m
}()

// CheckSlug returns a fault.Fields for field if text cannot be a slug: 3 to 48 of
// a–z, 0–9 and inner hyphens, no reserved word and nothing that looks like an
// identifier. It does not tell whether the slug is free.
func CheckSlug(field, text string) error {
	var f fault.Fields
	_, notID := uuid.Parse(text)
	switch {
	case text == "":
		f.Add(field, "required", "is required")
	case len(text) < MinSlug:
		f = append(f, fault.Field{Name: field, Code: "too_short", Message: "is too short", Params: map[string]any{"min": MinSlug}})
	case len(text) > MaxSlug:
		f = append(f, fault.Field{Name: field, Code: "too_long", Message: "is too long", Params: map[string]any{"max": MaxSlug}})
	case !slugForm.MatchString(text):
		f.Add(field, "invalid_slug", "may hold a–z, 0–9 and single hyphens between them")
	case reservedSlugs[text] || notID == nil:
		f.Add(field, "reserved_slug", "is reserved; choose another")
	}
	return f.Err()
}

// slugOf makes a slug of a name: what is left of its letters without accents.
func slugOf(name string) string {
	var b strings.Builder
	hyphen := false
	for _, r := range norm.NFKD.String(strings.ToLower(name)) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if hyphen && b.Len() > 0 {
				b.WriteByte('-')
			}
			hyphen = false
			b.WriteRune(r)
		case r < 0x300 || r > 0x36f: // an accent divides nothing
			hyphen = true
		}
	}
	slug := strings.Trim(b.String()[:min(b.Len(), MaxSlug-7)], "-")
	if CheckSlug("slug", slug) != nil {
		return withSuffix("org")
	}
	return slug
}

// withSuffix makes a slug that hardly anybody else has.
func withSuffix(slug string) string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return slug + "-" + string(b[:])
}
