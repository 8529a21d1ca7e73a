// Package publish makes the public figures of the platform and answers questions on them. It is the only way from
// individual doses to what the public sees, and it goes one way (specification: portal.md).
//
//	doses ──▶ [Cube] ──▶ tables ──▶ secrecy ──▶ gate ──▶ release ──▶ portal
//
// # From doses to a cube
//
// Who holds doses, the store or a file, implements [Doses]: parts that never change, each a list of columns. [Build]
// counts them in a [Cube], a table of dictionary codes and counts in memory. A part that was counted once is never read
// again, so that a job that was stopped goes on where it was, and the next one reads only what is new. A correction in the
// store is two rows of a later part: the former state counts minus one, the new one counts one.
//
// # Persons and doses
//
// Secrecy counts persons. A person has at most one dose of each rank, so a cell of one rank counts persons; every
// published measure is of one kind of dose and therefore counts each person once.
//
// What is not done here: no person's row ever leaves this package, and none is written anywhere.
package publish

import (
	"context"
	"fmt"
	"time"

	"carnet/internal/carnet"
)

// Doses is what a publication asks of who holds the doses.
type Doses interface {
	// Columns lists the columns that the doses have.
	Columns() []string
	// Parts lists what there is to read, in a stable order. A part never changes and its name is never given to
	// another one: doses that are recorded or corrected later are in later parts.
	Parts(ctx context.Context) ([]Part, error)
}

// Part is some of the doses.
type Part struct {
	Name string
	Rows int64
	// Read calls f with the named columns of every dose, in batches; f does not keep a batch. A column that the
	// source does not have is an error of kind Invalid, "publish.column".
	Read func(ctx context.Context, columns []string, f func(Batch) error) error
}

// Batch is a few thousand doses by columns. Every value is text: a day is 2021-04-21, what is unknown is "NA" or "".
type Batch struct {
	Columns []Column // as they were asked for
	Signs   []int8   // per row 1, or -1 for a state that was corrected or cancelled; nil when all are 1
}

// Column has for each row the index of its value.
type Column struct {
	Values []string
	Codes  []int32
}

// Columns of individual doses. A source has those that it can fill.
const (
	ColumnRank       = "rank" // 1, 2, 3 …; "1c" a first dose that completes the course, counted as both
	ColumnDay        = "day"
	ColumnDepartment = "dep"
	ColumnCommune    = "commune"
	ColumnAge        = "clage"
	ColumnSex        = "sex"
	ColumnVaccine    = "vaccine"
	ColumnPlace      = "place"
	ColumnInjector   = "injector"
)

// Unknown is the value of a column that is not known for a dose.
const Unknown = "NA"

const maxDay = 10 // len("2021-04-21")

// Week is the ISO 8601 week of a day, "2021-W16", and the Sunday that ends it.
func Week(d carnet.Date) (week string, sunday carnet.Date) {
	at := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	year, n := at.ISOWeek()
	return fmt.Sprintf("%04d-W%02d", year, n), d.AddDays((7 - int(at.Weekday())) % 7)
}

// weekOf maps the text of a day to the Sunday that ends its week: weeks sort and are told apart by it.
func weekOf(day string) (string, error) {
	if len(day) != maxDay {
		return "", carnet.E("publish.Week", carnet.Invalid, "publish.day", fmt.Errorf("%q is not a day", day))
	}
	d, err := carnet.ParseDate(day)
	if err != nil {
		return "", carnet.E("publish.Week", carnet.Invalid, "publish.day", err)
	}
	_, sunday := Week(d)
	return sunday.String(), nil
}
