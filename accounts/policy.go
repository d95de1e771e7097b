package accounts

import (
	"maps"

	"github.com/aegisrunner/account-settings/audit"
)

// What this package can do. Routes name these constants, and the services check
// them.
const (
	PermSignUp       audit.Permission = "account.sign_up"
	PermView         audit.Permission = "account.view"
	PermUpdate       audit.Permission = "account.update"
	PermPicture      audit.Permission = "account.picture"
	PermViewPicture  audit.Permission = "account.picture.view"
	PermEmailPending audit.Permission = "account.email.pending"
	PermEmailChange  audit.Permission = "account.email.change"
	PermEmailCancel  audit.Permission = "account.email.cancel"
	PermEmailByLink  audit.Permission = "account.email.by_link"

	PermExport         audit.Permission = "account.export"
	PermExportView     audit.Permission = "account.export.view"
	PermExportDownload audit.Permission = "account.export.download"
	PermDeletionView   audit.Permission = "account.deletion.view"
	PermDelete         audit.Permission = "account.delete"
	PermRestore        audit.Permission = "account.restore"
)

var policy = audit.Policy{
	PermSignUp:       {},
	PermView:         {SignedIn: true, Enrollment: true},
	PermUpdate:       {SignedIn: true},
	PermPicture:      {SignedIn: true},
	PermViewPicture:  {},
	PermEmailPending: {SignedIn: true, Enrollment: true},
	PermEmailChange:  {SignedIn: true, StepUp: true},
	PermEmailCancel:  {SignedIn: true, StepUp: true},
	PermEmailByLink:  {}, // the link is the proof

	PermExport:         {SignedIn: true, StepUp: true},
	PermExportView:     {SignedIn: true},
	PermExportDownload: {SignedIn: true, StepUp: true},
	PermDeletionView:   {SignedIn: true},
	PermDelete:         {SignedIn: true, StepUp: true},
	PermRestore:        {SignedIn: true, Restoring: true}, // its session has proven all factors since the deletion
}

// Policy returns what each permission of this package needs.
func Policy() audit.Policy { return maps.Clone(policy) }

// The actions of this package, as the audit log names them. Never renamed.
const (
	ActionSignUpRequested      audit.Action = "account.sign_up_requested"
	ActionCreated              audit.Action = "account.created"
	ActionUpdated              audit.Action = "account.updated"
	ActionPictureChanged       audit.Action = "account.picture_changed"
	ActionPictureRemoved       audit.Action = "account.picture_removed"
	ActionEmailChangeRequested audit.Action = "account.email_change_requested"
	ActionEmailChangeCanceled  audit.Action = "account.email_change_canceled"
	ActionEmailChanged         audit.Action = "account.email_changed"
	ActionEmailRestored        audit.Action = "account.email_restored"
	ActionExportRequested      audit.Action = "account.export_requested"
	ActionExportReady          audit.Action = "account.export_ready"
	ActionExportFailed         audit.Action = "account.export_failed"
	ActionExportDownloaded     audit.Action = "account.export_downloaded"
	ActionDeleted              audit.Action = "account.deleted"
	ActionRestored             audit.Action = "account.restored"
)
