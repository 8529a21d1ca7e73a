package nir_test

import (
	"errors"
	"testing"

	"carnet/nir"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		in   string
		want nir.Kind
		code string
	}{
		{"2 84 05 88 321 025 32", nir.KindNIR, ""},
		{"2850599777042", nir.KindNIR, ""},
		{"185052A777042", nir.KindNIR, ""},
		{"2842088321025", nir.KindNIR, ""},
		{"884058832102523", nir.KindNIA, ""}, // the key is right, and it is no NIR
		{"785059977704295", nir.KindNIA, ""},
		{"7120599777042", nir.KindNIAOrNNP, ""},
		{"7100012345678", nir.KindNNP, ""}, // month 00: not built like a NIR
		{"8010012345678", nir.KindNNP, ""}, // second digit 0, before 2012
		{"5112345678901", nir.KindMIG, ""},
		{"6212345678901", nir.KindMIG, ""},
		{"5555551234567", nir.KindAgricultural, ""},
		{"3850599777042", nir.KindForeign, ""},
		{"285059977704255", nir.KindUnknown, nir.CodeKey},
		{"285059977704200", nir.KindUnknown, nir.CodeKey},
		{"285059977704298", nir.KindUnknown, nir.CodeKey},
		{"285052C777042", nir.KindUnknown, nir.CodeCharacter},
		{"28505O9777042", nir.KindUnknown, nir.CodeCharacter},
		{"28505997770425", nir.KindUnknown, nir.CodeLength},
		{"5300000000000", nir.KindUnknown, nir.CodeSex},
		{"9850599777042", nir.KindUnknown, nir.CodeSex},
		{"2850099777042", nir.KindUnknown, nir.CodeMonth},
	} {
		got, err := nir.Classify(c.in)
		code := ""
		if e, ok := errors.AsType[*nir.Error](err); ok {
			code = e.Code
		}
		if got != c.want || code != c.code {
			t.Errorf("%s: %v %q, want %v %q", c.in, got, code, c.want, c.code)
		}
	}
	if nir.Kind(99).String() != "unknown" || nir.KindNIAOrNNP.String() != "nia-or-nnp" {
		t.Error("names of kinds")
	}
}

func TestKey(t *testing.T) {
	for in, want := range map[string]string{"2850599777042": "54", "185052A777042": "33", "185052B777042": "60", "1850599777049": "97", "1850599777048": "01"} {
		if got, err := nir.Key(in); got != want || err != nil {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"285059977704", "28505997770422", "285052C777042", "A850599777042"} {
		if _, err := nir.Key(in); err == nil {
			t.Errorf("%s has a key", in)
		}
	}
}
