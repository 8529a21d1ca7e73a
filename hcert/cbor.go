package hcert

import (
	"errors"
	"math"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// strictCBOR and tolerantCBOR differ in lengths that are not stated in advance.
var (
	strictCBOR   = decMode(cbor.IndefLengthForbidden)
	tolerantCBOR = decMode(cbor.IndefLengthAllowed)
)

func decMode(lengths cbor.IndefLengthMode) cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      lengths,
		MaxNestedLevels:  MaxNesting,
		MaxArrayElements: MaxMembers,
		MaxMapPairs:      MaxMembers,
		TagsMd:           cbor.TagsAllowed,
		UTF8:             cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic("hcert: " + err.Error())
	}
	return m
}

// item decodes exactly one CBOR item. An indefinite length is a failure in the strict profile, but
// the content is decoded all the same, to be shown.
func (v *verifier) item(data []byte, where string) (any, bool) {
	mode := tolerantCBOR
	if v.profile == Strict {
		mode = strictCBOR
	}
	var tree any
	err := mode.Unmarshal(data, &tree)
	if _, indefinite := errors.AsType[*cbor.IndefiniteLengthError](err); indefinite {
		v.fail(CBORMalformed, where+": indefinite length")
		err = tolerantCBOR.Unmarshal(data, &tree)
	}
	if err != nil {
		v.fail(cborCode(err), where)
		return nil, false
	}
	return tree, true
}

func cborCode(err error) Code {
	if _, ok := errors.AsType[*cbor.DupMapKeyError](err); ok {
		return CBORDuplicate
	}
	if _, ok := errors.AsType[*cbor.ExtraneousDataError](err); ok {
		return CBORTrailing
	}
	if _, ok := errors.AsType[*cbor.MaxNestedLevelError](err); ok {
		return CBORDepth
	}
	if _, ok := errors.AsType[*cbor.MaxArrayElementsError](err); ok {
		return CBORDepth
	}
	if _, ok := errors.AsType[*cbor.MaxMapPairsError](err); ok {
		return CBORDepth
	}
	return CBORMalformed
}

// number gives an integer; cbor decodes them to two types.
func number(v any) (int64, bool) {
	switch n := v.(type) {
	case uint64:
		return int64(n), n <= math.MaxInt64
	case int64:
		return n, true
	}
	return 0, false
}

// maxInstant is the last second that a date with four digits can tell.
var maxInstant = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()

// instant gives the seconds since 1970 that a claim states. Fractions, which some issuers write,
// are cut off; integer tells whether there was none.
func instant(v any) (t time.Time, integer, ok bool) {
	n, integer := number(v)
	if f, isFloat := v.(float64); isFloat && f >= 0 && f <= float64(maxInstant) { // NaN compares to nothing
		n = int64(math.Floor(f))
	} else if !integer || n < 0 || n > maxInstant {
		return time.Time{}, integer, false
	}
	return time.Unix(n, 0).UTC(), integer, true
}
