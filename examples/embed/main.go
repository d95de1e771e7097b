// Command embed is a host application in a few lines: its own dashboard, with
// the account settings mounted beside it. It is the program of the README.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore/sqlite"
	"github.com/aegisrunner/account-settings/mail/smtp"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	store, err := sqlite.Open("app.db") // or postgres.Open, bunstore.New, your own
	if err != nil {
		return err
	}
	defer store.Close()
	mailer, err := smtp.New(smtp.Config{Addr: "smtp.acme.test:587", Username: "acme", Password: os.Getenv("SMTP_PASSWORD")})
	if err != nil {
		return err
	}
	keys, err := settings.LoadKeys("keys.json") // settings.CreateKeys makes one
	if err != nil {
		return err
	}
	app, err := settings.New(settings.Config{
		Product:   "Acme",
		PublicURL: "https://app.acme.test",
		Store:     store,
		From:      "Acme <hello@acme.test>",
		Mailer:    mailer,
		Keys:      keys,
	})
	if err != nil {
		return err // names every missing or wrong field at once
	}
	mux := http.NewServeMux()
	mux.Handle("/", app.Handler())
	mux.Handle("/dashboard", app.RequireUser(http.HandlerFunc(dashboard)))
	go func() { _ = app.Run(ctx) }()
	server := &http.Server{Addr: "127.0.0.1:8081", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

func dashboard(w http.ResponseWriter, r *http.Request) {
	user, _ := settings.UserFrom(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "Hello %s\n", user.Name)
}
