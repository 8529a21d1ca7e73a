package phone

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver registers itself
)

//go:embed schema.sql
var schema string

// openStore opens the file. It holds invented people only, so it is neither sealed nor migrated: a
// file of another version is refused, and deleting it costs the sandbox its phones.
func openStore(file string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, err
	}
	// The engine would make it readable by others.
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"journal_mode(WAL)", "synchronous(NORMAL)", "busy_timeout(5000)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("phone: %w", err)
	}
	db.SetMaxOpenConns(1)
	var version int
	err = db.QueryRow(`PRAGMA user_version`).Scan(&version)
	switch {
	case err != nil:
	case version == 0:
		_, err = db.Exec(schema)
	case version != schemaVersion:
		err = fmt.Errorf("%s is of version %d, this program writes %d: delete the file to give the sandbox new phones", file, version, schemaVersion)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("phone: %w", err), db.Close())
	}
	return db, nil
}

const schemaVersion = 1 // of schema.sql

// within runs a function in a transaction: all of it is kept, or nothing.
func (s *Service) within(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
