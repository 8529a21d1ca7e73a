package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"carnet/internal/carnet"
)

// dosesOf reads "CODE@2021-01-02 CODE@2021-02-03"; a ~ before the code is a dose that is only stated.
func dosesOf(t testing.TB, text string) []carnet.Dose {
	t.Helper()
	var list []carnet.Dose
	for _, word := range strings.Fields(text) {
		code, when, _ := strings.Cut(word, "@")
		d := carnet.Dose{Date: day(t, when)}
		if rest, ok := strings.CutPrefix(code, "~"); ok {
			code, d.Evidence = rest, carnet.Stated
		}
		d.Vaccine = code
		list = append(list, d)
	}
	return list
}

func born1(t testing.TB, s string) carnet.BirthDate {
	t.Helper()
	if s == "" {
		return carnet.BirthDate{}
	}
	b, err := carnet.ParseBirthDate(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCases are the facts: workflow section 15 for COVID-19, the calendar for the others.
func TestCases(t *testing.T) {
	c := carriedPacks(t)
	const grown, old, child = "1980-05-05", "1950-05-05", "2026-01-05"
	for name, v := range map[string]struct {
		birth, infections, history, vaccine, on string
		rank                                    string
		reason                                  Reason
		warnings                                string
	}{
		"two doses, the first":                                  {grown, "", "", comirnaty, "2021-05-10", "1/2", First, ""},
		"two doses, the second":                                 {grown, "", comirnaty + "@2021-05-10", comirnaty, "2021-06-21", "2/2", Primary, ""},
		"21 days, never sooner":                                 {grown, "", comirnaty + "@2021-01-10", comirnaty, "2021-01-30", "2/2", Primary, "interval"},
		"28 days for Spikevax":                                  {grown, "", spikevax + "@2021-03-10", spikevax, "2021-04-06", "2/2", Primary, "interval"},
		"late in summer 2021":                                   {grown, "", comirnaty + "@2021-06-20", comirnaty, "2021-08-20", "2/2", Primary, "late"},
		"nine weeks for Vaxzevria":                              {old, "", vaxzevria + "@2021-03-20", vaxzevria, "2021-05-20", "2/2", Primary, "interval"},
		"Vaxzevria before 55, from 19 Mar 2021":                 {grown, "", "", vaxzevria, "2021-03-19", "1/2", First, "too-young"},
		"Vaxzevria before 55, a day before":                     {grown, "", "", vaxzevria, "2021-03-18", "1/2", First, ""},
		"after infection, before the rule":                      {grown, "2020-10-01", "", comirnaty, "2021-02-10", "1/2", First, ""},
		"after infection, one dose":                             {grown, "2020-10-01", "", comirnaty, "2021-02-11", "1/1", Recovered, ""},
		"after infection, too soon":                             {grown, "2021-02-01", "", comirnaty, "2021-04-20", "1/1", Recovered, "infection"},
		"infection without proof":                               {grown, "~2020-10-01", "", comirnaty, "2021-02-11", "1/2", First, ""},
		"infection after the first dose is none before it":      {grown, "2021-05-20", comirnaty + "@2021-05-10", comirnaty, "2021-09-01", "2/2", Primary, "late"},
		"booster after infection course, before Feb 2022":       {grown, "2020-10-01", comirnaty + "@2021-03-01", comirnaty, "2022-01-10", "2/2", Booster, ""},
		"booster after infection course, 1 Feb 2022":            {grown, "2020-10-01", comirnaty + "@2021-03-01", comirnaty, "2022-02-01", "2/1", Booster, ""},
		"second booster after infection course":                 {grown, "2020-10-01", comirnaty + "@2021-03-01 " + comirnaty + "@2022-02-01", comirnaty, "2023-02-01", "3/1", Booster, "complete"},
		"Janssen":                                               {grown, "", "", jcovden, "2021-06-01", "1/1", First, ""},
		"mRNA after Janssen, four weeks":                        {grown, "", jcovden + "@2021-08-01", comirnaty, "2021-08-29", "2/2", Booster, ""},
		"mRNA after Janssen, sooner":                            {grown, "", jcovden + "@2021-08-01", comirnaty, "2021-08-28", "2/2", Booster, "interval"},
		"mRNA after Janssen, since Feb 2022":                    {grown, "", jcovden + "@2021-08-01", comirnaty, "2022-02-01", "2/1", Booster, ""},
		"third after Janssen":                                   {grown, "", jcovden + "@2021-06-01 " + comirnaty + "@2021-09-01", comirnaty, "2022-02-20", "3/1", Booster, ""},
		"booster, October 2021, six months":                     {grown, "", comirnaty + "@2021-03-01 " + comirnaty + "@2021-04-01", comirnaty, "2021-10-01", "3/3", Booster, ""},
		"booster, October 2021, a day less":                     {grown, "", comirnaty + "@2021-03-01 " + comirnaty + "@2021-04-01", comirnaty, "2021-09-30", "3/3", Booster, "interval"},
		"booster, December 2021, five months":                   {grown, "", comirnaty + "@2021-05-20 " + comirnaty + "@2021-07-01", comirnaty, "2021-12-01", "3/3", Booster, ""},
		"booster, 27 Dec 2021, four months":                     {grown, "", comirnaty + "@2021-07-01 " + comirnaty + "@2021-08-20", comirnaty, "2021-12-27", "3/3", Booster, "interval"},
		"booster, 28 Dec 2021, three months":                    {grown, "", comirnaty + "@2021-08-01 " + comirnaty + "@2021-09-20", comirnaty, "2021-12-28", "3/3", Booster, ""},
		"booster counted from an infection after the course":    {grown, "2021-12-01", comirnaty + "@2021-05-01 " + comirnaty + "@2021-06-01", comirnaty, "2022-01-15", "3/3", Booster, "infection interval"},
		"Nuvaxovid is no booster at first":                      {grown, "", comirnaty + "@2021-05-01 " + comirnaty + "@2021-06-01", nuvaxovid, "2022-03-10", "3/3", Booster, "not-booster"},
		"each year from 65":                                     {old, "", comirnaty + "@2021-05-01 " + comirnaty + "@2021-06-01 " + comirnaty + "@2022-02-01", comirnaty, "2026-10-15", "4/4", Booster, ""},
		"each year, not before 65":                              {grown, "", comirnaty + "@2021-05-01 " + comirnaty + "@2021-06-01", comirnaty, "2026-10-15", "3/3", Booster, "complete"},
		"other product within the course":                       {grown, "", vaxzevria + "@2021-03-10", comirnaty, "2021-05-20", "2/2", Primary, "other-vaccine"},
		"same day":                                              {grown, "", comirnaty + "@2021-05-10", comirnaty, "2021-05-10", "2/2", Primary, "same-day"},
		"a later dose is there":                                 {grown, "", comirnaty + "@2021-05-10", comirnaty, "2021-04-01", "1/2", First, "later-dose"},
		"dose abroad, with proof, of the value sets":            {grown, "", "Sputnik-V@2021-02-01", comirnaty, "2021-06-01", "2/2", Primary, "other-vaccine"},
		"one dose abroad is a whole course":                     {grown, "", "Sputnik-Light@2021-02-01", comirnaty, "2022-06-01", "2/1", Booster, "complete"},
		"stated, not seen":                                      {grown, "", "~" + comirnaty + "@2021-02-01", comirnaty, "2021-06-01", "1/2", First, "stated-dose"},
		"a product that nobody knows":                           {grown, "", "GLOUBI@2021-02-01", comirnaty, "2021-06-01", "1/2", First, "unknown-dose"},
		"dated before birth":                                    {grown, "", comirnaty + "@1979-02-01", comirnaty, "2021-06-01", "1/2", First, "before-birth"},
		"deprecated code is read":                               {grown, "", "NVX-CoV2373@2022-03-01", nuvaxovid, "2022-03-29", "2/2", Primary, ""},
		"12 years, from 15 June 2021":                           {"2009-06-15", "", "", comirnaty, "2021-06-15", "1/2", First, ""},
		"12 years, the day before":                              {"2009-06-15", "", "", comirnaty, "2021-06-14", "1/2", First, "too-young"},
		"5 years, from 22 Dec 2021":                             {"2016-12-22", "", "", comirnaty, "2021-12-22", "1/2", First, ""},
		"partly known birth warns of what is certain":           {"2009-00-00", "", "", comirnaty, "2021-06-20", "1/2", First, ""},
		"nothing known of the person":                           {"", "", "", comirnaty, "2026-06-20", "1/2", First, ""},
		"another disease does not count":                        {grown, "", vaxigrip + "@2026-10-01 " + repevax + "@2020-01-01", comirnaty, "2026-10-10", "1/2", First, ""},
		"infant, hexavalent, 2 months":                          {child, "", "", hexyon, "2026-03-05", "1/3", First, ""},
		"infant, too young":                                     {child, "", "", hexyon, "2026-02-10", "1/3", First, "too-young"},
		"infant, 4 months, the other brand":                     {child, "", hexyon + "@2026-03-05", infanrix, "2026-05-05", "2/3", Primary, ""},
		"infant, 11 months":                                     {child, "", hexyon + "@2026-03-05 " + hexyon + "@2026-05-05", hexyon, "2026-12-05", "3/3", Primary, ""},
		"infant, third too soon":                                {child, "", hexyon + "@2026-03-05 " + hexyon + "@2026-05-05", hexyon, "2026-08-05", "3/3", Primary, "interval"},
		"booster at 6, four antigens of six":                    {"2020-01-05", "", hexyon + "@2020-03-05 " + hexyon + "@2020-05-05 " + hexyon + "@2020-12-05", "NUVA/VAC0037", "2026-01-06", "4/4", Booster, ""},
		"adult booster without a record":                        {grown, "", "", repevax, "2026-01-06", "1/1", First, ""},
		"adult booster after one":                               {grown, "", repevax + "@2005-05-05", repevax, "2026-01-06", "2/2", Booster, ""},
		"measles, 12 months":                                    {"2025-01-05", "", "", priorix, "2026-01-05", "1/2", First, ""},
		"measles, other brand":                                  {"2025-01-05", "", priorix + "@2026-01-05", mmrvaxpro, "2026-05-10", "2/2", Primary, ""},
		"measles, three weeks later":                            {"2025-01-05", "", priorix + "@2026-01-05", priorix, "2026-01-26", "2/2", Primary, "interval"},
		"measles, third":                                        {"2000-01-05", "", priorix + "@2001-01-05 " + priorix + "@2001-05-05", priorix, "2026-01-26", "3/3", Booster, "complete"},
		"two live vaccines ten days apart":                      {"2000-01-05", "", priorix + "@2026-01-05", stamaril, "2026-01-15", "1/1", First, "live-interval"},
		"two live vaccines on one day":                          {"2000-01-05", "", priorix + "@2026-01-05", stamaril, "2026-01-05", "1/1", First, ""},
		"two live vaccines four weeks apart":                    {"2000-01-05", "", priorix + "@2026-01-05", varivax, "2026-02-02", "1/2", First, ""},
		"two live vaccines, the later one known":                {"2000-01-05", "", priorix + "@2026-01-15", stamaril, "2026-01-05", "1/1", First, "live-interval"},
		"live by mouth does not matter":                         {child, "", rotarix + "@2026-03-05", "NUVA/VAC0590", "2026-03-10", "1/1", First, ""},
		"rotavirus, too old":                                    {child, "", "", rotarix, "2026-07-05", "1/2", First, "too-old"},
		"HPV at 12, two doses":                                  {"2014-01-05", "", "", gardasil, "2026-03-05", "1/2", First, ""},
		"HPV at 12, second at 3 months":                         {"2014-01-05", "", gardasil + "@2026-01-05", gardasil, "2026-04-05", "2/2", Primary, "interval"},
		"HPV at 16, three doses":                                {"2010-01-05", "", "", gardasil, "2026-03-05", "1/3", First, ""},
		"HPV begun at 14, ended at 15":                          {"2011-01-05", "", gardasil + "@2025-12-01", gardasil, "2026-06-05", "2/2", Primary, ""},
		"meningococcus B, infant":                               {child, "", bexsero + "@2026-04-05", bexsero, "2026-06-05", "2/3", Primary, ""},
		"meningococcus B, adolescent":                           {"2008-01-05", "", "", bexsero, "2026-06-05", "1/2", First, ""},
		"meningococcus ACWY, infant":                            {child, "", "", nimenrix, "2026-07-05", "1/2", First, ""},
		"meningococcus ACWY, adolescent, after infancy":         {"2014-01-05", "", nimenrix + "@2014-07-05 " + nimenrix + "@2015-01-05", nimenrix, "2026-02-05", "3/3", Booster, ""},
		"meningococcus ACWY, catch-up":                          {"2005-01-05", "", "", nimenrix, "2026-07-05", "1/1", First, ""},
		"influenza, each season again":                          {old, "", vaxigrip + "@2024-10-15 " + vaxigrip + "@2025-10-20", vaxigrip, "2026-10-15", "1/1", Seasonal, ""},
		"influenza, twice in a season":                          {old, "", vaxigrip + "@2026-10-15", vaxigrip, "2026-12-15", "2/2", Booster, "complete"},
		"influenza, season over the new year":                   {old, "", vaxigrip + "@2026-10-15", vaxigrip, "2027-02-15", "2/2", Booster, "complete"},
		"pneumococcus, 65":                                      {old, "", "", prevenar, "2026-10-15", "1/1", First, ""},
		"zoster":                                                {old, "", shingrix + "@2026-05-15", shingrix, "2026-07-15", "2/2", Primary, ""},
		"zoster, late":                                          {old, "", shingrix + "@2025-05-15", shingrix, "2026-07-15", "2/2", Primary, "late"},
		"yellow fever":                                          {grown, "", "", stamaril, "2026-07-15", "1/1", First, ""},
		"yellow fever, again":                                   {grown, "", stamaril + "@2010-01-05", stamaril, "2026-07-15", "2/2", Booster, "complete"},
		"same antigen twice today, in another product":          {"2020-01-05", "", "NUVA/VAC0046@2026-03-05", hexyon, "2026-03-05", "1/3", First, "too-old same-day"},
		"hepatitis B counted through the hexavalent":            {"2010-01-05", "", hexyon + "@2010-03-05 " + hexyon + "@2010-05-05 " + hexyon + "@2011-01-05", "NUVA/VAC0045", "2024-03-05", "4/4", Booster, "complete"},
		"hepatitis B at 12, two doses of 20":                    {"2014-01-05", "", "NUVA/VAC0046@2026-01-05", "NUVA/VAC0046", "2026-07-06", "2/2", Primary, ""},
		"low content before 6":                                  {"2023-01-05", "", "", repevax, "2026-07-06", "1/3", First, "too-young"},
		"a record that none was given does not count":           {grown, "", "!" + comirnaty + "@2021-05-10", comirnaty, "2021-06-10", "1/2", First, ""},
		"interrupted course is resumed, never started again":    {"1990-01-05", "", "NUVA/VAC0049@2010-01-05", "NUVA/VAC0049", "2026-01-05", "2/2", Primary, "late"},
		"infection on the day of the dose is not before it":     {grown, "2021-05-10", "", comirnaty, "2021-05-10", "1/2", First, "infection"},
		"proof of infection in the future has no effect today":  {grown, "2021-06-10", "", comirnaty, "2021-05-10", "1/2", First, ""},
		"Spikevax after Comirnaty as a booster is no other one": {grown, "", comirnaty + "@2021-05-01 " + comirnaty + "@2021-06-01", spikevax, "2022-01-10", "3/3", Booster, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := Person{Birth: born1(t, v.birth)}
			for _, when := range strings.Fields(v.infections) {
				i := carnet.Infection{Disease: "covid-19", Evidence: carnet.Proven}
				if rest, ok := strings.CutPrefix(when, "~"); ok {
					when, i.Evidence = rest, carnet.Stated
				}
				i.Date = day(t, when)
				p.Infections = append(p.Infections, i)
			}
			history := dosesOf(t, v.history)
			for i := range history {
				if rest, ok := strings.CutPrefix(history[i].Vaccine, "!"); ok {
					history[i].Vaccine, history[i].NotGiven = rest, carnet.Unwell
				}
			}
			vaccine, ok := c.Find(v.vaccine)
			if !ok {
				t.Fatalf("%s is not in the catalogue", v.vaccine)
			}
			a := c.Assess(p, history, vaccine, day(t, v.on))
			var warned []string
			for _, w := range a.Warnings {
				warned = append(warned, string(w.Code))
			}
			if got := fmt.Sprintf("%d/%d", a.Rank, a.Expected); got != v.rank || a.Reason != v.reason || strings.Join(warned, " ") != v.warnings {
				t.Errorf("%s %s %v, by %v", got, a.Reason, warned, a.Rules)
			}
			if a.Version != c.Version() {
				t.Errorf("version %q", a.Version)
			}
			for _, id := range a.Rules {
				if _, ok := c.rules[id]; !ok {
					t.Errorf("rule %q is in no pack", id)
				}
			}
		})
	}
}

func TestNext(t *testing.T) {
	c := carriedPacks(t)
	for name, v := range map[string]struct{ birth, history, vaccine, on, want string }{
		"second dose, January 2021":       {"1980-05-05", "", comirnaty, "2021-01-10", "2021-01-31 2021-02-07 - covid-19/comirnaty"},
		"second dose, April 2021":         {"1980-05-05", "", comirnaty, "2021-04-14", "2021-05-05 2021-05-26 2021-06-03 covid-19/comirnaty-42-days"},
		"booster, five months":            {"1980-05-05", comirnaty + "@2021-11-01", comirnaty, "2021-12-01", "2022-05-01 2022-05-01 2022-07-02 covid-19/booster-5-months"},
		"nothing after it":                {"1980-05-05", comirnaty + "@2026-01-01", comirnaty, "2026-03-01", "- - - "},
		"next season":                     {"1950-05-05", "", vaxigrip, "2026-10-15", "2027-08-01 2027-08-01 - calendrier/influenza-season"},
		"next birthday of the calendar":   {"1980-05-05", "", repevax, "2005-06-01", "2005-07-01 2025-05-05 - calendrier/dtcp-ages"},
		"every ten years after 65":        {"1950-05-05", "", repevax, "2016-06-01", "2016-07-01 2025-05-05 - calendrier/dtcp-ages"},
		"measles, second at 16 months":    {"2025-01-05", "", priorix, "2026-01-05", "2026-02-05 2026-05-05 - calendrier/measles-interval"},
		"hexavalent, third at 11 months":  {"2026-01-05", hexyon + "@2026-03-05", hexyon, "2026-05-05", "2026-11-05 2026-12-05 - calendrier/dtcp-3-interval"},
		"zoster, late after six months":   {"1950-05-05", "", shingrix, "2026-01-05", "2026-02-05 2026-03-05 2026-07-06 calendrier/zoster-interval"},
		"yellow fever is for life":        {"1980-05-05", "", stamaril, "2026-03-01", "- - - "},
		"each year from 65":               {"1950-05-05", comirnaty + "@2021-05-01 " + comirnaty + "@2021-06-01", comirnaty, "2026-10-15", "2027-04-15 2027-10-15 - covid-19/every-year"},
		"adolescent dose after infancy":   {"2026-01-05", nimenrix + "@2026-07-05", nimenrix, "2027-01-05", "- - - "},
		"nobody knows when they are born": {"", "", repevax, "2026-03-01", "2026-03-29 2026-05-01 - calendrier/dtcp-2-interval"},
	} {
		t.Run(name, func(t *testing.T) {
			vaccine, _ := c.Find(v.vaccine)
			n := c.Assess(Person{Birth: born1(t, v.birth)}, dosesOf(t, v.history), vaccine, day(t, v.on)).Next
			show := func(d carnet.Date) string {
				if d.IsZero() {
					return "-"
				}
				return d.String()
			}
			if got := fmt.Sprintf("%s %s %s %s", show(n.Earliest), show(n.Recommended), show(n.Overdue), n.Rule); got != v.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestOffer(t *testing.T) {
	c := carriedPacks(t)
	codes := func(list []Choice) (out []string) {
		for _, e := range list {
			out = append(out, e.Code)
		}
		return out
	}
	asked := func(list []Question) (out []string) {
		for _, q := range list {
			out = append(out, q.Code)
			if q.French == "" || q.In["en"] == "" {
				t.Errorf("%s has no words", q.Code)
			}
		}
		return out
	}
	for name, v := range map[string]struct {
		birth          string
		sex            carnet.Sex
		vaccine, on    string
		consent        carnet.ConsentBy
		parents        int
		site           carnet.BodySite
		eligible, asks string // "+a -b": there, not there
	}{
		"grown man":            {"1980-05-05", carnet.Male, comirnaty, "2026-03-01", carnet.BySelf, 0, carnet.LeftArm, "+risk -age-65 -pregnancy +other", "+allergy +fever +myocarditis -capillary-leak -pregnancy-live"},
		"grown woman":          {"1990-05-05", carnet.Female, priorix, "2026-03-01", carnet.BySelf, 0, carnet.LeftArm, "+calendar -mandatory", "+pregnancy-live +immunodeficiency-live -myocarditis"},
		"infant":               {"2026-01-05", carnet.Female, hexyon, "2026-03-05", carnet.ByParent, 1, carnet.LeftThigh, "+mandatory", "+bleeding -pregnancy-live"},
		"by mouth":             {"2026-01-05", carnet.Male, rotarix, "2026-03-05", carnet.ByParent, 1, "", "+calendar", "+intussusception -bleeding"},
		"15, before the law":   {"2006-01-05", carnet.Male, comirnaty, "2021-08-04", carnet.ByParent, 2, carnet.LeftArm, "", ""},
		"15, since the law":    {"2006-01-05", carnet.Male, comirnaty, "2021-08-05", carnet.ByParent, 1, carnet.LeftArm, "", ""},
		"16, since the law":    {"2005-08-05", carnet.Male, comirnaty, "2021-08-05", carnet.BySelf, 0, carnet.LeftArm, "", ""},
		"16, another disease":  {"2010-01-05", carnet.Male, repevax, "2026-08-05", carnet.ByParent, 1, carnet.LeftArm, "", ""},
		"65":                   {"1961-03-01", carnet.Male, comirnaty, "2026-03-01", carnet.BySelf, 0, carnet.LeftArm, "+age-65", ""},
		"75, RSV":              {"1951-03-01", carnet.Female, "EU/1/23/1752", "2026-03-01", carnet.BySelf, 0, carnet.LeftArm, "+age-75 -pregnancy", ""},
		"yellow fever at 60":   {"1960-03-01", carnet.Female, stamaril, "2026-03-01", carnet.BySelf, 0, carnet.LeftArm, "+travel", "+yellow-fever-60 +thymus +egg"},
		"nothing is known":     {"", "", comirnaty, "2026-03-01", carnet.BySelf, 0, carnet.LeftArm, "+risk -age-65", "+allergy"},
		"man, vector vaccines": {"1950-05-05", carnet.Male, vaxzevria, "2021-05-01", carnet.BySelf, 0, carnet.LeftArm, "", "+capillary-leak +thrombosis -myocarditis"},
	} {
		t.Run(name, func(t *testing.T) {
			vaccine, _ := c.Find(v.vaccine)
			a := c.Assess(Person{Birth: born1(t, v.birth), Sex: v.sex}, nil, vaccine, day(t, v.on))
			if a.Consent.By[0] != v.consent || a.Consent.Parents != v.parents {
				t.Errorf("consent %+v", a.Consent)
			}
			if v.site == "" && len(a.Sites) > 0 || v.site != "" && (len(a.Sites) == 0 || a.Sites[0] != v.site) {
				t.Errorf("sites %v", a.Sites)
			}
			for _, part := range []struct {
				want string
				got  []string
			}{{v.eligible, codes(a.Eligible)}, {v.asks, asked(a.Questions)}} {
				for _, word := range strings.Fields(part.want) {
					if slices.Contains(part.got, word[1:]) != (word[0] == '+') {
						t.Errorf("%s, got %v", word, part.got)
					}
				}
			}
		})
	}
}

// TestNewerRuleChangesOnlyItsDays: a pack with the single dose of adapted vaccines, as an operator
// would load it, changes the doses from its day on and none before.
func TestNewerRuleChangesOnlyItsDays(t *testing.T) {
	list, err := carried()
	if err != nil {
		t.Fatal(err)
	}
	text, err := embedded.ReadFile("packs/covid-19.toml")
	if err != nil {
		t.Fatal(err)
	}
	const rule = "[[course]]\nid = \"covid-19/adapted-single-dose\"\nsource = \"essai\"\nfrom = 2027-01-01\ndiseases = [\"covid-19\"]\nages = \"5y..\"\ndoses = 1\n\n"
	changed := strings.Replace(string(text), "version = 2026-11-22", "version = 2026-12-24", 1)
	changed = strings.Replace(changed, "[[course]]\n", rule+"[[course]]\n", 1)
	p, err := ParsePack([]byte(changed))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Join(append(list, Edition{Pack: p, File: "covid-19.toml"}))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Version(), "covid-19 2026-12-24") {
		t.Errorf("version %s", c.Version())
	}
	v, _ := c.Find(comirnaty)
	who := Person{Birth: born1(t, "1980-05-05")}
	for on, want := range map[string]string{"2026-12-31": "1/2", "2027-01-01": "1/1"} {
		a := c.Assess(who, nil, v, day(t, on))
		if got := fmt.Sprintf("%d/%d", a.Rank, a.Expected); got != want {
			t.Errorf("on %s: %s by %v", on, got, a.Rules)
		}
	}
	was := list[slices.IndexFunc(list, func(e Edition) bool { return e.Name == "covid-19" })].Pack
	if got := Diff(was, p); len(got) != 1 || fmt.Sprint(got[0]) != "{course covid-19/adapted-single-dose added []}" {
		t.Errorf("differences %+v", got)
	}
}

func TestDiff(t *testing.T) {
	text, err := embedded.ReadFile("packs/covid-19.toml")
	if err != nil {
		t.Fatal(err)
	}
	parse := func(s string) *Pack {
		p, err := ParsePack([]byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	was := parse(string(text))
	if d := Diff(was, parse(string(text))); len(d) > 0 {
		t.Errorf("a pack differs from itself: %v", d)
	}
	s := strings.Replace(string(text), `least = "9w"`, `least = "8w"`, 1)
	s = strings.Replace(s, `name = "Covovax"`, `name = "Covovaxe"`, 1)
	s = strings.Replace(s, `id = "covid-19/jcovden-18"`, `id = "covid-19/jcovden-adult"`, 1)
	got := fmt.Sprint(Diff(was, parse(s)))
	want := "[{age covid-19/jcovden-18 removed []} {age covid-19/jcovden-adult added []} {interval covid-19/vaxzevria changed [{least 9w 8w}]} {vaccine Covovax changed [{name Covovax Covovaxe}]}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// anyHistory draws doses of a few vaccines over six years, given, stated or not given.
func anyHistory(c *Catalogue) *rapid.Generator[[]carnet.Dose] {
	codes := []string{comirnaty, spikevax, jcovden, nuvaxovid, "Sputnik-V", hexyon, repevax, priorix, stamaril, vaxigrip, "GLOUBI"}
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) carnet.Dose {
		d := carnet.Dose{Vaccine: rapid.SampledFrom(codes).Draw(t, "vaccine"), Date: carnet.DateOfDays(rapid.IntRange(18600, 20700).Draw(t, "day"))}
		d.Evidence = rapid.SampledFrom([]carnet.Evidence{carnet.Administered, carnet.Administered, carnet.Proven, carnet.Stated}).Draw(t, "evidence")
		if rapid.IntRange(0, 9).Draw(t, "given") == 0 {
			d.NotGiven = carnet.Absent
		}
		for i := range d.ID {
			d.ID[i] = rapid.Byte().Draw(t, "id")
		}
		return d
	}), 0, 9)
}

func anyPerson() *rapid.Generator[Person] {
	return rapid.Custom(func(t *rapid.T) Person {
		var p Person
		if rapid.Bool().Draw(t, "known") {
			b, err := carnet.NewBirthDate(rapid.IntRange(1930, 2025).Draw(t, "year"), rapid.IntRange(0, 12).Draw(t, "month"), rapid.IntRange(0, 28).Draw(t, "day"))
			if err != nil {
				t.Fatal(err)
			}
			p.Birth = b
		}
		p.Sex = rapid.SampledFrom([]carnet.Sex{"", carnet.Female, carnet.Male}).Draw(t, "sex")
		for range rapid.IntRange(0, 2).Draw(t, "infections") {
			p.Infections = append(p.Infections, carnet.Infection{Disease: "covid-19", Date: carnet.DateOfDays(rapid.IntRange(18300, 20700).Draw(t, "infection")),
				Evidence: rapid.SampledFrom([]carnet.Evidence{carnet.Proven, carnet.Stated}).Draw(t, "proof")})
		}
		return p
	})
}

// TestOrderOfEntryDecidesNothing: any permutation of a history gives the same assessment and the
// same ranks, and ranks count up from 1 without a gap.
func TestOrderOfEntryDecidesNothing(t *testing.T) {
	c := carriedPacks(t)
	history, person := anyHistory(c), anyPerson()
	rapid.Check(t, func(t *rapid.T) {
		h, p := history.Draw(t, "history"), person.Draw(t, "person")
		shuffled := rapid.Permutation(h).Draw(t, "shuffled")
		v := rapid.SampledFrom(c.Vaccines()).Draw(t, "vaccine")
		on := carnet.DateOfDays(rapid.IntRange(18600, 20800).Draw(t, "on"))
		a, b := c.Assess(p, h, v, on), c.Assess(p, shuffled, v, on)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Fatalf("%v\nagainst\n%v", a, b)
		}
		if a.Rank < 1 || a.Rank > len(h)+1 || a.Expected < 1 || a.Reason == "" || len(a.Courses) != len(v.Diseases) {
			t.Fatalf("%+v", a)
		}
		if !a.Next.Earliest.IsZero() && (!a.Next.Earliest.After(on) || a.Next.Recommended.Before(a.Next.Earliest) || !a.Next.Overdue.IsZero() && !a.Next.Overdue.After(a.Next.Recommended)) {
			t.Fatalf("next %+v after %s", a.Next, on)
		}
		ranks := func(list []carnet.Dose) map[carnet.ID]string {
			m := map[carnet.ID]string{}
			for i, a := range c.Number(p, list) {
				m[list[i].ID] = fmt.Sprint(a.Rank, a.Expected, a.Reason)
			}
			return m
		}
		if one, other := fmt.Sprint(ranks(h)), fmt.Sprint(ranks(shuffled)); one != other {
			t.Fatalf("%s against %s", one, other)
		}
	})
}

// TestNumberAgreesWithAssess: the rank of the newest dose of a history is what was proposed for it.
func TestNumberAgreesWithAssess(t *testing.T) {
	c := carriedPacks(t)
	history, person := anyHistory(c), anyPerson()
	rapid.Check(t, func(t *rapid.T) {
		h, p := history.Draw(t, "history"), person.Draw(t, "person")
		v, _ := c.Find(rapid.SampledFrom([]string{comirnaty, hexyon, priorix, vaxigrip}).Draw(t, "vaccine"))
		on := carnet.DateOfDays(20701)
		want := c.Assess(p, h, v, on)
		all := c.Number(p, append(slices.Clone(h), carnet.Dose{Vaccine: v.Code, Date: on}))
		if got := all[len(h)]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%v\nagainst\n%v", got, want)
		}
		for i, a := range all {
			d := carnet.Dose{Vaccine: v.Code}
			if i < len(h) {
				d = h[i]
			}
			_, known := c.Find(d.Vaccine)
			if counts := known && d.Given() && d.Evidence != carnet.Stated; counts != (a.Rank > 0) {
				t.Fatalf("dose %d: counts %v, rank %d", i, counts, a.Rank)
			}
		}
	})
}

// TestDosesOfOtherDiseasesChangeNoRank.
func TestDosesOfOtherDiseasesChangeNoRank(t *testing.T) {
	c := carriedPacks(t)
	history, person := anyHistory(c), anyPerson()
	rapid.Check(t, func(t *rapid.T) {
		h, p := history.Draw(t, "history"), person.Draw(t, "person")
		v, _ := c.Find(comirnaty)
		on := carnet.DateOfDays(rapid.IntRange(18600, 20800).Draw(t, "on"))
		only := slices.DeleteFunc(slices.Clone(h), func(d carnet.Dose) bool {
			other, _ := c.Find(d.Vaccine)
			return !slices.Contains(other.Diseases, "covid-19")
		})
		a, b := c.Assess(p, h, v, on), c.Assess(p, only, v, on)
		if a.Rank != b.Rank || a.Expected != b.Expected || a.Reason != b.Reason {
			t.Fatalf("%d/%d %s against %d/%d %s", a.Rank, a.Expected, a.Reason, b.Rank, b.Expected, b.Reason)
		}
	})
}

func BenchmarkAssess(b *testing.B) {
	c := carriedPacks(b)
	v, _ := c.Find(comirnaty)
	hexa, _ := c.Find(hexyon)
	who := Person{Birth: born1(b, "1980-05-05"), Sex: carnet.Female}
	history := dosesOf(b, comirnaty+"@2021-05-10 "+comirnaty+"@2021-06-10 "+repevax+"@2005-05-05 "+vaxigrip+"@2025-10-10 "+priorix+"@1981-05-05 "+priorix+"@1982-05-05")
	on := day(b, "2026-10-10")
	b.Run("first dose, no history", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Assess(who, nil, v, on)
		}
	})
	b.Run("six doses on record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Assess(who, history, v, on)
		}
	})
	b.Run("hexavalent, six diseases", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Assess(who, history, hexa, on)
		}
	})
	b.Run("number a whole record", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.Number(who, history)
		}
	})
}
