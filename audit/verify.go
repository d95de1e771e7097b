package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"golang.org/x/mod/sumdb/note"
)

// FindingKind says what is wrong with an export.
type FindingKind string

// What can be wrong.
const (
	NotALine     FindingKind = "not_a_line"    // text that no log writes
	NoSeal       FindingKind = "no_seal"       // an entry without a place in the log
	Missing      FindingKind = "missing"       // entries that are not there
	Altered      FindingKind = "altered"       // an entry that is not what was sealed
	Inserted     FindingKind = "inserted"      // an entry at a place that is taken, or behind its place
	Uncovered    FindingKind = "uncovered"     // entries beyond the newest checkpoint
	Rewritten    FindingKind = "rewritten"     // the log is another than a checkpoint has signed
	NoCheckpoint FindingKind = "no_checkpoint" // nothing to compare with
)

// Finding is one thing that is wrong. The places From to To, both included, are
// concerned; Line is that of the text, from 1, zero where none is meant.
type Finding struct {
	Kind     FindingKind
	From, To uint64
	Line     int
}

func (f Finding) String() string {
	places := fmt.Sprintf("entry %d", f.From)
	if f.To != f.From {
		places = fmt.Sprintf("entries %d to %d", f.From, f.To)
	}
	switch f.Kind {
	case NotALine:
		return fmt.Sprintf("line %d is not an entry of a log", f.Line)
	case NoSeal:
		return fmt.Sprintf("line %d has no place in the log: it proves nothing", f.Line)
	case Missing:
		return places + " missing"
	case Altered:
		return places + " altered"
	case Inserted:
		return fmt.Sprintf("line %d is at a place that is taken, %d", f.Line, f.From)
	case Uncovered:
		return places + " newer than every checkpoint: get a newer one"
	case Rewritten:
		return fmt.Sprintf("the log is not the one that was signed: the checkpoint of size %d does not match, and the difference lies in %s", f.To+1, places)
	default:
		return "there is no checkpoint to compare the entries with"
	}
}

// Report is what verifying an export has found.
type Report struct {
	Origin      string
	Entries     uint64 // read
	From, Size  uint64 // the places [From, Size) were looked at
	Checkpoints int    // that were compared with the entries
	Findings    []Finding
}

// OK reports whether the export is complete and unchanged.
func (r Report) OK() bool { return len(r.Findings) == 0 }

// maxFindings is how many findings are reported: of a file that is something else
// altogether each line is one.
const maxFindings = 100

// maxLine is how long a line of an export may be.
const maxLine = 1 << 20

// ErrCheckpoint is returned for a checkpoint that is of another log or not signed
// by its key.
var ErrCheckpoint = errors.New("audit: not a checkpoint of this log")

// Verify reads a complete NDJSON export and compares it with checkpoints: those
// of p, which may come from whoever made the export, and those that the caller
// has kept, as signed notes. What it proves is that no entry was removed (the
// newest ones included), inserted, exchanged or altered since each checkpoint was
// signed. So what it is worth depends on checkpoints, and the public key, that
// were kept where those who could change the log could not reach them.
//
// Whoever has erased a person from the log has changed nothing that is proven.
// The memory it takes does not depend on the number of entries. It uses as many
// processors as there are, with goroutines that end before it does. The error is
// that of reading, [ErrCheckpoint], or [ErrLine] for a line of more than 1 MiB;
// what is wrong with the export is in the report.
func Verify(export io.Reader, p Proof, kept ...[]byte) (Report, error) {
	v, err := newVerifier(p, kept)
	if err != nil {
		return Report{}, err
	}
	blocks := make([]block, max(1, runtime.GOMAXPROCS(0)))
	in := bufio.NewReaderSize(export, 64<<10)
	for more := true; more; {
		var read sync.WaitGroup
		for i := range blocks {
			b := &blocks[i]
			b.results = b.results[:0]
			if !more {
				continue
			}
			if more, err = b.fill(in); err != nil {
				read.Wait()
				return Report{}, err
			}
			read.Go(b.read)
		}
		read.Wait()
		for i := range blocks {
			for _, r := range blocks[i].results {
				if err := v.line(r); err != nil {
					return Report{}, err
				}
			}
		}
	}
	return v.finish(), nil
}

// block is a part of an export, of whole lines. Several are read at a time.
type block struct {
	text    []byte
	results []result
	y       layout
}

// result is a line that was read.
type result struct {
	kind    FindingKind // what is wrong with it; "": nothing so far
	seq     uint64
	hash    [32]byte
	claimed [32]byte // the leaf hash that the line names
}

const blockSize = 256 << 10

// fill reads whole lines, and reports whether there may be more.
func (b *block) fill(in *bufio.Reader) (more bool, err error) {
	b.text = b.text[:0]
	start := 0 // of the line that is being read
	for len(b.text) < blockSize || start < len(b.text) {
		part, err := in.ReadSlice('\n')
		b.text = append(b.text, part...)
		switch {
		case err == nil:
			start = len(b.text)
		case errors.Is(err, io.EOF):
			return false, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return false, err
		case len(b.text)-start > maxLine:
			return false, fmt.Errorf("%w: a line is longer than %d bytes", ErrLine, maxLine)
		}
	}
	return true, nil
}

func (b *block) read() {
	for text := b.text; len(text) > 0; {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		text = rest
		if line = bytes.TrimSuffix(line, []byte{'\r'}); len(line) > 0 {
			b.results = append(b.results, b.readLine(line))
		}
	}
}

func (b *block) readLine(line []byte) (r result) {
	err := b.y.read(line)
	if err == nil {
		r.hash, err = b.y.hash(line)
	}
	var claimed [33]byte
	switch {
	case err != nil:
		r.kind = NotALine
	case b.y.leaf == nil:
		r.kind = NoSeal
	default:
		r.seq = b.y.seq
		if n, err := base64.StdEncoding.Strict().Decode(claimed[:], b.y.leaf); err != nil || n != len(r.claimed) {
			r.kind = NotALine
		}
		r.claimed = [32]byte(claimed[:32])
	}
	return r
}

type signed struct {
	size uint64
	root []byte
}

type verifier struct {
	report      Report
	checkpoints []signed // by size
	passed      int      // of them
	matched     uint64   // the size of the largest that was equal

	tree    *compact.Range
	claimed *compact.Range // of the leaf hashes that the lines name; nil while they are the same
	suspect []Finding      // lines that are not what they say, since the last equal checkpoint
	gap     bool           // an entry is missing, and the tree cannot be made
	broken  bool           // a checkpoint differed: all later ones will
	next    uint64         // the place that is due
	lines   int
}

func newVerifier(p Proof, kept [][]byte) (*verifier, error) {
	key, err := note.NewVerifier(p.PublicKey)
	if err != nil || key.Name() != p.Origin {
		return nil, fmt.Errorf("%w: the public key is not one of %q", ErrCheckpoint, p.Origin)
	}
	v := &verifier{report: Report{Origin: p.Origin, From: p.Start}, next: p.Start, matched: p.Start}
	for _, c := range p.Checkpoints {
		kept = append(kept, c.Note)
	}
	for _, text := range kept {
		n, err := note.Open(text, note.VerifierList(key))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
		}
		var c log.Checkpoint
		if _, err := c.Unmarshal([]byte(n.Text)); err != nil || c.Origin != p.Origin {
			return nil, fmt.Errorf("%w: it is of %q", ErrCheckpoint, c.Origin)
		}
		v.checkpoints = append(v.checkpoints, signed{c.Size, c.Hash})
	}
	slices.SortFunc(v.checkpoints, func(a, b signed) int { return cmp.Compare(a.size, b.size) })
	// Of what lies before the first entry that is kept, nothing is there to compare.
	v.checkpoints = slices.DeleteFunc(v.checkpoints, func(c signed) bool { return c.size < p.Start })
	if v.tree, err = rangeOf(p.Start, p.StartHashes); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return v, v.compare()
}

func (v *verifier) find(f Finding) {
	if len(v.report.Findings) < maxFindings {
		v.report.Findings = append(v.report.Findings, f)
	}
}

func (v *verifier) line(r result) error {
	v.lines++
	switch {
	case r.kind != "":
		v.find(Finding{Kind: r.kind, Line: v.lines})
		return nil
	case r.seq < v.next:
		v.find(Finding{Kind: Inserted, From: r.seq, To: r.seq, Line: v.lines})
		return nil
	case r.seq > v.next:
		v.find(Finding{Kind: Missing, From: v.next, To: r.seq - 1})
		v.gap = true
	}
	v.next = r.seq + 1
	v.report.Entries++
	if r.hash != r.claimed {
		v.suspect = append(v.suspect, Finding{Kind: Altered, From: r.seq, To: r.seq, Line: v.lines})
	}
	if v.gap {
		return nil
	}
	return v.append(r)
}

// append puts an entry into the tree, and into that of the claims once the two
// differ.
func (v *verifier) append(r result) error {
	if r.hash != r.claimed && v.claimed == nil {
		fork, err := ranges.NewRange(0, v.tree.End(), slices.Clone(v.tree.Hashes()))
		if err != nil {
			return err
		}
		v.claimed = fork
	}
	if v.claimed != nil {
		if err := v.claimed.Append(bytes.Clone(r.claimed[:]), nil); err != nil {
			return err
		}
	}
	if err := v.tree.Append(bytes.Clone(r.hash[:]), nil); err != nil {
		return err
	}
	return v.compare()
}

// compare compares the tree with the checkpoints of its size.
func (v *verifier) compare() error {
	for v.passed < len(v.checkpoints) && v.checkpoints[v.passed].size <= v.tree.End() {
		c := v.checkpoints[v.passed]
		v.passed++
		v.report.Checkpoints++
		root, err := rootOf(v.tree)
		if err != nil {
			return err
		}
		equal := bytes.Equal(root, c.root)
		if !equal && v.claimed != nil {
			// The lines that are not what they claim are those that were altered, if
			// what they claim is what was signed.
			if root, err = rootOf(v.claimed); err != nil {
				return err
			}
			if bytes.Equal(root, c.root) {
				for _, f := range v.suspect {
					v.find(f)
				}
				v.suspect, v.matched, v.tree = nil, c.size, v.claimed
				v.claimed = nil
				continue
			}
		}
		switch {
		case equal:
			v.matched = c.size
		case v.broken:
		case c.size > v.matched:
			v.find(Finding{Kind: Rewritten, From: v.matched, To: c.size - 1})
			v.broken = true
		default: // another one of this size is equal
			v.find(Finding{Kind: Rewritten, From: 0, To: max(c.size, 1) - 1})
		}
	}
	return nil
}

func (v *verifier) finish() Report {
	for _, f := range v.suspect {
		v.find(f)
	}
	if v.report.Checkpoints == 0 && len(v.checkpoints) == 0 {
		v.find(Finding{Kind: NoCheckpoint})
	}
	v.report.Size = v.next
	if n := len(v.checkpoints); n > 0 {
		newest := v.checkpoints[n-1].size
		if v.next < newest {
			v.find(Finding{Kind: Missing, From: v.next, To: newest - 1})
		}
		if v.next > newest {
			v.find(Finding{Kind: Uncovered, From: max(newest, v.report.From), To: v.next - 1})
		}
	}
	return v.report
}
