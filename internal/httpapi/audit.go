package httpapi

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/cursor"
	"github.com/aegisrunner/account-settings/internal/flows"
)

// filterOf reads the filter of a request.
func filterOf(r *http.Request) (audit.Filter, error) {
	q := r.URL.Query()
	f := audit.Filter{Actor: q.Get("actor"), Target: q.Get("target")}
	for _, list := range q["action"] {
		for a := range strings.SplitSeq(list, ",") {
			if a = strings.TrimSpace(a); a != "" {
				f.Actions = append(f.Actions, audit.Action(a))
			}
		}
	}
	var wrong fault.Fields
	for name, t := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		var err error
		if *t, err = time.Parse(time.RFC3339, text); err != nil || t.Year() < 1 || t.Year() > 9999 {
			wrong = append(wrong, fault.Field{Name: name, Code: "invalid", Message: "must be a time such as 2026-11-24T10:15:00Z"})
		}
		*t = t.UTC()
	}
	return f, wrong.Err()
}

func (a *API) auditLog(c *call) (*eventList, error) {
	f, err := filterOf(c.r)
	if err != nil {
		return nil, a.afterGate(c, err)
	}
	text, limit, err := c.page()
	if err != nil {
		return nil, a.afterGate(c, err)
	}
	before, err := flows.ParseLogCursor(text)
	if err != nil {
		return nil, a.afterGate(c, err)
	}
	l, err := a.c.Flows.Audit.Log(c.ctx(), c.actor(), ref(c), f, before, limit)
	if err != nil {
		return nil, err
	}
	out := &eventList{Items: make([]event, 0, len(l.Entries))}
	for _, e := range l.Entries {
		out.Items = append(out.Items, a.eventOf(c, e))
	}
	out.NextCursor = flows.LogCursor(l.Next)
	return out, nil
}

// afterGate returns err to those who may read the log, and to everybody else what
// they get for any request.
func (a *API) afterGate(c *call, err error) error {
	if _, _, refused := a.c.Flows.Orgs.AdmitToLog(c.ctx(), c.actor(), ref(c)); refused != nil {
		return refused
	}
	return err
}

func (a *API) auditExport(c *call) error {
	f, err := filterOf(c.r)
	if err != nil {
		return a.afterGate(c, err)
	}
	q := c.r.URL.Query()
	var after id.Entry
	if text := q.Get("cursor"); text != "" {
		if after, err = id.ParseEntry(text); err != nil {
			return a.afterGate(c, fault.Fields{{Name: "cursor", Code: "invalid", Message: "must be the id of an entry of this log"}})
		}
	}
	return a.WriteExport(c.w, c.r, c.actor(), ref(c), f, audit.Format(q.Get("format")), after)
}

// WriteExport answers with what f chooses of an organization's log, after the
// entry given (zero: from the first). An error is one of before the answer has
// begun.
func (a *API) WriteExport(w http.ResponseWriter, r *http.Request, actor audit.Actor, ref string, f audit.Filter, format audit.Format, after id.Entry) error {
	x, err := a.c.Flows.Audit.Export(r.Context(), actor, ref, f, format, after)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", exportTypes[format])
	h.Set("Content-Disposition", `attachment; filename="audit-log.`+string(format)+`"`)
	if err := x.Write(r.Context(), &patient{w, http.NewResponseController(w)}); err != nil {
		a.brokenOff(r, err)
	}
	return nil
}

var exportTypes = map[audit.Format]string{
	audit.NDJSON: "application/x-ndjson; charset=utf-8",
	audit.CSV:    "text/csv; charset=utf-8; header=present",
}

// brokenOff ends an answer that has begun in the one way that its reader notices.
func (a *API) brokenOff(r *http.Request, err error) {
	if r.Context().Err() == nil {
		a.c.Log.ErrorContext(r.Context(), "httpapi: export broke off", "err", err)
	}
	panic(http.ErrAbortHandler)
}

// patient gives each part of a long answer the time that a server may have set
// for the whole.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

const partTime = time.Minute

func (p *patient) Write(b []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(partTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.ResponseWriter.Write(b)
}

type auditAction struct {
	Action   string   `json:"action"`
	Group    string   `json:"group" doc:"With .* at its end it chooses all of them"`
	Sentence string   `json:"sentence" doc:"In English, with {actor}, {target} and {field.before}, {field.after}"`
	Target   string   `json:"target" doc:"The kind of its target; empty if it differs"`
	Fields   []string `json:"fields" doc:"What its changes report"`
}

type actionList struct {
	Items []auditAction `json:"items"`
}

func (a *API) auditActions(c *call) (*actionList, error) {
	events, err := a.c.Flows.Audit.ActionsOf(c.ctx(), c.actor(), ref(c))
	if err != nil {
		return nil, err
	}
	out := &actionList{Items: make([]auditAction, len(events))}
	for i, e := range events {
		out.Items[i] = auditAction{string(e.Action), e.Action.Group(), e.Sentence, e.Target, append([]string{}, e.Fields...)}
	}
	return out, nil
}

type checkpoint struct {
	Size uint64    `json:"size" doc:"How many entries"`
	At   time.Time `json:"at"`
	Note string    `json:"note" doc:"The checkpoint and its signature"`
}

type checkpointList struct {
	Origin     string       `json:"origin"`
	PublicKey  string       `json:"public_key" doc:"As golang.org/x/mod/sumdb/note writes keys"`
	Start      logStart     `json:"start"`
	Items      []checkpoint `json:"items"`
	NextCursor string       `json:"next_cursor,omitempty"`
}

type logStart struct {
	Size   uint64   `json:"size" doc:"Entries before this place have been removed for their age"`
	Hashes []string `json:"hashes" doc:"What stands for them in the tree: its largest full subtrees, from the left, in base64"`
}

func (a *API) auditCheckpoints(c *call) (*checkpointList, error) {
	text, limit, err := c.page()
	if err != nil {
		return nil, a.afterGate(c, err)
	}
	var below uint64
	if text != "" {
		parts, ok := cursor.Decode(text, 1)
		if ok {
			below, err = strconv.ParseUint(parts[0], 10, 63)
		}
		if !ok || err != nil || below == 0 {
			return nil, a.afterGate(c, flows.ErrLogCursor)
		}
	}
	p, err := a.c.Flows.Audit.Checkpoints(c.ctx(), c.actor(), ref(c), below, limit)
	if err != nil {
		return nil, err
	}
	out := &checkpointList{
		Origin: p.Origin, PublicKey: p.PublicKey, Start: logStart{p.Start, []string{}}, Items: make([]checkpoint, len(p.Checkpoints)),
	}
	for _, h := range p.StartHashes {
		out.Start.Hashes = append(out.Start.Hashes, base64.StdEncoding.EncodeToString(h[:]))
	}
	for i, k := range p.Checkpoints {
		out.Items[i] = checkpoint{k.Size, k.At, string(k.Note)}
	}
	if p.Next > 0 {
		out.NextCursor = cursor.Encode(strconv.FormatUint(p.Next, 10))
	}
	return out, nil
}
