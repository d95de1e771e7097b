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

// What somebody may do in one of a host's projects: Owner and Admin of the
// organization are that in each of them, and for everybody else the host has an
// answer of its own.
func ExampleProjectRole() {
	// Of the host: who was let into which project, and as what. An invitation that
	// names projects tells it through ProjectDirectory.Joined.
	explicit := map[string]orgs.Role{"website": orgs.Viewer}

	// Of the product: app.Orgs.Get(ctx, actor, "acme"), and then Membership.Role.
	for _, role := range []orgs.Role{orgs.Admin, orgs.Member} {
		for _, project := range []string{"website", "api"} {
			in := orgs.ProjectRole(role, explicit[project])
			fmt.Printf("%s, in %s: %q, may deploy: %t\n", role, project, in, in.AtLeast(orgs.Member))
		}
	}
	// Output:
	// admin, in website: "admin", may deploy: true
	// admin, in api: "admin", may deploy: true
	// member, in website: "viewer", may deploy: false
	// member, in api: "", may deploy: false
}
