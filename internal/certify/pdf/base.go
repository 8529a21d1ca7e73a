package pdf

import (
	"compress/zlib"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf16"
)

// producer is the program named in every file.
const producer = "Carnet"

// Base holds the objects that do not change from one file to the next, rendered once: faces,
// colour profile, fixed parts of the page. Fill it, then use it from any number of goroutines.
type Base struct {
	w       *writer
	faces   []*Face
	fonts   []ref
	profile ref
	marks   int // pieces of marked content in the fixed parts
	once    deflater
	each    deflater
	buffers sync.Pool // of *[]byte, for canvases
}

// NewBase renders faces and colour profile.
func NewBase(faces ...*Face) (*Base, error) {
	b := &Base{
		w:     newWriter(),
		faces: slices.Clone(faces),
		once:  deflater{level: zlib.BestCompression},
		each:  deflater{level: zlib.BestSpeed}, // measured: level 6 costs 4 times more for 3 % of the size
	}
	b.profile = b.w.reserve()
	if err := b.compressed(b.profile, "/N 3", srgbProfile()); err != nil {
		return nil, err
	}
	for _, f := range faces {
		r, err := b.font(f)
		if err != nil {
			return nil, err
		}
		b.fonts = append(b.fonts, r)
	}
	return b, nil
}

func (b *Base) index(f *Face) int { return slices.Index(b.faces, f) }

func (b *Base) compressed(r ref, entries string, data []byte) error {
	if err := b.once.deflate(data, func(z []byte) { b.w.stream(r, entries+"/Filter/FlateDecode", z) }); err != nil {
		return fmt.Errorf("pdf: %w", err)
	}
	return nil
}

// font writes the six objects of a face and returns the font that pages name.
func (b *Base) font(f *Face) (ref, error) {
	w := b.w
	font, descendant, descriptor := w.reserve(), w.reserve(), w.reserve()
	program, unicode, set := w.reserve(), w.reserve(), w.reserve()

	w.begin(font)
	w.str("<</Type/Font/Subtype/Type0/BaseFont/" + f.name() + "/Encoding/Identity-H/DescendantFonts[")
	w.ref(descendant)
	w.str("]/ToUnicode ")
	w.ref(unicode)
	w.str(">>")
	w.end()

	w.begin(descendant)
	w.str("<</Type/Font/Subtype/CIDFontType2/BaseFont/" + f.name() +
		"/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/CIDToGIDMap/Identity/FontDescriptor ")
	w.ref(descriptor)
	w.str("/DW 1000/W[0[")
	for i, g := range f.glyphs {
		if i > 0 {
			w.str(" ")
		}
		w.int(f.milli(int(f.font.advance[g])))
	}
	w.str("]]>>")
	w.end()

	w.begin(descriptor)
	w.str("<</Type/FontDescriptor/FontName/" + f.name() + "/Flags 4/ItalicAngle 0/FontBBox[")
	for i, v := range f.font.bbox {
		if i > 0 {
			w.str(" ")
		}
		w.int(f.milli(v))
	}
	w.str("]/Ascent ")
	w.int(f.milli(f.font.ascent))
	w.str("/Descent ")
	w.int(f.milli(f.font.descent))
	w.str("/CapHeight ")
	w.int(f.milli(f.font.capHeight))
	stem := 80 // not in TrueType; only used to fake a font that is not embedded
	if f.font.bold {
		stem = 140
	}
	w.str("/StemV ")
	w.int(stem)
	w.str("/FontFile2 ")
	w.ref(program)
	w.str("/CIDSet ")
	w.ref(set)
	w.str(">>")
	w.end()

	if err := b.compressed(program, fmt.Sprintf("/Length1 %d", len(f.program)), f.program); err != nil {
		return 0, err
	}
	if err := b.compressed(unicode, "", f.toUnicode()); err != nil {
		return 0, err
	}
	glyphs := make([]byte, (len(f.glyphs)+7)/8) // one bit per CID, all of them present
	for i := range f.glyphs {
		glyphs[i/8] |= 0x80 >> (i % 8)
	}
	return font, b.compressed(set, "", glyphs)
}

// toUnicode writes the character map that turns CIDs back into text.
func (f *Face) toUnicode() []byte {
	buf := []byte("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n" +
		"/CIDSystemInfo<</Registry(Adobe)/Ordering(UCS)/Supplement 0>>def\n" +
		"/CMapName/Adobe-Identity-UCS def\n/CMapType 2 def\n" +
		"1 begincodespacerange\n<0000><FFFF>\nendcodespacerange\n")
	const group = 100 // the most that one block may hold
	for from := 0; from < len(f.runes); from += group {
		to := min(from+group, len(f.runes))
		buf = append(appendInt(buf, to-from), " beginbfchar\n"...)
		for i := from; i < to; i++ {
			buf = appendHex(buf, []byte{byte((i + 1) >> 8), byte(i + 1)})
			var text []byte
			for _, u := range utf16.Encode(f.runes[i : i+1]) {
				text = append(text, byte(u>>8), byte(u))
			}
			buf = append(appendHex(buf, text), '\n')
		}
		buf = append(buf, "endbfchar\n"...)
	}
	return append(buf, "endcmap\nCMapName currentdict/CMap defineresource pop\nend\nend\n"...)
}

// Canvas returns an empty canvas for one file, or for a part to fix.
func (b *Base) Canvas() *Canvas {
	buf, _ := b.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	return &Canvas{
		base: b, first: b.marks, marks: b.marks, buf: (*buf)[:0],
		fill: unset, stroke: unset, width: unset,
	}
}

// Fix makes a part of the page out of a canvas that every file may [Canvas.Insert] at most once.
// Parts are fixed one after the other, before the first file: a canvas that was made before the
// last call of Fix is refused.
func (b *Base) Fix(c *Canvas) (Fixed, error) {
	switch {
	case c.err != nil:
		return Fixed{}, c.err
	case c.open || c.base != b || c.first != b.marks || len(c.parts) > 0:
		return Fixed{}, errors.New("pdf: this canvas cannot be fixed")
	}
	r := b.w.reserve()
	// The state of the page is left as it was found.
	if err := b.compressed(r, "", slices.Concat([]byte("q\n"), c.buf, []byte("Q\n"))); err != nil {
		return Fixed{}, err
	}
	b.marks = c.marks
	return Fixed{r, b}, nil
}

// What a page of text with two codes adds to the base; more is allowed and only costs a copy.
const spareBytes, spareObjects = 40 << 10, 96

// Document is one file.
type Document struct {
	Title   string // shown by readers in place of a file name: nothing about a person
	Author  string
	Lang    string // of the document, such as "fr-FR"
	ID      [16]byte
	Created time.Time
	Width   float64
	Height  float64
	Root    *Element // of type "Document"; every mark of the canvas belongs to an element below it
	Canvas  *Canvas
	Seal    *Seal // nil for a file that nobody signs; an element for it is added below the root
}

// worthDeflating is the length of content, in bytes, below which compressing costs more than it saves.
const worthDeflating = 1 << 10

// Write returns the bytes of a file. The canvas must not be used again.
func (b *Base) Write(d Document) ([]byte, error) {
	c := d.Canvas
	switch {
	case c == nil || c.base != b:
		return nil, errors.New("pdf: the canvas is not of this base")
	case c.err != nil:
		return nil, c.err
	case c.open:
		return nil, errors.New("pdf: a content mark is still open")
	case d.Root == nil:
		return nil, errors.New("pdf: no structure")
	}
	if len(c.buf) > 0 {
		c.parts = append(c.parts, part{drawn: c.buf})
		c.buf = nil
	}

	w := b.w.fork(spareBytes, spareObjects)
	catalog, info, pages, page := w.reserve(), w.reserve(), w.reserve(), w.reserve()
	metadata, structure := w.reserve(), w.reserve()

	contents := make([]ref, len(c.parts))
	for i, p := range c.parts {
		contents[i] = p.fixed
		if p.fixed != 0 {
			continue
		}
		contents[i] = w.reserve()
		if len(p.drawn) < worthDeflating {
			w.stream(contents[i], "", p.drawn)
			continue
		}
		if err := b.each.deflate(p.drawn, func(z []byte) { w.stream(contents[i], "/Filter/FlateDecode", z) }); err != nil {
			return nil, fmt.Errorf("pdf: %w", err)
		}
		b.buffers.Put(&p.drawn)
	}

	seal := w.reserveSeal(&d)
	t := &tree{w: w, page: page, marks: make([]ref, c.marks)}
	t.root(structure, d.Root)
	if t.stray || slices.Contains(t.marks, 0) {
		return nil, errors.New("pdf: marked content and structure do not match")
	}

	xmp, err := appendXMP(make([]byte, 0, 3<<10), &d)
	if err != nil {
		return nil, fmt.Errorf("pdf: %w", err)
	}
	w.stream(metadata, "/Type/Metadata/Subtype/XML", xmp)
	if seal != nil {
		w.seal(seal, d.Seal, d.Created, page, len(t.links)) // the last annotation
	}
	b.writePage(w, d, page, pages, contents, t.links)
	b.writeCatalog(w, d, catalog, pages, structure, metadata, seal)

	w.begin(info)
	w.str("<</Title")
	w.buf = appendText(w.buf, d.Title)
	w.str("/Author")
	w.buf = appendText(w.buf, d.Author)
	w.str("/Producer(" + producer + ")/CreationDate")
	w.buf = appendDate(w.buf, d.Created)
	w.str("/ModDate")
	w.buf = appendDate(w.buf, d.Created)
	w.str(">>")
	w.end()
	out, err := w.finish(catalog, info, d.ID)
	if err != nil {
		return nil, fmt.Errorf("pdf: %w", err)
	}
	if seal != nil {
		if err := seal.sign(out, d.Seal); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (b *Base) writePage(w *writer, d Document, page, pages ref, contents, links []ref) {
	w.begin(pages)
	w.str("<</Type/Pages/Count 1/Kids[")
	w.ref(page)
	w.str("]>>")
	w.end()

	w.begin(page)
	w.str("<</Type/Page/Parent ")
	w.ref(pages)
	w.str("/MediaBox")
	w.buf = Rect{0, 0, d.Width, d.Height}.append(w.buf)
	w.str("/Resources<</Font<<")
	for i, r := range b.fonts {
		w.str("/F")
		w.int(i + 1)
		w.str(" ")
		w.ref(r)
	}
	w.str(">>>>/StructParents 0/Tabs/S/Contents[")
	w.refs(contents)
	w.str("]")
	if len(links) > 0 {
		w.str("/Annots[")
		w.refs(links)
		w.str("]")
	}
	w.str(">>")
	w.end()
}

func (b *Base) writeCatalog(w *writer, d Document, catalog, pages, structure, metadata ref, seal *sealed) {
	w.begin(catalog)
	w.str("<</Type/Catalog/Pages ")
	w.ref(pages)
	w.str("/Lang")
	w.buf = appendText(w.buf, d.Lang)
	w.str("/MarkInfo<</Marked true>>/StructTreeRoot ")
	w.ref(structure)
	w.str("/Metadata ")
	w.ref(metadata)
	w.str("/ViewerPreferences<</DisplayDocTitle true>>/OutputIntents[<</Type/OutputIntent/S/GTS_PDFA1" +
		"/OutputConditionIdentifier(sRGB)/Info(sRGB, gamma 2.2)/DestOutputProfile ")
	w.ref(b.profile)
	w.str(">>]")
	if seal != nil { // signatures only, and appending to the file is the only way to change it
		w.str("/AcroForm<</SigFlags 3/Fields[")
		w.ref(seal.field)
		w.str("]>>")
	}
	w.str(">>")
	w.end()
}

func (w *writer) refs(list []ref) {
	for i, r := range list {
		if i > 0 {
			w.str(" ")
		}
		w.ref(r)
	}
}
