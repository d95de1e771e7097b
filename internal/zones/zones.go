// Package zones knows the time zones of the IANA database. It links the copy of
// the database that comes with Go (about 450 KB), so that a zone is known on
// every machine.
package zones

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // see the package comment
)

// names.txt is UTC and the zones that zone.tab of the IANA database (public
// domain, 2025b) has for the countries of the world, one a line: the names that
// people choose from. Aliases are not in it.
//
//go:embed names.txt
var namesFile string

var names = sync.OnceValue(func() []string { return strings.Fields(namesFile) })

const (
	maxName  = 64
	maxCache = 1024 // more than there are names; a bound nevertheless
)

var cache struct {
	sync.RWMutex
	zones map[string]*time.Location
}

// Names returns the zones for a select: UTC, and then the others in the order of
// the alphabet, each once. The slice is the caller's.
func Names() []string { return slices.Clone(names()) }

// Valid reports whether name is a time zone: any name of the IANA database, with
// old ones such as Asia/Calcutta and Europe/Kiev. "Local" is none, since it means
// another zone on each machine.
func Valid(name string) bool { return load(name) != nil }

// Location returns the zone, or UTC for a name that is not [Valid].
func Location(name string) *time.Location {
	if l := load(name); l != nil {
		return l
	}
	return time.UTC
}

// load returns nil for what is no zone.
func load(name string) *time.Location {
	if !wellFormed(name) {
		return nil
	}
	cache.RLock()
	l := cache.zones[name]
	cache.RUnlock()
	if l != nil {
		return l
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	cache.Lock()
	defer cache.Unlock()
	if cache.zones == nil {
		cache.zones = make(map[string]*time.Location)
	}
	if len(cache.zones) < maxCache {
		cache.zones[name] = l
	}
	return l
}

// wellFormed keeps away from the file system what is not the name of a zone:
// paths, and the other files that lie beside the zones ("localtime", "posix/…",
// "right/…", "zone.tab").
func wellFormed(name string) bool {
	if len(name) > maxName || name == "Local" || name == "Factory" {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] < 'A' || part[0] > 'Z' {
			return false
		}
		for i := range len(part) {
			c := part[i]
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '+') {
				return false
			}
		}
	}
	return true
}
