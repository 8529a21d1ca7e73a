package sandbox

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/nir"

	"github.com/BurntSushi/toml"
)

//go:embed people.toml
var peopleFile string

// World is everybody who lives in the sandbox. Nobody in it exists.
type World struct {
	People        []Insured
	Professionals []Practitioner
	Places        []carnet.Place

	password string
}

// Insured is an insured person.
type Insured struct {
	Identifier string // what the person types to log in
	Identity   carnet.Identity
	Email      carnet.Private
	Registered bool // to be put in the register at the start
	CanLogIn   bool
	Story      Words
}

// Practitioner is a health professional. The id in Professional is zero: the directory makes it.
type Practitioner struct {
	Identifier   string
	Professional carnet.Professional
	Story        Words

	civility string
}

// Words is a sentence in the languages of the pages.
type Words struct {
	FR string `toml:"fr"`
	EN string `toml:"en"`
}

// In gives the sentence of a language, French when there is no other.
func (w Words) In(lang string) string {
	if lang == "en" {
		return w.EN
	}
	return w.FR
}

// ReadWorld reads the people that the program carries.
func ReadWorld() (World, error) { return readWorld(peopleFile) }

// Registered lists the identities that belong in the register.
func (w World) Registered() []carnet.Identity {
	var list []carnet.Identity
	for _, p := range w.People {
		if p.Registered {
			list = append(list, p.Identity)
		}
	}
	return list
}

// Directory lists the professionals, with their places.
func (w World) Directory() []carnet.Professional {
	var list []carnet.Professional
	for _, p := range w.Professionals {
		list = append(list, p.Professional)
	}
	return list
}

func readWorld(text string) (World, error) {
	var file struct {
		Password string `toml:"password"`
		Insured  []struct {
			Identifier string   `toml:"identifier"`
			FamilyName string   `toml:"family_name"`
			UsedName   string   `toml:"used_name"`
			GivenNames []string `toml:"given_names"`
			Birth      string   `toml:"birth"`
			Sex        string   `toml:"sex"`
			BirthPlace string   `toml:"birth_place"`
			NIR        string   `toml:"nir"`
			Register   bool     `toml:"register"`
			NoLogin    bool     `toml:"no_login"`
			Story      Words    `toml:"story"`
		} `toml:"insured"`
		Place []struct {
			FINESS  string `toml:"finess"`
			Name    string `toml:"name"`
			Commune string `toml:"commune"`
		} `toml:"place"`
		Professional []struct {
			Identifier string   `toml:"identifier"`
			RPPS       string   `toml:"rpps"`
			FamilyName string   `toml:"family_name"`
			GivenName  string   `toml:"given_name"`
			Civility   string   `toml:"civility"`
			Profession string   `toml:"profession"`
			Vaccinator bool     `toml:"vaccinator"`
			Places     []string `toml:"places"`
			Story      Words    `toml:"story"`
		} `toml:"professional"`
	}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return World{}, fmt.Errorf("people of the sandbox: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return World{}, fmt.Errorf("people of the sandbox: unknown key %s", unknown[0])
	}
	w := World{password: file.Password}
	seen := map[string]bool{}
	for _, p := range file.Insured {
		bad := func(what string, err error) (World, error) {
			return World{}, fmt.Errorf("people of the sandbox: %s: %s: %w", p.Identifier, what, err)
		}
		if p.Identifier == "" || seen[p.Identifier] {
			return bad("identifier", errTwice)
		}
		seen[p.Identifier] = true
		id := carnet.Identity{
			BirthName: carnet.Hide(p.FamilyName), UsedName: carnet.Hide(p.UsedName),
			Sex: carnet.Sex(p.Sex), BirthPlace: p.BirthPlace,
		}
		for _, g := range p.GivenNames {
			id.GivenNames = append(id.GivenNames, carnet.Hide(g))
		}
		if id.Birth, err = carnet.ParseBirthDate(p.Birth); err != nil {
			return bad("birth", err)
		}
		if p.NIR != "" {
			if id.NIR, err = nir.Complete(p.NIR); err != nil {
				return bad("nir", err)
			}
		}
		w.People = append(w.People, Insured{
			Identifier: p.Identifier, Identity: id, Registered: p.Register, CanLogIn: !p.NoLogin, Story: p.Story,
			Email: carnet.Hide(p.Identifier + "@exemple.invalid"),
		})
	}
	for _, p := range file.Place {
		w.Places = append(w.Places, carnet.Place{ID: p.FINESS, Name: p.Name, Commune: p.Commune, Country: "FR"})
	}
	for _, p := range file.Professional {
		bad := func(what string, err error) (World, error) {
			return World{}, fmt.Errorf("people of the sandbox: %s: %s: %w", p.Identifier, what, err)
		}
		if p.Identifier == "" || seen[p.Identifier] {
			return bad("identifier", errTwice)
		}
		seen[p.Identifier] = true
		x := carnet.Professional{
			FamilyName: carnet.Hide(p.FamilyName), GivenName: carnet.Hide(p.GivenName),
			Profession: p.Profession, Vaccinator: p.Vaccinator,
		}
		if x.Number, err = carnet.ParseRPPS(p.RPPS); err != nil {
			return bad("rpps", err)
		}
		for _, id := range p.Places {
			i := slices.IndexFunc(w.Places, func(q carnet.Place) bool { return q.ID == id })
			if i < 0 {
				return bad("places", fmt.Errorf("no place %s", id))
			}
			x.Places = append(x.Places, w.Places[i])
		}
		w.Professionals = append(w.Professionals, Practitioner{p.Identifier, x, p.Story, p.Civility})
	}
	return w, nil
}

var errTwice = fmt.Errorf("missing, or there twice")

// persona is somebody who can log in at one issuer, in the form that its engine needs.
type persona struct {
	identifier string
	name       string // as the panel of the login page shows it
	story      Words
	claims     map[string]any // everything that the issuer may say of the person
	subject    string         // stable local name, before it is made pairwise
}

// insuredPersonas gives the claims of the insured people (specification, section 2.7).
func (w World) insuredPersonas() []persona {
	var list []persona
	for _, p := range w.People {
		if !p.CanLogIn {
			continue
		}
		id := p.Identity
		var given []string
		for _, g := range id.GivenNames {
			given = append(given, g.Reveal())
		}
		claims := map[string]any{
			"given_name":       id.Given(),
			"given_name_array": given,
			"family_name":      id.BirthName.Reveal(),
			// An unknown day or month goes out as 01: the "presumed" date.
			"birthdate":    strings.ReplaceAll(id.Birth.ISO(), "-00", "-01"),
			"gender":       map[carnet.Sex]string{carnet.Female: "female", carnet.Male: "male"}[id.Sex],
			"birthplace":   id.BirthPlace,
			"birthcountry": france,
			"email":        p.Email.Reveal(),
		}
		if strings.HasPrefix(id.BirthPlace, "99") {
			claims["birthplace"], claims["birthcountry"] = "", id.BirthPlace
		}
		if !id.UsedName.IsZero() {
			claims["preferred_username"] = id.UsedName.Reveal()
		}
		list = append(list, persona{p.Identifier, id.Given() + " " + id.Name().Reveal(), p.Story, claims, p.Identifier})
	}
	return list
}

const france = "99100"

// professionalPersonas gives the claims of the professionals (specification, section 4.6). As at
// the real provider some fields are there and empty.
func (w World) professionalPersonas() []persona {
	var list []persona
	for _, p := range w.Professionals {
		x := p.Professional
		number, family, given := x.Number.Reveal(), x.FamilyName.Reveal(), x.GivenName.Reveal()
		var activities []map[string]any
		for _, place := range x.Places {
			activities = append(activities, map[string]any{
				"codeModeExercice": "S", "codeSecteurDactivite": "SA07", "codeSectionPharmacien": "", "codeRole": "",
				"codeGenreActivite": "GENR01", "numeroSiretSite": "", "numeroSirenSite": "",
				"numeroFinessSite": place.ID, "numeroFinessetablissementJuridique": "",
				"identifiantTechniqueDeLaStructure": "F" + place.ID, "raisonSocialeSite": place.Name,
				"enseigneCommercialeSite": "", "libelleCommune": place.Commune, "autoriteDenregistrement": "SANDBOX",
			})
		}
		claims := map[string]any{
			"preferred_username": number, "given_name": given, "family_name": family, "email_verified": false,
			"SubjectNameID": number, "SubjectRole": []string{x.Profession + "^1.2.250.1.213.1.1.5.5"},
			"Secteur_Activite": "SA07^1.2.250.1.71.4.2.4", "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
			"PSI_Locale": "1.2.250.1.213.1.3.1.1", "UITVersion": "1.0", "Mode_Acces_Raison": "", "Acces_Regulation_Medicale": "FAUX",
			"otherIds": []map[string]any{{"identifiant": number, "origine": "RPPS", "qualite": 1}},
			"SubjectRefPro": map[string]any{
				"codeCivilite": p.civility,
				"exercices": []map[string]any{{
					"codeProfession": x.Profession, "codeCategorieProfessionnelle": "C", "codeCiviliteDexercice": p.civility,
					"nomDexercice": family, "prenomDexercice": given, "codeTypeSavoirFaire": "", "codeSavoirFaire": "",
					"activities": activities,
				}},
			},
		}
		if len(x.Places) > 0 {
			claims["SubjectOrganization"], claims["SubjectOrganizationID"] = x.Places[0].Name, "F"+x.Places[0].ID
		}
		list = append(list, persona{p.Identifier, given + " " + family, p.Story, claims, number})
	}
	return list
}
