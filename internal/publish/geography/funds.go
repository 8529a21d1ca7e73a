package geography

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

// Fund is a health-insurance fund (caisse primaire) with the address of its data-protection officer.
type Fund struct {
	Code, Name string
	DPO        string // address to write to
}

// Funds says which fund a commune belongs to, and when. Some departments have several.
type Funds struct {
	funds map[string]Fund
	spans map[string][]span // by commune
}

type span struct {
	fund     string
	from, to carnet.Date // to is the last day, zero when there is none
}

// Sample is a small directory of made-up funds in communes that do not exist: the form of the file that an operator
// imports from the national directory of local services.
//
//go:embed funds.csv
var Sample string

const maxFunds = 1 << 20

// ReadFunds reads a directory: a CSV file separated by semicolons with the columns caisse, nom, dpo, insee, from and to,
// one line for each commune and period. Each fault names its line; periods of one commune do not overlap, and every fund
// has a DPO (DVC-05).
func ReadFunds(in io.Reader) (*Funds, error) {
	r := csv.NewReader(in)
	r.Comma = ';'
	fail := func(code string, err error) error {
		line, _ := r.FieldPos(0)
		return carnet.E("geography.ReadFunds", carnet.Invalid, code, fmt.Errorf("line %d: %w", line, err))
	}
	header, err := r.Read()
	if err != nil || !slices.Equal(header, []string{"caisse", "nom", "dpo", "insee", "from", "to"}) {
		return nil, carnet.E("geography.ReadFunds", carnet.Invalid, "funds.header", err)
	}
	f := &Funds{funds: map[string]Fund{}, spans: map[string][]span{}}
	for n := 0; ; n++ {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil || n >= maxFunds {
			return nil, carnet.E("geography.ReadFunds", carnet.Invalid, "funds.csv", err)
		}
		fund := Fund{Code: record[0], Name: strings.TrimSpace(record[1]), DPO: strings.TrimSpace(record[2])}
		if fund.Code == "" || fund.Name == "" || len(record[3]) != 5 {
			return nil, fail("funds.missing", errors.New("the code of the fund, its name and the five characters of the commune are needed"))
		}
		if fund.DPO == "" {
			return nil, fail("funds.dpo", errors.New("the fund has no data-protection officer"))
		}
		if known, ok := f.funds[fund.Code]; ok && known != fund {
			return nil, fail("funds.twice", fmt.Errorf("fund %s has another name or officer above", fund.Code))
		}
		f.funds[fund.Code] = fund
		s := span{fund: fund.Code}
		if s.from, err = carnet.ParseDate(record[4]); err != nil {
			return nil, fail("funds.date", err)
		}
		if record[5] != "" {
			if s.to, err = carnet.ParseDate(record[5]); err != nil {
				return nil, fail("funds.date", err)
			}
			if s.to.Before(s.from) {
				return nil, fail("funds.date", errors.New("it ends before it begins"))
			}
		}
		for _, other := range f.spans[record[3]] {
			if (other.to.IsZero() || !other.to.Before(s.from)) && (s.to.IsZero() || !s.to.Before(other.from)) {
				return nil, fail("funds.overlap", fmt.Errorf("commune %s has the fund %s at the same time", record[3], other.fund))
			}
		}
		f.spans[record[3]] = append(f.spans[record[3]], s)
	}
}

// Of is the fund of a commune on a day.
func (f *Funds) Of(commune string, day carnet.Date) (Fund, bool) {
	for _, s := range f.spans[commune] {
		if !day.Before(s.from) && (s.to.IsZero() || !day.After(s.to)) {
			return f.funds[s.fund], true
		}
	}
	return Fund{}, false
}

// All lists the funds by code.
func (f *Funds) All() []Fund {
	out := make([]Fund, 0, len(f.funds))
	for _, fund := range f.funds {
		out = append(out, fund)
	}
	slices.SortFunc(out, func(a, b Fund) int { return strings.Compare(a.Code, b.Code) })
	return out
}
