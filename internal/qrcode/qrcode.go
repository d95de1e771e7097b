// Package qrcode draws QR codes (ISO/IEC 18004) as SVG that stands in a page.
package qrcode

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// quiet is the width in modules of the empty border that scanners need.
const quiet = 4

// maxText is what the largest code holds at level M, in bytes.
const maxText = 2331

// ErrText is returned for a text that is empty or too long for a code.
var ErrText = errors.New("qrcode: the text is empty or longer than 2,331 bytes")

// SVG returns a QR code of text, of error correction level M, as one <svg>
// element. title says to those who do not see it what the code is for; it must
// not be empty, and is not the text, which is often a secret.
//
// The code is black on white whatever the colours around it, since many scanners
// do not read the reverse. It has no size of its own, and neither style nor
// script: the page's style sheet sizes it, under any content security policy.
// The same arguments give the same element. An error tells nothing of text.
func SVG(text, title string) (template.HTML, error) {
	if text == "" || len(text) > maxText {
		return "", ErrText
	}
	if strings.TrimSpace(title) == "" {
		return "", errors.New("qrcode: the title is empty")
	}
	// The library's error quotes the text.
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return "", ErrText
	}
	size := code.Bounds().Dx() + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" shape-rendering="crispEdges"><title>`, size, size)
	if err := xml.EscapeText(&b, []byte(title)); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, `</title><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="`, size, size)
	runs(&b, code)
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil //nolint:gosec // numbers, and the title escaped
}

// runs writes a rectangle for each run of dark modules in a row.
func runs(b *strings.Builder, code image.Image) {
	bounds := code.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			start := x
			for x < bounds.Max.X && dark(code.At(x, y)) {
				x++
			}
			if n := x - start; n > 0 {
				fmt.Fprintf(b, "M%d %dh%dv1h-%dz", start-bounds.Min.X+quiet, y-bounds.Min.Y+quiet, n, n)
			}
		}
	}
}

func dark(c color.Color) bool {
	r, _, _, _ := c.RGBA()
	return r == 0
}
