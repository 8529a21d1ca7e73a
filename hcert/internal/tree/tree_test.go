package tree_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"carnet/hcert/internal/tree"

	"github.com/fxamacker/cbor/v2"
)

var limits = tree.Limits{Nesting: 16, Members: 1000}

// oracle is a general decoder with the same limits.
var oracle = func() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, MaxNestedLevels: 16, MaxArrayElements: 1000, MaxMapPairs: 1000, UTF8: cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}()

// show writes a tree in a form that can be compared.
func show(v tree.Value) string {
	switch v.Kind() {
	case tree.Array:
		var b strings.Builder
		for _, e := range v.All {
			b.WriteString(show(e) + " ")
		}
		return "[" + b.String() + "]"
	case tree.Map:
		n := 0
		var b strings.Builder
		for k, e := range v.Pairs {
			b.WriteString(show(k) + ":" + show(e) + " ")
			n++
		}
		return fmt.Sprintf("{%d %d %s}", n, v.Len(), b.String())
	case tree.Uint:
		return fmt.Sprintf("u%d", v.Uint())
	case tree.Negative:
		n, _ := v.Int()
		return fmt.Sprintf("n%d", n)
	case tree.Float:
		return fmt.Sprintf("f%v", v.Float())
	case tree.Bytes:
		return fmt.Sprintf("b%x", v.Text())
	case tree.Text:
		return fmt.Sprintf("t%q", v.Text())
	case tree.Time:
		return "@" + v.Text()
	case tree.Nothing:
		return "null"
	case tree.Other:
		return "other"
	}
	return "absent"
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestParse takes its items from RFC 8949, appendix A and section 5, where it has them.
func TestParse(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("81", n) + "00" }
	for _, c := range []struct{ name, in, want string }{
		{"0", "00", "u0"},
		{"23", "17", "u23"},
		{"24", "1818", "u24"},
		{"24, not in its shortest form", "190018", "u24"},
		{"10^12", "1b000000e8d4a51000", "u1000000000000"},
		{"2^64-1", "1bffffffffffffffff", "u18446744073709551615"},
		{"-1", "20", "n-1"},
		{"-260", "390103", "n-260"},
		{"-2^63", "3b7fffffffffffffff", "n-9223372036854775808"},
		{"-2^64", "3bffffffffffffffff", "other"},
		{"0.0", "f90000", "f0"},
		{"-0.0 counts as 0.0", "f98000", "f0"},
		{"1.5", "f93e00", "f1.5"},
		{"5.960464477539063e-8", "f90001", "f5.960464477539063e-08"},
		{"65504", "f97bff", "f65504"},
		{"-4.0", "f9c400", "f-4"},
		{"100000.0", "fa47c35000", "f100000"},
		{"1.1", "fb3ff199999999999a", "f1.1"},
		{"infinity", "f97c00", "f+Inf"},
		{"not a number", "f97e00", "fNaN"},
		{"false", "f4", "other"},
		{"null", "f6", "null"},
		{"undefined", "f7", "null"},
		{"simple 16", "f0", "other"},
		{"simple 255", "f8ff", "other"},
		{"date under tag 0", "c074323031332d30332d32315432303a30343a30305a", "@2013-03-21T20:04:00Z"},
		{"seconds under tag 1", "c11a514b67b0", "other"},
		{"great number", "c249010000000000000000", "other"},
		{"tag 32", "d8206161", "other"},
		{"no bytes", "40", "b"},
		{"four bytes", "4401020304", "b01020304"},
		{"ü", "62c3bc", `t"ü"`},
		{"list", "8301820203820405", "[u1 [u2 u3 ] [u4 u5 ] ]"},
		{"map", "a201020304", "{2 2 u1:u2 u3:u4 }"},
		{"map of several types", "a26161016162820203", `{2 2 t"a":u1 t"b":[u2 u3 ] }`},
		{"1 and 1.0 are different keys", "a20100f93c0000", "{2 2 u1:u0 f1:u0 }"},
		{"bytes in parts", "5f42010243030405ff", "b0102030405"},
		{"text in parts", "7f657374726561646d696e67ff", `t"streaming"`},
		{"list without length", "9f018202039f0405ffff", "[u1 [u2 u3 ] [u4 u5 ] ]"},
		{"map without length", "bf6346756ef563416d7421ff", `{2 2 t"Fun":other t"Amt":n-2 }`},
		{"as deep as allowed", deep(16), strings.Repeat("[", 16) + "u0 " + strings.Repeat("] ", 15) + "]"},

		{"nothing", "", "malformed"},
		{"number cut", "19 01", "malformed"},
		{"text cut", "63 6161", "malformed"},
		{"text longer than any", "7bffffffffffffffff", "malformed"},
		{"list longer than any", "9bffffffffffffffff", "malformed"},
		{"list cut", "8201", "malformed"},
		{"map cut after a key", "a101", "malformed"},
		{"map without length, cut after a key", "bf01ff", "malformed"},
		{"reserved information", "1c", "malformed"},
		{"number without length", "1f", "malformed"},
		{"tag without length", "df00", "malformed"},
		{"tag around nothing", "c0", "malformed"},
		{"break alone", "ff", "malformed"},
		{"break in a list with length", "81ff", "malformed"},
		{"simple below 32 in two bytes", "f818", "malformed"},
		{"part of another type", "5f6161ff", "malformed"},
		{"part without length", "5f5f4101ffff", "malformed"},
		{"part that is no UTF-8", "7f61c361bcff", "malformed"},
		{"not UTF-8", "61ff", "malformed"},
		{"no date under tag 0", "c06131", "malformed"},
		{"number under tag 0", "c001", "malformed"},
		{"text under tag 1", "c16131", "malformed"},
		{"seconds of no instant under tag 1", "c11bffffffffffffffff", "malformed"},
		{"a float of no instant under tag 1", "c1fb5830303030303030", "malformed"},
		{"text under tag 2", "c26131", "malformed"},
		{"list as key", "a18000", "malformed"},
		{"map as key", "a1a000", "malformed"},
		{"tagged key", "a1d8200000", "malformed"},
		{"bytes after it", "0000", "trailing"},
		{"bytes after equal keys", "a20100010000", "trailing"},
		{"equal keys", "a201000100", "duplicate"},
		{"equal keys, one in two bytes", "a20100180100", "duplicate"},
		{"equal keys deep inside", "8181a2616100616100", "duplicate"},
		{"equal keys, one in parts", "a26161007f6161ff00", "duplicate"},
		{"equal keys in a map without length", "bf01000100ff", "duplicate"},
		{"equal keys, two zeros", "a2f9000000f9800000", "duplicate"},
		{"too deep", deep(17), "depth"},
		{"too many members", "9903e9", "depth"},
		{"too many pairs", "b903e9", "depth"},
		{"tags too deep", strings.Repeat("d820", 18) + "00", "depth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := tree.Get()
			defer tr.Release()
			v, fault := tr.Parse(string(unhex(t, c.in)), limits)
			got := string(fault)
			if fault == "" {
				got = show(v)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if fault != "" && v.Kind() != tree.Absent {
				t.Error("a value and a fault")
			}
		})
	}
}

// TestManyKeys goes through the other way to compare keys.
func TestManyKeys(t *testing.T) {
	build := func(keys []int) string {
		b := []byte{0xb9, byte(len(keys) >> 8), byte(len(keys))}
		for _, k := range keys {
			b = append(b, 0x19, byte(k>>8), byte(k), 0xf6)
		}
		return string(b)
	}
	keys := make([]int, 1000)
	for i := range keys {
		keys[i] = i
	}
	tr := tree.Get()
	defer tr.Release()
	if v, fault := tr.Parse(build(keys), limits); fault != "" || v.Len() != 1000 || v.Label(999).Kind() != tree.Nothing {
		t.Errorf("%q", fault)
	}
	keys[999] = 0
	if _, fault := tr.Parse(build(keys), limits); fault != tree.Duplicate {
		t.Errorf("%q", fault)
	}
	if _, fault := tr.Parse("\xb9\x00\x19"+strings.Repeat("\x80\x00", 25), limits); fault != tree.Malformed {
		t.Errorf("%q", fault)
	}
}

func TestValue(t *testing.T) {
	tr := tree.Get()
	defer tr.Release()
	v, fault := tr.Parse(string(unhex(t, "a4 6161 01 20 6162 390103 820506 02 c0 74323031332d30332d32315432303a30343a30305a")), limits)
	if fault != "" || tr.Indefinite {
		t.Fatal(fault)
	}
	if v.Get("a").Uint() != 1 || v.Label(-1).Text() != "b" || v.Label(-260).Len() != 2 || v.Label(2).Kind() != tree.Time {
		t.Error("a member is not found")
	}
	if v.Get("b").Kind() != tree.Absent || v.Label(1).Kind() != tree.Absent || v.Label(-2).Kind() != tree.Absent {
		t.Error("a member is found that is not there")
	}
	var none tree.Value
	if none.Get("a").Kind() != tree.Absent || none.Label(1).Len() != 0 || none.Text() != "" || none.Uint() != 0 || !math.IsNaN(none.Float()) {
		t.Error("nothing has something in it")
	}
	for range none.All {
		t.Error("nothing has members")
	}
	for range none.Pairs {
		t.Error("nothing has pairs")
	}
	for i, e := range v.Label(-260).All {
		if n, ok := e.Int(); !ok || n != int64(5+i) {
			t.Error(n)
		}
		if i == 0 {
			break
		}
	}
	if _, ok := v.Label(-1).Int(); ok {
		t.Error("a text is a number")
	}
	tr.Parse("\x9f\xff", limits)
	if !tr.Indefinite {
		t.Error("an indefinite length is not told")
	}
}

func TestFromAny(t *testing.T) {
	at := time.Date(2021, 5, 1, 0, 0, 0, 0, time.UTC)
	tr := tree.Get()
	defer tr.Release()
	v := tr.FromAny([]any{nil, uint64(1), int64(2), int64(-3), 1.5, "é", []byte{1}, at, map[any]any{uint64(1): []any{}}, true, int8(1)}, limits)
	if got, want := show(v), `[null u1 u2 n-3 f1.5 t"é" b01 @2021-05-01T00:00:00Z {1 1 u1:[] } other other ]`; got != want {
		t.Errorf("got %s", got)
	}
	loop := []any{nil}
	loop[0] = loop
	if v := tr.FromAny(loop, limits); v.Len() != 1 {
		t.Error("a loop")
	}
}

// FuzzParse holds the reader against a general decoder: what one refuses the other refuses too, and
// what both read is the same. The reader refuses a few keys more.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"d28440a0410040", "a26161016162820203", "bf6346756ef563416d7421ff", "c074323031332d30332d32315432303a30343a30305a",
		"a201000100", "7f61c361bcff", "a1c24101f6", "a2f97e0000f97e0000", "8281818100", "f97c01", "a1f5f4", "d820d8208100", "5f4101ff", "3bffffffffffffffff",
		"c11bffffffffffffffff", "c1fb5830303030303030", "c1fb43e0000000000000", "c1f97c00",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := tree.Get()
		defer tr.Release()
		v, fault := tr.Parse(string(b), limits)
		var want any
		err := oracle.Unmarshal(b, &want)
		if err != nil {
			if fault == "" {
				t.Fatalf("%x: %v", b, err)
			}
			_, trailing := errors.AsType[*cbor.ExtraneousDataError](err)
			if trailing != (fault == tree.Trailing) {
				t.Fatalf("%x: %q, %v", b, fault, err)
			}
			_, duplicate := errors.AsType[*cbor.DupMapKeyError](err)
			if duplicate && fault != tree.Duplicate && fault != tree.Malformed {
				t.Fatalf("%x: %q, %v", b, fault, err)
			}
			return
		}
		if fault != "" {
			if !odd(want) {
				t.Fatalf("%x: %q, the other reads %v", b, fault, want)
			}
			return
		}
		if !same(v, want) {
			t.Fatalf("%x: %s, the other reads %#v", b, show(v), want)
		}
	})
}

// odd reports keys that only the other decoder takes: tags and times, and floats that are the same
// but do not compare.
func odd(v any) bool {
	switch v := v.(type) {
	case map[any]any:
		for k, e := range v {
			switch f := k.(type) {
			case cbor.Tag, time.Time, big.Int, *big.Int, cbor.SimpleValue:
				return true
			case float64:
				if math.IsNaN(f) {
					return true
				}
			}
			if odd(e) {
				return true
			}
		}
	case []any:
		for _, e := range v {
			if odd(e) {
				return true
			}
		}
	case cbor.Tag:
		return odd(v.Content)
	}
	return false
}

func same(v tree.Value, want any) bool {
	switch w := want.(type) {
	case nil:
		return v.Kind() == tree.Nothing
	case uint64:
		return v.Kind() == tree.Uint && v.Uint() == w
	case int64:
		n, ok := v.Int()
		return v.Kind() == tree.Negative && ok && n == w
	case float64:
		return v.Kind() == tree.Float && (v.Float() == w || math.IsNaN(w) && math.IsNaN(v.Float()))
	case []byte:
		return v.Kind() == tree.Bytes && bytes.Equal([]byte(v.Text()), w)
	case cbor.ByteString:
		return v.Kind() == tree.Bytes && v.Text() == string(w)
	case string:
		return v.Kind() == tree.Text && v.Text() == w
	case time.Time:
		return v.Kind() == tree.Other || v.Kind() == tree.Time && v.Text() == w.Format(time.RFC3339Nano)
	case []any:
		if v.Kind() != tree.Array || v.Len() != len(w) {
			return false
		}
		for i, e := range v.All {
			if !same(e, w[i]) {
				return false
			}
		}
		return true
	case map[any]any:
		if v.Kind() != tree.Map || v.Len() != len(w) {
			return false
		}
		for k, e := range v.Pairs {
			found := false
			for wk, we := range w {
				found = found || same(k, wk) && same(e, we)
			}
			if !found {
				return false
			}
		}
		return true
	}
	return v.Kind() == tree.Other
}
