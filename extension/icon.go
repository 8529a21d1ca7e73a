package extension

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
)

var iconSizes = []int{16, 32, 48, 128}

// icon draws the sign of the extension: a card with its chip, and a leaf that grows from it. Each pixel is the mean of sixteen
// samples.
func icon(size int) []byte {
	const n = 4
	img := image.NewNRGBA(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			var r, g, b, a float64
			for sy := range n {
				for sx := range n {
					c := iconAt((float64(x)+(float64(sx)+.5)/n)/float64(size), (float64(y)+(float64(sy)+.5)/n)/float64(size))
					alpha := float64(c.A) / 255
					r, g, b, a = r+float64(c.R)*alpha, g+float64(c.G)*alpha, b+float64(c.B)*alpha, a+alpha
				}
			}
			if a > 0 {
				img.SetNRGBA(x, y, color.NRGBA{uint8(math.Round(r / a)), uint8(math.Round(g / a)), uint8(math.Round(b / a)), uint8(math.Round(255 * a / (n * n)))})
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil // a buffer takes everything
	}
	return out.Bytes()
}

// iconAt is the colour at a point of the unit square.
func iconAt(x, y float64) color.NRGBA {
	green, paper, gold, leaf := color.NRGBA{0x1B, 0x5E, 0x43, 255}, color.NRGBA{0xFB, 0xFA, 0xF6, 255}, color.NRGBA{0xD9, 0xA9, 0x3A, 255}, color.NRGBA{0x6F, 0xB3, 0x8B, 255}
	rounded := func(x0, y0, x1, y1, r float64) bool {
		dx, dy := math.Max(math.Max(x0+r-x, x-x1+r), 0), math.Max(math.Max(y0+r-y, y-y1+r), 0)
		return dx*dx+dy*dy <= r*r
	}
	// A leaf is what two discs have in common.
	inLeaf := math.Hypot(x-.42, y-.46) < .34 && math.Hypot(x-.86, y-.02) < .34
	switch {
	case inLeaf && y < .62:
		return leaf
	case rounded(.14, .44, .44, .66, .04) && rounded(.06, .34, .94, .92, .1):
		return gold
	case rounded(.06, .34, .94, .92, .1) && (y > .74 && y < .8 && x > .14 && x < .74):
		return green
	case rounded(.09, .37, .91, .89, .08):
		return paper
	case rounded(.06, .34, .94, .92, .1):
		return green
	}
	return color.NRGBA{}
}
