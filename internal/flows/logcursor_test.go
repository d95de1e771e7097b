package flows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
)

func TestLogCursor(t *testing.T) {
	p := audit.Position{At: time.Date(2026, 11, 24, 10, 15, 0, 123456000, time.UTC), ID: id.NewEntry()}
	for _, want := range []audit.Position{p, {}} {
		got, err := ParseLogCursor(LogCursor(want))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{
		"x", cursor.Encode("1"), cursor.Encode("soon", p.ID.String()), cursor.Encode("1", "x"),
		cursor.Encode("9223372036854775807", p.ID.String()), cursor.Encode("1", p.ID.String(), "2"),
	} {
		_, err := ParseLogCursor(text)
		require.Equal(t, error(ErrLogCursor), err, text)
	}
}
