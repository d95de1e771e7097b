package security_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// open is a sealer that seals nothing. A real one is settings.Keys'.
type open struct{}

func (open) Seal(plaintext, _ []byte) ([]byte, error) { return plaintext, nil }
func (open) Open(sealed, _ []byte) ([]byte, error)    { return sealed, nil }
func (open) KeyOf([]byte) (string, bool)              { return "none", true }

func mac(purpose string, data []byte) [32]byte {
	h := hmac.New(sha256.New, []byte("a key that never changes"))
	h.Write([]byte(purpose + "\x00"))
	h.Write(data)
	return [32]byte(h.Sum(nil))
}

// The package alone, without the rest of the product.
func ExampleNew() {
	service, err := security.New(security.Config{Store: memstore.New().Security(), Sealer: open{}, MAC: mac, Product: "Acme"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = service.SignIn(context.Background(), audit.Actor{}, security.SignIn{Email: "nobody@example.com", Password: "correct horse 42"})
	fmt.Println(errors.Is(err, security.ErrInvalidCredentials))

	_, err = service.Authenticate(context.Background(), "no such token")
	fmt.Println(errors.Is(err, audit.ErrUnauthenticated))
	// Output:
	// true
	// true
}

func ExampleService_CheckNewPassword() {
	service, err := security.New(security.Config{
		Store: memstore.New().Security(), Sealer: open{}, MAC: mac, Product: "Acme", Password: security.PasswordRules{MinLength: 12},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(service.CheckNewPassword("password", "horse 42"))
	fmt.Println(service.CheckNewPassword("password", "correct horse battery"))
	fmt.Println(service.CheckNewPassword("password", "correct horse 42"))
	// Output:
	// invalid input: password is too short
	// invalid input: password needs at least one digit
	// <nil>
}
