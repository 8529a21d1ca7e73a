package carnet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
)

// ID is a UUID made by us (RFC 9562): version 7 for whatever happens, version 8 for what is
// derived once from a keyed hash (a person, see people.IDOf; a professional).
type ID [16]byte

// IDs makes identifiers from an injected clock and random source.
type IDs struct {
	Clock Clock
	Rand  io.Reader
}

// New returns a UUID version 7: 48 bits of milliseconds, then 74 random bits.
func (g IDs) New() (ID, error) {
	var id ID
	if _, err := io.ReadFull(g.Rand, id[6:]); err != nil {
		return ID{}, E("carnet.IDs.New", Internal, "internal", err)
	}
	ms := uint64(g.Clock().UnixMilli())
	var t [8]byte
	binary.BigEndian.PutUint64(t[:], ms<<16)
	copy(id[:6], t[:6])
	return id.stamp(7), nil
}

// DerivedID makes a UUID version 8 from the first 16 bytes of a keyed hash.
func DerivedID(mac []byte) ID {
	var id ID
	copy(id[:], mac[:16])
	return id.stamp(8)
}

func (id ID) stamp(version byte) ID {
	id[6] = id[6]&0x0f | version<<4
	id[8] = id[8]&0x3f | 0x80
	return id
}

// Version is the UUID version: 7 or 8 for an id of ours.
func (id ID) Version() int { return int(id[6] >> 4) }

// IsZero reports an id that was never set.
func (id ID) IsZero() bool { return id == ID{} }

func (id ID) String() string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// MarshalText writes the canonical form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the canonical form.
func (id *ID) UnmarshalText(b []byte) error {
	p, err := ParseID(string(b))
	*id = p
	return err
}

// ParseID reads the canonical 36-character form of an id of ours.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return ID{}, E("carnet.ParseID", Invalid, "id.malformed", nil)
	}
	if _, err := hex.Decode(id[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:])); err != nil {
		return ID{}, E("carnet.ParseID", Invalid, "id.malformed", nil)
	}
	if v := id.Version(); v != 7 && v != 8 || id[8]&0xc0 != 0x80 {
		return ID{}, E("carnet.ParseID", Invalid, "id.malformed", fmt.Errorf("version %d", v))
	}
	return id, nil
}
