package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"carnet/gs1"
	"carnet/hcert/dcc"
	"carnet/internal/carnet"
	"carnet/twoddoc"
)

const (
	comirnaty = "EU/1/20/1528"
	spikevax  = "EU/1/20/1507"
	jcovden   = "EU/1/20/1525"
	vaxzevria = "EU/1/21/1529"
	nuvaxovid = "EU/1/21/1618"
	hexyon    = "EU/1/13/829"
	infanrix  = "EU/1/00/152"
	repevax   = "NUVA/VAC0029"
	priorix   = "NUVA/VAC0053"
	mmrvaxpro = "EU/1/06/337"
	varivax   = "NUVA/VAC0061"
	stamaril  = "NUVA/VAC0035"
	gardasil  = "EU/1/15/1007"
	rotarix   = "EU/1/05/330"
	bexsero   = "EU/1/12/812"
	nimenrix  = "EU/1/12/767"
	vaxigrip  = "NUVA/VAC0062"
	prevenar  = "EU/1/21/1612"
	shingrix  = "EU/1/18/1272"
)

func carriedPacks(t testing.TB) *Catalogue {
	t.Helper()
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(t testing.TB, s string) carnet.Date {
	t.Helper()
	d, err := carnet.ParseDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestProducts checks the products against what others publish about them, and against the formats
// that certificates are written in.
func TestProducts(t *testing.T) {
	c := carriedPacks(t)
	others := map[string]bool{}
	for _, v := range c.Vaccines() {
		if got, ok := c.Find(v.Code); !ok || got.Code != v.Code {
			t.Errorf("%s is not found", v.Code)
		}
		for _, d := range v.Diseases {
			if d != "covid-19" {
				others[d] = true
			}
		}
		for _, cip := range v.Packs {
			g, err := gs1.ParseGTIN(cip)
			if err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			for _, number := range []string{cip, string(g)} {
				if got, _, ok := c.Presentation(number); !ok || got.Code != v.Code {
					t.Errorf("pack %s of %s is not found", number, v.Name)
				}
			}
		}
		if v.Diseases[0] == "covid-19" {
			e, ok := (*dcc.ValueSets)(nil).Encoding(v.Code)
			if !ok && v.Code != "Inactivated-SARS-CoV-2-Vero-Cell" {
				t.Errorf("%s: the value sets lack it", v.Code)
			}
			if ok && (e.Holder != v.HolderID || !slices.Equal(e.Types, v.Types)) {
				t.Errorf("%s: %s %v, the value sets have %s %v", v.Code, v.HolderID, v.Types, e.Holder, e.Types)
			}
		}
		if v.Foreign {
			continue
		}
		if v.ATC == "" || !strings.HasPrefix(v.ATC, "J07") || v.Label == "" {
			t.Errorf("%s: ATC %q, label %q", v.Code, v.ATC, v.Label)
		}
		_, err := twoddoc.Vaccination{FamilyName: "FOUGERE", GivenNames: []string{"LEA"}, Birth: "01021990", Disease: v.Disease, Agent: v.ATC, Vaccine: v.Label,
			Manufacturer: v.Label, Rank: 1, Expected: 1, LastDate: "02032026", Complete: true}.Prepare(twoddoc.Header{Authority: "FR00", Certificate: "CAR1",
			Emitted: twoddoc.Day(20000), Signed: twoddoc.Day(20000), Country: "FR"})
		if err != nil {
			t.Errorf("%s: no 2D-Doc says %q, %q, %q: %v", v.Code, v.Disease, v.ATC, v.Label, err)
		}
	}
	if len(others) < 11 {
		t.Errorf("only %d diseases besides COVID-19", len(others))
	}
}

// TestEveryCovidProductIsKnown: the value sets are the list of what a foreign certificate may say.
func TestEveryCovidProductIsKnown(t *testing.T) {
	c := carriedPacks(t)
	for _, e := range dcc.Entries(dcc.Product) {
		v, ok := c.Find(e.Code)
		if !ok {
			t.Errorf("%s is not found", e.Code)
		}
		if e.Deprecated && v.Code == e.Code && !v.Foreign {
			t.Errorf("%s is deprecated and would be written", e.Code)
		}
	}
	for old, now := range map[string]string{"NVX-CoV2373": nuvaxovid, "VLA2001": "EU/1/21/1624", "Vidprevtyn": "EU/1/21/1580"} {
		if v, _ := c.Find(old); v.Code != now {
			t.Errorf("%s is %q", old, v.Code)
		}
	}
}

func TestFindCode(t *testing.T) {
	c := carriedPacks(t)
	for name, v := range map[string]struct {
		system System
		code   string
		want   []string
	}{
		"marketing authorisation":      {EU, comirnaty, []string{comirnaty}},
		"deprecated":                   {EU, "NVX-CoV2373", []string{nuvaxovid}},
		"pack":                         {CIP, "3400930299715", []string{comirnaty}},
		"box":                          {GTIN, "03400930299715", []string{comirnaty}},
		"adapted, by its own NUVA":     {NUVA, "VAC1258", []string{comirnaty}},
		"one product, one NUVA":        {NUVA, "VAC0035", []string{stamaril}},
		"ATC of one":                   {ATC, "J07BL01", []string{stamaril}},
		"unknown":                      {ATC, "A01", nil},
		"GTIN of another country":      {GTIN, "05400930299715", nil},
		"no code":                      {NUVA, "", nil},
		"NUVA is not a CIP":            {CIP, "VAC0035", nil},
		"ATC of the Union in old days": {ATC, "J07BX03", []string{comirnaty, spikevax, nuvaxovid, jcovden, vaxzevria, "EU/1/21/1580", "EU/1/22/1709", "EU/1/21/1624"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, v := range c.FindCode(v.system, v.code) {
				got = append(got, v.Code)
			}
			if !slices.Equal(got, v.want) {
				t.Errorf("got %v", got)
			}
		})
	}
	_, p, ok := c.Presentation("03400930299715")
	if !ok || p.Name != "JN.1, 30 µg" {
		t.Errorf("presentation %q %v", p.Name, ok)
	}
}

const goodPack = `name = "essai"
version = 2026-01-02
title = "Essai"
sources = ["here"]
[[disease]]
code = "grippe-x"
french = "grippe X"
english = "flu X"
certificate = "GRIPPE X"
[[vaccine]]
code = "X/1"
name = "Ixe"
holder = "Tilleul"
diseases = ["grippe-x"]
atc = "J07BB02"
label = "IXE TILLEUL"
routes = ["IM"]
[[vaccine.presentation]]
cip = ["3400930299715"]
[[course]]
id = "x/two"
source = "here"
diseases = ["grippe-x"]
doses = 2
[[interval]]
id = "x/interval"
source = "here"
diseases = ["grippe-x"]
least = "1m"
`

func TestParsePackFaults(t *testing.T) {
	if _, err := ParsePack([]byte(goodPack)); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]struct{ old, new, want string }{
		"not TOML":             {`doses = 2`, `doses = `, "expected value"},
		"unknown key":          {`doses = 2`, "doses = 2\ncolour = 3", "unknown key course.colour"},
		"no name":              {`name = "essai"`, `name = "Essai 1"`, "name, version"},
		"no date":              {`version = 2026-01-02`, `version = "2026"`, "not a date"},
		"ends first":           {"doses = 2", "doses = 2\nfrom = 2026-01-02\nuntil = 2026-01-01", "ends before"},
		"no source":            {`id = "x/two"` + "\n" + `source = "here"`, `id = "x/two"`, "id and source"},
		"no doses":             {`doses = 2`, `doses = 0`, "0 doses"},
		"sex":                  {`doses = 2`, "doses = 2\nsex = \"X\"", `sex "X"`},
		"season":               {`doses = 2`, "doses = 2\nseasonfrom = \"13-01\"", "season"},
		"ages":                 {`doses = 2`, "doses = 2\nages = \"12\"", "ages"},
		"span":                 {`least = "1m"`, `least = "m"`, "span"},
		"no interval":          {`least = "1m"`, `dose = 2`, "least is needed"},
		"backwards":            {`least = "1m"`, `least = "1m-60d"`, "least is needed"},
		"check digit":          {`3400930299715`, `3400930299716`, "CIP"},
		"foreign pack":         {`3400930299715`, `5400930299713`, "CIP"},
		"long label":           {`IXE TILLEUL`, `IXE TILLEUL ET COMPAGNIE REUNIES`, "label"},
		"route":                {`["IM"]`, `["IV"]`, `route "IV"`},
		"several faults":       {`holder = "Tilleul"`, `vial = 3`, "holder and diseases"},
		"long name of disease": {`GRIPPE X`, `GRIPPE X DE LA SORTE LA PLUS LONGUE`, "certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(goodPack, v.old, v.new, 1)
			if text == goodPack {
				t.Fatal("nothing was changed")
			}
			if _, err := ParsePack([]byte(text)); err == nil || !strings.Contains(err.Error(), v.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := ParsePack(make([]byte, MaxPack+1)); err == nil {
		t.Error("a huge pack was read")
	}
}

func TestJoinFaults(t *testing.T) {
	pack := func(name, body string) Edition {
		p, err := ParsePack([]byte("name = \"" + name + "\"\nversion = 2026-01-02\ntitle = \"t\"\nsources = [\"s\"]\n" + body))
		if err != nil {
			t.Fatal(err)
		}
		return Edition{Pack: p}
	}
	const disease = "[[disease]]\ncode = \"d\"\nfrench = \"d\"\nenglish = \"d\"\ncertificate = \"D\"\n"
	const vaccine = "[[vaccine]]\ncode = \"V\"\nname = \"v\"\nholder = \"h\"\ndiseases = [\"d\"]\nroutes = [\"IM\"]\n"
	rule := func(kind, id, more string) string {
		return fmt.Sprintf("[[%s]]\nid = %q\nsource = \"s\"\n%s\n", kind, id, more)
	}
	for name, v := range map[string]struct {
		list []Edition
		want string
	}{
		"disease twice":         {[]Edition{pack("a", disease), pack("b", disease)}, "described twice"},
		"vaccine twice":         {[]Edition{pack("a", disease+vaccine), pack("b", vaccine)}, "written twice"},
		"alias twice":           {[]Edition{pack("a", disease+vaccine+"also = [\"V\"]\n")}, "written twice"},
		"pack twice":            {[]Edition{pack("a", disease+vaccine+"[[vaccine.presentation]]\ncip = [\"3400930299715\"]\n[[vaccine.presentation]]\ncip = [\"3400930299715\"]\n")}, "another one too"},
		"rule twice":            {[]Edition{pack("a", disease+rule("course", "r", "doses = 1\ndiseases = [\"d\"]")+rule("course", "r", "doses = 1\ndiseases = [\"d\"]"))}, "id is written twice"},
		"unknown disease":       {[]Edition{pack("a", vaccine)}, "not described"},
		"rule of no disease":    {[]Edition{pack("a", rule("course", "r", "doses = 1"))}, "diseases are needed"},
		"rule of nothing":       {[]Edition{pack("a", rule("course", "r", "doses = 1\ndiseases = [\"x\"]"))}, "not described"},
		"rule of no vaccine":    {[]Edition{pack("a", rule("age", "r", "ages = \"1y..\""))}, "vaccines are needed"},
		"rule of some vaccine":  {[]Edition{pack("a", rule("age", "r", "ages = \"1y..\"\nvaccines = [\"W\"]"))}, "not described"},
		"rule of an alias of V": {[]Edition{pack("a", disease+vaccine+"also = [\"W\"]\n"+rule("age", "r", "ages = \"1y..\"\nvaccines = [\"W\"]"))}, "not described"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Join(v.list); err == nil || !strings.Contains(err.Error(), v.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	older, newer := pack("a", disease), pack("a", disease+vaccine)
	newer.Version.Day++
	for _, list := range [][]Edition{{older, newer}, {newer, older}} {
		c, err := Join(list)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := c.Find("V"); !ok || len(c.Editions()) != 1 || len(c.Older()) != 1 || c.Older()[0].Version != older.Version || c.Version() != "a 2026-01-03" {
			t.Errorf("%s: %v, older %v", c.Version(), ok, c.Older())
		}
	}
}

func FuzzParsePack(f *testing.F) {
	f.Add([]byte(goodPack))
	text, err := embedded.ReadFile("packs/pratique.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePack(text)
		if err != nil {
			return
		}
		c, err := Join([]Edition{{Pack: p}})
		if err != nil {
			return
		}
		for _, v := range c.Vaccines() {
			on := carnet.Date{Year: 2026, Month: 3, Day: 31}
			a := c.Assess(Person{}, []carnet.Dose{{Vaccine: v.Code, Date: on.AddDays(-40)}}, v, on)
			if a.Rank < 1 || a.Expected < 1 {
				t.Fatalf("%s: %d/%d", v.Code, a.Rank, a.Expected)
			}
		}
	})
}
