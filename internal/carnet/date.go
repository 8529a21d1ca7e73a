package carnet

import (
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Date is a civil date without zone, such as the day of a vaccination.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the civil date of an instant in Paris.
func DateOf(t time.Time) Date {
	y, m, d := t.In(Paris).Date()
	return Date{y, m, d}
}

// ParseDate reads AAAA-MM-JJ, the form of HTML date inputs. The date must exist.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, E("carnet.ParseDate", Invalid, "date.malformed", nil)
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// DateOfDays is the inverse of Days.
func DateOfDays(n int) Date {
	t := time.Unix(int64(n)*86400, 0).UTC()
	return Date{t.Year(), t.Month(), t.Day()}
}

// Days counts the days since 1970-01-01; it is how a date is stored.
func (d Date) Days() int { return int(d.utc().Unix() / 86400) }

func (d Date) utc() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC) }

// AddDays moves a date.
func (d Date) AddDays(n int) Date { return DateOfDays(d.Days() + n) }

// IsZero reports a date that was never set.
func (d Date) IsZero() bool { return d == Date{} }

// Before and After compare two dates.
func (d Date) Before(e Date) bool { return d.compare(e) < 0 }

// After reports that d comes later than e.
func (d Date) After(e Date) bool { return d.compare(e) > 0 }

func (d Date) compare(e Date) int {
	switch {
	case d.Year != e.Year:
		return d.Year - e.Year
	case d.Month != e.Month:
		return int(d.Month) - int(e.Month)
	}
	return d.Day - e.Day
}

// String is AAAA-MM-JJ.
func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// French is JJ/MM/AAAA, as certificates and French pages print it.
func (d Date) French() string { return fmt.Sprintf("%02d/%02d/%04d", d.Day, int(d.Month), d.Year) }

// Compact is JJMMAAAA, the form of 2D-Doc fields.
func (d Date) Compact() string { return fmt.Sprintf("%02d%02d%04d", d.Day, int(d.Month), d.Year) }

// BirthDate is a date of birth as civil status knows it. It is not always a calendar date: day or
// month may be unknown (00), and a lunar date has a month up to 50 (specification twoddoc, L2).
// Like every value about a person it hides itself.
type BirthDate struct{ text Private } // JJMMAAAA

// NewBirthDate takes the parts; day and month may be 0 when unknown.
func NewBirthDate(year, month, day int) (BirthDate, error) {
	bad := func(code string) (BirthDate, error) {
		return BirthDate{}, E("carnet.NewBirthDate", Invalid, code, nil)
	}
	switch {
	case year < 1850 || year > 2199:
		return bad("birth.year")
	case month < 0 || month > 50:
		return bad("birth.month")
	case day < 0 || day > 31 || month > 12 && day > 30:
		return bad("birth.day")
	case month >= 1 && month <= 12 && day > 0 && day > daysIn(year, time.Month(month)):
		return bad("birth.day")
	}
	return BirthDate{Hide(fmt.Sprintf("%02d%02d%04d", day, month, year))}, nil
}

// ParseBirthDate reads AAAA-MM-JJ (00 for an unknown part) or JJ/MM/AAAA.
func ParseBirthDate(s string) (BirthDate, error) {
	var y, m, d int
	switch {
	case len(s) == 10 && s[4] == '-' && s[7] == '-' && digits(s[:4]+s[5:7]+s[8:]):
		y, m, d = atoi(s[:4]), atoi(s[5:7]), atoi(s[8:])
	case len(s) == 10 && s[2] == '/' && s[5] == '/' && digits(s[:2]+s[3:5]+s[6:]):
		d, m, y = atoi(s[:2]), atoi(s[3:5]), atoi(s[6:])
	default:
		return BirthDate{}, E("carnet.ParseBirthDate", Invalid, "birth.malformed", nil)
	}
	return NewBirthDate(y, m, d)
}

// Compact reveals JJMMAAAA, the form of the 2D-Doc field L2.
func (b BirthDate) Compact() string { return b.text.Reveal() }

// ISO reveals AAAA-MM-JJ with 00 for unknown parts.
func (b BirthDate) ISO() string {
	s := b.text.Reveal()
	if s == "" {
		return ""
	}
	return s[4:] + "-" + s[2:4] + "-" + s[:2]
}

// French reveals JJ/MM/AAAA.
func (b BirthDate) French() string {
	s := b.text.Reveal()
	if s == "" {
		return ""
	}
	return s[:2] + "/" + s[2:4] + "/" + s[4:]
}

// Presumed lists the birth dates that a provider may mean which writes 01 for an unknown day or
// month: the date itself, then the ones with 00 in these places.
func (b BirthDate) Presumed() []BirthDate {
	all := []BirthDate{b}
	s := b.text.Reveal()
	if strings.HasPrefix(s, "01") {
		all = append(all, BirthDate{Hide("00" + s[2:])})
	}
	if strings.HasPrefix(s, "0101") {
		all = append(all, BirthDate{Hide("0000" + s[4:])})
	}
	return all
}

// After reports that the person was certainly born after the date. An unknown or lunar part
// decides nothing: the year alone is compared.
func (b BirthDate) After(d Date) bool {
	s := b.text.Reveal()
	if s == "" {
		return false
	}
	y, m, day := atoi(s[4:]), atoi(s[2:4]), atoi(s[:2])
	if m < 1 || m > 12 || day == 0 {
		return y > d.Year
	}
	return Date{y, time.Month(m), day}.After(d)
}

// IsZero reports a birth date that was never set.
func (b BirthDate) IsZero() bool { return b.text.IsZero() }

// Equal compares two birth dates.
func (b BirthDate) Equal(c BirthDate) bool { return b.text.Equal(c.text) }

func (b BirthDate) String() string               { return b.text.String() }
func (b BirthDate) GoString() string             { return b.text.String() }
func (b BirthDate) LogValue() slog.Value         { return b.text.LogValue() }
func (b BirthDate) MarshalText() ([]byte, error) { return b.text.MarshalText() }

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// atoi reads digits that were checked before.
func atoi(s string) (n int) {
	for i := range len(s) {
		n = n*10 + int(s[i]-'0')
	}
	return n
}
