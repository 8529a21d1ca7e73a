package revocation

import (
	"encoding/base64"
	"encoding/json"
	"regexp"
	"time"

	"carnet/hcert"
)

// Limits of what is read from JSON.
const (
	MaxEntries  = 1000    // of a batch
	MaxBatches  = 10_000  // of one page of a batch list
	MaxDocument = 4 << 20 // bytes
)

// unknownKID stands in a batch whose key identifier the issuer does not know.
const unknownKID = "UNKNOWN_KID"

const kidLength = 8

// Batch is up to 1000 revoked certificates of one country and one key.
type Batch struct {
	Country string    // ISO 3166 alpha-2
	Expires time.Time // when no certificate of the batch is valid any more
	KID     []byte    // 8 bytes; nil when unknown: the hashes hold under any key
	Kind    Kind      // one of the three EU kinds
	Hashes  []Hash
}

type batchJSON struct {
	Country  string      `json:"country"`
	Expires  string      `json:"expires"`
	KID      string      `json:"kid"`
	HashType string      `json:"hashType"`
	Entries  []entryJSON `json:"entries"`
}

type entryJSON struct {
	Hash string `json:"hash"`
}

var countryForm = regexp.MustCompile(`^[A-Z]{2}$`)

// ParseBatch reads a batch, the content of its CMS signature. It refuses one that has expired at
// the instant.
func ParseBatch(data []byte, at time.Time) (Batch, error) {
	var j batchJSON
	if err := decodeJSON(data, MaxDocument, &j); err != nil {
		return Batch{}, err
	}
	b := Batch{Country: j.Country}
	var err error
	if b.Expires, err = instant("expires", j.Expires); err != nil {
		return Batch{}, err
	}
	if j.KID != unknownKID {
		if b.KID, err = parseKID(j.KID); err != nil {
			return Batch{}, err
		}
	}
	if b.Kind, err = ParseKind(j.HashType); err != nil {
		return Batch{}, err
	}
	for _, e := range j.Entries {
		h, err := ParseHash(e.Hash)
		if err != nil {
			return Batch{}, err
		}
		b.Hashes = append(b.Hashes, h)
	}
	if err := b.check(at); err != nil {
		return Batch{}, err
	}
	return b, nil
}

func (b Batch) check(at time.Time) error {
	switch {
	case !countryForm.MatchString(b.Country):
		return fail(BadMember, "country")
	case b.KID != nil && len(b.KID) != kidLength:
		return fail(BadMember, "kid")
	case b.Kind < UCI || b.Kind > Signature:
		return fail(BadKind, "batch of kind %s", b.Kind)
	case len(b.Hashes) == 0 || len(b.Hashes) > MaxEntries:
		return fail(TooLarge, "%d entries, expected 1 to %d", len(b.Hashes), MaxEntries)
	case !at.Before(b.Expires):
		return fail(Expired, "on %s", b.Expires.UTC().Format(time.DateOnly))
	}
	return nil
}

// MarshalJSON writes the batch as the gateway takes it, to be signed.
func (b Batch) MarshalJSON() ([]byte, error) {
	j := batchJSON{Country: b.Country, Expires: b.Expires.UTC().Format(time.RFC3339), KID: unknownKID, HashType: b.Kind.String()}
	if err := b.check(time.Time{}); err != nil {
		return nil, err
	}
	if b.KID != nil {
		j.KID = base64.StdEncoding.EncodeToString(b.KID)
	}
	for _, h := range b.Hashes {
		j.Entries = append(j.Entries, entryJSON{h.Base64()})
	}
	return json.Marshal(j)
}

func instant(member, s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fail(BadMember, "%s is no instant", member)
	}
	return t.UTC(), nil
}

// parseKID reads a key identifier in base64, of either alphabet: paths need the second one.
func parseKID(s string) ([]byte, error) {
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.RawURLEncoding} {
		if b, err := e.Strict().DecodeString(s); err == nil && len(b) == kidLength {
			return b, nil
		}
	}
	return nil, fail(BadMember, "kid is not 8 bytes in base64")
}

// BatchList is one page of the list of batches.
type BatchList struct {
	More    bool // another page follows: ask again, modified since the last date
	Batches []BatchRef
}

// BatchRef is one line of the list.
type BatchRef struct {
	ID      string // UUID
	Country string
	Date    time.Time
	Deleted bool // shown for seven days: who asked last before that starts anew
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// ParseBatchList reads a page of the list of batches.
func ParseBatchList(data []byte) (BatchList, error) {
	var j struct {
		More    bool
		Batches []struct {
			BatchID, Country, Date string
			Deleted                bool
		}
	}
	if err := decodeJSON(data, MaxDocument, &j); err != nil {
		return BatchList{}, err
	}
	if len(j.Batches) > MaxBatches {
		return BatchList{}, fail(TooLarge, "%d batches", len(j.Batches))
	}
	l := BatchList{More: j.More}
	for _, b := range j.Batches {
		if !uuidForm.MatchString(b.BatchID) {
			return BatchList{}, fail(BadMember, "batchId")
		}
		if !countryForm.MatchString(b.Country) {
			return BatchList{}, fail(BadMember, "country")
		}
		date, err := instant("date", b.Date)
		if err != nil {
			return BatchList{}, err
		}
		l.Batches = append(l.Batches, BatchRef{ID: b.BatchID, Country: b.Country, Date: date, Deleted: b.Deleted})
	}
	return l, nil
}

// Register holds batches in memory. The zero value is empty. Lookups may run at the same time,
// changes may not.
type Register struct {
	batches map[string]Batch
	index   map[place]map[string]time.Time // the batches of a hash, and when they expire
}

// place is a hash under a key; any tells that the key is not known.
type place struct {
	any  bool
	kid  [kidLength]byte
	kind Kind
	hash Hash
}

func (b Batch) place(h Hash) place {
	p := place{any: b.KID == nil, kind: b.Kind, hash: h}
	copy(p.kid[:], b.KID)
	return p
}

// Add puts a batch in, in place of the one of the same identifier, and gives the number of
// certificates that it adds: to be compared with what was sent, and acknowledged.
func (r *Register) Add(id string, b Batch, at time.Time) (int, error) {
	if err := b.check(at); err != nil {
		return 0, err
	}
	r.Remove(id)
	if r.batches == nil {
		r.batches, r.index = map[string]Batch{}, map[place]map[string]time.Time{}
	}
	b.Hashes = append([]Hash(nil), b.Hashes...)
	r.batches[id] = b
	added := 0
	for _, h := range b.Hashes {
		p := b.place(h)
		if r.index[p] == nil {
			r.index[p] = map[string]time.Time{}
		}
		if _, twice := r.index[p][id]; !twice {
			added++
		}
		r.index[p][id] = b.Expires
	}
	return added, nil
}

// Remove takes a batch out and reports whether it was there.
func (r *Register) Remove(id string) bool {
	b, there := r.batches[id]
	if !there {
		return false
	}
	for _, h := range b.Hashes {
		p := b.place(h)
		if delete(r.index[p], id); len(r.index[p]) == 0 {
			delete(r.index, p)
		}
	}
	delete(r.batches, id)
	return true
}

// Sweep removes the batches that have expired and gives their number.
func (r *Register) Sweep(at time.Time) int {
	n := 0
	for id, b := range r.batches {
		if !at.Before(b.Expires) && r.Remove(id) {
			n++
		}
	}
	return n
}

// Len gives the number of batches and of different revoked certificates.
func (r *Register) Len() (batches, hashes int) { return len(r.batches), len(r.index) }

// Lookup reports whether a certificate is in a batch that has not expired, and by which kind of
// hash. Hashes are full: the answer is never [ToCheck].
func (r *Register) Lookup(c *hcert.Certificate, at time.Time) (Status, Kind) {
	if c == nil || len(r.index) == 0 {
		return NotListed, 0
	}
	for _, k := range Keys(c) {
		p := place{kind: k.Kind, hash: k.Hash()}
		if len(c.KID) == kidLength {
			copy(p.kid[:], c.KID)
			if r.holds(p, at) {
				return Revoked, k.Kind
			}
		}
		if r.holds(place{any: true, kind: p.kind, hash: p.hash}, at) {
			return Revoked, k.Kind
		}
	}
	return NotListed, 0
}

func (r *Register) holds(p place, at time.Time) bool {
	for _, expires := range r.index[p] {
		if at.Before(expires) {
			return true
		}
	}
	return false
}
