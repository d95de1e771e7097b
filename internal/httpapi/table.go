package httpapi

import (
	"net/http"
	"slices"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/security"
)

const (
	tagSigning = "Signing up and in"
	tagPerson  = "The person"
	tagOrgs    = "Organizations"
	tagAudit   = "Audit log"
	tagGeneral = "General"
)

var paging = []param{
	{"limit", "How many items, 1–200; default 50"},
	{"cursor", "next_cursor of the page before"},
}

// table is every route of the API. Add a line here, and the document, the access
// matrix test and the docs page know it.
var table = slices.Concat(personTable, mailTable, orgTable, auditTable)

// personTable is the part about people.
var personTable = []route{
	{
		method: http.MethodGet, path: "/meta", permission: permPublic, tag: tagGeneral, status: 200,
		summary: "Time zones, languages, password rules, links", handler: gives((*API).meta),
	},
	{
		method: http.MethodPost, path: "/auth/sign-up", permission: accounts.PermSignUp, tag: tagSigning, status: 202,
		summary: "Ask for an account", handler: takes((*API).signUp),
		about: "Mails a link to finish, or a notice to an address that has an account. The answer is the same.",
	},
	{
		method: http.MethodPost, path: "/auth/sign-up/complete", permission: accounts.PermSignUp, tag: tagSigning, status: 201,
		summary: "Finish signing up by the mailed link", handler: takes((*API).completeSignUp),
		about: "The account exists from here on, and the person is signed in.", problems: []string{"link_gone", "email_taken"},
	},
	{
		method: http.MethodPost, path: "/auth/sign-in", permission: security.PermSignIn, tag: tagSigning, status: 200,
		summary: "Sign in by password", handler: takes((*API).signIn), problems: []string{"invalid_credentials", "rate_limited", "overloaded"},
		about: "Sets the session cookie, or with \"transport\":\"token\" answers session_token for Authorization: Bearer. " +
			"Where two-factor is on, the answer is second_factor_required with a challenge, which a browser gets as a cookie as well. " +
			"Of a deleted account it is account_deleted, with a session that is good for restoring it alone.",
	},
	{
		method: http.MethodPost, path: "/auth/second-factor", permission: security.PermSignIn, tag: tagSigning, status: 200,
		summary: "Finish signing in by a code", handler: takes((*API).secondFactor),
		about:    "The half-finished sign-in lasts 5 minutes and 5 wrong codes; then it has to begin anew.",
		problems: []string{"invalid_code", "unauthenticated", "rate_limited"},
	},
	{
		method: http.MethodPost, path: "/auth/passkey/options", permission: security.PermSignIn, tag: tagSigning, status: 200,
		summary: "What navigator.credentials.get is to be asked", handler: takes((*API).askPasskey),
		about:    "PublicKeyCredentialRequestOptionsJSON of WebAuthn Level 3. The challenge is good once, for 5 minutes, and for its purpose.",
		problems: []string{"unauthenticated", "rate_limited"},
	},
	{
		method: http.MethodPost, path: "/auth/passkey", permission: security.PermSignIn, tag: tagSigning, status: 200,
		summary: "Sign in, or finish signing in, by a passkey", handler: takes((*API).signInByPasskey),
		about:    "The body is AuthenticationResponseJSON of WebAuthn Level 3.",
		problems: []string{"invalid_credentials", "unauthenticated", "rate_limited"},
	},
	{
		method: http.MethodPost, path: "/auth/reauthenticate", permission: security.PermReauthenticate, tag: tagSigning, status: 204,
		summary: "Prove a factor again", handler: takes((*API).reauthenticate),
		problems: []string{"invalid_credentials", "invalid_code", "other_factor", "rate_limited"},
		about:    "Afterwards sensitive actions are open for 10 minutes (default). Where two-factor is on, a password alone does not open them.",
	},
	{
		method: http.MethodPost, path: "/auth/reauthenticate/email-code", permission: security.PermReauthenticate, tag: tagSigning, status: 202,
		summary: "Mail a code to prove who one is with", handler: gives((*API).emailCode), problems: []string{"other_factor", "rate_limited"},
		about: "For people who have neither password, app nor passkey. The code is good for 10 minutes and 5 tries, in this session.",
	},
	{
		method: http.MethodPost, path: "/auth/not-me", permission: security.PermNotMe, tag: tagSigning, status: 204,
		summary: "A sign-in was somebody else's", handler: takes((*API).notMe), problems: []string{"link_gone"},
		about: "By the link in the mail about it. Ends all sessions, voids the password, removes factors added since, and mails a link to set a new password.",
	},
	{
		method: http.MethodPost, path: "/auth/sign-out", permission: security.PermSignOut, tag: tagSigning, status: 204,
		summary: "End this session", handler: gives((*API).signOut),
	},
	{
		method: http.MethodPost, path: "/auth/restore", permission: accounts.PermRestore, action: accounts.ActionRestored, tag: tagSigning, status: 204,
		summary: "Restore the account", handler: gives((*API).restoreAccount), problems: []string{"not_deleted", "account_gone"},
		about: "By the session that signing in to a deleted account begins, which is good for this and for signing out, and is an ordinary one afterwards. " +
			"Memberships come back with their role where a seat is free.",
	},
	{
		method: http.MethodPost, path: "/auth/password/forgot", permission: security.PermForgot, tag: tagSigning, status: 202,
		summary: "Ask for a link to set a new password", handler: takes((*API).forgotPassword),
		about: "The answer does not tell whether the address has an account.",
	},
	{
		method: http.MethodPost, path: "/auth/password/reset", permission: security.PermReset, tag: tagSigning, status: 204,
		summary: "Set a new password by the mailed link", handler: takes((*API).resetPassword), problems: []string{"link_gone"},
		about: "Ends all sessions. Does not sign in.",
	},
	{
		method: http.MethodGet, path: "/account", permission: accounts.PermView, tag: tagPerson, status: 200,
		summary: "The signed-in person", handler: gives((*API).account),
	},
	{
		method: http.MethodPatch, path: "/account", permission: accounts.PermUpdate, action: accounts.ActionUpdated, tag: tagPerson, status: 200,
		summary: "Change name, time zone or language", handler: takes((*API).patchAccount),
	},
	{
		method: http.MethodPut, path: "/account/avatar", permission: accounts.PermPicture, action: accounts.ActionPictureChanged, tag: tagPerson, status: 200,
		summary: "Upload a picture", handler: putPicture, problems: []string{"too_large", "unsupported_media_type"},
		about: "The file itself as the body: PNG, JPEG, WebP or GIF, at most 5 MiB and 25 megapixels.",
	},
	{
		method: http.MethodDelete, path: "/account/avatar", permission: accounts.PermPicture, action: accounts.ActionPictureRemoved, tag: tagPerson, status: 204,
		summary: "Go back to the picture drawn from the initials", handler: gives((*API).deletePicture),
	},
	{
		method: http.MethodPost, path: "/account/email", permission: accounts.PermEmailChange, action: accounts.ActionEmailChangeRequested, tag: tagPerson, status: 202,
		summary: "Ask to change the address", handler: takes((*API).changeEmail),
		about: "Nothing changes until the link mailed to the new address is opened. The old address is told at once.",
	},
	{
		method: http.MethodGet, path: "/account/email/pending", permission: accounts.PermEmailPending, tag: tagPerson, status: 200,
		summary: "The change that waits to be confirmed", handler: gives((*API).pendingEmail),
	},
	{
		method: http.MethodDelete, path: "/account/email/pending", permission: accounts.PermEmailCancel, action: accounts.ActionEmailChangeCanceled, tag: tagPerson, status: 204,
		summary: "Withdraw it", handler: gives((*API).cancelEmail),
	},
	{
		method: http.MethodPost, path: "/account/email/confirm", permission: accounts.PermEmailByLink, tag: tagPerson, status: 204,
		summary: "Confirm a new address by the mailed link", handler: takes((*API).confirmEmail), problems: []string{"link_gone", "email_taken"},
	},
	{
		method: http.MethodPost, path: "/account/email/undo", permission: accounts.PermEmailByLink, tag: tagPerson, status: 204,
		summary: "Cancel or undo a change by the link mailed to the old address", handler: takes((*API).undoEmail), problems: []string{"link_gone"},
		about: "Undoing a confirmed change ends all sessions, voids the password and mails a link to set a new one.",
	},
	{
		method: http.MethodPut, path: "/account/password", permission: security.PermChangePassword, action: security.ActionPasswordChanged, tag: tagPerson, status: 204,
		summary: "Change the password, or set the first one", handler: takes((*API).changePassword),
		about:    "Ends every other session. A first password needs a fresh proof instead of current_password.",
		problems: []string{"rate_limited", "overloaded"},
	},
	{
		method: http.MethodGet, path: "/account/sessions", permission: security.PermListSessions, tag: tagPerson, status: 200,
		summary: "Where the person is signed in", handler: gives((*API).sessions), query: paging,
	},
	{
		method: http.MethodDelete, path: "/account/sessions", permission: security.PermRevokeSessions, tag: tagPerson, status: 204,
		summary: "Sign out other devices, or everywhere", handler: gives((*API).revokeSessions),
		query: []param{{"scope", "others, or all: the present session included"}},
	},
	{
		method: http.MethodDelete, path: "/account/sessions/{id}", permission: security.PermRevokeSessions, tag: tagPerson, status: 204,
		summary: "Sign out one device", handler: gives((*API).revokeSession),
	},
	{
		method: http.MethodGet, path: "/account/second-factor", permission: security.PermViewFactors, tag: tagPerson, status: 200,
		summary: "What the person has beside a password", handler: gives((*API).factors),
	},
	{
		method: http.MethodPost, path: "/account/totp", permission: security.PermTOTPEnroll, action: security.ActionTOTPStarted, tag: tagPerson, status: 201,
		summary: "Make a secret for an authenticator app", handler: gives((*API).enrollTOTP), problems: []string{"totp_enabled"},
		about: "Nothing changes until a code confirms it, within an hour.",
	},
	{
		method: http.MethodPost, path: "/account/totp/confirm", permission: security.PermTOTPEnroll, action: security.ActionTOTPEnabled, tag: tagPerson, status: 200,
		summary: "Turn two-factor on by a code from the app", handler: takes((*API).confirmTOTP),
		about:    "Ends every other session. Answers 8 backup codes, which are shown once.",
		problems: []string{"invalid_code", "totp_enabled", "rate_limited"},
	},
	{
		method: http.MethodPost, path: "/account/totp/disable", permission: security.PermTOTPDisable, action: security.ActionTOTPDisabled, tag: tagPerson, status: 204,
		summary: "Turn two-factor off", handler: takes((*API).disableTOTP),
		about:    "By two different factors: here, or proven within the last 10 minutes (default). A passkey is two. Ends every other session.",
		problems: []string{"invalid_code", "two_factor_off", "rate_limited"},
	},
	{
		method: http.MethodPost, path: "/account/backup-codes", permission: security.PermBackupCodes, action: security.ActionBackupCodesRenewed, tag: tagPerson, status: 200,
		summary: "Make 8 new backup codes", handler: gives((*API).renewBackupCodes), problems: []string{"two_factor_off"},
		about: "All earlier ones are void.",
	},
	{
		method: http.MethodGet, path: "/account/passkeys", permission: security.PermPasskeyList, tag: tagPerson, status: 200,
		summary: "The person's passkeys", handler: gives((*API).passkeys),
	},
	{
		method: http.MethodPost, path: "/account/passkeys/options", permission: security.PermPasskeyAdd, action: security.ActionPasskeyAdded, tag: tagPerson, status: 200,
		summary: "What navigator.credentials.create is to be asked", handler: gives((*API).beginPasskey), problems: []string{"too_many_passkeys", "rate_limited"},
		about: "PublicKeyCredentialCreationOptionsJSON of WebAuthn Level 3.",
	},
	{
		method: http.MethodPost, path: "/account/passkeys", permission: security.PermPasskeyAdd, action: security.ActionPasskeyAdded, tag: tagPerson, status: 201,
		summary: "Register a passkey", handler: takes((*API).addPasskey), problems: []string{"passkey_taken", "too_many_passkeys"},
		about: "The body is RegistrationResponseJSON of WebAuthn Level 3, with a name.",
	},
	{
		method: http.MethodPatch, path: "/account/passkeys/{id}", permission: security.PermPasskeyRename, action: security.ActionPasskeyRenamed, tag: tagPerson, status: 200,
		summary: "Rename a passkey", handler: takes((*API).renamePasskey),
	},
	{
		method: http.MethodDelete, path: "/account/passkeys/{id}", permission: security.PermPasskeyRemove, action: security.ActionPasskeyRemoved, tag: tagPerson, status: 204,
		summary: "Remove a passkey", handler: gives((*API).removePasskey), problems: []string{"last_factor"},
		about: "Ends every other session. Somebody without a password keeps the last one.",
	},
	{
		method: http.MethodGet, path: "/account/deletion", permission: accounts.PermDeletionView, tag: tagPerson, status: 200,
		summary: "What deleting the account would do, and what keeps it from being done", handler: gives((*API).deletion),
	},
	{
		method: http.MethodPost, path: "/account/deletion", permission: accounts.PermDelete, action: accounts.ActionDeleted, tag: tagPerson, status: 202,
		summary: "Delete the account", handler: takes((*API).deleteAccount), problems: []string{"sole_owner"},
		about: "At once for everybody; by signing in, the person can restore it until purge_at.",
	},
	{
		method: http.MethodGet, path: "/account/security-events", permission: security.PermHistory, tag: tagPerson, status: 200,
		summary: "The person's own security history, newest first", handler: gives((*API).securityEvents), query: paging,
	},
	{
		method: http.MethodPost, path: "/account/export", permission: accounts.PermExport, action: accounts.ActionExportRequested, tag: tagPerson, status: 202,
		summary: "Ask for a file of all that is kept of the person", handler: gives((*API).startExport), problems: []string{"rate_limited"},
		about: "One is made at a time: while it is, that one is the answer. A mail says when it is ready. It takes the place of a former one.",
	},
	{
		method: http.MethodGet, path: "/account/export/{id}", permission: accounts.PermExportView, tag: tagPerson, status: 200,
		summary: "How far it has come", handler: gives((*API).getExport),
	},
	{
		method: http.MethodGet, path: "/account/export/{id}/download", permission: accounts.PermExportDownload, action: accounts.ActionExportDownloaded, tag: tagPerson, status: 200,
		summary: "The file", handler: streams((*API).downloadExport, "application/zip"),
		about: "A ZIP with a folder for each part of the product, in JSON and CSV. It is there for 24 hours from when it is ready.",
	},
}
