package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/aegisrunner/account-settings/id"
)

const (
	sealBatch = 1000 // entries in one transaction
	orgBatch  = 100
)

var ranges = compact.RangeFactory{Hash: hashChildren}

// hashChildren is rfc6962.DefaultHasher.HashChildren with a third of its cost.
func hashChildren(left, right []byte) []byte {
	var b [65]byte
	b[0] = rfc6962.RFC6962NodeHashPrefix
	copy(b[1:], left)
	copy(b[33:], right)
	h := sha256.Sum256(b[:])
	return h[:]
}

// Seal gives every entry that has none its place in the tree of its
// organization's log, and signs what the trees are then. It is safe to run on
// many nodes at once and to kill at any point. Those who append do not wait for
// it.
func (s *Service) Seal(ctx context.Context) error {
	for {
		orgs, _, err := s.c.Store.Unsealed(ctx, orgBatch)
		if err != nil || len(orgs) == 0 {
			return err
		}
		for _, org := range orgs {
			if err := s.seal(ctx, org); err != nil {
				return fmt.Errorf("audit: seal the log of %s: %w", org, err)
			}
		}
	}
}

// seal seals what is in a log by now.
func (s *Service) seal(ctx context.Context, org id.Org) error {
	for {
		n := 0
		err := s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
			t, err := tx.LockTree(ctx, org)
			if err != nil {
				return err
			}
			waiting, err := tx.ToSeal(ctx, org, sealBatch)
			if n = len(waiting); err != nil || n == 0 {
				return err
			}
			t, leaves, err := grow(t, waiting)
			if err != nil {
				return err
			}
			if t, err = s.sign(t, s.now()); err != nil {
				return err
			}
			return tx.Seal(ctx, t, leaves)
		})
		if err != nil || n < sealBatch {
			return err
		}
	}
}

// grow appends entries to a tree.
func grow(t Tree, waiting []Stored) (Tree, []Leaf, error) {
	r, err := rangeOf(t.Size, t.Hashes)
	if err != nil {
		return t, nil, err
	}
	leaves := make([]Leaf, len(waiting))
	var y layout
	for i, w := range waiting {
		if err := y.read(w.Line); err != nil {
			return t, nil, fmt.Errorf("entry %s: %w", w.ID, err)
		}
		h, err := y.hash(w.Line)
		if err != nil {
			return t, nil, fmt.Errorf("entry %s: %w", w.ID, err)
		}
		leaves[i] = Leaf{Entry: w.ID, Seq: t.Size + uint64(i), Hash: h}
		if err := r.Append(h[:], nil); err != nil {
			return t, nil, err
		}
	}
	t.Size, t.Hashes = r.End(), hashesOf(r)
	return t, leaves, nil
}

// rangeOf is the part [0, size) of a tree, of its largest full subtrees.
func rangeOf(size uint64, hashes [][32]byte) (*compact.Range, error) {
	parts := make([][]byte, len(hashes))
	for i := range hashes {
		parts[i] = hashes[i][:]
	}
	return ranges.NewRange(0, size, parts)
}

func hashesOf(r *compact.Range) [][32]byte {
	hashes := make([][32]byte, len(r.Hashes()))
	for i, h := range r.Hashes() {
		hashes[i] = [32]byte(h)
	}
	return hashes
}

func rootOf(r *compact.Range) ([]byte, error) {
	if r.End() == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	return r.GetRootHash(nil)
}

// Origin is the name of an organization's log in its checkpoints.
func (s *Service) Origin(org id.Org) string { return s.c.Origin + "/" + org.String() }

// sign makes the checkpoint of t.
func (s *Service) sign(t Tree, now time.Time) (Tree, error) {
	r, err := rangeOf(t.Size, t.Hashes)
	if err != nil {
		return t, err
	}
	root, err := rootOf(r)
	if err != nil {
		return t, err
	}
	signer, err := s.signer(t.Org)
	if err != nil {
		return t, err
	}
	text := log.Checkpoint{Origin: s.Origin(t.Org), Size: t.Size, Hash: root}.Marshal()
	t.At = now
	t.Note, err = note.Sign(&note.Note{Text: string(text)}, signer)
	return t, err
}

// PublicKey returns what the checkpoints of an organization's log are verified
// with, in the form of package golang.org/x/mod/sumdb/note.
func (s *Service) PublicKey(org id.Org) (string, error) {
	return note.NewEd25519VerifierKey(s.Origin(org), s.key.Public().(ed25519.PublicKey))
}

// signer signs notes with a key that is not a file.
type signer struct {
	name string
	hash uint32
	key  ed25519.PrivateKey
}

func (s *Service) signer(org id.Org) (note.Signer, error) {
	public, err := s.PublicKey(org)
	if err != nil {
		return nil, err
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		return nil, err
	}
	return signer{v.Name(), v.KeyHash(), s.key}, nil
}

func (s signer) Name() string                     { return s.name }
func (s signer) KeyHash() uint32                  { return s.hash }
func (s signer) Sign(text []byte) ([]byte, error) { return ed25519.Sign(s.key, text), nil }

// Proof is what an export of a log is verified with: see [Verify].
type Proof struct {
	Origin    string
	PublicKey string

	// Entries before Start have been removed for their age; StartHashes stands for
	// them.
	Start       uint64
	StartHashes [][32]byte

	Checkpoints []Checkpoint // the largest first
	Next        uint64       // the size below which there are more; zero: that was all
}

// Checkpoints returns at most limit checkpoints of an organization's log whose
// size is below that given (zero: the newest), the largest first, and what
// belongs to them. It seals what is not sealed yet.
func (s *Service) Checkpoints(ctx context.Context, a Actor, ref string, below uint64, limit int) (Proof, error) {
	org, _, err := s.c.Gate.AdmitToLog(ctx, a, ref)
	if err != nil {
		return Proof{}, err
	}
	if below == 0 {
		if err := s.seal(ctx, org); err != nil {
			return Proof{}, err
		}
	}
	t, err := s.c.Store.LogTree(ctx, org)
	if err != nil {
		return Proof{}, err
	}
	p := Proof{Origin: s.Origin(org), Start: t.Start, StartHashes: t.StartHashes}
	if p.PublicKey, err = s.PublicKey(org); err != nil {
		return Proof{}, err
	}
	p.Checkpoints, err = s.c.Store.Checkpoints(ctx, org, below, limit+1)
	if len(p.Checkpoints) > limit {
		p.Checkpoints = p.Checkpoints[:limit]
		p.Next = p.Checkpoints[limit-1].Size
	}
	return p, err
}
