package accounts

import (
	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/upload"
)

// Errors of this package. Rejected input is a [fault.Fields].
var (
	// ErrUserNotFound: nobody has this identifier, address or picture.
	ErrUserNotFound = fault.New(fault.NotFound, "not_found", "accounts: person not found")

	// ErrEmailTaken: the address belongs to somebody or is reserved. It is only
	// ever told to who has proven to hold the address.
	ErrEmailTaken = fault.New(fault.Conflict, "email_taken", "accounts: address is taken")

	// ErrLinkGone: unknown, spent, expired or superseded; one answer for all.
	ErrLinkGone = fault.New(fault.Gone, "link_gone", "accounts: link is gone")

	// ErrNoEmailChange: no request to change the address is pending.
	ErrNoEmailChange = fault.New(fault.NotFound, "not_found", "accounts: no pending address change")

	// ErrNotDeleted: the account is not deleted.
	ErrNotDeleted = fault.New(fault.Conflict, "not_deleted", "accounts: the account is not deleted")

	// ErrAccountGone: the time in which the account could be restored is over.
	ErrAccountGone = fault.New(fault.Gone, "account_gone", "accounts: the account cannot be restored any more")

	// ErrNoPurge: there is nothing to remove yet, or somebody else is at it. It
	// never leaves the services.
	ErrNoPurge = fault.New(fault.Conflict, "no_purge", "accounts: nothing to remove, or somebody else is at it")

	// ErrNoBlob: nothing is stored under this name.
	ErrNoBlob = fault.New(fault.NotFound, "not_found", "accounts: no such blob")

	// ErrExportNotFound: the person has no such export, or no longer.
	ErrExportNotFound = fault.New(fault.NotFound, "not_found", "accounts: no such export")

	// ErrExportRunning: another export of the person is being made.
	ErrExportRunning = fault.New(fault.Conflict, "export_running", "accounts: an export is being made")

	// ErrPictureTooLarge: over 5 MiB, or over 25 megapixels by its header.
	ErrPictureTooLarge = upload.ErrTooLarge

	// ErrPictureType: neither PNG, JPEG, WebP nor GIF.
	ErrPictureType = upload.ErrType

	// ErrBusy: every slot for decoding pictures is taken. Wrapped in a [fault.Retry].
	ErrBusy = upload.ErrBusy

	// ErrRateLimited: too many requests. Wrapped in a [fault.Retry].
	ErrRateLimited = fault.New(fault.Throttled, "rate_limited", "accounts: too many requests")
)
