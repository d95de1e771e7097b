package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/aegisrunner/account-settings/id"
)

var testTime = time.Date(2026, 11, 24, 10, 15, 0, 123456000, time.UTC)

func testEntry() Entry {
	ada := id.NewUser()
	e := Actor{
		Kind: KindUser, User: ada, Name: "Ada \"Countess\" Lovelace", Session: id.NewSession(),
		IP: netip.MustParseAddr("192.0.2.7"), UserAgent: `Mozilla/5.0 (\\ "x")`, RequestID: "r-1",
	}.Did("orgs.member.role_changed", UserTarget(id.NewUser(), "Grace]}"), testTime,
		Change{Field: "role", Before: "member", After: "admin"}, Change{Field: "x", Before: `"]}`, After: "\u2028<b>"})
	return e
}

func TestLineHoldsTheEntry(t *testing.T) {
	token := Actor{Kind: KindToken, Token: id.NewToken(), Name: "CI"}.Did("a.b", Target{Kind: "project", ID: "p"}, testTime)
	for name, e := range map[string]Entry{
		"full": testEntry(), "bare": Actor{}.Did("a.b", Target{}, testTime), "token": token,
		"refused": System("seal").WasRefused("a.b", Target{Kind: "org"}, "forbidden", testTime),
	} {
		t.Run(name, func(t *testing.T) {
			l := NewLine(e)
			require.True(t, json.Valid(l), "%s", l)
			require.NotContains(t, string(l), "\n")
			got, err := l.Entry()
			require.NoError(t, err)
			require.Equal(t, e, got)
		})
	}
}

func TestLineKeepsWhatCanBeKept(t *testing.T) {
	e := testEntry()
	e.ActorName = "A\x00da\xff" + strings.Repeat("é", 2000)
	e.UserAgent = strings.Repeat("x", 600)
	e.Reason = "line\nbreak \x1b[31m\u202e"
	got, err := NewLine(e).Entry()
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got.ActorName, "Ada\uFFFDé"))
	require.LessOrEqual(t, len(got.ActorName), maxText)
	require.Len(t, got.UserAgent, maxAgent)
	require.Equal(t, e.Reason, got.Reason)
	require.Equal(t, 1, len(bytes.Split(NewLine(e), []byte{'\n'})))
}

// The hash of a leaf covers every field, and equal entries have different hashes:
// who knows the hash cannot find a name by trying.
func TestLeafHash(t *testing.T) {
	e := testEntry()
	l := NewLine(e)
	h, err := l.LeafHash()
	require.NoError(t, err)
	again, err := NewLine(e).LeafHash()
	require.NoError(t, err)
	require.NotEqual(t, h, again)

	for i := range l {
		changed := bytes.Clone(l)
		changed[i] ^= 1
		if other, err := Line(changed).LeafHash(); err == nil {
			require.NotEqual(t, h, other, "byte %d of %s", i, l)
		}
	}
	placed := Line(l.At(17, h))
	require.True(t, json.Valid(placed))
	same, err := placed.LeafHash()
	require.NoError(t, err)
	require.Equal(t, h, same)
	got, err := placed.Entry()
	require.NoError(t, err)
	require.Equal(t, e, got)
}

func TestErase(t *testing.T) {
	e := testEntry()
	l := NewLine(e)
	want, err := l.LeafHash()
	require.NoError(t, err)

	actor, err := l.Erase(EraseActor)
	require.NoError(t, err)
	got, err := actor.Entry()
	require.NoError(t, err)
	e.ActorName, e.IP, e.UserAgent = "", netip.Addr{}, ""
	require.Equal(t, e, got)

	both, err := actor.Erase(EraseTarget)
	require.NoError(t, err)
	again, err := both.Erase(EraseActor | EraseTarget)
	require.NoError(t, err)
	require.Equal(t, both, again)
	got, err = both.Entry()
	require.NoError(t, err)
	e.Target.Name, e.Changes = "", nil
	require.Equal(t, e, got)

	for _, x := range []Line{actor, both} {
		h, err := x.LeafHash()
		require.NoError(t, err)
		require.Equal(t, want, h, "%s", x)
		require.True(t, json.Valid(x))
		for _, gone := range []string{"Countess", "192.0.2.7", "Mozilla"} {
			require.NotContains(t, string(x), gone)
		}
	}
	require.Contains(t, string(both), `"salts":[null,null]`)

	// A value that is put in the place of an erased one is not what was sealed.
	forged := bytes.Replace(both, []byte(`"name":{`), []byte(`"name":"Eve","x":{`), 1)
	_, err = Line(forged).LeafHash()
	require.ErrorIs(t, err, ErrLine)
}

// The tree is that of RFC 6962, by the library's own hasher.
func TestHashChildren(t *testing.T) {
	a, b := sha256.Sum256([]byte("a")), sha256.Sum256([]byte("b"))
	require.Equal(t, rfc6962.DefaultHasher.HashChildren(a[:], b[:]), hashChildren(a[:], b[:]))
}

func FuzzLine(f *testing.F) {
	l := NewLine(testEntry())
	h, _ := l.LeafHash()
	erased, _ := l.Erase(EraseActor | EraseTarget)
	for _, seed := range [][]byte{l, l.At(3, h), erased, []byte("{}"), l[:40], NewLine(Entry{})} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := Line(b).LeafHash()
		if err != nil {
			require.ErrorIs(t, err, ErrLine)
			return
		}
		x, err := Line(b).Erase(EraseActor | EraseTarget)
		require.NoError(t, err)
		same, err := x.LeafHash()
		require.NoError(t, err)
		require.Equal(t, h, same)
	})
}

func FuzzTexts(f *testing.F) {
	f.Add("Ada", `"`, "\xff\x00")
	f.Fuzz(func(t *testing.T, name, field, value string) {
		e := testEntry()
		e.ActorName, e.Changes = name, []Change{{field, value, name}}
		l := NewLine(e)
		_, err := l.LeafHash()
		require.NoError(t, err)
		got, err := l.Entry()
		require.NoError(t, err)
		require.Equal(t, clean(name, maxText), got.ActorName)
		require.Equal(t, clean(value, maxText), got.Changes[0].Before)
	})
}
