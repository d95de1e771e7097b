// Package orgs keeps organizations: their members and roles, the one Owner,
// invitations, and mail domains.
//
// # One Owner
//
// An organization has exactly one Owner, who is an active member, in every state
// that is committed: by the schema, and not by code alone. Ownership is handed
// over and never given as a role.
//
// # Rights
//
// What somebody may do is decided inside the transaction that does it, with the
// organization locked: a role that is taken away while a request is under way
// changes nothing any more. Whoever is no member of an organization cannot tell
// it from one that does not exist.
package orgs
