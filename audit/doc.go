// Package audit defines who an actor is, what an audit entry is, and how one
// is recorded; and it reads, exports, seals and verifies the logs of
// organizations.
//
// # What it promises
//
// Every transaction handle of the module embeds [Appender]: a change and its
// entry are stored together or not at all, and code that has no transaction has
// no way to append. An entry never holds a secret.
//
// # The log of an organization
//
// A [Service] lists and exports what a [Filter] chooses, to those whom a [Gate]
// admits. Entries are stored as [Line]: their personal values can be erased, and
// what is left still proves that the entry is the one that was recorded.
//
// [Service.Seal] gives each entry its place in a Merkle tree (RFC 6962) of its
// organization and signs what the tree is then, as a checkpoint (C2SP
// tlog-checkpoint). [Verify] compares an export with checkpoints that were kept
// where whoever can change the database cannot reach them. [Service.Prune] removes
// what is too old and keeps what the tree needs of it. [Service.ErasePerson] takes
// the name of somebody who is gone out of all entries, and they can be proven as
// before.
//
// # Who may do what
//
// Each domain names what it can do as [Permission] constants and says in one
// [Policy] what each needs. Its services ask [Policy.Check] first, so a service
// is as safe called from Go as it is behind the HTTP API.
package audit
