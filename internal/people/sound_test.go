package people

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSound(t *testing.T) {
	for _, same := range [][]string{
		{"Fougère", "FOUGERE", "Foujère", "fougères"},
		{"Aubépine", "Obépine", "AUBEPINNE"},
		{"Bouleau", "Boulo", "Boulaux", "BOULEAUX"},
		{"Chêne", "Chene", "Chènes"},
		{"Genêt", "Genet", "Genais", "Jenet"},
		{"Camomille", "Kamomille"},
		{"Philémon", "Filémon"},
		{"Saint-Brin", "Saintbrain", "SAINT BRAIN"},
		{"de la Clairière", "Clairière", "La Clairière"},
		{"Œillet", "Oeillet", "OEILLETS"},
		{"Quinquina", "Kinkina"},
		{"Thym", "Tin", "Tain"},
	} {
		for _, other := range same[1:] {
			if sound(same[0]) != sound(other) {
				t.Errorf("%s is %s, %s is %s", same[0], sound(same[0]), other, sound(other))
			}
		}
	}
	for _, apart := range [][2]string{{"Fougère", "Tilleul"}, {"Chêne", "Frêne"}, {"Myrte", "Menthe"}, {"Lin", "Lion"}, {"Rose", "Ronce"}} {
		if sound(apart[0]) == sound(apart[1]) {
			t.Errorf("%s and %s sound the same: %s", apart[0], apart[1], sound(apart[0]))
		}
	}
}

func TestOneSlip(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"FOUGERE", "FOUGERE", false},
		{"FOUGERE", "FOGUERE", true},
		{"FOUGERE", "FOUGRE", true},
		{"FOUGRE", "FOUGERE", true},
		{"FOUGERE", "FOUGEPE", true},
		{"FOUGERE", "OFUGERE", true},
		{"FOUGERE", "FOUGEREE", true},
		{"FOUGERE", "FUOEGRE", false},
		{"LIN", "LYN", false},
		{"", "A", false},
		{"ABCD", "ABDC", true},
		{"ABCD", "DBCA", false},
	} {
		if got := oneSlip(c.a, c.b); got != c.want {
			t.Errorf("%s %s: %v", c.a, c.b, got)
		}
		if oneSlip(c.a, c.b) != oneSlip(c.b, c.a) {
			t.Errorf("%s %s: not the same both ways", c.a, c.b)
		}
	}
}

// TestSlipsAreFound makes slips of every sort at every place of a name.
func TestSlipsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching("[A-Z]{5,12}").Draw(t, "name")
		i := rapid.IntRange(0, len(name)-2).Draw(t, "place")
		slip := name
		switch rapid.SampledFrom([]string{"out", "in", "other", "swap"}).Draw(t, "sort") {
		case "out":
			slip = name[:i] + name[i+1:]
		case "in":
			slip = name[:i] + rapid.StringMatching("[A-Z]").Draw(t, "letter") + name[i:]
		case "other":
			slip = name[:i] + rapid.StringMatching("[A-Z]").Draw(t, "letter") + name[i+1:]
		case "swap":
			slip = name[:i] + name[i+1:i+2] + name[i:i+1] + name[i+2:]
		}
		if slip != name && !oneSlip(name, slip) {
			t.Fatalf("%s and %s", name, slip)
		}
		if s := sound(name); len(s) > 2*len(name) {
			t.Fatalf("%s sounds %s", name, s)
		}
	})
}
