package maxmind_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/aegisrunner/account-settings/security/maxmind"
)

// Whatever the bytes of a file, opening it and looking addresses up end, in a
// place that can be shown or in an error.
func FuzzFile(f *testing.F) {
	for _, version := range []int{4, 6} {
		for _, record := range []mmdbtype.Map{nested(), flat()} {
			data := database(f, version, map[string]mmdbtype.DataType{net1: record, net2: mmdbtype.Map{"country": text("IN")}})
			f.Add(data)
			f.Add(data[:len(data)-7])
			f.Add(data[1:])
		}
	}
	name := filepath.Join(f.TempDir(), "places.mmdb")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := maxmind.Open(name)
		if err != nil {
			return
		}
		for _, ip := range []string{addr1, addr2, addr6, mapped1, outside, "255.255.255.255", "3fff::"} {
			place, err := db.Locate(context.Background(), netip.MustParseAddr(ip))
			if err != nil && !place.IsZero() {
				t.Errorf("%s: both %v and %v", ip, place, err)
			}
			if n := len(place.CountryCode); n != 0 && n != 2 {
				t.Errorf("%s: code %q", ip, place.CountryCode)
			}
		}
	})
}
