package ropa

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"carnet/internal/carnet"
)

func read(t testing.TB, file string) *Register {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var today = carnet.Date{Year: 2026, Month: 11, Day: 22}

// mission lists what is known to be wrong in the printed texts, by the checks of privacy section 3.2.
var mission = map[Code]string{
	NoticeDate:         "N111",                                                                  // K01
	NoticeUndated:      "N041 N042 N046 N048 N097 N109",                                         // K02
	NoticePDF:          "N002 N092 N097",                                                        // K03
	NoticeDuplicate:    "N042,N052 N108,N109",                                                   // K05
	NoNotice:           "S-VC-P1 S-VC-P2 T8-P1 T8-P2 T8-P3 T8-P4 T8-P5 T8-P6 T8-P7 T8-P8 T8-P9", // K07
	NoticeAbsent:       "S-ATT-P1",                                                              // K08
	RetentionStart:     "T5-R1 T5-R2 T7-R2 T8-R1",                                               // K09
	RetentionInferred:  "S-ATT-R1 S-DVC-R1 S-VIT-R1 T2-R2 T6-R1 T6-R2",                          // K09
	RetentionPeriod:    "S-VC T7-R2 T8-R1",                                                      // K10
	RetentionSpan:      "T4-R1 T7-R1",                                                           // K11
	RightContradiction: "POL:152 VIT:32 VIT:46 erasure restriction",                             // K12
	CookieConflict:     "CR04,CR07",                                                             // K13
	CookieUndescribed:  "CK09 CK10 CK11 CK12 CK13",                                              // K14
	CookieSameUse:      "CK01,CK02",                                                             // K15
	CookieClaim:        "CK06 CK07 CK08 CK09",                                                   // K16
	LegalNumber:        "VIT VIT",                                                               // K17
	SecurityBelow:      "POL:643 POL:724",                                                       // K18
	Dated:              "POL:136 POL:49 POL:76",                                                 // K19
	Untitled:           "T1 T2 T3 T4 T5 T6 T7 T8",                                               // K20
	Damaged:            "ATT:1 POL:285 POL:384 POL:494 POL:547",                                 // K20
	Disagree:           "VIT:105",                                                               // K21
	ConsentTerms:       "ATT:3",                                                                 // K22
	CookieValidity:     "CR07",                                                                  // K23
}

// TestMission: the checker finds in the texts of the mission what is known to be wrong, and nothing else.
func TestMission(t *testing.T) {
	r := read(t, "testdata/mission.toml")
	got, forms, bare, themes := map[Code][]string{}, []string{}, 0, 0
	for _, f := range r.Check(Setting{Today: today}) {
		switch {
		case f.Code == NoticeThemes: // K06
			themes++
		case f.Code == NoticeForm && f.Detail == "no-parentheses":
			bare++
		case f.Code == NoticeForm: // K04
			forms = append(forms, f.Where+" "+strings.Fields(f.Detail)[0])
		default:
			got[f.Code] = append(got[f.Code], strings.ReplaceAll(f.Where, " ", ""))
		}
	}
	for code := range maps.Keys(got) {
		if _, ok := mission[code]; !ok {
			t.Errorf("%s is not expected: %v", code, got[code])
		}
	}
	for code, want := range mission {
		if s := strings.Join(got[code], " "); s != want {
			t.Errorf("%s finds %s\nwant %s", code, s, want)
		}
	}
	if themes != 17 || bare != 22 || !slices.Equal(forms, []string{"N044 unpadded", "N045 year-in-title", "N063 in-words", "N073 after-mark", "N076 weekend", "N082 holiday"}) {
		t.Errorf("%d notices under two themes, %d dates without parentheses, forms %v", themes, bare, forms)
	}
}

// TestCounts: the register of the mission is complete (R02).
func TestCounts(t *testing.T) {
	r := read(t, "testdata/mission.toml")
	got := map[string]int{"notices": len(r.Notices), "cookies": len(r.Cookies), "processing": len(r.Processing)}
	for _, p := range r.Processing {
		kind := "service "
		if strings.HasPrefix(p.ID, "T") {
			kind = "theme "
		}
		got[kind+"purposes"] += len(p.Purposes)
		got[kind+"categories"] += len(p.Categories)
		got["rules"] += len(p.Retention)
		got["listings"] += len(p.Notices)
	}
	for _, n := range r.Notices {
		got["documents"] += len(n.Documents)
		for _, d := range n.Documents {
			if d.PDF {
				got["pdf"]++
			}
		}
	}
	want := map[string]int{"processing": 12, "theme purposes": 62, "service purposes": 6, "theme categories": 106, "service categories": 10, "rules": 18, "listings": 131, "notices": 114, "documents": 120, "pdf": 117, "cookies": 13}
	if !maps.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// TestFaults plants one fault of each class in a register that has none.
func TestFaults(t *testing.T) {
	text, err := os.ReadFile("testdata/clean.toml")
	if err != nil {
		t.Fatal(err)
	}
	columns := []string{"dose.person_id", "dose.given_on", "migration.version", "person.nir"}
	clean := read(t, "testdata/clean.toml")
	if found := clean.Check(Setting{Today: today, Columns: columns}); len(found) > 0 {
		t.Fatalf("the clean register has faults: %v", found)
	}
	for _, c := range []struct {
		name, old, new string
		want           string
	}{
		{"no version", `version = "1"`, `version = ""`, "register.version register"},
		{"DVC-04 an entry without controller", `controllers = ["Fonds Aubépine", "Ministère Tilleul"]`, `controllers = []`, "processing.controller vaccination"},
		{"DVC-07 an entry without legal text", `texts = ["Décret fictif 1"]`, `texts = []`, "processing.text vaccination"},
		{"POL-21 an entry without legal text", `texts = ["Décret fictif 1"]`, ``, "processing.text vaccination"},
		{"an entry with an empty list of security measures", `security = ["champs chiffrés"]`, `security = []`, "processing.security vaccination"},
		{"POL-02 an entry without security measures", `security = ["champs chiffrés"]`, ``, "processing.security vaccination"},
		{"joint controllers without arrangement", `arrangement = "Le fonds répond aux demandes."`, ``, "processing.arrangement vaccination"},
		{"POL-32 a processor without contract", `contract = "C-1"`, ``, "processor.contract vaccination: Hébergeur Fougère"},
		{"a processor without measures", `measures = ["HDS"]`, ``, "processor.contract vaccination: Hébergeur Fougère"},
		{"a purpose without basis", `basis = "6-1-e"`, ``, "purpose.basis follow"},
		{"two bases", `basis = "6-1-e"`, `basis = "6-1-e, 6-1-a"`, "purpose.basis follow: 6-1-e, 6-1-a"},
		{"health data without exception", `special = "9-2-h"`, ``, "purpose.special vaccination"},
		{"an exception that is none", `special = "9-2-h"`, `special = "9-2-z"`, "purpose.special follow: 9-2-z"},
		{"a purpose without notice", `notices = ["n1"]`, ``, "purpose.notice follow"},
		{"a notice that is not in force yet", `from = "2026-01-01"`, `from = "2027-01-01"`, "purpose.notice follow"},
		{"a notice that is over", `from = "2026-01-01"`, "from = \"2026-01-01\"\nuntil = \"2026-11-21\"", "purpose.notice follow"},
		{"an unknown notice", `notices = ["n1"]`, `notices = ["n1", "n2"]`, "notice.unknown vaccination: n2"},
		{"an impossible date", `from = "2026-01-01"`, `from = "2026-04-31"`, `notice.date n1: "2026-04-31"`},
		{"a notice referred to and absent", `notices = ["n1"]`, "notices = [\"n1\"]\nnotice_referred = \"Une autre notice\"", "notice.absent follow: Une autre notice"},
		{"POL-13 opposable without a paragraph on objection", `objection = true`, ``, "purpose.objection follow"},
		{"POL-13 a paragraph on objection without an opposable purpose", `opposable = true`, ``, "purpose.objection vaccination: n1"},
		{"POL-01 an unlisted column", `"dose.given_on"`, ``, "column.unlisted dose.given_on"},
		{"a column that is none", `"dose.given_on"`, `"dose"`, "column.form dose: dose"},
		{"a column twice", `columns = ["migration.version"]`, `columns = ["migration.version", "person.nir"]`, "column.twice person.nir: nir, technical"},
		{"POL-27 POL-36 a category without period", `categories = ["dose", "nir"]`, `categories = ["dose"]`, "retention.period vaccination: nir"},
		{"a rule without period", `duration = "P10Y"`, ``, "retention.period r1: exact"},
		{"a period that is none", `duration = "P10Y"`, `duration = "10 ans"`, "retention.form r1: 10 ans"},
		{"a bound that is none", `bound = "exact"`, `bound = "about"`, `retention.form r1: "about"`},
		{"public archives deleted without visa", `then = "delete"`, "then = \"delete\"\npublic_archive = true", "retention.form r1: public_archive, delete"},
		{"a rule without start", `start = "act.recorded"`, ``, "retention.start r1"},
		{"an event that nobody emits", `start = "act.recorded"`, `start = "moon.full"`, "retention.start r1: moon.full"},
		{"minimum above maximum", `duration = "P10Y"`, "duration = \"P10Y\"\nminimum = \"P11Y\"", "retention.minimum r1: P11Y > P10Y"},
		{"an open span", `duration = "P10Y"`, "duration = \"P10Y\"\nminimum_until = \"practice.end\"", "retention.span r1: practice.end … act.recorded"},
		{"a rule for an unknown category", `categories = ["dose", "nir"]`, `categories = ["dose", "nir", "moon"]`, "category.unknown r1: moon"},
		{"POL-04 an unknown recipient", `recipient = "agency"`, `recipient = "stranger"`, "recipient.unknown vaccination/stranger: stranger"},
		{"a recipient of no kind", `kind = "external"`, `kind = "friend"`, "recipient.kind vaccination: agency"},
		{"POL-05 a flow without agreement", `agreement = "A-1"`, ``, "flow.agreement vaccination/agency"},
		{"POL-05 a flow without end", `until = "2027-12-31"`, ``, "flow.agreement vaccination/agency: A-1"},
		{"POL-05 a flow whose agreement is over", `until = "2027-12-31"`, `until = "2026-11-21"`, "flow.expired vaccination/agency: 2026-11-21"},
		{"POL-06 a flow without notice", `notices = ["n1"]`, ``, "flow.notice vaccination/agency"},
		{"the NIR to who may not use it", `nir_authorised = true`, ``, "flow.nir vaccination/agency"},
		{"a flow for an unknown purpose", `purpose = "follow" # flow`, `purpose = "wander"`, "purpose.unknown vaccination/agency: wander"},
		{"a grant for an unknown purpose", `purpose = "follow" # grant`, `purpose = "wander"`, "purpose.unknown grant professional/wander: wander"},
		{"a grant of an unknown category", `read = ["dose"]`, `read = ["moon"]`, "category.unknown grant professional/follow: moon"},
		{"an id twice", `id = "nir"`, `id = "dose"`, "id.twice category dose"},
		{"a VAT number one digit short", `vat = "FR 75 391722881"`, `vat = "FR 753 917 2281"`, "legal.number aubepine: VAT FR 753 917 2281"},
		{"a SIREN against its key", `siren = "391722881"`, `siren = "391722882"`, "legal.number aubepine: SIREN 391722882"},
		{"a SIRET against its key", `siret = "18003502402369"`, `siret = "18003502402368"`, "legal.number aubepine: SIRET 18003502402368"},
		{"a cookie without lifetime", `lifetime = "P6M"`, ``, "cookie.undescribed choice: carnet-choice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(string(text), c.old) != 1 {
				t.Fatalf("%q stands %d times", c.old, strings.Count(string(text), c.old))
			}
			r, err := Parse([]byte(strings.Replace(string(text), c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			found := r.Check(Setting{Today: today, Columns: columns})
			if !slices.ContainsFunc(found, func(f Finding) bool { return f.String() == c.want && !f.Note }) {
				t.Errorf("found %v\nwant %s", found, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{"no TOML": "[[", "an unknown key": "version = \"1\"\ncolour = \"red\"", "too large": strings.Repeat("#", MaxSize+1)} {
		if r, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: %v", name, r)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/clean.toml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Parse(text)
		if err != nil {
			return
		}
		r.Check(Setting{Today: today, Columns: []string{"a.b"}})
	})
}
