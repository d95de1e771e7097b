package browser

import (
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
)

// Authenticator keeps a person's passkeys, as a device does that recognises its
// owner. It belongs to one tab.
type Authenticator struct {
	tab *Tab
	id  webauthn.AuthenticatorID
}

// Authenticator gives the tab one, which is used as soon as a page asks.
func (b *Tab) Authenticator() *Authenticator {
	b.t.Helper()
	Call(b, webauthn.Enable, webauthn.EnableParams{})
	out := Call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	})
	return &Authenticator{b, out.AuthenticatorID}
}

// Verify sets whether it recognises its owner from now on.
func (a *Authenticator) Verify(owner bool) {
	a.tab.t.Helper()
	Call(a.tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: a.id, IsUserVerified: owner})
}

// Present sets whether somebody is there to use it, so that pages that ask by
// themselves wait.
func (a *Authenticator) Present(somebody bool) {
	a.tab.t.Helper()
	Call(a.tab, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: a.id, Enabled: somebody})
}

// addCredential leaves out fields that Chromium takes for a wish that this kind of
// authenticator cannot fulfil.
var addCredential = cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}

// Count sets how often its passkeys say that they have signed: less than before,
// and it is a copy that was made earlier.
func (a *Authenticator) Count(signatures float64) {
	a.tab.t.Helper()
	all := Call(a.tab, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id}).Credentials
	Call(a.tab, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: a.id})
	for _, c := range all {
		Call(a.tab, addCredential, map[string]any{"authenticatorId": a.id, "credential": map[string]any{
			"credentialId": c.CredentialID, "isResidentCredential": c.IsResidentCredential, "rpId": c.RpID,
			"privateKey": c.PrivateKey, "userHandle": c.UserHandle, "signCount": signatures,
		}})
	}
}

// Passkeys returns how many it keeps.
func (a *Authenticator) Passkeys() int {
	a.tab.t.Helper()
	return len(Call(a.tab, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: a.id}).Credentials)
}
