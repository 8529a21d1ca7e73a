package bulk

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzOpenFile: whatever is sent, every row has its line and ends somewhere, and no fault repeats what the file says.
func FuzzOpenFile(f *testing.F) {
	f.Add("nom_naissance;prenoms;date_naissance;date;lot\nFOUGERE;Camille;1985-05-12;03/05/2021;FG4509\n")
	f.Add("\xef\xbb\xbfbirth_name,given_names,birth_date,date\n\"FOUGERE\nX\",\"Ca\"\"mille\",x\n")
	f.Add(`{"resourceType":"Patient","id":"p"}` + "\n" + `{"resourceType":"Immunization","status":"completed","patient":{"reference":"Patient/p"},"vaccineCode":{},"occurrenceDateTime":"2021"}`)
	f.Add(`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Immunization"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := OpenFile(strings.NewReader(text))
		if err != nil {
			return
		}
		for n := 0; n < 1000; n++ {
			row, err := rows.Next()
			if err != nil {
				return
			}
			if row.Line < 1 || len(row.Dose.Note.Reveal()) > 4*maxCell {
				t.Fatalf("row %+v", row.Line)
			}
			for _, fault := range row.Faults {
				if fault.Code == "" || !utf8.ValidString(fault.Column) {
					t.Fatalf("fault %+v", fault)
				}
			}
			row.content()
		}
	})
}

func TestSeparator(t *testing.T) {
	for header, want := range map[string]rune{"a;b,c;d": ';', "a,b": ',', "a\tb\tc;d": '\t', "a": ','} {
		if got := separator(header); got != want {
			t.Errorf("%q: %q", header, got)
		}
	}
}

func TestReadExpiry(t *testing.T) {
	for text, want := range map[string]string{"2021-09-30": "2021-09-30", "30/09/2021": "2021-09-30", "02/2024": "2024-02-29", "2021-12": "2021-12-31"} {
		if got, err := readExpiry(text); err != nil || got.String() != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "13/2021", "2021", "hier"} {
		if got, err := readExpiry(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}
