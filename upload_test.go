package settings_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/settingstest"
)

// form is a picture as a browser sends it.
func form(t *testing.T, file []byte) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("picture", "me.png")
	require.NoError(t, err)
	_, err = part.Write(file)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes(), w.FormDataContentType()
}

// deadlines is an answer that notes by when the body must have come.
type deadlines struct {
	*httptest.ResponseRecorder
	read time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = t
	return nil
}

// A slow sender is cut off, by the API and by the pages.
func TestUploadsHaveADeadline(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	file, multi := form(t, picturePNG(t, 8, 8))
	for _, r := range []*http.Request{
		request(t, app, c, put, "/api/v1/account/avatar", "image/png", picturePNG(t, 8, 8)),
		request(t, app, c, post, "/settings/profile/picture", multi, file),
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		app.Handler().ServeHTTP(w, r)
		require.Less(t, w.Code, 400, "%s", w.Body)
		require.WithinDuration(t, time.Now().Add(30*time.Second), w.read, 10*time.Second, r.URL.Path)
	}
}

// request is one of a browser, for a handler without a server.
func request(t *testing.T, app *settingstest.App, c *settingstest.Client, method, path, contentType string, body []byte) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, app.URL+path, bytes.NewReader(body))
	for _, cookie := range c.HTTP.Jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Content-Type", contentType)
	return r
}

// A host that bounds bodies itself gets the answer that says so.
func TestUploadUnderAHostsLimit(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	host := http.MaxBytesHandler(app.Handler(), 1000)
	w := httptest.NewRecorder()
	host.ServeHTTP(w, request(t, app, c, put, "/api/v1/account/avatar", "image/png", make([]byte, 2000)))
	require.Equal(t, 413, w.Code, "%s", w.Body)
	require.Contains(t, w.Body.String(), `"code":"too_large"`)
	file, multi := form(t, make([]byte, 2000))
	w = httptest.NewRecorder()
	host.ServeHTTP(w, request(t, app, c, post, "/settings/profile/picture", multi, file))
	require.Equal(t, 422, w.Code, "%s", w.Body)
	require.Contains(t, w.Body.String(), "picture-picture-error")
}

// The budget of uploads is asked before the body, and says when to come back.
func TestUploadBudget(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	c := app.SignUp("ada@example.com", "Ada")
	for range 20 {
		require.Equal(t, 415, c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, "no picture").Status)
	}
	// Too large as well, which nobody finds out.
	r := c.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, make([]byte, 5<<20+1))
	require.Equal(t, 429, r.Status)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	file, multi := form(t, nil)
	r = c.Do(post, "/settings/profile/picture", http.Header{"Content-Type": {multi}}, file)
	require.Equal(t, 429, r.Status)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
}
