package bunstore_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/storetest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// options look behind the contract, at what is left of a letter.
var options = storetest.Options{
	SealedMail: func(t *testing.T, s flows.Store, m id.Mail) []byte {
		db, ok := s.(*bunstore.DB)
		require.True(t, ok)
		var sealed []byte
		err := db.Conn(t.Context()).NewRaw(`SELECT sealed FROM settings_outbox WHERE id = ?`, m).Scan(t.Context(), &sealed)
		require.NoError(t, err)
		return sealed
	},
}

func TestConformanceSQLite(t *testing.T) {
	options.All(t, func(t *testing.T) flows.Store { return dbtest.SQLite(t) })
}

func TestConformancePostgres(t *testing.T) {
	options.All(t, func(t *testing.T) flows.Store { return dbtest.Postgres(t) })
}
