package fault_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/fault"
)

var errTaken = fault.New(fault.Conflict, "slug_taken", "orgs: slug is taken")

// A caller asks for the kind, for the exact failure, or for the stable code.
func Example() {
	err := fmt.Errorf("create: %w", errTaken)
	fmt.Println(errors.Is(err, fault.Conflict), errors.Is(err, errTaken), fault.Code(err))

	var f fault.Fields
	f.Add("name", "required", "is required")
	fmt.Println(errors.Is(f.Err(), fault.Invalid), f.Err())

	err = &fault.Retry{Reason: fault.Throttled, After: 30 * time.Second}
	fmt.Println(errors.Is(err, fault.Throttled), fault.RetryAfter(err))
	// Output:
	// true true slug_taken
	// true invalid input: name is required
	// true 30s
}
