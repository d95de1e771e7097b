package letters

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aegisrunner/account-settings/mail"
)

// Preview writes a letter of a kind with data that is made up, for whoever wants to
// see what the mails look like. Links in it lead nowhere. It returns an error for a
// kind that is not one of [Kinds], or is thrown away.
func (r *Renderer) Preview(ctx context.Context, kind string, to mail.Recipient, now time.Time) (mail.Message, error) {
	w, known := writers[kind]
	if !known {
		return mail.Message{}, fmt.Errorf("letters: unknown kind %q", kind)
	}
	letter, err := json.Marshal(w.example(now))
	if err != nil {
		return mail.Message{}, fmt.Errorf("letters: preview of %s: %w", kind, err)
	}
	m, err := r.RenderMail(ctx, kind, to, letter)
	if err != nil {
		return mail.Message{}, err
	}
	m.Kind, m.To, m.ToName = kind, to.Address, to.Name
	return m, nil
}

// examples are what is put into the fields of a letter, by their names. They are
// about people who are long dead.
var examples = map[string]string{
	"Token": "preview", "UndoToken": "preview", "Code": "12345678",
	"Org": "Analytical Engines", "Slug": "analytical-engines", "Inviter": "Charles Babbage", "By": "Charles Babbage", "Other": "Mary Somerville",
	"Role": "admin", "OldEmail": "ada@example.com", "NewEmail": "ada@example.org", "Email": "ada@example.com", "Name": "My laptop",
	"Unsubscribe": "preview", "Metric": "Test runs", "Invoice": "2026-0042", "Amount": "49.00",
	"Browser": "Firefox", "OS": "Linux", "IP": "203.0.113.7", "Place": "London, United Kingdom",
}

// fill puts something into every field that can be seen in a letter. Times lie an
// hour ahead, except the one of what has happened; numbers are small and differ.
func fill(v reflect.Value, name string, now time.Time) {
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = now.Add(time.Hour)
		if name == "At" {
			*at = now
		}
		return
	case *time.Duration:
		*at = time.Hour
		return
	}
	switch v.Kind() {
	case reflect.String:
		text, known := examples[name]
		if !known {
			text = "Example"
		}
		v.SetString(text)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(3 + len(name)%5))
	case reflect.Float64:
		v.SetFloat(3.5)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !strings.HasSuffix(f.Name, "Key") { // of a picture: there is none
				fill(v.Field(i), f.Name, now)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), name, now)
		}
	default: // what a letter may leave out stays out
	}
}
