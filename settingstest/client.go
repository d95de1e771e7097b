package settingstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"testing"
)

// Client is one browser, or one client with a token, of an [App].
type Client struct {
	HTTP   *http.Client // with a cookie jar; does not follow redirects
	Header http.Header  // sent with every request
	Token  string       // when set, sent as Authorization: Bearer

	app *App
}

// Client returns a browser that is signed in nowhere. Like one, it says of its
// requests that they come from the product's own pages.
func (a *App) Client() *Client {
	jar, _ := cookiejar.New(nil) // nil options: never fails
	return &Client{
		HTTP: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Header: http.Header{
			"Sec-Fetch-Site": {"same-origin"},
			"User-Agent":     {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"},
		},
		app: a,
	}
}

// Response is an answer, read.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// JSON decodes the body into v, and fails the test if it cannot.
func (r Response) JSON(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		t.Fatalf("answer %d is not JSON: %v\n%s", r.Status, err, r.Body)
	}
}

// Code returns the code of a problem, or "".
func (r Response) Code() string {
	var p struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(r.Body, &p) != nil {
		return ""
	}
	return p.Code
}

// Fields returns the code of each rejected field of a problem.
func (r Response) Fields() map[string]string {
	var p struct {
		Errors []struct{ Field, Code string }
	}
	_ = json.Unmarshal(r.Body, &p)
	out := map[string]string{}
	for _, e := range p.Errors {
		out[e.Field] = e.Code
	}
	return out
}

// API calls the JSON API. body nil sends none; a string or bytes are sent as
// they are; anything else as JSON.
func (c *Client) API(method, path string, body any) Response {
	c.app.t.Helper()
	h := http.Header{}
	if body != nil {
		h.Set("Content-Type", "application/json")
	}
	return c.Do(method, "/api/v1"+path, h, body)
}

// Form posts an HTML form to a page.
func (c *Client) Form(path string, values url.Values) Response {
	c.app.t.Helper()
	return c.Do(http.MethodPost, path, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, values.Encode())
}

// Get asks for a page.
func (c *Client) Get(path string) Response {
	c.app.t.Helper()
	return c.Do(http.MethodGet, path, nil, nil)
}

// Do sends a request and reads the answer.
func (c *Client) Do(method, path string, h http.Header, body any) Response {
	t := c.app.t
	t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = bytes.NewReader([]byte(b))
	case []byte:
		r = bytes.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.app.URL+path, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range []http.Header{c.Header, h} {
		for k, v := range from {
			req.Header[k] = v
		}
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return Response{resp.StatusCode, resp.Header, data}
}

// Password is what [App.SignUp] chooses.
const Password = "correct horse 42"

// SignUp makes an account through the API and the mailed link, and returns the
// browser that it is signed in with.
func (a *App) SignUp(email, name string) *Client {
	a.t.Helper()
	c := a.Client()
	if r := c.API(http.MethodPost, "/auth/sign-up", map[string]string{"email": email}); r.Status != http.StatusAccepted {
		a.t.Fatalf("sign-up: %d %s", r.Status, r.Body)
	}
	r := c.API(http.MethodPost, "/auth/sign-up/complete", map[string]string{
		"token": a.LinkToken(email, "account.sign_up"), "name": name, "password": Password,
	})
	if r.Status != http.StatusCreated {
		a.t.Fatalf("sign-up/complete: %d %s", r.Status, r.Body)
	}
	return c
}

// SignIn returns another browser that is signed in with [Password].
func (a *App) SignIn(email string) *Client {
	a.t.Helper()
	c := a.Client()
	r := c.API(http.MethodPost, "/auth/sign-in", map[string]string{"email": email, "password": Password})
	if r.Status != http.StatusOK {
		a.t.Fatalf("sign-in: %d %s", r.Status, r.Body)
	}
	return c
}

var links = regexp.MustCompile(`https?://\S+`)

// LinkToken returns the token of the link in the newest mail of a kind to an
// address.
func (a *App) LinkToken(email, kind string) string {
	a.t.Helper()
	m := a.Mail.Last(email, kind)
	for _, l := range links.FindAllString(m.Text, -1) {
		if u, err := url.Parse(l); err == nil && u.Query().Get("token") != "" {
			return u.Query().Get("token")
		}
	}
	a.t.Fatalf("mail %q to %s holds no link:\n%s", kind, email, m.Text)
	return ""
}
