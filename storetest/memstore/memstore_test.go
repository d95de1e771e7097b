package memstore_test

import (
	"testing"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/storetest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// sealed lets the suites prove that letters are blanked.
func sealed(t *testing.T, s flows.Store, m id.Mail) []byte {
	content, ok := s.(interface {
		Sealed(m id.Mail) ([]byte, bool)
	}).Sealed(m)
	if !ok {
		t.Fatalf("letter %v is not stored", m)
	}
	return content
}

func TestConformance(t *testing.T) {
	storetest.Options{SealedMail: sealed}.All(t, func(*testing.T) flows.Store { return memstore.New() })
}
