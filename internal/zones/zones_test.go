package zones

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	names := Names()
	require.Greater(t, len(names), 400)
	require.Equal(t, "UTC", names[0])
	require.True(t, slices.IsSorted(names[1:]))
	for i, name := range names {
		require.True(t, Valid(name), name)
		require.Equal(t, name, Location(name).String())
		require.True(t, i == 0 || strings.Contains(name, "/"), name)
	}
	require.Len(t, slices.Compact(names), len(Names()))
	require.Contains(t, names, "Europe/Kyiv")
	require.Contains(t, names, "Asia/Kolkata")
	require.Contains(t, names, "America/Argentina/Buenos_Aires")
	require.NotContains(t, names, "Europe/Kiev")
	require.NotContains(t, names, "Asia/Calcutta")

	names[0] = "changed"
	require.Equal(t, "UTC", Names()[0])
}

func TestValid(t *testing.T) {
	for _, name := range []string{
		"UTC", "Etc/UTC", "GMT", "Etc/GMT+5", "Etc/GMT-14", "Asia/Calcutta", "Europe/Kiev", "US/Pacific", "EST5EDT",
		"America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Japan", "W-SU",
	} {
		require.True(t, Valid(name), name)
	}
	for _, name := range []string{
		"", "Local", "local", "localtime", "Factory", "Mars/Olympus", "Europe", "Europe/", "/Europe/Berlin", "Europe//Berlin",
		"../../etc/localtime", "Europe/../Europe/Berlin", "..", ".", "Europe/./Berlin", "/etc/localtime", `Europe\Berlin`,
		"europe/berlin", "posix/Europe/Berlin", "right/Europe/Berlin", "posixrules", "zone.tab", "tzdata.zi", "leapseconds",
		"Europe/Berlin\x00", "Europe/Berlin ", " UTC", "Europe/Bérlin", "+01:00", "UTC+1", "A" + strings.Repeat("a", 1<<16),
	} {
		require.False(t, Valid(name), "%.40q", name)
		require.Equal(t, time.UTC, Location(name), "%.40q", name)
	}
}

func TestCacheIsBounded(t *testing.T) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 300 {
				Valid("Area/City" + strconv.Itoa(worker*1000+i))
				Location(Names()[i])
			}
		})
	}
	wg.Wait()
	cache.RLock()
	defer cache.RUnlock()
	require.LessOrEqual(t, len(cache.zones), maxCache)
	for name := range cache.zones {
		require.NotContains(t, name, "Area/City")
	}
}

func FuzzValid(f *testing.F) {
	f.Add("Europe/Berlin")
	f.Add("../../../etc/passwd")
	f.Add("Local")
	f.Fuzz(func(t *testing.T, name string) {
		if !Valid(name) {
			require.Equal(t, time.UTC, Location(name))
			return
		}
		require.Equal(t, name, Location(name).String())
		require.LessOrEqual(t, len(name), maxName)
		require.NotContains(t, name, "..")
		require.False(t, strings.HasPrefix(name, "/"))
	})
}
