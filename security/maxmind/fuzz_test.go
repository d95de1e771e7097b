package maxmind_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/stretchr/testify/require"

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
		// A tree that leads in circles must not keep a request waiting.
		defer time.AfterFunc(5*time.Second, func() { panic("a file that does not end") }).Stop()
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

// Each of the first 128 nodes of this tree leads to the next on both sides: 2¹²⁸
// networks, none of which has a record.
func TestATreeWithoutEndIsRefused(t *testing.T) {
	data := database(t, 6, map[string]mmdbtype.DataType{"2001:db8::1/128": nested()})
	reader, err := maxminddb.OpenBytes(data)
	require.NoError(t, err)
	nodes := reader.Metadata.NodeCount
	require.GreaterOrEqual(t, nodes, uint(128))
	for i := range nodes {
		next := i + 1
		if i >= 127 {
			next = nodes // no record
		}
		for _, side := range []uint{0, 3} {
			copy(data[i*6+side:], []byte{byte(next >> 16), byte(next >> 8), byte(next)}) //nolint:gosec // 24 bits
		}
	}
	name := file(t, data)
	defer time.AfterFunc(10*time.Second, func() { panic("a file that does not end") }).Stop()
	_, err = maxmind.Open(name)
	require.ErrorContains(t, err, "no cities or countries")
}
