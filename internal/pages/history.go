package pages

import (
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
	"github.com/aegisrunner/account-settings/internal/device"
)

// history reads a page of what has happened to the account.
func (s *Site) history(v *visit) (HistoryCard, error) {
	before := entryOf(v.r.URL.Query().Get("events"))
	entries, err := s.c.Flows.History(v.r.Context(), v.actor(), before, perPage+1)
	if err != nil {
		return HistoryCard{}, err
	}
	card := HistoryCard{Later: !before.IsZero()}
	if len(entries) > perPage {
		entries = entries[:perPage]
		card.NextCursor = cursor.Encode(entries[perPage-1].ID.String())
	}
	for _, e := range entries {
		row := eventRow(e)
		row.Place = s.c.Flows.Security.Place(v.r.Context(), e.IP).String()
		card.Items = append(card.Items, row)
	}
	return card, nil
}

// entryOf returns the entry that a cursor names; one of no use begins at the
// start.
func entryOf(text string) id.Entry {
	parts, ok := cursor.Decode(text, 1)
	if !ok || len(parts) != 1 {
		return id.Entry{}
	}
	before, err := id.ParseEntry(parts[0])
	if err != nil {
		return id.Entry{}
	}
	return before
}

func eventRow(e audit.Entry) Event {
	d := device.Parse(e.UserAgent)
	row := Event{
		At: e.At, Action: string(e.Action), Refused: e.Outcome == audit.Refused, Reason: e.Reason,
		Browser: d.Browser, OS: d.OS, Values: map[string]string{},
	}
	if e.IP.IsValid() {
		row.IP = e.IP.String()
	}
	switch e.Target.Kind {
	case "passkey", "session", "org", "invitation", "domain":
		row.Values["name"] = e.Target.Name
	case "user":
		if !e.Org.IsZero() { // of the account it is the person who reads
			row.Values["name"] = e.Target.Name
		}
	}
	for _, c := range e.Changes {
		switch c.Field {
		case "email":
			row.Values["name"] = c.After
		case "left", "role":
			row.Values[c.Field] = c.After
		}
	}
	return row
}
