package maxmind

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
)

// sample is how many records of a new file are tried before it is taken up:
// enough to see that it is not what it says, little enough to do in a request.
// The branches of a damaged tree can meet again and lead to as many networks as
// there are addresses, so that networks without a record are counted as well.
const (
	sample      = 1000
	sampleSteps = 100_000
)

// A stamp tells one file under a name from the next.
type stamp struct{ info fs.FileInfo }

func (s stamp) same(other stamp) bool {
	return s.info != nil && other.info != nil && os.SameFile(s.info, other.info) &&
		s.info.Size() == other.info.Size() && s.info.ModTime().Equal(other.info.ModTime())
}

// errWritten is returned for a file that changed while it was read.
var errWritten = errors.New("the file is being written")

// refresh takes up another file under the name, when it is time to look. One
// caller does the work; the others go on with what there is.
func (db *DB) refresh(ctx context.Context) {
	now := db.cfg.Now()
	wait := db.check.Load() - now.UnixNano()
	// A clock that was set back must not put the next look off for as long.
	if wait > 0 && wait <= int64(checkEvery) || !db.mu.TryLock() {
		return
	}
	defer db.mu.Unlock()
	db.check.Store(now.Add(checkEvery).UnixNano())
	if db.reader.Load() == nil {
		return
	}
	info, err := os.Stat(db.cfg.Path)
	if err != nil {
		db.report(ctx, err)
		return
	}
	if db.stamp.same(stamp{info}) {
		return
	}
	reader, at, err := db.read()
	if err != nil {
		// What is damaged is not read again until it is another file. What could
		// not be read may be readable the next time.
		db.stamp = at
		db.report(ctx, err)
		return
	}
	db.stamp, db.problem = at, ""
	db.reader.Store(reader)
	db.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "places: took up a new database",
		slog.String("path", db.cfg.Path), slog.Time("built", reader.Metadata.BuildTime().UTC()))
}

// report logs that the old file stays, once for each reason.
func (db *DB) report(ctx context.Context, err error) {
	if err.Error() == db.problem {
		return
	}
	db.problem = err.Error()
	db.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "places: the new database cannot be used, the old one stays",
		slog.String("path", db.cfg.Path), slog.Any("error", err))
}

// read reads the file and tries it. The stamp is zero unless the whole of one
// file was read.
func (db *DB) read() (*maxminddb.Reader, stamp, error) {
	data, at, err := load(db.cfg.Path, db.cfg.MaxBytes)
	if err != nil {
		return nil, stamp{}, err
	}
	reader, err := maxminddb.OpenBytes(data)
	if err == nil {
		err = db.try(reader)
	}
	if err != nil {
		return nil, at, fmt.Errorf("%s: %w", db.cfg.Path, err)
	}
	return reader, at, nil
}

// load returns the bytes of one file, not of two that followed each other.
func load(path string, maxBytes int64) ([]byte, stamp, error) {
	// Opening a pipe would wait for somebody who writes.
	before, err := os.Stat(path)
	if err != nil {
		return nil, stamp{}, err
	}
	if !before.Mode().IsRegular() {
		return nil, stamp{}, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path) //nolint:gosec // the host says which
	if err != nil {
		return nil, stamp{}, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	if before, err = f.Stat(); err != nil {
		return nil, stamp{}, err
	}
	if before.Size() > maxBytes {
		return nil, stamp{}, fmt.Errorf("%s is larger than %d bytes", path, maxBytes)
	}
	data := make([]byte, before.Size())
	if _, err := io.ReadFull(f, data); errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, stamp{}, errWritten
	} else if err != nil && !errors.Is(err, io.EOF) {
		return nil, stamp{}, err
	}
	after, err := f.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	if !(stamp{before}).same(stamp{after}) {
		return nil, stamp{}, errWritten
	}
	return data, stamp{after}, nil
}

// try reads the first records. Opening checks the description alone, which
// stands at the end; it can be whole where the rest is not.
func (db *DB) try(reader *maxminddb.Reader) error {
	steps, records, places := 0, 0, 0
	// The options make every step one that is seen here.
	for result := range reader.Networks(maxminddb.IncludeNetworksWithoutData(), maxminddb.IncludeAliasedNetworks()) {
		place, err := db.names.place(result)
		if err != nil {
			return err
		}
		if !place.IsZero() {
			places++
		}
		if result.Found() {
			records++
		}
		if steps++; steps == sampleSteps || records == sample {
			break
		}
	}
	if places == 0 {
		return fmt.Errorf("a database of type %q has no cities or countries", reader.Metadata.DatabaseType)
	}
	return nil
}
