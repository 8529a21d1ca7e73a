package nir

// Kind says which family of numbers a number belongs to. All have thirteen characters and the same key.
type Kind uint8

const (
	KindUnknown      Kind = iota
	KindNIR               // the number of registration itself: first digit 1 or 2
	KindNIA               // waiting number, built like a NIR: first digit 7 or 8; it becomes the NIR once civil status is proven
	KindNNP               // provisional number of a fund, ended in 2022: 7 or 8, then 0, 1 or 2
	KindNIAOrNNP          // fits both; only the body that gave it can tell
	KindMIG               // migrant's number: 5 or 6, then 1 or 2
	KindAgricultural      // provisional number of the agricultural scheme: begins with six 5s
	KindForeign           // first digit 3 or 4: met on foreign provisional numbers
)

var kindNames = [...]string{"unknown", "nir", "nia", "nnp", "nia-or-nnp", "mig", "agricultural", "foreign"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[KindUnknown]
}

// Classify tells the family of a number of thirteen characters, or fifteen with a key, which is then
// checked. It takes the numbers of funds too, which [Parse] refuses. The error is an [*Error].
func Classify(s string) (Kind, error) {
	t, err := compact(s, Length)
	if err != nil {
		if t, err = compact(s, body); err != nil {
			return KindUnknown, err
		}
	}
	for i := range len(t) {
		if t[i] > '9' && (i != 6 || t[5] != '2' || t[i] > 'B') {
			return KindUnknown, &Error{CodeCharacter, i + 1}
		}
	}
	if len(t) == Length && keyOf(t[:body]) != t[body:] {
		return KindUnknown, &Error{CodeKey, body + 1}
	}
	// Numbers of funds have digits only, and no month.
	digits := t[6] <= '9'
	switch c := t[0]; {
	case digits && t[:6] == "555555":
		return KindAgricultural, nil
	case digits && (c == '5' || c == '6') && (t[1] == '1' || t[1] == '2'):
		return KindMIG, nil
	case c == '5' || c == '6' || c == '9' || c == '0':
		return KindUnknown, &Error{CodeSex, 1}
	}
	structure := check(t)
	fund := digits && t[0] >= '7' && t[1] <= '2'
	switch {
	case structure != nil && !fund:
		return KindUnknown, structure
	case structure != nil:
		return KindNNP, nil
	case t[0] <= '2':
		return KindNIR, nil
	case t[0] <= '4':
		return KindForeign, nil
	case fund:
		return KindNIAOrNNP, nil
	}
	return KindNIA, nil
}

// Key computes the key of thirteen characters, whatever the family. The error is an [*Error].
func Key(s string) (string, error) {
	t, err := compact(s, body)
	if err != nil {
		return "", err
	}
	for i := range body {
		if t[i] > '9' && (i != 6 || t[5] != '2' || t[i] > 'B') {
			return "", &Error{CodeCharacter, i + 1}
		}
	}
	return keyOf(t), nil
}
