package breach_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/aegisrunner/account-settings/security/breach"
)

func ExampleNew() {
	// A mirror; without a URL, the service itself is asked.
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("asked for", r.URL.Path)
		fmt.Fprint(w, "1E4C9B93F3F0682250B6CF8331B7EE68FD8:3861493\r\n")
	}))
	defer mirror.Close()

	checker, err := breach.New(breach.Config{URL: mirror.URL, UserAgent: "Acme"})
	if err != nil {
		log.Fatal(err)
	}
	known, err := checker.Breached(context.Background(), "password")
	fmt.Println(known, err)
	// Output:
	// asked for /range/5BAA6
	// true <nil>
}
