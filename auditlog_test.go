package settings_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/settingstest"
)

// entriesOf reads a whole log, or what a query chooses of it, page by page.
func entriesOf(t *testing.T, c *settingstest.Client, query string) []object {
	t.Helper()
	var all []object
	for cursor := ""; ; {
		page := api(t, c, get, org+"/audit?limit=3&"+query+"&cursor="+cursor, nil, 200)
		for _, item := range page["items"].([]any) {
			all = append(all, item.(map[string]any))
		}
		next, more := page["next_cursor"].(string)
		if !more {
			return all
		}
		cursor = url.QueryEscape(next)
	}
}

func actionsOf(entries []object) string {
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimPrefix(e["action"].(string), "orgs."))
	}
	return strings.Join(names, " ")
}

// proofOf reads the checkpoints of a log as audit.Verify takes them.
func proofOf(t *testing.T, c *settingstest.Client) audit.Proof {
	t.Helper()
	r := c.API(get, org+"/audit/checkpoints", nil)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	var in struct {
		Origin    string `json:"origin"`
		PublicKey string `json:"public_key"`
		Start     struct {
			Size   uint64
			Hashes []string
		}
		Items []struct {
			Size uint64
			Note string
		}
	}
	r.JSON(t, &in)
	p := audit.Proof{Origin: in.Origin, PublicKey: in.PublicKey, Start: in.Start.Size}
	for _, h := range in.Start.Hashes {
		raw, err := base64.StdEncoding.DecodeString(h)
		require.NoError(t, err)
		p.StartHashes = append(p.StartHashes, [32]byte(raw))
	}
	for _, k := range in.Items {
		p.Checkpoints = append(p.Checkpoints, audit.Checkpoint{Size: k.Size, Note: []byte(k.Note)})
	}
	return p
}

func export(t *testing.T, c *settingstest.Client, query string) []byte {
	t.Helper()
	r := c.API(get, org+"/audit/export?"+query, nil)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	return r.Body
}

func verify(t *testing.T, text []byte, p audit.Proof) audit.Report {
	t.Helper()
	r, err := audit.Verify(bytes.NewReader(text), p)
	require.NoError(t, err)
	return r
}

func TestAuditLog(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, _ *zone) {
		a := newAcme(t, app)
		amy, max := me(t, a.admin), me(t, a.member)
		app.Clock.Advance(time.Hour)
		halfTime := app.Clock.Now().UTC().Format(time.RFC3339)
		app.Clock.Advance(time.Minute)
		api(t, a.admin, "PATCH", org+"/members/"+max, object{"role": "viewer"}, 200)
		api(t, a.admin, "PATCH", org, object{"name": "=Acme\n\"Ltd\""}, 422)
		api(t, a.admin, "PATCH", org, object{"name": "=Acme, \"Ltd\""}, 200)

		t.Run("Filters", func(t *testing.T) {
			all := entriesOf(t, a.admin, "")
			require.Equal(t, "updated member.role_changed member.joined invitation.created member.joined invitation.created member.joined invitation.created created", actionsOf(all))
			role := all[1]
			require.Equal(t, object{"kind": "user", "id": amy, "name": "Amy"}, role["actor"])
			require.Equal(t, object{"kind": "user", "id": max, "name": "Max"}, role["target"])
			require.Equal(t, []any{object{"field": "role", "before": "member", "after": "viewer"}}, role["changes"])
			require.NotEmpty(t, role["session_id"])
			require.NotEmpty(t, role["request_id"])
			for query, want := range map[string]string{
				"actor=" + amy:               "updated member.role_changed member.joined",
				"action=orgs.updated":        "updated",
				"action=orgs.member.*":       "member.role_changed member.joined member.joined member.joined",
				"target=" + max:              "member.role_changed member.joined",
				"from=" + halfTime:           "updated member.role_changed",
				"to=" + halfTime:             "member.joined invitation.created member.joined invitation.created member.joined invitation.created created",
				"actor=system":               "",
				"actor=" + max:               "member.joined",
				"actor=" + me(t, a.outsider): "",
				"action=orgs.updated,orgs.created&action=orgs.member.role_changed": "updated member.role_changed created",
				"actor=" + amy + "&action=orgs.member.*&target=" + max:             "member.role_changed",
				"actor=" + amy + "&action=orgs.member.*&from=" + halfTime:          "member.role_changed",
			} {
				require.Equal(t, want, actionsOf(entriesOf(t, a.owner, query)), query)
			}
			for query, field := range map[string]string{
				"action=orgs.nothing": "action", "action=x.*": "action", "actor=amy": "actor", "from=yesterday": "from", "cursor=x": "cursor", "limit=0": "limit",
				"from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "to", "target=" + strings.Repeat("x", 300): "target",
			} {
				require.Contains(t, refused(t, a.owner, get, org+"/audit?"+query, nil, 422, "validation_failed").Fields(), field, query)
			}
		})
		t.Run("PagesStandStill", func(t *testing.T) {
			first := api(t, a.owner, get, org+"/audit?limit=2", nil, 200)
			api(t, a.admin, "PATCH", org+"/members/"+max, object{"role": "member"}, 200)
			second := api(t, a.owner, get, org+"/audit?limit=2&cursor="+url.QueryEscape(first["next_cursor"].(string)), nil, 200)
			require.Equal(t, "member.joined", strings.TrimPrefix(second["items"].([]any)[0].(map[string]any)["action"].(string), "orgs."))
		})
		t.Run("Access", func(t *testing.T) {
			for _, path := range []string{"/audit", "/audit/export?format=csv", "/audit/actions", "/audit/checkpoints"} {
				refused(t, a.member, get, org+path, nil, 403, "forbidden")
				refused(t, a.outsider, get, org+path, nil, 404, "not_found")
				refused(t, app.Client(), get, org+path, nil, 401, "unauthenticated")
			}
			// Who may not read it learns nothing of what is wrong with the filter.
			refused(t, a.member, get, org+"/audit?from=x", nil, 403, "forbidden")
		})
		t.Run("Actions", func(t *testing.T) {
			items := api(t, a.admin, get, org+"/audit/actions", nil, 200)["items"].([]any)
			require.Contains(t, items, object{"action": "orgs.member.role_changed", "group": "orgs.member", "target": "user",
				"sentence": "{actor} changed the role of {target} from {role.before} to {role.after}", "fields": []any{"role"}})
		})
		t.Run("Export", func(t *testing.T) {
			refused(t, a.admin, get, org+"/audit/export", nil, 422, "validation_failed")
			refused(t, a.admin, get, org+"/audit/export?format=xml", nil, 422, "validation_failed")
			text := export(t, a.admin, "format=ndjson")
			lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
			for i, line := range lines {
				var e struct {
					Seq    int
					Action string
				}
				require.NoError(t, json.Unmarshal([]byte(line), &e))
				require.Equal(t, i, e.Seq)
			}
			require.Contains(t, lines[len(lines)-1], "audit.exported", "an export is in the log itself")
			p := proofOf(t, a.admin)
			report := verify(t, text, p)
			require.True(t, report.OK(), report.Findings)
			require.EqualValues(t, len(lines), report.Entries)

			// What broke off goes on after the last line that arrived.
			var last struct{ ID string }
			require.NoError(t, json.Unmarshal([]byte(lines[4]), &last))
			rest := export(t, a.admin, "format=ndjson&cursor="+last.ID)
			whole := strings.Join(lines[:5], "\n") + "\n" + string(rest)
			require.True(t, verify(t, []byte(whole), proofOf(t, a.admin)).OK())
			refused(t, a.admin, get, org+"/audit/export?format=csv&cursor=nothing", nil, 422, "validation_failed")

			// An older proof notices whatever happens to what it covers.
			require.False(t, verify(t, []byte(strings.Replace(string(text), `"viewer"`, `"owner"`, 1)), p).OK())
			require.False(t, verify(t, []byte(strings.Join(lines[:len(lines)-1], "\n")), p).OK())

			table, err := csv.NewReader(bytes.NewReader(export(t, a.admin, "format=csv&action=orgs.*"))).ReadAll()
			require.NoError(t, err)
			require.Equal(t, "seq", table[0][0])
			var names []string
			for _, row := range table[1:] {
				names = append(names, row[11])
			}
			require.Contains(t, names, "'=Acme, \"Ltd\"", "no spreadsheet takes it for a formula")
		})
	})
}

// Without the plan there is nothing to read, but everything is recorded.
func TestAuditLogNeedsPlan(t *testing.T) {
	planned(t, "free", func(t *testing.T, app *settingstest.App, _ *zone) {
		c := app.SignUp(ada, "Ada")
		api(t, c, post, "/orgs", object{"name": "Acme Inc."}, 201)
		for _, path := range []string{"/audit", "/audit/export?format=csv", "/audit/actions", "/audit/checkpoints"} {
			refused(t, c, get, org+path, nil, 402, "plan_required")
		}
		r := c.Get("/settings/orgs/acme-inc/audit")
		require.Equal(t, 200, r.Status)
		require.Contains(t, string(r.Body), "part of the Pro plan")
	})
}

// Entries that are too old go, and what is left can still be proven.
func TestAuditRetention(t *testing.T) {
	planned(t, "pro", func(t *testing.T, app *settingstest.App, _ *zone) {
		c := app.SignUp(ada, "Ada")
		api(t, c, post, "/orgs", object{"name": "Acme Inc."}, 201)
		for _, name := range []string{"One", "Two", "Three", "Four", "Five"} {
			api(t, c, "PATCH", org, object{"name": name}, 200)
		}
		app.RunJob("audit.seal")
		before := proofOf(t, c)
		app.Clock.Advance(179 * 24 * time.Hour)
		app.RunJob("audit.prune")
		c = app.SignIn(ada)
		require.Len(t, entriesOf(t, c, ""), 6)
		api(t, c, "PATCH", org, object{"name": "Six"}, 200)

		app.Clock.Advance(2 * 24 * time.Hour)
		c = app.SignIn(ada)
		app.RunJob("audit.seal")
		app.RunJob("audit.prune")
		require.Equal(t, "updated", actionsOf(entriesOf(t, c, "")))
		text := export(t, c, "format=ndjson")
		p := proofOf(t, c)
		require.EqualValues(t, 6, p.Start)
		report := verify(t, text, p)
		require.True(t, report.OK(), report.Findings)
		require.EqualValues(t, 2, report.Entries)
		p.Checkpoints = append(p.Checkpoints, before.Checkpoints...)
		require.True(t, verify(t, text, p).OK())
	})
}
