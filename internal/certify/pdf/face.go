package pdf

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// MissingError says that a text holds a character that a face or font does not have. It does not
// print the character: texts may be names of people.
type MissingError struct {
	Rune  rune // the character, for a caller that may know it
	Index int  // its place in the text, counted in characters from 0; -1 in a list of characters
}

func (e *MissingError) Error() string {
	if e.Index < 0 {
		return "the font lacks one of the characters"
	}
	return fmt.Sprintf("the font lacks character %d of the text", e.Index+1)
}

// flatRunes is the range of characters that Face looks up without a map.
const flatRunes = 0x180

// Face is the part of a Font that is embedded in a file: one glyph for each of its characters.
// The number of a glyph (its CID) is its place in the sorted list of characters plus 1.
type Face struct {
	font     *Font
	tag      string   // six letters, as subset fonts must carry
	runes    []rune   // of CID 1, 2, ...
	glyphs   []uint16 // glyph of the font for each CID; those after the characters are components
	flat     [flatRunes]uint16
	high     map[rune]uint16
	kern     [][]kernPair // by left CID, in the order of right CIDs; most are empty
	program  []byte       // the subset font file
	capRatio float64
}

// Subset cuts out a face with the given characters. Two characters that share an outline get a
// glyph each, so that text can be copied out of the file as it was written. Instructions for
// low-resolution screens (hints) are left out.
func (f *Font) Subset(runes []rune) (*Face, error) {
	runes = slices.Clone(runes)
	slices.Sort(runes)
	runes = slices.Compact(runes)
	if len(runes) == 0 || len(runes) > 0x4000 {
		return nil, fmt.Errorf("pdf: %d characters for a subset", len(runes))
	}
	face := &Face{
		font: f, runes: runes, glyphs: make([]uint16, 1, len(runes)+64),
		high: make(map[rune]uint16), kern: make([][]kernPair, len(runes)+1),
		capRatio: float64(f.capHeight) / float64(f.unitsPerEm),
	}
	for i, r := range runes {
		glyph := f.cmap[r]
		if glyph == 0 {
			return nil, fmt.Errorf("pdf: %w", &MissingError{Rune: r, Index: -1})
		}
		face.glyphs = append(face.glyphs, glyph)
		if r < flatRunes {
			face.flat[r] = uint16(i + 1)
		} else {
			face.high[r] = uint16(i + 1)
		}
	}
	var err error
	if face.program, err = face.build(); err != nil {
		return nil, fmt.Errorf("pdf: %w: %w", ErrFont, err)
	}
	shown := make(map[uint16][]uint32, len(runes)) // CIDs of each glyph of the font
	for i := range runes {
		shown[face.glyphs[i+1]] = append(shown[face.glyphs[i+1]], uint32(i+1))
	}
	for pair, k := range f.kern {
		for _, l := range shown[uint16(pair>>16)] {
			for _, r := range shown[uint16(pair)] {
				face.kern[l] = append(face.kern[l], kernPair{uint16(r), k})
			}
		}
	}
	for _, pairs := range face.kern {
		slices.SortFunc(pairs, func(a, b kernPair) int { return int(a.right) - int(b.right) })
	}
	sum := sha256.Sum256(face.program)
	for _, b := range sum[:6] {
		face.tag += string(rune('A' + b%26))
	}
	return face, nil
}

// kernPair moves what follows, in font units, when the glyph is followed by right.
type kernPair struct {
	right uint16
	move  int16
}

// kernAfter returns the move between two CIDs.
func (f *Face) kernAfter(left, right uint16) int {
	for _, p := range f.kern[left] {
		if p.right >= right {
			if p.right == right {
				return int(p.move)
			}
			break
		}
	}
	return 0
}

// name is the BaseFont of the face.
func (f *Face) name() string { return f.tag + "+" + f.font.name }

func (f *Face) cid(r rune) uint16 {
	if r >= 0 && r < flatRunes {
		return f.flat[r]
	}
	return f.high[r]
}

// Check returns a *MissingError if the face cannot show the text.
func (f *Face) Check(s string) error {
	i := 0
	for _, r := range s {
		if f.cid(r) == 0 {
			return &MissingError{Rune: r, Index: i}
		}
		i++
	}
	return nil
}

// Width is the length of a line of text set at a size in points, kerning included. Characters
// that the face lacks count for nothing.
func (f *Face) Width(s string, size float64) float64 {
	sum, last := 0, uint16(0)
	for _, r := range s {
		cid := f.cid(r)
		sum += int(f.font.advance[f.glyphs[cid]]) * min(1, int(cid))
		sum += f.kernAfter(last, cid)
		last = cid
	}
	return float64(sum) * size / float64(f.font.unitsPerEm)
}

// CapHeight is the height of a capital letter at a size in points.
func (f *Face) CapHeight(size float64) float64 { return f.capRatio * size }

// milli converts font units to thousandths of the em, rounded: the unit of widths in PDF.
func (f *Face) milli(units int) int {
	n, em := 2000*units, 2*f.font.unitsPerEm
	if n < 0 {
		return -((-n + em/2) / em)
	}
	return (n + em/2) / em
}

// appendShow writes the operand and operator that show a text: (..)Tj, or [(..)n(..)]TJ where
// pairs are kerned. It returns a *MissingError at the first character that the face lacks.
func (f *Face) appendShow(buf []byte, s string) ([]byte, error) {
	buf = append(buf, '[', '(')
	last, i := uint16(0), 0
	for _, r := range s {
		cid := f.cid(r)
		if cid == 0 {
			return buf, &MissingError{Rune: r, Index: i}
		}
		if k := f.kernAfter(last, cid); k != 0 {
			buf = append(buf, ')')
			buf = appendInt(buf, -f.milli(k))
			buf = append(buf, '(')
		}
		buf = appendStringByte(buf, byte(cid>>8))
		buf = appendStringByte(buf, byte(cid))
		last = cid
		i++
	}
	return append(buf, ')', ']', 'T', 'J', '\n'), nil
}

// Composite glyph flags of the glyf table.
const (
	argsAreWords     = 1 << 0
	haveScale        = 1 << 3
	moreComponents   = 1 << 5
	haveXYScale      = 1 << 6
	haveTwoByTwo     = 1 << 7
	haveInstructions = 1 << 8
)

// maxGlyphs bounds a subset, components included.
const maxGlyphs = 0x7FFF

// build writes the font program: the tables that PDF asks for (ISO 32000-1, 9.9), no more.
func (f *Face) build() ([]byte, error) {
	place := make(map[uint16]uint16, len(f.glyphs)) // glyph of the font -> first CID that shows it
	for cid := len(f.glyphs) - 1; cid >= 0; cid-- {
		place[f.glyphs[cid]] = uint16(cid)
	}
	var glyf, loca []byte
	for cid := 0; cid < len(f.glyphs); cid++ { // components are appended while we go
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		out, err := f.copyGlyph(glyf, f.glyphs[cid], place)
		if err != nil {
			return nil, fmt.Errorf("glyph %d: %w", f.glyphs[cid], err)
		}
		for glyf = out; len(glyf)%4 != 0; {
			glyf = append(glyf, 0)
		}
		if len(f.glyphs) > maxGlyphs || len(glyf) > maxFontSize {
			return nil, errors.New("too many components, or too large")
		}
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))

	hmtx := make([]byte, 0, 4*len(f.glyphs))
	for _, g := range f.glyphs {
		hmtx = binary.BigEndian.AppendUint16(hmtx, f.font.advance[g])
		hmtx = binary.BigEndian.AppendUint16(hmtx, uint16(f.font.bearing[g]))
	}
	head := slices.Clone(f.font.head)
	binary.BigEndian.PutUint32(head[8:], 0)  // checksum of the file, below
	binary.BigEndian.PutUint16(head[50:], 1) // long offsets in loca
	hhea := slices.Clone(f.font.hhea)
	binary.BigEndian.PutUint16(hhea[34:], uint16(len(f.glyphs)))
	maxp := slices.Clone(f.font.maxp)
	binary.BigEndian.PutUint16(maxp[4:], uint16(len(f.glyphs)))
	// No instructions: one zone, nothing to store.
	copy(maxp[14:28], []byte{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})

	return assemble([]table{
		{"glyf", glyf}, {"head", head}, {"hhea", hhea}, {"hmtx", hmtx}, {"loca", loca}, {"maxp", maxp},
	}), nil
}

// copyGlyph appends the outline of a glyph without its instructions. The components of a
// composite glyph are renumbered; those that have no place yet are put at the end of the face.
func (f *Face) copyGlyph(dst []byte, glyph uint16, place map[uint16]uint16) ([]byte, error) {
	errCut := errors.New("outline is cut")
	src := f.font.outline(glyph)
	if len(src) == 0 {
		return dst, nil
	}
	if len(src) < 12 {
		return dst, errCut
	}
	if contours := int(int16(be16(src, 0))); contours >= 0 {
		header := 10 + 2*contours
		if len(src) < header+2 {
			return dst, errCut
		}
		skip := header + 2 + int(be16(src, header))
		if len(src) < skip {
			return dst, errCut
		}
		dst = append(dst, src[:header]...)
		dst = append(dst, 0, 0)
		return append(dst, src[skip:]...), nil
	}
	dst = append(dst, src[:10]...)
	for at := 10; ; {
		if at+4 > len(src) {
			return dst, errCut
		}
		flags, part := be16(src, at), be16(src, at+2)
		size := 6
		if flags&argsAreWords != 0 {
			size += 2
		}
		switch {
		case flags&haveScale != 0:
			size += 2
		case flags&haveXYScale != 0:
			size += 4
		case flags&haveTwoByTwo != 0:
			size += 8
		}
		if at+size > len(src) {
			return dst, errCut
		}
		if int(part) >= f.font.numGlyphs {
			return dst, errors.New("component does not exist")
		}
		cid, ok := place[part]
		if !ok {
			cid = uint16(len(f.glyphs))
			place[part] = cid
			f.glyphs = append(f.glyphs, part)
		}
		dst = binary.BigEndian.AppendUint16(dst, flags&^haveInstructions)
		dst = binary.BigEndian.AppendUint16(dst, cid)
		dst = append(dst, src[at+4:at+size]...)
		at += size
		if flags&moreComponents == 0 {
			return dst, nil
		}
	}
}

type table struct {
	tag  string
	data []byte
}

// assemble writes an sfnt file: directory, tables on multiples of 4, checksums.
func assemble(tables []table) []byte {
	n := len(tables)
	power, log := 1, 0
	for power*2 <= n {
		power, log = power*2, log+1
	}
	out := binary.BigEndian.AppendUint32(nil, 0x00010000)
	for _, v := range []int{n, 16 * power, log, 16 * (n - power)} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	offset, headAt := 12+16*n, 0
	for _, t := range tables {
		if t.tag == "head" {
			headAt = offset
		}
		out = append(out, t.tag...)
		out = binary.BigEndian.AppendUint32(out, checksum(t.data))
		out = binary.BigEndian.AppendUint32(out, uint32(offset))
		out = binary.BigEndian.AppendUint32(out, uint32(len(t.data)))
		offset += (len(t.data) + 3) &^ 3
	}
	for _, t := range tables {
		out = append(out, t.data...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	binary.BigEndian.PutUint32(out[headAt+8:], 0xB1B0AFBA-checksum(out))
	return out
}

// checksum adds up big-endian words, the last one padded with zeros.
func checksum(data []byte) uint32 {
	var sum uint32
	for ; len(data) >= 4; data = data[4:] {
		sum += binary.BigEndian.Uint32(data)
	}
	var last [4]byte
	copy(last[:], data)
	return sum + binary.BigEndian.Uint32(last[:])
}
