package audit

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
)

// Format is what an export looks like.
type Format string

// The formats.
const (
	CSV    Format = "csv"    // RFC 4180, for spreadsheets
	NDJSON Format = "ndjson" // a [Line] in each line of text, with its place in the log
)

// exportPage is how many entries are held in memory at a time.
const exportPage = 1000

// Export is the entries that somebody may take away. It is written once.
type Export struct {
	s      *Service
	org    id.Org
	filter Filter
	format Format
	after  Stored // where to go on; zero: from the first
}

// Export lets those who may read an organization's log take away what f chooses
// of it, oldest first: begin after the entry given (zero: with the first), such
// as the last one of an export that broke off. That it was exported is recorded
// before anything is.
//
// Everything that was committed before is sealed first. An export without a
// filter has the entries in the order of their seals, each with its place, and
// can be verified, see [Verify]; one with a filter is in the order of time.
func (s *Service) Export(ctx context.Context, a Actor, ref string, f Filter, format Format, after id.Entry) (*Export, error) {
	org, name, err := s.c.Gate.AdmitToLog(ctx, a, ref)
	if err != nil {
		return nil, err
	}
	if format != CSV && format != NDJSON {
		return nil, fault.Fields{{Name: "format", Code: "invalid", Message: "must be csv or ndjson"}}
	}
	asked := f
	if f, err = s.Check(f); err != nil {
		return nil, err
	}
	x := &Export{s: s, org: org, filter: f, format: format}
	if !after.IsZero() {
		if x.after, err = s.c.Store.Find(ctx, org, after); err != nil {
			return nil, fault.Fields{{Name: "cursor", Code: "invalid", Message: "must be the id of an entry of this log"}}
		}
	}
	err = s.c.Store.Update(ctx, func(ctx context.Context, tx Tx) error {
		return tx.AppendAudit(ctx, a.Did(ActionExported, Target{Kind: "org", ID: org.String(), Name: name}, s.now(), asked.changes(format)...).InLogOf(org))
	})
	if err != nil {
		return nil, err
	}
	return x, s.seal(ctx, org)
}

// changes are the conditions of an export, as its entry reports them.
func (f Filter) changes(format Format) []Change {
	changes := []Change{{Field: "format", After: string(format)}}
	set := func(field, value string) {
		if value != "" {
			changes = append(changes, Change{Field: field, After: value})
		}
	}
	actions := make([]string, len(f.Actions))
	for i, a := range f.Actions {
		actions[i] = string(a)
	}
	set("actor", f.Actor)
	set("action", strings.Join(actions, ", "))
	set("target", f.Target)
	if !f.From.IsZero() {
		set("from", f.From.UTC().Format(time.RFC3339))
	}
	if !f.To.IsZero() {
		set("to", f.To.UTC().Format(time.RFC3339))
	}
	return changes
}

// complete reports whether nothing is left out.
func (x *Export) complete() bool {
	f := x.filter
	return f.Actor == "" && len(f.Actions) == 0 && f.Target == "" && f.From.IsZero() && f.To.IsZero()
}

// Write writes the export to w, with the memory of one page however long it is.
func (x *Export) Write(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	write := x.writeLine
	var table *csv.Writer
	if x.format == CSV {
		table = csv.NewWriter(out)
		table.UseCRLF = true
		if err := table.Write(columns); err != nil {
			return err
		}
		write = func(_ *bufio.Writer, e Stored) error { return writeRow(table, e) }
	}
	for next := x.pages(); ; {
		items, more, err := next(ctx)
		if err != nil {
			return err
		}
		for _, e := range items {
			if err := write(out, e); err != nil {
				return err
			}
		}
		if table != nil {
			table.Flush()
			if err := table.Error(); err != nil {
				return err
			}
		}
		if !more {
			return out.Flush()
		}
	}
}

// pages returns a function that reads one page after the other.
func (x *Export) pages() func(ctx context.Context) (items []Stored, more bool, err error) {
	if x.complete() {
		from := uint64(0)
		if x.after.Sealed {
			from = x.after.Seq + 1
		}
		return func(ctx context.Context) ([]Stored, bool, error) {
			items, err := x.s.c.Store.Sealed(ctx, x.org, from, exportPage)
			if n := len(items); n > 0 {
				from = items[n-1].Seq + 1
			}
			return items, len(items) == exportPage, err
		}
	}
	after := x.after.Position()
	return func(ctx context.Context) ([]Stored, bool, error) {
		page, err := x.s.c.Store.Lines(ctx, x.org, x.filter, after, exportPage)
		after = page.Next
		return page.Items, !page.Next.IsZero(), err
	}
}

func (x *Export) writeLine(out *bufio.Writer, e Stored) error {
	var err error
	if e.Sealed {
		_, err = out.Write(e.Line.appendAt(out.AvailableBuffer(), e.Seq, e.Leaf))
	} else {
		_, err = out.Write(e.Line)
	}
	if err == nil {
		err = out.WriteByte('\n')
	}
	return err
}

// The columns of a CSV file. Their order and names stay; new ones are added at
// the end.
var columns = []string{
	"seq", "id", "at", "action", "outcome", "reason", "actor_kind", "actor_id", "actor_name",
	"target_kind", "target_id", "target_name", "changes", "ip", "user_agent", "session_id", "token_id", "request_id",
}

func writeRow(table *csv.Writer, s Stored) error {
	e, err := s.Line.Entry()
	if err != nil {
		return err
	}
	seq, changes := "", ""
	if s.Sealed {
		seq = strconv.FormatUint(s.Seq, 10)
	}
	if len(e.Changes) > 0 {
		text, err := json.Marshal(e.Changes)
		if err != nil {
			return err
		}
		changes = string(text)
	}
	row := []string{
		seq, e.ID.String(), e.At.Format(lineTime), string(e.Action), string(e.Outcome), e.Reason,
		string(e.ActorKind), e.actorID(), e.ActorName, e.Target.Kind, e.Target.ID, e.Target.Name,
		changes, addressText(e.IP), e.UserAgent, e.Session.String(), e.Token.String(), e.RequestID,
	}
	for i, cell := range row {
		row[i] = Inert(cell)
	}
	return table.Write(row)
}

// Inert returns text as a cell that no spreadsheet takes for a formula: one that
// begins with =, +, -, @, a tab or a carriage return, also after spaces, gets an
// apostrophe before it, by the advice of OWASP on CSV injection.
func Inert(cell string) string {
	trimmed := strings.TrimLeft(cell, " \u00a0")
	if trimmed != "" && slices.Contains([]rune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"), []rune(trimmed)[0]) {
		return "'" + cell
	}
	return cell
}
