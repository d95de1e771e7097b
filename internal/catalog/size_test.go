package catalog

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSize(t *testing.T) {
	for bytes, want := range map[int64][2]string{
		0:                 {"1 kB", "1 kB"},
		1_001:             {"2 kB", "2 kB"},
		998_999:           {"999 kB", "999 kB"},
		999_001:           {"1.0 MB", "1,0 MB"},
		2_449_999:         {"2.4 MB", "2,4 MB"},
		999_949_999:       {"999.9 MB", "999,9 MB"},
		1_234_567_890_123: {"1,234.6 GB", "1.234,6 GB"},
	} {
		require.Equal(t, want[0], For("en").Size(bytes))
		require.Equal(t, want[1], For("de").Size(bytes))
	}
}
