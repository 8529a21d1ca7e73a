package base45_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"carnet/hcert/base45"

	"pgregory.net/rapid"
)

func TestVectors(t *testing.T) {
	for _, c := range []struct{ name, text, bytes string }{
		{"empty", "", ""},
		{"RFC 9285, 4.3 example 1", "BB8", "AB"},
		{"RFC 9285, 4.3 example 2", "%69 VD92EX0", "Hello!!"},
		{"RFC 9285, 4.3 example 3", "UJCLQE7W581", "base-45"},
		{"RFC 9285, 4.4", "QED8WEX0", "ietf!"},
		{"greatest pair", "FGW", "\xff\xff"},
		{"greatest byte", "U5", "\xff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := base45.Encode([]byte(c.bytes)); got != c.text {
				t.Errorf("encodes to %q", got)
			}
			got, err := base45.Decode(c.text)
			if err != nil || string(got) != c.bytes {
				t.Errorf("decodes to %q, %v", got, err)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		fault      base45.Fault
		pos        int
	}{
		{"one character", "A", base45.Length, 0},
		{"four characters", "BB8B", base45.Length, 3},
		{"lower case", "Bb8", base45.Character, 1},
		{"not ASCII", "BBé", base45.Length, 3},
		{"not ASCII in a group", "BB8é", base45.Character, 3},
		{"underscore in a pair", "BB8_0", base45.Character, 3},
		{"triplet 65536", "GGW", base45.Overflow, 0},
		{"three spaces", "   ", base45.Overflow, 0},
		{"greatest triplet", ":::", base45.Overflow, 0},
		{"second triplet", "BB8:::", base45.Overflow, 3},
		{"pair 256", "V5", base45.Overflow, 0},
		{"greatest pair", "BB8::", base45.Overflow, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := base45.Decode(c.text)
			e, ok := errors.AsType[*base45.Error](err)
			if !ok || e.Fault != c.fault || e.Pos != c.pos || got != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		s := base45.Encode(b)
		if len(s) != base45.EncodedLen(len(b)) {
			t.Fatalf("length %d", len(s))
		}
		got, err := base45.Decode(s)
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%x, %v", got, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "BB8", "%69 VD92EX0", "GGW", "V5", "b", "   "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := base45.Decode(s)
		if err == nil && base45.Encode(b) != s {
			t.Fatalf("%q has an alias", s)
		}
	})
}

func Example() {
	s := base45.Encode([]byte("Hello!!"))
	b, err := base45.Decode(s)
	fmt.Println(s, string(b), err)
	_, err = base45.Decode("GGW")
	fmt.Println(err)
	// Output:
	// %69 VD92EX0 Hello!! <nil>
	// base45: overflow at offset 0
}
