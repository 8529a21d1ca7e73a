package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/sandbox/crowd"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
)

// BenchmarkImport takes over the vaccinations of invented people, three doses each, and then writes the very rows that this wrote,
// in the same order and in transactions of the same number, by prepared statements into an empty store: raw. It gives rows of the
// file in a second, and the share of the raw rate that the import reaches. CARNET_IMPORT_PEOPLE is how many people, 5,000
// without; CARNET_IMPORT_DIR is where the stores lie.
func BenchmarkImport(b *testing.B) {
	n := 5_000
	if s := os.Getenv("CARNET_IMPORT_PEOPLE"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	dir := os.Getenv("CARNET_IMPORT_DIR")
	if dir == "" {
		dir = b.TempDir()
	}
	register, err := protect.DefaultRegister()
	fatal(b, err)
	c, err := vaccinate.ReadCatalogue()
	fatal(b, err)
	for i := range b.N {
		clock := carnet.IDs{Clock: time.Now, Rand: rand.Reader}
		ring, err := keyring.Open(b.TempDir(), rand.Reader)
		fatal(b, err)
		file := filepath.Join(dir, fmt.Sprintf("import%d.db", i))
		db, err := Open(b.Context(), file, ring, clock, rooms...)
		fatal(b, err)
		guard := protect.NewGuard(register, clock)
		room := vaccinate.New(db.Vaccinate(), guard, ring, clock, c)
		number, err := carnet.ParseRPPS("99700000112")
		fatal(b, err)
		place := carnet.Place{ID: "990000011", Name: "Centre des Tilleuls", Commune: "Valombre", Country: "FR"}
		system := protect.Actor{Role: protect.System}
		who, err := room.Enrol(b.Context(), system, carnet.Professional{Number: number, FamilyName: carnet.Hide("AUBÉPINE"), GivenName: carnet.Hide("Lou"), Profession: carnet.Nurse,
			Vaccinator: true, Places: []carnet.Place{place}})
		fatal(b, err)
		var text bytes.Buffer
		fatal(b, crowd.Write(&text, crowd.Order{People: n, Doses: 3, Seed: 1, Vaccinators: []crowd.Vaccinator{{Number: number.Reveal(), Place: place.ID}}}))
		table, err := bulk.OpenTable(&text)
		fatal(b, err)
		imports := bulk.New(db, guard, ring, clock, people.New(db.People(), guard, ring, clock), c)
		begun := time.Now()
		run, err := imports.Import(b.Context(), system, bulk.Job{Responsible: who}, table, func([]bulk.Row, []bulk.Outcome) error { return nil })
		fatal(b, err)
		took := time.Since(begun)
		raw, rows := writeRaw(b, db, filepath.Join(dir, fmt.Sprintf("raw%d.db", i)), run.Rows/1000+1)
		b.ReportMetric(float64(run.Rows)/took.Seconds(), "rows/s")
		b.ReportMetric(float64(rows)/raw.Seconds(), "raw-inserts/s")
		b.ReportMetric(float64(rows)/float64(run.Rows), "inserts/row")
		b.ReportMetric(raw.Seconds()/took.Seconds(), "of-raw")
		fatal(b, db.Close())
	}
}

// writeRaw writes every row of a store into another one, and gives how long that took.
func writeRaw(b *testing.B, from *DB, file string, transactions int) (took time.Duration, rows int) {
	clock := carnet.IDs{Clock: time.Now, Rand: rand.Reader}
	into, err := Open(b.Context(), file, from.ring, clock, rooms...)
	fatal(b, err)
	defer into.Close()
	type table struct {
		insert string
		rows   [][]any
	}
	var tables []table
	for _, t := range []struct{ name, order string }{{"person_key", "at"}, {"person", "at"}, {"person_alias", "at"}, {"dose_event", "event_id"}, {"dose", "dose_id"}, {"outbox", "outbox_id"}, {"import_entry", "at"}, {"journal", "entry_id"}} {
		order := t.order
		if order == "at" { // as they were made: by the first dose of each person
			order = map[string]string{"person_alias": "(SELECT min(dose_id) FROM dose d WHERE d.person_id = t.person_id)", "import_entry": "(SELECT dose_id FROM dose d WHERE d.person_id = t.person_id AND d.dose_id = t.dose_id)"}[t.name]
			if order == "" {
				order = "(SELECT min(dose_id) FROM dose d WHERE d.person_id = t.person_id)"
			}
		}
		r, err := from.sql.QueryContext(context.Background(), "SELECT * FROM "+t.name+" t ORDER BY "+order)
		fatal(b, err)
		columns, err := r.Columns()
		fatal(b, err)
		out := table{insert: "INSERT INTO " + t.name + " (" + strings.Join(columns, ",") + ") VALUES (?" + strings.Repeat(",?", len(columns)-1) + ")"}
		for r.Next() {
			cells, pointers := make([]any, len(columns)), make([]any, len(columns))
			for i := range cells {
				pointers[i] = &cells[i]
			}
			fatal(b, r.Scan(pointers...))
			for i, c := range cells {
				if b, ok := c.([]byte); c == nil || ok && len(b) == 0 {
					cells[i] = []byte{} // how the driver gives an empty one
				}
			}
			out.rows = append(out.rows, cells)
		}
		fatal(b, r.Err())
		tables = append(tables, out)
		rows += len(out.rows)
	}
	begun := time.Now()
	for k := range transactions {
		t, err := into.sql.BeginTx(context.Background(), nil)
		fatal(b, err)
		for _, x := range tables {
			stmt, err := t.Prepare(x.insert)
			fatal(b, err)
			for _, cells := range x.rows[k*len(x.rows)/transactions : (k+1)*len(x.rows)/transactions] {
				_, err := stmt.Exec(cells...)
				fatal(b, err)
			}
			fatal(b, stmt.Close())
		}
		fatal(b, t.Commit())
	}
	return time.Since(begun), rows
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
