package bunstore_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/mail"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/security"
)

// strange is text that PostgreSQL does not take, each in its own way.
var strange = map[string]string{"a NUL byte": "a\x00b@example.com", "broken UTF-8": "a\xffb@example.com", "half a character": "é"[:1]}

func TestStrangeTextIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		s := signIn(t, db, u, security.Hash{1})
		for what, text := range strange {
			writes := map[string]func(ctx context.Context, a accounts.Tx, s security.Tx) error{}
			for name, spoil := range map[string]func(u *accounts.User){
				"ExternalID": func(u *accounts.User) { u.ExternalID = text }, "Name": func(u *accounts.User) { u.Name = text },
				"Email": func(u *accounts.User) { u.Email = text }, "EmailKey": func(u *accounts.User) { u.EmailKey = text },
				"Timezone": func(u *accounts.User) { u.Timezone = text }, "Locale": func(u *accounts.User) { u.Locale = text },
				"AvatarKey": func(u *accounts.User) { u.AvatarKey = text },
			} {
				bad := newUser("grace@example.com")
				spoil(&bad)
				writes["InsertUser "+name] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error { return a.InsertUser(ctx, bad) }
				changed := u
				spoil(&changed)
				writes["UpdateUser "+name] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error { return a.UpdateUser(ctx, changed) }
			}
			writes["ChangeEmail"] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error {
				return a.ChangeEmail(ctx, u.ID, text, "grace@example.com", now, now)
			}
			writes["ChangeEmail key"] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error {
				return a.ChangeEmail(ctx, u.ID, "grace@example.com", text, now, now)
			}
			writes["InsertSignUp"] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error {
				return a.InsertSignUp(ctx, accounts.SignUp{Hash: accounts.Hash{1}, Email: text, EmailKey: "k", CreatedAt: now, ExpiresAt: now})
			}
			writes["InsertEmailChange"] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error {
				return a.InsertEmailChange(ctx, accounts.EmailChange{ID: id.NewEmailChange(), User: u.ID, Session: s.ID, OldEmail: "o", OldKey: "o", NewEmail: text, NewKey: "n", ConfirmHash: accounts.Hash{1}, UndoHash: accounts.Hash{2}, RequestedAt: now, ExpiresAt: now})
			}
			writes["DiscardBlob"] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error { return a.DiscardBlob(ctx, text, now) }
			writes["SetPassword"] = func(ctx context.Context, _ accounts.Tx, s security.Tx) error {
				_, err := s.SetPassword(ctx, u.ID, security.PasswordHash(text), now)
				return err
			}
			writes["UpgradePassword"] = func(ctx context.Context, _ accounts.Tx, s security.Tx) error {
				_, err := s.UpgradePassword(ctx, u.ID, "$argon2id$", security.PasswordHash(text))
				return err
			}
			writes["InsertCredential"] = func(ctx context.Context, _ accounts.Tx, s security.Tx) error {
				return s.InsertCredential(ctx, u.ID, security.PasswordHash(text), now)
			}
			writes["InsertSession"] = func(ctx context.Context, _ accounts.Tx, s security.Tx) error {
				return s.InsertSession(ctx, security.Session{ID: id.NewSession(), User: u.ID, Method: audit.SSO, Connection: text, SignedInAt: now, LastUsedAt: now, ExpiresAt: now}, security.Hash{2})
			}
			for name, write := range factorsWith(text, u.ID) {
				writes[name] = func(ctx context.Context, _ accounts.Tx, s security.Tx) error { return write(ctx, s) }
			}
			writes["EnqueueMail"] = func(ctx context.Context, a accounts.Tx, _ security.Tx) error {
				return a.EnqueueMail(ctx, mail.Envelope{ID: id.NewMail(), Kind: "k", To: mail.Recipient{Address: "a@example.com", Name: text}, CreatedAt: now, DueAt: now})
			}
			require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error {
				for name, write := range writes {
					err := both(ctx, db, write)
					require.ErrorIs(t, err, bunstore.ErrText, "%s with %s", name, what)
					require.ErrorIs(t, err, fault.Invalid)
				}
				return nil // a refusal is an answer: the transaction goes on
			}))
		}
		require.Equal(t, "Ada Lovelace", nameOf(t, db, u))
	})
}

// both runs fn with the handles of two domains.
func both(ctx context.Context, db *bunstore.DB, fn func(ctx context.Context, a accounts.Tx, s security.Tx) error) error {
	return db.Accounts().Update(ctx, func(ctx context.Context, a accounts.Tx) error {
		return db.Security().Update(ctx, func(ctx context.Context, s security.Tx) error { return fn(ctx, a, s) })
	})
}

func TestStrangeTextFindsNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		person(t, db, "ada@example.com")
		for what, text := range strange {
			_, err := db.Accounts().UserByEmail(t.Context(), text)
			require.ErrorIs(t, err, accounts.ErrUserNotFound, what)
			_, err = db.Accounts().UserByAvatar(t.Context(), text)
			require.ErrorIs(t, err, accounts.ErrUserNotFound, what)
			_, err = db.Security().PersonByEmail(t.Context(), text)
			require.ErrorIs(t, err, security.ErrPersonNotFound, what)
			_, err = db.Orgs().OrgByLogo(t.Context(), text)
			require.ErrorIs(t, err, orgs.ErrOrgNotFound, what)
			require.NoError(t, db.Orgs().Update(t.Context(), func(ctx context.Context, tx orgs.Tx) error {
				require.ErrorIs(t, tx.DiscardLogo(ctx, text, now), bunstore.ErrText, what)
				return tx.KeepLogo(ctx, text)
			}), what)
			_, _, err = db.Blobs().Blob(t.Context(), text)
			require.ErrorIs(t, err, accounts.ErrNoBlob, what)
			require.NoError(t, db.Accounts().Update(t.Context(), func(ctx context.Context, tx accounts.Tx) error {
				return tx.KeepBlob(ctx, text)
			}), what)
		}
	})
}

// Text that describes is stored without what does not belong there.
func TestStrangeDescriptionsAreCleaned(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		u := person(t, db, "ada@example.com")
		s := signIn(t, db, u, security.Hash{1})
		ip := netip.MustParseAddr("2001:db8::1")
		agent := "Br\x00owser \xff" + strings.Repeat("é", 600)
		require.NoError(t, db.Security().Update(t.Context(), func(ctx context.Context, tx security.Tx) error {
			did, err := tx.TouchSession(ctx, s.ID, ip, agent, now.Add(time.Hour), now)
			require.True(t, did)
			if err != nil {
				return err
			}
			e := audit.Actor{Kind: audit.KindUser, User: u.ID, Name: "A\x00da", UserAgent: agent, RequestID: "\xff"}.
				WasRefused("account.email_changed", audit.UserTarget(u.ID, strings.Repeat("n", 5000)), "invalid", now)
			e.Changes = []audit.Change{{Field: "email", Before: "it's\x00", After: `\u0000 "quoted" \' é` + "\xff"}}
			return tx.AppendAudit(ctx, e.InHistoryOf(u.ID))
		}))
		login, err := db.Security().LoginByToken(t.Context(), security.Hash{1})
		require.NoError(t, err)
		require.Equal(t, ip, login.Session.IP)
		require.LessOrEqual(t, len(login.Session.UserAgent), 512)
		require.Greater(t, len(login.Session.UserAgent), 509)
		require.True(t, strings.HasPrefix(login.Session.UserAgent, "Browser \uFFFDéé"), login.Session.UserAgent)

		entries, err := db.Audit().Entries(t.Context(), u.ID, id.Entry{}, 1)
		require.NoError(t, err)
		require.Equal(t, "Ada", entries[0].ActorName)
		require.Equal(t, "\uFFFD", entries[0].RequestID)
		require.Len(t, entries[0].Target.Name, 2048)
		require.Equal(t, []audit.Change{{Field: "email", Before: "it's", After: `\u0000 "quoted" \' é` + "\uFFFD"}}, entries[0].Changes)
	})
}

func TestBlobNamesAndSizes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		b := db.Blobs()
		for _, name := range []string{"", "A", "a b", "a_b", "a%", "é", "a\x00", "../~", strings.Repeat("a", 201)} {
			require.ErrorIs(t, b.PutBlob(t.Context(), name, "image/png", []byte("x")), bunstore.ErrBlobName, name)
			require.ErrorIs(t, b.DeleteBlobs(t.Context(), name), bunstore.ErrBlobName, name)
			_, _, err := b.Blob(t.Context(), name)
			require.ErrorIs(t, err, accounts.ErrNoBlob, name)
		}
		err := b.PutBlob(t.Context(), "large", "image/png", make([]byte, 8<<20+1))
		require.ErrorIs(t, err, bunstore.ErrBlobTooLarge)
		require.ErrorIs(t, err, fault.TooLarge)
		require.ErrorIs(t, b.PutBlob(t.Context(), "a", "image/\x00", nil), bunstore.ErrText)

		// A put takes part in the transaction around it.
		require.ErrorIs(t, db.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, b.PutBlob(ctx, "a/1", "image/png", []byte("x")))
			return errBoom
		}), errBoom)
		_, _, err = b.Blob(t.Context(), "a/1")
		require.ErrorIs(t, err, accounts.ErrNoBlob)
	})
}
