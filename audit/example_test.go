package audit_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// gate admits everybody; package orgs has the real one.
type gate struct{ org id.Org }

func (g gate) AdmitToLog(context.Context, audit.Actor, string) (id.Org, string, error) {
	return g.org, "Acme", nil
}

func (gate) KeepsLog(context.Context, id.Org) (time.Duration, error) { return -1, nil }

func (gate) KeepsHistory(context.Context, id.User) (time.Duration, error) { return -1, nil }

// An outsider needs an export, and checkpoints that were kept.
func Example() {
	ctx := context.Background()
	store, org := memstore.New(), id.NewOrg()
	log, err := audit.NewService(audit.Config{
		Store: store.Audit(), Gate: gate{org}, Origin: "app.acme.test/audit", Events: audit.Events(),
		MAC: func(purpose string, data []byte) [32]byte {
			h := hmac.New(sha256.New, []byte("a secret of 32 bytes, from a file"))
			h.Write(append([]byte(purpose+"\x00"), data...))
			return [32]byte(h.Sum(nil))
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ada := audit.Actor{Kind: audit.KindUser, User: id.NewUser(), Name: "Ada Lovelace"}
	err = store.Audit().Update(ctx, func(ctx context.Context, tx audit.Tx) error {
		e := ada.Did("orgs.updated", audit.Target{Kind: "org", ID: org.String(), Name: "Acme"}, time.Now())
		return tx.AppendAudit(ctx, e.InLogOf(org))
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	x, err := log.Export(ctx, ada, org.String(), audit.Filter{}, audit.NDJSON, id.Entry{})
	if err != nil {
		fmt.Println(err)
		return
	}
	var export bytes.Buffer
	if err := x.Write(ctx, &export); err != nil {
		fmt.Println(err)
		return
	}
	kept, err := log.Checkpoints(ctx, ada, org.String(), 0, 10)
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, text := range []string{export.String(), "", string(bytes.Replace(export.Bytes(), []byte("Ada"), []byte("Eve"), 1))} {
		report, err := audit.Verify(bytes.NewBufferString(text), kept)
		fmt.Println(report.OK(), report.Findings, err)
	}
	// Output:
	// true [] <nil>
	// false [entries 0 to 1 missing] <nil>
	// false [entry 0 altered] <nil>
}
