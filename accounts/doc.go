// Package accounts keeps the person: signing up, profile, picture and address.
//
// # Transactions
//
// Every method that changes something does so in one [Store.Update]. Its audit
// entries and its mails are part of the same transaction: they exist if, and
// only if, the change does. Called with a context that carries a transaction of
// the same store, a method joins it.
//
// # Errors
//
// Errors wrap a kind of package fault; the sentinels are below. Rejected input
// is a [fault.Fields] that names each field. Failures of the store pass through
// unchanged and are never reported as "not found". Nothing here tells somebody
// who has not proven to hold an address whether it has an account: neither by
// what is returned, nor by the work that is done.
//
// # Addresses
//
// An account exists only once its address was proven: [Service.StartSignUp]
// mails a link, and [Service.CreateFromSignUp] makes the account of who opens
// it. A change of address is pending until the link mailed to the new address
// is opened, dies with the session that asked for it and with any change of the
// credentials, and can be undone from the old address for 7 days.
package accounts
