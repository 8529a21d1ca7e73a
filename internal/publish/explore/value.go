package explore

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"carnet/internal/carnet"
	"carnet/internal/publish/release"
)

// value is what an expression gives for one row.
type value struct {
	kind kind
	n    float64 // of a number; 1 for true
	s    string  // of a text or a date, 2021-04-25
}

type kind uint8

const (
	null kind = iota
	number
	text
	date
	boolean
)

func numberOf(n float64) value {
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return value{}
	}
	return value{kind: number, n: n}
}

// compare orders values of one kind; null is after everything.
func compare(a, b value) int {
	switch {
	case a.kind == null || b.kind == null:
		return cmp.Compare(boolInt(a.kind == null), boolInt(b.kind == null))
	case a.kind == number && b.kind == number, a.kind == boolean && b.kind == boolean:
		return cmp.Compare(a.n, b.n)
	}
	return cmp.Compare(a.s, b.s)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fieldValue reads a field.
func fieldValue(c *release.Column) func(int) value {
	switch c.Type {
	case release.Int:
		return func(row int) value {
			if n := c.Ints[row]; n != release.NullInt {
				return value{kind: number, n: float64(n)}
			}
			return value{}
		}
	case release.Double:
		return func(row int) value { return numberOf(c.Floats[row]) }
	}
	k := text
	if c.Type == release.Date {
		k = date
	}
	return func(row int) value {
		if code := c.Codes[row]; code != release.NullCode {
			return value{kind: k, s: c.Dict[code]}
		}
		return value{}
	}
}

// parseDate reads 2021, 2021/04, 2021-04-25, with a time or without, and gives its first day and how much of it was
// given: 4, 7 or 10 characters.
func parseDate(s string) (day string, given int, ok bool) {
	s = strings.ReplaceAll(strings.TrimSpace(s), "/", "-")
	if i := strings.IndexAny(s, "T "); i > 0 {
		s = s[:i]
	}
	given = len(s)
	switch given {
	case 4:
		s += "-01-01"
	case 7:
		s += "-01"
	case 10:
	default:
		return "", 0, false
	}
	_, err := carnet.ParseDate(s)
	return s, given, err == nil
}

// fold makes a text comparable: lower case, no accents.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s))
}

func wordsOf(s string) []string {
	return strings.FieldsFunc(fold(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// near says whether two words differ by so few letters that a search takes them for one.
func near(word, asked string) bool {
	limit := 0
	switch n := len([]rune(asked)); {
	case n > 5:
		limit = 2
	case n > 2:
		limit = 1
	}
	return distance([]rune(word), []rune(asked), limit) <= limit
}

// distance is Levenshtein's, cut off above a limit.
func distance(a, b []rune, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			d := diagonal + boolInt(x != y)
			diagonal = row[j+1]
			row[j+1] = min(d, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// formatDate writes a day with the letters of date_format: yyyy MM dd, and the like.
func formatDate(day, layout string) (string, bool) {
	d, err := carnet.ParseDate(day)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	for i := 0; i < len(layout); {
		c := layout[i]
		if c == '\'' {
			end := strings.IndexByte(layout[i+1:], '\'')
			if end < 0 {
				return "", false
			}
			b.WriteString(layout[i+1 : i+1+end])
			i += end + 2
			continue
		}
		n := 1
		for i+n < len(layout) && layout[i+n] == c {
			n++
		}
		i += n
		pad := func(v int) {
			s := strconv.Itoa(v)
			if n == 2 && len(s) > 2 {
				s = s[len(s)-2:]
			}
			b.WriteString(strings.Repeat("0", max(0, min(n, 4)-len(s))) + s)
		}
		switch c {
		case 'y', 'Y':
			pad(d.Year)
		case 'M':
			pad(int(d.Month))
		case 'd':
			pad(d.Day)
		case 'H', 'h', 'm', 's', 'S':
			pad(0)
		case 'e', 'E':
			pad(int(time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Weekday()+6)%7 + 1)
		default:
			if unicode.IsLetter(rune(c)) {
				return "", false
			}
			b.WriteString(strings.Repeat(string(c), n))
		}
	}
	return b.String(), true
}
