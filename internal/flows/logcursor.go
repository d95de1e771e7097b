package flows

import (
	"strconv"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
)

// ErrLogCursor is returned for a text that is no cursor of a log.
var ErrLogCursor = fault.Fields{{Name: "cursor", Code: "invalid", Message: "is not a cursor of this list"}}

// LogCursor returns a place in a log as an opaque text, "" for the zero value.
func LogCursor(p audit.Position) string {
	if p.IsZero() {
		return ""
	}
	return cursor.Encode(strconv.FormatInt(p.At.UnixMicro(), 10), p.ID.String())
}

// ParseLogCursor reads what [LogCursor] returned, or returns [ErrLogCursor].
func ParseLogCursor(text string) (audit.Position, error) {
	if text == "" {
		return audit.Position{}, nil
	}
	parts, ok := cursor.Decode(text, 2)
	if !ok || len(parts) != 2 {
		return audit.Position{}, ErrLogCursor
	}
	micros, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return audit.Position{}, ErrLogCursor
	}
	e, err := id.ParseEntry(parts[1])
	at := time.UnixMicro(micros).UTC()
	if err != nil || at.Year() < 1 || at.Year() > 9999 {
		return audit.Position{}, ErrLogCursor
	}
	return audit.Position{At: at, ID: e}, nil
}
