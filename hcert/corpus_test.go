package hcert_test

import (
	"bytes"
	"compress/zlib"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/hcert"
	"carnet/hcert/base45"
	"carnet/hcert/dcc"
	"carnet/hcert/trust"

	"github.com/fxamacker/cbor/v2"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// corpus gives the folder of the published vectors. Without the variable a clone need not have it.
func corpus(t *testing.T, parts ...string) (string, bool) {
	t.Helper()
	root, set := os.LookupEnv("CARNET_CORPUS_DCC")
	if !set {
		root = filepath.Join("..", "..", "shared", "corpus", "dcc")
	}
	dir := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(dir); err != nil {
		if set {
			t.Fatalf("CARNET_CORPUS_DCC is set, and: %v", err)
		}
		t.Logf("the published corpus is not beside this clone; the golden vectors of testdata cover the same ground")
		return "", false
	}
	return dir, true
}

// vector is one file of dgc-testdata.
type vector struct {
	name string // path in the corpus

	JSON       json.RawMessage
	CBOR       string
	COSE       string
	Compressed string `json:"COMPRESSED"`
	Base45     string `json:"BASE45"`
	Prefix     string `json:"PREFIX"`
	Picture    string `json:"2DCODE"`
	Context    struct {
		Certificate string `json:"CERTIFICATE"`
		Clock       string `json:"VALIDATIONCLOCK"`
		Description string `json:"DESCRIPTION"`
	} `json:"TESTCTX"`
	Expected map[string]any `json:"EXPECTEDRESULTS"`
}

func loadVectors(t *testing.T, dir string) []*vector {
	t.Helper()
	var all []*vector
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		v := &vector{}
		if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), v); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		rel, err := filepath.Rel(dir, path)
		v.name = filepath.ToSlash(rel)
		all = append(all, v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// flag gives the value of an expectation; there is false when the check is to be skipped.
func (v *vector) flag(check string) (want, there bool) {
	want, there = v.Expected["EXPECTED"+check].(bool)
	return want, there
}

func (v *vector) clock(t *testing.T) time.Time {
	s := strings.TrimSpace(v.Context.Clock)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04Z07:00"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	if s != "" {
		t.Errorf("%s: clock %q", v.name, s)
	}
	return time.Time{}
}

func (v *vector) trust(t *testing.T) *trust.Store {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(v.Context.Certificate), ""))
	if err != nil {
		t.Errorf("%s: %v", v.name, err)
		return &trust.Store{}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Errorf("%s: %v", v.name, err)
		return &trust.Store{}
	}
	store, err := trust.NewStore(trust.FromCertificate(cert))
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// pack makes the text of a signed message.
func pack(message []byte) string { return "HC1:" + base45.Encode(deflate(message)) }

func deflate(b []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// checks evaluates every check of the corpus that has its inputs.
func (v *vector) checks(t *testing.T) map[string]bool {
	got := map[string]bool{}
	if v.Prefix != "" && v.Base45 != "" {
		got["UNPREFIX"] = "HC1:"+v.Base45 == v.Prefix
	}
	packed, err := hex.DecodeString(v.Compressed)
	if v.Base45 != "" && v.Compressed != "" && err == nil {
		b, err := base45.Decode(v.Base45)
		got["B45DECODE"] = err == nil && bytes.Equal(b, packed)
	}
	message, err := hex.DecodeString(v.COSE)
	if v.COSE != "" && v.Compressed != "" && err == nil {
		b, code := hcert.Inflate(packed)
		got["COMPRESSION"] = code == "" && bytes.Equal(b, message)
	}
	if v.Picture != "" && v.Prefix != "" && strings.HasPrefix(v.name, "common/") {
		got["PICTUREDECODE"] = readPicture(v.Picture) == v.Prefix
	}
	if len(v.JSON) > 0 && v.CBOR != "" {
		got["VALIDJSON"] = sameContent(t, mustHex(t, v.CBOR), v.JSON)
	}
	if v.COSE == "" || v.Context.Certificate == "" {
		return got
	}
	r := hcert.Verify(pack(message), v.trust(t), v.clock(t), hcert.Tolerant)
	got["VERIFY"] = r.Key != nil && !stageFailed(r, "kid", "sig", "cose")
	if r.Certificate == nil {
		return got
	}
	got["DECODE"] = sameContent(t, r.Certificate.Claims, v.JSON)
	got["SCHEMAVALIDATION"] = oneGroup(r.Certificate.DCC) && !hasKind(r, dcc.Schema)
	got["EXPIRATIONCHECK"] = !r.Has(hcert.CertNotYet) && !r.Has(hcert.CertExpired) && !r.Has(hcert.CWTFuture) &&
		!r.Has(hcert.CWTExpired) && !r.Has(hcert.CWTOutlives) && !r.Has(hcert.CWTClaims)
	got["KEYUSAGE"] = !r.Has(hcert.CertUsage)
	return got
}

func hasKind(r hcert.Result, k dcc.Kind) bool {
	return slices.ContainsFunc(r.Findings, func(f dcc.Finding) bool { return f.Kind == k })
}

// oneGroup is the rule of the corpus: before version 1.3.0 a group may have several events.
func oneGroup(c *dcc.Certificate) bool {
	n := 0
	if c != nil {
		for _, events := range []int{len(c.Vaccinations), len(c.Tests), len(c.Recoveries)} {
			n += min(events, 1)
		}
	}
	return n == 1
}

func stageFailed(r hcert.Result, stages ...string) bool {
	return slices.ContainsFunc(r.Codes(), func(c hcert.Code) bool {
		stage, _, _ := strings.Cut(string(c), ".")
		return slices.Contains(stages, stage)
	})
}

func mustHex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func readPicture(b64 string) string {
	data, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		return ""
	}
	img, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return ""
	}
	bits, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return ""
	}
	r, err := qrcode.NewQRCodeReader().Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		return ""
	}
	return r.GetText()
}

// sameContent compares CBOR, either claims or the bare certificate, with JSON: numbers as numbers,
// date-times as instants, order without meaning.
func sameContent(t *testing.T, raw []byte, text []byte) bool {
	t.Helper()
	var tree any
	if err := cbor.Unmarshal(raw, &tree); err != nil {
		return false
	}
	if claims, ok := tree.(map[any]any); ok {
		if h, ok := claims[int64(-260)].(map[any]any); ok {
			tree = h[uint64(1)]
		}
	}
	var want any
	if err := json.Unmarshal(text, &want); err != nil {
		return false
	}
	return reflect.DeepEqual(plain(tree), plain(want))
}

func plain(v any) any {
	switch v := v.(type) {
	case map[any]any:
		m := map[string]any{}
		for k, e := range v {
			m[fmt.Sprint(k)] = plain(e)
		}
		return m
	case map[string]any:
		m := map[string]any{}
		for k, e := range v {
			m[k] = plain(e)
		}
		return m
	case []any:
		l := []any{}
		for _, e := range v {
			l = append(l, plain(e))
		}
		return l
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case time.Time:
		return v.UTC().Truncate(time.Second).Format(time.RFC3339)
	case string:
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999Z07"} {
			if at, err := time.Parse(layout, v); err == nil {
				return at.UTC().Truncate(time.Second).Format(time.RFC3339)
			}
		}
	}
	return v
}

// erratum is a row of the published table of corrections.
type erratum struct{ correct, kind, reason string }

// errata gives the table by vector and check.
func errata(t *testing.T, dir string) map[[2]string]erratum {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "errata.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	e := map[[2]string]erratum{}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		f := strings.Split(strings.TrimSuffix(line, "\r"), "\t")
		if i == 0 {
			continue
		}
		if len(f) < 6 {
			t.Fatalf("errata.tsv line %d", i+1)
		}
		e[[2]string{f[0], f[1]}] = erratum{f[3], f[4], f[5]}
	}
	return e
}

var checkNames = []string{"UNPREFIX", "B45DECODE", "COMPRESSION", "VERIFY", "DECODE", "VALIDJSON", "SCHEMAVALIDATION", "EXPIRATIONCHECK", "KEYUSAGE", "PICTUREDECODE"}

// TestConformanceChecks evaluates every flag of every vector of dgc-testdata, as its README says.
func TestConformanceChecks(t *testing.T) {
	dir, ok := corpus(t, "dgc-testdata")
	if !ok {
		return
	}
	wrong := errata(t, dir)
	type score struct{ evaluated, agreed, erratum, disagreed int }
	table := map[string]*score{}
	for _, c := range checkNames {
		table[c] = &score{}
	}
	for _, v := range loadVectors(t, dir) {
		got := v.checks(t)
		for _, check := range checkNames {
			want, listed := v.flag(check)
			is, evaluated := got[check]
			if !listed || !evaluated {
				continue
			}
			s := table[check]
			s.evaluated++
			switch {
			case is == want:
				s.agreed++
			case wrong[[2]string{v.name, check}].correct == fmt.Sprint(is):
				s.erratum++
			default:
				s.disagreed++
				t.Errorf("%s: %s is %t, expected %t: %s", v.name, check, is, want, v.Context.Description)
			}
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%-18s %9s %6s %13s %9s", "check", "evaluated", "agreed", "after errata", "disagreed")
	for _, c := range checkNames {
		s := table[c]
		fmt.Fprintf(&out, "\n%-18s %9d %6d %13d %9d", c, s.evaluated, s.agreed, s.agreed+s.erratum, s.disagreed)
	}
	t.Log("\n" + out.String())
}

// judgement is the verdict on what a scanner reads of a vector, without the failures of checks that
// the vector does not list.
type judgement struct {
	result hcert.Result
	codes  []hcert.Code // left after leaving out
}

func (v *vector) judge(t *testing.T) judgement {
	text := v.Prefix
	if want, listed := v.flag("PICTUREDECODE"); listed && !want {
		text = readPicture(v.Picture) // the picture is what is wrong
	}
	r := hcert.Verify(text, v.trust(t), v.clock(t), hcert.Tolerant)
	j := judgement{result: r}
	for _, c := range r.Codes() {
		if check := checkOf(c); check != "" {
			if _, listed := v.flag(check); !listed {
				continue
			}
		}
		j.codes = append(j.codes, c)
	}
	return j
}

// checkOf gives the flag under which the corpus files a code, or "" for one that always counts.
func checkOf(c hcert.Code) string {
	switch c {
	case hcert.CertNotYet, hcert.CertExpired, hcert.CWTFuture, hcert.CWTExpired, hcert.CWTOutlives:
		return "EXPIRATIONCHECK"
	case hcert.CertUsage:
		return "KEYUSAGE"
	case hcert.PayloadGroups:
		return "SCHEMAVALIDATION"
	}
	return ""
}

// class sorts a vector by what its flags say is wrong with it.
func (v *vector) class() string {
	byEncoding, byShape, byUsage := false, false, false
	for _, check := range checkNames {
		if want, listed := v.flag(check); listed && !want {
			switch check {
			case "SCHEMAVALIDATION":
				byShape = true
			case "KEYUSAGE":
				byUsage = true
			default:
				byEncoding = true
			}
		}
	}
	switch {
	case byEncoding:
		return encoding
	case byShape:
		return bySchema
	case byUsage:
		return usage
	}
	return valid
}
