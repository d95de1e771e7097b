package catalog

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests know their zones wherever they run

	"github.com/stretchr/testify/require"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestDates(t *testing.T) {
	at := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	for _, tc := range []struct{ lang, zone, date, dateTime, clock string }{
		{"en", "UTC", "31 December 2026", "31 December 2026, 23:30", "23:30"},
		{"en", "Europe/Berlin", "1 January 2027", "1 January 2027, 00:30", "00:30"},
		{"en", "America/New_York", "31 December 2026", "31 December 2026, 18:30", "18:30"},
		{"de", "Europe/Berlin", "1. Januar 2027", "1. Januar 2027, 00:30 Uhr", "00:30"},
		{"de", "Asia/Kathmandu", "1. Januar 2027", "1. Januar 2027, 05:15 Uhr", "05:15"},
	} {
		t.Run(tc.lang+" "+tc.zone, func(t *testing.T) {
			p, loc := For(tc.lang), zone(t, tc.zone)
			require.Equal(t, tc.date, p.Date(at, loc))
			require.Equal(t, tc.dateTime, p.DateTime(at, loc))
			require.Equal(t, tc.clock, p.Time(at, loc))
		})
	}
	require.Equal(t, "31 December 2026, 23:30", For("en").DateTime(at, nil), "no zone is UTC")
	require.Equal(t, "8. März 2026", For("de").Date(time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC), nil))
}

func TestDaylightSaving(t *testing.T) {
	berlin, en := zone(t, "Europe/Berlin"), For("en")
	// The clocks went from 02:00 to 03:00 on 29 March 2026, and back on 25 October.
	before := time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)
	require.Equal(t, "29 March 2026, 01:59", en.DateTime(before, berlin))
	require.Equal(t, "29 March 2026, 03:00", en.DateTime(before.Add(time.Minute), berlin))

	// From midnight to midnight of the long day there are 25 hours and one day.
	long := time.Date(2026, 10, 25, 0, 0, 0, 0, berlin)
	next := time.Date(2026, 10, 26, 0, 0, 0, 0, berlin)
	require.Equal(t, 25*time.Hour, next.Sub(long))
	require.Equal(t, "yesterday", en.Relative(long, next, berlin))
	// Six days across the short day are six days, though an hour is missing.
	noon := time.Date(2026, 3, 26, 12, 0, 0, 0, berlin)
	require.Equal(t, "6 days ago", en.Relative(noon, time.Date(2026, 4, 1, 12, 0, 0, 0, berlin), berlin))
}

func TestRelative(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	now := time.Date(2026, 11, 23, 9, 41, 0, 0, berlin)
	for _, tc := range []struct {
		ago    time.Duration
		en, de string
	}{
		{0, "just now", "gerade eben"},
		{59 * time.Second, "just now", "gerade eben"},
		{time.Minute, "1 minute ago", "vor 1 Minute"},
		{59*time.Minute + 59*time.Second, "59 minutes ago", "vor 59 Minuten"},
		{time.Hour, "1 hour ago", "vor 1 Stunde"},
		{2*time.Hour + 50*time.Minute, "2 hours ago", "vor 2 Stunden"},
		{23*time.Hour + 59*time.Minute, "23 hours ago", "vor 23 Stunden"},
		{24 * time.Hour, "yesterday", "gestern"},
		{36 * time.Hour, "2 days ago", "vor 2 Tagen"}, // 21:41, two days before by the calendar
		{6 * 24 * time.Hour, "6 days ago", "vor 6 Tagen"},
		{7 * 24 * time.Hour, "16 November 2026", "16. November 2026"},
		{-30 * time.Second, "just now", "gerade eben"}, // another node's clock
		{-2 * time.Hour, "in 2 hours", "in 2 Stunden"},
		{-24 * time.Hour, "tomorrow", "morgen"},
		{-3 * 24 * time.Hour, "in 3 days", "in 3 Tagen"},
		{-30 * 24 * time.Hour, "23 December 2026", "23. Dezember 2026"},
	} {
		require.Equal(t, tc.en, For("en").Relative(now.Add(-tc.ago), now, berlin))
		require.Equal(t, tc.de, For("de").Relative(now.Add(-tc.ago), now, berlin))
	}
}

// TestRelativeDaysAreThePersons: the same two instants lie one calendar day
// apart in one zone, and two in another.
func TestRelativeDaysAreThePersons(t *testing.T) {
	then := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	now := then.Add(30 * time.Hour)
	require.Equal(t, "2 days ago", For("en").Relative(then, now, time.UTC))
	require.Equal(t, "yesterday", For("en").Relative(then, now, zone(t, "Asia/Tokyo")))
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour:          "1 hour",
		24 * time.Hour:     "1 day",
		7 * 24 * time.Hour: "7 days",
		90 * time.Minute:   "90 minutes",
		36 * time.Hour:     "36 hours",
		5 * time.Second:    "1 minute",
	} {
		require.Equal(t, want, For("en").Duration(d))
	}
	require.Equal(t, "1 Stunde", For("de").Duration(time.Hour))
}

func TestGreetingGoesByThePersonsClock(t *testing.T) {
	tokyo := zone(t, "Asia/Tokyo")
	for hour, want := range map[int]string{
		0: "Good evening", 4: "Good evening", 5: "Good morning", 11: "Good morning",
		12: "Good afternoon", 17: "Good afternoon", 18: "Good evening", 23: "Good evening",
	} {
		at := time.Date(2026, 6, 1, hour, 59, 0, 0, tokyo)
		require.Equal(t, want+", Ada", For("en").Greeting(at.UTC(), tokyo, "Ada Lovelace"))
	}
	require.Equal(t, "Guten Tag, Ada", For("de").Greeting(time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC), nil, "Ada"))
	require.Equal(t, "Good evening", For("en").Greeting(time.Date(2026, 6, 1, 3, 0, 0, 0, time.UTC), nil, " "))
}

func TestGivenName(t *testing.T) {
	for name, want := range map[string]string{
		"Ada":                       "Ada",
		"Ada Lovelace":              "Ada",
		"  Ada\u00a0Lovelace ":      "Ada",
		"Jean-Luc Picard":           "Jean-Luc",
		"Lovelace, Ada":             "Ada",
		"Ada Lovelace,":             "Ada",
		"Dr. Ada Lovelace":          "Ada",
		"Dr. J. Robert Oppenheimer": "Robert",
		"J. R.":                     "J. R.",
		"山田 太郎":                     "山田 太郎",
		"王小明":                       "王小明",
		"김민준":                       "김민준",
		"Ольга Иванова":             "Ольга",
		"محمد علي":                  "محمد",
		"":                          "",
	} {
		require.Equal(t, want, GivenName(name), name)
	}
}
