// Package settings gives a Go program the whole account settings surface of a
// B2B SaaS product: domain services, a JSON API and finished settings pages, on
// the host's own database.
//
//	app, err := settings.New(settings.Config{
//		Product:   "Acme",
//		PublicURL: "https://app.acme.test",
//		Store:     store, // sqlite.Open or postgres.Open
//		From:      "Acme <hello@acme.test>",
//		Mailer:    mailer, // smtp.New, or your own
//		Keys:      keys, // LoadKeys
//	})
//	if err != nil {
//		return err
//	}
//	mux.Handle("/", app.Handler())
//	mux.Handle("/dashboard", app.RequireUser(dashboard))
//	go app.Run(ctx)
//
// # What runs when
//
// New starts nothing. [Settings.Handler] answers requests. Mail leaves, and what
// has expired is removed, only while somebody runs [Settings.Jobs]: the host's
// scheduler, or [Settings.Run]. [Settings.Health] tells when due work waits.
//
// # Services without HTTP
//
// [Settings.Accounts] and [Settings.Security] are the domain services. Every
// method takes the [Actor] it acts for and checks what that actor may do; called
// from Go it is as safe as behind the API.
package settings
