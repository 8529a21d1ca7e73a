package sqlite

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/login/software"
	"carnet/internal/protect"
)

// Software is the store of the software that acts for professionals.
func (db *DB) Software() software.Store { return softwareStore{db} }

type softwareStore struct{ db *DB }

func (s softwareStore) Software(ctx context.Context, d protect.Decision, fn func(software.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(softwareTx{doorTx{t}}) })
}

// Lookup is the keyed hash of the keyring.
func (s softwareStore) Lookup(kind, value string) [32]byte { return s.db.ring.Lookup(kind, value) }

type softwareTx struct{ doorTx }

var softwareColumns = []string{"client_id", "name", "places", "scopes", "keys", "keys_url", "since", "revoked_at"}

func (t softwareTx) Clients() ([]software.Client, error) {
	rows, err := t.read(nobody, "software", condition{}.by("since, client_id"), softwareColumns...)
	if err != nil {
		return nil, err
	}
	list := make([]software.Client, len(rows))
	for i, r := range rows {
		if list[i], err = clientOf(r); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t softwareTx) Client(id carnet.ID) (software.Client, error) {
	rows, err := t.read(nobody, "software", where("client_id", id[:]), softwareColumns...)
	if err != nil {
		return software.Client{}, err
	}
	if len(rows) == 0 {
		return software.Client{}, carnet.E("sqlite", carnet.NotFound, software.CodeUnknown, nil)
	}
	return clientOf(rows[0])
}

func clientOf(r row) (software.Client, error) {
	c := software.Client{ID: r.id("client_id"), Name: r.text("name"), Places: strings.Fields(r.text("places")), Scopes: strings.Fields(r.text("scopes")),
		KeysURL: r.text("keys_url"), Since: r.time("since"), Revoked: r.moment("revoked_at")}
	if text := r.text("keys"); text != "" {
		if err := json.Unmarshal([]byte(text), &c.Keys); err != nil {
			return c, carnet.E("sqlite", carnet.Internal, "internal", err)
		}
	}
	return c, nil
}

func (t softwareTx) PutClient(c software.Client) error {
	keys := ""
	if len(c.Keys.Keys) > 0 {
		text, err := json.Marshal(c.Keys)
		if err != nil {
			return carnet.E("sqlite", carnet.Internal, "internal", err)
		}
		keys = string(text)
	}
	_, err := t.write(nobody, replace, "software", cell{"client_id", c.ID[:]}, cell{"name", c.Name}, cell{"places", strings.Join(c.Places, " ")},
		cell{"scopes", c.Scopes.String()}, cell{"keys", keys}, cell{"keys_url", c.KeysURL}, cell{"since", c.Since.UnixMicro()}, cell{"revoked_at", micros(c.Revoked)})
	return err
}

func (t softwareTx) PutToken(k software.Token) error {
	_, err := t.write(k.Professional, refuse, "software_token", cell{"token", k.Hash[:]}, cell{"token_id", k.ID[:]}, cell{"client_id", k.Client[:]},
		cell{"actor_id", k.Professional[:]}, cell{"place", k.Place}, cell{"scopes", k.Scopes.String()}, cell{"proof", some(k.Proof[:])},
		cell{"certificate", some(k.Certificate[:])}, cell{"expires_at", k.ExpiresAt.UnixMicro()})
	return err
}

func (t softwareTx) Token(hash [32]byte) (software.Token, error) {
	rows, err := t.read(nobody, "software_token", where("token", hash[:]), "token_id", "client_id", "actor_id", "place", "scopes", "proof", "certificate", "expires_at")
	if err != nil {
		return software.Token{}, err
	}
	if len(rows) == 0 {
		return software.Token{}, carnet.E("sqlite", carnet.NotFound, software.CodeToken, nil)
	}
	r := rows[0]
	k := software.Token{Hash: hash, ID: r.id("token_id"), Client: r.id("client_id"), Professional: r.id("actor_id"), Place: r.text("place"),
		Scopes: strings.Fields(r.text("scopes")), ExpiresAt: r.time("expires_at")}
	copy(k.Proof[:], r.blob("proof"))
	copy(k.Certificate[:], r.blob("certificate"))
	return k, nil
}

func (t softwareTx) RemoveTokens(client carnet.ID) error {
	_, err := t.remove("software_token", where("client_id", client[:]))
	return err
}

func (t softwareTx) Use(hash [32]byte, until time.Time) (bool, error) {
	return t.write(nobody, keep, "software_used", cell{"hash", hash[:]}, cell{"expires_at", until.UnixMicro()})
}

// Refused writes a line of the journal about the professional: which limit, and which software.
func (t softwareTx) Refused(professional, client carnet.ID, name string) error {
	return t.append(journal.Entry{Person: professional, Kind: journal.Event, Object: "limit " + client.String(), Outcome: name})
}

func (t softwareTx) Purge(at time.Time) error {
	if err := t.purge("software_token", "expires_at", at); err != nil {
		return err
	}
	return t.purge("software_used", "expires_at", at)
}
