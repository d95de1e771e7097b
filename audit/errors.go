package audit

import "github.com/aegisrunner/account-settings/fault"

// ErrNoEntry is returned for an entry that is not in the log that was asked.
var ErrNoEntry = fault.New(fault.NotFound, "not_found", "no such entry")
