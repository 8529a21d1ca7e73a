package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"errors"
	"fmt"
	"io"

	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// errPicture says that the last filter is one of pictures and is left to the picture decoder.
var errPicture = errors.New("the stream is a compressed picture")

// decode undoes every filter of a stream.
func (f *File) decode(s *stream) ([]byte, error) {
	data, last, _, err := f.unfilter(s)
	if err != nil {
		return nil, err
	}
	if last != "" {
		return nil, fmt.Errorf("%w (%s)", errPicture, last)
	}
	return data, nil
}

// unfilter undoes the filters up to one that only a picture decoder knows, which it names.
func (f *File) unfilter(s *stream) (data []byte, rest name, parms dict, err error) {
	data = s.raw
	filters := f.list(s.dict, "Filter", "F")
	all := f.list(s.dict, "DecodeParms", "DP")
	if len(filters) > 8 {
		return nil, "", nil, errSyntax
	}
	if f.cipher != nil && !s.open {
		if data, err = f.cipher.stream(s, filters); err != nil {
			return nil, "", nil, err
		}
	}
	for i, v := range filters {
		filter, _ := v.(name)
		var p dict
		if i < len(all) {
			p = f.dict(all[i])
		}
		switch filter {
		case "FlateDecode", "Fl":
			data, err = f.bounded(inflate(data))
			if err == nil {
				data, err = f.predict(data, p)
			}
		case "LZWDecode", "LZW":
			if early, ok := asInt(f.resolve(p["EarlyChange"])); ok && early == 0 {
				return nil, "", nil, errors.New("LZW without early change is not supported")
			}
			data, err = f.bounded(lzw.NewReader(bytes.NewReader(data), lzw.MSB, 8))
			if err == nil {
				data, err = f.predict(data, p)
			}
		case "ASCIIHexDecode", "AHx":
			if i := bytes.IndexByte(data, '>'); i >= 0 {
				data = data[:i]
			}
			data = hexBytes(data)
		case "ASCII85Decode", "A85":
			data = bytes.TrimPrefix(bytes.TrimSpace(data), []byte("<~"))
			if i := bytes.IndexByte(data, '~'); i >= 0 {
				data = data[:i]
			}
			data, err = f.bounded(ascii85.NewDecoder(bytes.NewReader(data)))
		case "RunLengthDecode", "RL":
			data, err = f.bounded(&runLength{data: data})
		case "Crypt":
		case "CCITTFaxDecode", "CCF":
			data, err = f.fax(data, p, s.dict)
		default: // DCTDecode, JPXDecode, JBIG2Decode
			if i != len(filters)-1 {
				return nil, "", nil, errPicture
			}
			return data, filter, p, nil
		}
		if err != nil {
			return nil, "", nil, err
		}
	}
	return data, "", nil, nil
}

// list gives a value that may stand alone or in an array, under its long or short key.
func (f *File) list(d dict, keys ...name) array {
	for _, k := range keys {
		switch v := f.resolve(d[k]).(type) {
		case array:
			out := make(array, len(v))
			for i := range v {
				out[i] = f.resolve(v[i])
			}
			return out
		case nil:
		default:
			return array{v}
		}
	}
	return nil
}

// bounded reads to the end or to the limit. What came out before an error counts: writers and
// transports cut streams short.
func (f *File) bounded(r io.Reader) ([]byte, error) {
	limit := min(f.limits.Stream, f.limits.Total-f.decoded)
	data, _ := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if len(data) > limit {
		return nil, fmt.Errorf("%w: a stream holds more than %d bytes", ErrBudget, limit)
	}
	f.decoded += len(data)
	return data, nil
}

func inflate(data []byte) io.Reader {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return bytes.NewReader(nil)
	}
	return r
}

type runLength struct {
	data []byte
	fill byte
	left int // bytes left of a repeated run
	copy int // bytes left of a literal run
	done bool
}

func (r *runLength) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		switch {
		case r.left > 0:
			p[n] = r.fill
			r.left--
			n++
		case r.copy > 0 && len(r.data) > 0:
			k := copy(p[n:], r.data[:min(r.copy, len(r.data))])
			r.data = r.data[k:]
			r.copy -= k
			n += k
		case r.done || len(r.data) == 0 || r.data[0] == 128:
			r.done = true
			return n, io.EOF
		case r.data[0] < 128:
			r.copy = int(r.data[0]) + 1
			r.data = r.data[1:]
		case len(r.data) < 2:
			r.done = true
		default:
			r.left, r.fill = 257-int(r.data[0]), r.data[1]
			r.data = r.data[2:]
		}
	}
	return n, nil
}

// predict undoes the PNG and TIFF predictors.
func (f *File) predict(data []byte, p dict) ([]byte, error) {
	number := func(k name, otherwise int) int {
		if n, ok := asInt(f.resolve(p[k])); ok {
			return n
		}
		return otherwise
	}
	predictor := number("Predictor", 1)
	if predictor < 2 {
		return data, nil
	}
	colours, bits, columns := number("Colors", 1), number("BitsPerComponent", 8), number("Columns", 1)
	if colours < 1 || colours > 32 || bits < 1 || bits > 16 || columns < 1 || columns > 1<<20 {
		return nil, errSyntax
	}
	pixel := max(1, colours*bits/8)
	row := (colours*bits*columns + 7) / 8
	if predictor == 2 {
		if bits != 8 {
			return data, nil
		}
		for at := 0; at+row <= len(data); at += row {
			for i := pixel; i < row; i++ {
				data[at+i] += data[at+i-pixel]
			}
		}
		return data, nil
	}
	out := make([]byte, 0, len(data))
	above := make([]byte, row)
	for len(data) > 1 {
		kind := data[0]
		line := make([]byte, row)
		data = data[1+copy(line, data[1:]):]
		for i := range line {
			var left, corner byte
			if i >= pixel {
				left, corner = line[i-pixel], above[i-pixel]
			}
			switch kind {
			case 1:
				line[i] += left
			case 2:
				line[i] += above[i]
			case 3:
				line[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				line[i] += paeth(left, above[i], corner)
			}
		}
		out = append(out, line...)
		above = line
	}
	return out, nil
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	abs := func(n int) int { return max(n, -n) }
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	}
	return c
}

// fax decodes Group 3 (one dimension) and Group 4, as scanners write them, to 1-bit rows where 0
// is black.
func (f *File) fax(data []byte, p, image dict) ([]byte, error) {
	k, _ := asInt(f.resolve(p["K"]))
	columns, ok := asInt(f.resolve(p["Columns"]))
	if !ok {
		columns = 1728
	}
	rows, ok := asInt(f.resolve(p["Rows"]))
	if !ok || rows == 0 {
		if rows, ok = asInt(f.resolve(image["Height"])); !ok {
			rows, _ = asInt(f.resolve(image["H"]))
		}
	}
	if columns < 1 || columns > 1<<16 || rows < 1 || rows > 1<<16 || columns*rows > f.limits.Stream {
		return nil, errSyntax
	}
	mode := ccitt.Group4
	switch {
	case k == 0:
		mode = ccitt.Group3
	case k > 0:
		return nil, errors.New("two-dimensional Group 3 fax is not supported")
	}
	align, _ := f.resolve(p["EncodedByteAlign"]).(bool)
	// Black is 0 unless BlackIs1.
	black, _ := f.resolve(p["BlackIs1"]).(bool)
	r := ccitt.NewReader(bytes.NewReader(data), ccitt.MSB, mode, columns, rows, &ccitt.Options{Align: align, Invert: black})
	return f.bounded(r)
}
