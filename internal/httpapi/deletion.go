package httpapi

import (
	"time"

	"github.com/aegisrunner/account-settings/internal/flows"
)

type deletion struct {
	Blockers []blocker `json:"blockers" doc:"What has to be done first"`
	Effects  []string  `json:"effects" doc:"signed_out, leaves_organizations, restorable, removed_for_good"`
	PurgeAt  time.Time `json:"purge_at" doc:"Until when it could be restored, if it were deleted now"`
}

type blocker struct {
	Code string     `json:"code" enum:"sole_owner"`
	Org  blockerOrg `json:"org" doc:"To hand over, or to delete"`
}

type blockerOrg struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

func (a *API) deletion(c *call) (*deletion, error) {
	d, err := a.c.Flows.Deletion(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	out := &deletion{Blockers: []blocker{}, Effects: flows.Effects(), PurgeAt: d.PurgeAt}
	for _, b := range d.Blockers {
		out.Blockers = append(out.Blockers, blocker{b.Code, blockerOrg{b.Org.ID.String(), b.Org.Slug, b.Org.Name}})
	}
	return out, nil
}

type confirmAddress struct {
	Confirm string `json:"confirm" doc:"The address of the account"`
}

func (a *API) deleteAccount(c *call, in confirmAddress) (*purge, error) {
	at, err := a.c.Flows.DeleteAccount(c.ctx(), c.actor(), in.Confirm)
	if err != nil {
		return nil, err
	}
	a.forget(c)
	return &purge{at}, nil
}

func (a *API) restoreAccount(c *call) (*nothing, error) {
	return nil, a.c.Flows.RestoreAccount(c.ctx(), c.actor(), c.actor().User)
}
