package audit

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/id"
)

// sealedLog is an export with its checkpoints, made without a store.
type sealedLog struct {
	lines []Line
	proof Proof
}

func sealLog(t testing.TB, sizes ...int) sealedLog {
	t.Helper()
	seed := sha256.Sum256([]byte("a log of tests"))
	s := &Service{c: Config{Origin: "app.acme.test/audit"}, key: newKey(seed)}
	tree := Tree{Org: id.NewOrg()}
	var l sealedLog
	for _, size := range sizes {
		waiting := make([]Stored, size-len(l.lines))
		for i := range waiting {
			e := testEntry()
			waiting[i] = Stored{Line: NewLine(e), ID: e.ID}
		}
		grown, leaves, err := grow(tree, waiting)
		require.NoError(t, err)
		for i, leaf := range leaves {
			l.lines = append(l.lines, waiting[i].Line.At(leaf.Seq, leaf.Hash))
		}
		tree, err = s.sign(grown, testTime)
		require.NoError(t, err)
		l.proof.Checkpoints = append(l.proof.Checkpoints, Checkpoint{Size: tree.Size, Note: tree.Note})
	}
	l.proof.Origin = s.Origin(tree.Org)
	var err error
	l.proof.PublicKey, err = s.PublicKey(tree.Org)
	require.NoError(t, err)
	return l
}

func (l sealedLog) verify(t testing.TB, lines []Line, p Proof, kept ...[]byte) Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(join(lines)), p, kept...)
	require.NoError(t, err)
	return r
}

func join(lines []Line) []byte {
	var b []byte
	for _, l := range lines {
		b = append(append(b, l...), '\n')
	}
	return b
}

func kinds(r Report) string {
	out := ""
	for _, f := range r.Findings {
		out += fmt.Sprintf("%s %d-%d; ", f.Kind, f.From, f.To)
		if f.String() == "" {
			panic("a finding without words")
		}
	}
	return out
}

// reseal gives lines claims of their own content, as somebody would who can
// change the whole database but not the checkpoints that are kept elsewhere.
func reseal(t testing.TB, lines []Line) []Line {
	out := make([]Line, len(lines))
	for i, l := range lines {
		var y layout
		require.NoError(t, y.read(l))
		h, err := y.hash(l)
		require.NoError(t, err)
		plain := append(slices.Clone(l[:y.end]), "]}"...)
		out[i] = plain.At(uint64(i), h)
	}
	return out
}

func TestVerify(t *testing.T) {
	l := sealLog(t, 3, 10, 11, 300)
	edit := func(fn func(lines []Line) []Line) []Line { return fn(slices.Clone(l.lines)) }
	altered := func(x Line) Line { return bytes.Replace(x, []byte(`"member"`), []byte(`"viewer"`), 1) }

	cases := map[string]struct {
		lines []Line
		want  string
	}{
		"untouched":         {l.lines, ""},
		"the tail is gone":  {l.lines[:290], "missing 290-299; "},
		"nothing is left":   {nil, "missing 0-299; "},
		"the first is gone": {l.lines[1:], "missing 0-0; "},
		"some are gone":     {slices.Concat(l.lines[:20], l.lines[25:]), "missing 20-24; "},
		"one altered": {edit(func(x []Line) []Line {
			x[5] = altered(x[5])
			return x
		}), "altered 5-5; "},
		"two altered in two batches": {edit(func(x []Line) []Line {
			x[5], x[200] = altered(x[5]), altered(x[200])
			return x
		}), "altered 5-5; altered 200-200; "},
		"altered with its claim": {edit(func(x []Line) []Line {
			x[5] = altered(x[5])
			return reseal(t, x)
		}), "rewritten 3-9; "},
		"exchanged": {edit(func(x []Line) []Line {
			x[5], x[6] = x[6], x[5]
			return x
		}), "missing 5-5; inserted 5-5; "},
		"exchanged with their places": {edit(func(x []Line) []Line {
			x[5], x[6] = x[6], x[5]
			return reseal(t, x)
		}), "rewritten 3-9; "},
		"one inserted": {edit(func(x []Line) []Line {
			return reseal(t, slices.Insert(x, 50, NewLine(testEntry()).At(0, [32]byte{})))
		}), "rewritten 11-299; uncovered 300-300; "},
		"one repeated":                      {slices.Insert(slices.Clone(l.lines), 50, l.lines[49]), "inserted 49-49; "},
		"one removed and the rest moved up": {reseal(t, slices.Delete(slices.Clone(l.lines), 7, 8)), "rewritten 3-9; missing 299-299; "},
		"one without a place":               {append(slices.Clone(l.lines), NewLine(testEntry())), "no_seal 0-0; "},
		"one beyond the checkpoint":         {reseal(t, append(slices.Clone(l.lines), l.lines[0])), "uncovered 300-300; "},
		"something else":                    {append(slices.Clone(l.lines), Line(`{"seq":300}`)), "not_a_line 0-0; "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := l.verify(t, c.lines, l.proof)
			require.Equal(t, c.want, kinds(r))
			require.Equal(t, c.want == "", r.OK())
		})
	}
}

// A history that was written anew is signed like the true one, by the same key.
// A checkpoint that was kept tells them apart.
func TestVerifyKeptCheckpoints(t *testing.T) {
	l := sealLog(t, 100, 200)
	newest := l.proof
	newest.Checkpoints = newest.Checkpoints[1:]
	kept := l.proof.Checkpoints[0].Note
	require.True(t, l.verify(t, l.lines, newest, kept).OK())

	s := &Service{c: Config{Origin: "app.acme.test/audit"}, key: newKey(sha256.Sum256([]byte("a log of tests")))}
	org, err := id.ParseOrg(newest.Origin[len("app.acme.test/audit/"):])
	require.NoError(t, err)
	lines := slices.Clone(l.lines)
	lines[7] = bytes.Replace(lines[7], []byte(`"member"`), []byte(`"viewer"`), 1)
	waiting := make([]Stored, len(lines))
	for i, x := range lines {
		var y layout
		require.NoError(t, y.read(x))
		waiting[i] = Stored{Line: append(slices.Clone(x[:y.end]), "]}"...)}
	}
	tree, leaves, err := grow(Tree{Org: org}, waiting)
	require.NoError(t, err)
	for i := range lines {
		lines[i] = waiting[i].Line.At(leaves[i].Seq, leaves[i].Hash)
	}
	tree, err = s.sign(tree, testTime)
	require.NoError(t, err)
	newest.Checkpoints = []Checkpoint{{Size: tree.Size, Note: tree.Note}}
	require.True(t, l.verify(t, lines, newest).OK(), "by itself it is a log like any other")
	require.Equal(t, "rewritten 0-99; ", kinds(l.verify(t, lines, newest, kept)))

	// Both of one size.
	short := l.proof.Checkpoints[1].Note
	require.Equal(t, "rewritten 0-199; ", kinds(l.verify(t, lines, newest, short)))
}

func TestVerifyAfterErasing(t *testing.T) {
	l := sealLog(t, 20)
	for i := range l.lines {
		x, err := l.lines[i].Erase(EraseActor | EraseTarget)
		require.NoError(t, err)
		l.lines[i] = x
	}
	require.True(t, l.verify(t, l.lines, l.proof).OK())
}

func TestVerifyAfterPruning(t *testing.T) {
	l := sealLog(t, 5, 17, 40)
	p := l.proof
	r, err := rangeOf(0, nil)
	require.NoError(t, err)
	for _, x := range l.lines[:13] {
		h, err := x.LeafHash()
		require.NoError(t, err)
		require.NoError(t, r.Append(h[:], nil))
	}
	p.Start, p.StartHashes = 13, hashesOf(r)
	report := l.verify(t, l.lines[13:], p)
	require.True(t, report.OK(), kinds(report))
	require.Equal(t, 2, report.Checkpoints, "the first lies before what is kept")
	require.Equal(t, "missing 13-13; ", kinds(l.verify(t, l.lines[14:], p)))

	p.StartHashes[0][0] ^= 1
	require.Equal(t, "rewritten 13-16; ", kinds(l.verify(t, l.lines[13:], p)))
}

func TestVerifyRefusesForeignCheckpoints(t *testing.T) {
	l, other := sealLog(t, 3), sealLog(t, 3)
	for name, p := range map[string]Proof{
		"another log": {Origin: l.proof.Origin, PublicKey: l.proof.PublicKey, Checkpoints: other.proof.Checkpoints},
		"another key": {Origin: l.proof.Origin, PublicKey: other.proof.PublicKey, Checkpoints: l.proof.Checkpoints},
		"no key":      {Origin: l.proof.Origin, Checkpoints: l.proof.Checkpoints},
		"no subtrees": {Origin: l.proof.Origin, PublicKey: l.proof.PublicKey, Start: 3},
	} {
		_, err := Verify(bytes.NewReader(join(l.lines)), p)
		require.ErrorIs(t, err, ErrCheckpoint, name)
	}
	r, err := Verify(bytes.NewReader(join(l.lines)), Proof{Origin: l.proof.Origin, PublicKey: l.proof.PublicKey})
	require.NoError(t, err)
	require.Equal(t, "no_checkpoint 0-0; ", kinds(r))
	forged := bytes.Replace(l.proof.Checkpoints[0].Note, []byte("\n3\n"), []byte("\n4\n"), 1)
	_, err = Verify(bytes.NewReader(join(l.lines)), l.proof, forged)
	require.ErrorIs(t, err, ErrCheckpoint)
}

// BenchmarkVerify compares with SHA-256 of the same bytes, by the median of
// interleaved rounds.
func BenchmarkVerify(b *testing.B) {
	l := sealLog(b, 20_000)
	export := join(l.lines)
	var verifying, hashing []int64
	for b.Loop() {
		verifying = append(verifying, elapsed(func() {
			r, err := Verify(bytes.NewReader(export), l.proof)
			if err != nil || !r.OK() {
				b.Fatal(err, r)
			}
		}))
		hashing = append(hashing, elapsed(func() { _ = sha256.Sum256(export) }))
	}
	slices.Sort(verifying)
	slices.Sort(hashing)
	b.SetBytes(int64(len(export)))
	b.ReportMetric(float64(hashing[len(hashing)/2])/float64(verifying[len(verifying)/2]), "of-sha256")
}
