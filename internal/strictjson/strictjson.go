// Package strictjson decodes the JSON bodies of requests. It accepts less than
// encoding/json does: one object, each field once and spelled exactly, no null,
// no NUL, valid UTF-8, nothing behind it. What two parsers could read differently
// is refused.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/aegisrunner/account-settings/fault"
)

// ErrMalformed is returned for what is not one JSON object.
var ErrMalformed = fault.New(fault.Malformed, "malformed", "the body is not a JSON object")

const maxDepth = 8

// maxErrors bounds the answer to a body that is full of unknown fields: it would
// be many times the size of the body.
const maxErrors = 20

// Decode reads data into a pointer to a struct. Unknown fields and values of the
// wrong type are a [fault.Fields], of which the first 20 are told; everything
// else is [ErrMalformed]. No error holds a value.
func Decode(data []byte, into any) error {
	if !utf8.Valid(data) {
		return ErrMalformed
	}
	names, nulls, err := scan(data)
	if err != nil {
		return ErrMalformed
	}
	known := fieldNames(reflect.TypeOf(into).Elem())
	var f fault.Fields
	for _, n := range names {
		if len(f) == maxErrors {
			break
		}
		switch {
		case !known[n]:
			f.Add(clip(n), "unknown_field", "is not a field of this request")
		case nulls[n]:
			f.Add(n, "invalid_type", "must not be null")
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err = dec.Decode(into)
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrong):
		name, _, _ := strings.Cut(wrong.Field, ".")
		f.Add(name, "invalid_type", "must be a "+kindName(wrong.Type))
		return f
	case err != nil:
		// A type's own UnmarshalText has refused, or a nested field is unknown.
		return ErrMalformed
	}
	return nil
}

// scan walks the tokens: encoding/json alone would let the last of two equal
// fields win.
func scan(data []byte) (names []string, nulls map[string]bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return nil, nil, ErrMalformed
	}
	nulls = map[string]bool{}
	names, err = object(dec, 1, nulls)
	if err != nil {
		return nil, nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, ErrMalformed
	}
	return names, nulls, nil
}

func object(dec *json.Decoder, depth int, nulls map[string]bool) ([]string, error) {
	var names []string
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := t.(string)
		if !ok || seen[name] || strings.Contains(name, "\x00") {
			return nil, ErrMalformed
		}
		seen[name] = true
		names = append(names, name)
		null, err := value(dec, depth)
		if err != nil {
			return nil, err
		}
		if null && nulls != nil {
			nulls[name] = true
		}
	}
	_, err := dec.Token()
	return names, err
}

func value(dec *json.Decoder, depth int) (null bool, err error) {
	t, err := dec.Token()
	if err != nil {
		return false, err
	}
	switch t := t.(type) {
	case nil:
		return true, nil
	case string:
		if strings.Contains(t, "\x00") {
			return false, ErrMalformed
		}
	case json.Delim:
		if depth == maxDepth {
			return false, ErrMalformed
		}
		if t == '{' {
			_, err = object(dec, depth+1, nil)
			return false, err
		}
		for dec.More() {
			if _, err := value(dec, depth+1); err != nil {
				return false, err
			}
		}
		_, err = dec.Token()
	}
	return false, err
}

func fieldNames(t reflect.Type) map[string]bool {
	names := map[string]bool{}
	for _, f := range reflect.VisibleFields(t) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			names[name] = true
		}
	}
	return names
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return "number"
}

// clip bounds what is said back: a name is the client's own, and may be long.
func clip(name string) string {
	if len(name) <= 64 {
		return name
	}
	return strings.ToValidUTF8(name[:64], "") + "…"
}
