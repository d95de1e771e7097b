package httpapi

import (
	"net/http"

	"github.com/aegisrunner/account-settings/notify"
)

// mailTable is the part of the table about which mails people get.
var mailTable = []route{
	{
		method: http.MethodGet, path: "/account/email-preferences", permission: notify.PermView, tag: tagPerson, status: 200,
		summary: "Which automated mails the person gets", handler: gives((*API).preferences),
		about: "Mails about the account's security and about failed payments cannot be switched off, and are not listed.",
	},
	{
		method: http.MethodPatch, path: "/account/email-preferences", permission: notify.PermChange, action: notify.ActionPreferencesChanged, tag: tagPerson, status: 200,
		summary: "Switch mails on or off", handler: takes((*API).patchPreferences), problems: []string{"locked_by_plan"},
	},
	{
		method: http.MethodPost, path: "/unsubscribe", permission: notify.PermUnsubscribe, tag: tagPerson, status: 200,
		summary: "Switch one kind of mail off by the link in one", handler: gives((*API).unsubscribe),
		about: "Without a session, and any number of times. The link in mails leads to the page of the same name, " +
			"which answers to one-click unsubscribing by RFC 8058.",
		query: []param{{"token", "That of the link"}},
	},
}
