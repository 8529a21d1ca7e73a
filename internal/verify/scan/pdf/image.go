package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
)

var errPictureForm = errors.New("the picture is compressed in a form that is not supported")

// picture decodes an image XObject or an inline image. mask says that it is a stencil: its alpha
// is where the fill colour goes.
func (f *File) picture(s *stream, resources dict, depth int) (p picture, mask bool, err error) {
	get := func(long, short name) any {
		if v, ok := s.dict[long]; ok {
			return f.resolve(v)
		}
		return f.resolve(s.dict[short])
	}
	w, _ := asInt(get("Width", "W"))
	h, _ := asInt(get("Height", "H"))
	if w < 1 || h < 1 || w > 1<<16 || h > 1<<16 || w*h > f.limits.Pixels {
		return picture{}, false, fmt.Errorf("%w: a picture of %d by %d pixels", ErrBudget, w, h)
	}
	if f.decoded += w * h; f.decoded > f.limits.Total {
		return picture{}, false, fmt.Errorf("%w: too many pictures", ErrBudget)
	}
	mask, _ = get("ImageMask", "IM").(bool)
	data, rest, _, err := f.unfilter(s)
	if err != nil {
		return picture{}, mask, err
	}
	decode, hasDecode := f.numbers(get("Decode", "D"))
	p = picture{w: w, h: h}
	switch rest {
	case "":
		bits, _ := asInt(get("BitsPerComponent", "BPC"))
		sp := space{n: 1}
		if mask {
			bits = 1
		} else {
			v, ok := s.dict["ColorSpace"]
			if !ok {
				v = s.dict["CS"]
			}
			sp = f.space(v, resources, 0)
		}
		if bits != 1 && bits != 2 && bits != 4 && bits != 8 && bits != 16 || sp.n < 1 {
			return picture{}, mask, errPictureForm
		}
		if p.pix, err = samples(data, w, h, bits, sp, decode); err != nil {
			return picture{}, mask, err
		}
	case "DCTDecode", "DCT":
		config, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			return picture{}, mask, fmt.Errorf("%w: %w", errPictureForm, err)
		}
		if config.Width*config.Height > f.limits.Pixels {
			return picture{}, mask, ErrBudget
		}
		img, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			return picture{}, mask, fmt.Errorf("%w: %w", errPictureForm, err)
		}
		p = fromJPEG(img)
		if hasDecode && len(decode) > 1 && decode[0] > decode[1] {
			for i := range p.pix {
				p.pix[i] = 255 - p.pix[i]
			}
		}
	default:
		return picture{}, mask, fmt.Errorf("%w (%s)", errPictureForm, rest)
	}
	if mask { // sample 0 paints, unless Decode turns it round; Decode is applied already
		for i := range p.pix {
			p.pix[i] = 255 - p.pix[i]
		}
		return picture{w: p.w, h: p.h, pix: make([]byte, len(p.pix)), alpha: p.pix}, true, nil
	}
	if depth == 0 {
		f.cover(&p, s.dict, resources)
	}
	return p, false, nil
}

// cover adds what makes parts of a picture transparent: a soft mask or a stencil.
func (f *File) cover(p *picture, d, resources dict) {
	for _, k := range [...]name{"SMask", "Mask"} {
		m, ok := f.resolve(d[k]).(*stream)
		if !ok {
			continue
		}
		q, stencil, err := f.picture(m, resources, 1)
		if err != nil {
			continue
		}
		alpha := q.pix
		if stencil {
			alpha = q.alpha // 1 bits of an explicit mask hide, as 1 bits of a stencil do not paint
		}
		p.alpha = make([]byte, p.w*p.h)
		for y := range p.h {
			for x := range p.w {
				p.alpha[y*p.w+x] = alpha[y*q.h/p.h*q.w+x*q.w/p.w]
			}
		}
		return
	}
}

// samples turns packed components into grey.
func samples(data []byte, w, h, bits int, sp space, decode []float64) ([]byte, error) {
	row := (w*bits*sp.n + 7) / 8
	out := make([]byte, w*h)
	top := float64(int(1)<<bits - 1)
	lo, hi := make([]float64, sp.n), make([]float64, sp.n)
	for k := range sp.n {
		lo[k], hi[k] = 0, 1
		switch {
		case sp.kind == indexedSpace:
			hi[k] = top
		case sp.kind == labSpace && k == 0:
			hi[k] = 100
		}
		if 2*k+1 < len(decode) {
			lo[k], hi[k] = decode[2*k], decode[2*k+1]
		}
	}
	// One component of up to 8 bits has few values: look them up.
	var table []byte
	if sp.n == 1 && bits <= 8 {
		for v := range int(top) + 1 {
			table = append(table, clampByte(255*sp.grey([]float64{lo[0] + float64(v)*(hi[0]-lo[0])/top})))
		}
	}
	c := make([]float64, sp.n)
	for y := range h {
		line := data[min(y*row, len(data)):min((y+1)*row, len(data))]
		if len(line) < row { // cut short: the rest of the picture is white
			for i := y * w; i < len(out); i++ {
				out[i] = 255
			}
			if y == 0 {
				return nil, errors.New("the picture has no data")
			}
			return out, nil
		}
		at := func(i int) int {
			switch bits {
			case 8:
				return int(line[i])
			case 16:
				return int(line[2*i])<<8 | int(line[2*i+1])
			}
			b := i * bits
			return int(line[b/8]>>(8-bits-b%8)) & (1<<bits - 1)
		}
		for x := range w {
			if table != nil {
				out[y*w+x] = table[at(x)]
				continue
			}
			for k := range c {
				c[k] = lo[k] + float64(at(x*sp.n+k))*(hi[k]-lo[k])/top
			}
			out[y*w+x] = clampByte(255 * sp.grey(c))
		}
	}
	return out, nil
}

func fromJPEG(img image.Image) picture {
	b := img.Bounds()
	p := picture{w: b.Dx(), h: b.Dy(), pix: make([]byte, b.Dx()*b.Dy())}
	for y := range p.h {
		row := p.pix[y*p.w : (y+1)*p.w]
		switch m := img.(type) {
		case *image.Gray:
			copy(row, m.Pix[y*m.Stride:])
		case *image.YCbCr:
			copy(row, m.Y[y*m.YStride:])
		default:
			for x := range row {
				row[x] = color.GrayModel.Convert(img.At(b.Min.X+x, b.Min.Y+y)).(color.Gray).Y
			}
		}
	}
	return p
}
