package odsql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"carnet/internal/publish/odsql"
)

func TestWhere(t *testing.T) {
	for text, want := range map[string]string{
		"a=1":                                "{= {a 0} {1 1 1 true false 2} 1}",
		"a : 'x'":                            "{= {a 0} {0 x 0 false false 4} 2}",
		"a>1 AND b<2 or not c":               "{or {and {> {a 0} {1 1 1 true false 2} 1} {< {b 8} {1 2 2 true false 10} 9} 4} {{= {c 19} {3  0 false true 19} 19}} 12}",
		"a in (1,'x')":                       "{{a 0} [{1 1 1 true false 6} {0 x 0 false false 8}]}",
		"a NOT IN (1)":                       "{{{a 0} [{1 1 1 true false 10}]}}",
		"a in ]1 TO 2]":                      "{{a 0} {1 1 1 true false 6} {1 2 2 true false 11} true false}",
		"d in [date'2021' .. date'2022-01'[": "{{d 0} {2 2021 0 false false 6} {2 2022-01 0 false false 20} false true}",
		"a is not null":                      "{{a 0} true}",
		"`select` is true":                   "{= {select 0} {3  0 false true 12} 12}",
		"(a+b)*2 >= -3.5":                    "{>= {* {+ {a 1} {b 3} 2} {1 2 2 true false 6} 5} {1 -3.5 -3.5 false false 11} 8}",
		"((a=1))":                            "{= {a 2} {1 1 1 true false 4} 3}",
		"'deux mots'":                        "{exact [] deux mots}",
		"search(*, \"x\")":                   "{search [] x}",
		"startswith(a,b,'x')":                "{startswith [{a 11} {b 13}] x}",
		"'x' in a":                           "{{0 x 0 false false 0} {a 7}}",
		"libellé like 'l\\'eau'":             "{like {libellé 0} {0 l'eau 0 false false 13} 8}",
		"d > now(years=-1, months=+2)":       "{> {d 0} {now [] map[months:2 years:-1] false false 4} 2}",
		"year(d)=2021":                       "{= {year [{d 5}] map[] false false 0} {1 2021 2021 true false 8} 7}",
	} {
		e, err := odsql.ParseWhere(text)
		if got := fmt.Sprint(e); err != nil || got != want {
			t.Errorf("%s:\n got %s, %v\nwant %s", text, got, err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"garbage==":                    "ODSQL syntax exception: unexpected = at position 8 in garbage==.",
		"a =":                          "ODSQL syntax exception: unexpected end of line",
		"a = 'x":                       "ODSQL syntax exception: unexpected end of line",
		"":                             "ODSQL syntax exception: unexpected end of line",
		"a = 1 b":                      "ODSQL syntax exception: unexpected b at position 6 in a = 1 b.",
		"é ; 1":                        "ODSQL syntax exception: unexpected ; at position 2 in é ; 1.",
		"select = 1":                   "ODSQL syntax exception: unexpected select at position 0 in select = 1.",
		"a in (1":                      "ODSQL syntax exception: unexpected end of line",
		"sum(a) > 1":                   "ODSQL syntax exception: aggregate sum cannot be used here: at position 0 in sum(a) > 1.",
		"within_distance(a)":           "ODSQL syntax exception: unknown function within_distance at position 0 in within_distance(a).",
		"a like 3":                     "ODSQL syntax exception: unexpected 3 at position 7 in a like 3.",
		"1":                            "ODSQL syntax exception: unexpected end of line",
		strings.Repeat("(", 100) + "a": "too deep",
		strings.Repeat("a", 9000):      "more than 8192 bytes",
		"\xff":                         "not UTF-8",
	} {
		_, err := odsql.ParseWhere(text)
		var syntax *odsql.SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) || syntax.Clause != "where" {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}

func TestOthers(t *testing.T) {
	items, err := odsql.ParseSelect("*, include(taux*), exclude(date), sum(effectif) as total, count(*), count(distinct dep), percentile(x, 90)/2")
	if err != nil || len(items) != 7 || !items[0].Star || items[1].Include != "taux*" || items[2].Exclude != "date" || items[3].Alias != "total" || items[4].Text != "count(*)" || items[6].Text != "percentile(x, 90)/2" {
		t.Errorf("%+v, %v", items, err)
	}
	groups, err := odsql.ParseGroup("dep, year(date) as an, range(date, '1 day'), range(n, *, 0, 10, *), range(n, 5)")
	if err != nil || len(groups) != 5 || groups[1].Alias != "an" || groups[2].Range.Unit != "d" || !groups[3].Range.OpenTop || len(groups[3].Range.Bounds) != 2 || groups[4].Range.Step != 5 {
		t.Errorf("%+v, %v", groups, err)
	}
	order, err := odsql.ParseOrder("sum(a) desc, -b, c ASC")
	if err != nil || len(order) != 3 || !order[0].Desc || !order[1].Desc || order[2].Desc {
		t.Errorf("%+v, %v", order, err)
	}
	for _, bad := range []string{"range(d)", "range(d, '3 months')", "range(d, 0)", "sum(a)", ","} {
		if _, err := odsql.ParseGroup(bad); err == nil {
			t.Errorf("group_by %q is accepted", bad)
		}
	}
	for _, bad := range []string{"a as", "include(", "a b", "count(*", "lower()", "lower(a,b)"} {
		if _, err := odsql.ParseSelect(bad); err == nil {
			t.Errorf("select %q is accepted", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a=1 and (b or c)", "((((", "range(d,'1 day')", "'\\", "sum(a) as b, *", "-a desc", "a in [1 TO 2]", "now(years=-1)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, err := odsql.ParseWhere(s)
		var syntax *odsql.SyntaxError
		if err != nil && !errors.As(err, &syntax) {
			t.Errorf("%v", err)
		}
		_, _ = odsql.ParseSelect(s)
		_, _ = odsql.ParseGroup(s)
		_, _ = odsql.ParseOrder(s)
	})
}
