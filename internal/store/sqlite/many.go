package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/journal"
)

// many is one access to the data of many people. It keeps what an access promises, at another price: the decision is one
// for all; the journal has one line for each person and kind of access, which names every table; rows wait here and
// go in together, in the order of their keys. A read comes after the rows that wait.
type many struct {
	lines   map[line]*journal.Entry
	order   []line
	inserts map[string]*insert
	heads   []string // of inserts, in the order of their first use
}

// line is what the journal tells apart.
type line struct {
	kind   journal.Kind
	person carnet.ID
}

// insert is the rows that wait for one statement.
type insert struct {
	head string // up to VALUES
	rows [][]any
}

// together makes the access one to many people.
func (t *tx) together() {
	t.many = &many{lines: map[line]*journal.Entry{}, inserts: map[string]*insert{}}
}

// note keeps that a table was read or written.
func (m *many) note(e journal.Entry) {
	k := line{e.Kind, e.Person}
	there := m.lines[k]
	if there == nil {
		m.lines[k], m.order = &e, append(m.order, k)
		return
	}
	if !slices.Contains(strings.Split(there.Object, " "), e.Object) {
		there.Object += " " + e.Object
	}
}

// entries are the lines, in the order of their first access.
func (m *many) entries() []journal.Entry {
	list := make([]journal.Entry, len(m.order))
	for i, k := range m.order {
		list[i] = *m.lines[k]
	}
	return list
}

func (m *many) add(how onConflict, table string, columns []string, values []any) {
	head := string(how) + table + " (" + strings.Join(columns, ", ") + ") VALUES "
	there := m.inserts[head]
	if there == nil {
		there = &insert{head: head}
		m.inserts[head], m.heads = there, append(m.heads, head)
	}
	there.rows = append(there.rows, values)
}

// rowsTogether is how many rows go in by one statement: more cost more to prepare than they save.
const rowsTogether = 50

// flush writes the rows that wait.
func (t *tx) flush() error {
	// What was read of the context is enough: a statement that begins comes to its end, and the next is not begun.
	if err := t.ctx.Err(); err != nil {
		return err
	}
	ctx := context.WithoutCancel(t.ctx)
	for _, head := range t.many.heads {
		i := t.many.inserts[head]
		slices.SortStableFunc(i.rows, func(a, b []any) int {
			x, _ := a[0].([]byte)
			y, _ := b[0].([]byte)
			return bytes.Compare(x, y)
		})
		if err := i.run(ctx, t.sql); err != nil {
			return unavailable(err)
		}
		i.rows = i.rows[:0]
	}
	return nil
}

func (i *insert) run(ctx context.Context, tx *sql.Tx) error {
	for _, n := range []int{rowsTogether, 1} {
		if len(i.rows) < n {
			continue
		}
		one := "(?" + strings.Repeat(",?", len(i.rows[0])-1) + ")"
		stmt, err := tx.PrepareContext(ctx, i.head+one+strings.Repeat(","+one, n-1))
		if err != nil {
			return err
		}
		defer stmt.Close()
		for len(i.rows) >= n {
			if _, err := stmt.ExecContext(ctx, slices.Concat(i.rows[:n]...)...); err != nil {
				return err
			}
			i.rows = i.rows[n:]
		}
	}
	return nil
}

// finish writes what waits, and the lines of the journal.
func (t *tx) finish() error {
	if t.many == nil {
		return nil
	}
	for _, e := range t.many.entries() {
		if err := t.append(e); err != nil {
			return err
		}
	}
	return t.flush()
}

// tried are the entries of an access that did not come to its end.
func (t *tx) tried() []journal.Entry {
	if t.many == nil {
		return t.entries
	}
	return t.many.entries()
}

// readMany selects the rows of a table whose column has one of some values, in the order of that column. The journal gets a
// line for each person; about is the column that names them, empty where rows are about nobody yet known.
func (t *tx) readMany(table, about, column string, values [][]byte, want ...string) ([]row, error) {
	if err := t.d.MayRead(table, append(want, column)...); err != nil {
		return nil, err
	}
	if about == "" {
		if err := t.note(journal.Read, carnet.ID{}, table); err != nil {
			return nil, err
		}
	}
	values = slices.CompactFunc(slices.SortedFunc(slices.Values(values), bytes.Compare), bytes.Equal)
	var out []row
	for chunk := range slices.Chunk(values, mostValues) {
		cells := make([]any, len(chunk))
		for i, v := range chunk {
			cells[i] = v
		}
		rows, err := t.query("SELECT "+strings.Join(want, ", ")+" FROM "+table+" WHERE "+column+" IN (?"+strings.Repeat(",?", len(chunk)-1)+") ORDER BY "+column, cells, want)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	if about == "" {
		return out, nil
	}
	for _, r := range out {
		if err := t.note(journal.Read, r.id(about), table); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Hold lets the store keep more of its pages in memory, and fold its log seldom, until it is closed: for one who
// touches much of it, as an import does. Half as much again may lie in the log.
func (db *DB) Hold(ctx context.Context, megabytes int) error {
	const page = 4 // kB
	_, err := db.sql.ExecContext(ctx, fmt.Sprintf("PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d", megabytes<<10, megabytes<<10/page/2))
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// mostValues is how many values one statement looks for; the engine takes 32,766.
const mostValues = 10_000

// prefetch opens the keys of people before they are asked for one by one.
func (t *tx) prefetch(people []carnet.ID) error {
	var missing [][]byte
	for _, id := range people {
		if t.keys[id] == nil {
			missing = append(missing, bytes.Clone(id[:]))
		}
	}
	rows, err := t.readMany("person_key", "person_id", "person_id", missing, "person_id", "wrapped")
	if err != nil {
		return err
	}
	for _, r := range rows {
		k, err := t.db.ring.Unwrap(r.id("person_id"), r.blob("wrapped"))
		if err != nil {
			return err
		}
		t.hold(r.id("person_id"), k)
	}
	return nil
}

// byPerson orders ids, so that rows are asked for in the order in which they lie.
func byPerson(a, b carnet.ID) int { return cmp.Compare(string(a[:]), string(b[:])) }
