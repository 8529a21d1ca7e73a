// Package tree reads one CBOR item (RFC 8949) into a flat list of nodes, for the packages of hcert.
//
// A health certificate is a few dozen small items, read once. A general decoder makes a map or a
// boxed value of each, which costs more than everything else that is done with the text but the
// signature. Here the nodes of an item lie one after the other in one slice that is used again,
// and texts are parts of the one string that was read. A node holds no pointer, and the first bytes
// of a text as a number, so that keys are found and compared without a look at the texts.
//
// The reader is strict: it refuses bytes after the item, equal keys in a map at any level, text
// that is not UTF-8, and more nesting or members than the limits. Items of indefinite length are
// read and reported, for only some callers refuse them. Numbers need not be in their shortest
// form, as the format of certificates does not ask for it.
package tree

import (
	"math"
	"sync"
	"time"
	"unicode/utf8"
)

// Kind is what a node is.
type Kind uint8

const (
	Absent  Kind = iota // no such member
	Nothing             // null or undefined
	Uint
	Negative // an integer below 0 that an int64 holds
	Float
	Bytes
	Text
	Time // a date and time under tag 0
	Array
	Map
	Other // true, false, other simple values, other tags, numbers too great
)

// Fault is why bytes are refused. The empty fault is none.
type Fault string

const (
	Malformed Fault = "malformed"
	Trailing  Fault = "trailing"
	Duplicate Fault = "duplicate"
	Depth     Fault = "depth" // nested too deep, or too many members
)

// Limits on what is read.
type Limits struct {
	Nesting int // of arrays and maps
	Members int // of one array or map
}

// node is an item. The members of an array or map follow it.
type node struct {
	bits  uint64 // Uint: the number; Negative: the int64; Float: the float64; Array, Map: members or pairs; Bytes, Text, Time: the mark
	at    int32  // Bytes, Text, Time: where the text begins in the source, or its place among the texts apart
	size  int32  // of the text
	end   int32  // index of the node after this one and its members
	kind  Kind
	ascii bool // a Text of nothing else
	apart bool // the text is not a part of the source
}

// Tree is an item that was read. The zero value is ready to read into.
type Tree struct {
	source     string
	apart      []string // texts that came in parts or were changed
	nodes      []node
	Indefinite bool // some length was not stated in advance
}

// text gives the text of a node.
func (t *Tree) text(n *node) string {
	if n.apart {
		return t.apart[n.at]
	}
	return t.source[n.at : n.at+n.size]
}

// word is the first eight bytes of a text, the first one highest.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[7]) | uint64(s[6])<<8 | uint64(s[5])<<16 | uint64(s[4])<<24 |
		uint64(s[3])<<32 | uint64(s[2])<<40 | uint64(s[1])<<48 | uint64(s[0])<<56
}

const short = 8

// mark is a short text as a number. Of a longer one it is the beginning: texts of one length that
// have the same mark and are not short may still differ.
func mark(s string) uint64 {
	switch {
	case len(s) >= short:
		return word(s)
	case len(s) == 2: // as most keys are
		return uint64(s[0])<<8 | uint64(s[1])
	}
	var m uint64
	for i := range len(s) {
		m = m<<8 | uint64(s[i])
	}
	return m
}

var pool = sync.Pool{New: func() any { return new(Tree) }}

// keep is how many nodes a tree may have to be used again.
const keep = 1024

// Get gives an empty tree.
func Get() *Tree { return pool.Get().(*Tree) }

// Release forgets what was read and gives the tree back. Values of it must not be used any more;
// their texts may.
func (t *Tree) Release() {
	t.forget()
	if cap(t.nodes) > keep {
		t.nodes = nil
	}
	pool.Put(t)
}

func (t *Tree) forget() {
	clear(t.nodes)
	clear(t.apart)
	t.source, t.apart, t.nodes, t.Indefinite = "", t.apart[:0], t.nodes[:0], false
}

// Parse reads exactly one item, of at most 2 GB. After a fault the tree is empty.
func (t *Tree) Parse(data string, limits Limits) (Value, Fault) {
	t.forget()
	if len(data) > math.MaxInt32 {
		return Value{}, Depth
	}
	t.source = data
	p := parser{src: data, limits: limits, tree: t, nodes: t.nodes}
	fault := p.item(0)
	t.nodes = p.nodes
	if fault == "" && p.off < len(p.src) {
		fault = Trailing
	}
	if fault == "" {
		fault = p.content
	}
	if fault != "" {
		indefinite := t.Indefinite
		t.forget()
		t.Indefinite = indefinite
		return Value{}, fault
	}
	return Value{t, 0}, ""
}

// parser is one run. Faults of form end it; the first fault of content (keys, UTF-8, tags) is told
// only when the form is right.
type parser struct {
	src     string
	off     int
	limits  Limits
	content Fault
	tree    *Tree
	nodes   []node // of the tree, at hand
}

const indefinite = 31

// head reads the first bytes of an item: major type, additional information, argument.
func (p *parser) head() (major, info byte, n uint64, ok bool) {
	if p.off >= len(p.src) {
		return 0, 0, 0, false
	}
	b := p.src[p.off]
	p.off++
	major, info = b>>5, b&31
	switch {
	case info < 24:
		return major, info, uint64(info), true
	case info == indefinite:
		return major, info, 0, major >= 2 && major <= 5
	case info > 27:
		return 0, 0, 0, false
	}
	size := 1 << (info - 24)
	if len(p.src)-p.off < size {
		return 0, 0, 0, false
	}
	for range size {
		n = n<<8 | uint64(p.src[p.off])
		p.off++
	}
	return major, info, n, true
}

func (p *parser) wrong(f Fault) {
	if p.content == "" {
		p.content = f
	}
}

// next appends a node to be filled in where it lies: one that is made elsewhere and copied costs
// more than all else that is done with it.
func (p *parser) next(k Kind) *node {
	p.nodes = append(p.nodes, node{})
	n := &p.nodes[len(p.nodes)-1]
	n.end, n.kind = int32(len(p.nodes)), k
	return n
}

// add appends a node without members and without text.
func (p *parser) add(k Kind, bits uint64) { p.next(k).bits = bits }

// textApart makes a node of a text that is no part of the source.
func (t *Tree) textApart(k Kind, s string, end int) node {
	n := node{bits: mark(s), at: int32(len(t.apart)), size: int32(len(s)), end: int32(end), kind: k, apart: true}
	n.ascii = k == Text && isASCII(s, n.bits)
	t.apart = append(t.apart, s)
	return n
}

func (p *parser) addApart(k Kind, s string) {
	p.nodes = append(p.nodes, p.tree.textApart(k, s, len(p.nodes)+1))
}

// item reads one item at a depth.
func (p *parser) item(depth int) Fault {
	major, info, n, ok := p.head()
	if !ok {
		return Malformed
	}
	switch major {
	case 0:
		p.add(Uint, n)
	case 1:
		if n > math.MaxInt64 {
			p.add(Other, 0)
			break
		}
		p.add(Negative, ^n)
	case 2, 3:
		return p.str(major, info, n)
	case 4, 5:
		return p.members(major, info, n, depth)
	case 6:
		return p.tagged(n, depth)
	case 7:
		return p.simple(info, n)
	}
	return ""
}

// str reads a byte or text string.
func (p *parser) str(major, info byte, n uint64) Fault {
	kind := Bytes
	if major == 3 {
		kind = Text
	}
	if info != indefinite {
		if n > uint64(len(p.src)-p.off) {
			return Malformed
		}
		p.text(kind, int(n))
		return ""
	}
	p.tree.Indefinite = true
	var all []byte
	for {
		if p.off < len(p.src) && p.src[p.off] == breakCode {
			p.off++
			p.addApart(kind, string(all))
			return ""
		}
		m, i, n, ok := p.head()
		if !ok || m != major || i == indefinite || n > uint64(len(p.src)-p.off) {
			return Malformed
		}
		chunk := p.src[p.off : p.off+int(n)]
		if kind == Text && !utf8.ValidString(chunk) {
			p.wrong(Malformed)
		}
		all = append(all, chunk...)
		p.off += int(n)
	}
}

const breakCode = 0xff

// text reads the next n bytes, which are there.
func (p *parser) text(kind Kind, n int) {
	s := p.src[p.off : p.off+n]
	var m uint64
	if rest := p.src[p.off:]; len(rest) >= short {
		m = word(rest) >> (8 * (short - min(short, uint(n))))
	} else {
		m = mark(s)
	}
	k := p.next(kind)
	k.bits, k.at, k.size = m, int32(p.off), int32(n)
	if kind == Text {
		if k.ascii = isASCII(s, m); !k.ascii && !utf8.ValidString(s) {
			p.wrong(Malformed)
		}
	}
	p.off += n
}

// isASCII takes the mark of the text too.
func isASCII(s string, mark uint64) bool {
	for ; len(s) > short; mark = word(s) {
		if mark&0x8080808080808080 != 0 {
			return false
		}
		s = s[min(short, len(s)-short):] // the last words may overlap
	}
	return mark&0x8080808080808080 == 0
}

// members reads an array or a map.
func (p *parser) members(major, info byte, n uint64, depth int) Fault {
	if depth++; depth > p.limits.Nesting {
		return Depth
	}
	kind, per := Array, 1
	if major == 5 {
		kind, per = Map, 2
	}
	at := len(p.nodes)
	p.add(kind, 0)
	count := 0
	switch {
	case info == indefinite:
		p.tree.Indefinite = true
		for {
			if p.off < len(p.src) && p.src[p.off] == breakCode {
				p.off++
				break
			}
			if f := p.item(depth); f != "" {
				return f
			}
			if count++; count/per > p.limits.Members {
				return Depth
			}
		}
		if count%per != 0 {
			return Malformed
		}
	case n > math.MaxInt64:
		return Malformed
	case n > uint64(p.limits.Members):
		return Depth
	default:
		count = int(n) * per
		for left := count; ; left-- {
			if left -= p.shortItems(left); left == 0 {
				break
			}
			if f := p.item(depth); f != "" {
				return f
			}
		}
	}
	here := &p.nodes[at]
	here.bits, here.end = uint64(count/per), int32(len(p.nodes))
	if kind == Map {
		p.keys(at)
	}
	return ""
}

// shortItems reads numbers and texts below 24, as most items are, while they follow one another, and
// tells how many of at most n. It keeps what it needs at hand and has no loop for a text.
func (p *parser) shortItems(n int) (done int) {
	const below = 24
	src, off, nodes := p.src, p.off, p.nodes
	for ; done < n; done++ {
		if len(src)-off < 1+below {
			break
		}
		rest := src[off:][:1+below]
		size := uint(rest[0])
		if size >= below {
			if size -= 0x60; size >= below {
				break
			}
		}
		nodes = append(nodes, node{})
		k := &nodes[len(nodes)-1]
		k.end = int32(len(nodes))
		if rest[0] < below {
			k.kind, k.bits = Uint, uint64(size)
			off++
			continue
		}
		text := rest[1:]
		first := word(text)
		all := first // of the text, or more bytes of it
		if size <= short {
			first >>= 8 * (short - size)
			all = first
		} else {
			all |= word(text[size-short:]) | word(text[min(short, size-short):])
		}
		k.kind, k.bits, k.at, k.size = Text, first, int32(off+1), int32(size)
		if k.ascii = all&0x8080808080808080 == 0; !k.ascii && !utf8.ValidString(text[:size]) {
			p.wrong(Malformed)
		}
		off += int(1 + size)
	}
	p.off, p.nodes = off, nodes
	return done
}

// few is how many keys are compared each with each; more go through a map.
const few = 24

// keys checks the keys of the map at an index: of a type that can be compared, and all different.
func (p *parser) keys(at int) {
	nodes := p.nodes
	end := nodes[at].end
	ordered := true
	for i := int32(at) + 1; i < end; i = nodes[i+1].end {
		k := &nodes[i]
		if !k.isKey() {
			p.different(at, i)
			p.wrong(Malformed)
			return
		}
		if next := nodes[i+1].end; next < end && !k.before(&nodes[next]) {
			ordered = false
		}
	}
	if !ordered { // as no good issuer leaves them; in order no two are equal
		p.different(at, end)
	}
}

// different checks that the keys up to an index differ.
func (p *parser) different(at int, end int32) {
	if p.nodes[at].bits > few {
		p.manyKeys(at, end)
		return
	}
	nodes := p.nodes
	var seen [few]int32
	n := 0
	for i := int32(at) + 1; i < end; i = nodes[i+1].end {
		for _, j := range seen[:n] {
			if p.tree.same(&nodes[i], &nodes[j]) {
				p.wrong(Duplicate)
				return
			}
		}
		seen[n] = i
		n++
	}
}

// before orders keys, but long texts of the same beginning: for those it is false. In the order of
// deterministic encoding (RFC 8949, section 4.2) each short text is before the next one.
func (n *node) before(o *node) bool {
	switch {
	case n.kind != o.kind:
		return n.kind < o.kind
	case n.size != o.size:
		return n.size < o.size
	}
	return n.bits < o.bits
}

// same reports equal keys.
func (t *Tree) same(a, b *node) bool {
	return a.bits == b.bits && a.kind == b.kind && a.size == b.size && (a.size <= short || t.text(a) == t.text(b))
}

func (p *parser) manyKeys(at int, end int32) {
	nodes := p.nodes
	type key struct {
		kind Kind
		bits uint64
		text string
	}
	seen := make(map[key]bool, nodes[at].bits)
	for i := int32(at) + 1; i < end; i = nodes[i+1].end {
		k := &nodes[i]
		id := key{k.kind, k.bits, p.tree.text(k)}
		if seen[id] {
			p.wrong(Duplicate)
			return
		}
		seen[id] = true
	}
}

// isKey reports that a node may be the key of a map. Such a node has no members: its value follows.
func (n *node) isKey() bool {
	return n.kind < Time || n.kind == Other && n.bits != 0
}

// tagged reads what stands under a tag. Tags 0 to 3 have content of a set type; 0 is a date and
// time, the others are of no use here.
func (p *parser) tagged(number uint64, depth int) Fault {
	at := len(p.nodes)
	if p.off < len(p.src) && p.src[p.off]>>5 == 6 {
		if depth++; depth > p.limits.Nesting {
			return Depth
		}
	}
	if f := p.item(depth); f != "" {
		return f
	}
	content := p.nodes[at]
	clear(p.nodes[at:])
	p.nodes = p.nodes[:at]
	right := true
	switch number {
	case 0:
		right = content.kind == Text
		if t, err := time.Parse(time.RFC3339, p.tree.text(&content)); right && err == nil {
			p.addApart(Time, t.Format(time.RFC3339Nano))
			return ""
		}
		right = false
	case 1:
		right = content.isSeconds()
	case 2, 3:
		right = content.kind == Bytes
	}
	if !right {
		p.wrong(Malformed)
	}
	p.add(Other, 0)
	return ""
}

// isSeconds reports a number that can be an instant, in seconds: an int64 holds it, or it is no number of
// any instant (NaN, infinity), which the format allows (RFC 8949, section 3.4.2).
func (n *node) isSeconds() bool {
	switch n.kind {
	case Uint:
		return n.bits <= math.MaxInt64
	case Float:
		f := math.Float64frombits(n.bits)
		return math.Abs(f) <= 1<<63 || math.IsNaN(f) || math.IsInf(f, 0)
	}
	return n.kind == Negative
}

// simple reads what major type 7 holds.
func (p *parser) simple(info byte, n uint64) Fault {
	var f float64
	switch info {
	case 22, 23:
		p.add(Nothing, 0)
		return ""
	case 25:
		f = half(uint16(n))
	case 26:
		f = float64(math.Float32frombits(uint32(n)))
	case 27:
		f = math.Float64frombits(n)
	default:
		if info == 24 && n < 32 {
			return Malformed
		}
		p.add(Other, n+1)
		return ""
	}
	if f == 0 {
		f = 0 // one zero, so that two of them are equal keys
	}
	p.add(Float, math.Float64bits(f))
	return ""
}

// half gives the number of a half-precision float (RFC 8949, appendix D).
func half(b uint16) float64 {
	exponent, mantissa := int(b>>10&31), float64(b&1023)
	var f float64
	switch exponent {
	case 0:
		f = math.Ldexp(mantissa, -24)
	case 31:
		f = math.Inf(1)
		if mantissa != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mantissa+1024, exponent-25)
	}
	if b>>15 != 0 {
		f = -f
	}
	return f
}

// Value is one item of a tree. The zero value is absent.
type Value struct {
	t *Tree
	i int32
}

func (v Value) node() *node { return &v.t.nodes[v.i] }

// Kind says what the item is.
func (v Value) Kind() Kind {
	if v.t == nil {
		return Absent
	}
	return v.node().kind
}

// Text gives the content of a text, of bytes, or of a tagged time.
func (v Value) Text() string {
	if v.t == nil {
		return ""
	}
	return v.t.text(v.node())
}

// ASCII reports a text that is made of ASCII characters only.
func (v Value) ASCII() bool { return v.t != nil && v.node().ascii }

// Uint gives a number that is not negative; of other kinds, 0.
func (v Value) Uint() uint64 {
	if v.Kind() != Uint {
		return 0
	}
	return v.node().bits
}

// Int gives an integer that an int64 holds.
func (v Value) Int() (int64, bool) {
	switch v.Kind() {
	case Uint:
		n := v.node().bits
		return int64(n), n <= math.MaxInt64
	case Negative:
		return int64(v.node().bits), true
	}
	return 0, false
}

// Float gives a number with a fraction; of other kinds, NaN.
func (v Value) Float() float64 {
	if v.Kind() != Float {
		return math.NaN()
	}
	return math.Float64frombits(v.node().bits)
}

// Len is how many members an array or map has.
func (v Value) Len() int {
	if k := v.Kind(); k != Array && k != Map {
		return 0
	}
	return int(v.node().bits)
}

// All gives the members of an array.
func (v Value) All(yield func(int, Value) bool) {
	if v.Kind() != Array {
		return
	}
	for n, i := 0, v.i+1; i < v.node().end; n, i = n+1, v.t.nodes[i].end {
		if !yield(n, Value{v.t, i}) {
			return
		}
	}
}

// First gives the first member of an array, for a loop with [Value.Next] that costs no allocation.
func (v Value) First() Value {
	if v.Kind() != Array || v.node().bits == 0 {
		return Value{}
	}
	return Value{v.t, v.i + 1}
}

// Next gives the member after a member of an array.
func (v Value) Next(member Value) Value {
	i := member.node().end
	if i >= v.node().end {
		return Value{}
	}
	return Value{v.t, i}
}

// Pairs gives the keys and values of a map.
func (v Value) Pairs(yield func(key, value Value) bool) {
	if v.Kind() != Map {
		return
	}
	nodes := v.t.nodes
	for i := v.i + 1; i < nodes[v.i].end; i = nodes[i+1].end {
		if !yield(Value{v.t, i}, Value{v.t, i + 1}) {
			return
		}
	}
}

// Place tells where an item lies in its tree.
func (v Value) Place() int32 { return v.i }

// Get gives the value under a text.
func (v Value) Get(key string) Value { return v.GetAfter(0, key) }

// GetAfter is [Value.Get] for members that are asked for in the order of the map: it looks first
// behind the place of a member that was found before.
func (v Value) GetAfter(place int32, key string) Value {
	if v.Kind() != Map {
		return Value{}
	}
	m := mark(key)
	nodes := v.t.nodes
	first, end := v.i+1, nodes[v.i].end
	start := first
	if place > v.i && place < end {
		start = nodes[place].end
	}
	for i := start; i < end; i = nodes[i+1].end {
		if v.t.isText(&nodes[i], m, key) {
			return Value{v.t, i + 1}
		}
	}
	for i := first; i < start; i = nodes[i+1].end {
		if v.t.isText(&nodes[i], m, key) {
			return Value{v.t, i + 1}
		}
	}
	return Value{}
}

// isText reports that a node is a text, of which the mark is known.
func (t *Tree) isText(n *node, mark uint64, s string) bool {
	return n.bits == mark && n.size == int32(len(s)) && n.kind == Text && (n.size <= short || t.text(n) == s)
}

// Label gives the value under an integer.
func (v Value) Label(key int64) Value {
	kind := Uint
	if key < 0 {
		kind = Negative
	}
	if v.Kind() != Map {
		return Value{}
	}
	nodes := v.t.nodes
	for i := v.i + 1; i < nodes[v.i].end; i = nodes[i+1].end {
		if n := &nodes[i]; n.bits == uint64(key) && n.kind == kind {
			return Value{v.t, i + 1}
		}
	}
	return Value{}
}
