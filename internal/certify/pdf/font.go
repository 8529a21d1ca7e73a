package pdf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// ErrFont is wrapped by every error of [ParseFont]: the bytes are not a TrueType font that this
// package can embed.
var ErrFont = errors.New("unusable TrueType font")

// maxFontSize bounds what ParseFont looks at, in bytes.
const maxFontSize = 16 << 20

// Font is a TrueType font program with glyf outlines. It keeps a reference to the bytes it was
// parsed from and does not change them.
type Font struct {
	name       string // PostScript name, from the name table
	unitsPerEm int
	numGlyphs  int
	bbox       [4]int // xMin, yMin, xMax, yMax in font units
	ascent     int
	descent    int
	capHeight  int
	bold       bool

	head, hhea, maxp []byte
	glyf             []byte
	loca             []uint32 // numGlyphs+1 offsets into glyf, never decreasing
	advance          []uint16 // per glyph
	bearing          []int16  // left side bearing, per glyph
	cmap             map[rune]uint16
	kern             map[uint32]int16 // left glyph << 16 | right glyph
}

// ParseFont reads a TrueType font (sfnt version 1.0, table glyf). It needs a Unicode character
// map of format 4 and reads kerning pairs from a kern table of format 0.
func ParseFont(data []byte) (*Font, error) {
	f, err := parseFont(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFont, err)
	}
	return f, nil
}

func parseFont(data []byte) (*Font, error) {
	if len(data) > maxFontSize {
		return nil, fmt.Errorf("larger than %d bytes", maxFontSize)
	}
	tables, err := parseTables(data)
	if err != nil {
		return nil, err
	}
	for _, need := range []struct {
		tag string
		min int
	}{{"head", 54}, {"hhea", 36}, {"maxp", 32}, {"OS/2", 78}, {"name", 6}, {"cmap", 4}, {"hmtx", 4}, {"loca", 4}, {"glyf", 10}} {
		if len(tables[need.tag]) < need.min {
			return nil, fmt.Errorf("table %s missing or too short", need.tag)
		}
	}
	head, hhea := tables["head"], tables["hhea"]
	f := &Font{
		head:       head[:54],
		hhea:       hhea[:36],
		maxp:       tables["maxp"][:32],
		glyf:       tables["glyf"],
		unitsPerEm: int(be16(head, 18)),
		numGlyphs:  int(be16(tables["maxp"], 4)),
		ascent:     int(int16(be16(hhea, 4))),
		descent:    int(int16(be16(hhea, 6))),
		bold:       be16(head, 44)&1 != 0,
	}
	if f.unitsPerEm < 16 || f.unitsPerEm > 16384 {
		return nil, fmt.Errorf("%d units per em", f.unitsPerEm)
	}
	if f.numGlyphs == 0 {
		return nil, errors.New("no glyphs")
	}
	for i := range f.bbox {
		f.bbox[i] = int(int16(be16(head, 36+2*i)))
	}
	if f.name, err = postScriptName(tables["name"]); err != nil {
		return nil, err
	}
	if err := f.parseLoca(tables["loca"], be16(head, 50) != 0); err != nil {
		return nil, err
	}
	if err := f.parseMetrics(tables["hmtx"], int(be16(hhea, 34))); err != nil {
		return nil, err
	}
	if err := f.parseCmap(tables["cmap"]); err != nil {
		return nil, err
	}
	f.parseKern(tables["kern"])
	f.capHeight = f.measureCapHeight(tables["OS/2"])
	return f, nil
}

// parseTables reads the table directory. Tables may overlap: they are only read.
func parseTables(data []byte) (map[string][]byte, error) {
	if len(data) < 12 || binary.BigEndian.Uint32(data) != 0x00010000 {
		return nil, errors.New("no sfnt header of version 1.0")
	}
	n := int(be16(data, 4))
	if len(data) < 12+16*n {
		return nil, errors.New("table directory is cut")
	}
	tables := make(map[string][]byte, n)
	for i := range n {
		entry := data[12+16*i : 28+16*i]
		offset, length := uint64(binary.BigEndian.Uint32(entry[8:])), uint64(binary.BigEndian.Uint32(entry[12:]))
		if offset+length > uint64(len(data)) {
			return nil, fmt.Errorf("table %d is outside the file", i)
		}
		tables[string(entry[:4])] = data[offset : offset+length]
	}
	return tables, nil
}

// postScriptName returns name 6. Only the characters that a PDF name may hold unescaped are kept.
func postScriptName(table []byte) (string, error) {
	count, strings := int(be16(table, 2)), int(be16(table, 4))
	if len(table) < 6+12*count {
		return "", errors.New("name table is cut")
	}
	for i := range count {
		record := table[6+12*i : 18+12*i]
		if be16(record, 6) != 6 {
			continue
		}
		from := strings + int(be16(record, 10))
		to := from + int(be16(record, 8))
		if to > len(table) {
			return "", errors.New("name table is cut")
		}
		var name []byte
		for _, c := range table[from:to] { // UTF-16 or Mac Roman: the ASCII bytes are the name
			if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '-' {
				name = append(name, c)
			}
		}
		if len(name) > 0 && len(name) <= 63 {
			return string(name), nil
		}
	}
	return "", errors.New("no PostScript name")
}

func (f *Font) parseLoca(table []byte, long bool) error {
	size := 2
	if long {
		size = 4
	}
	if len(table) < size*(f.numGlyphs+1) {
		return errors.New("loca table is cut")
	}
	f.loca = make([]uint32, f.numGlyphs+1)
	for i := range f.loca {
		if long {
			f.loca[i] = binary.BigEndian.Uint32(table[4*i:])
		} else {
			f.loca[i] = 2 * uint32(be16(table, 2*i))
		}
		if f.loca[i] > uint32(len(f.glyf)) || i > 0 && f.loca[i] < f.loca[i-1] {
			return fmt.Errorf("glyph %d is outside the glyf table", i)
		}
	}
	return nil
}

func (f *Font) parseMetrics(table []byte, long int) error {
	if long == 0 || long > f.numGlyphs || len(table) < 4*long+2*(f.numGlyphs-long) {
		return errors.New("hmtx table is cut")
	}
	f.advance, f.bearing = make([]uint16, f.numGlyphs), make([]int16, f.numGlyphs)
	for i := range f.numGlyphs {
		if i < long {
			f.advance[i] = be16(table, 4*i)
			f.bearing[i] = int16(be16(table, 4*i+2))
		} else {
			f.advance[i] = f.advance[long-1]
			f.bearing[i] = int16(be16(table, 4*long+2*(i-long)))
		}
	}
	return nil
}

// parseCmap reads the format 4 subtable of platform 0 or 3: the basic multilingual plane.
func (f *Font) parseCmap(table []byte) error {
	n := int(be16(table, 2))
	if len(table) < 4+8*n {
		return errors.New("cmap table is cut")
	}
	for i := range n {
		record := table[4+8*i:]
		platform, offset := be16(record, 0), uint64(binary.BigEndian.Uint32(record[4:]))
		if platform != 0 && platform != 3 || offset+14 > uint64(len(table)) {
			continue
		}
		if sub := table[offset:]; be16(sub, 0) == 4 {
			return f.parseCmap4(sub)
		}
	}
	return errors.New("no Unicode character map of format 4")
}

func (f *Font) parseCmap4(sub []byte) error {
	segments := int(be16(sub, 6)) / 2
	if len(sub) < 16+8*segments {
		return errors.New("character map is cut")
	}
	ends, starts := sub[14:], sub[16+2*segments:]
	deltas, ranges := sub[16+4*segments:], sub[16+6*segments:]
	f.cmap = make(map[rune]uint16)
	next := rune(0)
	for s := range segments {
		first, last := rune(be16(starts, 2*s)), rune(be16(ends, 2*s))
		if first < next || last < first {
			return errors.New("character map is not in order")
		}
		next = last + 1
		delta, offset := be16(deltas, 2*s), int(be16(ranges, 2*s))
		for r := first; r <= last && r < 0xFFFF; r++ {
			glyph := uint16(r) + delta
			if offset != 0 {
				at := 2*s + offset + 2*int(r-first)
				if at+2 > len(ranges) {
					return errors.New("character map is cut")
				}
				if glyph = be16(ranges, at); glyph != 0 {
					glyph += delta
				}
			}
			if glyph != 0 && int(glyph) < f.numGlyphs {
				f.cmap[r] = glyph
			}
		}
	}
	return nil
}

// parseKern keeps what it can read: a font without kerning is still a font.
func (f *Font) parseKern(table []byte) {
	f.kern = make(map[uint32]int16)
	if len(table) < 18 || be16(table, 0) != 0 || be16(table, 8)>>8 != 0 || be16(table, 8)&1 == 0 {
		return
	}
	for i := range int(be16(table, 10)) {
		at := 18 + 6*i
		if at+6 > len(table) {
			return
		}
		f.kern[binary.BigEndian.Uint32(table[at:])] = int16(be16(table, at+4))
	}
}

// measureCapHeight takes the height of H: the OS/2 table of older versions does not have it.
func (f *Font) measureCapHeight(os2 []byte) int {
	if be16(os2, 0) >= 2 && len(os2) >= 90 {
		if h := int(int16(be16(os2, 88))); h > 0 {
			return h
		}
	}
	if g := f.outline(f.cmap['H']); len(g) >= 10 {
		return int(int16(be16(g, 8)))
	}
	return f.ascent
}

// outline returns the glyf entry of a glyph, empty for a blank one.
func (f *Font) outline(glyph uint16) []byte {
	return f.glyf[f.loca[glyph]:f.loca[glyph+1]]
}

// Has reports whether the font can show a character.
func (f *Font) Has(r rune) bool { return f.cmap[r] != 0 }

// Runes returns the distinct characters of some texts in ascending order, to hand to [Font.Subset].
func Runes(texts ...string) []rune {
	var runes []rune
	for _, s := range texts {
		runes = append(runes, []rune(s)...)
	}
	slices.Sort(runes)
	return slices.Compact(runes)
}

func be16(b []byte, at int) uint16 { return binary.BigEndian.Uint16(b[at:]) }
