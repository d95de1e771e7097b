package accounts

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"iter"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/secretbox"
)

var asked = time.Date(2026, time.March, 14, 15, 9, 26, 0, time.UTC)

// part is what a source writes, in memory.
func part() (*exportWriter, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return &exportWriter{zip: zip.NewWriter(out), folder: "runs", at: asked, names: map[string]bool{}, beat: func(int) error { return nil }}, out
}

// files reads what was written.
func files(t *testing.T, w *exportWriter, out *bytes.Buffer) map[string]string {
	t.Helper()
	require.NoError(t, w.zip.Close())
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	require.NoError(t, err)
	all := map[string]string{}
	for _, f := range archive.File {
		require.True(t, f.Modified.Equal(asked))
		in, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(in)
		require.NoError(t, err)
		all[f.Name] = string(text)
	}
	return all
}

func TestExportWriter(t *testing.T) {
	w, out := part()
	require.Equal(t, asked, w.At())
	require.NoError(t, w.JSON("one.json", map[string]string{"name": "<Ada & co>"}))
	list := func(n int) iter.Seq2[any, error] {
		return func(yield func(any, error) bool) {
			for i := range n {
				if !yield(map[string]int{"n": i}, nil) {
					return
				}
			}
		}
	}
	require.NoError(t, w.List("none.json", list(0)))
	require.NoError(t, w.List("two.json", list(2)))
	require.NoError(t, w.Table("t.csv", []string{"a", "b"}, func(yield func([]string, error) bool) {
		_ = yield([]string{"=1+1", "x,\"y\""}, nil) && yield([]string{"", "line\nbreak"}, nil)
	}))
	got := files(t, w, out)
	require.Equal(t, "{\n  \"name\": \"<Ada & co>\"\n}\n", got["runs/one.json"])
	require.JSONEq(t, `[]`, got["runs/none.json"])
	require.Equal(t, "[\n  {\n    \"n\": 0\n  },\n  {\n    \"n\": 1\n  }\n]\n", got["runs/two.json"])
	require.Equal(t, "a,b\r\n'=1+1,\"x,\"\"y\"\"\"\r\n,\"line\r\nbreak\"\r\n", got["runs/t.csv"])
	require.Equal(t, 4+2+2, w.records)
}

// What a list or a table ends with is what the source is told.
func TestExportWriterPassesFailuresOn(t *testing.T) {
	away := errors.New("away")
	w, _ := part()
	require.ErrorIs(t, w.List("l.json", func(yield func(any, error) bool) { yield(nil, away) }), away)
	require.ErrorIs(t, w.Table("t.csv", nil, func(yield func([]string, error) bool) { yield(nil, away) }), away)
	require.Error(t, w.JSON("c.json", make(chan int)))
	w.beat = func(int) error { return ErrExportNotFound }
	_, err := w.Create("x.txt")
	require.ErrorIs(t, err, ErrExportNotFound, "whoever has lost the claim is told at once")
}

func TestExportNames(t *testing.T) {
	w, _ := part()
	for _, name := range []string{"a", "A-b_c.D1", "2026/01/run.json", strings.Repeat("a", 200)} {
		_, err := w.Create(name)
		require.NoError(t, err, name)
	}
	for _, name := range []string{
		"", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "a\\b", "a b", "é", "a\x00", "a:b", "A", "a-B_C.d1", strings.Repeat("b", 201),
	} {
		_, err := w.Create(name)
		require.ErrorIs(t, err, ErrExportName, "%q", name)
	}
	for i := range maxExportFiles - len(w.names) {
		w.names[strconv.Itoa(i)+"*"] = true
	}
	_, err := w.Create("one-more")
	require.ErrorIs(t, err, errTooManyFiles)
}

type named string

func (n named) Name() string { return string(n) }

func (named) Export(context.Context, id.User, ExportWriter) error { return nil }

func TestExportSources(t *testing.T) {
	require.Empty(t, checkSources([]ExportSource{named("a"), named("runs-2"), named(strings.Repeat("a", 40))}))
	for _, name := range []string{"", "A", "-a", "a-", "a/b", "a.b", "README.txt", strings.Repeat("a", 41)} {
		require.Len(t, checkSources([]ExportSource{named(name)}), 1, "%q", name)
	}
	require.Len(t, checkSources([]ExportSource{named("a"), named("a"), nil}), 2)
}

// shelf is a store of blobs in memory.
type shelf map[string][]byte

func (s shelf) PutBlob(_ context.Context, name, _ string, data []byte) error {
	s[name] = bytes.Clone(data)
	return nil
}

func (s shelf) Blob(_ context.Context, name string) (string, []byte, error) {
	data, ok := s[name]
	if !ok {
		return "", nil, ErrNoBlob
	}
	return "", data, nil
}

func (s shelf) DeleteBlobs(_ context.Context, prefix string) error {
	maps.DeleteFunc(s, func(name string, _ []byte) bool { return strings.HasPrefix(name, prefix) })
	return nil
}

// Chunks are read as they were written, from wherever one begins, and a chunk that
// was moved, left out or cut is noticed.
func TestExportChunks(t *testing.T) {
	blobs := shelf{}
	key, mac := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(key)
	_, _ = rand.Read(mac)
	ring, err := secretbox.New("k", map[string][]byte{"k": key}, mac)
	require.NoError(t, err)
	s := &Service{c: Config{Blobs: blobs, Sealer: ring, Now: func() time.Time { return asked }}}
	e := Export{ID: id.NewExport(), Claim: 3}
	text := make([]byte, 2*exportChunk+exportChunk/2)
	_, _ = rand.Read(text)
	written := 0
	w := s.writeExport(t.Context(), e, func() error { written++; return nil })
	for rest := text; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), 700_001)])
		require.NoError(t, err)
		rest = rest[n:]
	}
	p, err := w.close()
	require.NoError(t, err)
	require.Equal(t, ExportPart{Claim: 3, Size: int64(len(text))}, p)
	require.Equal(t, 3, written, "the claim is renewed before each blob")

	r := s.readExport(t.Context(), e, p)
	got, err := io.ReadAll(io.NewSectionReader(r, 0, p.Size))
	require.NoError(t, err)
	require.True(t, bytes.Equal(text, got))
	for _, at := range []int64{0, exportChunk - 1, exportChunk, exportChunk + 1, 2*exportChunk + 17} {
		three := make([]byte, 3)
		_, err := r.ReadAt(three, at)
		require.NoError(t, err)
		require.Equal(t, text[at:at+3], three)
	}
	n, err := r.ReadAt(make([]byte, 10), p.Size-4)
	require.Equal(t, 4, n)
	require.ErrorIs(t, err, io.EOF)

	for _, name := range []string{"exports/" + e.ID.String() + "/3/0", "exports/" + e.ID.String() + "/3/2"} {
		_, sealed, err := blobs.Blob(t.Context(), name)
		require.NoError(t, err)
		require.False(t, bytes.Contains(sealed, text[:32]))
	}
	other := e
	other.ID = id.NewExport()
	_, sealed, err := blobs.Blob(t.Context(), chunkName(e.ID, 3, 0))
	require.NoError(t, err)
	require.NoError(t, blobs.PutBlob(t.Context(), chunkName(other.ID, 3, 0), "", sealed))
	_, err = s.readExport(t.Context(), other, p).ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, secretbox.ErrCorrupt, "it opens for no other export")
	require.NoError(t, blobs.DeleteBlobs(t.Context(), chunkName(e.ID, 3, 1)))
	_, err = s.readExport(t.Context(), e, p).ReadAt(make([]byte, 1), exportChunk)
	require.ErrorIs(t, err, ErrNoBlob)
	short := p
	short.Size -= 5
	_, err = s.readExport(t.Context(), e, short).ReadAt(make([]byte, 1), 2*exportChunk)
	require.ErrorIs(t, err, errExportBroken)
}
