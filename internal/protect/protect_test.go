package protect

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect/ropa"
)

func testIDs() carnet.IDs {
	return carnet.IDs{
		Clock: func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) },
		Rand:  bytes.NewReader(bytes.Repeat([]byte{7, 1, 9}, 4000)),
	}
}

func defaultGuard(t *testing.T) (*Register, *Guard) {
	t.Helper()
	r, err := DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	return r, NewGuard(r, testIDs())
}

// TestTuples answers every role, purpose and scope from a table written by hand, apart from the
// register's own code: what is not in the table must be refused.
func TestTuples(t *testing.T) {
	_, g := defaultGuard(t)
	allowed := map[string]bool{
		"professional vaccination other": true, "professional vaccination none": true,
		"professional directory other": true, "professional directory none": true,
		"software vaccination other": true, "software vaccination none": true, "software vaccination self": true,
		"software directory other": true, "software directory none": true, "software directory self": true,
		"system software other": true, "system software none": true, "system software self": true,
		"system directory other": true, "system directory none": true,
		"system enrolment other": true, "system enrolment none": true,
		"insured certification self": true, "insured revocation self": true, "insured information self": true,
		"professional identification self": true, "professional identification other": true, "professional identification none": true,
		"system upkeep other": true, "system upkeep none": true, "system upkeep self": true,
		"system revocation other": true, "system revocation none": true,
		"system publication other": true, "system publication none": true,
		"system login other": true, "system login none": true,
		"system delegation other": true, "system delegation none": true, "system delegation self": true,
		"system fraud self": true, "system fraud other": true, "system fraud none": true,
		"security fraud self": true, "security fraud other": true, "security fraud none": true,
		"professional fraud self": true, "professional fraud other": true, "professional fraud none": true,
		"security revocation self": true, "security revocation other": true, "security revocation none": true,
		"professional security self": true, "professional delegation self": true,
		"security security other": true, "security security none": true, "security security self": true,
		"system accountability other": true, "system accountability none": true,
		"professional stock self": true, "professional stock other": true, "professional stock none": true,
		"system stock self": true, "system stock other": true, "system stock none": true,
		"professional recall self": true, "professional recall other": true, "professional recall none": true,
		"system recall self": true, "system recall other": true, "system recall none": true,
		"professional worklist self": true, "professional worklist other": true, "professional worklist none": true,
		"system worklist self": true, "system worklist other": true, "system worklist none": true,
		"professional paper self": true, "professional paper other": true, "professional paper none": true,
		"professional import self": true, "professional import other": true, "professional import none": true,
		"system import self":         true,
		"insured rectification self": true, "professional rectification self": true, "professional rectification other": true, "professional rectification none": true,
		"dpo rectification self": true, "dpo rectification other": true, "dpo rectification none": true, "system import other": true, "system import none": true,
		// "self" of a professional is a person like any other.
		"professional vaccination self": true, "professional directory self": true,
		"system directory self": true, "system enrolment self": true, "system revocation self": true, "system publication self": true, "system login self": true, "system accountability self": true,
	}
	me, other := carnet.DerivedID(bytes.Repeat([]byte{1}, 16)), carnet.DerivedID(bytes.Repeat([]byte{2}, 16))
	for _, role := range append(slices.Clone(Roles), "director", "") {
		for _, p := range append(purposes, Purpose{"marketing"}, Purpose{}) {
			for about, person := range map[string]carnet.ID{"self": me, "other": other, "none": {}} {
				name := string(role) + " " + p.String() + " " + about
				d := g.Decide(Request{Actor{ID: me, Role: role}, p, person})
				if d.Allowed() != allowed[name] {
					t.Errorf("%s: allowed %v, want %v (%s)", name, d.Allowed(), allowed[name], d.Reason())
				}
				if (d.Err() == nil) != d.Allowed() {
					t.Errorf("%s: Err and Allowed disagree", name)
				}
				if !d.Allowed() && (!errors.Is(d.Err(), ErrDenied) || carnet.KindOf(d.Err()) != carnet.Denied) {
					t.Errorf("%s: refusal is %v", name, d.Err())
				}
				if !d.Allowed() && d.Readable("person", "birth_name") != nil {
					t.Errorf("%s: a refusal opens a column", name)
				}
			}
		}
	}
}

func TestZeroDecisionRefuses(t *testing.T) {
	var d Decision
	if d.Allowed() || d.Err() == nil || d.Reason() == "allowed" {
		t.Fatal("the zero Decision allows")
	}
	if err := d.MayRead("person"); err == nil {
		t.Fatal("the zero Decision reads")
	}
}

func TestActorIsNamed(t *testing.T) {
	_, g := defaultGuard(t)
	for _, role := range []Role{Professional, Insured} {
		if d := g.Decide(Request{Actor{Role: role}, Certification, carnet.ID{}}); d.Allowed() {
			t.Errorf("%s without an id is allowed", role)
		}
	}
}

func TestNoDecisionWithoutChance(t *testing.T) {
	r, _ := defaultGuard(t)
	g := NewGuard(r, carnet.IDs{Clock: time.Now, Rand: bytes.NewReader(nil)})
	if d := g.Decide(Request{Actor{Role: System}, Login, carnet.ID{}}); d.Allowed() {
		t.Fatal("a decision without id allows")
	}
}

func TestColumns(t *testing.T) {
	_, g := defaultGuard(t)
	me := carnet.DerivedID(bytes.Repeat([]byte{1}, 16))
	insured := g.Decide(Request{Actor{ID: me, Role: Insured}, Certification, me})
	t.Run("a certificate sees neither NIR nor lot", func(t *testing.T) {
		got := insured.Readable("person", "birth_name", "nir", "given_names")
		if strings.Join(got, " ") != "birth_name given_names" {
			t.Errorf("readable: %v", got)
		}
		if insured.MayRead("dose", "lot") == nil {
			t.Error("the lot is readable")
		}
	})
	t.Run("an insured person writes no dose", func(t *testing.T) {
		if insured.MayWrite("dose", "rank") == nil {
			t.Error("dose is writable")
		}
	})
	t.Run("an undeclared column is in no view", func(t *testing.T) {
		pro := g.Decide(Request{Actor{ID: me, Role: Professional}, Vaccination, me})
		if pro.MayRead("dose", "vaccine") != nil {
			t.Error("vaccine is not readable by a professional")
		}
		if err := pro.MayRead("dose", "vaccine", "comment"); !errors.Is(err, ErrDenied) {
			t.Errorf("an undeclared column: %v", err)
		}
	})
}

// TestTeleserviceView lists by hand what the purpose of the certificate opens. A column more fails
// here until the register and this list say so.
func TestTeleserviceView(t *testing.T) {
	r, g := defaultGuard(t)
	me := carnet.DerivedID(bytes.Repeat([]byte{1}, 16))
	d := g.Decide(Request{Actor{ID: me, Role: Insured}, Certification, me})
	t.Run("ATT-24 the teleservice reads exactly the columns of the certificate", func(t *testing.T) {
		want := strings.Fields(`
			person.person_id person.birth_name person.used_name person.given_names person.birth_date person.sex
			person.birth_place person.recorded_at
			dose.person_id dose.dose_id dose.vaccine dose.given_on dose.place_id dose.body_site dose.rank dose.expected
			dose.recorded_at dose.version dose.standing dose.not_given dose.evidence dose.country dose.rules dose.suspended
			place.place_id place.name place.commune place.country
			person_key.person_id person_key.wrapped
			certificate.person_id certificate.certificate_id certificate.dose_id certificate.document certificate.authority
			certificate.key_id certificate.issued_at certificate.kind certificate.names certificate.receipt
			person_pointer.person_id person_pointer.into_id
			certificate.basis revocation.document revocation.names issuance.day issuance.kind issuance.n`)
		slices.Sort(want)
		if got := readable(r, d); !slices.Equal(got, want) {
			t.Errorf("the view is\n%v, want\n%v", got, want)
		}
	})
	t.Run("the teleservice writes the trace of an issue and nothing else", func(t *testing.T) {
		for _, column := range r.Columns() {
			table, name, _ := strings.Cut(column, ".")
			if may := d.MayWrite(table, name) == nil; may != (table == "certificate" || table == "issuance") {
				t.Errorf("%s: writable %v", column, may)
			}
		}
	})
}

// TestPublicationView: who publishes the list of revoked documents learns fingerprints and nothing
// else, above all not whose they are.
func TestPublicationView(t *testing.T) {
	r, g := defaultGuard(t)
	d := g.Decide(Request{Actor{Role: System}, Publication, carnet.ID{}})
	want := []string{"issuance.day", "issuance.kind", "issuance.n", "revocation.document", "revocation.names", "revocation_list.body", "revocation_list.issued_at", "revocation_list.number", "revocation_list.slot"}
	if got := readable(r, d); !slices.Equal(got, want) {
		t.Errorf("the view is\n%v, want\n%v", got, want)
	}
	for _, column := range r.Columns() {
		table, name, _ := strings.Cut(column, ".")
		if may := d.MayWrite(table, name) == nil; may != (table == "revocation_list") {
			t.Errorf("%s: writable %v", column, may)
		}
	}
}

// TestRevocationView: who revokes sees which documents were issued, and neither the person nor the dose, nor what it
// takes to write a document again.
func TestRevocationView(t *testing.T) {
	r, g := defaultGuard(t)
	d := g.Decide(Request{Actor{Role: System}, Revocation, carnet.ID{}})
	for _, column := range r.Columns() {
		table, name, _ := strings.Cut(column, ".")
		if may := d.MayRead(table, name) == nil; may != (table == "certificate" && name != "receipt" || table == "revocation") {
			t.Errorf("%s: readable %v", column, may)
		}
		if may := d.MayWrite(table, name) == nil; may != (table == "revocation" || table == "notice") {
			t.Errorf("%s: writable %v", column, may)
		}
	}
}

// readable lists, in their order, the columns that a decision opens.
func readable(r *Register, d Decision) (list []string) {
	for _, column := range r.Columns() {
		table, name, _ := strings.Cut(column, ".")
		if d.MayRead(table, name) == nil {
			list = append(list, column)
		}
	}
	return list
}

func TestRegisterFaults(t *testing.T) {
	good := string(embedded)
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":              {`scope = "self"`, "scope = \"self\"\n  colour = \"red\"", "unknown key"},
		"purpose not pursued":      {`id = "directory"` + "\n", "id = \"marketing\"\n", "marketing is not one"},
		"purpose undeclared":       {`id = "directory"` + "\n", "id = \"marketing\"\n", "directory is pursued"},
		"no basis":                 {`basis = "6-1-c"`, `basis = ""`, "purpose.basis accountability"},
		"column twice":             {`"person.nir"`, `"person.birth_name"`, "column.twice"},
		"column without table":     {`"person.nir"`, `"nir"`, "column.form"},
		"unknown category":         {`read = ["journal"]`, `read = ["journals"]`, "category.unknown"},
		"unknown role":             {`role = "insured"`, `role = "anybody"`, "unknown role"},
		"unknown scope":            {`scope = "self"`, `scope = "family"`, "neither any nor self"},
		"no measures":              {`security = ["ajout seul", "aucun nom, numéro ni contact dans une ligne"]`, `security = []`, "processing.security journal"},
		"no controller":            {"controllers = [\"Caisse nationale de l’Assurance Maladie\"]\ntexts = [\"RGPD", "controllers = []\ntexts = [\"RGPD", "processing.controller journal"},
		"no English title":         {`title_en = "Places of vaccination"`, `title_en = ""`, "both languages"},
		"no version":               {`version = "2026-11-22"`, ``, "register.version"},
		"a version that is no day": {`version = "2026-11-22"`, `version = "2"`, "not the day from which it holds"},
		"a printed register":       {`version = "2026-11-22"`, "version = \"2026-11-22\"\nprinted = true", "nothing can be decided by it"},
		"no notice in force":       {`from = "2026-11-22"`, `from = "2026-11-23"`, "purpose.notice vaccination"},
		"no period":                {`duration = "P36M"`, `duration = ""`, "retention.period journal"},
		"not TOML":                 {`version = "2026-11-22"`, `version = `, "register"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatal("the fault was not planted")
			}
			_, err := ReadRegister([]byte(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestHashFollowsTheContent(t *testing.T) {
	hash := func(text []byte) string {
		r, err := ReadRegister(text)
		if err != nil {
			t.Fatal(err)
		}
		return r.Hash()
	}
	a := hash(embedded)
	if b := hash(append([]byte("# Another comment.\n"), embedded...)); b != a || len(a) != 64 {
		t.Errorf("a comment changes the hash: %s, %s", a, b)
	}
	if b := hash(bytes.Replace(embedded, []byte("Places of vaccination"), []byte("Vaccination centres"), 1)); b == a {
		t.Error("a title does not change the hash")
	}
}

func TestNotices(t *testing.T) {
	t.Run("DVC-10 the register that is shipped has no fault, and one with a fault is refused", func(t *testing.T) {
		r, _ := defaultGuard(t)
		if found := r.Records().Check(ropa.Setting{Today: carnet.Date{Year: 2026, Month: 11, Day: 22}, Columns: r.Columns()}); len(found) > 0 {
			t.Errorf("found %v", found)
		}
		if _, err := ReadRegister(bytes.Replace(embedded, []byte(`"personal-data"`), []byte(`"other"`), 1)); err == nil {
			t.Error("an unknown notice is accepted")
		}
	})
	t.Run("POL-70 a processing without a notice in force does not run", func(t *testing.T) {
		text := strings.Replace(string(embedded), `from = "2026-11-22"`, "from = \"2026-11-22\"\nuntil = \"2027-01-01\"", 1)
		r, err := ReadRegister([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range map[time.Time]string{
			time.Date(2027, 1, 1, 22, 59, 0, 0, time.UTC): "allowed", // still the first of January in Paris
			time.Date(2027, 1, 1, 23, 1, 0, 0, time.UTC):  "no-notice",
		} {
			ids := testIDs()
			ids.Clock = func() time.Time { return at }
			for _, p := range []Purpose{Vaccination, Directory} {
				d := NewGuard(r, ids).Decide(Request{Actor{ID: carnet.DerivedID(make([]byte, 16)), Role: Professional}, p, carnet.ID{}})
				if d.Reason() != want || (want != "allowed" && d.Readable("professional", "number") != nil) {
					t.Errorf("%s at %s: %s", p, at, d.Reason())
				}
			}
		}
	})
}

func TestActsOfSoftware(t *testing.T) {
	me, client := carnet.DerivedID(bytes.Repeat([]byte{1}, 16)), carnet.DerivedID(bytes.Repeat([]byte{3}, 16))
	for _, delegate := range []carnet.ID{client, {}} {
		for _, act := range Acts {
			want := act == ActRead || act == ActEnter || act == ActCorrect || act == ActCancel
			if err := (Actor{ID: me, Role: BusinessSoftware, Delegate: delegate}).May(act); (err == nil) != want {
				t.Errorf("%s: %v", act, err)
			}
		}
	}
}
