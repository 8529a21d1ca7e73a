package dcc_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert/dcc"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"
)

type (
	object = map[any]any
	list   = []any
)

func vaccination() object {
	return object{
		"ver": "1.3.0", "dob": "1985-05-12",
		"nam": object{"fn": "FOUGÈRE", "fnt": "FOUGERE", "gn": "Capucine", "gnt": "CAPUCINE"},
		"v": list{object{
			"tg": "840539006", "vp": "1119349007", "mp": "EU/1/20/1528", "ma": "ORG-100030215", "dn": uint64(2), "sd": uint64(2),
			"dt": "2026-02-27", "co": "FR", "is": "Carnet", "ci": "URN:UVCI:01:FR:FOUGERE00001",
		}},
	}
}

func naat() object {
	return object{
		"ver": "1.3.0", "dob": "1990-11", "nam": object{"fnt": "AUBEPINE"},
		"t": list{object{
			"tg": "840539006", "tt": "LP6464-4", "nm": "RT-PCR", "sc": "2026-03-01T08:15:00+01:00", "tr": "260415000",
			"tc": "Verger", "co": "FR", "is": "Carnet", "ci": "URN:UVCI:01:FR:AUBEPINE0001",
		}},
	}
}

func recovery() object {
	return object{
		"ver": "1.3.0", "dob": "", "nam": object{"fnt": "TILLEUL"},
		"r": list{object{
			"tg": "840539006", "fr": "2026-01-20", "co": "FR", "is": "Carnet", "df": "2026-01-31", "du": "2026-07-19",
			"ci": "URN:UVCI:01:FR:TILLEUL00001",
		}},
	}
}

func event(o object) object {
	for _, k := range []string{"v", "t", "r"} {
		if l, ok := o[k].(list); ok {
			return l[0].(object)
		}
	}
	return nil
}

func TestRead(t *testing.T) {
	type edit = func(o object)
	set := func(key string, v any) edit { return func(o object) { o[key] = v } }
	inEvent := func(key string, v any) edit { return func(o object) { event(o)[key] = v } }
	inName := func(key string, v any) edit { return func(o object) { o["nam"].(object)[key] = v } }
	version := func(v string, more edit) edit { return func(o object) { o["ver"] = v; more(o) } }
	nothing := func(object) {}
	for _, c := range []struct {
		name string
		tree func() object
		edit edit
		want []string
	}{
		{"vaccination", vaccination, nothing, nil},
		{"test", naat, nothing, nil},
		{"recovery", recovery, nothing, nil},
		{"extra member", vaccination, inEvent("xx", "y"), nil},

		{"version missing", vaccination, func(o object) { delete(o, "ver") }, []string{"schema.missing ver"}},
		{"version of two parts", vaccination, set("ver", "1.3"), []string{"schema.pattern ver"}},
		{"version with letters", vaccination, set("ver", "1.3.0a"), []string{"schema.pattern ver"}},
		{"version without dots", vaccination, set("ver", "1x3x0"), []string{"schema.pattern ver"}},
		{"version that does not exist", vaccination, set("ver", "1.0.4"), nil},
		{"name missing", vaccination, func(o object) { delete(o, "nam") }, []string{"schema.missing nam"}},
		{"name of a wrong type", vaccination, set("nam", "FOUGERE"), []string{"schema.type nam"}},
		{"name 80", vaccination, inName("fn", strings.Repeat("é", 80)), nil},
		{"name 81", vaccination, inName("fn", strings.Repeat("é", 81)), []string{"schema.length nam.fn"}},
		{"name 51, version 1.2.1", vaccination, version("1.2.1", inName("gn", strings.Repeat("é", 51))), []string{"schema.length nam.gn"}},
		{"transliterated in lower case", vaccination, inName("gnt", "Capucine"), []string{"schema.pattern nam.gnt"}},
		{"fnt missing", vaccination, func(o object) { delete(o["nam"].(object), "fnt") }, []string{"schema.missing nam.fnt"}},
		{"fnt missing, 1.3.2", vaccination, version("1.3.2", func(o object) { delete(o["nam"].(object), "fnt") }), nil},
		{"fnt and gnt missing, 1.3.3", vaccination, version("1.3.3", set("nam", object{"fn": "Fougère"})), []string{"schema.missing nam.fnt"}},

		{"birth missing", vaccination, func(o object) { delete(o, "dob") }, []string{"schema.missing dob"}},
		{"birth empty", vaccination, set("dob", ""), nil},
		{"birth empty, 1.2.1", vaccination, version("1.2.1", set("dob", "")), []string{"schema.pattern dob"}},
		{"birth year, 1.1.0", vaccination, version("1.1.0", set("dob", "1985")), nil},
		{"birth year, 1.0.1", vaccination, version("1.0.1", set("dob", "1985")), []string{"schema.pattern dob"}},
		{"birth with time, 1.0.0", vaccination, version("1.0.0", set("dob", "1985-05-12T00:00:00")), nil},
		{"birth with time", vaccination, set("dob", "1985-05-12T00:00:00"), []string{"schema.pattern dob"}},
		{"birth 1899", vaccination, set("dob", "1899-05-12"), []string{"schema.pattern dob"}},
		{"birth 2100", vaccination, set("dob", "2100"), []string{"schema.pattern dob"}},
		{"birth with slash", vaccination, set("dob", "1985/05"), []string{"schema.pattern dob"}},
		{"birth a number", vaccination, set("dob", uint64(1985)), []string{"schema.type dob"}},

		{"dose 0", vaccination, inEvent("dn", uint64(0)), []string{"schema.range v[0].dn"}},
		{"dose negative", vaccination, inEvent("dn", int64(-1)), []string{"schema.range v[0].dn"}},
		{"dose huge", vaccination, inEvent("sd", uint64(math.MaxUint64)), []string{"schema.range v[0].sd"}},
		{"dose 10", vaccination, inEvent("dn", uint64(10)), nil},
		{"dose 10, 1.2.1", vaccination, version("1.2.1", inEvent("dn", uint64(10))), []string{"schema.range v[0].dn"}},
		{"dose as float", vaccination, inEvent("dn", 2.0), []string{"form.float v[0].dn"}},
		{"dose with fraction", vaccination, inEvent("dn", 1.5), []string{"schema.type v[0].dn"}},
		{"dose NaN", vaccination, inEvent("dn", math.NaN()), []string{"schema.type v[0].dn"}},
		{"dose infinite", vaccination, inEvent("dn", math.Inf(1)), []string{"schema.type v[0].dn"}},
		{"dose a text", vaccination, inEvent("dn", "2"), []string{"schema.type v[0].dn"}},
		{"dose missing", vaccination, func(o object) { delete(event(o), "sd") }, []string{"schema.missing v[0].sd"}},

		{"date missing", vaccination, func(o object) { delete(event(o), "dt") }, []string{"schema.missing v[0].dt"}},
		{"date impossible", vaccination, inEvent("dt", "2026-02-30"), []string{"form.date v[0].dt"}},
		{"date tagged", vaccination, inEvent("dt", time.Date(2026, 2, 27, 0, 0, 0, 0, time.UTC)), []string{"form.tagged v[0].dt", "form.date v[0].dt"}},
		{"country empty", vaccination, inEvent("co", ""), []string{"valueset.unknown v[0].co", "schema.pattern v[0].co"}},
		{"country of three letters", vaccination, inEvent("co", "FRA"), []string{"valueset.unknown v[0].co"}},
		{"country with filler", vaccination, inEvent("co", "F<"), []string{"valueset.unknown v[0].co", "schema.pattern v[0].co"}},
		{"country unknown", vaccination, inEvent("co", "ZZ"), []string{"valueset.unknown v[0].co"}},
		{"country first", vaccination, inEvent("co", "AD"), nil},
		{"country last", vaccination, inEvent("co", "ZW"), nil},
		{"code null", vaccination, inEvent("mp", nil), []string{"form.null v[0].mp", "schema.missing v[0].mp"}},
		{"code of a wrong type", vaccination, inEvent("mp", uint64(1)), []string{"schema.type v[0].mp"}},
		{"code unknown", vaccination, inEvent("mp", "Camomille"), []string{"valueset.unknown v[0].mp"}},
		{"code deprecated", vaccination, inEvent("vp", "J07BX03"), []string{"valueset.deprecated v[0].vp"}},
		{"code untrimmed", vaccination, inEvent("mp", " EU/1/20/1528"), []string{"form.untrimmed v[0].mp"}},
		{"issuer 81", vaccination, inEvent("is", strings.Repeat("x", 81)), []string{"schema.length v[0].is"}},
		{"identifier missing", vaccination, func(o object) { delete(event(o), "ci") }, []string{"schema.missing v[0].ci"}},
		{"identifier check", vaccination, inEvent("ci", "URN:UVCI:01:SE:EHM/V12907267LAJW#A"), []string{"identifier.check v[0].ci"}},
		{"identifier character", vaccination, inEvent("ci", "URN:UVCI:01:SE:EHM_V#A"), []string{"identifier.pattern v[0].ci"}},
		{"identifier 81", vaccination, inEvent("ci", strings.Repeat("A", 81)), []string{"schema.length v[0].ci"}},

		{"centre missing", naat, func(o object) { delete(event(o), "tc") }, nil},
		{"centre missing, 1.2.1", naat, version("1.2.1", func(o object) { delete(event(o), "tc") }), []string{"schema.missing t[0].tc"}},
		{"test name long, 1.2.1", naat, version("1.2.1", inEvent("nm", strings.Repeat("x", 81))), nil},
		{"test name long", naat, inEvent("nm", strings.Repeat("x", 81)), []string{"schema.length t[0].nm"}},
		{"sample without zone", naat, inEvent("sc", "2026-03-01T08:15:00"), []string{"form.date t[0].sc"}},
		{"sample tagged", naat, inEvent("sc", time.Date(2026, 3, 1, 8, 15, 0, 0, time.UTC)), []string{"form.tagged t[0].sc"}},
		{"device", naat, inEvent("ma", "1232"), nil},
		{"device is no number", naat, inEvent("ma", "Rapid"), []string{"valueset.unknown t[0].ma"}},
		{"result unknown", naat, inEvent("tr", "1"), []string{"valueset.unknown t[0].tr"}},
		{"recovery date missing", recovery, func(o object) { delete(event(o), "du") }, []string{"schema.missing r[0].du"}},

		{"no group", vaccination, func(o object) { delete(o, "v") }, []string{"groups.one-event "}},
		{"null group", vaccination, set("t", nil), []string{"form.null t"}},
		{"empty group", vaccination, set("t", list{}), []string{"schema.one-event t"}},
		{"two groups", vaccination, func(o object) { o["r"] = recovery()["r"] }, []string{"groups.one-event "}},
		{"two events", vaccination, func(o object) { o["v"] = append(o["v"].(list), event(vaccination())) }, []string{"schema.one-event v", "groups.one-event "}},
		{"two events, 1.2.1", vaccination, version("1.2.1", func(o object) { o["v"] = append(o["v"].(list), event(vaccination())) }), []string{"groups.one-event "}},
		{"group of a wrong type", vaccination, set("v", object{}), []string{"schema.type v", "groups.one-event "}},
		{"event of a wrong type", vaccination, set("v", list{"x"}), []string{"schema.type v[0]", "groups.one-event "}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := c.tree()
			c.edit(tree)
			got, findings := dcc.Read(tree)
			if got == nil {
				t.Fatal("nothing read")
			}
			var texts []string
			for _, f := range findings {
				texts = append(texts, f.String())
			}
			if !slices.Equal(texts, c.want) {
				t.Errorf("findings %q, want %q", texts, c.want)
			}
		})
	}
}

func TestReadValues(t *testing.T) {
	tree := vaccination()
	event(tree)["dn"] = 3.0
	event(tree)["ci"] = " urn:uvci:01:FR:x "
	tree["nam"].(object)["fn"] = " FOUGE\u0300RE "
	c, _ := dcc.Read(tree)
	if c.Name.Family != "FOUGÈRE" {
		t.Errorf("family %q", c.Name.Family)
	}
	if c.ID() != " urn:uvci:01:FR:x " {
		t.Errorf("the identifier is not as signed: %q", c.ID())
	}
	if c.Type() != dcc.VaccinationType || c.Country() != "FR" || c.Vaccinations[0].Dose != 3 {
		t.Errorf("%v %v %d", c.Type(), c.Country(), c.Vaccinations[0].Dose)
	}
	for _, tree := range []any{nil, "x", list{}, uint64(1), map[string]any{}} {
		if c, f := dcc.Read(tree); c != nil || len(f) != 1 || f[0].Rule != dcc.WrongType {
			t.Errorf("%T: %v %v", tree, c, f)
		}
	}
	var none *dcc.Certificate
	if none.Type() != "" {
		t.Error("nothing has a type")
	}
}

func TestDoses(t *testing.T) {
	for _, c := range []struct {
		dn, sd            int
		complete, booster bool
	}{{1, 2, false, false}, {2, 2, true, false}, {1, 1, true, false}, {2, 1, true, true}, {3, 3, true, true}, {3, 2, true, true}, {4, 4, true, true}, {0, 0, false, false}} {
		v := dcc.Vaccination{Dose: c.dn, Doses: c.sd}
		if v.Complete() != c.complete || v.Booster() != c.booster {
			t.Errorf("%d/%d: complete %t, booster %t", c.dn, c.sd, v.Complete(), v.Booster())
		}
	}
}

func TestUVCI(t *testing.T) {
	for s, want := range map[string]rune{"URN:UVCI:01:NL:187/37512422923": 'Z', "URN:UVCI:01:SE:EHM/V12907267LAJW": 'E'} {
		if c, ok := dcc.CheckCharacter(s); !ok || c != want {
			t.Errorf("%s: %c", s, c)
		}
	}
	for s, want := range map[string]dcc.Check{
		"URN:UVCI:01:SE:EHM/V12907267LAJW#E": dcc.CheckRight,
		"urn:uvci:01:se:ehm/v12907267lajw#e": dcc.CheckRight,
		"01:SE:EHM/V12907267LAJW#E":          dcc.CheckRight,
		"URN:UVCI:01:SE:EHM/V12907267LAJW#F": dcc.CheckWrong,
		"URN:UVCI:01:SE:EHM/V12907267LAJW#":  dcc.CheckWrong,
		"URN:UVCI:01:SE:EHM/V12907267LAJW":   dcc.CheckAbsent,
		"URN:UVCI:01:SE:É#E":                 dcc.CheckIllegal,
		"":                                   dcc.CheckAbsent,
		"#":                                  dcc.CheckWrong,
	} {
		if got := dcc.CheckUVCI(s); got != want {
			t.Errorf("%q: %v, want %v", s, got, want)
		}
	}
	for _, c := range []struct {
		in        string
		want      dcc.UVCI
		canonical string
	}{
		{"urn:uvci:01:FR:T5DWTJYS4ZR8#4", dcc.UVCI{"01", "FR", []string{"T5DWTJYS4ZR8"}, "4"}, "URN:UVCI:01:FR:T5DWTJYS4ZR8"},
		{"URN:UVCI:01:SE:EHM/V12907267LAJW#E", dcc.UVCI{"01", "SE", []string{"EHM", "V12907267LAJW"}, "E"}, "URN:UVCI:01:SE:EHM/V12907267LAJW"},
		{"01:FR:ABC", dcc.UVCI{"01", "FR", []string{"ABC"}, ""}, "URN:UVCI:01:FR:ABC"},
		{"URN:UVCI:V1:FR:ABC:", dcc.UVCI{"V1", "FR", []string{"ABC"}, ""}, "URN:UVCI:V1:FR:ABC:"},
		{"dgci:V1:FR:ABC:12", dcc.UVCI{"V1", "FR", []string{"ABC", "12"}, ""}, "URN:UVCI:DGCI:V1:FR:ABC:12"},
		{"", dcc.UVCI{}, "URN:UVCI:"},
	} {
		got := dcc.ParseUVCI(c.in)
		if got.Version != c.want.Version || got.Country != c.want.Country || !slices.Equal(got.Parts, c.want.Parts) || got.Check != c.want.Check {
			t.Errorf("%q: %+v", c.in, got)
		}
		if dcc.Canonical(c.in) != c.canonical {
			t.Errorf("%q: canonical %q", c.in, dcc.Canonical(c.in))
		}
	}
}

// TestUVCICheckDetects is what the check character is for: no change of one character passes, for
// doubling modulo 38 with its carry added keeps all characters apart.
func TestUVCICheckDetects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`URN:UVCI:01:[A-Z]{2}:[A-Z0-9]{4,20}`).Draw(t, "body")
		c, ok := dcc.CheckCharacter(body)
		if !ok || dcc.CheckUVCI(body+"#"+string(c)) != dcc.CheckRight {
			t.Fatal("does not check itself")
		}
		b := []byte(body)
		at := rapid.IntRange(9, len(b)-1).Draw(t, "at")
		to := "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"[rapid.IntRange(0, 35).Draw(t, "to")]
		if b[at] == to {
			return
		}
		b[at] = to
		if dcc.CheckUVCI(string(b)+"#"+string(c)) == dcc.CheckRight {
			t.Fatalf("a change at %d passes", at)
		}
	})
}

// TestValueSets holds the tables against their published sizes, and checks their order.
func TestValueSets(t *testing.T) {
	for set, want := range map[dcc.Set][2]int{
		dcc.Disease: {1, 0}, dcc.VaccineType: {9, 1}, dcc.Product: {39, 4}, dcc.Holder: {31, 0}, dcc.TestKind: {2, 0}, dcc.TestResult: {2, 0}, dcc.Country: {250, 0},
	} {
		entries, deprecated := dcc.Entries(set), 0
		for i, e := range entries {
			if got, ok := dcc.Lookup(set, e.Code); !ok || got != e {
				t.Errorf("%s: %s is not found", set, e.Code)
			}
			if i > 0 && entries[i-1].Code >= e.Code {
				t.Errorf("%s: %s is out of order", set, e.Code)
			}
			if e.Deprecated {
				deprecated++
			}
		}
		if len(entries) != want[0] || deprecated != want[1] {
			t.Errorf("%s: %d codes, %d deprecated", set, len(entries), deprecated)
		}
	}
	for _, code := range []string{"", "F", "FRA", "R ", " A", "zz", "ZZ"} {
		if _, ok := dcc.Lookup(dcc.Country, code); ok {
			t.Errorf("country %q", code)
		}
	}
	if _, ok := dcc.Lookup("no-such-set", "1"); ok {
		t.Error("a set that does not exist")
	}
}

func corpus(t *testing.T, parts ...string) (string, bool) {
	t.Helper()
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "..", "shared", "corpus", "dcc")
	}
	dir := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_DCC is set, and: %v", err)
		}
		t.Logf("the published corpus is not beside this clone; TestRead covers the same ground")
		return "", false
	}
	return dir, true
}

// TestCorpusValueSets compares the tables with the published ones, code by code.
func TestCorpusValueSets(t *testing.T) {
	dir, ok := corpus(t, "valuesets")
	if !ok {
		return
	}
	for set, file := range map[dcc.Set]string{
		dcc.Disease: "disease-agent-targeted", dcc.VaccineType: "vaccine-prophylaxis", dcc.Product: "vaccine-medicinal-product",
		dcc.Holder: "vaccine-mah-manf", dcc.TestKind: "test-type", dcc.TestResult: "test-result", dcc.Country: "country-2-codes",
	} {
		data, err := os.ReadFile(filepath.Join(dir, file+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var published struct {
			ID     string `json:"valueSetId"`
			Values map[string]struct {
				Active bool `json:"active"`
			} `json:"valueSetValues"`
		}
		if err := json.Unmarshal(data, &published); err != nil {
			t.Fatal(err)
		}
		if published.ID != string(set) || len(published.Values) != len(dcc.Entries(set)) {
			t.Errorf("%s: %s has %d codes", set, published.ID, len(published.Values))
		}
		for _, e := range dcc.Entries(set) {
			if v, ok := published.Values[e.Code]; !ok || v.Active == e.Deprecated {
				t.Errorf("%s: %s published %t, active %t", set, e.Code, ok, v.Active)
			}
		}
	}
}

// TestCorpusSchema reads the payloads of the schema's own tests: valid ones satisfy schema 1.3.3,
// invalid ones do not.
func TestCorpusSchema(t *testing.T) {
	dir, ok := corpus(t, "schema-tests")
	if !ok {
		return
	}
	total := map[string]int{}
	for _, kind := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join(dir, "test", kind, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var v map[string]any
			if err := json.Unmarshal(data, &v); err != nil {
				t.Fatal(err)
			}
			v["ver"] = "1.3.3"
			_, findings := dcc.Read(fromJSON(v))
			good := !slices.ContainsFunc(findings, func(f dcc.Finding) bool { return f.Kind == dcc.Schema || f.Kind == dcc.Groups })
			total[kind]++
			if good != (kind == "valid") {
				t.Errorf("%s %s: %v", kind, filepath.Base(f), findings)
			}
		}
	}
	if total["valid"] == 0 || total["invalid"] == 0 {
		t.Errorf("%v", total)
	}
}

// fromJSON gives the tree that a CBOR decoder would give; JSON null is a wrong type to the schema.
func fromJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := object{}
		for k, e := range v {
			m[k] = fromJSON(e)
		}
		return m
	case []any:
		l := list{}
		for _, e := range v {
			l = append(l, fromJSON(e))
		}
		return l
	case float64:
		if v == math.Trunc(v) && v >= 0 {
			return uint64(v)
		}
	case nil:
		return cbor.SimpleValue(22)
	}
	return v
}

func TestHides(t *testing.T) {
	c, _ := dcc.Read(vaccination())
	var out bytes.Buffer
	for _, f := range []string{"%v", "%+v", "%#v", "%s"} {
		fmt.Fprintf(&out, f, c)
		fmt.Fprintf(&out, f, *c)
		fmt.Fprintf(&out, f, c.Name)
		fmt.Fprintf(&out, f, c.Vaccinations)
		fmt.Fprintf(&out, f, dcc.Test{ID: "FOUGERE"})
		fmt.Fprintf(&out, f, dcc.Recovery{ID: "FOUGERE"})
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "c", c, "n", c.Name, "v", c.Vaccinations[0])
	for _, secret := range []string{"FOUG", "Capucine", "1985", "2026-02-27"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s leaks: %s", secret, out.String())
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, tree := range []object{vaccination(), naat(), recovery()} {
		b, err := cbor.Marshal(tree)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var tree any
		if cbor.Unmarshal(b, &tree) != nil {
			return
		}
		c, findings := dcc.Read(tree)
		if c == nil && len(findings) == 0 {
			t.Fatal("neither certificate nor finding")
		}
		if c != nil && c.Type() == "" && !slices.ContainsFunc(findings, func(f dcc.Finding) bool { return f.Kind == dcc.Groups }) {
			t.Fatal("no event and no finding")
		}
		if _, err := json.Marshal(c); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzUVCI(f *testing.F) {
	for _, s := range []string{"URN:UVCI:01:SE:EHM/V12907267LAJW#E", "01:FR:ABC", "#", "::", "é#1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		dcc.ParseUVCI(s)
		dcc.CheckUVCI(s)
		if c := dcc.Canonical(s); dcc.Canonical(c) != c {
			t.Fatalf("canonical form of %q is not stable", s)
		}
	})
}
