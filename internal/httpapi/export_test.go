package httpapi

import (
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/orgs"
)

// Line is a route of the table, for tests.
type Line struct {
	Method, Path string
	Permission   audit.Permission
	Rule         audit.Rule
	Action       audit.Action
}

// Table returns the routes.
func Table() []Line {
	all := policies(orgs.DefaultPolicy())
	var out []Line
	for _, rt := range table {
		out = append(out, Line{rt.method, rt.path, rt.permission, all[rt.permission], rt.action})
	}
	return out
}

// TrustServices takes the check before the body away, so that a test sees what
// the services refuse by themselves.
func (a *API) TrustServices() {
	open := audit.Policy{}
	for p := range a.policy {
		open[p] = audit.Rule{}
	}
	a.policy = open
}

// Register adds a route, as New does for each line of the table.
func Register(method, path string, p audit.Permission) (err error) {
	table = append(table, route{method: method, path: path, permission: p, status: 204, handler: gives((*API).signOut)})
	defer func() { table = table[:len(table)-1] }()
	_, err = New(testConfig)
	return err
}

var testConfig Config

// SetTestConfig says what Register builds with.
func SetTestConfig(c Config) { testConfig = c }
