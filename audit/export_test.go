package audit

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func newKey(seed [32]byte) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed[:]) }

func elapsed(fn func()) int64 {
	start := time.Now()
	fn()
	return int64(time.Since(start))
}

func TestInert(t *testing.T) {
	for _, cell := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1", "\u00a0=1", "\uff1d1"} {
		require.Equal(t, "'"+cell, Inert(cell))
	}
	for _, cell := range []string{"", " ", "Ada", "a=b", "1", "'x", "é"} {
		require.Equal(t, cell, Inert(cell))
	}
}
