package hcert

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
	"strings"
	"sync"

	"carnet/hcert/base45"
)

const contextIdentifier = "HC1:"

// unpack takes the text to the bytes of the signed message: prefix, base45, zlib.
func (v *verifier) unpack(text string) ([]byte, bool) {
	if len(text) > MaxText {
		v.fail(Base45Length, "text too long")
		return nil, false
	}
	body, ok := strings.CutPrefix(text, contextIdentifier)
	if !ok {
		v.fail(Prefix, "")
		return nil, false
	}
	packed, err := base45.Decode(body)
	if err != nil {
		v.fail(base45Code(err), err.Error())
		return nil, false
	}
	raw, code := inflate(packed)
	if code != "" {
		v.fail(code, "")
	}
	return raw, raw != nil
}

func base45Code(err error) Code {
	e, ok := errors.AsType[*base45.Error](err)
	switch {
	case ok && e.Fault == base45.Overflow:
		return Base45Overflow
	case ok && e.Fault == base45.Length:
		return Base45Length
	}
	return Base45Character
}

// inflater is a reader that is used again: a new one costs as much as the rest of the decoding.
type inflater struct {
	src bytes.Reader // a ByteReader, so that inflating stops exactly at the end of the stream
	zip io.ReadCloser
	buf bytes.Buffer
}

var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// inflate gives the content of a zlib stream and, when the stream is not all there is to it, a
// code. Content comes with ZlibTrailing too; with any other code it is nil.
func inflate(packed []byte) ([]byte, Code) {
	z := inflaters.Get().(*inflater)
	defer z.release()
	z.src.Reset(packed)
	var err error
	if z.zip == nil {
		z.zip, err = zlib.NewReader(&z.src)
	} else {
		err = z.zip.(zlib.Resetter).Reset(&z.src, nil)
	}
	if err != nil {
		return nil, ZlibHeader
	}
	z.buf.Reset()
	n, err := z.buf.ReadFrom(io.LimitReader(z.zip, MaxInflated+1))
	switch {
	case n > MaxInflated:
		return nil, ZlibTooLarge
	case err != nil:
		return nil, ZlibChecksum
	case z.src.Len() > 0:
		return bytes.Clone(z.buf.Bytes()), ZlibTrailing
	}
	return bytes.Clone(z.buf.Bytes()), ""
}

// release forgets the certificate and gives the reader back.
func (z *inflater) release() {
	z.src.Reset(nil)
	clear(z.buf.Bytes())
	inflaters.Put(z)
}
