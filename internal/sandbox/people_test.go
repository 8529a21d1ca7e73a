package sandbox

import (
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
	"carnet/nir"
)

func TestWorld(t *testing.T) {
	w, err := ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	if len(w.People) < 8 || len(w.Professionals) < 4 || len(w.Places) < 2 || w.Password() == "" {
		t.Fatalf("%d people, %d professionals, %d places", len(w.People), len(w.Professionals), len(w.Places))
	}
	numbers := map[string]bool{}
	for _, p := range w.People {
		id := p.Identity
		if p.Story.FR == "" || p.Story.EN == "" || p.Story.FR == p.Story.EN {
			t.Errorf("%s: no story in both languages", p.Identifier)
		}
		n := id.NIR.Reveal()
		if n == "" || numbers[n] {
			t.Errorf("%s: no number of their own", p.Identifier)
		}
		numbers[n] = true
		// The number says the same as the traits, and cannot exist.
		sex := map[nir.Sex]carnet.Sex{nir.Male: carnet.Male, nir.Female: carnet.Female}[id.NIR.Sex()]
		month := id.Birth.ISO()[5:7]
		if month == "00" {
			month = "20" // how a number says that the month is not known
		}
		if sex != id.Sex || n[1:3] != id.Birth.ISO()[2:4] || n[3:5] != month || n[5:10] != id.BirthPlace {
			t.Errorf("%s: number %s does not go with %s %s %s", p.Identifier, n, id.Sex, id.Birth.ISO(), id.BirthPlace)
		}
		if !strings.HasPrefix(id.BirthPlace, "00") && !strings.HasSuffix(id.BirthPlace, "999") {
			t.Errorf("%s: the birth place %s may exist", p.Identifier, id.BirthPlace)
		}
		if !strings.HasSuffix(p.Email.Reveal(), ".invalid") {
			t.Errorf("%s: the address may exist", p.Identifier)
		}
	}
	for _, p := range w.Professionals {
		x := p.Professional
		if may := slices.Contains([]string{carnet.Physician, carnet.Pharmacist, carnet.Midwife, carnet.Nurse}, x.Profession); may != x.Vaccinator && !p.suspended {
			t.Errorf("%s: profession %s, vaccinator %v", p.Identifier, x.Profession, x.Vaccinator)
		}
		if !strings.HasPrefix(x.Number.Reveal(), "899700000") || len(x.Places) == 0 {
			t.Errorf("%s: number or places", p.Identifier)
		}
	}
	for _, p := range w.Places {
		if !regexp.MustCompile(`^00[0-9]{7}$`).MatchString(p.ID) || !luhn(p.ID) {
			t.Errorf("place %s", p.ID)
		}
	}
	for _, p := range w.Staff {
		if !regexp.MustCompile(`^999000[0-9]{8}$`).MatchString(p.SIRET) || !luhn(p.SIRET) || !luhn(p.SIRET[:9]) || !strings.HasSuffix(p.Identifier, ".invalid") ||
			p.Story.FR == "" || p.Story.EN == "" || !slices.Contains(staff.levels, p.ACR) {
			t.Errorf("%s: a fact that may be true, or is missing", p.Identifier)
		}
	}
	if registered := w.Registered(); len(registered) == 0 || len(registered) == len(w.People) {
		t.Error("everybody, or nobody, is in the register")
	}
	if len(w.Directory()) != len(w.Professionals) {
		t.Error("somebody is not in the directory")
	}
}

func luhn(s string) bool {
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// The claims have the form that the specification gives, section 2.7.
func TestInsuredClaims(t *testing.T) {
	w, err := ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]*regexp.Regexp{
		"given_name":   regexp.MustCompile(`^[A-Za-zÀ-ÖØ-öø-ÿ' -]+$`),
		"family_name":  regexp.MustCompile(`^[A-ZÀ-ÖØ-Þ' -]+$`),
		"birthdate":    regexp.MustCompile(`^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`),
		"gender":       regexp.MustCompile(`^(male|female)$`),
		"birthplace":   regexp.MustCompile(`^((([0-8][0-9AB])|(9[0-8AB]))[0-9]{3})?$`),
		"birthcountry": regexp.MustCompile(`^99[0-9]{3}$`),
	}
	people := w.insuredPersonas()
	if len(people) != len(w.People)-2 {
		t.Errorf("%d can log in", len(people))
	}
	for _, p := range people {
		if sound(p.claims) == (p.code == "Y600006") {
			t.Errorf("%s: the identity is sound: %v", p.identifier, sound(p.claims))
		}
		if p.code == "Y600006" || strings.Contains(p.identifier, "datura") {
			continue
		}
		for name, form := range forms {
			if v, _ := p.claims[name].(string); !form.MatchString(v) {
				t.Errorf("%s: %s is %q", p.identifier, name, v)
			}
		}
		if _, ok := p.claims["nir"]; ok || strings.Contains(fmt.Sprint(p.claims), "99900") {
			t.Errorf("%s: a number is among the claims", p.identifier)
		}
	}
}

func TestReadWorldFaults(t *testing.T) {
	const person = "password='x'\n[[insured]]\nidentifier='a'\nfamily_name='A'\ngiven_names=['B']\nsex='F'\nbirth_place='00999'\n"
	for name, text := range map[string]string{
		"not TOML":        "[",
		"unknown key":     "passwort = 'x'",
		"birth":           person + "birth='1985-13-99'",
		"number":          person + "birth='1985-05-12'\nnir='12'",
		"no identifier":   "[[insured]]\nbirth='1985-05-12'",
		"twice":           person + "birth='1985-05-12'\n" + strings.TrimPrefix(person, "password='x'\n") + "birth='1985-05-12'",
		"rpps":            "[[professional]]\nidentifier='a'\nrpps='99700000113'",
		"unknown place":   "[[professional]]\nidentifier='a'\nrpps='99700000112'\nplaces=['1']",
		"no professional": "[[professional]]\nrpps='99700000112'",
	} {
		if _, err := readWorld(text); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPairwiseSubject(t *testing.T) {
	a := persona{subject: "camille.fougere"}
	seen := map[string]bool{}
	for _, x := range []struct {
		secret, client string
		p              persona
	}{{"s", "c", a}, {"s", "d", a}, {"t", "c", a}, {"s", "c", persona{subject: "x"}}, {"sc", "", a}, {"", "sc", a}} {
		s := pairwiseSubject([]byte(x.secret), x.client, x.p)
		if seen[s] || !regexp.MustCompile(`^[0-9a-f]{64}v1$`).MatchString(s) {
			t.Errorf("subject %s", s)
		}
		seen[s] = true
	}
}

// TestWords checks the catalogues of the issuers over the one that they share: the same keys in
// both languages, the same {names}, every key used, every key that is used there.
func TestWords(t *testing.T) {
	catalogue := func(name string) map[string]string {
		b, err := site.ReadFile("site/" + name + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		c, err := ui.ReadCatalogue(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return c
	}
	names := regexp.MustCompile(`\{[a-z]+\}`)
	base := catalogue("pages/text/fr")
	folders, err := fs.ReadDir(site, "site")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		fr, en := catalogue(folder.Name()+"/text/fr"), catalogue(folder.Name()+"/text/en")
		for key, text := range fr {
			if got, ok := en[key]; !ok || !slices.Equal(names.FindAllString(got, -1), names.FindAllString(text, -1)) {
				t.Errorf("%s: %s is missing in English or has other {names}", folder.Name(), key)
			}
			base[key] = text
		}
		if len(fr) != len(en) {
			t.Errorf("%s: %d keys in French, %d in English", folder.Name(), len(fr), len(en))
		}
		for _, key := range []string{"site.name", "home.title", "home.lead", "home.words"} {
			if folder.Name() != "pages" && fr[key] == "" {
				t.Errorf("%s: no %s", folder.Name(), key)
			}
		}
	}
	var code strings.Builder
	add := func(fsys fs.FS, pattern string) {
		list, err := fs.Glob(fsys, pattern)
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range list {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := fs.ReadFile(fsys, f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	add(site, "site/pages/templates/*.html")
	add(os.DirFS("."), "*.go")
	// Built from a prefix and a code, or read by the layout.
	built := regexp.MustCompile(`^(login\.problem|fault|site|code|idp|level|people\.group|claim|confirm\.gender-(fe)?male)\.?`)
	for key := range base {
		used := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(key, ".label"), ".hint"), ".one"), ".other")
		if !built.MatchString(key) && !strings.Contains(code.String(), `"`+key+`"`) && !strings.Contains(code.String(), `"`+used+`"`) {
			t.Errorf("%s: nothing uses it", key)
		}
	}
	for _, f := range []string{faultParameter, faultClient, faultRedirect, faultSession, faultHint} {
		if base["fault."+f] == "" || citizens().codes[f] == "" || professionals.codes[f] == "" {
			t.Errorf("fault %s has no words or no code", f)
		}
	}
	for _, p := range []string{problemIdentifier, problemPassword, problemWrong, problemLimit + ".one", problemLimit + ".other"} {
		if base["login.problem."+p] == "" {
			t.Errorf("problem %s has no words", p)
		}
	}
}
