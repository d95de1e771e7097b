package memstore

import (
	"maps"
	"slices"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/notify"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// state is all there is. Its rows are values and are replaced, never changed in
// place, so that copying the maps copies everything. A map may be nil until the
// first clone.
type state struct {
	users     map[id.User]accounts.User
	deleted   map[id.User]accounts.DeletedUser // nobody among users
	purges    map[id.Receipt]accounts.Purge
	addresses map[string]address
	signUps   map[accounts.Hash]accounts.SignUp // unspent
	changes   map[id.EmailChange]change
	discards  map[string]time.Time
	exports   map[id.Export]exported
	blobs     map[string]blob

	credentials map[id.User]credential
	sessions    map[id.Session]session
	resets      map[security.Hash]reset
	failures    map[security.Hash]failure

	totp        map[id.User]security.TOTP
	backupCodes map[backupCode]time.Time // unspent, and when they were made
	passkeys    map[id.Factor]security.Passkey
	ceremonies  map[security.Hash]security.Ceremony
	pending     map[security.Hash]security.PendingSignIn
	emailCodes  map[id.User]emailCode
	seen        map[place]time.Time
	alerts      map[security.Hash]security.Alert // unspent

	orgs        map[id.Org]orgs.Org
	members     map[memberKey]orgs.Membership // nobody is Owner
	slugs       map[string]slug
	invitations map[id.Invitation]orgs.Invitation
	links       map[orgs.Hash]link
	domains     map[id.Domain]orgs.Domain
	imports     map[id.Import]imported
	importRows  map[importLine]orgs.ImportRow
	reminders   map[memberKey]told

	logoDiscards map[string]time.Time

	choices map[choice]bool
	notices map[notify.Notice]time.Time

	letters    map[id.Mail]letter
	suppressed map[mail.AddressKey]mail.Suppression

	entries     []entry // in the order they were appended
	trees       map[id.Org]audit.Tree
	checkpoints map[checkpoint]audit.Checkpoint
}

func (st *state) clone() *state {
	return &state{
		users: cloneMap(st.users), deleted: cloneMap(st.deleted), purges: cloneMap(st.purges), addresses: cloneMap(st.addresses), signUps: cloneMap(st.signUps),
		changes: cloneMap(st.changes), discards: cloneMap(st.discards), exports: cloneMap(st.exports), blobs: cloneMap(st.blobs),
		credentials: cloneMap(st.credentials), sessions: cloneMap(st.sessions),
		resets: cloneMap(st.resets), failures: cloneMap(st.failures),
		totp: cloneMap(st.totp), backupCodes: cloneMap(st.backupCodes), passkeys: cloneMap(st.passkeys),
		ceremonies: cloneMap(st.ceremonies), pending: cloneMap(st.pending), emailCodes: cloneMap(st.emailCodes),
		seen: cloneMap(st.seen), alerts: cloneMap(st.alerts),
		orgs: cloneMap(st.orgs), members: cloneMap(st.members), slugs: cloneMap(st.slugs),
		invitations: cloneMap(st.invitations), links: cloneMap(st.links), domains: cloneMap(st.domains),
		imports: cloneMap(st.imports), importRows: cloneMap(st.importRows), reminders: cloneMap(st.reminders), logoDiscards: cloneMap(st.logoDiscards),
		choices: cloneMap(st.choices), notices: cloneMap(st.notices),
		letters: cloneMap(st.letters), suppressed: cloneMap(st.suppressed),
		entries: slices.Clone(st.entries), trees: cloneMap(st.trees), checkpoints: cloneMap(st.checkpoints),
	}
}

// cloneMap returns a map that can be written to, also for nil.
func cloneMap[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}
