package notify

import (
	"context"
	"time"

	"github.com/aegisrunner/account-settings/id"
)

// DigestSource tells what happened in a week, from the host's own tables. It is
// called outside of transactions, by several goroutines at once, and may be called
// again for the same person and week.
type DigestSource interface {
	// Digest returns what happened in the organizations of a person from a moment
	// up to another, a week later. Nothing to say: the zero Digest. The error is
	// logged, and asked again a few minutes later.
	Digest(ctx context.Context, user id.User, organizations []Organization, from, to time.Time) (Digest, error)
}

// Digest is what a weekly digest says.
type Digest struct {
	Sections []Section `json:"sections"` // in the order in which they are shown; at most 20
	URL      string    `json:"url"`      // a page of the host with more, a path or an absolute address; "": none
}

// Section is a part of a digest: an organization, or a project.
type Section struct {
	Title string `json:"title"` // a name, taken as it is
	URL   string `json:"url"`   // as Digest.URL
	Runs  Runs   `json:"runs"`
	Scans Scans  `json:"scans"`
}

// Runs counts the runs of a week.
type Runs struct {
	Total  int `json:"total"`
	Failed int `json:"failed"`
}

// Scans counts the scans of a week.
type Scans struct {
	Total    int `json:"total"`
	Findings int `json:"findings"`
}
