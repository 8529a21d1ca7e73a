package login

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"carnet/internal/carnet"
)

func claimsOf(t testing.TB, base map[string]any, change map[string]any) Claims {
	t.Helper()
	all := map[string]any{}
	for k, v := range base {
		all[k] = v
	}
	for k, v := range change {
		if v == nil {
			delete(all, k)
			continue
		}
		all[k] = v
	}
	b, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	raw := json.RawMessage(b)
	return Claims{&raw}
}

var pivot = map[string]any{
	"sub": "x", "given_name": "Camille Rose", "family_name": "FOUGÈRE", "birthdate": "1985-05-12", "gender": "female",
	"birthplace": "00999", "birthcountry": "99100",
}

func TestPerson(t *testing.T) {
	tests := []struct {
		name   string
		change map[string]any
		want   string // names|used|birth|sex|place, or the claim at fault
		fault  bool
	}{
		{"as sent", nil, "FOUGÈRE|Camille Rose||1985-05-12|F|00999", false},
		{"array of given names", map[string]any{"given_name_array": []string{"Camille", "Rose Marie"}}, "FOUGÈRE|Camille Rose Marie||1985-05-12|F|00999", false},
		{"used name", map[string]any{"preferred_username": "LAURIER"}, "FOUGÈRE|Camille Rose|LAURIER|1985-05-12|F|00999", false},
		{"used name equal to the birth name", map[string]any{"preferred_username": "FOUGÈRE"}, "FOUGÈRE|Camille Rose||1985-05-12|F|00999", false},
		{"born in Corsica", map[string]any{"birthplace": "2A004"}, "FOUGÈRE|Camille Rose||1985-05-12|F|2A004", false},
		{"born abroad", map[string]any{"birthplace": "", "birthcountry": "99999"}, "FOUGÈRE|Camille Rose||1985-05-12|F|99999", false},
		{"born abroad, free text", map[string]any{"birthplace": "Jardin", "birthcountry": "99999"}, "FOUGÈRE|Camille Rose||1985-05-12|F|99999", false},
		{"man", map[string]any{"gender": "male"}, "FOUGÈRE|Camille Rose||1985-05-12|M|00999", false},
		{"no given name", map[string]any{"given_name": "  "}, "given_name", true},
		{"too many given names", map[string]any{"given_name": strings.Repeat("A ", 30)}, "given_name", true},
		{"given name too long", map[string]any{"given_name": strings.Repeat("A", 101)}, "given_name", true},
		{"control character", map[string]any{"family_name": "FOU\u0000GÈRE"}, "family_name", true},
		{"no family name", map[string]any{"family_name": nil}, "family_name", true},
		{"used name broken", map[string]any{"preferred_username": "\u2028"}, "preferred_username", true},
		{"no birth date", map[string]any{"birthdate": nil}, "birthdate", true},
		{"impossible birth date", map[string]any{"birthdate": "1985-02-30"}, "birthdate", true},
		{"no gender", map[string]any{"gender": "x"}, "gender", true},
		{"born in France, nowhere", map[string]any{"birthplace": ""}, "birthplace", true},
		{"no country", map[string]any{"birthcountry": ""}, "birthcountry", true},
		{"not a country", map[string]any{"birthcountry": "75056"}, "birthcountry", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := claimsOf(t, pivot, tt.change).Person()
			if tt.fault {
				e, ok := err.(*carnet.Error)
				if !ok || e.Code != CodeClaims || e.Field != tt.want {
					t.Errorf("got %v, want a fault of %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join([]string{p.BirthName.Reveal(), p.Given(), p.UsedName.Reveal(), p.Birth.ISO(), string(p.Sex), p.BirthPlace}, "|")
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestProfessional(t *testing.T) {
	activity := func(finess, siret, company, sign string) map[string]any {
		return map[string]any{"numeroFinessSite": finess, "numeroSiretSite": siret, "raisonSocialeSite": company, "enseigneCommercialeSite": sign}
	}
	practice := func(profession string, activities ...map[string]any) map[string]any {
		return map[string]any{"codeProfession": profession, "nomDexercice": "SAULE", "prenomDexercice": "Aurélien", "activities": activities}
	}
	reference := func(practices ...map[string]any) map[string]any { return map[string]any{"exercices": practices} }
	base := map[string]any{
		"sub": "x", "SubjectNameID": "899700000112", "family_name": "SAULE", "given_name": "Aurélien",
		"SubjectRefPro": reference(practice("10", activity("009900010", "", "Centre", ""))),
	}
	tests := []struct {
		name   string
		change map[string]any
		want   string // situations, or the claim at fault
		fault  bool
	}{
		{"as sent", nil, "10@009900010 Centre", false},
		{"eleven digits", map[string]any{"SubjectNameID": "99700000112"}, "10@009900010 Centre", false},
		{"two places, two professions", map[string]any{"SubjectRefPro": reference(
			practice("10", activity("009900010", "", "Centre", ""), activity("", "12345678901234", "Cabinet", "Chez Saule")), practice("60"))},
			"10@009900010 Centre,10@12345678901234 Chez Saule,60@ ", false},
		{"names from the practice", map[string]any{"family_name": "", "given_name": nil}, "10@009900010 Centre", false},
		{"bad key", map[string]any{"SubjectNameID": "899700000113"}, "SubjectNameID", true},
		{"other identifier", map[string]any{"SubjectNameID": "30B0168811/CPET00001"}, "SubjectNameID", true},
		{"no profession", map[string]any{"SubjectRefPro": reference(practice(""))}, "codeProfession", true},
		{"no practice", map[string]any{"SubjectRefPro": reference()}, "SubjectRefPro", true},
		{"no reference", map[string]any{"SubjectRefPro": nil}, "SubjectRefPro", true},
		{"place with control characters", map[string]any{"SubjectRefPro": reference(practice("10", activity("009900010", "", "a\nb", "")))}, "activities", true},
		{"place without a right number", map[string]any{"SubjectRefPro": reference(practice("10", activity("../x", "", "Centre", "")))}, "activities", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := claimsOf(t, base, tt.change).Professional()
			if tt.fault {
				e, ok := err.(*carnet.Error)
				code := CodeClaims
				if tt.want == "SubjectRefPro" {
					code = CodeNotActive
				}
				if !ok || e.Code != code || e.Field != tt.want {
					t.Errorf("got %v, want a fault of %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range p.Situations {
				got = append(got, s.Profession+"@"+s.Place.ID+" "+s.Place.Name)
			}
			if strings.Join(got, ",") != tt.want || p.Number.Reveal() != "899700000112" || p.FamilyName.Reveal() != "SAULE" || p.GivenName.Reveal() != "Aurélien" {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestClaimsHideThemselves(t *testing.T) {
	c := claimsOf(t, pivot, nil)
	b, err := json.Marshal(map[string]any{"c": c})
	if err != nil {
		t.Fatal(err)
	}
	if s := fmt.Sprintf("%v %+v %#v %s %s", c, c, struct{ c Claims }{c}, c.LogValue(), b); strings.Contains(s, "Camille") || strings.Contains(s, "FOUG") {
		t.Error(s)
	}
	if _, err := (Claims{}).Person(); carnet.CodeOf(err) != CodeClaims {
		t.Errorf("no claims: %v", err)
	}
	raw := json.RawMessage(`{"given_name":7}`)
	if _, err := (Claims{&raw}).Person(); carnet.CodeOf(err) != CodeClaims || strings.Contains(err.Error(), "7") {
		t.Errorf("wrong types: %v", err)
	}
}

// FuzzClaims feeds what a provider might send: no panic, and nothing unbounded comes out.
func FuzzClaims(f *testing.F) {
	b, err := json.Marshal(pivot)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"SubjectNameID":"899700000112","SubjectRefPro":{"exercices":[{"codeProfession":"10"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw := json.RawMessage(b)
		c := Claims{&raw}
		if p, err := c.Person(); err == nil && (len(p.GivenNames) > 20 || len(p.BirthName.Reveal()) > 4*maxText) {
			t.Error("unbounded names")
		}
		if p, err := c.Professional(); err == nil && len(p.Number.Reveal()) != 12 {
			t.Error("a number that is none")
		}
	})
}
