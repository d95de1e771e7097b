package storetest_test

import (
	"testing"

	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/storetest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// Whoever brings a store of their own runs all suites on it. Outside of this
// module the type is settings.Store.
func Example() {
	test := func(t *testing.T) {
		storetest.All(t, func(*testing.T) flows.Store { return memstore.New() })
	}
	_ = test // go test calls it
}
