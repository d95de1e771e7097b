package flows

import (
	"slices"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// Events returns the actions of all domains: what entries of the audit log can be
// of. The order has no meaning.
func Events() []audit.Event {
	return slices.Concat(accounts.Events(), security.Events(), orgs.Events(), notify.Events(), audit.Events())
}
