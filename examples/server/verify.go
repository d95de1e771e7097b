package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aegisrunner/account-settings/audit"
)

const verifyUsage = `usage: server audit verify -checkpoints FILE [-checkpoints FILE …] [-key KEY] EXPORT

Checks a complete NDJSON export of an organization's audit log ("-": standard
input). Each FILE is an answer of GET /api/v1/orgs/{org}/audit/checkpoints: one
that was kept where nobody who can change the log could reach it, and one as new
as the export. KEY is the public key that the checkpoints must be signed with; by
default that of the first FILE. Exit status: 0 as it was sealed, 1 not, 2 could
not be checked.
`

// errTampered is returned when an export is not what was sealed.
var errTampered = errors.New("the export is NOT what was sealed")

// checkpointFile is an answer of the API.
type checkpointFile struct {
	Origin    string `json:"origin"`
	PublicKey string `json:"public_key"`
	Start     struct {
		Size   uint64   `json:"size"`
		Hashes [][]byte `json:"hashes"`
	} `json:"start"`
	Items []struct {
		Size uint64 `json:"size"`
		Note string `json:"note"`
	} `json:"items"`
}

func auditCommand(_ context.Context, args []string, _ func(string) string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("audit verify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, verifyUsage) }
	var files []string
	flags.Func("checkpoints", "", func(name string) error {
		files = append(files, name)
		return nil
	})
	key := flags.String("key", "", "")
	if len(args) < 2 || args[1] != "verify" || flags.Parse(args[2:]) != nil || flags.NArg() != 1 || len(files) == 0 {
		flags.Usage()
		return &statusError{2, errHelp}
	}
	p, err := readProof(files, *key)
	if err != nil {
		return &statusError{2, err}
	}
	export := io.Reader(os.Stdin)
	if name := flags.Arg(0); name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return &statusError{2, err}
		}
		defer func() { _ = f.Close() }()
		export = f
	}
	report, err := audit.Verify(export, p)
	if err != nil {
		return &statusError{2, err}
	}
	fmt.Fprintf(stdout, "%s\n%d entries, places %d to %d, compared with %d checkpoints\n",
		report.Origin, report.Entries, report.From, report.Size, report.Checkpoints)
	for _, f := range report.Findings {
		fmt.Fprintln(stdout, "- "+f.String())
	}
	if !report.OK() {
		return errTampered
	}
	fmt.Fprintln(stdout, "OK: complete and unchanged since each of them was signed")
	return nil
}

// readProof reads checkpoints of one log. What was removed for its age is told by
// the file that is furthest.
func readProof(files []string, key string) (audit.Proof, error) {
	p := audit.Proof{PublicKey: key}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return p, err
		}
		var c checkpointFile
		if err := json.Unmarshal(text, &c); err != nil || c.Origin == "" {
			return p, fmt.Errorf("%s: not an answer of …/audit/checkpoints", name)
		}
		if p.PublicKey == "" {
			p.PublicKey = c.PublicKey
		}
		switch {
		case p.Origin == "":
			p.Origin = c.Origin
		case p.Origin != c.Origin:
			return p, fmt.Errorf("%s: of another log than %s", name, files[0])
		}
		if c.PublicKey != p.PublicKey {
			return p, fmt.Errorf("%s: signed with another key than %s", name, strings.TrimSpace(p.PublicKey))
		}
		if c.Start.Size >= p.Start {
			p.Start, p.StartHashes = c.Start.Size, nil
			for _, h := range c.Start.Hashes {
				if len(h) != 32 {
					return p, fmt.Errorf("%s: a hash is not one: %s", name, base64.StdEncoding.EncodeToString(h))
				}
				p.StartHashes = append(p.StartHashes, [32]byte(h))
			}
		}
		for _, item := range c.Items {
			p.Checkpoints = append(p.Checkpoints, audit.Checkpoint{Size: item.Size, Note: []byte(item.Note)})
		}
	}
	return p, nil
}

// statusError is an error with an exit status.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }
