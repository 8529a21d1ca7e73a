package login

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"carnet/internal/carnet"
)

const maxText = 100 // characters of a name

// Claims is what a provider says about a person. It hides itself; Decode, Person,
// Professional and Staff read it.
type Claims struct{ clear *json.RawMessage }

// Decode reads the claims into v.
func (c Claims) Decode(v any) error {
	if c.clear == nil {
		return refuse("Claims", carnet.Invalid, CodeClaims, errors.New("there are none"))
	}
	if err := json.Unmarshal(*c.clear, v); err != nil {
		return refuse("Claims", carnet.Invalid, CodeClaims, errors.New("they are not of the expected types"))
	}
	return nil
}

func (c Claims) String() string               { return carnet.Mask }
func (c Claims) GoString() string             { return carnet.Mask }
func (c Claims) LogValue() slog.Value         { return slog.StringValue(carnet.Mask) }
func (c Claims) MarshalText() ([]byte, error) { return []byte(carnet.Mask), nil }

// france is the code of France as a country of birth (INSEE, official geographic code).
const france = "99100"

// Person reads the pivot identity of an insured person: the six traits of the scope
// identite_pivot, and the used name when it was asked (specification, section 2.7). It never
// has a NIR. A day or month of birth that civil status does not know comes as 01.
func (c Claims) Person() (carnet.Identity, error) {
	var v struct {
		GivenName  string   `json:"given_name"`
		GivenNames []string `json:"given_name_array"`
		FamilyName string   `json:"family_name"`
		UsedName   string   `json:"preferred_username"`
		BirthDate  string   `json:"birthdate"`
		Gender     string   `json:"gender"`
		Place      string   `json:"birthplace"`
		Country    string   `json:"birthcountry"`
	}
	if err := c.Decode(&v); err != nil {
		return carnet.Identity{}, err
	}
	bad := func(claim string) (carnet.Identity, error) {
		return carnet.Identity{}, &carnet.Error{Op: "login.Claims.Person", Kind: carnet.Invalid, Code: CodeClaims, Field: claim}
	}
	var id carnet.Identity
	if len(v.GivenNames) == 0 {
		v.GivenNames = strings.Fields(v.GivenName)
	}
	if len(v.GivenNames) == 0 || len(v.GivenNames) > 20 {
		return bad("given_name")
	}
	for _, g := range v.GivenNames {
		if !isName(g) {
			return bad("given_name")
		}
		id.GivenNames = append(id.GivenNames, carnet.Hide(g))
	}
	if !isName(v.FamilyName) {
		return bad("family_name")
	}
	id.BirthName = carnet.Hide(v.FamilyName)
	if v.UsedName != "" && v.UsedName != v.FamilyName {
		if !isName(v.UsedName) {
			return bad("preferred_username")
		}
		id.UsedName = carnet.Hide(v.UsedName)
	}
	var err error
	if id.Birth, err = carnet.ParseBirthDate(v.BirthDate); err != nil {
		return bad("birthdate")
	}
	switch v.Gender {
	case "female":
		id.Sex = carnet.Female
	case "male":
		id.Sex = carnet.Male
	default:
		return bad("gender")
	}
	// Abroad, the place of birth is empty, or free text that tells nothing sure: the country counts.
	switch {
	case v.Country == france && isGeographicCode(v.Place):
		id.BirthPlace = v.Place
	case v.Country == france:
		return bad("birthplace")
	case isGeographicCode(v.Country) && strings.HasPrefix(v.Country, "99"):
		id.BirthPlace = v.Country
	default:
		return bad("birthcountry")
	}
	return id, nil
}

// Professional is what a provider says about a health professional (specification, section 4.6).
type Professional struct {
	Number     carnet.Private // national identifier: "8" and the 11 digits of the RPPS
	FamilyName carnet.Private
	GivenName  carnet.Private
	Situations []Situation // in the provider's order; with several, the professional chooses one
}

// Situation is one way in which somebody practises: a profession at a place.
type Situation struct {
	Profession string       // code of TRE_G15
	Place      carnet.Place // zero for somebody who practises nowhere in particular
}

// Professional reads the claims about a health professional. Fields may be empty or missing:
// only the number, the names and a profession are needed. The number is the RPPS: a professional
// known by another identifier is refused. One who is in no situation of practice, because there is
// none any more or because the registration is suspended, is refused with CodeNotActive.
func (c Claims) Professional() (Professional, error) {
	var v struct {
		Number     string `json:"SubjectNameID"`
		FamilyName string `json:"family_name"`
		GivenName  string `json:"given_name"`
		Reference  struct {
			Practices []struct {
				Profession string `json:"codeProfession"`
				FamilyName string `json:"nomDexercice"`
				GivenName  string `json:"prenomDexercice"`
				Activities []struct {
					FINESS  string `json:"numeroFinessSite"`
					SIRET   string `json:"numeroSiretSite"`
					Company string `json:"raisonSocialeSite"`
					Sign    string `json:"enseigneCommercialeSite"`
					Commune string `json:"libelleCommune"`
				} `json:"activities"`
			} `json:"exercices"`
		} `json:"SubjectRefPro"`
	}
	if err := c.Decode(&v); err != nil {
		return Professional{}, err
	}
	bad := func(claim string) (Professional, error) {
		return Professional{}, &carnet.Error{Op: "login.Claims.Professional", Kind: carnet.Invalid, Code: CodeClaims, Field: claim}
	}
	var p Professional
	var err error
	if p.Number, err = carnet.ParseRPPS(v.Number); err != nil {
		return bad("SubjectNameID")
	}
	for _, x := range v.Reference.Practices {
		if !isCode(x.Profession) {
			return bad("codeProfession")
		}
		if v.FamilyName == "" {
			v.FamilyName = x.FamilyName
		}
		if v.GivenName == "" {
			v.GivenName = x.GivenName
		}
		if len(x.Activities) == 0 {
			p.Situations = append(p.Situations, Situation{Profession: x.Profession})
		}
		for _, a := range x.Activities {
			place := carnet.Place{ID: firstOf(a.FINESS, a.SIRET), Name: firstOf(a.Sign, a.Company), Commune: a.Commune}
			if place.ID != "" {
				place.Country = "FR"
			}
			if place.ID != "" && !isCode(place.ID) || !isText(place.Name) || !isText(place.Commune) {
				return bad("activities")
			}
			p.Situations = append(p.Situations, Situation{x.Profession, place})
		}
	}
	if len(p.Situations) == 0 {
		return Professional{}, &carnet.Error{Op: "login.Claims.Professional", Kind: carnet.Denied, Code: CodeNotActive, Field: "SubjectRefPro"}
	}
	if !isName(v.FamilyName) {
		return bad("family_name")
	}
	if !isName(v.GivenName) {
		return bad("given_name")
	}
	p.FamilyName, p.GivenName = carnet.Hide(v.FamilyName), carnet.Hide(v.GivenName)
	return p, nil
}

// isNumber reports that the claims are those of the professional with a national identifier.
func (c Claims) isNumber(number carnet.Private) bool {
	var v struct {
		Number string `json:"SubjectNameID"`
	}
	if c.Decode(&v) != nil {
		return false
	}
	n, err := carnet.ParseRPPS(v.Number)
	return err == nil && n.Equal(number)
}

// Staff is what a provider says about somebody who works for an organisation (specification,
// section 3). The subject of the identity is specific to the provider that the person came
// through; the e-mail address and the identifier are the organisation's word.
type Staff struct {
	GivenName  carnet.Private
	FamilyName carnet.Private // used name
	Email      carnet.Private
	UID        carnet.Private // identifier in the organisation
	SIRET      string         // establishment, 14 digits
}

// Staff reads the claims about somebody who works for an organisation. Whether that organisation
// and that person may enter is the site's to decide.
func (c Claims) Staff() (Staff, error) {
	var v struct {
		GivenName  string `json:"given_name"`
		FamilyName string `json:"usual_name"`
		Email      string `json:"email"`
		UID        string `json:"uid"`
		SIRET      string `json:"siret"`
	}
	if err := c.Decode(&v); err != nil {
		return Staff{}, err
	}
	for _, x := range []struct {
		claim string
		ok    bool
	}{
		{"given_name", isName(v.GivenName)}, {"usual_name", isName(v.FamilyName)}, {"siret", isSIRET(v.SIRET)},
		{"email", isName(v.Email) && strings.Count(v.Email, "@") == 1}, {"uid", isName(v.UID)},
	} {
		if !x.ok {
			return Staff{}, &carnet.Error{Op: "login.Claims.Staff", Kind: carnet.Invalid, Code: CodeClaims, Field: x.claim}
		}
	}
	return Staff{carnet.Hide(v.GivenName), carnet.Hide(v.FamilyName), carnet.Hide(v.Email), carnet.Hide(v.UID), v.SIRET}, nil
}

func (c Claims) siret() string {
	var v struct {
		SIRET string `json:"siret"`
	}
	if c.Decode(&v) != nil {
		return ""
	}
	return v.SIRET
}

func firstOf(s ...string) string {
	for _, x := range s {
		if x != "" {
			return x
		}
	}
	return ""
}

// isText accepts printable text of a bounded length, also none.
func isText(s string) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxText {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

func isName(s string) bool { return strings.TrimSpace(s) != "" && isText(s) }

// isCode accepts the letters and digits of national codes.
func isCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

// isGeographicCode accepts the five characters of an INSEE code: digits, or 2A and 2B.
func isGeographicCode(s string) bool {
	if len(s) != 5 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && !(i == 1 && (c == 'A' || c == 'B')) {
			return false
		}
	}
	return true
}
