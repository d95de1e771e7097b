package orgs_test

import (
	"fmt"

	"github.com/aegisrunner/account-settings/orgs"
)

// A host that sells no plans gives everybody the same.
func ExampleFixedPlan() {
	_, ok := orgs.FixedPlan("business")
	fmt.Println(ok)
	_, ok = orgs.FixedPlan("gold")
	fmt.Println(ok)
	// Output:
	// true
	// false
}

// What each permission needs, before a host asks for more with Config.Roles.
func ExampleDefaultPolicy() {
	rule := orgs.DefaultPolicy()[orgs.PermTransfer]
	fmt.Println(rule.Role, rule.StepUp)
	// Output: owner true
}
