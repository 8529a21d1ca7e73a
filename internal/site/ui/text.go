package ui

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"carnet/internal/carnet"
)

// Languages are the languages of every site, the default first.
var Languages = []string{"fr", "en"}

var matcher = language.NewMatcher([]language.Tag{language.French, language.English})

// texts holds the catalogues of one site: language, then key, then sentence.
type texts struct{ byLang map[string]map[string]string }

// loadTexts reads text/<lang>.toml of each source; a later source speaks over an earlier one.
func loadTexts(sources ...fs.FS) (*texts, error) {
	t := &texts{byLang: map[string]map[string]string{}}
	for _, lang := range Languages {
		t.byLang[lang] = map[string]string{}
		for _, src := range sources {
			b, err := fs.ReadFile(src, "text/"+lang+".toml")
			if err != nil {
				return nil, err
			}
			flat, err := ReadCatalogue(b)
			if err != nil {
				return nil, fmt.Errorf("text/%s.toml: %w", lang, err)
			}
			for key, s := range flat {
				t.byLang[lang][key] = typography(lang, s)
			}
		}
	}
	return t, nil
}

// ReadCatalogue flattens a TOML catalogue: the table find, key title, is "find.title". A sentence
// that counts is a table with the CLDR plural categories as keys, "one" and "other".
func ReadCatalogue(b []byte) (map[string]string, error) {
	var tree map[string]any
	if err := toml.Unmarshal(b, &tree); err != nil {
		return nil, err
	}
	flat := map[string]string{}
	var walk func(prefix string, tree map[string]any) error
	walk = func(prefix string, tree map[string]any) error {
		for key, v := range tree {
			switch v := v.(type) {
			case string:
				flat[prefix+key] = v
			case map[string]any:
				if err := walk(prefix+key+".", v); err != nil {
					return err
				}
			default:
				return fmt.Errorf("key %s%s is neither a sentence nor a table", prefix, key)
			}
		}
		return nil
	}
	return flat, walk("", tree)
}

const (
	nbsp  = "\u00a0" // before a colon and inside French quotation marks
	nnbsp = "\u202f" // narrow, before ; ! ?
)

var french = strings.NewReplacer("'", "’", " ;", nnbsp+";", " !", nnbsp+"!", " ?", nnbsp+"?", " :", nbsp+":", "« ", "«"+nbsp, " »", nbsp+"»", " %", nbsp+"%")

// typography sets what a keyboard does not have. It touches catalogues, never what people typed.
func typography(lang, s string) string {
	if lang == "fr" {
		return french.Replace(s)
	}
	return strings.ReplaceAll(s, "'", "’")
}

// Text speaks one language.
type Text struct {
	Lang  string
	words map[string]string
}

func (t *texts) in(lang string) Text { return Text{lang, t.byLang[lang]} }

// In speaks one of Languages, for what is written outside a request.
func (k *Kit) In(lang string) Text { return k.texts.in(lang) }

// T gives the sentence of a key. Args are pairs, name then value, for the {name} in the sentence.
// A key that no catalogue has comes out between ⟦ ⟧, which the tests of every page look for.
func (t Text) T(key string, args ...any) string {
	s, ok := t.words[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	for i := 0; i+1 < len(args); i += 2 {
		s = strings.ReplaceAll(s, "{"+fmt.Sprint(args[i])+"}", t.arg(args[i+1]))
	}
	return s
}

// Has reports that the catalogue has a key.
func (t Text) Has(key string) bool {
	_, ok := t.words[key]
	return ok
}

// N gives the sentence of a key that counts; {n} is the number.
func (t Text) N(key string, n int, args ...any) string {
	form := "other"
	if plural.Cardinal.MatchPlural(language.Make(t.Lang), n, 0, 0, 0, 0) == plural.One {
		form = "one"
	}
	return t.T(key+"."+form, append(args, "n", n)...)
}

// Ordinal writes a rank: 1re, 2e in French (a dose is feminine), 1st, 2nd in English.
func (t Text) Ordinal(n int) string {
	s := strconv.Itoa(n)
	if t.Lang == "fr" {
		if n == 1 {
			return s + "re"
		}
		return s + "e"
	}
	switch plural.Ordinal.MatchPlural(language.English, n, 0, 0, 0, 0) {
	case plural.One:
		return s + "st"
	case plural.Two:
		return s + "nd"
	case plural.Few:
		return s + "rd"
	}
	return s + "th"
}

// Date writes a day: 02/03/2021 in French, 2 March 2021 in English.
func (t Text) Date(d carnet.Date) string {
	switch {
	case d.IsZero():
		return ""
	case t.Lang == "fr":
		return d.French()
	}
	return fmt.Sprintf("%d%s%s%s%d", d.Day, nbsp, d.Month, nbsp, d.Year)
}

// Instant writes a day and time of Paris: 02/03/2021 à 14:05, 2 March 2021, 14:05.
func (t Text) Instant(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	join := ", "
	if t.Lang == "fr" {
		join = nbsp + "à" + nbsp
	}
	return t.Date(carnet.DateOf(at)) + join + at.In(carnet.Paris).Format("15:04")
}

// Clock writes a time of Paris to the second: 14:05:09.
func (t Text) Clock(at time.Time) string { return at.In(carnet.Paris).Format("15:04:05") }

// Hours puts opening hours into words: "mon-fri 08:30-17:30; sat 09:00-12:00" becomes lundi à
// vendredi, 8 h 30 à 17 h 30 ; samedi, 9 h à 12 h.
func (t Text) Hours(week string) string {
	var parts []string
	for _, part := range strings.Split(week, ";") {
		fields := strings.Fields(part)
		for i, f := range fields {
			var ends []string
			for _, list := range strings.Split(f, ",") {
				var words []string
				for _, end := range strings.Split(list, "-") {
					if key := "days." + end; t.Has(key) {
						words = append(words, t.T(key))
						continue
					}
					hour, minute, _ := strings.Cut(end, ":")
					form := "hours.time"
					if minute == "00" {
						form = "hours.full"
					}
					words = append(words, t.T(form, "h", strings.TrimPrefix(hour, "0"), "m", minute))
				}
				ends = append(ends, strings.Join(words, t.T("hours.to")))
			}
			fields[i] = strings.Join(ends, ", ")
		}
		if len(fields) > 0 {
			parts = append(parts, strings.Join(fields, ", "))
		}
	}
	return strings.Join(parts, t.T("hours.then"))
}

// Birth reveals a date of birth as the certificate of the language writes it. An unknown day or
// month stays 00, so English keeps the figures too, the year first.
func (t Text) Birth(b carnet.BirthDate) string {
	if t.Lang == "fr" {
		return b.French()
	}
	return b.ISO()
}

func (t Text) arg(v any) string {
	switch v := v.(type) {
	case carnet.Date:
		return t.Date(v)
	case string:
		return v
	case interface{ In(lang string) string }: // an age, a disease: they know their own words
		return v.In(t.Lang)
	}
	return fmt.Sprint(v)
}

// Message puts an error of a kind below Internal into words: its code's sentence, else its kind's.
func (t Text) Message(e *carnet.Error) string {
	args := make([]any, 0, 2*len(e.Args))
	for name, v := range e.Args {
		args = append(args, name, v)
	}
	if key := "problem." + e.Code; t.Has(key) {
		return t.T(key, args...)
	}
	return t.T("problem.kind." + e.Kind.String())
}

func pickLanguage(cookie, accept string) string {
	for _, l := range Languages {
		if cookie == l {
			return l
		}
	}
	if accept == "" {
		return Languages[0]
	}
	if len(accept) > 256 {
		accept = accept[:256]
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return Languages[0]
	}
	_, i, _ := matcher.Match(tags...)
	return Languages[i]
}
