package bulk

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"carnet/internal/carnet"
)

// Stable codes of a file that cannot be read at all.
const (
	CodeEmpty     = "file.empty"     // no header
	CodeEncoding  = "file.encoding"  // not UTF-8
	CodeHeader    = "file.header"    // no column of the header is known
	CodeTwice     = "file.twice"     // two columns mean the same; Field is the column
	CodeMissing   = "file.missing"   // the columns that make an entry are not there; Field is the column
	CodeTooLong   = "file.too-long"  // more rows than one import takes; Args: Max
	CodeKind      = "file.kind"      // neither a table nor resources
	CodeTruncated = "file.truncated" // it ends inside a row
)

const (
	// MaxRows is how many rows one import takes.
	MaxRows = 5_000_000
	// maxRow is how many bytes a row may have.
	maxRow = 64 << 10
)

// Rows is a file that is read row by row. Next ends with io.EOF; what is wrong with one row is in the row, and the next can be
// read. Another error is about the file: a *carnet.Error.
type Rows interface {
	Next() (Row, error)
	// Ignored are the columns of the file that are not kept.
	Ignored() []string
}

// Table is a file of lines and columns: CSV with commas, semicolons or tabs, in UTF-8, with a header in English or in French.
type Table struct {
	Header    []string
	Separator rune

	reader  *csv.Reader
	limit   *limited
	columns []*column // of each cell, nil for one that is not kept
	ignored []string
	rows    int
}

// OpenTable reads the header.
func OpenTable(in io.Reader) (*Table, error) {
	const op = "bulk.OpenTable"
	limit := &limited{in: in}
	limit.more()
	buffered := bufio.NewReaderSize(limit, 4096)
	if mark, err := buffered.Peek(3); err == nil && bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		buffered.Discard(3)
	}
	first, _ := buffered.Peek(4096)
	if len(first) == 0 {
		return nil, carnet.E(op, carnet.Invalid, CodeEmpty, nil)
	}
	line, _, _ := bytes.Cut(first, []byte("\n"))
	t := &Table{Separator: separator(string(line)), limit: limit}
	t.reader = csv.NewReader(buffered)
	t.reader.Comma, t.reader.FieldsPerRecord = t.Separator, -1
	header, err := t.reader.Read()
	if err != nil {
		return nil, carnet.E(op, carnet.Invalid, CodeHeader, nil)
	}
	t.Header = header
	known := map[string]bool{}
	for _, name := range header {
		if !utf8.ValidString(name) {
			return nil, carnet.E(op, carnet.Invalid, CodeEncoding, nil)
		}
		i := slices.IndexFunc(columns, func(c column) bool { return c.named(name) })
		if i < 0 {
			t.columns = append(t.columns, nil)
			if name = strings.TrimSpace(name); name != "" && utf8.RuneCountInString(name) <= maxCell && !slices.Contains(answerColumns, name) {
				t.ignored = append(t.ignored, name)
			}
			continue
		}
		c := &columns[i]
		if known[c.name] {
			return nil, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeTwice, Field: c.name}
		}
		known[c.name] = true
		t.columns = append(t.columns, c)
	}
	if len(known) == 0 {
		return nil, carnet.E(op, carnet.Invalid, CodeHeader, nil)
	}
	for _, need := range []string{"birth_name", "given_names", "birth_date", "date"} {
		if !known[need] {
			return nil, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeMissing, Field: need}
		}
	}
	return t, nil
}

func (c column) named(name string) bool {
	name = plain(name)
	same := func(other string) bool { return plain(other) == name }
	return same(c.name) || same(c.french) || slices.ContainsFunc(c.others, same)
}

// separator is the one that the header has most of.
func separator(line string) rune {
	best, most := ',', 0
	for _, c := range ",;\t" {
		if n := strings.Count(line, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// Ignored are the columns that are not kept.
func (t *Table) Ignored() []string { return t.ignored }

// Next reads a row.
func (t *Table) Next() (Row, error) {
	const op = "bulk.Table"
	t.limit.more()
	cells, err := t.reader.Read()
	if err == io.EOF {
		return Row{}, io.EOF
	}
	if t.rows++; t.rows > MaxRows {
		return Row{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeTooLong, Args: map[string]any{"Max": MaxRows}}
	}
	if errors.Is(err, errLong) {
		return Row{}, carnet.E(op, carnet.Invalid, CodeLong, nil)
	}
	row := Row{Cells: cells}
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		row.Line = p.StartLine
		row.fault("", CodeQuote)
		return row, nil
	}
	if err != nil {
		return Row{}, carnet.E(op, carnet.Unavailable, CodeTruncated, err)
	}
	row.Line, _ = t.reader.FieldPos(0)
	if len(cells) != len(t.Header) {
		row.fault("", CodeColumns)
		return row, nil
	}
	for i, c := range t.columns {
		if c != nil {
			row.cell(*c, cells[i])
		}
	}
	return row, nil
}

var errLong = errors.New("bulk: a row is too long")

// limited bounds what is read for one row, whatever a quote that is never closed holds.
type limited struct {
	in   io.Reader
	left int
}

func (l *limited) more() { l.left = maxRow }

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errLong
	}
	n, err := l.in.Read(p)
	l.left -= n
	return n, err
}

// answerColumns are what an answer adds to the columns of the file.
var answerColumns = []string{"carnet_line", "carnet_status", "carnet_person", "carnet_dose", "carnet_column", "carnet_reason"}

// Answerer writes what became of rows.
type Answerer interface {
	Write(rows []Row, outcomes []Outcome) error
}

// Nothing is an answer that nobody wants.
type Nothing struct{}

// Write forgets.
func (Nothing) Write([]Row, []Outcome) error { return nil }

// NewAnswer begins the answer to a file, in the form of the file.
func NewAnswer(out io.Writer, rows Rows) (Answerer, error) {
	t, ok := rows.(*Table)
	if !ok {
		return &lines{json.NewEncoder(out)}, nil
	}
	a := NewAnswerOf(out, t)
	return a, a.w.Write(slices.Concat(t.Header, answerColumns))
}

// NewAnswerOf continues the answer to a table behind its header.
func NewAnswerOf(out io.Writer, t *Table) *Sheet {
	a := &Sheet{csv.NewWriter(out)}
	a.w.Comma = t.Separator
	return a
}

// lines is the answer to resources: one object in a line for each.
type lines struct{ e *json.Encoder }

func (l *lines) Write(rows []Row, outcomes []Outcome) error {
	for _, o := range outcomes {
		if err := l.e.Encode(o); err != nil {
			return err
		}
	}
	return nil
}

// Sheet is the answer to a table: the file as it was, with what became of each row, and the reason. A row with several faults
// has them all, separated by spaces, the columns in the same order.
type Sheet struct{ w *csv.Writer }

// Write adds what became of some rows.
func (a *Sheet) Write(rows []Row, outcomes []Outcome) error {
	for i, o := range outcomes {
		person, dose := "", ""
		if !o.Person.IsZero() {
			person = o.Person.String()
		}
		if !o.Dose.IsZero() {
			dose = o.Dose.String()
		}
		var where, why []string
		for _, f := range o.Faults {
			where, why = append(where, f.Column), append(why, f.Code)
		}
		if err := a.w.Write(slices.Concat(rows[i].Cells, []string{itoa(o.Line), string(o.Status), person, dose, strings.Join(where, " "), strings.Join(why, " ")})); err != nil {
			return err
		}
	}
	a.w.Flush()
	return a.w.Error()
}
