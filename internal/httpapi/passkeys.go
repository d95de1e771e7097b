package httpapi

import (
	"encoding/json"
	"time"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/security"
)

// publicKey is a JSON object of WebAuthn Level 3, passed on as it is.
type publicKey map[string]any

func options(raw json.RawMessage, err error) (*publicKey, error) {
	if err != nil {
		return nil, err
	}
	var out publicKey
	return &out, json.Unmarshal(raw, &out)
}

// credential is what navigator.credentials returned (RegistrationResponseJSON or
// AuthenticationResponseJSON of WebAuthn Level 3): either the members themselves,
// or all of them in one named credential.
type credential struct {
	Credential             map[string]any `json:"credential,omitempty" doc:"The answer as a whole, in place of the members below"`
	ID                     string         `json:"id,omitempty"`
	RawID                  string         `json:"rawId,omitempty"`
	Type                   string         `json:"type,omitempty"`
	Response               map[string]any `json:"response,omitempty"`
	AuthenticatorAttachmnt string         `json:"authenticatorAttachment,omitempty"`
	Extensions             map[string]any `json:"clientExtensionResults,omitempty"`
}

// raw returns what the WebAuthn library reads.
func (k credential) raw() ([]byte, error) {
	if k.Credential != nil {
		return json.Marshal(k.Credential)
	}
	return json.Marshal(k)
}

type askPasskey struct {
	Purpose   string `json:"purpose" enum:"sign_in,second_factor,reauthenticate"`
	Challenge string `json:"challenge,omitempty" doc:"Of a client without cookies, for second_factor"`
}

func (a *API) askPasskey(c *call, in askPasskey) (*publicKey, error) {
	if in.Purpose == string(security.ForReauthenticate) {
		var err error
		if c.caller, err = a.c.Sessions.Authenticate(c.r); err != nil {
			return nil, err
		}
	}
	challenge, _ := a.challenge(c, in.Challenge, "")
	return options(a.c.Flows.Security.AskPasskey(c.ctx(), c.actor(), security.AskPasskey{
		Purpose: security.Purpose(in.Purpose), Challenge: challenge,
	}))
}

type signInByPasskey struct {
	credential
	Purpose   string `json:"purpose,omitempty" doc:"Not needed: the challenge says it"`
	Challenge string `json:"challenge,omitempty" doc:"Of a client without cookies, for second_factor"`
	Transport string `json:"transport,omitempty" enum:"cookie,token"`
}

func (a *API) signInByPasskey(c *call, in signInByPasskey) (*signedIn, error) {
	if err := checkTransport(in.Transport); err != nil {
		return nil, err
	}
	raw, err := in.raw()
	if err != nil {
		return nil, err
	}
	challenge, transport := a.challenge(c, in.Challenge, in.Transport)
	out, err := a.c.Flows.Security.SignInByPasskey(c.ctx(), c.actor(), security.PasskeyProof{
		Credential: raw, Challenge: challenge, NoCookies: transport == "token",
	})
	if err != nil {
		return nil, err
	}
	return a.outcome(c, out, transport), nil
}

type passkey struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	BackedUp   bool       `json:"backed_up" doc:"Synchronised: losing a device does not lose it"`
}

type passkeyList struct {
	Items []passkey `json:"items"`
}

func passkeyOf(k security.Passkey) passkey {
	return passkey{k.ID.String(), k.Name, k.CreatedAt, instant(k.LastUsedAt), k.BackedUp}
}

func (a *API) passkeys(c *call) (*passkeyList, error) {
	all, err := a.c.Flows.Security.Passkeys(c.ctx(), c.actor())
	if err != nil {
		return nil, err
	}
	out := &passkeyList{Items: make([]passkey, 0, len(all))}
	for _, k := range all {
		out.Items = append(out.Items, passkeyOf(k))
	}
	return out, nil
}

func (a *API) beginPasskey(c *call) (*publicKey, error) {
	return options(a.c.Flows.Security.BeginPasskey(c.ctx(), c.actor()))
}

type addPasskey struct {
	credential
	Name string `json:"name,omitempty" doc:"1–60 characters; by default the browser and system"`
}

func (a *API) addPasskey(c *call, in addPasskey) (*passkey, error) {
	raw, err := in.raw()
	if err != nil {
		return nil, err
	}
	k, err := a.c.Flows.Security.AddPasskey(c.ctx(), c.actor(), in.Name, raw)
	if err != nil {
		return nil, err
	}
	out := passkeyOf(k)
	return &out, nil
}

type renamePasskey struct {
	Name string `json:"name"`
}

func (a *API) renamePasskey(c *call, in renamePasskey) (*passkey, error) {
	which, err := id.ParseFactor(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	k, err := a.c.Flows.Security.RenamePasskey(c.ctx(), c.actor(), which, in.Name)
	if err != nil {
		return nil, err
	}
	out := passkeyOf(k)
	return &out, nil
}

func (a *API) removePasskey(c *call) (*nothing, error) {
	which, err := id.ParseFactor(c.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	fresh, err := a.c.Flows.Security.RemovePasskey(c.ctx(), c.actor(), which, c.bearer())
	return nil, a.renew(c, fresh, err)
}
