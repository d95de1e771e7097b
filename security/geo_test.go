package security_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/security"
)

func TestPlaceString(t *testing.T) {
	for want, places := range map[string][]security.Place{
		"": {{}},
		"Pune, India": {
			{City: "Pune", Country: "India"},
			{City: "Pune", Region: "Maharashtra", Country: "India", CountryCode: "IN"},
		},
		"India":              {{Country: "India"}, {Country: "India", CountryCode: "IN"}},
		"IN":                 {{CountryCode: "IN"}},
		"Pune":               {{City: "Pune"}},
		"Pune, IN":           {{City: "Pune", CountryCode: "IN"}},
		"Maharashtra, India": {{Region: "Maharashtra", Country: "India"}},
		"Singapore":          {{City: "Singapore", Region: "Singapore", Country: "Singapore", CountryCode: "SG"}},
	} {
		for _, p := range places {
			require.Equal(t, want, p.String(), "%#v", p)
			require.Equal(t, want == "", p.IsZero(), "%#v", p)
		}
	}
}
