package httpapi

import (
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
	"github.com/aegisrunner/account-settings/internal/qrcode"
	"github.com/aegisrunner/account-settings/security"
)

type factors struct {
	TOTP        totpState       `json:"totp"`
	BackupCodes backupCodeState `json:"backup_codes"`
	Passkeys    int             `json:"passkeys" doc:"How many"`
	RequiredBy  []string        `json:"required_by" doc:"Who asks for two factors: host, and the slugs of organizations"`
}

type totpState struct {
	Enabled    bool       `json:"enabled"`
	EnabledAt  *time.Time `json:"enabled_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

type backupCodeState struct {
	Remaining int `json:"remaining"`
}

func (a *API) factors(c *call) (*factors, error) {
	f, err := a.c.Flows.Security.Factors(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	out := &factors{BackupCodes: backupCodeState{f.BackupCodes}, Passkeys: f.Passkeys, RequiredBy: []string{}}
	if f.TOTP != nil {
		out.TOTP = totpState{true, instant(f.TOTP.ConfirmedAt), instant(f.TOTP.LastUsedAt)}
	}
	if f.Required {
		out.RequiredBy = append(out.RequiredBy, "host")
	}
	all, err := a.c.Flows.Orgs.List(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if v.RequireSecondFactor && v.DeletedAt.IsZero() {
			out.RequiredBy = append(out.RequiredBy, v.Slug)
		}
	}
	return out, nil
}

// instant is nil for never.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

type enrollment struct {
	Secret string `json:"secret" doc:"In base 32, for typing; shown once"`
	URI    string `json:"uri" doc:"otpauth://totp/…"`
	QRSVG  string `json:"qr_svg" doc:"The URI as a QR code"`
}

func (a *API) enrollTOTP(c *call) (*enrollment, error) {
	e, err := a.c.Flows.Security.EnrollTOTP(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	svg, err := qrcode.SVG(e.URI.Reveal(), "QR code for an authenticator app")
	if err != nil {
		return nil, err
	}
	return &enrollment{e.Secret.Reveal(), e.URI.Reveal(), string(svg)}, nil
}

type codeOnly struct {
	Code string `json:"code"`
}

type backupCodes struct {
	BackupCodes []string `json:"backup_codes" doc:"8, each good once; shown once"`
}

func (a *API) confirmTOTP(c *call, in codeOnly) (*backupCodes, error) {
	out, err := a.c.Flows.Security.ConfirmTOTP(c.ctx(), c.actor(), in.Code, c.bearer())
	if err := a.renew(c, out.Token, err); err != nil {
		return nil, err
	}
	return &backupCodes{out.BackupCodes}, nil
}

type disableTOTP struct {
	Password string `json:"password,omitempty"`
	Code     string `json:"code,omitempty" doc:"From the app, or a backup code"`
}

func (a *API) disableTOTP(c *call, in disableTOTP) (*nothing, error) {
	fresh, err := a.c.Flows.Security.DisableTOTP(c.ctx(), c.actor(), security.DisableTOTP{
		Password: in.Password, Code: in.Code, KeepToken: c.bearer(),
	})
	return nil, a.renew(c, fresh, err)
}

func (a *API) renewBackupCodes(c *call) (*backupCodes, error) {
	codes, err := a.c.Flows.Security.RenewBackupCodes(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	return &backupCodes{codes}, nil
}

type secondFactor struct {
	Method    string `json:"method" enum:"totp,backup_code"`
	Code      string `json:"code"`
	Challenge string `json:"challenge,omitempty" doc:"Of a client without cookies"`
	Transport string `json:"transport,omitempty" enum:"cookie,token"`
}

func (a *API) secondFactor(c *call, in secondFactor) (*signedIn, error) {
	if err := checkTransport(in.Transport); err != nil {
		return nil, err
	}
	challenge, transport := a.challenge(c, in.Challenge, in.Transport)
	out, err := a.c.Flows.Security.SecondFactor(c.ctx(), c.actor(), security.SecondFactor{
		Challenge: challenge, Method: audit.Factor(in.Method), Code: in.Code, NoCookies: transport == "token",
	})
	if err != nil {
		return nil, err
	}
	return a.outcome(c, out, transport), nil
}

// challenge returns the half-finished sign-in that a request belongs to, and how
// its session is handed over: a client that names it in the body has no cookies.
func (a *API) challenge(c *call, body, transport string) (token, over string) {
	cookie := a.c.Sessions.Pending(c.r)
	switch {
	case body == "":
		return cookie, transport
	case transport == "" && cookie == "":
		return body, "token"
	}
	return body, transport
}

type notMe struct {
	Token string `json:"token"`
}

func (a *API) notMe(c *call, in notMe) (*nothing, error) {
	return nil, a.c.Flows.NotMe(c.ctx(), c.actor(), in.Token)
}

type event struct {
	ID        string         `json:"id"`
	At        time.Time      `json:"at"`
	Actor     eventActor     `json:"actor"`
	Action    string         `json:"action"`
	Target    audit.Target   `json:"target"`
	Changes   []audit.Change `json:"changes"`
	Outcome   string         `json:"outcome" enum:"done,refused"`
	Reason    string         `json:"reason,omitempty" doc:"Of a refusal"`
	IP        string         `json:"ip"`
	Place     *string        `json:"place"`
	UserAgent string         `json:"user_agent"`
	SessionID *string        `json:"session_id"`
	RequestID string         `json:"request_id"`
}

type eventActor struct {
	Kind string  `json:"kind"`
	ID   *string `json:"id"`
	Name string  `json:"name"`
}

type eventList struct {
	Items      []event `json:"items"`
	NextCursor string  `json:"next_cursor,omitempty"`
}

func (a *API) securityEvents(c *call) (*eventList, error) {
	after, limit, err := c.page()
	if err != nil {
		return nil, err
	}
	var before id.Entry
	if after != "" {
		parts, ok := cursor.Decode(after, 1)
		if ok {
			before, err = id.ParseEntry(parts[0])
		}
		if !ok || err != nil {
			return nil, fault.Fields{{Name: "cursor", Code: "invalid", Message: "is not a cursor of this list"}}
		}
	}
	entries, err := a.c.Flows.History(c.ctx(), c.actor(), before, limit+1)
	if err != nil {
		return nil, err
	}
	out := &eventList{Items: make([]event, 0, len(entries))}
	if len(entries) > limit {
		entries = entries[:limit]
		out.NextCursor = cursor.Encode(entries[limit-1].ID.String())
	}
	for _, e := range entries {
		out.Items = append(out.Items, a.eventOf(c, e))
	}
	return out, nil
}

func (a *API) eventOf(c *call, e audit.Entry) event {
	out := event{
		ID: e.ID.String(), At: e.At, Action: string(e.Action), Target: e.Target, Changes: e.Changes,
		Actor:   eventActor{Kind: string(e.ActorKind), Name: e.ActorName},
		Outcome: string(e.Outcome), Reason: e.Reason, UserAgent: e.UserAgent, RequestID: e.RequestID,
	}
	if out.Changes == nil {
		out.Changes = []audit.Change{}
	}
	if !e.ActorID.IsZero() {
		s := e.ActorID.String()
		out.Actor.ID = &s
	}
	if !e.Session.IsZero() {
		s := e.Session.String()
		out.SessionID = &s
	}
	if e.IP.IsValid() {
		out.IP = e.IP.String()
		out.Place = place(a.c.Flows.Security.Place(c.ctx(), e.IP))
	}
	return out
}

// place is null where none is known.
func place(p security.Place) *string {
	if p.IsZero() {
		return nil
	}
	s := p.String()
	return &s
}
