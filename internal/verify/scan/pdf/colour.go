package pdf

import "math"

// space is a colour space, as far as a grey picture needs it: from components to lightness.
type space struct {
	n       int
	kind    spaceKind
	palette []float64 // indexed: grey of each entry
	pattern bool
}

type spaceKind uint8

const (
	greySpace spaceKind = iota
	rgbSpace
	cmykSpace
	labSpace
	inkSpace // Separation and DeviceN: more ink is darker
	indexedSpace
)

// grey gives the lightness, 0 black to 1 white.
func (s space) grey(c []float64) float64 {
	at := func(i int) float64 {
		if i < len(c) {
			return c[i]
		}
		return 0
	}
	var g float64
	switch s.kind {
	case greySpace:
		g = at(0)
	case rgbSpace:
		g = 0.299*at(0) + 0.587*at(1) + 0.114*at(2)
	case cmykSpace:
		k := 1 - at(3)
		g = 0.299*(1-at(0))*k + 0.587*(1-at(1))*k + 0.114*(1-at(2))*k
	case labSpace:
		g = at(0) / 100
	case inkSpace:
		g = 1
		for i := range s.n {
			g *= 1 - at(i)
		}
	case indexedSpace:
		if i := int(at(0)); i >= 0 && i < len(s.palette) {
			g = s.palette[i]
		}
	}
	return max(0, min(1, g))
}

// initial is the colour that a content stream starts with after choosing the space.
func (s space) initial() float64 {
	switch s.kind {
	case inkSpace:
		return s.grey([]float64{1, 1, 1, 1})
	case cmykSpace:
		return s.grey([]float64{0, 0, 0, 1})
	}
	return s.grey(make([]float64, s.n))
}

// space reads a colour space; what is unknown counts as grey of as many components as it has.
func (f *File) space(v any, resources dict, depth int) space {
	grey := space{n: 1}
	if depth > 6 {
		return grey
	}
	v = f.resolve(v)
	if n, ok := v.(name); ok {
		switch n {
		case "DeviceGray", "G", "CalGray":
			return grey
		case "DeviceRGB", "RGB", "CalRGB":
			return space{n: 3, kind: rgbSpace}
		case "DeviceCMYK", "CMYK":
			return space{n: 4, kind: cmykSpace}
		case "Pattern":
			return space{n: 0, pattern: true}
		}
		if named, ok := f.dict(resources["ColorSpace"])[n]; ok {
			if f.resolve(named) == v { // defined as itself
				return grey
			}
			return f.space(named, resources, depth+1)
		}
		return grey
	}
	a, ok := v.(array)
	if !ok || len(a) == 0 {
		return grey
	}
	kind, _ := f.resolve(a[0]).(name)
	switch kind {
	case "CalRGB":
		return space{n: 3, kind: rgbSpace}
	case "Lab":
		return space{n: 3, kind: labSpace}
	case "ICCBased":
		if len(a) > 1 {
			switch n, _ := asInt(f.resolve(f.dict(a[1])["N"])); n {
			case 3:
				return space{n: 3, kind: rgbSpace}
			case 4:
				return space{n: 4, kind: cmykSpace}
			}
		}
		return grey
	case "Separation":
		return space{n: 1, kind: inkSpace}
	case "DeviceN":
		if len(a) > 1 {
			if names, ok := f.resolve(a[1]).(array); ok && len(names) <= 32 {
				return space{n: len(names), kind: inkSpace}
			}
		}
		return space{n: 1, kind: inkSpace}
	case "Pattern":
		return space{n: 0, pattern: true}
	case "Indexed", "I":
		if len(a) < 4 {
			return grey
		}
		base := f.space(a[1], resources, depth+1)
		high, _ := asInt(f.resolve(a[2]))
		var table []byte
		switch t := f.resolve(a[3]).(type) {
		case text:
			table = t
		case *stream:
			table, _ = f.decode(t)
		}
		if base.n < 1 || base.kind == indexedSpace || high < 0 || high > 255 {
			return grey
		}
		s := space{n: 1, kind: indexedSpace}
		c := make([]float64, base.n)
		for i := 0; i <= high && (i+1)*base.n <= len(table); i++ {
			for k := range c {
				c[k] = float64(table[i*base.n+k]) / 255
				if base.kind == labSpace && k == 0 {
					c[k] *= 100
				}
			}
			s.palette = append(s.palette, base.grey(c))
		}
		return s
	}
	return f.space(kind, resources, depth+1)
}

func clampByte(f float64) byte { return byte(max(0, min(255, math.Round(f)))) }
