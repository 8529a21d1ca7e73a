package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"carnet/hcert/revocation"
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
	cells := []cell{{"person_id", c.Person[:]}, {"certificate_id", c.ID[:]}, {"dose_id", c.Dose[:]}, {"kind", string(c.Kind)},
		{"document", c.Document[:]}, {"authority", c.Authority}, {"key_id", c.Key}, {"issued_at", c.IssuedAt.UnixMicro()}, {"names", revocation.AppendKeys(nil, c.Names...)},
		{"basis", certify.AppendFacts([]byte{}, c.Basis)}}
	if c.Receipt.Identifier != "" {
		key, err := t.key("person", c.Person)
		if err != nil {
			return err
		}
		text, err := json.Marshal(receipt{c.Receipt.Identifier, c.Receipt.Digest[:], c.Receipt.Signature})
		if err != nil {
			return carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		sealed, err := key.Seal("certificate.receipt", text)
		if err != nil {
			return err
		}
		cells = append(cells, cell{"receipt", sealed})
	}
	if _, err = t.write(c.Person, refuse, "certificate", cells...); err != nil {
		return err
	}
	day := carnet.DateOf(c.IssuedAt).Days()
	rows, err := t.read(carnet.ID{}, "issuance", where("day", day).and("kind", string(c.Kind)), "n")
	if err != nil {
		return err
	}
	n := 1
	for _, r := range rows {
		n += r.int("n")
	}
	_, err = t.write(carnet.ID{}, replace, "issuance", cell{"day", day}, cell{"kind", string(c.Kind)}, cell{"n", n})
	return err
}

// Issuance lists the counts.
func (t *tx) Issuance() ([]certify.Issued, error) {
	rows, err := t.read(carnet.ID{}, "issuance", condition{}.by("day, kind"), "day", "kind", "n")
	if err != nil {
		return nil, err
	}
	list := make([]certify.Issued, len(rows))
	for i, r := range rows {
		list[i] = certify.Issued{Day: carnet.DateOfDays(r.int("day")), Kind: certify.Kind(r.text("kind")), N: r.int("n")}
	}
	return list, nil
}

var noticeColumns = []string{"person_id", "outbox_id", "kind", "event_id", "at"}

// Notices lists what the room has not looked at yet.
func (t *tx) Notices(most int) ([]certify.Notice, error) {
	rows, err := t.read(carnet.ID{}, "outbox", where("certify", 1).by("outbox_id").first(most), noticeColumns...)
	if err != nil {
		return nil, err
	}
	list := make([]certify.Notice, len(rows))
	for i, r := range rows {
		list[i] = certify.Notice{ID: r.id("outbox_id"), Person: r.id("person_id"), Event: r.id("event_id"), Kind: r.text("kind"), At: r.time("at")}
	}
	return list, nil
}

// Pending lists those about one person, and about the records that were joined to theirs.
func (t *tx) Pending(person carnet.ID) ([]certify.Notice, error) {
	records, err := t.whole(person)
	if err != nil {
		return nil, err
	}
	var list []certify.Notice
	for _, record := range records {
		rows, err := t.read(record, "outbox", where("person_id", record[:]).and("certify", 1).by("outbox_id"), noticeColumns...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			list = append(list, certify.Notice{ID: r.id("outbox_id"), Person: record, Event: r.id("event_id"), Kind: r.text("kind"), At: r.time("at")})
		}
	}
	return list, nil
}

// Settle marks a notice.
func (t *tx) Settle(n certify.Notice) error {
	_, err := t.write(n.Person, replace, "outbox", cell{"person_id", n.Person[:]}, cell{"outbox_id", n.ID[:]}, cell{"kind", n.Kind},
		cell{"event_id", n.Event[:]}, cell{"at", n.At.UnixMicro()}, cell{"certify", 0})
	return err
}

// receipt is the form of a receipt under its seal.
type receipt struct {
	Identifier string `json:"identifier"`
	Digest     []byte `json:"digest"`
	Signature  []byte `json:"signature"`
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
		"person_id", "certificate_id", "dose_id", "kind", "document", "authority", "key_id", "issued_at", "names", "basis", "receipt")
	if err != nil {
		return nil, err
	}
	var list []certify.Certificate
	for _, r := range rows {
		c := certify.Certificate{ID: r.id("certificate_id"), Person: r.id("person_id"), Dose: r.id("dose_id"), Kind: certify.Kind(r.text("kind")),
			Authority: r.text("authority"), Key: r.text("key_id"), IssuedAt: r.time("issued_at")}
		copy(c.Document[:], r.blob("document"))
		if c.Names, err = revocation.ParseKeys(r.blob("names")); err != nil {
			return nil, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		c.Basis = certify.ParseFacts(r.blob("basis"))
		if sealed := r.blob("receipt"); sealed != nil {
			if c.Receipt, err = t.receipt(c.Person, sealed); err != nil {
				return nil, err
			}
		}
		list = append(list, c)
	}
	return list, nil
}

func (t *tx) receipt(person carnet.ID, sealed []byte) (certify.Receipt, error) {
	key, err := t.key("person", person)
	if err != nil {
		return certify.Receipt{}, err
	}
	text, err := key.Open("certificate.receipt", sealed)
	if err != nil {
		return certify.Receipt{}, err
	}
	var r receipt
	if err := json.Unmarshal(text, &r); err != nil {
		return certify.Receipt{}, carnet.E("sqlite", carnet.Internal, "internal", err)
	}
	out := certify.Receipt{Identifier: r.Identifier, Signature: r.Signature}
	copy(out.Digest[:], r.Digest)
	return out, nil
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
		cell{"certificate_id", r.Certificate[:]}, cell{"dose_id", r.Dose[:]}, cell{"document", r.Document[:]}, cell{"names", revocation.AppendKeys(nil, r.Names...)}, cell{"idem", r.Key[:]},
		cell{"scope", string(r.Scope)}, cell{"reason", string(r.Reason)}, cell{"actor_id", r.Actor[:]}, cell{"at", r.At.UnixMicro()})
	return err
}

// Revoked tells whether a document was revoked, whosever it is.
func (t *tx) Revoked(document [32]byte) (bool, error) {
	rows, err := t.read(t.d.Person(), "revocation", where("document", document[:]), "document")
	return len(rows) > 0, err
}

// RevokedNames lists the names of the revoked documents of everybody.
func (t *tx) RevokedNames() ([]revocation.Key, error) {
	rows, err := t.read(carnet.ID{}, "revocation", condition{}, "names")
	if err != nil {
		return nil, err
	}
	var list []revocation.Key
	for _, r := range rows {
		names, err := revocation.ParseKeys(r.blob("names"))
		if err != nil {
			return nil, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		list = append(list, names...)
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
