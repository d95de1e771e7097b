package httpapi

import (
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/device"
	"github.com/aegisrunner/account-settings/security"
)

type session struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Browser    string    `json:"browser"`
	OS         string    `json:"os"`
	Device     string    `json:"device" doc:"desktop, phone, tablet or other"`
	IP         string    `json:"ip"`
	Place      *string   `json:"place" doc:"Approximate; null if no place is known"`
	Method     string    `json:"method"`
	SignedInAt time.Time `json:"signed_in_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

type sessionList struct {
	Items      []session `json:"items"`
	NextCursor string    `json:"next_cursor,omitempty"`
}

func (a *API) sessions(c *call) (*sessionList, error) {
	cursor, limit, err := c.page()
	if err != nil {
		return nil, err
	}
	items, next, err := a.c.Flows.Security.Sessions(c.ctx(), c.actor(), cursor, limit)
	if err != nil {
		return nil, err
	}
	out := &sessionList{Items: make([]session, 0, len(items)), NextCursor: next}
	for _, s := range items {
		out.Items = append(out.Items, sessionOf(s, c.actor().Session))
	}
	return out, nil
}

func sessionOf(s security.Session, present id.Session) session {
	d := device.Parse(s.UserAgent)
	out := session{
		ID: s.ID.String(), Current: s.ID == present, Browser: d.Browser, OS: d.System(), Device: string(d.Kind),
		Method: string(s.Method), SignedInAt: s.SignedInAt, LastUsedAt: s.LastUsedAt, ExpiresAt: s.ExpiresAt,
	}
	if s.IP.IsValid() {
		out.IP = s.IP.String()
	}
	out.Place = place(s.Place)
	return out
}

func (a *API) revokeSession(c *call) (*nothing, error) {
	s, err := id.ParseSession(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if err := a.c.Flows.Security.RevokeSession(c.ctx(), c.actor(), s); err != nil {
		return nil, err
	}
	if s == c.actor().Session {
		a.forget(c)
	}
	return nil, nil
}

func (a *API) revokeSessions(c *call) (*nothing, error) {
	scope := security.Scope(c.r.URL.Query().Get("scope"))
	if _, err := a.c.Flows.Security.RevokeSessions(c.ctx(), c.actor(), scope); err != nil {
		return nil, err
	}
	if scope == security.All {
		a.forget(c)
	}
	return nil, nil
}
