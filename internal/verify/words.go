package verify

import (
	"embed"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"carnet/hcert/dcc"
	"carnet/internal/verify/scan"
	"carnet/twoddoc"
)

//go:embed text
var texts embed.FS

// Words speaks about verdicts in one language.
type Words struct {
	lang string
	text map[string]map[string]string // table, then key
}

// ReadWords reads the catalogue of a language, "fr" or "en".
func ReadWords(lang string) (Words, error) {
	b, err := texts.ReadFile("text/" + lang + ".toml")
	if err != nil {
		return Words{}, fmt.Errorf("no words for language %q", lang)
	}
	w := Words{lang: lang}
	if w.text, err = readCatalogue(b); err != nil {
		return Words{}, fmt.Errorf("text/%s.toml: %w", lang, err)
	}
	typography := strings.NewReplacer("'", "’")
	if lang == "fr" {
		typography = strings.NewReplacer("'", "’", " ;", "\u202f;", " :", "\u00a0:", " !", "\u202f!", " ?", "\u202f?")
	}
	for _, table := range w.text {
		for k, s := range table {
			table[k] = typography.Replace(s)
		}
	}
	return w, nil
}

// readCatalogue reads the part of TOML that the catalogues are written in: tables, and keys with a
// text on one line. A whole TOML reader would make the browser download a tenth more.
func readCatalogue(b []byte) (map[string]map[string]string, error) {
	text := map[string]map[string]string{}
	var table map[string]string
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimSpace(line)
		switch name, isTable := strings.CutPrefix(line, "["); {
		case line == "" || line[0] == '#':
		case isTable:
			table = map[string]string{}
			text[strings.TrimSuffix(name, "]")] = table
		default:
			key, value, ok := strings.Cut(line, " = ")
			if unquoted, err := strconv.Unquote(key); err == nil {
				key = unquoted
			}
			value, err := strconv.Unquote(value)
			if _, twice := table[key]; !ok || err != nil || table == nil || twice {
				return nil, fmt.Errorf("line %d is not a key with its text", n)
			}
			table[key] = value
		}
	}
	return text, nil
}

// Reason gives the sentence of a reason of a Verdict: what it means, and what to do. All business
// rules share one; Rule gives what each says of itself.
func (w Words) Reason(code string) string {
	if strings.HasPrefix(code, "rule.") {
		code = "rule"
	}
	return w.get("reason", code)
}

// Rule gives what a rule that did not pass says of itself, in the language of the words, in English,
// or else in the first of its languages; "" when it says nothing.
func (w Words) Rule(r RuleAnswer) string {
	for _, lang := range append([]string{w.lang, "en"}, slices.Sorted(maps.Keys(r.Words))...) {
		if s := r.Words[lang]; s != "" {
			return s
		}
	}
	return ""
}

// Warning gives the sentence of a warning of a Verdict, with the date or the field that it speaks of.
func (w Words) Warning(warning string) string {
	code, field, _ := strings.Cut(warning, " ")
	s := w.get("warning", code)
	switch dated := strings.ReplaceAll(s, "{date}", w.date(field)); {
	case dated != s:
		return dated
	case field != "":
		return s + " (" + field + ")"
	}
	return s
}

// detail is what stands below the sentence of a reason: the words of a rule, the date of a revocation.
func (w Words) detail(v Verdict, code string) string {
	if code != "certificate.revoked" || v.Certificate == nil {
		return w.Rule(v.rule(code))
	}
	key := "revokedSince"
	if v.Certificate.Since == "" {
		key = "revokedUndated"
	}
	return w.label(key, "since", w.date(day(v.Certificate.Since)), "date", w.date(day(v.Certificate.Updated)))
}

// Problem gives the sentence of a code of an error: of package scan, of a file, of trust material.
func (w Words) Problem(code string) string { return w.get("problem", code) }

// get shows a key that the catalogue lacks between ⟦ ⟧, which the tests look for.
func (w Words) get(table, key string, args ...any) string {
	s, ok := w.text[table][key]
	if !ok {
		return "⟦" + table + "." + key + "⟧"
	}
	for i := 0; i+1 < len(args); i += 2 {
		s = strings.ReplaceAll(s, "{"+fmt.Sprint(args[i])+"}", fmt.Sprint(args[i+1]))
	}
	return s
}

func (w Words) label(key string, args ...any) string { return w.get("label", key, args...) }

const (
	bold  = "\x1b[1m"
	green = "\x1b[1;32m"
	red   = "\x1b[1;31m"
	amber = "\x1b[33m"
	reset = "\x1b[0m"
)

// Line is one reason or warning in words. Detail is what a business rule says of itself, or since when a
// certificate is revoked.
type Line struct {
	Code   string `json:"code"`
	Words  string `json:"words"`
	Detail string `json:"detail,omitempty"`
}

// Row is one thing that a code says.
type Row struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// View is a verdict in words, for a page. Whatever the code holds has no control characters.
type View struct {
	Valid    bool   `json:"valid"`
	Verdict  string `json:"verdict"`        // "VALID", "NOT VALID", "TEST DOCUMENT"
	Test     string `json:"test,omitempty"` // when a test authority signed
	Document string `json:"document"`       // kind of document
	Name     string `json:"name,omitempty"`
	Birth    string `json:"birth,omitempty"`
	Says     string `json:"says"` // before the rows: that they are proven, or not
	Reasons  []Line `json:"reasons,omitempty"`
	Warnings []Line `json:"warnings,omitempty"`
	Rows     []Row  `json:"rows,omitempty"` // all that the code says; none when minimal
	Where    string `json:"where,omitempty"`
	List     string `json:"list,omitempty"` // what lists of revoked documents and certificates say, and of when they are
}

// View puts a verdict in words. Minimal leaves out everything that the code says but name and date
// of birth, and the warnings, which speak of the other fields.
func (w Words) View(v Verdict, minimal bool) View {
	out := View{Valid: v.Valid, Verdict: w.get("verdict", "invalid"), Says: w.get("verdict", "claims"), Document: w.document(v), List: w.list(v)}
	if v.Valid {
		out.Verdict, out.Says = w.get("verdict", "valid"), w.get("verdict", "says")
	}
	switch {
	case v.Test && v.Valid: // nobody must take it for more at a glance
		out.Verdict, out.Test = w.get("verdict", "tested"), w.get("verdict", "testedWords")
	case v.Test:
		out.Test = w.get("verdict", "test")
	}
	for _, code := range v.Reasons {
		out.Reasons = append(out.Reasons, Line{Code: code, Words: w.Reason(code), Detail: clean(w.detail(v, code))})
	}
	out.Name, out.Birth = w.person(v)
	for _, warning := range v.Warnings {
		code, field, _ := strings.Cut(warning, " ")
		if minimal && !decides(code) {
			continue
		}
		out.Warnings = append(out.Warnings, Line{Code: code, Words: clean(w.Warning(warning)), Detail: clean(w.Rule(v.rule("rule." + field)))})
	}
	if minimal {
		return out
	}
	var where []string
	if v.Page > 0 {
		where = append(where, w.get("verdict", "page", "n", v.Page))
	}
	if v.Line > 1 {
		where = append(where, w.get("verdict", "line", "n", v.Line))
	}
	out.Where = strings.Join(append(where, w.get("symbology", v.Symbology)), ", ")
	for _, r := range w.rows(v) {
		out.Rows = append(out.Rows, Row{r[0], clean(r[1])})
	}
	return out
}

// Views puts verdicts in words. Codes that say the same and get the same answer, as the two of an
// attestation do, are one view that names both places.
func (w Words) Views(verdicts []Verdict, minimal bool) []View {
	var out []View
	var of []Verdict
	for _, v := range verdicts {
		view := w.View(v, minimal)
		same := func(o Verdict) bool {
			return v.ID != "" && o.Format == v.Format && o.ID == v.ID && slices.Equal(o.Reasons, v.Reasons) && slices.Equal(o.Warnings, v.Warnings)
		}
		if i := slices.IndexFunc(of, same); i >= 0 {
			if !minimal && out[i].Where != view.Where {
				out[i].Where += w.get("verdict", "and") + view.Where
			}
			continue
		}
		out, of = append(out, view), append(of, v)
	}
	return out
}

// decides reports a warning that bears on whether to believe the document, and not on its form.
func decides(code string) bool {
	stage, _, _ := strings.Cut(code, ".")
	return stage == "rule" || stage == "revoked" || stage == "trust" || stage == "certificate" || stage == "bundle"
}

// rule finds what a rule said by its reason code.
func (v Verdict) rule(code string) RuleAnswer {
	for _, r := range v.Rules {
		if "rule."+r.ID == code {
			return r
		}
	}
	return RuleAnswer{}
}

// list tells what the lists of revoked documents say, then those of revoked signing certificates.
func (w Words) list(v Verdict) string {
	var parts []string
	if v.Revocation != "" {
		parts = append(parts, w.documentList(v))
	}
	if c := v.Certificate; c != nil {
		date := c.Updated
		key := "certificateGood"
		switch {
		case c.revoked():
			key = "certificateRevoked"
		case c.Updated == "":
			key, date = "certificateUnknown", c.Gathered
		}
		parts = append(parts, w.label(key, "date", w.date(day(date))))
	}
	separator := "; "
	if w.lang == "fr" {
		separator = "\u202f; "
	}
	return strings.Join(parts, separator)
}

func (w Words) documentList(v Verdict) string {
	var s string
	switch v.Revocation {
	case NotListed:
		s = w.label("listNot")
	case ToCheck:
		s = w.label("listCheck")
	default:
		s = w.label("listRevoked")
	}
	if v.ListDate == "" {
		return s + ", " + w.label("listUndated")
	}
	return s + ", " + w.label("listOf", "date", w.date(v.ListDate[:len(time.DateOnly)]))
}

// Write prints a verdict as a block for a person: where the code is, the verdict, why, what the
// code says. Whatever the code holds is printed without control characters, so that it cannot
// write over the verdict.
func (w Words) Write(out io.Writer, v Verdict, colour bool) error {
	paint := func(c, s string) string {
		if !colour {
			return s
		}
		return c + s + reset
	}
	view := w.View(v, false)
	var b strings.Builder
	where := []string{clean(v.Input)}
	if v.Page > 0 {
		where = append(where, w.get("verdict", "page", "n", v.Page))
	}
	if v.Line > 0 {
		where = append(where, w.get("verdict", "line", "n", v.Line))
	}
	fmt.Fprintf(&b, "%s\n  %s, %s\n", paint(bold, strings.Join(where, ", ")), w.get("format", v.Format), w.get("symbology", v.Symbology))
	if v.Valid {
		fmt.Fprintf(&b, "  %s\n", paint(green, w.get("verdict", "valid")))
	} else {
		fmt.Fprintf(&b, "  %s\n", paint(red, w.get("verdict", "invalid")))
	}
	if v.Test {
		fmt.Fprintf(&b, "  %s\n", paint(amber, w.get("verdict", "test")))
	}
	for _, l := range view.Reasons {
		fmt.Fprintf(&b, "  - %s [%s]\n", l.Words, l.Code)
		if l.Detail != "" {
			fmt.Fprintf(&b, "    %s\n", l.Detail)
		}
	}
	if len(view.Rows) > 0 {
		fmt.Fprintf(&b, "  %s\n", view.Says)
		width := 0
		for _, r := range view.Rows {
			width = max(width, utf8.RuneCountInString(r.Label))
		}
		for _, r := range view.Rows {
			fmt.Fprintf(&b, "    %s%s  %s\n", r.Label, strings.Repeat(" ", width-utf8.RuneCountInString(r.Label)), r.Value)
		}
	}
	if view.List != "" {
		fmt.Fprintf(&b, "  %s\n", w.label("list", "words", view.List))
	}
	if len(view.Warnings) > 0 {
		fmt.Fprintf(&b, "  %s\n", w.get("verdict", "warnings"))
		for _, l := range view.Warnings {
			fmt.Fprintf(&b, "  - %s\n", l.Words)
			if l.Detail != "" {
				fmt.Fprintf(&b, "    %s\n", l.Detail)
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// clean keeps what a code holds from acting on the terminal.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != '\u00a0' && r != '\u202f' {
			return '\ufffd'
		}
		return r
	}, s)
}

// rows lists label and value of what the code says.
func (w Words) rows(v Verdict) [][2]string {
	var rows [][2]string
	add := func(label, value string) {
		if value != "" {
			rows = append(rows, [2]string{label, value})
		}
	}
	switch {
	case v.Format == scan.TwoDDoc && v.Type == vaccination:
		w.vaccinationRows(v.Content, add)
	case v.Format == scan.TwoDDoc:
		add(w.label("type"), w.document(v))
		fields, _ := v.Content["fields"].(map[string]any)
		for _, id := range sorted(fields) {
			label := id
			if d, ok := twoddoc.Lookup(id); ok {
				label = d.Label
				if w.lang == "en" && d.English != "" {
					label = d.English
				}
			}
			value, _ := fields[id].(string)
			add(label, value)
		}
	default:
		w.certificateRows(v, add)
	}
	add(w.label("issuer"), v.Issuer)
	add(w.label("signed"), w.date(v.Signed))
	add(w.label("key"), v.Key)
	return rows
}

// document names the kind of document.
func (w Words) document(v Verdict) string {
	if v.Format != scan.TwoDDoc {
		return w.get("format", v.Format)
	}
	t, ok := twoddoc.LookupType(v.Type)
	switch {
	case !ok && v.Type == "":
		return w.get("format", v.Format)
	case !ok:
		return v.Type
	case w.lang == "en" && t.English != "":
		return t.English + " (" + v.Type + ")"
	}
	return t.Label + " (" + v.Type + ")"
}

// person gives whom the document names, as far as it is an attestation or a certificate.
func (w Words) person(v Verdict) (name, birth string) {
	for _, r := range w.rows(v) {
		switch r[0] {
		case w.label("familyName"):
			name = r[1]
		case w.label("givenNames"):
			name = strings.TrimSpace(strings.ReplaceAll(r[1], ", ", " ") + " " + name)
		case w.label("birthDate"):
			birth = r[1]
		}
	}
	return clean(name), clean(birth)
}

func (w Words) vaccinationRows(c map[string]any, add func(label, value string)) {
	text := func(k string) string { s, _ := c[k].(string); return s }
	add(w.label("familyName"), text("familyName"))
	given, _ := c["givenNames"].([]string)
	add(w.label("givenNames"), strings.Join(given, ", "))
	add(w.label("birthDate"), w.date(text("birthDate")))
	add(w.label("disease"), text("disease"))
	add(w.label("vaccine"), text("vaccine"))
	if text("manufacturer") != text("vaccine") {
		add(w.label("manufacturer"), text("manufacturer"))
	}
	add(w.label("dose"), w.label("doseOf", "n", c["rank"], "of", c["expected"]))
	add(w.label("lastDate"), w.date(text("lastDate")))
	switch s := text("state"); s {
	case "complete":
		add(w.label("state"), w.label("complete"))
	case "ongoing":
		add(w.label("state"), w.label("ongoing"))
	default:
		add(w.label("state"), s)
	}
	add(w.label("country"), text("country"))
}

func (w Words) certificateRows(v Verdict, add func(label, value string)) {
	text := func(m map[string]any, k string) string { s, _ := m[k].(string); return s }
	name, _ := v.Content["nam"].(map[string]any)
	either := func(a, b string) string {
		if s := text(name, a); s != "" {
			return s
		}
		return text(name, b)
	}
	add(w.label("familyName"), either("fn", "fnt"))
	add(w.label("givenNames"), either("gn", "gnt"))
	add(w.label("birthDate"), w.date(text(v.Content, "dob")))
	for _, group := range [...]string{"v", "t", "r"} {
		events, _ := v.Content[group].([]any)
		for _, e := range events {
			m, _ := e.(map[string]any)
			coded := func(label, k string, set dcc.Set) {
				s := text(m, k)
				if entry, ok := dcc.Lookup(set, s); ok && entry.Name != "" {
					s = entry.Name
				}
				add(w.label(label), s)
			}
			coded("disease", "tg", dcc.Disease)
			switch group {
			case "v":
				coded("vaccine", "vp", dcc.VaccineType)
				coded("product", "mp", dcc.Product)
				coded("manufacturer", "ma", dcc.Holder)
				add(w.label("dose"), w.label("doseOf", "n", m["dn"], "of", m["sd"]))
				add(w.label("lastDate"), w.date(text(m, "dt")))
			case "t":
				coded("test", "tt", dcc.TestKind)
				add(w.label("sampled"), text(m, "sc"))
				coded("result", "tr", dcc.TestResult)
			case "r":
				add(w.label("positive"), w.date(text(m, "fr")))
				add(w.label("from"), w.date(text(m, "df")))
				add(w.label("until"), w.date(text(m, "du")))
			}
			add(w.label("country"), text(m, "co"))
			add(w.label("identifier"), text(m, "ci"))
		}
	}
}

// Facts tells what a checker trusts and of when that is.
func (w Words) Facts(f Facts) []Row {
	fact := func(key string, args ...any) string { return w.get("fact", key, args...) }
	day := func(t time.Time) string { return w.date(t.UTC().Format(time.DateOnly)) }
	made := day(f.Made) + " " + f.Made.UTC().Format("15:04") + " UTC"
	rows := []Row{{fact("made"), made}}
	twoDDoc, hCert := fact("none"), fact("none")
	if f.TwoDDoc > 0 {
		twoDDoc = fact("certificates", "n", f.TwoDDoc, "of", strings.Join(f.Authorities, ", "))
	}
	if f.HCert > 0 {
		hCert = fact("keys", "n", f.HCert)
		if len(f.Countries) > 0 {
			hCert = fact("keysOf", "n", f.HCert, "of", strings.Join(f.Countries, ", "))
		}
	}
	rows = append(rows, Row{fact("2d-doc"), twoDDoc}, Row{fact("hcert"), hCert})
	if f.Scheme != nil {
		rows = append(rows, Row{fact("scheme"), fact("schemeOf", "n", f.Scheme.Sequence, "date", day(f.Scheme.Issued), "next", day(f.Scheme.NextUpdate))})
	}
	for _, b := range f.Bundles {
		key, oldest := "bundleOf", ""
		if b.Oldest != nil {
			key, oldest = "bundleListsOf", day(*b.Oldest)
		}
		rows = append(rows, Row{fact("bundle"), fact(key, "date", day(b.Gathered), "next", day(b.Until), "lists", b.Lists, "oldest", oldest)})
	}
	rulesFact := fact("noRules")
	if r := f.Rules; r != nil {
		rulesFact = fact("rulesOf", "n", r.Rules, "of", r.Country)
		if r.Date != nil {
			rulesFact = fact("rulesDated", "n", r.Rules, "of", r.Country, "date", day(*r.Date))
		}
	}
	rows = append(rows, Row{fact("rules"), rulesFact})
	if len(f.Lists) == 0 {
		rows = append(rows, Row{fact("revocation"), fact("noList")})
	}
	for _, l := range f.Lists {
		s := fact("listUndated", "n", l.Entries)
		if l.Issued != nil && l.NextUpdate != nil {
			s = fact("listOf", "n", l.Entries, "date", day(*l.Issued), "next", day(*l.NextUpdate))
		}
		rows = append(rows, Row{fact("revocation"), s})
	}
	return rows
}

// date writes AAAA-MM-JJ as the language does; a date of another form stays as it is.
func (w Words) date(s string) string {
	if w.lang == "fr" && len(s) == 10 && s[4] == '-' && s[7] == '-' {
		return s[8:] + "/" + s[5:7] + "/" + s[:4]
	}
	return s
}

func sorted(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
