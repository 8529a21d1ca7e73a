package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/journal"
	"carnet/internal/login"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/store/storetest"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/vaccinate/lists"
	"carnet/internal/vaccinate/paper"
	"carnet/internal/vaccinate/run"
	"carnet/internal/vaccinate/stock"
)

var rooms = []Migrations{
	{"journal", journal.Migrations}, {"people", people.Migrations}, {"vaccinate", vaccinate.Migrations}, {"run", run.Migrations},
	{"stock", stock.Migrations}, {"paper", paper.Migrations}, {"lists", lists.Migrations}, {"import", bulk.Migrations},
	{"certify", certify.Migrations}, {"login", login.Migrations}, {"fraud", fraud.Migrations},
}

var ids = carnet.IDs{Clock: func() time.Time { return time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC) }, Rand: rand.Reader}

func open(t *testing.T, path string, rooms ...Migrations) *DB {
	t.Helper()
	ring, err := keyring.Open(t.TempDir(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), path, ring, ids, rooms...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestStore(t *testing.T) {
	storetest.Run(t, backend)
}

func BenchmarkAttestation(b *testing.B) { storetest.BenchmarkAttestation(b, backend) }

func backend(t testing.TB, ring *keyring.Ring, ids carnet.IDs) storetest.Backend {
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "carnet.db"), ring, ids, rooms...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return storetest.Backend{
		People:     db.People(),
		Vaccinate:  db.Vaccinate(),
		Certify:    db.Certify(),
		Login:      db.Login(),
		Delegation: db.Delegation(),
		Stock:      db.Stock(),
		Lists:      db.Lists(),
		Paper:      db.Paper(),
		Imports:    db,
		Run:        db.Run(),
		Software:   db.Software(),
		Fraud:      db.Fraud(),
		Count: func(t testing.TB, table string) (n int) {
			if err := db.sql.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		},
		Journal: func(t testing.TB) (lines []storetest.Line) {
			rows, err := db.sql.Query(`SELECT person_id, kind, object, outcome, purpose, actor_role, actor_id, decision_id, delegate_id FROM journal ORDER BY at, line`)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			for rows.Next() {
				var l storetest.Line
				var person, actor, decision, delegate []byte
				if err := rows.Scan(&person, &l.Kind, &l.Object, &l.Outcome, &l.Purpose, &l.Role, &actor, &decision, &delegate); err != nil {
					t.Fatal(err)
				}
				copy(l.Person[:], person)
				copy(l.Actor[:], actor)
				copy(l.Decision[:], decision)
				copy(l.Delegate[:], delegate)
				lines = append(lines, l)
			}
			return lines
		},
	}
}

// TestSchemaIsDeclared holds the tables and the register of processing against each other: a column
// that the register does not know fails the build, and so does a declared one that does not exist.
func TestSchemaIsDeclared(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "carnet.db"), rooms...)
	register, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.sql.Query(`SELECT m.name || '.' || c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type='table' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var schema []string
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			t.Fatal(err)
		}
		schema = append(schema, c)
	}
	if len(schema) < 60 {
		t.Fatalf("only %d columns were found", len(schema))
	}
	for _, c := range schema {
		if !slices.Contains(register.Columns(), c) {
			t.Errorf("column %s is in no category of the register", c)
		}
	}
	for _, c := range register.Columns() {
		if !slices.Contains(schema, c) {
			t.Errorf("the register declares %s, which does not exist", c)
		}
	}
	t.Run("POL-01 every column belongs to a category, and some purpose opens it", func(t *testing.T) {
		guard := protect.NewGuard(register, ids)
		me := carnet.DerivedID(make([]byte, 16))
		var all []protect.Decision
		for _, role := range []protect.Role{protect.Professional, protect.Insured, protect.System} {
			for _, p := range []protect.Purpose{
				protect.Vaccination,
				protect.Directory,
				protect.Enrolment,
				protect.Stock,
				protect.Recall,
				protect.Paper,
				protect.Worklist,
				protect.Import,
				protect.Certification,
				protect.Revocation,
				protect.Publication,
				protect.Login,
				protect.Security,
				protect.Delegation,
				protect.Fraud,
				protect.Software,
				protect.Accountability,
				protect.Information,
				protect.Identification,
				protect.Rectification,
			} {
				all = append(all, guard.Decide(protect.Request{Actor: protect.Actor{ID: me, Role: role}, Purpose: p, Person: me}))
			}
		}
		for _, c := range schema {
			table, column, _ := strings.Cut(c, ".")
			category, ok := register.Category(table, column)
			if !ok {
				t.Errorf("%s is in no category", c)
			}
			if category != "technical" && !slices.ContainsFunc(all, func(d protect.Decision) bool {
				return d.MayRead(table, column) == nil || d.MayWrite(table, column) == nil
			}) {
				t.Errorf("%s: no purpose opens category %s", c, category)
			}
		}
	})
}

// TestPersonLeadsTheKey: rows about a person carry person_id first in their key, so that the schema
// can be sharded by person (store section 3). Tables that find a person by a keyed hash are the exception:
// they are distributed by it.
func TestPersonLeadsTheKey(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "carnet.db"), rooms...)
	rows, err := db.sql.Query(`SELECT m.name, c.pk FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type='table' AND c.name='person_id' AND m.name NOT IN ('person_alias', 'person_login', 'import_entry')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var table string
		var pk int
		if err := rows.Scan(&table, &pk); err != nil {
			t.Fatal(err)
		}
		if n++; pk != 1 {
			t.Errorf("%s: person_id is at place %d of the key", table, pk)
		}
	}
	if n < 6 {
		t.Fatalf("only %d tables about a person", n)
	}
}

func TestSecondStartFindsItsData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c.db") // a path that an URL would misread
	db := open(t, path, rooms...)
	if _, err := db.sql.Exec(`INSERT INTO place VALUES ('1','x','y','FR')`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := open(t, path, rooms...).sql.QueryRow(`SELECT count(*) FROM place`).Scan(&n); err != nil || n != 1 {
		t.Fatalf("%d rows, %v", n, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestAlteredMigrationIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carnet.db")
	room := func(sql string) Migrations {
		return Migrations{"r", fstest.MapFS{"migrations/sqlite/0001_r.sql": {Data: []byte(sql)}}}
	}
	open(t, path, room("CREATE TABLE a (b)")).Close()
	ring, _ := keyring.Open(t.TempDir(), rand.Reader)
	if _, err := Open(t.Context(), path, ring, ids, room("CREATE TABLE a (b, c)")); err == nil || !strings.Contains(err.Error(), "changed after") {
		t.Fatalf("got %v", err)
	}
	if _, err := Open(t.Context(), path, ring, ids, Migrations{"empty", fstest.MapFS{}}); err == nil {
		t.Fatal("a room without migrations is accepted")
	}
}

func TestInspect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carnet.db")
	open(t, path, rooms[0]).Close()
	pending, err := Inspect(t.Context(), path, rooms...)
	var want []string
	for _, room := range rooms[1:] {
		steps, err := room.list()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range steps {
			want = append(want, room.Room+"/"+m.version)
		}
	}
	if err != nil || len(want) < 4 || !slices.Equal(pending, want) {
		t.Fatalf("%v instead of %v, %v", pending, want, err)
	}
	text, _ := os.ReadFile(path)
	for i := 4096; i < len(text); i++ {
		text[i] = 0x55
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Inspect(t.Context(), path, rooms...); err == nil {
		t.Fatal("a damaged file is well")
	}
}

// TestNoAppendNoEffect takes the journal away: every access must then refuse.
func TestNoAppendNoEffect(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "carnet.db"), rooms...)
	register, _ := protect.DefaultRegister()
	guard := protect.NewGuard(register, ids)
	if _, err := db.sql.Exec(`ALTER TABLE journal RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	d := guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Enrolment})
	ran := false
	err := db.Vaccinate().Within(context.Background(), d, func(vaccinate.Tx) error { ran = true; return nil })
	if err == nil || ran || carnet.KindOf(err) != carnet.Unavailable {
		t.Fatalf("ran %v, %v", ran, err)
	}
}

// TestFileHoldsNoClearField looks for what was written in every byte of the data directory.
func TestFileHoldsNoClearField(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "carnet.db"), rooms...)
	register, _ := protect.DefaultRegister()
	s := people.New(db.People(), protect.NewGuard(register, ids), db.ring, ids)
	birth, _ := carnet.NewBirthDate(1985, 5, 12)
	_, err := s.Enrol(t.Context(), protect.Actor{Role: protect.System}, carnet.Identity{BirthName: carnet.Hide("ZYGOPHYLLE"),
		GivenNames: []carnet.Private{carnet.Hide("Quinquina")}, Birth: birth, Sex: carnet.Female, BirthPlace: "00777"})
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, marker := range []string{"ZYGOPHYLLE", "Quinquina", "1985-05-12", "00777"} {
			if bytes.Contains(text, []byte(marker)) {
				t.Errorf("%s holds %s", filepath.Base(path), marker)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
}
