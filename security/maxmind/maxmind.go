// Package maxmind is a [security.Geolocator] on a file in the MaxMind DB format:
// a GeoIP2 or GeoLite2 database of cities or countries, or one of the free
// databases whose records are flat. The package brings no data; the licence of a
// file is the host's to keep.
//
// # Updates
//
// A new file is taken up while the process runs: put it under the same name, at
// best by a rename. [DB.Locate] looks at the name every 30 s and, when another
// file is there, reads it before it answers; callers at the same moment go on
// with the old one. A file that cannot be read, is damaged, or is still being
// written is logged, and the old one stays. Nothing runs in the background.
//
// # Memory
//
// The file is read into memory, and twice its size is held while one follows
// another. It is not mapped: if a mapped file is cut short in place, as by a
// plain copy over it, touching the missing part is a fault (SIGBUS) that ends
// the process and that no recover catches.
package maxmind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/aegisrunner/account-settings/security"
)

const (
	// checkEvery is how often the name is looked at for another file.
	checkEvery = 30 * time.Second
	// defaultMaxBytes has room for the largest databases of cities.
	defaultMaxBytes = 512 << 20
)

// ErrClosed is returned by [DB.Locate] after [DB.Close].
var ErrClosed = errors.New("maxmind: database is closed")

var _ security.Geolocator = (*DB)(nil)

// Config configures [New]. Only Path is required.
type Config struct {
	Path string // of the file

	// Language of the names, as a BCP 47 tag: "de", "pt-BR". A name that the
	// file does not have in it is given in English. Default "en".
	Language string

	// MaxBytes is the largest file that is read. Default 512 MiB.
	MaxBytes int64

	Now func() time.Time // nil: time.Now
	Log *slog.Logger     // nil: discard
}

// DB locates addresses by a file. It is safe for concurrent use.
type DB struct {
	cfg   Config
	names names

	reader atomic.Pointer[maxminddb.Reader] // nil once closed
	check  atomic.Int64                     // when to look at the file, in Unix nanoseconds

	mu      sync.Mutex // held while the file is looked at
	stamp   stamp      // of the file that was read last, whether it was any good
	problem string     // what was logged last, so that it is logged once
}

// Open is [New] with the defaults.
func Open(path string) (*DB, error) { return New(Config{Path: path}) }

// New reads the file. It returns an error that names every missing or wrong
// field, or says what is wrong with the file.
func New(cfg Config) (*DB, error) {
	cfg.Language = cmp.Or(cfg.Language, "en")
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultMaxBytes)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n, err := newNames(cfg.Language)
	errs := []error{err}
	if cfg.Path == "" {
		errs = append(errs, errors.New("maxmind: Config.Path is required"))
	}
	if cfg.MaxBytes < 0 {
		errs = append(errs, errors.New("maxmind: Config.MaxBytes is negative"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, names: n}
	reader, at, err := db.read()
	if err != nil {
		return nil, fmt.Errorf("maxmind: %w", err)
	}
	db.stamp = at
	db.reader.Store(reader)
	db.check.Store(cfg.Now().Add(checkEvery).UnixNano())
	return db, nil
}

// Locate implements [security.Geolocator]. Private, loopback, link-local,
// multicast and unspecified addresses have no place; an IPv4 address within IPv6
// is looked up as the IPv4 address that it is. An error says that the record of
// the address is damaged, or is [ErrClosed].
func (db *DB) Locate(ctx context.Context, ip netip.Addr) (security.Place, error) {
	db.refresh(ctx)
	reader := db.reader.Load()
	if reader == nil {
		return security.Place{}, ErrClosed
	}
	ip = ip.Unmap().WithZone("")
	if !placed(ip) || ip.Is6() && reader.Metadata.IPVersion == 4 {
		return security.Place{}, nil
	}
	place, err := db.names.place(reader.Lookup(ip))
	if err != nil {
		return security.Place{}, fmt.Errorf("maxmind: %w", err)
	}
	return place, nil
}

// placed reports whether an address can belong to a place at all.
func placed(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsLoopback() && !ip.IsPrivate() &&
		!ip.IsLinkLocalUnicast() && !ip.IsMulticast()
}

// Close lets go of the file's memory once the calls under way have ended. It
// always returns nil.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	// Reader.Close must not meet a look-up; a reader of bytes holds nothing else
	// than these, which the garbage collector takes when the last one is done.
	db.reader.Store(nil)
	return nil
}
