package storetest

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// same reports every field of got that is not what was written. Times must be
// the same moment, in UTC. Fields named in ignore may differ.
func (w *world) same(what string, got, want any, ignore ...string) {
	w.Helper()
	for _, d := range differences(reflect.ValueOf(got), reflect.ValueOf(want), "", ignore) {
		w.Errorf("%s: %s", what, d)
	}
}

func differences(got, want reflect.Value, path string, ignore []string) []string {
	if path != "" && slices.Contains(ignore, path[1:]) {
		return nil
	}
	if got.Type() != want.Type() {
		return []string{fmt.Sprintf("is a %v, want a %v", got.Type(), want.Type())}
	}
	switch g := got.Interface().(type) {
	case time.Time:
		v := want.Interface().(time.Time)
		if !g.Equal(v) || g.Location() != time.UTC {
			return []string{fmt.Sprintf("%s = %v, want %v", path, g, v)}
		}
		return nil
	case netip.Addr:
		if v := want.Interface().(netip.Addr); g != v {
			return []string{fmt.Sprintf("%s = %v, want %v", path, g, v)}
		}
		return nil
	}
	if got.Kind() == reflect.Struct {
		var all []string
		for i := range got.NumField() {
			all = append(all, differences(got.Field(i), want.Field(i), path+"."+got.Type().Field(i).Name, ignore)...)
		}
		return all
	}
	// A list without elements is nil or empty: no caller can tell them apart.
	if got.Kind() == reflect.Slice && got.Len() == 0 && want.Len() == 0 {
		return nil
	}
	if !reflect.DeepEqual(got.Interface(), want.Interface()) {
		return []string{fmt.Sprintf("%s = %#v, want %#v", path, got.Interface(), want.Interface())}
	}
	return nil
}

// moments are times that a text form likes to shorten or to reorder.
func moments() []time.Time {
	second := base.Truncate(time.Second)
	return []time.Time{
		second, second.Add(tick), second.Add(100 * time.Millisecond), base, base.Add(tick),
		second.Add(999999 * tick), time.Date(1999, 12, 31, 23, 59, 59, 120000, time.UTC),
		time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// names are names that a careless store damages.
func names() []string {
	return []string{
		"Ada Lovelace",
		"Zoe\u0301 Nu\u0308n\u0303ez",                 // combining marks, kept as they are
		"\u0639\u0645\u0631 \u062e\u064a\u0627\u0645", // right to left
		"\u674e\u5c0f\u9f99",
		"\U0001F469\u200D\U0001F680 \U0001F1EE\U0001F1F3", // beyond the basic plane, joined
		`O'Brien \ "quoted" -- ; ? $1 %_ {}`,
	}
}
