package dcc

import "strings"

// The tables that are built in: version 2.12.0 of the published value sets, and their encoding
// instructions of the same version.

// inCountries looks a country up.
func inCountries(code string) bool {
	if len(code) != 2 {
		return false
	}
	a, b := code[0]-'A', code[1]-'A'
	return a < 26 && b < 26 && countryBits[a]>>b&1 != 0
}

// countryBits has for each first letter the second ones.
var countryBits = func() (t [26]uint32) {
	for c := range strings.FieldsSeq(countries) {
		t[c[0]-'A'] |= 1 << (c[1] - 'A')
	}
	return t
}()

// published is the date that each built-in table states.
var published = map[Set]string{
	Disease: "2021-04-27", VaccineType: "2023-01-25", Product: "2022-11-30", Holder: "2022-01-26",
	TestKind: "2021-04-27", TestResult: "2021-04-27", Country: "2019-11-01", encodingSet: "2023-05-05",
}

// builtIn gives a table, in the order of its codes.
func builtIn(set Set) *table {
	switch set {
	case Disease:
		return &diseases
	case VaccineType:
		return &vaccineTypes
	case Product:
		return &products
	case Holder:
		return &holders
	case TestKind:
		return &testKinds
	case TestResult:
		return &testResults
	}
	return &none
}

// table is a small table that is built in, with an index.
type table struct {
	entries []Entry
	index   index
}

func newTable(entries []Entry) table {
	return table{entries, newIndex(len(entries), func(i int) string { return entries[i].Code })}
}

func (t *table) find(code string) *Entry {
	for at := slot(code) % slots; t.index[at] != 0; at = (at + 1) % slots {
		if e := &t.entries[t.index[at]-1]; e.Code == code {
			return e
		}
	}
	return nil
}

// index has for a slot the place, from 1, in a table of fewer rows than slots. Rows with one slot
// lie in the next ones.
type index [slots]uint8

const slots = 128

func newIndex(n int, code func(int) string) (x index) {
	for i := range n {
		at := slot(code(i))
		for x[at] != 0 {
			at = (at + 1) % slots
		}
		x[at] = uint8(i + 1)
	}
	return x
}

// slot goes by length and end: codes of one set often begin alike.
func slot(code string) uint32 {
	h := uint32(len(code))
	if n := len(code); n >= 4 {
		h += uint32(code[n-1]) | uint32(code[n-2])<<8 | uint32(code[n-3])<<16 | uint32(code[n-4])<<24
	}
	return h * 0x9e3779b1 >> 25
}

var (
	none     table
	diseases = newTable([]Entry{
		{Code: "840539006", Name: "COVID-19"},
	})
	vaccineTypes = newTable([]Entry{
		{Code: "1119305005", Name: "SARS-CoV-2 antigen vaccine"},
		{Code: "1119349007", Name: "SARS-CoV-2 mRNA vaccine"},
		{Code: "1157024006", Name: "Inactivated SARS-CoV-2 vaccine"},
		{Code: "1162643001", Name: "SARS-CoV-2 recombinant spike protein vaccine"},
		{Code: "1187593009", Name: "SARS-CoV-2 DNA vaccine"},
		{Code: "28531000087107", Name: "COVID-19 vaccine"},
		{Code: "29061000087103", Name: "COVID-19 viral vector vaccine"},
		{Code: "30141000087107", Name: "SARS-CoV-2 virus-like particle vaccine"},
		{Code: "J07BX03", Name: "COVID-19 vaccine", Deprecated: true},
	})
	products = newTable([]Entry{
		{Code: "AZD2816", Name: "AZD2816"},
		{Code: "Abdala", Name: "Abdala"},
		{Code: "BBIBP-CorV", Name: "BBIBP-CorV"},
		{Code: "CVnCoV", Name: "CVnCoV"},
		{Code: "Convidecia", Name: "Convidecia"},
		{Code: "CoronaVac", Name: "CoronaVac"},
		{Code: "Covaxin", Name: "Covaxin"},
		{Code: "CoviVac", Name: "CoviVac"},
		{Code: "Covid-19-adsorvida-inativada", Name: "Vacina adsorvida covid-19 (inativada)"},
		{Code: "Covid-19-recombinant", Name: "Covid-19 (recombinant)"},
		{Code: "Covifenz", Name: "Covifenz"},
		{Code: "Covishield", Name: "Covishield"},
		{Code: "Covovax", Name: "Covovax"},
		{Code: "EU/1/20/1507", Name: "Spikevax"},
		{Code: "EU/1/20/1525", Name: "Jcovden"},
		{Code: "EU/1/20/1528", Name: "Comirnaty"},
		{Code: "EU/1/21/1529", Name: "Vaxzevria"},
		{Code: "EU/1/21/1580", Name: "VidPrevtyn Beta"},
		{Code: "EU/1/21/1618", Name: "Nuvaxovid"},
		{Code: "EU/1/21/1624", Name: "Valneva"},
		{Code: "EU/1/22/1709", Name: "Bimervax"},
		{Code: "EpiVacCorona", Name: "EpiVacCorona"},
		{Code: "EpiVacCorona-N", Name: "EpiVacCorona-N"},
		{Code: "Hayat-Vax", Name: "Hayat-Vax"},
		{Code: "Inactivated-SARS-CoV-2-Vero-Cell", Name: "Inactivated SARS-CoV-2 (Vero Cell)", Deprecated: true},
		{Code: "MVC-COV1901", Name: "MVC COVID-19 vaccine"},
		{Code: "NVSI-06-08", Name: "NVSI-06-08"},
		{Code: "NVX-CoV2373", Name: "NVX-CoV2373", Deprecated: true},
		{Code: "R-COVI", Name: "R-COVI"},
		{Code: "SCTV01C", Name: "SCTV01C"},
		{Code: "Soberana-02", Name: "Soberana 02"},
		{Code: "Soberana-Plus", Name: "Soberana Plus"},
		{Code: "Sputnik-Light", Name: "Sputnik Light"},
		{Code: "Sputnik-M", Name: "Sputnik M"},
		{Code: "Sputnik-V", Name: "Sputnik V"},
		{Code: "VLA2001", Name: "VLA2001", Deprecated: true},
		{Code: "Vidprevtyn", Name: "Vidprevtyn", Deprecated: true},
		{Code: "WIBP-CorV", Name: "WIBP-CorV"},
		{Code: "YS-SC2-010", Name: "YS-SC2-010"},
	})
	holders = newTable([]Entry{
		{Code: "Bharat-Biotech", Name: "Bharat Biotech"},
		{Code: "CIGB", Name: "CIGB"},
		{Code: "Chumakov-Federal-Scientific-Center", Name: "Chumakov Center"},
		{Code: "Finlay-Institute", Name: "Finlay Institute"},
		{Code: "Fiocruz", Name: "Fiocruz"},
		{Code: "Gamaleya-Research-Institute", Name: "Gamaleya Institute"},
		{Code: "Instituto-Butantan", Name: "Instituto Butantan"},
		{Code: "NVSI", Name: "NVSI"},
		{Code: "ORG-100000788", Name: "Sanofi Pasteur"},
		{Code: "ORG-100001417", Name: "Janssen"},
		{Code: "ORG-100001699", Name: "AstraZeneca"},
		{Code: "ORG-100001981", Name: "Serum Institute of India"},
		{Code: "ORG-100006270", Name: "CureVac"},
		{Code: "ORG-100007893", Name: "R-Pharm"},
		{Code: "ORG-100008549", Name: "Medicago"},
		{Code: "ORG-100010771", Name: "Sinopharm (Prague)"},
		{Code: "ORG-100013793", Name: "CanSino"},
		{Code: "ORG-100020693", Name: "Sinopharm (Beijing)"},
		{Code: "ORG-100023050", Name: "Gulf Pharmaceutical Industries"},
		{Code: "ORG-100024420", Name: "Sinopharm (Shenzhen)"},
		{Code: "ORG-100026614", Name: "Sinocelltech"},
		{Code: "ORG-100030215", Name: "BioNTech"},
		{Code: "ORG-100031184", Name: "Moderna"},
		{Code: "ORG-100032020", Name: "Novavax"},
		{Code: "ORG-100033914", Name: "Medigen"},
		{Code: "ORG-100036422", Name: "Valneva"},
		{Code: "ORG-100036914", Name: "Hipra"},
		{Code: "Sinopharm-WIBP", Name: "Sinopharm (Wuhan)"},
		{Code: "Sinovac-Biotech", Name: "Sinovac"},
		{Code: "Vector-Institute", Name: "Vector Institute"},
		{Code: "Yisheng-Biopharma", Name: "Yisheng"},
	})
	testKinds = newTable([]Entry{
		{Code: "LP217198-3", Name: "Rapid antigen test"},
		{Code: "LP6464-4", Name: "Nucleic acid amplification test (NAAT)"},
	})
	testResults = newTable([]Entry{
		{Code: "260373001", Name: "Detected"},
		{Code: "260415000", Name: "Not detected"},
	})
)

// countries is ISO 3166-1 alpha-2 and XK (Kosovo), 250 codes.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV " +
	"BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM " +
	"FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM " +
	"JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR " +
	"MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS " +
	"RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"

// Types of vaccine in the encoding instructions: the generic one is allowed for every product.
const (
	generic     = "28531000087107"
	mRNA        = "1119349007"
	vector      = "29061000087103"
	spike       = "1162643001"
	inactivated = "1157024006"
)

// encodings are in the order of the products.
var encodings = []Encoding{
	{"AZD2816", "ORG-100001699", []string{generic, vector}},
	{"Abdala", "CIGB", []string{generic}},
	{"BBIBP-CorV", "ORG-100020693", []string{generic, inactivated}},
	{"CVnCoV", "ORG-100006270", []string{mRNA, generic}},
	{"Convidecia", "ORG-100013793", []string{generic, vector}},
	{"CoronaVac", "Sinovac-Biotech", []string{generic, inactivated}},
	{"Covaxin", "Bharat-Biotech", []string{generic, inactivated}},
	{"CoviVac", "Chumakov-Federal-Scientific-Center", []string{generic, inactivated}},
	{"Covid-19-adsorvida-inativada", "Instituto-Butantan", []string{generic, inactivated}},
	{"Covid-19-recombinant", "Fiocruz", []string{generic, vector}},
	{"Covifenz", "ORG-100008549", []string{generic}},
	{"Covishield", "ORG-100001981", []string{generic, vector}},
	{"Covovax", "ORG-100001981", []string{generic, spike}},
	{"EU/1/20/1507", "ORG-100031184", []string{mRNA, generic}},
	{"EU/1/20/1525", "ORG-100001417", []string{generic, vector}},
	{"EU/1/20/1528", "ORG-100030215", []string{mRNA, generic}},
	{"EU/1/21/1529", "ORG-100001699", []string{generic, vector}},
	{"EU/1/21/1580", "ORG-100000788", []string{generic}},
	{"EU/1/21/1618", "ORG-100032020", []string{generic, spike}},
	{"EU/1/21/1624", "ORG-100036422", []string{generic}},
	{"EU/1/22/1709", "ORG-100036914", []string{generic}},
	{"EpiVacCorona", "Vector-Institute", []string{generic, spike}},
	{"EpiVacCorona-N", "Vector-Institute", []string{generic, spike}},
	{"Hayat-Vax", "ORG-100023050", []string{generic, inactivated}},
	{"Inactivated-SARS-CoV-2-Vero-Cell", "ORG-100010771", []string{generic, inactivated}},
	{"MVC-COV1901", "ORG-100033914", []string{generic, spike}},
	{"NVSI-06-08", "NVSI", []string{generic}},
	{"NVX-CoV2373", "ORG-100032020", []string{generic, spike}},
	{"R-COVI", "ORG-100007893", []string{generic, vector}},
	{"SCTV01C", "ORG-100026614", []string{generic}},
	{"Soberana-02", "Finlay-Institute", []string{generic}},
	{"Soberana-Plus", "Finlay-Institute", []string{generic}},
	{"Sputnik-Light", "Gamaleya-Research-Institute", []string{generic, vector}},
	{"Sputnik-M", "Gamaleya-Research-Institute", []string{generic, vector}},
	{"Sputnik-V", "Gamaleya-Research-Institute", []string{generic, vector}},
	{"VLA2001", "ORG-100036422", []string{generic}},
	{"Vidprevtyn", "ORG-100000788", []string{generic}},
	{"WIBP-CorV", "Sinopharm-WIBP", []string{generic, inactivated}},
	{"YS-SC2-010", "Yisheng-Biopharma", []string{generic}},
}

var encodingIndex = newIndex(len(encodings), func(i int) string { return encodings[i].Product })

// builtInEncoding finds a product.
func builtInEncoding(product string) (Encoding, bool) {
	for at := slot(product) % slots; encodingIndex[at] != 0; at = (at + 1) % slots {
		if e := &encodings[encodingIndex[at]-1]; e.Product == product {
			return *e, true
		}
	}
	return Encoding{}, false
}
