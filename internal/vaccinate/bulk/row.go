package bulk

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"carnet/internal/carnet"
	"carnet/nir"
)

// Row is one entry of a file: an injection, or that none was given.
type Row struct {
	Line int    // where it begins, from 1
	Key  string // that the sending system gives the entry for ever; empty when it gives none

	Identity carnet.Identity
	// Dose is what the file says of it: of the place its number only, and no professional.
	Dose        carnet.Dose
	Injector    carnet.Private // national number, empty when the file names nobody
	Responsible carnet.Private

	Faults []Fault // what cannot be read

	// Cells are the line as it was, for the answer; nil for a resource.
	Cells []string
}

// Fault is one thing that is wrong with a row. It never holds what the file says.
type Fault struct {
	Column string `json:"column,omitempty"` // name of the column in English; empty for the row
	Code   string `json:"code"`
}

func (r *Row) fault(column, code string) { r.Faults = append(r.Faults, Fault{column, code}) }

// note keeps an error of a parser under its own code.
func (r *Row) note(column string, err error) { r.fault(column, carnet.CodeOf(err)) }

// Stable codes of a row. Those of numbers, dates and lots are of their own packages.
const (
	CodeColumns     = "row.columns"  // another number of cells than the header has
	CodeQuote       = "row.quote"    // a quote that is not closed, or in a bare cell
	CodeLong        = "row.long"     // longer than a row may be
	CodeNotJSON     = "row.json"     // not a resource
	CodeReference   = "row.patient"  // the patient that it names is not in the file, or not before it
	CodeCellLong    = "cell.long"    // more than 300 characters
	CodeCellText    = "cell.text"    // not UTF-8, or a control character
	CodeCellWord    = "cell.word"    // none of the words of the column
	CodeSex         = "sex.missing"  // of a person who is not known yet
	CodeVaccine     = "dose.vaccine" // not of the catalogue
	CodeDateMissing = "dose.date-missing"
	CodeFuture      = "dose.date-future"
	CodeBeforeBirth = "dose.before-birth"
	CodePlace       = "dose.place"      // not one where the import may write
	CodeInjector    = "dose.injector"   // not in the directory, or not one who vaccinates
	CodeInjectorNo  = "injector.needed" // an injection of one's own names who gave it
	CodeLotMissing  = "lot.missing"
	CodeExpired     = "lot.expired" // before the injection: a warning
	CodeNIR         = "nir.malformed"
)

// maxCell is how many characters a cell may have.
const maxCell = 300

// column is what one column of a file means. Its names are compared without accents, capitals, spaces and hyphens.
type column struct {
	name   string   // in English: that of the answer
	french string   // another name
	others []string // by which it is known elsewhere
	set    func(*Row, string)
}

// Columns are the names of the columns, English and French, in the order of a template.
func Columns() (list [][2]string) {
	for _, c := range columns {
		list = append(list, [2]string{c.name, c.french})
	}
	return list
}

// columns are those that are kept. What a file says besides is listed in the summary and not kept.
var columns = []column{
	{"uuid", "cle", []string{"local_id", "numero_local"}, func(r *Row, s string) { r.Key = s }},
	{"nir", "nir", []string{"person_id", "numero_securite_sociale"}, func(r *Row, s string) {
		n, err := nir.Parse(s)
		if err != nil {
			r.fault("nir", nirCode(err))
		}
		r.Identity.NIR = n
	}},
	{"birth_name", "nom_naissance", []string{"nom"}, func(r *Row, s string) { r.Identity.BirthName = carnet.Hide(s) }},
	{"used_name", "nom_usage", nil, func(r *Row, s string) { r.Identity.UsedName = carnet.Hide(s) }},
	{"given_names", "prenoms", []string{"prenom", "given_name"}, func(r *Row, s string) {
		for _, g := range strings.FieldsFunc(s, func(c rune) bool { return c == ',' || unicode.IsSpace(c) }) {
			r.Identity.GivenNames = append(r.Identity.GivenNames, carnet.Hide(g))
		}
	}},
	{"birth_date", "date_naissance", nil, func(r *Row, s string) {
		d, err := carnet.ParseBirthDate(s)
		if err != nil {
			r.note("birth_date", err)
		}
		r.Identity.Birth = d
	}},
	{"sex", "sexe", nil, func(r *Row, s string) { r.Identity.Sex = word(r, "sex", s, sexes) }},
	{"birth_place", "lieu_naissance", nil, func(r *Row, s string) {
		if len(s) != 5 || strings.IndexFunc(s, func(c rune) bool { return c > 'Z' || !unicode.IsDigit(c) && !unicode.IsUpper(c) }) >= 0 {
			r.fault("birth_place", CodeCellWord)
			return
		}
		r.Identity.BirthPlace = s
	}},
	{"date", "date_injection", nil, func(r *Row, s string) {
		d, err := readDate(s)
		if err != nil {
			r.note("date", err)
		}
		r.Dose.Date = d
	}},
	{"time", "heure", nil, func(r *Row, s string) {
		if _, err := time.Parse("15:04", s); err != nil {
			r.fault("time", CodeCellWord)
			return
		}
		r.Dose.Time = s
	}},
	{"vaccine", "vaccin", nil, func(r *Row, s string) { r.Dose.Vaccine = s }},
	{"product", "produit", nil, func(r *Row, s string) { r.Dose.Product = s }},
	{"lot", "lot", nil, func(r *Row, s string) {
		l, err := carnet.ParseLot(s)
		if err != nil {
			r.note("lot", err)
		}
		r.Dose.Lot = l
	}},
	{"expiry", "peremption", nil, func(r *Row, s string) {
		d, err := readExpiry(s)
		if err != nil {
			r.note("expiry", err)
		}
		r.Dose.Expiry = d
	}},
	{"body_site", "site_injection", nil, func(r *Row, s string) { r.Dose.BodySite = word(r, "body_site", s, bodySites) }},
	{"route", "voie", nil, func(r *Row, s string) { r.Dose.Route = word(r, "route", s, routes) }},
	{"half", "demi_dose", nil, func(r *Row, s string) { r.Dose.Half = word(r, "half", s, yesNo) }},
	{"injector", "injecteur", nil, func(r *Row, s string) { r.Injector = rpps(r, "injector", s) }},
	{"responsible", "responsable", nil, func(r *Row, s string) { r.Responsible = rpps(r, "responsible", s) }},
	{"place", "lieu", []string{"finess"}, func(r *Row, s string) { r.Dose.Place.ID = s }},
	{"place_type", "type_lieu", []string{"care_setting"}, func(r *Row, s string) { r.Dose.PlaceType = word(r, "place_type", s, placeTypes) }},
	{"country", "pays", nil, func(r *Row, s string) {
		if len(s) != 2 || s != strings.ToUpper(s) || s[0] < 'A' || s[0] > 'Z' || s[1] < 'A' || s[1] > 'Z' {
			r.fault("country", CodeCellWord)
			return
		}
		if s != "FR" {
			r.Dose.Country = s
		}
	}},
	{"evidence", "preuve", nil, func(r *Row, s string) { r.Dose.Evidence = word(r, "evidence", s, evidences) }},
	{"not_given", "non_fait", []string{"reason_not_given"}, func(r *Row, s string) { r.Dose.NotGiven = word(r, "not_given", s, notGivens) }},
	{"eligibility", "eligibilite", nil, func(r *Row, s string) { r.Dose.Eligibility = s }},
	{"form", "formulaire", nil, func(r *Row, s string) { r.Dose.Form = s }},
	{"note", "note", []string{"notes"}, func(r *Row, s string) { r.Dose.Note = carnet.Hide(s) }},
}

// The words of columns that have some: the codes that the register keeps, and how French files say them.
var (
	sexes = map[string]carnet.Sex{"f": carnet.Female, "2": carnet.Female, "female": carnet.Female, "femme": carnet.Female, "feminin": carnet.Female,
		"m": carnet.Male, "1": carnet.Male, "male": carnet.Male, "homme": carnet.Male, "masculin": carnet.Male}
	bodySites = map[string]carnet.BodySite{"left arm": carnet.LeftArm, "bras gauche": carnet.LeftArm, "right arm": carnet.RightArm, "bras droit": carnet.RightArm,
		"left thigh": carnet.LeftThigh, "cuisse gauche": carnet.LeftThigh, "right thigh": carnet.RightThigh, "cuisse droite": carnet.RightThigh}
	routes     = map[string]string{"im": "IM", "sc": "SC", "id": "ID", "po": "PO", "nas": "NAS"}
	yesNo      = map[string]bool{"yes": true, "oui": true, "1": true, "no": false, "non": false, "0": false}
	placeTypes = map[string]carnet.PlaceType{"site": carnet.Centre, "centre": carnet.Centre, "care home": carnet.CareHome, "ehpad": carnet.CareHome,
		"home": carnet.Home, "domicile": carnet.Home, "outreach": carnet.Outreach, "exterieur": carnet.Outreach}
	evidences = map[string]carnet.Evidence{"administered": carnet.Administered, "fait": carnet.Administered, "proof": carnet.Proven, "preuve": carnet.Proven,
		"stated": carnet.Stated, "declare": carnet.Stated}
	notGivens = map[string]carnet.NotGiven{"refused": carnet.Refused, "refus": carnet.Refused, "absent": carnet.Absent, "unwell": carnet.Unwell, "malade": carnet.Unwell,
		"contraindicated": carnet.Contraindicated, "contre indication": carnet.Contraindicated, "elsewhere": carnet.Elsewhere, "ailleurs": carnet.Elsewhere}
)

func word[T any](r *Row, column, s string, words map[string]T) T {
	v, ok := words[plain(s)]
	if !ok {
		r.fault(column, CodeCellWord)
	}
	return v
}

func rpps(r *Row, column, s string) carnet.Private {
	n, err := carnet.ParseRPPS(s)
	if err != nil {
		r.note(column, err)
	}
	return n
}

// nirCode is the code of a fault of the library, which knows nothing of ours.
func nirCode(err error) string {
	if e, ok := err.(*nir.Error); ok {
		return e.Code
	}
	return CodeNIR
}

// plain brings a word to the form in which two spellings of it meet: small letters without marks, with single spaces.
func plain(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		default:
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// readDate takes 2021-05-03 and 03/05/2021.
func readDate(s string) (carnet.Date, error) {
	if len(s) == 10 && s[2] == '/' && s[5] == '/' {
		s = s[6:] + "-" + s[3:5] + "-" + s[:2]
	}
	return carnet.ParseDate(s)
}

// readExpiry takes a date, and 12/2021 or 2021-12 for the last day of the month.
func readExpiry(s string) (carnet.Date, error) {
	if len(s) == 7 && s[2] == '/' {
		s = s[3:] + "-" + s[:2]
	}
	if len(s) != 7 {
		return readDate(s)
	}
	d, err := carnet.ParseDate(s + "-01")
	if err != nil {
		return d, err
	}
	return carnet.DateOf(time.Date(d.Year, d.Month+1, 0, 12, 0, 0, 0, time.UTC)), nil
}

// cell puts what a cell says into the row, after the checks that every cell passes.
func (r *Row) cell(c column, s string) {
	if s = strings.TrimSpace(s); s == "" {
		return
	}
	switch {
	case !utf8.ValidString(s) || strings.IndexFunc(s, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' || c == utf8.RuneError }) >= 0:
		r.fault(c.name, CodeCellText)
	case utf8.RuneCountInString(s) > maxCell:
		r.fault(c.name, CodeCellLong)
	default:
		c.set(r, s)
	}
}

// content is everything that the row says, in one text: the same for the same content.
func (r *Row) content() string {
	i, d := r.Identity, r.Dose
	var b strings.Builder
	for _, part := range []string{i.NIR.Reveal(), i.BirthName.Reveal(), i.UsedName.Reveal(), i.Given(), i.Birth.ISO(), string(i.Sex), i.BirthPlace,
		d.Date.String(), d.Time, d.Vaccine, d.Product, d.Country, d.Lot.Reveal(), d.Expiry.String(), string(d.BodySite), d.Route, strconv.FormatBool(d.Half),
		d.Place.ID, string(d.PlaceType), string(d.Evidence), string(d.NotGiven), d.Eligibility, d.Form, d.Note.Reveal(), r.Injector.Reveal(), r.Responsible.Reveal()} {
		b.WriteString(part)
		b.WriteByte(0) // in no cell
	}
	return b.String()
}

// refused reports that the row has a fault of a column.
func (r *Row) refused(column string) bool {
	return slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Column == column })
}
