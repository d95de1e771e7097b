package maxmind

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/oschwald/maxminddb-golang/v2"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/aegisrunner/account-settings/security"
)

// maxName is the longest name in bytes that is taken from a file. The longest
// name of a place has 85 letters.
const maxName = 256

// A path leads to a value within a record.
type path []any

// names knows where a record keeps its texts: first the places of GeoIP2, whose
// values are maps by language, then those of flat records.
type names struct {
	city, region, country, code []path

	regions display.Namer // of countries that a file gives by their codes alone
}

func newNames(lang string) (names, error) {
	tag, err := language.Parse(lang)
	if err != nil {
		return names{}, fmt.Errorf("maxmind: Config.Language is no BCP 47 tag: %w", err)
	}
	regions := display.Regions(tag)
	if regions == nil {
		regions = display.Regions(language.English)
	}
	named := func(flat []string, nested ...any) (paths []path) {
		for _, l := range languages(tag) {
			paths = append(paths, append(append(path{}, nested...), "names", l))
		}
		for _, key := range flat {
			paths = append(paths, path{key})
		}
		return paths
	}
	return names{
		city:    named([]string{"city", "city_name"}, "city"),
		region:  named([]string{"state1", "region", "region_name"}, "subdivisions", 0),
		country: named([]string{"country_name", "country"}, "country"),
		// Not registered_country: it is where the owner of the network is.
		code:    []path{{"country", "iso_code"}, {"country_code"}, {"country"}},
		regions: regions,
	}, nil
}

// languages are the keys to try, from "pt-BR" over "pt" to "en".
func languages(tag language.Tag) []string {
	tried := []string{tag.String()}
	if base, _ := tag.Base(); base.String() != tried[0] {
		tried = append(tried, base.String())
	}
	if last := tried[len(tried)-1]; last != "en" {
		tried = append(tried, "en")
	}
	return tried
}

// place reads a record; one that was not found is the zero Place.
func (n names) place(record maxminddb.Result) (security.Place, error) {
	if err := record.Err(); err != nil || !record.Found() {
		return security.Place{}, err
	}
	var p security.Place
	for _, field := range []struct {
		to    *string
		paths []path
		fits  func(string) string
	}{
		{&p.City, n.city, name},
		{&p.Region, n.region, name},
		{&p.Country, n.country, countryName},
		{&p.CountryCode, n.code, countryCode},
	} {
		text, err := first(record, field.paths, field.fits)
		if err != nil {
			return security.Place{}, err
		}
		*field.to = text
	}
	if p.Country == "" && p.CountryCode != "" {
		p.Country = n.nameOf(p.CountryCode)
	}
	return p, nil
}

// first returns the first text that is there and fits.
func first(record maxminddb.Result, paths []path, fits func(string) string) (string, error) {
	for _, p := range paths {
		var text string
		err := record.DecodePath(&text, p...)
		if damaged := (maxminddb.InvalidDatabaseError{}); errors.As(err, &damaged) {
			return "", err
		}
		if err != nil {
			continue // another shape: a text where there could be a map, or the reverse
		}
		if text = fits(text); text != "" {
			return text, nil
		}
	}
	return "", nil
}

// name returns a text that can be shown, "" for any other: a file is not always
// made with care.
func name(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxName || !utf8.ValidString(s) || strings.ContainsFunc(s, unprintable) {
		return ""
	}
	return s
}

// unprintable are control characters and those that turn the direction of text.
func unprintable(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// countryName refuses a code where there should be a name: some files have the
// one, some the other, under "country".
func countryName(s string) string {
	if len(s) <= 2 {
		return ""
	}
	return name(s)
}

// countryCode returns a code of ISO 3166-1 in capitals, "" for anything else.
// ZZ and XX are for users to assign, and files say "unknown" by them.
func countryCode(s string) string {
	s = strings.ToUpper(s)
	if len(s) != 2 || s == "ZZ" || s == "XX" {
		return ""
	}
	if s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
		return ""
	}
	return s
}

// nameOf returns the name of a country as the CLDR has it, "" for a code that
// stands for none, such as EU.
func (n names) nameOf(code string) string {
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() {
		return ""
	}
	return n.regions.Name(region)
}
