package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
)

// order is one document to revoke.
type order struct {
	document string // hexadecimal, or the identifier of an EU certificate
	reason   certify.Reason
	all      string // "", "dose" or "person"
}

// withdraw revokes a document, with those that go with it. Only tried, it finds it and does nothing.
func (in *instance) withdraw(ctx context.Context, o order, try bool) (made, before []certify.Revocation, err error) {
	var document [32]byte
	if strings.Contains(o.document, ":") { // the identifier of an HC1
		document = certify.EuropeanID(o.document)
	} else if b, err := hex.DecodeString(o.document); err != nil || len(b) != len(document) {
		return nil, nil, carnet.E("cmd", carnet.Invalid, "document.malformed", nil)
	} else {
		copy(document[:], b)
	}
	found, err := in.certify.Find(ctx, system, document)
	if err != nil {
		return nil, nil, err
	}
	if o.all != "" && len(found) > 1 {
		return nil, nil, carnet.E("cmd", carnet.Conflict, "document.several", nil)
	}
	for _, f := range found {
		w := certify.Withdrawal{Person: f.Person, Scope: certify.OneDocument, Document: document, Dose: f.Dose, Reason: o.reason}
		if o.all != "" {
			w.Scope = certify.Scope(o.all)
		}
		if try {
			continue
		}
		if w.Key, err = in.ids.New(); err != nil {
			return made, before, err
		}
		now, was, err := in.certify.Revoke(ctx, system, w)
		if err != nil {
			return made, before, err
		}
		made, before = append(made, now...), append(before, was...)
	}
	return made, before, nil
}

// Bounds of a file of documents.
const (
	maxOrders = 200_000 // rows
	maxCell   = 300     // bytes
)

// What became of a row.
const (
	rowFound   = "found" // by a trial
	rowRevoked = "revoked"
	rowAlready = "already"
	rowRefused = "refused"
)

// orders reads the rows of a file. Columns are found by name; others are kept for the answer.
type orders struct {
	csv    *csv.Reader
	head   []string
	column map[string]int
	read   int
}

func openOrders(r io.Reader) (*orders, error) {
	in := bufio.NewReader(r)
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\ufeff")) {
		_, _ = in.Discard(3) // it was just seen
	}
	first, _ := in.Peek(4096) // a shorter file is all there
	o := &orders{csv: csv.NewReader(in), column: map[string]int{}}
	line, _, _ := strings.Cut(string(first), "\n")
	if strings.Count(line, ";") > strings.Count(line, ",") {
		o.csv.Comma = ';'
	}
	o.csv.FieldsPerRecord = -1
	head, err := o.csv.Read()
	if err != nil {
		return nil, carnet.E("cmd.openOrders", carnet.Invalid, "revoke.file", err)
	}
	o.head = head
	for i, name := range head {
		o.column[strings.ToLower(strings.TrimSpace(name))] = i
	}
	if _, ok := o.column["document"]; !ok {
		return nil, carnet.E("cmd.openOrders", carnet.Invalid, "revoke.column", nil)
	}
	return o, nil
}

// next gives a row and what it orders; io.EOF at the end. Code is why it cannot be done.
func (o *orders) next(c *revokeCmd) (row []string, at order, code string, err error) {
	row, err = o.csv.Read()
	if _, malformed := errors.AsType[*csv.ParseError](err); malformed {
		return row, at, "revoke.row", nil
	}
	if err != nil {
		return nil, at, "", err
	}
	if o.read++; o.read > maxOrders {
		return nil, at, "", carnet.E("cmd.orders", carnet.Invalid, "revoke.rows", nil)
	}
	cell := func(name, otherwise string) string {
		if i, ok := o.column[name]; ok && i < len(row) && strings.TrimSpace(row[i]) != "" {
			return strings.TrimSpace(row[i])
		}
		return otherwise
	}
	for _, v := range row {
		if len(v) > maxCell {
			return row, at, "revoke.row", nil
		}
	}
	at = order{cell("document", ""), certify.Reason(cell("reason", c.Reason)), cell("all", c.All)}
	switch {
	case at.document == "":
		code = "document.malformed"
	case !slices.Contains(certify.Reasons, at.reason):
		code = "revoke.reason"
	case !slices.Contains([]string{"", string(certify.OneDose), string(certify.OnePerson)}, at.all):
		code = "revoke.all"
	}
	return row, at, code, nil
}

// refusedRow is a row that could not be done, in the answer of --json.
type refusedRow struct {
	Line int    `json:"line"`
	Code string `json:"code"`
}

// manyFacts is what --file --json prints.
type manyFacts struct {
	DryRun    bool           `json:"dryRun"`
	Rows      int            `json:"rows"`
	Counts    map[string]int `json:"counts"`
	Documents int            `json:"documents"` // revoked now
	Refused   []refusedRow   `json:"refused"`
}

// many revokes the documents of a file, row by row. It ends with 1 when some row was refused.
func (c *revokeCmd) many(ctx context.Context, a answerer, in *instance) (err error) {
	f, err := os.Open(c.File)
	if err != nil {
		return a.refuse(c.File, carnet.E("cmd", carnet.Invalid, "revoke.file", err))
	}
	defer f.Close() // it was only read
	info, err := f.Stat()
	if err != nil {
		return a.refuse(c.File, carnet.E("cmd", carnet.Invalid, "revoke.file", err))
	}
	counted := &counter{in: f}
	rows, err := openOrders(counted)
	if err != nil {
		return a.refuse(c.File, err)
	}
	answer := csv.NewWriter(io.Discard)
	if c.Answer != "" {
		out, err := os.OpenFile(c.Answer, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return a.refuse(c.Answer, carnet.E("cmd", carnet.Invalid, "import.answer", err))
		}
		defer func() { answer.Flush(); err = errors.Join(err, answer.Error(), out.Close()) }()
		answer = csv.NewWriter(out)
	}
	answer.Comma = rows.csv.Comma
	if err := answer.Write(append(slices.Clone(rows.head), "status", "code")); err != nil {
		return err
	}
	facts := manyFacts{DryRun: c.DryRun, Counts: map[string]int{}, Refused: []refusedRow{}}
	bar, begun := newImportBar(a.t.err, a.Text), time.Now()
	for {
		row, at, code, err := rows.next(c)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			bar.end()
			return a.refuse(c.File, err)
		}
		facts.Rows++
		status := rowRefused
		if code == "" {
			made, before, err := in.withdraw(ctx, at, c.DryRun)
			facts.Documents += len(made)
			switch {
			case err != nil && carnet.KindOf(err) == carnet.Unavailable:
				bar.end()
				return a.refuse(c.File, err) // the rows behind it would not do better
			case err != nil:
				code = carnet.CodeOf(err)
			case c.DryRun:
				status = rowFound
			case len(made) > 0:
				status = rowRevoked
			case len(before) > 0:
				status = rowAlready
			}
		}
		facts.Counts[status]++
		if status == rowRefused {
			line, _ := rows.csv.FieldPos(0)
			facts.Refused = append(facts.Refused, refusedRow{line, code})
		}
		if err := answer.Write(append(slices.Clone(row), status, code)); err != nil {
			return err
		}
		bar.step(counted.n, info.Size(), facts.Rows, time.Since(begun))
	}
	bar.end()
	if err := a.withdrawn(facts); err != nil {
		return err
	}
	if len(facts.Refused) > 0 {
		return exit(exitNo)
	}
	return nil
}

// withdrawn prints what became of a file.
func (a answerer) withdrawn(f manyFacts) error {
	if a.json {
		return a.encode(f)
	}
	for _, status := range []string{rowFound, rowRevoked, rowAlready, rowRefused} {
		if n := f.Counts[status]; n > 0 {
			fmt.Fprintln(a.t.out, a.N("revoke.rows."+status, n))
		}
	}
	for i, r := range f.Refused {
		if i == shownFindings {
			fmt.Fprintln(a.t.out, "  "+a.T("import.more", "n", len(f.Refused)-i))
			break
		}
		fmt.Fprintln(a.t.out, "  "+a.T("revoke.refused", "line", r.Line, "code", r.Code, "words", a.T("problem."+r.Code)))
	}
	if f.Documents > 0 {
		fmt.Fprintln(a.t.out, a.T("revoke.next"))
	}
	return nil
}
