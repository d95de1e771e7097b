package maxmind_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/security/maxmind"
)

// The addresses are those for documentation, of RFC 5737 and RFC 3849.
const (
	net1, addr1   = "192.0.2.0/24", "192.0.2.7"
	net2, addr2   = "198.51.100.0/24", "198.51.100.7"
	net3, addr3   = "203.0.113.0/24", "203.0.113.7"
	net6, addr6   = "2001:db8:1::/48", "2001:db8:1::7"
	mapped1       = "::ffff:192.0.2.7"
	outside       = "8.8.8.8"
	outside6      = "2001:db8:2::7"
	germanCountry = "Indien"
)

var (
	pune      = security.Place{City: "Pune", Region: "Maharashtra", Country: "India", CountryCode: "IN"}
	indiaOnly = security.Place{Country: "India", CountryCode: "IN"}
	nowhere   security.Place
)

func text(s string) mmdbtype.String { return mmdbtype.String(s) }

func named(pairs ...string) mmdbtype.Map {
	m := mmdbtype.Map{}
	for i := 0; i < len(pairs); i += 2 {
		m[text(pairs[i])] = text(pairs[i+1])
	}
	return mmdbtype.Map{"names": m}
}

// nested is a record as GeoIP2 has it.
func nested() mmdbtype.Map {
	country := named("en", "India", "de", germanCountry, "pt-BR", "Índia")
	country["iso_code"] = text("IN")
	return mmdbtype.Map{
		"city":               named("en", "Pune"),
		"subdivisions":       mmdbtype.Slice{named("en", "Maharashtra"), named("en", "Pune Division")},
		"country":            country,
		"registered_country": mmdbtype.Map{"iso_code": text("GB"), "names": mmdbtype.Map{"en": text("United Kingdom")}},
	}
}

// flat is a record as free databases of cities have it.
func flat() mmdbtype.Map {
	return mmdbtype.Map{
		"city": text("Pune"), "state1": text("Maharashtra"), "state2": text("Pune District"),
		"country_code": text("in"), "latitude": mmdbtype.Float32(18.5),
	}
}

func database(t testing.TB, version int, records map[string]mmdbtype.DataType) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test", IPVersion: version, RecordSize: 24, IncludeReservedNetworks: true,
	})
	require.NoError(t, err)
	for network, record := range records {
		_, ipnet, err := net.ParseCIDR(network)
		require.NoError(t, err)
		require.NoError(t, tree.Insert(ipnet, record))
	}
	var b bytes.Buffer
	_, err = tree.WriteTo(&b)
	require.NoError(t, err)
	return b.Bytes()
}

func file(t testing.TB, data []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "places.mmdb")
	require.NoError(t, os.WriteFile(name, data, 0o600))
	return name
}

func open(t testing.TB, data []byte) *maxmind.DB {
	t.Helper()
	db, err := maxmind.Open(file(t, data))
	require.NoError(t, err)
	return db
}

func locate(t testing.TB, db *maxmind.DB, ip string) security.Place {
	t.Helper()
	place, err := db.Locate(context.Background(), netip.MustParseAddr(ip))
	require.NoError(t, err, ip)
	return place
}

func TestBothShapesOfRecords(t *testing.T) {
	for name, record := range map[string]mmdbtype.Map{"nested": nested(), "flat": flat()} {
		t.Run(name, func(t *testing.T) {
			db := open(t, database(t, 6, map[string]mmdbtype.DataType{net1: record, net6: record}))
			require.Equal(t, pune, locate(t, db, addr1))
			require.Equal(t, pune, locate(t, db, mapped1), "an IPv4 address within IPv6")
			require.Equal(t, pune, locate(t, db, addr6))
			require.Equal(t, nowhere, locate(t, db, outside))
			require.Equal(t, nowhere, locate(t, db, outside6))
			require.Equal(t, "Pune, India", locate(t, db, addr1).String())
		})
	}
}

func TestCountriesAlone(t *testing.T) {
	for name, record := range map[string]mmdbtype.Map{
		"GeoIP2":                  {"country": nested()["country"]},
		"code":                    {"country_code": text("IN")},
		"code called country":     {"country": text("IN")},
		"code and name":           {"country": text("India"), "country_code": text("IN")},
		"code called country too": {"country": text("IN"), "country_name": text("India")},
		"GeoIP2 without names":    {"country": mmdbtype.Map{"iso_code": text("IN")}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, indiaOnly, locate(t, open(t, database(t, 4, map[string]mmdbtype.DataType{net1: record})), addr1))
		})
	}
}

func TestNothingIsGuessed(t *testing.T) {
	db := open(t, database(t, 6, map[string]mmdbtype.DataType{
		net1: mmdbtype.Map{"registered_country": nested()["country"]}, // where the owner of the network is
		net2: mmdbtype.Map{"country_code": text("ZZ"), "city": text("\x1b[31mRed"), "state1": text(strings.Repeat("x", 300))},
		net3: mmdbtype.Map{"city": mmdbtype.Uint32(7), "country": mmdbtype.Slice{text("IN")}, "subdivisions": mmdbtype.Slice{}, "country_code": text("IN")},
		net6: mmdbtype.Map{"city": text(" Pune "), "state1": text("a\u202eb"), "country_code": text("EU")},
	}))
	require.Equal(t, nowhere, locate(t, db, addr1))
	require.Equal(t, nowhere, locate(t, db, addr2))
	require.Equal(t, indiaOnly, locate(t, db, addr3), "values of other kinds are left out")
	require.Equal(t, security.Place{City: "Pune", CountryCode: "EU"}, locate(t, db, addr6), "the European Union is no country")
}

func TestAddressesWithoutAPlace(t *testing.T) {
	records := map[string]mmdbtype.DataType{}
	for _, network := range []string{"0.0.0.0/1", "128.0.0.0/1", "::1/128", "fe00::/7"} {
		records[network] = flat()
	}
	db := open(t, database(t, 6, records))
	require.Equal(t, pune, locate(t, db, outside))
	for _, ip := range []string{
		"10.1.2.3", "172.16.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "0.0.0.0", "224.0.0.1",
		"::", "::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.1.2.3", "::ffff:127.0.0.1",
	} {
		require.Equal(t, nowhere, locate(t, db, ip), ip)
	}
	place, err := db.Locate(context.Background(), netip.Addr{})
	require.NoError(t, err)
	require.Equal(t, nowhere, place)
}

func TestIPv6IsUnknownToAFileOfIPv4(t *testing.T) {
	db := open(t, database(t, 4, map[string]mmdbtype.DataType{net1: flat()}))
	require.Equal(t, nowhere, locate(t, db, addr6))
	require.Equal(t, pune, locate(t, db, mapped1))
}

func TestLanguages(t *testing.T) {
	name := file(t, database(t, 6, map[string]mmdbtype.DataType{net1: nested(), net2: flat()}))
	for lang, want := range map[string][2]string{
		"":      {"Pune, India", "Pune, India"},
		"de":    {"Pune, Indien", "Pune, Indien"},
		"de-AT": {"Pune, Indien", "Pune, Indien"},
		"pt-BR": {"Pune, Índia", "Pune, Índia"},
		"fr":    {"Pune, India", "Pune, Inde"}, // the file has no French
	} {
		db, err := maxmind.New(maxmind.Config{Path: name, Language: lang})
		require.NoError(t, err)
		require.Equal(t, want[0], locate(t, db, addr1).String(), lang)
		require.Equal(t, want[1], locate(t, db, addr2).String(), lang)
	}
}

func TestConfigNamesWhatIsWrong(t *testing.T) {
	_, err := maxmind.New(maxmind.Config{Language: "no language", MaxBytes: -1})
	require.ErrorContains(t, err, "Config.Path")
	require.ErrorContains(t, err, "Config.Language")
	require.ErrorContains(t, err, "Config.MaxBytes")
}

func TestFilesThatAreRefused(t *testing.T) {
	good := database(t, 6, map[string]mmdbtype.DataType{net1: nested()})
	_, err := maxmind.Open(filepath.Join(t.TempDir(), "none.mmdb"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = maxmind.Open(t.TempDir())
	require.ErrorContains(t, err, "not a regular file")
	_, err = maxmind.New(maxmind.Config{Path: file(t, good), MaxBytes: int64(len(good)) - 1})
	require.ErrorContains(t, err, "larger than")
	_, err = maxmind.New(maxmind.Config{Path: file(t, good), MaxBytes: int64(len(good))})
	require.NoError(t, err)
	_, err = maxmind.Open(file(t, database(t, 6, map[string]mmdbtype.DataType{
		net1: mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(64496)},
	})))
	require.ErrorContains(t, err, "no cities or countries")
	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("<html>404</html>"), "cut short": good[:len(good)/2], "without its head": good[len(good)/2:],
	} {
		_, err = maxmind.Open(file(t, data))
		require.Error(t, err, name)
	}
}

func TestClose(t *testing.T) {
	db := open(t, database(t, 6, map[string]mmdbtype.DataType{net1: nested()}))
	require.NoError(t, db.Close())
	require.NoError(t, db.Close())
	_, err := db.Locate(context.Background(), netip.MustParseAddr(addr1))
	require.ErrorIs(t, err, maxmind.ErrClosed)
}

// A clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type replaced struct {
	*testing.T
	db   *maxmind.DB
	path string
	*clock
	log *bytes.Buffer
}

// replaceable is a database whose file says Pune, with what a test needs to put
// another one there.
func replaceable(t *testing.T) replaced {
	r := replaced{T: t, clock: &clock{now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)}, log: new(bytes.Buffer)}
	r.path = file(t, database(t, 6, map[string]mmdbtype.DataType{net1: nested()}))
	var err error
	r.db, err = maxmind.New(maxmind.Config{Path: r.path, Now: r.Now, Log: slog.New(slog.NewTextHandler(r.log, nil))})
	require.NoError(t, err)
	return r
}

func other(t testing.TB) []byte {
	return database(t, 6, map[string]mmdbtype.DataType{net1: mmdbtype.Map{"city": text("Paris"), "country_code": text("FR")}})
}

// put puts a file under the name, in one step as a rename does.
func (r replaced) put(data []byte) {
	next := r.path + ".next"
	require.NoError(r, os.WriteFile(next, data, 0o600))
	require.NoError(r, os.Rename(next, r.path))
}

func (r replaced) shows(want string) {
	r.Helper()
	require.Equal(r, want, locate(r, r.db, addr1).String())
}

func TestAnotherFileIsTakenUpWithin30Seconds(t *testing.T) {
	r := replaceable(t)
	r.put(other(t))
	r.add(29 * time.Second)
	r.shows("Pune, India")
	r.add(time.Second)
	r.shows("Paris, France")
	require.Contains(t, r.log.String(), "took up")

	// With the same size and time, as tools make files that keep the times.
	info, err := os.Stat(r.path)
	require.NoError(t, err)
	lyon := bytes.Replace(other(t), []byte("Paris"), []byte("Reims"), 1)
	require.NoError(t, os.WriteFile(r.path+".next", lyon, 0o600))
	require.NoError(t, os.Chtimes(r.path+".next", info.ModTime(), info.ModTime()))
	require.NoError(t, os.Rename(r.path+".next", r.path))
	r.add(30 * time.Second)
	r.shows("Reims, France")
}

func TestAClockThatIsSetBackDoesNotPutOffTheLook(t *testing.T) {
	r := replaceable(t)
	r.put(other(t))
	r.add(-24 * time.Hour)
	r.shows("Paris, France")
}

func TestABadFileKeepsTheOldOne(t *testing.T) {
	good := other(t)
	for name, data := range map[string][]byte{
		"empty": {}, "text": []byte("404 page not found"), "cut short": good[:len(good)-40],
		"other data": database(t, 6, map[string]mmdbtype.DataType{net1: mmdbtype.Map{"asn": mmdbtype.Uint32(1)}}),
	} {
		t.Run(name, func(t *testing.T) {
			r := replaceable(t)
			r.put(data)
			for range 3 {
				r.add(time.Minute)
				r.shows("Pune, India")
			}
			require.Equal(t, 1, strings.Count(r.log.String(), "level=WARN"), "once:\n%s", r.log)
			require.Contains(t, r.log.String(), r.path)
			r.put(good)
			r.add(time.Minute)
			r.shows("Paris, France")
		})
	}
}

func TestAFileThatIsGoneKeepsTheOldOne(t *testing.T) {
	r := replaceable(t)
	require.NoError(t, os.Remove(r.path))
	for range 3 {
		r.add(time.Minute)
		r.shows("Pune, India")
	}
	require.Equal(t, 1, strings.Count(r.log.String(), "level=WARN"))
	r.put(other(t))
	r.add(time.Minute)
	r.shows("Paris, France")
}

// What a mapped file could not survive: the file is cut short in place.
func TestAFileThatIsCutShortInPlace(t *testing.T) {
	r := replaceable(t)
	require.NoError(t, os.Truncate(r.path, 0))
	r.shows("Pune, India")
	r.add(time.Minute)
	r.shows("Pune, India")
	require.NoError(t, os.WriteFile(r.path, other(t), 0o600))
	r.add(time.Minute)
	r.shows("Paris, France")
}

func TestReloadUnderLookups(t *testing.T) {
	r := replaceable(t)
	first, second := database(t, 6, map[string]mmdbtype.DataType{net1: nested()}), other(t)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				place, err := r.db.Locate(context.Background(), netip.MustParseAddr(addr1))
				if err != nil || place.String() != "Pune, India" && place.String() != "Paris, France" {
					t.Errorf("%v, %v", place, err)
					return
				}
				runtime.Gosched()
			}
		})
	}
	for i := range 50 {
		r.put([][]byte{second, {}, first}[i%3])
		r.add(31 * time.Second)
		locate(t, r.db, addr1)
	}
	r.put(second)
	require.Eventually(t, func() bool {
		r.add(31 * time.Second)
		return locate(t, r.db, addr1).String() == "Paris, France"
	}, 10*time.Second, time.Millisecond)
	close(done)
	wg.Wait()
	require.NoError(t, r.db.Close())
}
