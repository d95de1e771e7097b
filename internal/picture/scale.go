package picture

import (
	"context"
	"image"
	"image/draw"

	xdraw "golang.org/x/image/draw"
)

// shrinkTo is the least side that shrink leaves of a larger picture: twice the
// largest size, so that nothing of the last step's quality is lost.
const shrinkTo = 1024

// shrink returns the square in the middle of m, with its side divided by a whole
// number until it is below twice shrinkTo. It goes band by band, because the
// scaler would keep 32 bytes for each row and column in between.
func shrink(ctx context.Context, m image.Image) (*image.RGBA, error) {
	b := m.Bounds()
	side := min(b.Dx(), b.Dy())
	factor := max(side/shrinkTo, 1)
	out := side / factor
	corner := image.Pt(b.Min.X+(b.Dx()-out*factor)/2, b.Min.Y+(b.Dy()-out*factor)/2)

	dst := image.NewRGBA(image.Rect(0, 0, out, out))
	if factor == 1 {
		draw.Draw(dst, dst.Bounds(), m, corner, draw.Src)
		return dst, ctx.Err()
	}
	band := image.NewRGBA(image.Rect(0, 0, out*factor, factor))
	for y := range out {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		draw.Draw(band, band.Bounds(), m, corner.Add(image.Pt(0, y*factor)), draw.Src)
		average(dst.Pix[y*dst.Stride:], band, factor)
	}
	return dst, nil
}

// average writes one row: the mean of each block of factor by factor pixels.
func average(row []byte, band *image.RGBA, factor int) {
	n := uint32(factor * factor)
	for x := range band.Rect.Dx() / factor {
		var sum [4]uint32
		for dy := range factor {
			block := band.Pix[dy*band.Stride+x*factor*4:][:factor*4]
			for i := 0; i < len(block); i += 4 {
				for c := range sum {
					sum[c] += uint32(block[i+c])
				}
			}
		}
		for c := range sum {
			row[x*4+c] = byte((sum[c] + n/2) / n)
		}
	}
}

func scale(square *image.RGBA, size int) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, size, size))
	xdraw.CatmullRom.Scale(dst, dst.Bounds(), square, square.Bounds(), xdraw.Src, nil)
	return dst
}

// turn undoes an EXIF orientation, 1 to 8, of a square.
func turn(m *image.RGBA, orientation int) *image.RGBA {
	if orientation <= 1 {
		return m
	}
	n := m.Rect.Dx()
	last := n - 1
	dst := image.NewRGBA(m.Rect)
	for y := range n {
		for x := range n {
			var fromX, fromY int
			switch orientation {
			case 2:
				fromX, fromY = last-x, y
			case 3:
				fromX, fromY = last-x, last-y
			case 4:
				fromX, fromY = x, last-y
			case 5:
				fromX, fromY = y, x
			case 6:
				fromX, fromY = y, last-x
			case 7:
				fromX, fromY = last-y, last-x
			case 8:
				fromX, fromY = last-y, x
			}
			copy(dst.Pix[y*dst.Stride+x*4:][:4], m.Pix[fromY*m.Stride+fromX*4:][:4])
		}
	}
	return dst
}
