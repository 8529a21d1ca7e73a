package tree

import (
	"math"
	"time"
)

// FromAny makes a tree of what a general CBOR decoder gives: map[any]any, []any, string, []byte,
// uint64, int64, float64, nil, and time.Time for a date under tag 0. Any other value, and what is
// nested beyond the limit, is Other.
func (t *Tree) FromAny(v any, limits Limits) Value {
	t.forget()
	t.convert(v, limits.Nesting)
	return Value{t, 0}
}

func (t *Tree) convert(v any, nesting int) {
	at := len(t.nodes)
	n := node{kind: Other}
	var members []any
	switch v := v.(type) {
	case nil:
		n.kind = Nothing
	case uint64:
		n.kind, n.bits = Uint, v
	case int64:
		n.kind, n.bits = Uint, uint64(v)
		if v < 0 {
			n.kind = Negative
		}
	case float64:
		n.kind, n.bits = Float, math.Float64bits(v)
	case []byte:
		t.nodes = append(t.nodes, t.textApart(Bytes, string(v), at+1))
		return
	case string:
		t.nodes = append(t.nodes, t.textApart(Text, v, at+1))
		return
	case time.Time:
		t.nodes = append(t.nodes, t.textApart(Time, v.Format(time.RFC3339Nano), at+1))
		return
	case []any:
		if nesting > 0 {
			n.kind, n.bits, members = Array, uint64(len(v)), v
		}
	case map[any]any:
		if nesting > 0 {
			n.kind, n.bits = Map, uint64(len(v))
			members = make([]any, 0, 2*len(v))
			for k, e := range v {
				members = append(members, k, e)
			}
		}
	}
	t.nodes = append(t.nodes, n)
	for _, m := range members {
		t.convert(m, nesting-1)
	}
	t.nodes[at].end = int32(len(t.nodes))
}
