package pages

import "net/url"

// values returns what the address of a part of the list holds.
func (l TeamList) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"q": l.Query, "cursor": l.Members, "invited": l.Invited} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Here returns the part of the list as a form sends it along.
func (l TeamList) Here() string { return l.values().Encode() }

// listOf reads the part of the list that an address, or a form, names.
func listOf(q url.Values) TeamList {
	return TeamList{Query: q.Get("q"), Members: q.Get("cursor"), Invited: q.Get("invited")}
}

// TeamURL returns the address of a part of the list; pairs are what it asks.
func (f *frame) TeamURL(slug string, l TeamList, pairs ...string) string {
	q := l.values()
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	to := f.OrgURL(url.PathEscape(slug), "team")
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to + "#team"
}

// Roles makes the field a select of roles.
func (f field) Roles(roles []string, selected string) field {
	var all []option
	for _, r := range roles {
		all = append(all, option{Value: r, Label: f.F.Role(r), Selected: r == selected})
	}
	return f.Choices(all...)
}

// InviteWord says what came of one address.
func (f *frame) InviteWord(r InviteResult) string {
	switch key := "invited." + r.Code; {
	case r.Code == "":
		return f.T("invited.ok")
	case f.Has(key):
		return f.T(key)
	}
	return f.T("invited.other")
}
