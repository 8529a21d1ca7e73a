package hcert_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/base45"
)

// mutant is a wrong variant of a right ES256 certificate and the code that it must get.
type mutant struct {
	name string
	text string
	at   time.Time
	code hcert.Code
}

// mutants makes the eleven derived negatives m1 to m11.
func mutants(t *testing.T, text string, at time.Time) []mutant {
	t.Helper()
	packed, err := base45.Decode(strings.TrimPrefix(text, "HC1:"))
	if err != nil {
		t.Fatal(err)
	}
	message, code := hcert.Inflate(packed)
	if code != "" {
		t.Fatal(code)
	}
	change := func(f func(b []byte) []byte) string { return pack(f(bytes.Clone(message))) }
	signature := len(message) - 64
	return []mutant{
		{"m1 last bit of the signature", change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), at, hcert.SignatureInvalid},
		{"m2 bit in dob", change(func(b []byte) []byte { b[bytes.Index(b, []byte("cdob"))+5] ^= 1; return b }), at, hcert.SignatureInvalid},
		{"m3 zero signature", change(func(b []byte) []byte { clear(b[signature:]); return b }), at, hcert.SignatureInvalid},
		{"m4 empty signature", change(func(b []byte) []byte { return append(b[:signature-2], 0x40) }), at, hcert.SignatureLength},
		{"m5 algorithm PS256 with a P-256 key", change(func(b []byte) []byte {
			i := bytes.Index(b, []byte{0x01, 0x26}) // 1: -7
			b[bytes.IndexByte(b[:i], 0x84)+1]++     // the protected header grows by one byte
			return append(append(bytes.Clone(b[:i]), 0x01, 0x38, 0x24), b[i+2:]...)
		}), at, hcert.COSEAlgorithm},
		{"m6 thirty years later", text, at.AddDate(30, 0, 0), hcert.CWTExpired},
		{"m7 ten years earlier", text, at.AddDate(-10, 0, 0), hcert.CWTFuture},
		{"m8 hc1:", "hc1:" + text[4:], at, hcert.Prefix},
		{"m9 a null after the message", pack(append(bytes.Clone(message), 0xf6)), at, hcert.CBORTrailing},
		{"m10 base45 alias", alias(t, text), at, hcert.Base45Overflow},
		{"m11 six bytes after the zlib stream", "HC1:" + base45.Encode(append(bytes.Clone(packed), "carnet"...)), at, hcert.ZlibTrailing},
	}
}

// alias rewrites the first group of three characters that a decoder without overflow check reads as
// the same two bytes.
func alias(t *testing.T, text string) string {
	t.Helper()
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
	for i := 4; i+3 <= len(text); i += 3 {
		n := 0
		for k := 2; k >= 0; k-- {
			n = n*45 + strings.IndexByte(alphabet, text[i+k])
		}
		if n += 1 << 16; n < 45*45*45 {
			return text[:i] + string([]byte{alphabet[n%45], alphabet[n/45%45], alphabet[n/2025]}) + text[i+3:]
		}
	}
	t.Fatal("no group has an alias")
	return ""
}
