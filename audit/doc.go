// Package audit defines who an actor is, what an audit entry is, and how one
// is recorded.
//
// # What it promises
//
// Every transaction handle of the module embeds [Appender]: a change and its
// entry are stored together or not at all, and code that has no transaction has
// no way to append. An entry never holds a secret.
//
// # Who may do what
//
// Each domain names what it can do as [Permission] constants and says in one
// [Policy] what each needs. Its services ask [Policy.Check] first, so a service
// is as safe called from Go as it is behind the HTTP API.
package audit
