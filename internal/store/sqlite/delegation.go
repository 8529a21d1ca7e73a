package sqlite

import (
	"context"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/login/delegation"
	"carnet/internal/protect"
)

// Delegation is the store of those who type for professionals.
func (db *DB) Delegation() delegation.Store { return delegationStore{db} }

type delegationStore struct{ db *DB }

func (s delegationStore) Delegation(ctx context.Context, d protect.Decision, fn func(delegation.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(delegationTx{t}) })
}

type delegationTx struct{ *tx }

func (t delegationTx) Delegates(professional carnet.ID) ([]delegation.Delegate, error) {
	rows, err := t.read(professional, "delegate", where("actor_id", professional[:]).by("since, delegate_id"), "delegate_id", "name", "since", "revoked_at")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	key, err := t.key("professional", professional)
	if err != nil {
		return nil, err
	}
	var list []delegation.Delegate
	for _, r := range rows {
		name, err := key.Open("delegate.name", r.blob("name"))
		if err != nil {
			return nil, err
		}
		d := delegation.Delegate{ID: r.id("delegate_id"), Name: carnet.Hide(string(name)), Since: r.time("since"), Revoked: r.moment("revoked_at")}
		if d.Passkeys, err = t.passkeys(d.ID); err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

func (t delegationTx) passkeys(delegate carnet.ID) ([]delegation.Passkey, error) {
	rows, err := t.read(delegate, "delegate_passkey", where("delegate_id", delegate[:]).by("created_at, passkey"), "passkey", "credential", "created_at", "used_at")
	var list []delegation.Passkey
	for _, r := range rows {
		list = append(list, delegation.Passkey{ID: r.blob("passkey"), Credential: r.text("credential"), CreatedAt: r.time("created_at"), UsedAt: r.moment("used_at")})
	}
	return list, err
}

func (t delegationTx) PutDelegate(professional carnet.ID, d delegation.Delegate) error {
	key, err := t.key("professional", professional)
	if err != nil {
		return err
	}
	name, err := key.Seal("delegate.name", []byte(d.Name.Reveal()))
	if err != nil {
		return err
	}
	_, err = t.write(professional, replace, "delegate", cell{"actor_id", professional[:]}, cell{"delegate_id", d.ID[:]}, cell{"name", name},
		cell{"since", d.Since.UnixMicro()}, cell{"revoked_at", micros(d.Revoked)})
	return err
}

func (t delegationTx) PutPasskey(delegate carnet.ID, p delegation.Passkey) error {
	_, err := t.write(delegate, replace, "delegate_passkey", cell{"delegate_id", delegate[:]}, cell{"passkey", p.ID}, cell{"credential", p.Credential},
		cell{"created_at", p.CreatedAt.UnixMicro()}, cell{"used_at", micros(p.UsedAt)})
	return err
}

func (t delegationTx) PutChallenge(c delegation.Challenge) error {
	_, err := t.write(c.Delegate, refuse, "delegate_challenge", cell{"challenge", c.Hash[:]}, cell{"delegate_id", c.Delegate[:]}, cell{"use", c.Use},
		cell{"body", c.Body}, cell{"expires_at", c.ExpiresAt.UnixMicro()})
	return err
}

func (t delegationTx) TakeChallenge(hash [32]byte) (delegation.Challenge, error) {
	rows, err := t.read(nobody, "delegate_challenge", where("challenge", hash[:]), "delegate_id", "use", "body", "expires_at")
	if err != nil {
		return delegation.Challenge{}, err
	}
	if len(rows) == 0 {
		return delegation.Challenge{}, carnet.E("sqlite", carnet.NotFound, "challenge.unknown", nil)
	}
	r := rows[0]
	_, err = t.remove("delegate_challenge", where("challenge", hash[:]))
	return delegation.Challenge{Hash: hash, Delegate: r.id("delegate_id"), Use: r.text("use"), Body: r.text("body"), ExpiresAt: r.time("expires_at")}, err
}

func (t delegationTx) PurgeChallenges(at time.Time) error {
	return t.purge("delegate_challenge", "expires_at", at)
}

// purge deletes the rows whose time has passed; it notes it when there were some.
func (t *tx) purge(table, column string, at time.Time) error {
	if err := t.d.MayWrite(table, column); err != nil {
		return err
	}
	res, err := t.sql.ExecContext(t.ctx, "DELETE FROM "+table+" WHERE "+column+" <= ?", at.UnixMicro())
	if err != nil {
		return unavailable(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return t.note(journal.Wrote, nobody, table)
}

// micros is a time as it is stored; 0 for the zero time.
func micros(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMicro()
}

// moment is the inverse of micros.
func (r row) moment(c string) time.Time {
	if r.int(c) == 0 {
		return time.Time{}
	}
	return r.time(c)
}
