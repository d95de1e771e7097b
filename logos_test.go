package settings_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	settings "github.com/aegisrunner/account-settings"
	"github.com/aegisrunner/account-settings/bunstore"
	"github.com/aegisrunner/account-settings/id"
	"github.com/aegisrunner/account-settings/internal/dbtest"
	"github.com/aegisrunner/account-settings/orgs"
	"github.com/aegisrunner/account-settings/settingstest"
	"github.com/aegisrunner/account-settings/storetest/memstore"
)

// uploadLogo sends a file as the logo of acme.
func uploadLogo(c *settingstest.Client, contentType string, file []byte) settingstest.Response {
	return c.Do(put, "/api/v1"+org+"/logo", http.Header{"Content-Type": {contentType}}, file)
}

// newLogo uploads a logo and returns its address on this server.
func newLogo(t *testing.T, app *settingstest.App, c *settingstest.Client, file []byte) string {
	t.Helper()
	r := uploadLogo(c, "image/png", file)
	require.Equal(t, 200, r.Status, "%s", r.Body)
	var answer struct {
		LogoURL string `json:"logo_url"`
	}
	r.JSON(t, &answer)
	path, ours := strings.CutPrefix(answer.LogoURL, app.URL)
	require.True(t, ours, answer.LogoURL)
	require.Regexp(t, `^/logos/[0-9a-f]{32}/128$`, path)
	return path
}

func pictureJPEG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 40, 30)), nil))
	return b.Bytes()
}

// bomb is a small PNG file that says it is a large picture.
func bomb(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), width)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, height), 8, 6, 0, 0, 0)
	data := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
	return binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(ihdr))
}

// What goes in as a logo comes out as a PNG of a few pixels, for anybody; what is
// replaced is gone.
func TestLogo(t *testing.T) {
	each(t, func(t *testing.T, app *settingstest.App) {
		a := newAcme(t, app)
		require.Contains(t, api(t, a.owner, get, org, nil, 200), "logo_url")
		require.Nil(t, api(t, a.owner, get, org, nil, 200)["logo_url"])
		file := append(picturePNG(t, 300, 200), "<script>alert(1)</script>"...)
		first := newLogo(t, app, a.admin, file)
		anybody := app.Client()
		for _, file := range [][]byte{file, pictureJPEG(t)} {
			path := newLogo(t, app, a.admin, file)
			for _, size := range []int{512, 128, 64} {
				r := anybody.Get(strings.TrimSuffix(path, "128") + map[int]string{512: "512", 128: "128", 64: "64.png"}[size])
				require.Equal(t, 200, r.Status)
				require.Equal(t, "image/png", r.Header.Get("Content-Type"), "also of a picture without anything transparent")
				require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
				require.Equal(t, "public, max-age=31536000, immutable", r.Header.Get("Cache-Control"))
				require.Contains(t, r.Header.Get("Content-Security-Policy"), "sandbox; default-src 'none'")
				require.Equal(t, "cross-origin", r.Header.Get("Cross-Origin-Resource-Policy"))
				require.NotContains(t, string(r.Body), "script")
				c, err := png.DecodeConfig(bytes.NewReader(r.Body))
				require.NoError(t, err)
				require.Equal(t, [2]int{size, size}, [2]int{c.Width, c.Height})
			}
			require.Equal(t, 404, anybody.Get(first).Status, "FILE-11")
			first = path
		}
		for _, bad := range []string{"0", "129", "0128", "-64", "128.svg", "128/x", ""} {
			require.Equal(t, 404, anybody.Get(strings.TrimSuffix(first, "128")+bad).Status, bad)
		}
		require.Equal(t, 404, anybody.Get(strings.Replace(first, "/logos/", "/avatars/", 1)).Status, "keys of a folder of their own")

		// FILE-01, FILE-03, FILE-10: what is not a picture is not one by its name.
		for body, status := range map[string]int{
			`<svg xmlns="http://www.w3.org/2000/svg"/>`: 415, "<html>": 415, "%PDF-1.7": 415, "": 415,
			string(picturePNG(t, 50, 50)[:60]): 422, string(bomb(60_000, 60_000)): 413, string(bomb(5000, 5000)): 422,
		} {
			require.Equal(t, status, uploadLogo(a.admin, "image/png", []byte(body)).Status, "%.20q", body)
		}
		for _, media := range []string{"text/html", "image/svg+xml", "application/json", "", "image/"} {
			require.Equal(t, 415, uploadLogo(a.admin, media, picturePNG(t, 8, 8)).Status, media)
		}
		require.Equal(t, 413, uploadLogo(a.admin, "image/png", make([]byte, orgs.MaxLogo+1)).Status)
		require.Equal(t, 200, anybody.Get(first).Status)

		// FILE-07, and nobody is told what is wrong with a file that is none of theirs.
		for c, status := range map[*settingstest.Client]int{a.member: 403, a.viewer: 403, a.outsider: 404, anybody: 401} {
			require.Equal(t, status, uploadLogo(c, "text/html", []byte("<html>")).Status)
			require.Equal(t, status, c.API(del, org+"/logo", nil).Status)
		}
		api(t, a.admin, del, org+"/logo", nil, 204)
		require.Equal(t, 404, anybody.Get(first).Status)
		require.Nil(t, api(t, a.owner, get, org, nil, 200)["logo_url"])
		api(t, a.admin, del, org+"/logo", nil, 204)
		app.RunJob("orgs.collect_logos")
	})
}

// Everywhere that an organization is named the address of its logo is with it.
func TestLogoIsNamedEverywhere(t *testing.T) {
	planned(t, "business", func(t *testing.T, app *settingstest.App, dns *zone) {
		a := newAcme(t, app)
		var d object
		r := a.owner.API(post, org+"/domains", object{"domain": "acme.example"})
		r.JSON(t, &d)
		dns.publish(d["record"].(object))
		api(t, a.owner, post, org+"/domains/"+d["id"].(string)+"/verify", nil, 200)
		api(t, a.owner, "PATCH", org+"/domains/"+d["id"].(string), object{"auto_join": true}, 200)
		nina := app.SignUp("nina@acme.example", "Nina")
		first := func(c *settingstest.Client, path string) object {
			t.Helper()
			return api(t, c, get, path, nil, 200)["items"].([]any)[0].(object)
		}
		check := func(want any) {
			t.Helper()
			api(t, a.owner, post, org+"/invitations", object{"emails": []string{"out@example.com"}}, 201)
			token := app.LinkToken("out@example.com", "orgs.invitation")
			for what, in := range map[string]object{
				"the organization":    api(t, a.viewer, get, org, nil, 200),
				"a change":            api(t, a.admin, "PATCH", org, object{"name": "Acme Inc."}, 200),
				"own organizations":   first(a.member, "/account/organizations"),
				"joinable ones":       first(nina, "/account/joinable-organizations"),
				"waiting invitations": first(a.outsider, "/account/invitations")["org"].(object),
				"a mailed invitation": api(t, app.Client(), post, "/invitations/inspect", object{"token": token}, 200)["org"].(object),
			} {
				got, has := in["logo_url"]
				require.True(t, has, what)
				require.Equal(t, want, got, what)
			}
		}
		check(nil)
		path := newLogo(t, app, a.admin, picturePNG(t, 60, 60))
		check(app.URL + path)
		letter := app.Mail.Last("out@example.com", "orgs.invitation")
		require.Contains(t, letter.HTML, `src="`+app.URL+path+`" alt="Acme Inc."`)
		joined := api(t, a.outsider, post, "/invitations/accept", object{"token": app.LinkToken("out@example.com", "orgs.invitation")}, 200)
		require.Equal(t, app.URL+path, joined["org"].(object)["logo_url"])

		// A deleted organization shows nothing; restored it is as it was.
		api(t, a.owner, post, org+"/delete", object{"confirm": "acme-inc"}, 202)
		require.Nil(t, first(a.owner, "/account/organizations")["logo_url"])
		require.Equal(t, 404, app.Client().Get(path).Status, "FILE-11")
		require.Equal(t, 404, uploadLogo(a.owner, "image/png", picturePNG(t, 8, 8)).Status)
		refused(t, a.owner, del, org+"/logo", nil, 404, "not_found")
		app.RunJob("orgs.collect_logos")
		api(t, a.owner, post, org+"/restore", nil, 204)
		require.Equal(t, app.URL+path, api(t, a.viewer, get, org, nil, 200)["logo_url"])
		require.Equal(t, 200, app.Client().Get(path).Status)
	})
}

// What is drawn of the initials is under a key of its own, and under another one
// when they have changed.
func TestLogoOfInitials(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		app := settingstest.Start(t, settings.Config{Store: db})
		a := newAcme(t, app)
		present := func() orgs.Org {
			o, err := id.ParseOrg(api(t, a.owner, get, org, nil, 200)["id"].(string))
			require.NoError(t, err)
			found, err := db.Orgs().Org(t.Context(), o)
			require.NoError(t, err)
			return found
		}
		one := present()
		require.Empty(t, app.LogoURL(one))
		r := app.Client().Get("/logos/" + one.LogoKey + "/128")
		require.Equal(t, "image/svg+xml", r.Header.Get("Content-Type"))
		require.Contains(t, string(r.Body), ">AI<")
		r = app.Client().Get("/logos/" + one.LogoKey + "/512.png")
		require.Equal(t, "image/png", r.Header.Get("Content-Type"))
		drawn, err := png.Decode(bytes.NewReader(r.Body))
		require.NoError(t, err)
		_, _, _, alpha := drawn.At(60, 60).RGBA()
		require.Equal(t, uint32(0xffff), alpha, "a tile, where a person has a disc")
		_, _, _, alpha = drawn.At(0, 0).RGBA()
		require.Zero(t, alpha)

		api(t, a.owner, "PATCH", org, object{"name": "Acme International"}, 200)
		require.Equal(t, one.LogoKey, present().LogoKey, "the same initials")
		api(t, a.owner, "PATCH", org, object{"name": "Difference Engines"}, 200)
		require.NotEqual(t, one.LogoKey, present().LogoKey)
		require.Equal(t, 404, app.Client().Get("/logos/"+one.LogoKey+"/128").Status)

		path := newLogo(t, app, a.owner, picturePNG(t, 60, 60))
		require.Equal(t, app.URL+path, app.LogoURL(present()))
		api(t, a.owner, "PATCH", org, object{"name": "Bernoulli"}, 200)
		require.Equal(t, 200, app.Client().Get(path).Status, "an uploaded one does not depend on the name")
		api(t, a.owner, del, org+"/logo", nil, 204)
		require.Contains(t, string(app.Client().Get("/logos/"+present().LogoKey+"/64").Body), ">B<")

		// The log of the organization has what was done, and nothing that was not.
		var actions []string
		for _, e := range api(t, a.owner, get, org+"/audit", nil, 200)["items"].([]any) {
			if action := e.(object)["action"].(string); strings.HasPrefix(action, "orgs.logo") {
				actions = append(actions, action)
			}
		}
		require.Equal(t, []string{"orgs.logo.removed", "orgs.logo.changed"}, actions, "the newest first")
	})
}

// An Admin who is none any more when the file has come changes nothing, and what
// was stored is removed.
func TestLogoOfAFormerAdmin(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *bunstore.DB) {
		blobs := &countingBlobs{BlobStore: db.Blobs(), names: map[string]bool{}}
		app := settingstest.Start(t, settings.Config{Store: db, Blobs: blobs})
		a := newAcme(t, app)
		file := picturePNG(t, 60, 60)
		body, sending := io.Pipe()
		answer := make(chan int, 1)
		r := request(t, app, a.admin, put, "/api/v1"+org+"/logo", "image/png", nil)
		r.Body = body
		go func() {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			app.Handler().ServeHTTP(w, r)
			answer <- w.Code
		}()
		_, err := sending.Write(file[:20]) // returns once it is being read
		require.NoError(t, err)
		api(t, a.owner, "PATCH", org+"/members/"+me(t, a.admin), object{"role": "member"}, 200)
		_, err = sending.Write(file[20:])
		require.NoError(t, err)
		require.NoError(t, sending.Close())
		require.Equal(t, 403, <-answer)
		require.Nil(t, api(t, a.owner, get, org, nil, 200)["logo_url"])
		require.Len(t, blobs.names, 3)
		app.RunJob("orgs.collect_logos")
		require.Len(t, blobs.names, 3, "they could still be committed")
		app.Clock.Advance(time.Hour)
		app.RunJob("orgs.collect_logos")
		require.Empty(t, blobs.names)
	})
}

// FILE-08: uploads are limited, and leave one logo behind.
func TestManyLogos(t *testing.T) {
	store := memstore.New()
	blobs := &countingBlobs{BlobStore: store.Blobs(), names: map[string]bool{}}
	app := settingstest.Start(t, settings.Config{Store: store, Blobs: blobs})
	a := newAcme(t, app)
	codes := map[int]int{}
	for range 25 {
		codes[uploadLogo(a.admin, "image/png", picturePNG(t, 20, 20)).Status]++
	}
	require.Equal(t, map[int]int{200: 20, 429: 5}, codes)
	// Too large as well, which nobody finds out.
	r := uploadLogo(a.admin, "image/png", make([]byte, orgs.MaxLogo+1))
	require.Equal(t, 429, r.Status)
	require.NotEmpty(t, r.Header.Get("Retry-After"))
	require.Equal(t, 200, a.admin.Do(put, "/api/v1/account/avatar", http.Header{"Content-Type": {"image/png"}}, picturePNG(t, 20, 20)).Status)
	for _, job := range []string{"orgs.collect_logos", "accounts.collect_blobs"} {
		app.RunJob(job)
	}
	var folders []string
	for name := range blobs.names {
		folders = append(folders, strings.SplitN(name, "/", 2)[0])
	}
	slices.Sort(folders)
	require.Equal(t, []string{"avatars", "avatars", "avatars", "logos", "logos", "logos"}, folders, "one of each in three sizes")

	// An upload that fails half-way leaves nothing after an hour.
	blobs.fail = true
	require.Equal(t, 500, uploadLogo(a.owner, "image/png", picturePNG(t, 20, 20)).Status)
	blobs.fail = false
	app.Clock.Advance(time.Hour)
	app.RunJob("orgs.collect_logos")
	require.Len(t, blobs.names, 6)
	logo := strings.TrimPrefix(api(t, app.SignIn("owner@acme.example"), get, org, nil, 200)["logo_url"].(string), app.URL)
	require.Equal(t, 200, app.Client().Get(logo).Status)
}

// A logo that a drawing program has made keeps what is transparent in it.
func TestLogoKeepsWhatIsTransparent(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	a := newAcme(t, app)
	m := image.NewNRGBA(image.Rect(0, 0, 128, 128))
	for x := 32; x < 96; x++ {
		for y := 32; y < 96; y++ {
			m.Set(x, y, color.NRGBA{0x36, 0x4f, 0xc7, 0xff})
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	got, err := png.Decode(bytes.NewReader(app.Client().Get(newLogo(t, app, a.owner, b.Bytes())).Body))
	require.NoError(t, err)
	require.Equal(t, color.NRGBA{0x36, 0x4f, 0xc7, 0xff}, color.NRGBAModel.Convert(got.At(64, 64)))
	_, _, _, alpha := got.At(4, 4).RGBA()
	require.Zero(t, alpha)
}

// A slow sender is cut off.
func TestLogosHaveADeadline(t *testing.T) {
	app := settingstest.Start(t, settings.Config{})
	a := newAcme(t, app)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	app.Handler().ServeHTTP(w, request(t, app, a.owner, put, "/api/v1"+org+"/logo", "image/png", picturePNG(t, 8, 8)))
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.WithinDuration(t, time.Now().Add(30*time.Second), w.read, 10*time.Second)
}
