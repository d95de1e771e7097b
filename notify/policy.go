package notify

import (
	"maps"

	"github.com/aegisrunner/account-settings/audit"
)

// What this package can do for a person. Routes name these constants, and the
// services check them.
const (
	PermView        audit.Permission = "notify.preferences.view"
	PermChange      audit.Permission = "notify.preferences.change"
	PermUnsubscribe audit.Permission = "notify.unsubscribe"
)

var policy = audit.Policy{
	PermView:        {SignedIn: true},
	PermChange:      {SignedIn: true},
	PermUnsubscribe: {}, // the link is the proof
}

// Policy returns what each permission of this package needs.
func Policy() audit.Policy { return maps.Clone(policy) }

// The actions of this package, as the audit log names them. Never renamed.
const (
	ActionPreferencesChanged audit.Action = "notify.preferences_changed"
	ActionUnsubscribed       audit.Action = "notify.unsubscribed"
)
