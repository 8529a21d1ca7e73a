package sqlite

import (
	"context"
	"time"

	"carnet/internal/carnet"
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

// Certificates lists what was issued to a person, oldest first.
func (t *tx) Certificates(person carnet.ID) ([]certify.Certificate, error) {
	return t.certificates(person, where("person_id", person[:]))
}

// CertificatesOf finds a document, of whomever it is.
func (t *tx) CertificatesOf(document [32]byte) ([]certify.Certificate, error) {
	return t.certificates(t.d.Person(), where("document", document[:]))
}

func (t *tx) certificates(person carnet.ID, which condition) ([]certify.Certificate, error) {
	rows, err := t.read(person, "certificate", which.by("issued_at, certificate_id"),
		"person_id", "certificate_id", "dose_id", "document", "authority", "key_id", "issued_at")
	if err != nil {
		return nil, err
	}
	var list []certify.Certificate
	for _, r := range rows {
		c := certify.Certificate{ID: r.id("certificate_id"), Person: r.id("person_id"), Dose: r.id("dose_id"),
			Authority: r.text("authority"), Key: r.text("key_id"), IssuedAt: r.time("issued_at")}
		copy(c.Document[:], r.blob("document"))
		list = append(list, c)
	}
	return list, nil
}

// Revocations lists the revocations of a person's documents, oldest first.
func (t *tx) Revocations(person carnet.ID) ([]certify.Revocation, error) {
	rows, err := t.read(person, "revocation", where("person_id", person[:]).by("at, revocation_id"),
		"revocation_id", "certificate_id", "dose_id", "document", "idem", "scope", "reason", "actor_id", "at")
	if err != nil {
		return nil, err
	}
	var list []certify.Revocation
	for _, r := range rows {
		v := certify.Revocation{ID: r.id("revocation_id"), Person: person, Certificate: r.id("certificate_id"), Dose: r.id("dose_id"),
			Key: r.id("idem"), Scope: certify.Scope(r.text("scope")), Reason: certify.Reason(r.text("reason")), Actor: r.id("actor_id"), At: r.time("at")}
		copy(v.Document[:], r.blob("document"))
		list = append(list, v)
	}
	return list, nil
}

// PutRevocation writes the event.
func (t *tx) PutRevocation(r certify.Revocation) error {
	_, err := t.write(r.Person, refuse, "revocation", cell{"person_id", r.Person[:]}, cell{"revocation_id", r.ID[:]},
		cell{"certificate_id", r.Certificate[:]}, cell{"dose_id", r.Dose[:]}, cell{"document", r.Document[:]}, cell{"idem", r.Key[:]},
		cell{"scope", string(r.Scope)}, cell{"reason", string(r.Reason)}, cell{"actor_id", r.Actor[:]}, cell{"at", r.At.UnixMicro()})
	return err
}

// Revoked tells whether a document was revoked, whosever it is.
func (t *tx) Revoked(document [32]byte) (bool, error) {
	rows, err := t.read(t.d.Person(), "revocation", where("document", document[:]), "document")
	return len(rows) > 0, err
}

// RevokedDocuments lists the revoked documents of everybody.
func (t *tx) RevokedDocuments() ([][32]byte, error) {
	rows, err := t.read(carnet.ID{}, "revocation", condition{}, "document")
	if err != nil {
		return nil, err
	}
	list := make([][32]byte, len(rows))
	for i, r := range rows {
		copy(list[i][:], r.blob("document"))
	}
	return list, nil
}

// RevocationList gives the newest list, number 0 without one.
func (t *tx) RevocationList() (uint64, []byte, error) {
	rows, err := t.read(carnet.ID{}, "revocation_list", where("slot", 1), "number", "body")
	if err != nil || len(rows) == 0 {
		return 0, nil, err
	}
	return uint64(rows[0].int("number")), rows[0].blob("body"), nil
}

// PutRevocationList replaces the newest list.
func (t *tx) PutRevocationList(number uint64, issued time.Time, body []byte) error {
	_, err := t.write(carnet.ID{}, replace, "revocation_list", cell{"slot", 1}, cell{"number", int64(number)},
		cell{"issued_at", issued.UnixMicro()}, cell{"body", body})
	return err
}
