package problem

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/audit"
	"github.com/aegisrunner/account-settings/fault"
)

// state and code are errors as drivers make them.
type state string

func (s state) Error() string    { return "FATAL: settings_users (SQLSTATE " + string(s) + ")" }
func (s state) SQLState() string { return string(s) }

type code int

func (c code) Error() string { return fmt.Sprintf("settings_users (%d)", int(c)) }
func (c code) Code() int     { return int(c) }

func TestOutagesAreUnavailable(t *testing.T) {
	db := sql.OpenDB(nowhere{})
	require.NoError(t, db.Close())
	_, dial := (&net.Dialer{}).DialContext(t.Context(), "unix", t.TempDir()+"/nobody")
	require.Error(t, dial)
	for _, err := range []error{
		db.PingContext(t.Context()), sql.ErrConnDone, sql.ErrTxDone, driver.ErrBadConn, dial, net.ErrClosed, os.ErrDeadlineExceeded,
		context.Canceled, context.DeadlineExceeded,
		state("08006"), state("53300"), state("57P01"), state("57P03"), state("57014"), state("40001"), state("40P01"), state("25006"),
		state("55P03"), state("55000"), state("28P01"), state("28000"), state("3D000"),
		code(5), code(5 | 2<<8), code(6), code(8), code(10 | 3<<8), code(13), code(14),
		fault.New(fault.Unavailable, "", "no"),
		errors.Join(fault.New(fault.NotFound, "", "no"), fault.New(fault.Unavailable, "", "no")),
	} {
		for _, err := range []error{err, fmt.Errorf("settings_users: %w", err), errors.Join(errors.New("x"), err)} {
			p := Of(err)
			require.Equal(t, Problem{
				Status: http.StatusServiceUnavailable, Code: "unavailable", Internal: true,
				Detail: "This cannot be done right now. Try again in a moment.", RetryAfter: 5 * time.Second,
			}, p, "%v", err)
		}
	}
}

func TestOtherFailuresAreOurs(t *testing.T) {
	for _, err := range []error{
		errors.New("settings_users"), sql.ErrNoRows, state("23505"), state("42P01"), state(""), state("5"), code(0), code(19 | 8<<8), code(1),
	} {
		p := Of(err)
		require.Equal(t, Problem{
			Status: http.StatusInternalServerError, Code: "internal", Internal: true, Detail: "Something went wrong on our side.",
		}, p, "%v", err)
	}
}

func TestRefusals(t *testing.T) {
	for kind, want := range map[error]Problem{
		fault.Malformed:       {Status: 400, Code: "malformed"},
		fault.Unauthenticated: {Status: 401, Code: "unauthenticated"},
		fault.StepUp:          {Status: 401, Code: "reauthentication_required"},
		fault.Limit:           {Status: 402, Code: "limit_reached"},
		fault.Forbidden:       {Status: 403, Code: "forbidden"},
		fault.NotFound:        {Status: 404, Code: "not_found"},
		fault.Conflict:        {Status: 409, Code: "conflict"},
		fault.Gone:            {Status: 410, Code: "link_gone"},
		fault.TooLarge:        {Status: 413, Code: "too_large"},
		fault.Unsupported:     {Status: 415, Code: "unsupported_media_type"},
		fault.Invalid:         {Status: 422, Code: "validation_failed"},
		fault.Throttled:       {Status: 429, Code: "rate_limited", RetryAfter: 5 * time.Second},
	} {
		p := Of(fmt.Errorf("settings_users: %w", fault.New(kind, "", "settings_users")))
		require.NotEmpty(t, p.Detail)
		require.NotContains(t, p.Detail, "settings_users")
		p.Detail = ""
		require.Equal(t, want, p)

		named := Of(fault.New(kind, "email_taken", "settings_users"))
		require.Equal(t, "email_taken", named.Code, "the error's own code is the finer one")
		require.Equal(t, want.Status, named.Status)
	}
}

func TestDetailsOfRefusals(t *testing.T) {
	step := &audit.StepUpError{Methods: []audit.Factor{audit.Password}, MaxAge: 10 * time.Minute}
	p := Of(fmt.Errorf("x: %w", step))
	require.Equal(t, http.StatusUnauthorized, p.Status)
	require.Equal(t, step.Methods, p.Methods)
	require.Equal(t, step.MaxAge, p.MaxAge)

	var fields fault.Fields
	fields.Add("name", "required", "Enter a name.")
	p = Of(fmt.Errorf("x: %w", fields.Err()))
	require.Equal(t, http.StatusUnprocessableEntity, p.Status)
	require.Equal(t, fields, p.Fields)
	require.False(t, p.Internal)
}
