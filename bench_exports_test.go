package settings_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/settingstest"
)

// heap is the largest heap that was seen, in bytes, after what is no longer needed
// was collected.
type heap struct{ peak atomic.Uint64 }

func (h *heap) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	h.peak.Store(max(h.peak.Load(), m.HeapAlloc))
}

// watched looks at the heap with each blob that is stored or read.
type watched struct {
	accounts.BlobStore
	heap *heap
}

func (w watched) PutBlob(ctx context.Context, name, contentType string, data []byte) error {
	w.heap.look()
	return w.BlobStore.PutBlob(ctx, name, contentType, data)
}

func (w watched) Blob(ctx context.Context, name string) (string, []byte, error) {
	w.heap.look()
	return w.BlobStore.Blob(ctx, name)
}

// BenchmarkExport makes and downloads the export of somebody with a long history.
// peak-MB stays the same however long it is.
func BenchmarkExport(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			db := dbtest.SQLite(b)
			h := &heap{}
			app := settingstest.Start(b, settings.Config{Store: db, Limiter: wide{}, Blobs: watched{db.Blobs(), h}})
			c := app.SignUp(ada, "Ada")
			var me struct{ ID string }
			c.API(get, "/account", nil).JSON(b, &me)
			user, err := id.ParseUser(me.ID)
			require.NoError(b, err)
			longHistory(b, db, app, user, n)
			actor := audit.Actor{Kind: audit.KindUser, User: user, Session: id.NewSession(), Proofs: audit.Proofs{}.With(audit.Password, app.Clock.Now())}
			b.ReportAllocs()
			h.look()
			before := h.peak.Load()
			for b.Loop() {
				e, err := app.Accounts.StartExport(b.Context(), actor)
				require.NoError(b, err)
				require.NoError(b, app.Accounts.WorkExports(b.Context()))
				f, err := app.Accounts.DownloadExport(b.Context(), actor, e.ID)
				require.NoError(b, err)
				require.NoError(b, f.Write(b.Context(), io.Discard))
				b.ReportMetric(float64(f.Size)/1e6, "MB")
			}
			b.ReportMetric(float64(h.peak.Load()-before)/1e6, "peak-MB")
		})
	}
}

func longHistory(b *testing.B, db *bunstore.DB, app *settingstest.App, user id.User, n int) {
	b.Helper()
	actor := audit.Actor{Kind: audit.KindUser, User: user, Name: "Ada", UserAgent: firefox}
	for done := 0; done < n; done += 1000 {
		require.NoError(b, db.Accounts().Update(b.Context(), func(ctx context.Context, tx accounts.Tx) error {
			for range min(1000, n-done) {
				e := actor.Did(accounts.ActionUpdated, audit.UserTarget(user, "Ada"), app.Clock.Now(), audit.Change{Field: "name", Before: id.NewEntry().String(), After: id.NewEntry().String()})
				if err := tx.AppendAudit(ctx, e.InHistoryOf(user)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
