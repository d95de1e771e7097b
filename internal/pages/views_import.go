package pages

import "time"

// OrgImport is /settings/orgs/{slug}/team/import. It posts role, file and text
// there, as multipart/form-data and in this order.
type OrgImport struct {
	Form
	Slug      string
	Name      string
	NeedsPlan string // the plan that includes it; "" if theirs does
	Owner     bool   // who can change the plan
	Role      string
	Roles     []string
	Text      string // as pasted
	Items     []ImportSummary
}

func (v OrgImport) spec() spec {
	return spec{file: "org-import", shell: "settings", tab: "org-team", forms: []scope{{"import", v.Form, []string{"role", "file", "text"}}}}
}

// ImportSummary is how far a file has come.
type ImportSummary struct {
	ID      string
	By      string
	At      time.Time
	Ended   bool
	Total   int
	Done    int
	Invited int
	Refused int
}

// OrgImportReport is /settings/orgs/{slug}/team/import/{id}.
type OrgImportReport struct {
	Slug    string
	Name    string
	Import  ImportSummary
	Refused bool // only what was not invited is shown
	After   int  // the line behind which this page begins
	Rows    []ImportLine
	Next    int // the line behind which the next page does; 0: there is none
}

func (v OrgImportReport) spec() spec {
	return spec{file: "org-import-report", shell: "settings", tab: "org-team"}
}

// ImportLine is a row of the file.
type ImportLine struct {
	Line    int
	Email   string
	Waiting bool
	Code    string // why not; "": waiting, or invited
}
