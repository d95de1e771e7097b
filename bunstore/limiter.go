package bunstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/aegisrunner/account-settings/security"
)

var errBucket = errors.New("bunstore: a bucket needs a size and an interval")

type limiter struct {
	db  *DB
	now func() time.Time
}

// Limiter returns a limiter whose buckets are in the database, so that all nodes
// that share it share them too. now is the clock; nil: time.Now. Its differences
// between nodes are their differences in how full a bucket is, so they should be
// small beside the time that a bucket takes to fill. Intervals are rounded up to
// whole microseconds. Keys are stored as their SHA-256. Buckets that are full
// again are removed by PurgeFactors of the security store.
//
// Whoever takes must be remembered, whatever becomes of the transaction around
// it: every call uses a connection of its own. Where there is none beside that
// transaction, as on SQLite with its one writer, a call inside of one would wait
// for itself, and returns [security.ErrInTransaction] instead.
func (d *DB) Limiter(now func() time.Time) security.Limiter {
	if now == nil {
		now = time.Now
	}
	return &limiter{d, now}
}

// Take implements security.Limiter by the generic cell rate algorithm (ITU-T
// I.371): a bucket is the time at which it will be full again, in microseconds.
func (l *limiter) Take(ctx context.Context, key string, burst int, every time.Duration) (time.Duration, error) {
	if burst < 1 || every <= 0 {
		return 0, errBucket
	}
	if err := l.check(ctx); err != nil {
		return 0, err
	}
	unit, now := micros(every), l.now().UnixMicro()
	latest := now + int64(burst)*unit // when an empty bucket will be full again
	bucket := digest(sha256.Sum256([]byte(key)))
	n, err := l.exec(ctx, `
		INSERT INTO settings_buckets AS b (key, full_at) VALUES (?0, ?1 + ?2)
		ON CONFLICT (key) DO UPDATE SET full_at = CASE WHEN b.full_at < ?1 THEN ?1 ELSE b.full_at END + ?2
		WHERE b.full_at + ?2 <= ?3`, bucket, now, unit, latest)
	if err != nil || n == 1 {
		return 0, err
	}
	return l.wait(ctx, bucket, unit, latest)
}

// wait tells who was refused how long to wait. A bucket that is emptier than
// empty was filled before the clock was set back: it is empty from now on, so
// that nobody is locked out until the former time comes again.
func (l *limiter) wait(ctx context.Context, bucket digest, unit, latest int64) (time.Duration, error) {
	var full int64
	err := l.db.read.NewRaw(`SELECT full_at FROM settings_buckets WHERE key = ?`, bucket).Scan(ctx, &full)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	if full > latest {
		if _, err := l.exec(ctx, `UPDATE settings_buckets SET full_at = ?0 WHERE key = ?1 AND full_at > ?0`, latest, bucket); err != nil {
			return 0, err
		}
		full = latest
	}
	// Somebody may have given a unit back in between; it is for the next try.
	return time.Duration(max(full+unit-latest, 1)) * time.Microsecond, nil
}

// Give implements security.Limiter.
func (l *limiter) Give(ctx context.Context, key string, _ int, every time.Duration) error {
	if every <= 0 {
		return errBucket
	}
	if err := l.check(ctx); err != nil {
		return err
	}
	_, err := l.exec(ctx, `UPDATE settings_buckets SET full_at = full_at - ? WHERE key = ?`,
		micros(every), digest(sha256.Sum256([]byte(key))))
	return err
}

// check refuses where there may be no connection beside the one that ctx holds.
func (l *limiter) check(ctx context.Context) error {
	if l.db.inTransaction(ctx) && (l.db.dialect == SQLite || l.db.write.DB.Stats().MaxOpenConnections == 1) {
		return security.ErrInTransaction
	}
	return nil
}

// exec runs a statement by itself, and again if another one was in its way.
func (l *limiter) exec(ctx context.Context, query string, args ...any) (int, error) {
	for try := 1; ; try++ {
		n, err := affected(l.db.write.NewRaw(query, args...).Exec(ctx))
		if err == nil || !l.db.dialect.conflict(err) || try == maxTries || !pause(ctx, try) {
			return n, err
		}
	}
}

// micros rounds up: a bucket may regain a little too slowly, never too fast.
func micros(d time.Duration) int64 { return int64((d + time.Microsecond - 1) / time.Microsecond) }
