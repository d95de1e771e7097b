package settings_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/flows"
	"github.com/aegisrunner/account-settings/internal/secretbox"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
	"github.com/aegisrunner/account-settings/settingstest"
)

// world is the product, and what is known of it.
type world struct {
	t      *testing.T
	app    *settingstest.App
	flows  *flows.Services
	db     *bunstore.DB
	ledger *ledger
	dns    *zone
	logs   *logged
	ring   *secretbox.Ring // of the same keys as the product
	hash   security.PasswordHash
	tables []string
	count  int // of people, requests and organizations

	stubborn id.User // whose export fails

	secrets []string // that were used, and may be nowhere
}

func newWorld(t *testing.T, db *bunstore.DB) *world {
	t.Helper()
	w := &world{t: t, db: db, ledger: &ledger{Store: db}, dns: &zone{}, logs: &logged{}}
	sealing, mac := map[string][]byte{"test": []byte(strings.Repeat("k", 32))}, []byte(strings.Repeat("m", 32))
	keys, err := settings.NewKeys("test", sealing, mac)
	require.NoError(t, err)
	w.ring, err = secretbox.New("test", sealing, mac)
	require.NoError(t, err)
	w.app = settingstest.Start(t, settings.Config{
		Store: w.ledger, Keys: keys, Limiter: wide{}, Domains: w.dns, Projects: oneProject{}, ExportSources: []accounts.ExportSource{stubborn{w}}, Log: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	w.flows = &flows.Services{Store: w.ledger, Accounts: w.app.Accounts, Security: w.app.Security, Orgs: w.app.Orgs, Audit: w.app.Audit}
	w.hash, err = w.app.Security.HashNewPassword(t.Context(), "password", settingstest.Password)
	require.NoError(t, err)
	w.secrets = append(w.secrets, settingstest.Password)
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'settings\_%' ESCAPE '\'`
	if db.Dialect() == bunstore.Postgres {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name LIKE 'settings\_%'`
	}
	for _, row := range w.query(query) {
		w.tables = append(w.tables, strings.Trim(row, "[]"))
	}
	require.Greater(t, len(w.tables), 20)
	return w
}

// on is w within a subtest.
func (w *world) on(t *testing.T) *world {
	w.t = t
	return w
}

// query returns the rows of an answer, as text, in order.
func (w *world) query(query string) []string {
	w.t.Helper()
	rows, err := w.db.Conn(w.t.Context()).QueryContext(w.t.Context(), query)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(w.t, err)
	var out []string
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		require.NoError(w.t, rows.Scan(into...))
		for i, v := range values {
			if b, ok := v.([]byte); ok && len(b) > 64 {
				values[i] = sha256.Sum256(b)
			}
		}
		out = append(out, fmt.Sprint(values))
	}
	require.NoError(w.t, rows.Err())
	slices.Sort(out)
	return out
}

// state is all that is stored, by table.
func (w *world) state(except ...string) map[string][]string {
	w.t.Helper()
	out := map[string][]string{}
	for _, table := range w.tables {
		if !slices.Contains(except, table) {
			out[table] = w.query("SELECT * FROM " + table) //nolint:gosec // names of the schema
		}
	}
	return out
}

// unchanged makes sure that nothing is stored but what was before.
func (w *world) unchanged(before map[string][]string, where failure, except []string) {
	w.t.Helper()
	after := w.state(except...)
	for table, rows := range before {
		if slices.Equal(rows, after[table]) {
			continue
		}
		for _, row := range after[table] {
			if !slices.Contains(rows, row) {
				require.Fail(w.t, "something is left", "of a failure %s, in %s: %.300s", where, table, row)
			}
		}
		require.Fail(w.t, "something is gone", "by a failure %s, from %s", where, table)
	}
}

// secret remembers a secret, and returns it.
func (w *world) secret(s string) string {
	require.NotEmpty(w.t, s)
	w.secrets = append(w.secrets, s)
	return s
}

// from is where a request comes from: a network of its own.
func (w *world) from() audit.Actor {
	w.count++
	ip := netip.AddrFrom4([4]byte{10, byte(w.count >> 16), byte(w.count >> 8), byte(w.count)})
	return audit.Actor{Kind: audit.KindAnonymous, IP: ip, UserAgent: firefox, RequestID: fmt.Sprintf("request-%d", w.count)}
}

// human is somebody with an account.
type human struct {
	w     *world
	id    id.User
	name  string
	email string
	token string // of the session

	otp    string   // the secret of the app
	backup []string // codes
}

// human makes an account, with a session that has just begun by password.
func (w *world) human() *human {
	w.t.Helper()
	return w.humanAt("example.com")
}

// humanAt is human, with an address there.
func (w *world) humanAt(domain string) *human {
	w.t.Helper()
	h := w.strangerAt(domain)
	in, err := w.app.Security.Enroll(w.t.Context(), w.from(), h.id, w.hash)
	require.NoError(w.t, err)
	h.token = w.secret(in.Token.Reveal())
	return h
}

// stranger makes an account that cannot be signed in to.
func (w *world) stranger() *human { return w.strangerAt("example.com") }

func (w *world) strangerAt(domain string) *human {
	w.t.Helper()
	w.count++
	h := &human{w: w, id: id.NewUser(), name: fmt.Sprintf("Ada %d", w.count), email: fmt.Sprintf("ada-%d@%s", w.count, domain)}
	require.NoError(w.t, w.db.Accounts().Update(w.t.Context(), func(ctx context.Context, tx accounts.Tx) error {
		return tx.InsertUser(ctx, accounts.User{
			ID: h.id, Name: h.name, Email: h.email, EmailKey: h.email, Timezone: "UTC", Locale: "en",
			AvatarKey: strings.ReplaceAll(h.id.String(), "-", ""), CreatedAt: w.now(), UpdatedAt: w.now(),
		})
	}))
	return h
}

// actor is the person acting by their session, in a request of its own.
func (h *human) actor() audit.Actor {
	h.w.t.Helper()
	login, err := h.w.app.Security.Authenticate(h.w.t.Context(), h.token)
	require.NoError(h.w.t, err)
	return login.Actor(h.w.from())
}

func (h *human) target() audit.Target {
	return audit.Target{Kind: "user", ID: h.id.String(), Name: h.name}
}

// signIn begins another session, which h goes on with.
func (h *human) signIn() security.SignedIn {
	h.w.t.Helper()
	out, err := h.w.app.Security.SignIn(h.w.t.Context(), h.w.from(), h.byPassword())
	require.NoError(h.w.t, err)
	if out.Status == security.StatusSecondFactor {
		out, err = h.w.app.Security.SecondFactor(h.w.t.Context(), h.w.from(), h.second(out, audit.TOTP, h.code()))
		require.NoError(h.w.t, err)
	}
	h.token = h.w.secret(out.Token.Reveal())
	return out.SignedIn
}

func (h *human) byPassword() security.SignIn {
	return security.SignIn{Email: h.email, Password: settingstest.Password}
}

func (h *human) second(half security.Outcome, method audit.Factor, code string) security.SecondFactor {
	return security.SecondFactor{Challenge: h.w.secret(half.Challenge.Token.Reveal()), Method: method, Code: code}
}

// code is a code of the app that was not used before.
func (h *human) code() string {
	h.w.app.Clock.Advance(31 * time.Second)
	code, err := totp.GenerateCode(h.otp, h.w.app.Clock.Now())
	require.NoError(h.w.t, err)
	return code
}

// enroll begins to set up an app.
func (h *human) enroll() {
	h.w.t.Helper()
	out, err := h.w.app.Security.EnrollTOTP(h.w.t.Context(), h.actor())
	require.NoError(h.w.t, err)
	h.otp = h.w.secret(out.Secret.Reveal())
	h.w.secret(out.URI.Reveal())
}

// twoFactor turns two-factor on.
func (h *human) twoFactor() *human {
	h.w.t.Helper()
	h.enroll()
	out, err := h.w.app.Security.ConfirmTOTP(h.w.t.Context(), h.actor(), h.code(), false)
	require.NoError(h.w.t, err)
	h.token = h.w.secret(out.Token.Reveal())
	h.backup = out.BackupCodes
	for _, c := range h.backup {
		h.w.secret(c)
	}
	return h
}

// link returns the token in the newest mail of a kind to an address.
func (w *world) link(email, kind string) string {
	w.t.Helper()
	return w.secret(w.app.LinkToken(email, kind))
}

// entry is what a has done, from where.
func entry(a audit.Actor, action audit.Action, target audit.Target, changes ...audit.Change) audit.Entry {
	return audit.Entry{
		Action: action, Outcome: audit.Done, ActorKind: a.Kind, ActorID: a.User, ActorName: a.Name, Target: target, Changes: changes,
		Session: a.Session, IP: a.IP, UserAgent: a.UserAgent, RequestID: a.RequestID,
	}
}

// asNobody is the request of a, with nobody signed in.
func asNobody(a audit.Actor) audit.Actor {
	return audit.Actor{Kind: audit.KindAnonymous, IP: a.IP, UserAgent: a.UserAgent, RequestID: a.RequestID}
}

// asSystem is a consequence of the request of a.
func asSystem(a audit.Actor, job string) audit.Actor {
	return audit.Actor{Kind: audit.KindSystem, Name: job, IP: a.IP, UserAgent: a.UserAgent, RequestID: a.RequestID}
}

// of is an entry in the person's own history.
func (h *human) of(e audit.Entry) audit.Entry {
	e.User = h.id
	return e
}

// by is what the person has done to themselves.
func (h *human) by(a audit.Actor, action audit.Action, changes ...audit.Change) audit.Entry {
	return h.of(entry(a, action, h.target(), changes...))
}

func (h *human) inVain(e audit.Entry, reason string) audit.Entry {
	e.Outcome, e.Reason = audit.Refused, reason
	return h.of(e)
}

func changed(field, was, is string) audit.Change {
	return audit.Change{Field: field, Before: was, After: is}
}

func leaving(entries ...audit.Entry) func() []audit.Entry {
	return func() []audit.Entry { return entries }
}

var silence = leaving()

// firm is an organization with an Owner.
type firm struct {
	orgs.OrgView
	owner *human
}

func (w *world) firm() *firm {
	w.t.Helper()
	o := &firm{owner: w.human()}
	w.count++
	v, err := w.app.Orgs.Create(w.t.Context(), o.owner.actor(), orgs.NewOrg{Name: fmt.Sprintf("Acme %d", w.count)})
	require.NoError(w.t, err)
	o.OrgView = v
	return o
}

// with makes h a member.
func (o *firm) with(h *human, role orgs.Role) *firm {
	h.w.t.Helper()
	require.NoError(h.w.t, h.w.db.Orgs().Update(h.w.t.Context(), func(ctx context.Context, tx orgs.Tx) error {
		if _, err := tx.LockOrg(ctx, o.ID); err != nil {
			return err
		}
		return tx.InsertMember(ctx, orgs.Membership{Org: o.ID, User: h.id, Role: role, JoinedAt: h.w.now()})
	}))
	return o
}

func (o *firm) target() audit.Target {
	return audit.Target{Kind: "org", ID: o.ID.String(), Name: o.Name}
}

// log is an entry of the organization's.
func (o *firm) log(a audit.Actor, action audit.Action, target audit.Target, changes ...audit.Change) audit.Entry {
	e := entry(a, action, target, changes...)
	e.Org = o.ID
	return e
}

// oneProject is a directory that has the same project everywhere.
type oneProject struct{}

func (oneProject) Projects(context.Context, id.Org) ([]orgs.Project, error) {
	return []orgs.Project{{ID: "p1", Name: "First"}}, nil
}
func (oneProject) Joined(context.Context, id.Org, id.User, []string) error { return nil }
