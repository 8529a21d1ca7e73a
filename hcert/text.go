package hcert

import (
	"errors"
	"strings"
	"sync"

	"carnet/hcert/base45"
	"carnet/hcert/internal/inflate"
)

const contextIdentifier = "HC1:"

// unpack takes the text to the bytes of the signed message: prefix, base45, zlib.
func (v *verifier) unpack(text string) (string, bool) {
	if len(text) > MaxText {
		v.fail(Base45Length, "text too long")
		return "", false
	}
	body, ok := strings.CutPrefix(text, contextIdentifier)
	if !ok {
		v.fail(Prefix, "")
		return "", false
	}
	u := unpackers.Get().(*unpacker)
	defer u.release()
	var err error
	if u.packed, err = base45.Append(u.packed[:0], body); err != nil {
		v.fail(base45Code(err), err.Error())
		return "", false
	}
	raw, code := u.inflate(u.packed)
	if code != "" {
		v.fail(code, "")
	}
	return raw, code == "" || code == ZlibTrailing
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

// unpacker is the space in which a text is taken apart. It is used again.
type unpacker struct {
	decoder inflate.Decoder
	packed  []byte
	raw     []byte
}

var unpackers = sync.Pool{New: func() any { return new(unpacker) }}

// keepBytes is how large a buffer may be to be used again.
const keepBytes = 16 << 10

// release forgets the certificate and gives the space back.
func (u *unpacker) release() {
	clear(u.packed)
	clear(u.raw)
	if cap(u.raw) > keepBytes {
		u.raw = nil
	}
	unpackers.Put(u)
}

// inflate gives the content of a zlib stream and, when the stream is not all there is to it, a
// code. Content comes with ZlibTrailing too; with any other code there is none.
func (u *unpacker) inflate(packed []byte) (string, Code) {
	var used int
	var fault inflate.Fault
	u.raw, used, fault = u.decoder.Append(u.raw[:0], packed, MaxInflated)
	switch fault {
	case inflate.Header:
		return "", ZlibHeader
	case inflate.TooLarge:
		return "", ZlibTooLarge
	case inflate.Damaged:
		return "", ZlibChecksum
	}
	if used < len(packed) {
		return string(u.raw), ZlibTrailing
	}
	return string(u.raw), ""
}
