package maxmind_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func BenchmarkLocate(b *testing.B) {
	db := open(b, database(b, 6, map[string]mmdbtype.DataType{net1: nested(), net2: flat()}))
	for name, ip := range map[string]string{"nested": addr1, "flat": addr2, "unknown": outside, "private": "10.1.2.3"} {
		addr := netip.MustParseAddr(ip)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := db.Locate(context.Background(), addr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
