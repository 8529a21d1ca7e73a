package hcert

import (
	"math"
	"time"

	"carnet/hcert/internal/tree"
)

var limits = tree.Limits{Nesting: MaxNesting, Members: MaxMembers}

// item decodes exactly one CBOR item. An indefinite length is a failure in the strict profile, but
// the content is decoded all the same, to be shown. The caller releases the tree.
func (v *verifier) item(t *tree.Tree, data, where string) (tree.Value, bool) {
	item, fault := t.Parse(data, limits)
	if t.Indefinite && v.profile == Strict {
		v.fail(CBORMalformed, where+": indefinite length")
	}
	if fault != "" {
		v.fail(cborCode(fault), where)
	}
	return item, fault == ""
}

func cborCode(f tree.Fault) Code {
	switch f {
	case tree.Trailing:
		return CBORTrailing
	case tree.Duplicate:
		return CBORDuplicate
	case tree.Depth:
		return CBORDepth
	}
	return CBORMalformed
}

// maxInstant is the last second that a date with four digits can tell.
var maxInstant = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()

// instant gives the seconds since 1970 that a claim states. Fractions, which some issuers write,
// are cut off; integer tells whether there was none.
func instant(v tree.Value) (t time.Time, integer, ok bool) {
	n, integer := v.Int()
	if f := v.Float(); f >= 0 && f <= float64(maxInstant) { // NaN compares to nothing
		n = int64(math.Floor(f))
	} else if !integer || n < 0 || n > maxInstant {
		return time.Time{}, integer, false
	}
	return time.Unix(n, 0).UTC(), integer, true
}
