package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
)

type hostileError struct{ status int }

func (e hostileError) Error() string  { return "hostile" }
func (e hostileError) GetStatus() int { return e.status }

// A host may use huma too, and set its process globals to whatever it likes.
func TestHostileGlobals(t *testing.T) {
	before, beforeCtx := huma.NewError, huma.NewErrorWithContext
	t.Cleanup(func() { huma.NewError, huma.NewErrorWithContext = before, beforeCtx })
	huma.NewError = func(int, string, ...error) huma.StatusError { return hostileError{http.StatusTeapot} }
	huma.NewErrorWithContext = func(huma.Context, int, string, ...error) huma.StatusError { return hostileError{http.StatusTeapot} }
	f := newFixture(t)
	for body, status := range map[string]int{
		`{"email":"ada@example.com","password":"` + strings.Repeat("x", 2000) + `"}`: 422,
		`{"email":1}`: 422, `{"x":1}`: 422, `nonsense`: 400, `{"email":"` + strings.Repeat("x", 70<<10) + `"}`: 413,
		`{"email":"ada@example.com","password":"secret-canary-1"}`: 401,
	} {
		r := httptest.NewRequest(http.MethodPost, "/api/v1/auth/sign-in", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.root.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, "%.60s", body)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.NotContains(t, w.Body.String(), "canary")
		require.NotContains(t, w.Body.String(), "xxxx")
	}
}
