package accounts_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// open is a sealer that seals nothing. A real one is settings.Keys'.
type open struct{}

func (open) Seal(plaintext, _ []byte) ([]byte, error) { return plaintext, nil }
func (open) Open(sealed, _ []byte) ([]byte, error)    { return sealed, nil }

// mac is a keyed hash. A real one is settings.Keys', too.
func mac(purpose string, data []byte) [32]byte {
	h := hmac.New(sha256.New, []byte("a key that never changes"))
	h.Write([]byte(purpose + "\x00"))
	h.Write(data)
	return [32]byte(h.Sum(nil))
}

// The package alone, without the rest of the product.
func ExampleNew() {
	store := memstore.New()
	service, err := accounts.New(accounts.Config{
		Store: store.Accounts(), Blobs: store.Blobs(), Sealer: open{}, MAC: mac, Limiter: security.NewMemoryLimiter(nil),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(service.StartSignUp(context.Background(), audit.Actor{}, "ada@example.com", "en"))
	// Output: <nil>
}

func ada(store *memstore.Store) (audit.Actor, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	u := accounts.User{
		ID: id.NewUser(), Name: "Ada Lovelace", Email: "ada@example.com", EmailKey: "ada@example.com",
		Timezone: "Europe/London", Locale: "en", AvatarKey: "0123456789abcdef0123456789abcdef", CreatedAt: now, UpdatedAt: now,
	}
	err := store.Accounts().Update(context.Background(), func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertUser(ctx, u)
	})
	return audit.Actor{}.As(u.ID, u.Name), err
}

func ExampleService_UpdateProfile() {
	store := memstore.New()
	service, err := accounts.New(accounts.Config{
		Store: store.Accounts(), Blobs: store.Blobs(), Sealer: open{}, MAC: mac, Limiter: security.NewMemoryLimiter(nil),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	actor, err := ada(store)
	if err != nil {
		fmt.Println(err)
		return
	}
	zone := "Asia/Kolkata"
	u, err := service.UpdateProfile(context.Background(), actor, accounts.Patch{Timezone: &zone})
	fmt.Println(u.Name, u.Timezone, err)

	zone = "Mars/Base"
	_, err = service.UpdateProfile(context.Background(), actor, accounts.Patch{Timezone: &zone})
	var fields fault.Fields
	fmt.Println(errors.As(err, &fields), fields[0].Name, fields[0].Code)
	// Output:
	// Ada Lovelace Asia/Kolkata <nil>
	// true timezone invalid_timezone
}

// A change of address needs a fresh proof, which the actor carries.
func ExampleService_RequestEmailChange() {
	store := memstore.New()
	service, err := accounts.New(accounts.Config{
		Store: store.Accounts(), Blobs: store.Blobs(), Sealer: open{}, MAC: mac, Limiter: security.NewMemoryLimiter(nil),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	actor, err := ada(store)
	if err != nil {
		fmt.Println(err)
		return
	}
	actor.HasPassword = true
	_, err = service.RequestEmailChange(context.Background(), actor, "ada@new.example")
	var step *audit.StepUpError
	fmt.Println(errors.As(err, &step), step.Methods, step.MaxAge)
	// Output:
	// true [password] 10m0s
}
