package httpapi

import (
	"net/http"
	"slices"

	"github.com/aegisrunner/account-settings/orgs"
)

var auditFilter = []param{
	{"actor", "Who: the id of a person or token, or system, support, anonymous"},
	{"action", "What: an action, or a group such as orgs.member.*; several by commas or by repeating it"},
	{"target", "On what: its id"},
	{"from", "At or after this time, RFC 3339"},
	{"to", "Before this time, RFC 3339"},
}

// auditTable is the part of the table about the audit log.
var auditTable = []route{
	{
		method: http.MethodGet, path: "/orgs/{org}/audit", permission: orgs.PermAuditView, tag: tagAudit, status: 200,
		summary: "Who did what, newest first", handler: gives((*API).auditLog), query: slices.Concat(auditFilter, paging),
		about: "A page may be short, even empty, and have a next_cursor: a bounded number of entries is read for one.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/audit/export", permission: orgs.PermAuditView, tag: tagAudit, status: 200,
		summary: "The same to take away, oldest first", handler: streams((*API).auditExport, "application/x-ndjson", "text/csv"),
		query: slices.Concat([]param{{"format", "csv or ndjson"}, {"cursor", "The id of the last entry that arrived, to go on after it"}}, auditFilter),
		about: "Streamed. One JSON object a line, or CSV by RFC 4180 with cells that no spreadsheet takes for formulas. " +
			"An NDJSON export without filter can be verified against checkpoints. An answer that breaks off is ended by closing the connection.",
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/audit/actions", permission: orgs.PermAuditView, tag: tagAudit, status: 200,
		summary: "All actions, and what an entry with each means", handler: gives((*API).auditActions),
	},
	{
		method: http.MethodGet, path: "/orgs/{org}/audit/checkpoints", permission: orgs.PermAuditView, tag: tagAudit, status: 200,
		summary: "What the log was at each time, signed, the newest first", handler: gives((*API).auditCheckpoints), query: paging,
		about: "Keep them where whoever can change the log cannot reach them. Signed notes by the C2SP tlog-checkpoint format over a Merkle tree by RFC 6962.",
	},
}
