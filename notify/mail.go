package notify

import "time"

// The letters of this package. Those that may be switched off have Unsubscribe, a
// token that goes into a link and the headers of RFC 8058, and nowhere else.

// PlanLimitLetter warns the Owner that an organization has used much, or all, of
// what its plan includes.
type PlanLimitLetter struct {
	Org     string `json:"org"`
	Slug    string `json:"slug"`
	Metric  string `json:"metric"` // what it is called; see LimitCrossed
	Percent int    `json:"percent"`
	Used    int64  `json:"used"`
	Limit   int64  `json:"limit"`

	// Unsubscribe is empty for an organization on the free plan: that letter cannot
	// be switched off.
	Unsubscribe string `json:"unsubscribe,omitempty"`
}

// Kind implements [mail.Letter].
func (PlanLimitLetter) Kind() string { return "notify.plan_limit" }

// BillingFailedLetter tells the Owner that a payment did not go through. It holds
// facts alone, and cannot be switched off.
type BillingFailedLetter struct {
	Org     string    `json:"org"`
	Slug    string    `json:"slug"`
	Invoice string    `json:"invoice"`
	Amount  string    `json:"amount"`
	At      time.Time `json:"at"`
	RetryAt time.Time `json:"retry_at"` // zero: it is not tried again
}

// Kind implements [mail.Letter].
func (BillingFailedLetter) Kind() string { return "notify.billing_failed" }
