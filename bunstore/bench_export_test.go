package bunstore_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
)

// gateTo lets everybody read one log.
type gateTo struct{ org id.Org }

func (g gateTo) AdmitToLog(context.Context, audit.Actor, string) (id.Org, string, error) {
	return g.org, "Analytical Engines", nil
}
func (gateTo) KeepsLog(context.Context, id.Org) (time.Duration, error)      { return -1, nil }
func (gateTo) KeepsHistory(context.Context, id.User) (time.Duration, error) { return -1, nil }

// counting counts what is written, and looks at the heap now and then.
type counting struct {
	bytes int
	next  int
	heap  uint64 // the most that was in use
}

func (c *counting) Write(p []byte) (int, error) {
	if c.bytes += len(p); c.bytes >= c.next {
		c.next += 4 << 20
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		c.heap = max(c.heap, m.HeapInuse)
	}
	return len(p), nil
}

// sealedLog is a log of n entries that all are of one organization, and sealed.
func sealedLog(b *testing.B, n int) (*audit.Service, *bunstore.DB, *sql.DB) {
	b.Helper()
	db, host := filled(b, n, 100)
	org, err := id.ParseOrg(numbered(b, host, "o0"))
	require.NoError(b, err)
	_, err = host.ExecContext(b.Context(), `INSERT INTO settings_audit_unsealed SELECT org_id, id FROM settings_audit_entries`)
	require.NoError(b, err)
	s, err := audit.NewService(audit.Config{
		Store: db.Audit(), Gate: gateTo{org}, Origin: "app.acme.test/audit",
		MAC: func(purpose string, data []byte) [32]byte { return sha256.Sum256(append([]byte(purpose), data...)) },
	})
	require.NoError(b, err)
	require.NoError(b, s.Seal(b.Context()))
	_, err = host.ExecContext(b.Context(), `VACUUM (ANALYZE) settings_audit_leaves`)
	require.NoError(b, err)
	return s, db, host
}

func export(b *testing.B, s *audit.Service, w io.Writer) time.Duration {
	b.Helper()
	x, err := s.Export(b.Context(), audit.Actor{}, "", audit.Filter{}, audit.NDJSON, id.Entry{})
	require.NoError(b, err)
	started := time.Now()
	require.NoError(b, x.Write(b.Context(), w))
	return time.Since(started)
}

// copied is how long PostgreSQL takes to hand over the same rows by COPY.
func copied(b *testing.B, host *sql.DB, w io.Writer) (took time.Duration) {
	b.Helper()
	c, err := host.Conn(b.Context())
	require.NoError(b, err)
	defer func() { _ = c.Close() }()
	require.NoError(b, c.Raw(func(driver any) error {
		started := time.Now()
		_, err := driver.(*stdlib.Conn).Conn().PgConn().CopyTo(b.Context(), w, `COPY (
			SELECT e.line, l.seq, l.hash FROM settings_audit_leaves AS l JOIN settings_audit_entries AS e ON e.id = l.entry_id
			ORDER BY l.org_id, l.seq) TO STDOUT`)
		took = time.Since(started)
		return err
	}))
	return took
}

// BenchmarkAuditExport compares an export as NDJSON with COPY of the same rows, in
// turn: of-copy, the median of rounds, is to be 0.3 at least. And it compares the
// largest heap of an export with that of one of a tenth of the entries: heap is to
// be about 1.
func BenchmarkAuditExport(b *testing.B) {
	const n = 200_000
	few, _, _ := sealedLog(b, n/10)
	many, _, host := sealedLog(b, n)
	var ratios, heaps []float64
	for b.Loop() {
		for range 5 {
			var small, large, raw counting
			export(b, few, &small)
			runtime.GC()
			took := export(b, many, &large)
			runtime.GC()
			ratios = append(ratios, copied(b, host, &raw).Seconds()/took.Seconds())
			heaps = append(heaps, float64(large.heap)/float64(small.heap))
			require.Greater(b, large.bytes, raw.bytes/2)
		}
	}
	b.ReportMetric(median(ratios), "of-copy")
	b.ReportMetric(median(heaps), "heap")
	b.ReportMetric(0, "ns/op")
}
