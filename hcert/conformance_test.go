package hcert_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
	"carnet/hcert/icao"
	"carnet/hcert/trust"
)

// The rows of the table of conformance: dcc.md, section 8.2.
const (
	french      = "French vectors"
	common      = "common catalogue, valid"
	commonBad   = "common catalogue, invalid"
	valid       = "all valid, schema apart"
	encoding    = "invalid by encoding, signature, time"
	usage       = "invalid by key usage only"
	bySchema    = "invalid by schema: stated version"
	withKeys    = "  and by key usage"
	withSets    = "  and by value sets"
	derived     = "derived negatives m1 to m11"
	qaDecoded   = "dcc-qa: decoded"
	qaSingle    = "dcc-qa: one event"
	qaSeveral   = "dcc-qa: several events, refused"
	qaVerified  = "dcc-qa: known key, verified"
	qaUnknown   = "dcc-qa: unknown key, told so"
	schemaTests = "schema tests"
	valueSets   = "value sets: codes"
	triples     = "value sets: product, holder, type"
	namePairs   = "ICAO 9303 names"
	checkDigits = "UVCI check characters"
)

var rows = []string{
	french, common, commonBad, valid, encoding, usage, bySchema, withKeys, withSets, derived,
	qaDecoded, qaSingle, qaSeveral, qaVerified, qaUnknown, schemaTests, valueSets, triples, namePairs, checkDigits,
}

// published is what the rows of the published corpus are: how many, and the target. For another
// folder the table computes the target: every row but those that its errata.tsv explains.
var published = map[string][2]int{
	french: {26, 26}, common: {12, 12}, commonBad: {15, 15}, valid: {274, 271}, encoding: {16, 16}, usage: {39, 38},
	bySchema: {76, 40}, withKeys: {76, 47}, withSets: {76, 56}, derived: {143, 143},
	qaDecoded: {305, 305}, qaSingle: {303, 303}, qaSeveral: {2, 2}, qaVerified: {86, 86}, qaUnknown: {219, 219},
	schemaTests: {19, 19}, valueSets: {422, 422}, triples: {39, 39}, namePairs: {337, 337}, checkDigits: {2, 2},
}

// peers is what others reach of the published corpus (dcc.md, section 8.5): minvws, coronaqr,
// dcc-utils 0.4.0, pathcheck 0.0.27.
var peers = map[string][4]string{
	french: {"26", "26", "26", "26"}, common: {"11", "12", "10", "11"}, commonBad: {"8", "8", "5", "5"}, valid: {"273", "253", "266", "267"},
	encoding: {"11", "14", "8", "5"}, usage: {"0", "0", "0", "0"}, withSets: {"0", "0", "0", "0"}, derived: {"91", "104", "91", "91"},
}

// board is the table.
type board struct {
	t    *testing.T
	rows map[string]*score
}

type score struct{ of, target, reached int }

// count notes one item of a row: whether it came out right, and, when it did not, what explains it.
func (b *board) count(row, name string, right bool, explained string) {
	b.t.Helper()
	s := b.rows[row]
	s.of++
	switch {
	case right:
		s.reached++
		s.target++
	case explained != "":
		b.t.Logf("%s: %s: not reached, and explained: %s", strings.TrimSpace(row), name, explained)
	default:
		s.target++
		b.t.Errorf("%s: %s", strings.TrimSpace(row), name)
	}
}

// TestConformance verifies the whole published corpus and prints target and result of each set.
func TestConformance(t *testing.T) {
	dir, ok := corpus(t)
	if !ok {
		return
	}
	b := &board{t, map[string]*score{}}
	for _, r := range rows {
		b.rows[r] = &score{}
	}
	vectors := loadVectors(t, filepath.Join(dir, "dgc-testdata"))
	b.verdicts(vectors, errata(t, filepath.Join(dir, "dgc-testdata")))
	b.mutants(vectors)
	b.quality(filepath.Join(dir, "dcc-qa"), vectors)
	b.schemas(filepath.Join(dir, "schema-tests"))
	b.valueSets(filepath.Join(dir, "valuesets"))
	b.names(filepath.Join(dir, "derived", "icao9303-name-pairs.tsv"))
	b.checkDigits()

	_, elsewhere := os.LookupEnv("CARNET_CORPUS_DCC")
	var out strings.Builder
	fmt.Fprintf(&out, "%-38s %5s %6s %7s   %6s %8s %9s %9s", "set", "of", "target", "reached", "minvws", "coronaqr", "dcc-utils", "pathcheck")
	for _, r := range rows {
		s := *b.rows[r]
		if want := published[r]; !elsewhere {
			if s.of != want[0] || s.reached < want[1] {
				t.Errorf("%s: %d of %d, the published corpus has %d of %d", r, s.reached, s.of, want[1], want[0])
			}
			s.target = want[1]
		}
		var p [4]string
		if !elsewhere {
			p = peers[r]
		}
		fmt.Fprintf(&out, "\n%-38s %5d %6d %7d   %6s %8s %9s %9s", r, s.of, s.target, s.reached, p[0], p[1], p[2], p[3])
	}
	t.Log("\n" + out.String())
}

// verdicts verifies what a scanner reads of every vector.
func (b *board) verdicts(vectors []*vector, wrong map[[2]string]erratum) {
	for _, v := range vectors {
		class := v.class()
		j := v.judge(b.t)
		accepted := len(j.codes) == 0
		explain := func(check, correct string) string {
			if e := wrong[[2]string{v.name, check}]; e.correct == correct {
				return fmt.Sprintf("%s, %s", e.kind, e.reason)
			}
			return ""
		}
		name := fmt.Sprintf("%s (%v)", v.name, j.codes)
		if strings.HasPrefix(v.name, "FR/") {
			b.count(french, name, accepted == (class == valid), "")
		}
		switch {
		case !strings.HasPrefix(v.name, "common/"):
		case class == valid:
			b.count(common, name, accepted, "")
		default:
			b.count(commonBad, name, !accepted, "")
		}
		switch class {
		case valid:
			rest := slices.DeleteFunc(slices.Clone(j.codes), func(c hcert.Code) bool { return c == hcert.PayloadGroups })
			b.count(valid, name, len(rest) == 0, explain("VERIFY", "false"))
		case encoding:
			b.count(encoding, name, !accepted, "")
		case usage:
			b.count(usage, name, !accepted, explain("KEYUSAGE", "true"))
		case bySchema:
			why := explain("SCHEMAVALIDATION", "true")
			refused := hasKind(j.result, dcc.Schema) || j.result.Certificate != nil && !oneGroup(j.result.Certificate.DCC)
			b.quiet(bySchema, refused, why)
			refused = refused || j.result.Has(hcert.CertUsage)
			b.quiet(withKeys, refused, why)
			refused = refused || slices.ContainsFunc(j.result.Findings, func(f dcc.Finding) bool {
				return f.Kind == dcc.ValueSet && f.Rule == dcc.Unknown
			})
			b.count(withSets, name, refused, why)
		}
	}
}

// quiet counts a row that a later one completes.
func (b *board) quiet(row string, right bool, explained string) {
	s := b.rows[row]
	s.of++
	if right {
		s.reached++
	}
	if right || explained == "" {
		s.target++
	}
}

// mutants makes eleven negatives of each French vaccination vector.
func (b *board) mutants(vectors []*vector) {
	for _, v := range vectors {
		var payload struct {
			V []any `json:"v"`
		}
		if !strings.HasPrefix(v.name, "FR/") || json.Unmarshal(v.JSON, &payload) != nil || len(payload.V) == 0 {
			continue
		}
		keys, at := v.trust(b.t), v.clock(b.t)
		if r := hcert.Verify(v.Prefix, keys, at, hcert.Tolerant); stageFailed(r, "prefix", "base45", "zlib", "cbor", "cose", "kid", "sig") {
			b.t.Errorf("%s: %v before any change", v.name, r.Codes())
			continue
		}
		for _, m := range mutants(b.t, v.Prefix, at) {
			r := hcert.Verify(m.text, keys, m.at, hcert.Tolerant)
			b.count(derived, fmt.Sprintf("%s, %s: %v, want %s", v.name, m.name, r.Codes(), m.code), !r.Valid() && r.Has(m.code), "")
		}
	}
}

// quality decodes the real-world variety of dcc-qa with the keys of all vectors.
func (b *board) quality(dir string, vectors []*vector) {
	t := b.t
	keys := &trust.Store{}
	for _, v := range vectors {
		if err := keys.Add(v.trust(t).All()...); err != nil {
			t.Fatal(err)
		}
	}
	events := map[string]string{}
	data, err := os.ReadFile(filepath.Join(dir, "qa-decoded.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var c struct{ File, Typ string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		events[c.File] = c.Typ
	}
	if data, err = os.ReadFile(filepath.Join(dir, "qa-hc1.tsv")); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2022, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, line := range strings.Split(string(data), "\n")[1:] {
		file, text, _ := strings.Cut(line, "\t")
		if file == "" {
			continue
		}
		r := hcert.Verify(text, keys, at, hcert.Tolerant)
		name := fmt.Sprintf("%s (%v)", file, r.Codes())
		decoded := r.Certificate != nil && r.Certificate.DCC != nil && !stageFailed(r, "sig", "cose", "cbor", "zlib", "base45")
		b.count(qaDecoded, name, decoded, "")
		if !decoded {
			continue
		}
		if want := events[file]; len(want) == 1 {
			b.count(qaSingle, name, string(r.Certificate.DCC.Type()) == want, "")
		} else {
			b.count(qaSeveral, name, r.Has(hcert.PayloadGroups), "")
		}
		if len(keys.Keys(r.Certificate.KID)) > 0 {
			b.count(qaVerified, name, r.Key != nil, "")
		} else {
			b.count(qaUnknown, name, r.Has(hcert.KIDUnknown), "")
		}
	}
}

// schemas reads the payloads of the schema's own tests with the rules of 1.3.3.
func (b *board) schemas(dir string) {
	for _, kind := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join(dir, "test", kind, "*.json"))
		if err != nil {
			b.t.Fatal(err)
		}
		for _, f := range files {
			var v map[string]any
			readJSON(b.t, f, &v)
			v["ver"] = "1.3.3"
			_, findings := dcc.Read(fromJSON(v))
			good := !slices.ContainsFunc(findings, func(f dcc.Finding) bool { return f.Kind == dcc.Schema || f.Kind == dcc.Groups })
			b.count(schemaTests, filepath.Base(f), good == (kind == "valid"), "")
		}
	}
}

func readJSON(t *testing.T, file string, v any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// fromJSON gives the tree that a CBOR decoder would give; JSON null is a wrong type to the schema.
func fromJSON(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := labels{}
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
		if v >= 0 && v == float64(uint64(v)) {
			return uint64(v)
		}
	case nil:
		return false
	}
	return v
}

// valueSets compares the built-in tables with the published ones, and what Load reads with both.
// The device list is not built in; it is compared as loaded.
func (b *board) valueSets(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			b.t.Fatal(err)
		}
		var sets dcc.ValueSets
		set, err := sets.Load(data)
		if err != nil {
			b.t.Errorf("%s: %v", filepath.Base(f), err)
			continue
		}
		var file struct {
			Date   string `json:"valueSetDate"`
			Values map[string]struct {
				Active  bool
				Display string
				Code    string   `json:"vaccine-code"`
				Holder  string   `json:"vaccine-manufacturer"`
				Types   []string `json:"sct-codes"`
			} `json:"valueSetValues"`
		}
		readJSON(b.t, f, &file)
		for code, v := range file.Values {
			if v.Code != "" {
				product := strings.TrimSuffix(v.Code, " (deprecated)")
				for _, s := range []*dcc.ValueSets{nil, &sets} {
					e, ok := s.Encoding(product)
					ok = ok && e.Holder == v.Holder && slices.Equal(slices.Sorted(slices.Values(e.Types)), slices.Sorted(slices.Values(v.Types)))
					if s != nil {
						b.count(triples, product, ok, "")
					} else if !ok {
						b.t.Errorf("built-in encoding of %s: %+v", product, e)
					}
				}
				continue
			}
			loaded, ok := sets.Lookup(set, code)
			ok = ok && loaded.Deprecated != v.Active && loaded.Name == v.Display && sets.Date(set) == file.Date
			if builtIn, there := dcc.Lookup(set, code); set != dcc.Device {
				ok = ok && there && builtIn.Deprecated == loaded.Deprecated && len(dcc.Entries(set)) == len(file.Values)
			}
			b.count(valueSets, string(set)+" "+code, ok, "")
		}
	}
}

// names goes through the pairs that the table marks as following the rules. The published value is
// compared without fillers at its ends: one of them has one.
func (b *board) names(file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimRight(string(data), "\n"), "\n") {
		f := strings.Split(line, "\t")
		if i == 0 || len(f) < 3 || f[2] != "match" {
			continue
		}
		got, _ := icao.International.Transliterate(f[0])
		b.count(namePairs, fmt.Sprintf("%q is %q, published %q", f[0], got, f[1]), got == strings.Trim(f[1], "<"), "")
	}
}

// checkDigits has the two identifiers that are published with their check character.
func (b *board) checkDigits() {
	for _, id := range []string{"URN:UVCI:01:NL:187/37512422923#Z", "URN:UVCI:01:SE:EHM/V12907267LAJW#E"} {
		b.count(checkDigits, id, dcc.CheckUVCI(id) == dcc.CheckRight, "")
	}
}
