package catalog

import (
	"strconv"
	"time"
)

// Times are told in the zone that they are asked for: the person's own. A nil
// zone is UTC. The clock has 24 hours in every language.

// Date says a day in full: "23 December 2026", "23. Dezember 2026".
func (p *Printer) Date(t time.Time, loc *time.Location) string {
	t = in(t, loc)
	return p.T("date.long",
		"Day", t.Day(),
		"Month", p.T("month."+strconv.Itoa(int(t.Month()))),
		"Year", strconv.Itoa(t.Year()))
}

// Time says the time of day: "09:41".
func (p *Printer) Time(t time.Time, loc *time.Location) string {
	return in(t, loc).Format("15:04")
}

// DateTime says both: "23 December 2026, 09:41".
func (p *Printer) DateTime(t time.Time, loc *time.Location) string {
	return p.T("date.time", "Date", p.Date(t, loc), "Time", p.Time(t, loc))
}

// Relative says how long ago t was at now: "just now", "2 hours ago",
// "yesterday", "6 days ago", and from a week on the date. Days are calendar
// days in the person's zone. For a t to come it says "in 2 hours" likewise.
func (p *Printer) Relative(t, now time.Time, loc *time.Location) string {
	gap := now.Sub(t)
	key := "past"
	if gap < 0 {
		gap, key = -gap, "future"
	}
	switch days := calendarDays(in(t, loc), in(now, loc)); {
	case gap < time.Minute:
		return p.T("relative.now")
	case gap < time.Hour:
		return p.N("relative."+key+".minutes", int(gap/time.Minute))
	case gap < 24*time.Hour:
		return p.N("relative."+key+".hours", int(gap/time.Hour))
	case days <= 1:
		return p.T("relative." + key + ".day")
	case days < 7:
		return p.N("relative."+key+".days", days)
	}
	return p.Date(t, loc)
}

// Duration says how long something lasts, in its largest whole unit:
// "1 hour", "7 days", "90 minutes".
func (p *Printer) Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day && d%day == 0:
		return p.N("duration.days", int(d/day))
	case d >= time.Hour && d%time.Hour == 0:
		return p.N("duration.hours", int(d/time.Hour))
	case d < time.Minute:
		return p.N("duration.minutes", 1)
	}
	return p.N("duration.minutes", int(d/time.Minute))
}

// calendarDays counts the midnights between two times of one zone. It counts in
// UTC, where each day has 24 hours.
func calendarDays(a, b time.Time) int {
	noon := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC) }
	d := int(noon(b).Sub(noon(a)) / (24 * time.Hour))
	return max(d, -d)
}

func in(t time.Time, loc *time.Location) time.Time {
	if loc == nil {
		loc = time.UTC
	}
	return t.In(loc)
}
