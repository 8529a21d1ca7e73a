package sandbox

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/nir"

	"github.com/BurntSushi/toml"
)

//go:embed people.toml
var peopleFile string

// World is everybody who lives in the sandbox. Nobody in it exists.
type World struct {
	People        []Insured
	Professionals []Practitioner
	Staff         []Employee
	Places        []carnet.Place

	password string
	allowed  login.Allowed
}

// Insured is an insured person.
type Insured struct {
	Identifier string // what the person types to log in
	Identity   carnet.Identity
	Email      carnet.Private
	Registered bool // to be put in the register at the start
	CanLogIn   bool
	Died       carnet.Date // zero for the living; what the register is to know
	Story      Words

	group     string
	outcome   string   // code with which the federator refuses, after the registry
	code      string   // code that the federator shows, whatever is the reason
	acr       string   // level that an identity provider reports whatever it was asked
	providers []string // identity providers that know the person; all when empty
	mandate   []string // perimeters in which the person acts for another
	says      map[string]any
	civil     map[string]any
}

// Employee is somebody of the staff of a fund or of an agency.
type Employee struct {
	Identifier string // e-mail address, as at the provider
	UID        string
	GivenName  carnet.Private
	FamilyName carnet.Private
	SIRET      string
	ACR        string
	Story      Words

	unit    string
	amr     []string
	private bool
	adrift  bool
	group   string
}

// Practitioner is a health professional. The id in Professional is zero: the directory makes it.
type Practitioner struct {
	Identifier   string
	Professional carnet.Professional
	Story        Words

	civility  string
	second    []string // places where the person practises another profession
	other     string   // that profession
	suspended bool     // no situation of practice is given
	sparse    bool     // what the provider may leave empty is empty or missing
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
			Died       string   `toml:"died"`
			Story      Words    `toml:"story"`

			Group     string         `toml:"group"`
			Registry  string         `toml:"registry"`
			Code      string         `toml:"code"`
			ACR       string         `toml:"acr"`
			Providers []string       `toml:"providers"`
			Mandate   []string       `toml:"mandate"`
			Says      map[string]any `toml:"says"`
			Civil     map[string]any `toml:"civil"`
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
			Heads      []string `toml:"heads"`
			Second     []string `toml:"second_places"`
			Other      string   `toml:"second_profession"`
			Suspended  bool     `toml:"suspended"`
			Sparse     bool     `toml:"sparse"`
			Story      Words    `toml:"story"`
		} `toml:"professional"`
		Staff []struct {
			Identifier string         `toml:"identifier"`
			UID        string         `toml:"uid"`
			FamilyName string         `toml:"family_name"`
			GivenName  string         `toml:"given_name"`
			SIRET      string         `toml:"siret"`
			Unit       string         `toml:"unit"`
			ACR        string         `toml:"acr"`
			AMR        []string       `toml:"amr"`
			Private    bool           `toml:"private"`
			Adrift     bool           `toml:"adrift"`
			Group      string         `toml:"group"`
			Roles      []protect.Role `toml:"roles"`
			Story      Words          `toml:"story"`
		} `toml:"staff"`
		Organisations []login.Organisation `toml:"organisation"`
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
		outcome, ok := outcomes[p.Registry]
		if !ok {
			return bad("registry", fmt.Errorf("no outcome %q", p.Registry))
		}
		x := Insured{
			Identifier: p.Identifier, Identity: id, Registered: p.Register, CanLogIn: !p.NoLogin, Story: p.Story,
			Email: carnet.Hide(p.Identifier + "@exemple.invalid"),
			group: cmp.Or(p.Group, "ordinary"), outcome: outcome, code: cmp.Or(outcome, p.Code), acr: p.ACR,
			providers: p.Providers, mandate: p.Mandate, says: p.Says, civil: p.Civil,
		}
		if p.Died != "" {
			if x.Died, err = carnet.ParseDate(p.Died); err != nil {
				return bad("died", err)
			}
		}
		w.People = append(w.People, x)
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
		for _, id := range append(p.Places, p.Second...) {
			i := slices.IndexFunc(w.Places, func(q carnet.Place) bool { return q.ID == id })
			if i < 0 {
				return bad("places", fmt.Errorf("no place %s", id))
			}
			if !slices.Contains(x.Places, w.Places[i]) {
				x.Places = append(x.Places, w.Places[i])
			}
		}
		for _, id := range p.Heads {
			if !slices.Contains(p.Places, id) {
				return bad("heads", fmt.Errorf("they do not exercise at %s", id))
			}
		}
		x.Heads = p.Heads
		w.Professionals = append(w.Professionals, Practitioner{p.Identifier, x, p.Story, p.Civility, p.Second, p.Other, p.Suspended, p.Sparse})
	}
	w.allowed.Organisations = file.Organisations
	for _, p := range file.Staff {
		if len(p.Roles) > 0 {
			w.allowed.Members = append(w.allowed.Members, login.Member{SIRET: p.SIRET, Email: p.Identifier, Roles: p.Roles})
		}
		if p.Identifier == "" || seen[p.Identifier] {
			return World{}, fmt.Errorf("people of the sandbox: %s: identifier: %w", p.Identifier, errTwice)
		}
		seen[p.Identifier] = true
		w.Staff = append(w.Staff, Employee{
			Identifier: p.Identifier, UID: p.UID, GivenName: carnet.Hide(p.GivenName), FamilyName: carnet.Hide(p.FamilyName),
			SIRET: p.SIRET, ACR: p.ACR, Story: p.Story, unit: p.Unit, amr: p.AMR, private: p.Private, adrift: p.Adrift, group: p.Group,
		})
	}
	if err := w.allowed.Validate(); err != nil {
		return World{}, fmt.Errorf("people of the sandbox: %w", err)
	}
	return w, nil
}

// Allowed is the list of the staff that may come in, as an operator would write it.
func (w World) Allowed() login.Allowed { return w.allowed }

var errTwice = fmt.Errorf("missing, or there twice")

// persona is somebody who can log in at one issuer, in the form that its engine needs.
type persona struct {
	identifier string
	name       string // as the panel of the login page shows it
	story      Words
	claims     map[string]any // everything that the issuer may say of the person
	subject    string         // stable local name, before it is made pairwise

	group     string
	code      string   // public code that the page of everybody shows
	acr       string   // level that is reported whatever was asked
	amr       []string // nil for a password
	providers []string // identity providers that know the person; all when empty
	private   bool     // works for a private organisation
	adrift    bool     // the identity provider is gone when the logout comes
}

// insuredPersonas gives the claims of the insured people (specification, section 2.7).
func (w World) insuredPersonas() []persona {
	var list []persona
	for _, p := range w.People {
		if !p.CanLogIn {
			continue
		}
		id := p.Identity
		claims := p.traits()
		claims["email"] = p.Email.Reveal()
		if !id.UsedName.IsZero() {
			claims["preferred_username"] = id.UsedName.Reveal()
		}
		if len(p.mandate) > 0 {
			claims["rep_scope"] = p.mandate
		}
		override(claims, p.says)
		list = append(list, persona{
			identifier: p.Identifier, name: id.Given() + " " + id.Name().Reveal(), story: p.Story, claims: claims, subject: p.Identifier,
			group: p.group, code: p.code, acr: p.acr, providers: p.providers,
		})
	}
	return list
}

// traits are the six of the pivot, as civil status has them.
func (p Insured) traits() map[string]any {
	id := p.Identity
	claims := map[string]any{
		"given_name":  id.Given(),
		"family_name": id.BirthName.Reveal(),
		// An unknown day or month goes out as 01: the "presumed" date.
		"birthdate":    strings.ReplaceAll(id.Birth.ISO(), "-00", "-01"),
		"gender":       map[carnet.Sex]string{carnet.Female: "female", carnet.Male: "male"}[id.Sex],
		"birthplace":   id.BirthPlace,
		"birthcountry": france,
	}
	if strings.HasPrefix(id.BirthPlace, "99") {
		claims["birthplace"], claims["birthcountry"] = "", id.BirthPlace
	}
	return claims
}

// override changes claims; an empty text takes one away.
func override(claims, with map[string]any) {
	for name, v := range with {
		if v == "" {
			delete(claims, name)
		} else {
			claims[name] = v
		}
	}
}

// registry is the civil registry of the sandbox: it knows everybody who can log in by what the
// identity providers say of them.
func (w World) registry() registry {
	known := registry{}
	for _, p := range w.People {
		if !p.CanLogIn {
			continue
		}
		asked, civil := p.traits(), p.traits()
		override(asked, p.says)
		override(civil, p.civil)
		known[digest(asked)] = entry{p.outcome, civil}
	}
	return known
}

// staffPersonas gives the claims of the staff (specification, section 3).
func (w World) staffPersonas() []persona {
	var list []persona
	for _, p := range w.Staff {
		claims := map[string]any{
			"given_name": p.GivenName.Reveal(), "usual_name": p.FamilyName.Reveal(), "email": p.Identifier, "uid": p.UID,
			"siret": p.SIRET, "siren": p.SIRET[:min(9, len(p.SIRET))], "idp_id": staffProvider, "organizational_unit": p.unit,
			"belonging_population": "agent",
		}
		list = append(list, persona{
			identifier: p.Identifier, name: p.GivenName.Reveal() + " " + p.FamilyName.Reveal(), story: p.Story, claims: claims,
			// The subject is of the identity provider: the same person through another one is somebody else.
			subject: staffProvider + " " + p.UID, group: p.group, acr: p.ACR, amr: p.amr, private: p.private, adrift: p.adrift,
		})
	}
	return list
}

// staffProvider is the id of the one identity provider behind the look-alike of ProConnect.
const staffProvider = "5f0a1c1e-0000-4000-8000-000000000001"

const france = "99100"

// professionalPersonas gives the claims of the professionals (specification, section 4.6). As at
// the real provider some fields are there and empty.
func (w World) professionalPersonas() []persona {
	var list []persona
	for _, p := range w.Professionals {
		x := p.Professional
		number, family, given := x.Number.Reveal(), x.FamilyName.Reveal(), x.GivenName.Reveal()
		practice := func(profession string, at func(id string) bool) map[string]any {
			var activities []map[string]any
			for _, place := range x.Places {
				if at(place.ID) {
					activities = append(activities, activity(place))
				}
			}
			return map[string]any{
				"codeProfession": profession, "codeCategorieProfessionnelle": "C", "codeCiviliteDexercice": p.civility,
				"nomDexercice": family, "prenomDexercice": given, "codeTypeSavoirFaire": "", "codeSavoirFaire": "",
				"activities": activities,
			}
		}
		practices := []map[string]any{practice(x.Profession, func(id string) bool { return len(p.second) == 0 || !slices.Contains(p.second, id) })}
		if p.other != "" {
			practices = append(practices, practice(p.other, func(id string) bool { return slices.Contains(p.second, id) }))
		}
		if p.suspended {
			practices = nil
		}
		claims := map[string]any{
			"preferred_username": number, "given_name": given, "family_name": family, "email_verified": false,
			"SubjectNameID": number, "SubjectRole": []string{x.Profession + "^1.2.250.1.213.1.1.5.5"},
			"Secteur_Activite": "SA07^1.2.250.1.71.4.2.4", "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
			"PSI_Locale": "1.2.250.1.213.1.3.1.1", "UITVersion": "1.0", "Mode_Acces_Raison": "", "Acces_Regulation_Medicale": "FAUX",
			"otherIds": []map[string]any{{"identifiant": number, "origine": "RPPS", "qualite": 1}},
			"SubjectRefPro": map[string]any{
				"codeCivilite": p.civility, "exercices": practices,
			},
		}
		if p.sparse {
			for _, name := range []string{"given_name", "family_name", "SubjectRole", "Secteur_Activite"} {
				claims[name] = ""
			}
			for _, name := range []string{"preferred_username", "PSI_Locale", "UITVersion", "otherIds"} {
				delete(claims, name)
			}
			delete(practices[0], "activities")
		}
		if len(x.Places) > 0 && !p.sparse && !p.suspended {
			claims["SubjectOrganization"], claims["SubjectOrganizationID"] = x.Places[0].Name, "F"+x.Places[0].ID
		}
		list = append(list, persona{identifier: p.Identifier, name: given + " " + family, story: p.Story, claims: claims, subject: number, group: "professional"})
	}
	return list
}

// activity is the practice at one place.
func activity(place carnet.Place) map[string]any {
	return map[string]any{
		"codeModeExercice": "S", "codeSecteurDactivite": "SA07", "codeSectionPharmacien": "", "codeRole": "",
		"codeGenreActivite": "GENR01", "numeroSiretSite": "", "numeroSirenSite": "",
		"numeroFinessSite": place.ID, "numeroFinessetablissementJuridique": "",
		"identifiantTechniqueDeLaStructure": "F" + place.ID, "raisonSocialeSite": place.Name,
		"enseigneCommercialeSite": "", "libelleCommune": place.Commune, "autoriteDenregistrement": "SANDBOX",
	}
}
