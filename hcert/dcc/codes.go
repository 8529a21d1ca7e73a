package dcc

import (
	"slices"
	"sort"
	"strings"
)

// Set is one of the value sets of the certificates, version 2.12.0, by the name that rules use.
type Set string

const (
	Disease     Set = "disease-agent-targeted"
	VaccineType Set = "sct-vaccines-covid-19"
	Product     Set = "vaccines-covid-19-names"
	Holder      Set = "vaccines-covid-19-auth-holders"
	TestKind    Set = "covid-19-lab-test-type"
	TestResult  Set = "covid-19-lab-result"
	Country     Set = "country-2-codes"
)

// Entry is one code of a value set.
type Entry struct {
	Code       string
	Name       string // what to show; the code itself for a country
	Deprecated bool   // read it, never write it
}

// Lookup finds a code in a value set.
func Lookup(set Set, code string) (Entry, bool) {
	if set == Country {
		return Entry{Code: code, Name: code}, len(code) == 2 && inCountries(code)
	}
	t := tables[set]
	i, ok := slices.BinarySearchFunc(t, code, func(e Entry, c string) int { return strings.Compare(e.Code, c) })
	if !ok {
		return Entry{}, false
	}
	return t[i], true
}

// Entries gives a value set in the order of its codes, to offer it for choice.
func Entries(set Set) []Entry {
	if set != Country {
		return slices.Clone(tables[set])
	}
	var all []Entry
	for code := range strings.FieldsSeq(countries) {
		all = append(all, Entry{Code: code, Name: code})
	}
	return all
}

// inCountries searches the list, two letters and a space each.
func inCountries(code string) bool {
	i := sort.Search((len(countries)+1)/3, func(i int) bool { return countries[3*i:3*i+2] >= code })
	return 3*i < len(countries) && countries[3*i:3*i+2] == code
}

// tables are in the order of their codes.
var tables = map[Set][]Entry{
	Disease: {
		{Code: "840539006", Name: "COVID-19"},
	},
	VaccineType: {
		{Code: "1119305005", Name: "SARS-CoV-2 antigen vaccine"},
		{Code: "1119349007", Name: "SARS-CoV-2 mRNA vaccine"},
		{Code: "1157024006", Name: "Inactivated SARS-CoV-2 vaccine"},
		{Code: "1162643001", Name: "SARS-CoV-2 recombinant spike protein vaccine"},
		{Code: "1187593009", Name: "SARS-CoV-2 DNA vaccine"},
		{Code: "28531000087107", Name: "COVID-19 vaccine"},
		{Code: "29061000087103", Name: "COVID-19 viral vector vaccine"},
		{Code: "30141000087107", Name: "SARS-CoV-2 virus-like particle vaccine"},
		{Code: "J07BX03", Name: "COVID-19 vaccine", Deprecated: true},
	},
	Product: {
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
	},
	Holder: {
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
	},
	TestKind: {
		{Code: "LP217198-3", Name: "Rapid antigen test"},
		{Code: "LP6464-4", Name: "Nucleic acid amplification test (NAAT)"},
	},
	TestResult: {
		{Code: "260373001", Name: "Detected"},
		{Code: "260415000", Name: "Not detected"},
	},
}

// countries is ISO 3166-1 alpha-2 and XK (Kosovo), 250 codes.
const countries = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV " +
	"BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM " +
	"FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM " +
	"JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR " +
	"MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS " +
	"RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ " +
	"UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW"
