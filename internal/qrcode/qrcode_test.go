package qrcode_test

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/internal/qrcode"
)

const uri = "otpauth://totp/Acme:ada@example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme&algorithm=SHA1&digits=6&period=30"

var texts = map[string]string{
	"one-time codes": uri,
	"digits":         "0123456789012345",
	"capitals":       "HTTPS://ACME.TEST/A-B",
	"one letter":     "a",
	"not ASCII":      "otpauth://totp/Äcme:ада@例え.test?secret=JBSWY3DPEHPK3PXP",
	"markup":         `<script>alert("x")</script>&amp;`,
	"long":           strings.Repeat("long text ", 60),
	"largest":        strings.Repeat("a", 2331),
}

type svg struct {
	XMLName xml.Name   `xml:"http://www.w3.org/2000/svg svg"`
	Attrs   []xml.Attr `xml:",any,attr"`
	ViewBox string     `xml:"viewBox,attr"`
	Role    string     `xml:"role,attr"`
	Shape   string     `xml:"shape-rendering,attr"`
	Title   []string   `xml:"title"`
	Rect    []struct {
		Width  int    `xml:"width,attr"`
		Height int    `xml:"height,attr"`
		Fill   string `xml:"fill,attr"`
	} `xml:"rect"`
	Path []struct {
		Fill string `xml:"fill,attr"`
		D    string `xml:"d,attr"`
	} `xml:"path"`
	Others []struct{ XMLName xml.Name } `xml:",any"`
}

func draw(t *testing.T, text, title string) (svg, string) {
	t.Helper()
	source, err := qrcode.SVG(text, title)
	require.NoError(t, err)
	var s svg
	require.NoError(t, xml.Unmarshal([]byte(source), &s))
	return s, string(source)
}

// paint draws the path as a renderer would, one pixel for each unit, and checks
// that it uses nothing else than the runs it should be made of.
func paint(t *testing.T, s svg) *image.Gray {
	t.Helper()
	size := s.Rect[0].Width
	require.Equal(t, fmt.Sprintf("0 0 %d %d", size, size), s.ViewBox)
	require.Equal(t, size, s.Rect[0].Height)
	picture := image.NewGray(image.Rect(0, 0, size, size))
	for i := range picture.Pix {
		picture.Pix[i] = 0xff
	}
	run := regexp.MustCompile(`^M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	for d := s.Path[0].D; d != ""; {
		m := run.FindStringSubmatch(d)
		require.NotNil(t, m, d)
		require.Equal(t, m[3], m[4])
		x, y, n := number(t, m[1]), number(t, m[2]), number(t, m[3])
		for i := range n {
			require.True(t, image.Pt(x+i, y).In(picture.Rect))
			picture.SetGray(x+i, y, color.Gray{})
		}
		d = d[len(m[0]):]
	}
	return picture
}

func number(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

func TestEveryModuleIsDrawn(t *testing.T) {
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			s, _ := draw(t, text, "QR code")
			picture := paint(t, s)
			want, err := qr.Encode(text, qr.M, qr.Auto)
			require.NoError(t, err)
			require.Equal(t, want.Bounds().Dx()+8, picture.Rect.Dx(), "four modules on each side")
			for y := range picture.Rect.Dy() {
				for x := range picture.Rect.Dx() {
					black := image.Pt(x-4, y-4).In(want.Bounds()) && want.At(x-4, y-4) == color.Black
					require.Equal(t, black, picture.GrayAt(x, y).Y == 0, "%d, %d", x, y)
				}
			}
		})
	}
}

func TestTheElement(t *testing.T) {
	s, source := draw(t, uri, `Scan "this" & that <b>`)
	require.Equal(t, "img", s.Role)
	require.Equal(t, "crispEdges", s.Shape)
	require.Equal(t, []string{`Scan "this" & that <b>`}, s.Title)
	require.Len(t, s.Rect, 1)
	require.Equal(t, "#fff", s.Rect[0].Fill)
	require.Len(t, s.Path, 1)
	require.Equal(t, "#000", s.Path[0].Fill)
	require.Empty(t, s.Others)
	require.Len(t, s.Attrs, 1, "the namespace, and nothing that is not named above")
	require.NotContains(t, source, "style")
	require.NotContains(t, source, "JBSWY3DP", "the text is in the modules alone")
	require.Less(t, len(source), 32<<10)
	_, again := draw(t, uri, `Scan "this" & that <b>`)
	require.Equal(t, source, again)
}

func TestTheTitleIsAlwaysWellFormed(t *testing.T) {
	for _, title := range []string{"a\x00b", "a\xffb", "]]>", "\u202e", "</title><script>alert(1)</script>"} {
		s, _ := draw(t, "a", title)
		require.Len(t, s.Title, 1)
		require.Empty(t, s.Others)
	}
}

func TestRefusedTexts(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("s3cret", 400)} {
		_, err := qrcode.SVG(text, "QR code")
		require.ErrorIs(t, err, qrcode.ErrText)
		require.NotContains(t, err.Error(), "s3cret")
	}
	_, err := qrcode.SVG("a", " ")
	require.ErrorContains(t, err, "title")
}

// A reader by somebody else reads what was drawn.
func TestScannersReadIt(t *testing.T) {
	zbar, err := exec.LookPath("zbarimg")
	require.NoError(t, err, "install zbarimg (Debian: zbar-tools); ./test.sh does it there")
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			s, _ := draw(t, text, "QR code")
			file := filepath.Join(t.TempDir(), "code.png")
			save(t, file, paint(t, s), 4)
			out, err := exec.CommandContext(t.Context(), zbar, "--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", file).Output()
			require.NoError(t, err)
			require.Equal(t, text, strings.TrimSuffix(string(out), "\n"))
		})
	}
}

func save(t *testing.T, name string, small *image.Gray, scale int) {
	t.Helper()
	picture := image.NewGray(image.Rect(0, 0, small.Rect.Dx()*scale, small.Rect.Dy()*scale))
	for y := range picture.Rect.Dy() {
		for x := range picture.Rect.Dx() {
			picture.SetGray(x, y, small.GrayAt(x/scale, y/scale))
		}
	}
	f, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, png.Encode(f, picture))
	require.NoError(t, f.Close())
}

func BenchmarkSVG(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := qrcode.SVG(uri, "QR code"); err != nil {
			b.Fatal(err)
		}
	}
}
