// Package flows holds the wired services and what spans several domains: each
// flow is one function and one transaction. It is the only place that knows more
// than one domain; HTTP and pages call it and decide nothing.
package flows
