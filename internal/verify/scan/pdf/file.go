package pdf

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
)

var (
	// ErrNotPDF is returned for data without a PDF header or without pages.
	ErrNotPDF = errors.New("this is not a PDF that can be read")
	// ErrPassword is returned for a file that does not open with the empty password.
	ErrPassword = errors.New("the PDF asks for a password")
	// ErrBudget is returned when a page would take more work than the limits allow.
	ErrBudget = errors.New("the PDF page takes more work than is allowed")
)

// Limits bound what a file may cost. The zero value of each takes the default.
type Limits struct {
	Pages      int // pages looked at; 20
	Stream     int // decoded bytes of one stream; 64 MB
	Total      int // decoded bytes of the file; 256 MB
	Pixels     int // pixels of one page; 40 M
	Operations int // operators of one page; 4 M
}

func (l Limits) filled() Limits {
	for _, f := range []struct {
		p *int
		v int
	}{{&l.Pages, 20}, {&l.Stream, 64 << 20}, {&l.Total, 256 << 20}, {&l.Pixels, 40 << 20}, {&l.Operations, 4 << 20}} {
		if *f.p <= 0 {
			*f.p = f.v
		}
	}
	return l
}

// place is where an object lies: at an offset of the file, or in an object stream.
type place struct {
	offset int
	within int // number of the object stream, 0 when at the offset
	index  int
}

// File is an open PDF.
type File struct {
	data    []byte
	limits  Limits
	places  map[int]place
	trailer dict
	cache   map[int]any
	streams map[int]*objectStream
	loading map[int]bool
	cipher  *cipherer
	decoded int
	pages   []page
}

type objectStream struct {
	data    []byte
	offsets []int
}

type page struct {
	dict      dict
	resources dict
	box       [4]float64
}

// Open reads the structure of a PDF: the cross-reference table or, when that is broken, every
// object that can be found in the file.
func Open(data []byte, limits Limits) (*File, error) {
	head := bytes.Index(data[:min(len(data), 1024)], []byte("%PDF-"))
	if head < 0 {
		return nil, ErrNotPDF
	}
	f := &File{data: data[head:], limits: limits.filled()}
	f.reset()
	if err := f.readTable(); err != nil || f.readPages() != nil {
		if errors.Is(err, ErrPassword) {
			return nil, err
		}
		f.reset()
		f.rebuild()
		if err := f.unlock(); err != nil {
			return nil, err
		}
		if err := f.readPages(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *File) reset() {
	f.places, f.trailer, f.cache = map[int]place{}, dict{}, map[int]any{}
	f.streams, f.loading, f.cipher, f.pages = map[int]*objectStream{}, map[int]bool{}, nil, nil
}

// Pages is the number of pages, at most the limit.
func (f *File) Pages() int { return len(f.pages) }

// readTable follows the chain of cross-reference sections, the newest first.
func (f *File) readTable() error {
	tail := f.data[max(0, len(f.data)-2048):]
	i := bytes.LastIndex(tail, []byte("startxref"))
	if i < 0 {
		return errSyntax
	}
	l := lexer{data: tail, pos: i + len("startxref")}
	v, err := l.next()
	if err != nil {
		return err
	}
	offset, ok := v.(int)
	if !ok {
		return errSyntax
	}
	seen := map[int]bool{}
	for queue := []int{offset}; len(queue) > 0 && len(seen) < 1000; {
		at := queue[0]
		queue = queue[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		d, err := f.section(at)
		if err != nil {
			return err
		}
		for k, v := range d {
			if _, ok := f.trailer[k]; !ok {
				f.trailer[k] = v
			}
		}
		for _, k := range [...]name{"XRefStm", "Prev"} {
			if n, ok := asInt(d[k]); ok {
				queue = append(queue, n)
			}
		}
	}
	if _, ok := f.trailer["Root"]; !ok {
		return errSyntax
	}
	return f.unlock()
}

// section reads one cross-reference table or stream and returns its trailer.
func (f *File) section(at int) (dict, error) {
	if at < 0 || at >= len(f.data) {
		return nil, errSyntax
	}
	l := lexer{data: f.data, pos: at, refs: true}
	l.space()
	if !bytes.HasPrefix(f.data[l.pos:], []byte("xref")) {
		return f.sectionStream(l.pos)
	}
	l.pos += 4
	for {
		l.space()
		if bytes.HasPrefix(f.data[l.pos:], []byte("trailer")) {
			l.pos += len("trailer")
			v, err := l.next()
			if err != nil {
				return nil, err
			}
			d, ok := v.(dict)
			if !ok {
				return nil, errSyntax
			}
			return d, nil
		}
		l.refs = false
		var head [2]int
		for i := range head {
			v, err := l.next()
			if err != nil {
				return nil, err
			}
			n, ok := v.(int)
			if !ok || n < 0 {
				return nil, errSyntax
			}
			head[i] = n
		}
		for i := range head[1] {
			var entry [2]int
			for k := range entry {
				v, err := l.next()
				if err != nil {
					return nil, err
				}
				n, ok := v.(int)
				if !ok {
					return nil, errSyntax
				}
				entry[k] = n
			}
			v, err := l.next()
			if err != nil {
				return nil, err
			}
			if v == keyword("n") && entry[0] > 0 {
				f.place(head[0]+i, place{offset: entry[0]})
			} else {
				f.place(head[0]+i, place{})
			}
		}
		l.refs = true
	}
}

// place notes where an object lies, unless a newer section has said so.
func (f *File) place(num int, p place) {
	if _, ok := f.places[num]; !ok {
		f.places[num] = p
	}
}

func (f *File) sectionStream(at int) (dict, error) {
	v, _, err := f.indirect(at)
	if err != nil {
		return nil, err
	}
	s, ok := v.(*stream)
	if !ok {
		return nil, errSyntax
	}
	s.open = true
	data, err := f.decode(s)
	if err != nil {
		return nil, err
	}
	var w [3]int
	widths, _ := s.dict["W"].(array)
	if len(widths) < 3 {
		return nil, errSyntax
	}
	total := 0
	for i := range w {
		n, ok := asInt(widths[i])
		if !ok || n < 0 || n > 8 {
			return nil, errSyntax
		}
		w[i] = n
		total += n
	}
	size, _ := asInt(s.dict["Size"])
	index, ok := s.dict["Index"].(array)
	if !ok {
		index = array{0, size}
	}
	if total == 0 {
		return nil, errSyntax
	}
	for k := 0; k+1 < len(index); k += 2 {
		first, _ := asInt(index[k])
		count, _ := asInt(index[k+1])
		for i := 0; i < count && len(data) >= total; i++ {
			var v [3]int
			p := data
			for j, n := range w {
				for range n {
					v[j] = v[j]<<8 | int(p[0])
					p = p[1:]
				}
			}
			if w[0] == 0 {
				v[0] = 1
			}
			data = data[total:]
			switch v[0] {
			case 1:
				f.place(first+i, place{offset: v[1]})
			case 2:
				f.place(first+i, place{within: v[1], index: v[2]})
			default:
				f.place(first+i, place{})
			}
		}
	}
	return s.dict, nil
}

var objectHead = regexp.MustCompile(`(\d{1,9})[\x00\t\n\f\r ]+(\d{1,5})[\x00\t\n\f\r ]+obj`)

// rebuild finds the objects of a file whose table is broken; the last of each number counts.
func (f *File) rebuild() {
	for _, m := range objectHead.FindAllSubmatchIndex(f.data, 200_000) {
		num, err := strconv.Atoi(string(f.data[m[2]:m[3]]))
		if err != nil || num <= 0 {
			continue
		}
		f.places[num] = place{offset: m[0]}
	}
	for at := 0; ; {
		i := bytes.Index(f.data[at:], []byte("trailer"))
		if i < 0 {
			break
		}
		at += i + len("trailer")
		l := lexer{data: f.data, pos: at, refs: true}
		if v, err := l.next(); err == nil {
			if d, ok := v.(dict); ok {
				for k, v := range d {
					f.trailer[k] = v
				}
			}
		}
	}
	direct := make([]int, 0, len(f.places))
	for num := range f.places {
		direct = append(direct, num)
	}
	for _, num := range direct {
		v, _, err := f.indirect(f.places[num].offset)
		if err != nil {
			continue
		}
		switch o := v.(type) {
		case dict:
			if o["Type"] == name("Catalog") && f.trailer["Root"] == nil {
				f.trailer["Root"] = ref{num, 0}
			}
		case *stream:
			switch o.dict["Type"] {
			case name("XRef"):
				for _, k := range [...]name{"Root", "Encrypt", "ID"} {
					if f.trailer[k] == nil && o.dict[k] != nil {
						f.trailer[k] = o.dict[k]
					}
				}
			case name("ObjStm"):
				count, _ := asInt(o.dict["N"])
				if _, encrypted := f.trailer["Encrypt"]; encrypted || count > 100_000 {
					continue
				}
				f.members(num, o)
			}
		}
	}
}

// members notes the objects of an object stream while rebuilding.
func (f *File) members(num int, s *stream) {
	data, err := f.decode(s)
	if err != nil {
		return
	}
	count, _ := asInt(s.dict["N"])
	l := lexer{data: data}
	for i := range count {
		v, err := l.next()
		if err != nil {
			return
		}
		n, ok := v.(int)
		if _, err = l.next(); err != nil || !ok {
			return
		}
		f.place(n, place{within: num, index: i})
		if f.trailer["Root"] == nil {
			if d, ok := f.resolve(ref{n, 0}).(dict); ok && d["Type"] == name("Catalog") {
				f.trailer["Root"] = ref{n, 0}
			}
		}
	}
}

// indirect reads "12 0 obj … endobj" at an offset.
func (f *File) indirect(at int) (any, ref, error) {
	if at < 0 || at >= len(f.data) {
		return nil, ref{}, errSyntax
	}
	l := lexer{data: f.data, pos: at}
	var id [2]int
	for i := range id {
		v, err := l.next()
		if err != nil {
			return nil, ref{}, err
		}
		n, ok := v.(int)
		if !ok {
			return nil, ref{}, errSyntax
		}
		id[i] = n
	}
	if v, err := l.next(); err != nil || v != keyword("obj") {
		return nil, ref{}, errSyntax
	}
	r := ref{id[0], id[1]}
	l.refs = true
	v, err := l.next()
	if err != nil {
		return nil, r, err
	}
	d, ok := v.(dict)
	if !ok {
		return v, r, nil
	}
	l.space()
	if !bytes.HasPrefix(l.data[l.pos:], []byte("stream")) {
		return d, r, nil
	}
	start := l.pos + len("stream")
	if start < len(l.data) && l.data[start] == '\r' {
		start++
	}
	if start < len(l.data) && l.data[start] == '\n' {
		start++
	}
	length, ok := asInt(f.resolve(d["Length"]))
	if end := start + length; ok && length >= 0 && end <= len(l.data) {
		p := lexer{data: l.data, pos: end}
		p.space()
		if bytes.HasPrefix(l.data[p.pos:], []byte("endstream")) {
			return &stream{dict: d, raw: l.data[start:end], id: r}, r, nil
		}
	}
	end := bytes.Index(l.data[min(start, len(l.data)):], []byte("endstream"))
	if end < 0 {
		return nil, r, errEnd
	}
	return &stream{dict: d, raw: bytes.TrimSuffix(l.data[start:start+end], []byte("\n")), id: r}, r, nil
}

// resolve follows references; anything that cannot be read is null, as the standard asks.
func (f *File) resolve(v any) any {
	for range 16 {
		r, ok := v.(ref)
		if !ok {
			return v
		}
		v = f.load(r.num)
	}
	return nil
}

func (f *File) load(num int) any {
	if v, ok := f.cache[num]; ok {
		return v
	}
	p, ok := f.places[num]
	if !ok || f.loading[num] {
		return nil
	}
	f.loading[num] = true
	defer delete(f.loading, num)
	var v any
	switch {
	case p.within > 0:
		v = f.member(p)
	case p.offset > 0:
		o, id, err := f.indirect(p.offset)
		if err != nil || id.num != num {
			break
		}
		if f.cipher != nil && num != f.cipher.own {
			o = f.cipher.strings(o, id)
		}
		v = o
	}
	f.cache[num] = v
	return v
}

// member reads an object of an object stream.
func (f *File) member(p place) any {
	s := f.streams[p.within]
	if s == nil {
		o, ok := f.resolve(ref{p.within, 0}).(*stream)
		if !ok {
			return nil
		}
		s = &objectStream{}
		f.streams[p.within] = s
		data, err := f.decode(o)
		if err != nil {
			return nil
		}
		count, _ := asInt(f.resolve(o.dict["N"]))
		first, _ := asInt(f.resolve(o.dict["First"]))
		l := lexer{data: data}
		for i := 0; i < count; i++ {
			if _, err := l.next(); err != nil {
				break
			}
			v, err := l.next()
			n, ok := v.(int)
			if err != nil || !ok {
				break
			}
			s.offsets = append(s.offsets, first+n)
		}
		s.data = data
	}
	if p.index < 0 || p.index >= len(s.offsets) {
		return nil
	}
	at := s.offsets[p.index]
	if at < 0 || at >= len(s.data) {
		return nil
	}
	l := lexer{data: s.data, pos: at, refs: true}
	v, err := l.next()
	if err != nil {
		return nil
	}
	return v
}

func (f *File) dict(v any) dict {
	switch d := f.resolve(v).(type) {
	case dict:
		return d
	case *stream:
		return d.dict
	}
	return nil
}

// readPages walks the page tree.
func (f *File) readPages() error {
	root := f.dict(f.trailer["Root"])
	if root == nil {
		return ErrNotPDF
	}
	seen := map[int]bool{}
	var walk func(v any, resources any, box any, depth int)
	walk = func(v any, resources any, box any, depth int) {
		if depth > maxNesting || len(f.pages) >= f.limits.Pages {
			return
		}
		if r, ok := v.(ref); ok {
			if seen[r.num] {
				return
			}
			seen[r.num] = true
		}
		d := f.dict(v)
		if d == nil {
			return
		}
		if r, ok := d["Resources"]; ok {
			resources = r
		}
		for _, k := range [...]name{"MediaBox", "CropBox"} { // what the reader sees is the crop box
			if b, ok := d[k]; ok {
				box = b
			}
		}
		if kids, ok := f.resolve(d["Kids"]).(array); ok {
			for _, k := range kids {
				walk(k, resources, box, depth+1)
			}
			return
		}
		p := page{dict: d, resources: f.dict(resources), box: [4]float64{0, 0, 595, 842}}
		if r, ok := f.rectangle(box); ok {
			p.box = r
		}
		f.pages = append(f.pages, p)
	}
	walk(root["Pages"], nil, nil, 0)
	if len(f.pages) == 0 {
		return fmt.Errorf("%w: it has no page", ErrNotPDF)
	}
	return nil
}

func (f *File) rectangle(v any) ([4]float64, bool) {
	var out [4]float64
	n, ok := f.numbers(v)
	if !ok || len(n) != 4 {
		return out, false
	}
	out = [4]float64{min(n[0], n[2]), min(n[1], n[3]), max(n[0], n[2]), max(n[1], n[3])}
	return out, out[2]-out[0] >= 1 && out[3]-out[1] >= 1
}

func (f *File) numbers(v any) ([]float64, bool) {
	a, ok := f.resolve(v).(array)
	if !ok || len(a) > 4096 {
		return nil, false
	}
	out := make([]float64, len(a))
	for i, x := range a {
		if out[i], ok = asFloat(f.resolve(x)); !ok {
			return nil, false
		}
	}
	return out, true
}
