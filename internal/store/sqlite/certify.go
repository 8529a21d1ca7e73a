package sqlite

import (
	"context"

	"carnet/internal/certify"
	"carnet/internal/protect"
)

// Certify is the store of the room certify.
func (db *DB) Certify() certify.Store { return certifyStore{db} }

type certifyStore struct{ db *DB }

func (s certifyStore) Within(ctx context.Context, d protect.Decision, fn func(certify.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(t) })
}

// PutCertificate notes that a document was issued. The same document again changes nothing.
func (t *tx) PutCertificate(c certify.Certificate) error {
	known, err := t.read(c.Person, "certificate", where("person_id", c.Person[:]).and("document", c.Document[:]), "certificate_id")
	if err != nil || len(known) > 0 {
		return err
	}
	_, err = t.write(c.Person, refuse, "certificate", cell{"person_id", c.Person[:]}, cell{"certificate_id", c.ID[:]},
		cell{"dose_id", c.Dose[:]}, cell{"document", c.Document[:]}, cell{"authority", c.Authority}, cell{"key_id", c.Key},
		cell{"issued_at", c.IssuedAt.UnixMicro()})
	return err
}
