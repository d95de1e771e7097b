package mail_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/mail"
)

// Delivering the outbox: the host calls Deliver from its scheduler, on as many
// nodes as it likes.
func ExampleCourier_Deliver() {
	var store mail.Store       // bunstore's, or the host's own
	var mailer mail.Mailer     // smtp.New(smtp.Config{Addr: "smtp.acme.test:587"})
	var renderer mail.Renderer // the product's words, or the host's own
	var keys mail.Sealer       // the key ring that the letters were sealed with

	_, err := mail.NewCourier(mail.CourierConfig{
		Store: store, Mailer: mailer, Renderer: renderer, Sealer: keys,
		From: "Acme <hello@acme.test>", Now: time.Now,
	})
	fmt.Println(err)
	// Output:
	// mail: CourierConfig.Store is missing
	// mail: CourierConfig.Mailer is missing
	// mail: CourierConfig.Renderer is missing
	// mail: CourierConfig.Sealer is missing
}

// A mail in the product's look.
func ExampleLayout() {
	text, _, err := mail.Layout(
		mail.Brand{Product: "Acme", AccentColor: "#0a7d4f"}, "en", "ltr",
		mail.Content{
			Title:      "Your report is ready",
			Greeting:   "Hello Ada,",
			Paragraphs: []string{"The report that you asked for is there."},
			Button:     mail.Button{Label: "Open the report", URL: "https://app.acme.test/reports/7"},
		})
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _, _ := strings.Cut(text, "\n\n-- \n")
	fmt.Println(body)
	// Output:
	// Your report is ready
	//
	// Hello Ada,
	//
	// The report that you asked for is there.
	//
	// Open the report:
	// https://app.acme.test/reports/7
}
