package maxmind_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"

	"github.com/aegisrunner/account-settings/security/maxmind"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "places")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "GeoLite2-City.mmdb")
	if err := os.WriteFile(name, download(), 0o600); err != nil {
		log.Fatal(err)
	}

	db, err := maxmind.Open(name)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	place, err := db.Locate(context.Background(), netip.MustParseAddr("192.0.2.7"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(place, place.CountryCode)
	// Output: Pune, India IN
}

// download stands for fetching the file from whoever publishes it.
func download() []byte {
	tree, err := mmdbwriter.New(mmdbwriter.Options{DatabaseType: "GeoLite2-City", IncludeReservedNetworks: true})
	if err != nil {
		log.Fatal(err)
	}
	network := &net.IPNet{IP: net.IPv4(192, 0, 2, 0).To4(), Mask: net.CIDRMask(24, 32)}
	err = tree.Insert(network, mmdbtype.Map{
		"city":    mmdbtype.Map{"names": mmdbtype.Map{"en": mmdbtype.String("Pune")}},
		"country": mmdbtype.Map{"iso_code": mmdbtype.String("IN"), "names": mmdbtype.Map{"en": mmdbtype.String("India")}},
	})
	if err != nil {
		log.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := tree.WriteTo(&b); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}
