package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"carnet/hcert"
	"carnet/hcert/revocation"
)

// Answers of Verdict.Revocation.
const (
	NotListed = "not-listed"
	ToCheck   = "to-check" // hit by a filter or a shortened hash, which may be chance
	IsRevoked = "revoked"
)

// Revoked is what is known of revoked certificates. The zero value knows nothing. It is safe for
// concurrent use once loaded.
type Revoked struct {
	keys    []*ecdsa.PublicKey // that may sign a list of Carnet
	lists   []*revocation.List // the newest of each key, exact and shortened
	issuers [][8]byte          // key identifier of each list
	batches revocation.Register
	french  revocation.FrenchList
	filters []revocation.Filter

	sources []source
}

// source is a file as it was read, so that another device can read it too.
type source struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// ListFacts says what a list is and how old.
type ListFacts struct {
	Kind       string     `json:"kind"` // "carnet", "batches", "french" or "filter"
	Number     uint64     `json:"number,omitempty"`
	Entries    int        `json:"entries,omitempty"`
	Issued     *time.Time `json:"issued,omitempty"` // nil when the list does not say
	NextUpdate *time.Time `json:"nextUpdate,omitempty"`
}

// Endings of the names of filters, which do not say themselves what they are.
const (
	bloomEnding    = ".bloomfilter"
	hashListEnding = ".varhashlist"
)

var listMark = []byte("CARNETRL")

// AddKey takes a public key in PEM: lists of Carnet that it signs are believed. A certificate is
// refused: the key that signs documents does not say which of them are revoked.
func (r *Revoked) AddKey(data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil {
		return errors.New("no PEM block")
	}
	if block.Type != "PUBLIC KEY" {
		return errors.New("the PEM block is " + block.Type + ", not a public key")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return err
	}
	key, ok := public.(*ecdsa.PublicKey)
	if !ok {
		return errors.New("the key is not of the kind that signs lists (P-256)")
	}
	if _, err := revocation.KeyID(key); err != nil {
		return err
	}
	r.keys = append(r.keys, key)
	r.sources = append(r.sources, source{"key.pem", bytes.Clone(data)})
	return nil
}

// Add reads one list: Carnet's own, which one of the keys must have signed, a batch of the EU, a file
// of the French list (in the order of their numbers), or a filter, told by the ending of its name.
func (r *Revoked) Add(name string, data []byte, at time.Time) error {
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("-----BEGIN")):
		return r.AddKey(data)
	case bytes.HasPrefix(data, listMark):
		err = r.addList(data)
	case strings.HasSuffix(name, bloomEnding):
		err = r.addFilter(revocation.BloomFilter, data)
	case strings.HasSuffix(name, hashListEnding):
		err = r.addFilter(revocation.VarHashList, data)
	case bytes.HasPrefix(data, []byte{0x1f, 0x8b}):
		_, _, err = r.french.Apply(data)
	default:
		var b revocation.Batch
		if b, err = revocation.ParseBatch(data, at); err == nil {
			sum := sha256.Sum256(data)
			_, err = r.batches.Add(string(sum[:]), b, at)
		}
	}
	if err == nil {
		r.sources = append(r.sources, source{name, bytes.Clone(data)})
	}
	return err
}

func (r *Revoked) addList(data []byte) error {
	for _, key := range r.keys {
		id, err := revocation.KeyID(key)
		if err != nil {
			return err
		}
		l, err := revocation.Open(data, key)
		if e, ok := errors.AsType[*revocation.Error](err); ok && e.Code == revocation.UnknownKey {
			continue
		}
		if err != nil {
			return err
		}
		for i, other := range r.lists {
			if r.issuers[i] == id && other.Exact() == l.Exact() {
				if l.Supersedes(other) {
					r.lists[i] = l
				}
				return nil
			}
		}
		r.issuers, r.lists = append(r.issuers, id), append(r.lists, l)
		return nil
	}
	return errors.New("no key that was given signed this list: put the operator's public key (PEM) beside it")
}

// expired reports a batch that ended with the certificates that it names.
func expired(err error) bool {
	e, ok := errors.AsType[*revocation.Error](err)
	return ok && e.Code == revocation.Expired
}

func (r *Revoked) addFilter(t revocation.SliceType, data []byte) error {
	f, err := revocation.ParseSlice(t, data)
	if err != nil {
		return err
	}
	r.filters = append(r.filters, f)
	return nil
}

// Facts tells about each list.
func (r *Revoked) Facts() []ListFacts {
	var out []ListFacts
	for _, l := range r.lists {
		f := ListFacts{Kind: "carnet", Number: l.Number(), Issued: new(l.IssuedAt().UTC()), NextUpdate: new(l.NextUpdate().UTC())}
		for _, k := range []revocation.Kind{revocation.UCI, revocation.CountryUCI, revocation.Signature, revocation.TwoDDoc} {
			f.Entries += l.Len(k)
		}
		out = append(out, f)
	}
	if _, n := r.batches.Len(); n > 0 {
		out = append(out, ListFacts{Kind: "batches", Entries: n})
	}
	if r.french.Files() > 0 {
		out = append(out, ListFacts{Kind: "french", Entries: r.french.Len()})
	}
	if len(r.filters) > 0 {
		out = append(out, ListFacts{Kind: "filter", Entries: len(r.filters)})
	}
	return out
}

// hCert looks a certificate up in every list.
func (r *Revoked) hCert(v *Verdict, c *hcert.Certificate, at time.Time) {
	keys := revocation.Keys(c)
	status := r.own(keys...)
	if s, _ := r.batches.Lookup(c, at); s > status {
		status = s
	}
	if c.DCC != nil {
		status = max(status, r.french.Lookup(c.DCC.Country(), c.DCC.ID()))
	}
	for _, f := range r.filters {
		for _, k := range keys {
			if h := k.Hash(); status < revocation.ToCheck && f.Contains(h[:]) {
				status = revocation.ToCheck
			}
		}
	}
	r.say(v, status, at)
}

// twoDDoc looks a document up; only Carnet's own lists have 2D-Doc.
func (r *Revoked) twoDDoc(v *Verdict, id [sha256.Size]byte, at time.Time) {
	if len(r.lists) > 0 {
		r.say(v, r.own(revocation.TwoDDocKey(id)), at)
	}
}

// own asks every signed list. A hit by a shortened hash is settled by the exact list
// of the same operator.
func (r *Revoked) own(keys ...revocation.Key) revocation.Status {
	status := revocation.NotListed
	for i, l := range r.lists {
		s := l.Lookup(keys...)
		for j, exact := range r.lists {
			if exact.Exact() && r.issuers[i] == r.issuers[j] {
				s = l.Confirm(exact, keys...)
			}
		}
		status = max(status, s)
	}
	return status
}

func (r *Revoked) say(v *Verdict, status revocation.Status, at time.Time) {
	switch status {
	case revocation.Revoked:
		v.Revocation = IsRevoked
		v.refuse("revoked")
	case revocation.ToCheck:
		v.Revocation = ToCheck
		v.warn("revoked.check", "")
	default:
		v.Revocation = NotListed
	}
	for _, l := range r.lists {
		issued := l.IssuedAt().UTC().Format(time.RFC3339)
		if v.ListDate == "" || issued < v.ListDate {
			v.ListDate = issued
		}
		if l.Stale(at) {
			v.warn("revoked.stale", l.IssuedAt().UTC().Format(time.DateOnly))
		}
	}
}
