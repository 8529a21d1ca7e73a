// Package sqlite is the embedded store: one file, one writer, nothing to install.
//
// Every access runs in one transaction that begins with a decision of the register and carries its
// own journal entries: either the access and its trace are both durable, or neither happened. What
// failed after it was allowed leaves its trace too. Statements are built from the columns that the
// decision opens; there is no other way to the tables.
//
// WAL with synchronous=FULL: an acknowledged transaction survives a power cut (store section 4).
package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the driver registers itself

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
)

// DB is an open store.
type DB struct {
	sql  *sql.DB
	ring *keyring.Ring
	ids  carnet.IDs
}

// Migrations are the tables of one room.
type Migrations struct {
	Room string
	FS   fs.FS // holds migrations/sqlite/NNNN_name.sql
}

// Open opens the file, makes it when it does not exist, and applies the migrations that it lacks,
// in the order of the rooms. A migration that was altered after it was applied is an error.
func Open(ctx context.Context, file string, ring *keyring.Ring, ids carnet.IDs, rooms ...Migrations) (*DB, error) {
	q := url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", "busy_timeout(5000)",
			"cache_size(-65536)", "wal_autocheckpoint(8000)", // 64 and 32 MB: keys are spread over the tables
			"temp_store(MEMORY)", "secure_delete(ON)"}, // no clear page in a temporary file, none left behind
	}
	// The engine would make it readable by others.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	pool.SetMaxOpenConns(1) // one writer; reads are journalled, so they write too
	db := &DB{pool, ring, ids}
	for _, room := range rooms {
		if err := db.migrate(ctx, room); err != nil {
			return nil, errors.Join(err, pool.Close())
		}
	}
	return db, nil
}

// Inspect opens a file without changing it, checks that it is whole, and lists the migrations that
// it lacks, "room/version".
func Inspect(ctx context.Context, file string, rooms ...Migrations) (pending []string, err error) {
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	defer pool.Close()
	var verdict string
	if err := pool.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil || verdict != "ok" {
		return nil, fmt.Errorf("sqlite: %s is damaged: %s %w", file, verdict, err)
	}
	for _, room := range rooms {
		list, err := room.list()
		if err != nil {
			return nil, err
		}
		for _, m := range list {
			var n int
			if err := pool.QueryRowContext(ctx, `SELECT count(*) FROM migration WHERE room=? AND version=? AND checksum=?`, room.Room, m.version, m.checksum).Scan(&n); err != nil {
				return nil, fmt.Errorf("sqlite: %w", err)
			}
			if n == 0 {
				pending = append(pending, room.Room+"/"+m.version)
			}
		}
	}
	return pending, nil
}

// Close closes the file; the write-ahead log is folded into it.
func (db *DB) Close() error { return db.sql.Close() }

// Ping tells whether the store answers.
func (db *DB) Ping(ctx context.Context) error { return db.sql.PingContext(ctx) }

func (db *DB) migrate(ctx context.Context, room Migrations) error {
	const table = `CREATE TABLE IF NOT EXISTS migration (
		room TEXT NOT NULL, version TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL,
		PRIMARY KEY (room, version)) STRICT, WITHOUT ROWID`
	if _, err := db.sql.ExecContext(ctx, table); err != nil {
		return fmt.Errorf("sqlite: %w", err)
	}
	list, err := room.list()
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := db.apply(ctx, room.Room, m); err != nil {
			return fmt.Errorf("sqlite: migration %s of %s: %w", m.version, room.Room, err)
		}
	}
	return nil
}

// migration is one step of a room's tables.
type migration struct{ version, checksum, text string }

// list reads the steps of a room, in order.
func (room Migrations) list() ([]migration, error) {
	files, err := fs.Glob(room.FS, "migrations/sqlite/*.sql")
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("sqlite: room %s brings no migration (%v)", room.Room, err)
	}
	slices.Sort(files)
	var list []migration
	for _, name := range files {
		text, err := fs.ReadFile(room.FS, name)
		if err != nil {
			return nil, fmt.Errorf("sqlite: %w", err)
		}
		sum := sha256.Sum256(text)
		list = append(list, migration{path.Base(name), hex.EncodeToString(sum[:]), string(text)})
	}
	return list, nil
}

func (db *DB) apply(ctx context.Context, room string, m migration) error {
	t, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer t.Rollback()
	var applied string
	err = t.QueryRowContext(ctx, `SELECT checksum FROM migration WHERE room=? AND version=?`, room, m.version).Scan(&applied)
	switch {
	case err == nil && applied == m.checksum:
		return nil
	case err == nil:
		return errors.New("it was changed after it had been applied; add a new migration instead")
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if _, err := t.ExecContext(ctx, m.text); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, `INSERT INTO migration (room, version, checksum, applied_at) VALUES (?,?,?,?)`,
		room, m.version, m.checksum, db.ids.Clock().UnixMicro()); err != nil {
		return err
	}
	return t.Commit()
}

// within runs fn in the transaction of one access.
func (db *DB) within(ctx context.Context, d protect.Decision, fn func(*tx) error) error {
	var entries []journal.Entry
	err := d.Err()
	if err == nil {
		entries, err = db.attempt(ctx, d, fn)
		if err == nil {
			return nil
		}
	}
	// Refused, or failed after it was allowed: nothing of it stands, and the journal says so.
	if trace := db.trace(ctx, d, entries); trace != nil {
		return errors.Join(unavailable(trace), err)
	}
	return err
}

// attempt returns the entries of the access, for the journal of a failure.
func (db *DB) attempt(ctx context.Context, d protect.Decision, fn func(*tx) error) ([]journal.Entry, error) {
	s, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return nil, unavailable(err)
	}
	defer s.Rollback()
	t := &tx{ctx: ctx, sql: s, db: db, d: d}
	if err := t.decided(); err != nil {
		return nil, err
	}
	if err := fn(t); err != nil {
		return t.tried(), err
	}
	if err := t.finish(); err != nil {
		return t.tried(), err
	}
	if err := s.Commit(); err != nil {
		return t.tried(), unavailable(err)
	}
	return nil, nil
}

// trace writes the journal of an access that did not come to its end. The request may be gone by
// then: its cancellation does not stop the trace.
func (db *DB) trace(ctx context.Context, d protect.Decision, tried []journal.Entry) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	s, err := db.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer s.Rollback()
	t := &tx{ctx: ctx, sql: s, db: db, d: d}
	if err := t.decided(); err != nil {
		return err
	}
	for _, e := range tried {
		if e.Kind == journal.Decided {
			continue
		}
		e.Outcome = journal.Failed
		if err := t.append(e); err != nil {
			return err
		}
	}
	return s.Commit()
}

// unavailable marks an error of the engine: trying again may be right.
func unavailable(err error) error {
	return carnet.E("sqlite", carnet.Unavailable, "store.unavailable", err)
}

// tx is the transaction of one access.
type tx struct {
	ctx     context.Context
	sql     *sql.Tx
	db      *DB
	d       protect.Decision
	entries []journal.Entry
	keys    map[carnet.ID]*keyring.Key
	places  map[string]carnet.Place
	many    *many // nil for an access to one person, or to nobody
}

func (t *tx) decided() error {
	return t.append(journal.Entry{Person: t.d.Person(), Kind: journal.Decided, Outcome: t.d.Reason()})
}

func (t *tx) note(kind journal.Kind, person carnet.ID, table string) error {
	e := journal.Entry{Person: person, Kind: kind, Object: table, Outcome: journal.Done}
	if t.many != nil {
		t.many.note(e)
		return nil
	}
	return t.append(e)
}

// append writes one entry. Its columns are the journal's own: they depend on no decision.
func (t *tx) append(e journal.Entry) (err error) {
	if e.ID, err = t.db.ids.New(); err != nil {
		return err
	}
	actor := t.d.Actor()
	e.At, e.Line = t.db.ids.Clock(), len(t.entries)
	e.Decision, e.Register, e.Purpose = t.d.ID(), t.d.Register(), t.d.Purpose().String()
	e.Actor, e.Role, e.Organisation, e.Session, e.Delegate = actor.ID, string(actor.Role), actor.Organisation, actor.Session, actor.Delegate
	if err := t.insert(refuse, "journal", journalColumns, []any{e.Person[:], e.ID[:], e.At.UnixMicro(), e.Line, string(e.Kind), e.Object, e.Outcome, e.Actor[:], e.Role,
		e.Organisation, e.Session[:], e.Purpose, e.Decision[:], e.Register, e.Delegate[:]}); err != nil {
		return err
	}
	t.entries = append(t.entries, e)
	return nil
}

var journalColumns = []string{"person_id", "entry_id", "at", "line", "kind", "object", "outcome", "actor_id", "actor_role", "organisation", "session_id",
	"purpose", "decision_id", "register", "delegate_id"}

// insert writes a row, or lets it wait for the others of an access to many people.
func (t *tx) insert(how onConflict, table string, columns []string, values []any) error {
	if t.many != nil {
		t.many.add(how, table, columns, values)
		return nil
	}
	_, err := t.exec(how, table, columns, values)
	return err
}

func (t *tx) exec(how onConflict, table string, columns []string, values []any) (sql.Result, error) {
	res, err := t.sql.ExecContext(t.ctx, string(how)+table+" ("+strings.Join(columns, ", ")+") VALUES (?"+strings.Repeat(",?", len(values)-1)+")", values...)
	if err != nil {
		return nil, unavailable(err)
	}
	return res, nil
}

// row is one line of a table, by column.
type row map[string]any

func (r row) blob(c string) []byte { b, _ := r[c].([]byte); return b }
func (r row) text(c string) string { s, _ := r[c].(string); return s }
func (r row) int(c string) int     { n, _ := r[c].(int64); return int(n) }
func (r row) id(c string) (id carnet.ID) {
	copy(id[:], r.blob(c))
	return id
}
func (r row) time(c string) time.Time {
	n, _ := r[c].(int64)
	return time.UnixMicro(n).UTC()
}

// read selects what the decision opens of the wanted columns; what it does not open is absent from
// the rows. The columns of the condition must be open too. The read enters the journal as one
// about the person; zero when it is about nobody yet known.
func (t *tx) read(person carnet.ID, table string, where condition, want ...string) ([]row, error) {
	if err := t.d.MayRead(table, where.columns...); err != nil {
		return nil, err
	}
	columns := t.d.Readable(table, want...)
	if len(columns) == 0 {
		return nil, t.d.MayRead(table, want...)
	}
	if err := t.note(journal.Read, person, table); err != nil {
		return nil, err
	}
	return t.query("SELECT "+strings.Join(columns, ", ")+" FROM "+table+where.sql(), where.values, columns)
}

// query runs a SELECT of some columns.
func (t *tx) query(text string, values []any, columns []string) ([]row, error) {
	if t.many != nil {
		if err := t.flush(); err != nil {
			return nil, err
		}
	}
	rows, err := t.sql.QueryContext(t.ctx, text, values...)
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close()
	var out []row
	for rows.Next() {
		cells, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range cells {
			into[i] = &cells[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, unavailable(err)
		}
		r := row{}
		for i, c := range columns {
			r[c] = cells[i]
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		return nil, unavailable(err)
	}
	return out, nil
}

// condition is "a = ? AND b >= ?" with its values, an order and a number of rows.
type condition struct {
	columns []string
	least   []bool // at least the value, instead of equal to it
	values  []any
	order   string
	rows    int // 0: all
}

func where(column string, value any) condition {
	return condition{}.and(column, value)
}

func (c condition) and(column string, value any) condition {
	c.columns, c.least, c.values = append(slices.Clone(c.columns), column), append(slices.Clone(c.least), false), append(slices.Clone(c.values), value)
	return c
}

// since adds column >= value.
func (c condition) since(column string, value any) condition {
	c = c.and(column, value)
	c.least[len(c.least)-1] = true
	return c
}

// first keeps the first n rows of the order.
func (c condition) first(n int) condition {
	c.rows = n
	return c
}

func (c condition) by(columns string) condition {
	c.order = columns
	return c
}

func (c condition) sql() string {
	var b strings.Builder
	for i, column := range c.columns {
		b.WriteString([]string{" WHERE ", " AND "}[min(i, 1)])
		b.WriteString(column + map[bool]string{false: " = ?", true: " >= ?"}[c.least[i]])
	}
	if c.order != "" {
		b.WriteString(" ORDER BY " + c.order)
	}
	if c.rows > 0 {
		fmt.Fprintf(&b, " LIMIT %d", c.rows)
	}
	return b.String()
}

// cell is one value to write.
type cell struct {
	column string
	value  any
}

// onConflict says what an insert does when the row exists.
type onConflict string

const (
	refuse  onConflict = "INSERT INTO "
	keep    onConflict = "INSERT OR IGNORE INTO "
	replace onConflict = "REPLACE INTO "
)

// write inserts a row, if the decision opens every column, and reports whether it was written. In an access to many people
// the row waits, and is said to be written.
func (t *tx) write(person carnet.ID, how onConflict, table string, cells ...cell) (bool, error) {
	columns, values := make([]string, len(cells)), make([]any, len(cells))
	for i, c := range cells {
		columns[i], values[i] = c.column, c.value
	}
	if err := t.d.MayWrite(table, columns...); err != nil {
		return false, err
	}
	if err := t.note(journal.Wrote, person, table); err != nil {
		return false, err
	}
	if t.many != nil {
		t.many.add(how, table, columns, values)
		return true, nil
	}
	res, err := t.exec(how, table, columns, values)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// count is the number of rows of a condition, if the decision opens the columns that it finds them by.
func (t *tx) count(table string, c condition) (int, error) {
	if err := t.d.MayRead(table, c.columns...); err != nil {
		return 0, err
	}
	if err := t.note(journal.Read, carnet.ID{}, table); err != nil {
		return 0, err
	}
	rows, err := t.query("SELECT count(*) FROM "+table+c.sql(), c.values, []string{"n"})
	if err != nil {
		return 0, err
	}
	return rows[0].int("n"), nil
}

// update changes cells of the rows of a condition, if the decision opens every column, and reports how
// many there were.
func (t *tx) update(person carnet.ID, table string, c condition, cells ...cell) (int, error) {
	var set []string
	var values []any
	columns := slices.Clone(c.columns)
	for _, x := range cells {
		set, values, columns = append(set, x.column+" = ?"), append(values, x.value), append(columns, x.column)
	}
	if err := t.d.MayWrite(table, columns...); err != nil {
		return 0, err
	}
	if err := t.note(journal.Wrote, person, table); err != nil {
		return 0, err
	}
	if t.many != nil {
		if err := t.flush(); err != nil {
			return 0, err
		}
	}
	res, err := t.sql.ExecContext(t.ctx, "UPDATE "+table+" SET "+strings.Join(set, ", ")+c.sql(), append(values, c.values...)...)
	if err != nil {
		return 0, unavailable(err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// newKey makes the data key of a subject, or returns nil when the subject has one.
func (t *tx) newKey(table string, subject carnet.ID) (*keyring.Key, error) {
	key, wrapped, err := t.db.ring.NewKey(subject)
	if err != nil {
		return nil, err
	}
	how := keep
	if t.many != nil {
		how = refuse // a key that is there is not noticed in time: nothing of the access may stand
	}
	fresh, err := t.write(subject, how, table+"_key", cell{table + "_id", subject[:]}, cell{"wrapped", wrapped})
	if err != nil || !fresh {
		return nil, err
	}
	t.hold(subject, key)
	return key, nil
}

// hold keeps an open key for the rest of the access.
func (t *tx) hold(subject carnet.ID, k *keyring.Key) {
	if t.keys == nil {
		t.keys = map[carnet.ID]*keyring.Key{}
	}
	t.keys[subject] = k
}

// key opens the data key of a subject of a table, "person" or "professional".
func (t *tx) key(table string, subject carnet.ID) (*keyring.Key, error) {
	if k := t.keys[subject]; k != nil {
		return k, nil
	}
	rows, err := t.read(subject, table+"_key", where(table+"_id", subject[:]), "wrapped")
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, carnet.E("sqlite", carnet.NotFound, table+".unknown", nil)
	}
	k, err := t.db.ring.Unwrap(subject, rows[0].blob("wrapped"))
	if err != nil {
		return nil, err
	}
	t.hold(subject, k)
	return k, nil
}
