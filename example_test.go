package settings_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// printer is a mailer that prints to whom it would have written.
type printer struct{}

func (printer) SendMail(_ context.Context, m mail.Message) error {
	fmt.Println(m.To+":", m.Subject)
	return nil
}

// exampleApp is the product on a store in memory.
func exampleApp() (*settings.Settings, error) {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	keys, err := settings.CreateKeys(filepath.Join(dir, "keys.json"))
	if err != nil {
		return nil, err
	}
	return settings.New(settings.Config{
		Product: "Acme", PublicURL: "https://app.acme.test", Store: memstore.New(),
		From: "Acme <hello@acme.test>", Mailer: printer{}, Keys: keys,
	})
}

// New names every missing field at once.
func ExampleNew() {
	_, err := settings.New(settings.Config{Product: "Acme", PublicURL: "http://app.acme.test"})
	fmt.Println(err)
	// Output:
	// settings: Config.Store is required: sqlite.Open, postgres.Open or your own
	// settings: Config.Mailer is required: smtp.New or your own
	// settings: Config.Keys is required: LoadKeys
	// settings: Config.From is required, such as "Acme <hello@acme.test>"
	// settings: Config.PublicURL must be https, unless it is on loopback
}

// A service called from Go does what it does behind the API, and checks the same.
func ExampleSettings_services() {
	app, err := exampleApp()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, visitor := context.Background(), settings.Actor{}
	_, err = app.Accounts.UpdateProfile(ctx, visitor, accounts.Patch{})
	fmt.Println(errors.Is(err, fault.Unauthenticated), fault.Code(err))

	err = app.Accounts.StartSignUp(ctx, visitor, "ada@", "en")
	var fields fault.Fields
	fmt.Println(errors.As(err, &fields), fields[0].Name, fields[0].Code)

	_, err = app.Security.SignIn(ctx, visitor, security.SignIn{Email: "ada@example.com", Password: "wrong horse 42"})
	fmt.Println(errors.Is(err, security.ErrInvalidCredentials))
	// Output:
	// true unauthenticated
	// true email invalid_email
	// true
}

// A host with a scheduler of its own runs the jobs there. Others call Run.
func ExampleSettings_Jobs() {
	app, err := exampleApp()
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := app.Accounts.StartSignUp(ctx, settings.Actor{}, "ada@example.com", "en"); err != nil {
		fmt.Println(err)
	}
	for _, job := range app.Jobs() {
		if err := job.Run(ctx); err != nil {
			fmt.Println(job.Name, err)
		}
	}
	// Output:
	// ada@example.com: Finish creating your Acme account
}

// RequireUser sends whoever is not signed in to the sign-in page, and back.
func ExampleSettings_RequireUser() {
	app, err := exampleApp()
	if err != nil {
		fmt.Println(err)
		return
	}
	dashboard := app.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := settings.UserFrom(r.Context())
		_, _ = fmt.Fprintln(w, "Hello", user.Name)
	}))
	w := httptest.NewRecorder()
	dashboard.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/dashboard", nil))
	fmt.Println(w.Code, w.Header().Get("Location"))
	// Output:
	// 303 /sign-in?next=%2Fdashboard
}

// A host's own tests run the product with settingstest.
func Example_testing() {
	test := func(t *testing.T) {
		app := settingstest.Start(t, settings.Config{})
		ada := app.SignUp("ada@example.com", "Ada")
		if r := ada.API(http.MethodGet, "/account", nil); r.Status != http.StatusOK {
			t.Errorf("status %d", r.Status)
		}
	}
	_ = test // go test calls it
}
