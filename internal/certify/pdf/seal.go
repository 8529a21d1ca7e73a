package pdf

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"
)

// Seal is an electronic signature over the whole file, in a field that is not seen (PAdES, ISO 32000-1 section 12.8).
type Seal struct {
	Name     string // of the signer, as readers show it
	Reason   string
	Contents string // of the field, in words, for assistive technology
	// Sign answers the SHA-256 of the file with a CMS signature in DER, of at most [MaxSignature] bytes.
	Sign func(digest [sha256.Size]byte) ([]byte, error)
}

// MaxSignature is what is kept free for a signature, in bytes.
const MaxSignature = 3000

// Width of a number in the range of signed bytes: its place is kept before it is known.
const rangeWidth = 10

// sealed is where the parts of a seal are in the file.
type sealed struct {
	value, field, appearance ref
	numbers, contents        int // offsets of the first number that is not known yet, and of the "<"
}

// reserveSeal gives the seal its objects and its place in the tree: the last thing that is read.
func (w *writer) reserveSeal(d *Document) *sealed {
	if d.Seal == nil {
		return nil
	}
	s := &sealed{value: w.reserve(), field: w.reserve(), appearance: w.reserve()}
	d.Root.Add(&Element{Type: "Form", Alt: d.Seal.Contents, field: s.field})
	return s
}

// seal writes the signature, with nothing in it yet, and its field. Flags 132: printed and locked, as PDF/A asks of a field; the
// field has no area.
func (w *writer) seal(s *sealed, d *Seal, at time.Time, page ref, key int) {
	w.begin(s.value)
	w.str("<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M")
	w.buf = appendDate(w.buf, at)
	w.str("/Name")
	w.buf = appendText(w.buf, d.Name)
	w.str("/Reason")
	w.buf = appendText(w.buf, d.Reason)
	w.str("/ByteRange[0 ")
	s.numbers = len(w.buf)
	w.buf = append(w.buf, bytes.Repeat([]byte{' '}, 3*rangeWidth+2)...)
	w.str("]/Contents")
	s.contents = len(w.buf)
	w.str("<")
	w.buf = append(w.buf, bytes.Repeat([]byte{'0'}, 2*MaxSignature)...)
	w.str(">>>")
	w.end()

	w.begin(s.field)
	w.str("<</Type/Annot/Subtype/Widget/FT/Sig/T(Seal)/TU")
	w.buf = appendText(w.buf, d.Contents)
	w.str("/Contents")
	w.buf = appendText(w.buf, d.Contents)
	w.str("/F 132/Rect[0 0 0 0]/P ")
	w.ref(page)
	w.str("/StructParent ")
	w.int(key)
	w.str("/V ")
	w.ref(s.value)
	w.str("/AP<</N ")
	w.ref(s.appearance)
	w.str(">>>>")
	w.end()
	w.stream(s.appearance, "/Type/XObject/Subtype/Form/BBox[0 0 0 0]/Resources<<>>", nil)
}

var errSignature = errors.New("pdf: the signature is too long for its place")

// sign fills the seal of a file that is complete but for it.
func (s *sealed) sign(file []byte, seal *Seal) error {
	end := s.contents + 2*MaxSignature + 2
	numbers := file[s.numbers:s.numbers]
	for _, n := range []int{s.contents, end, len(file) - end} {
		text := strconv.Itoa(n)
		numbers = append(append(numbers, bytes.Repeat([]byte{' '}, rangeWidth-len(text))...), text...)
		if len(numbers) < 3*rangeWidth+2 {
			numbers = append(numbers, ' ')
		}
	}
	h := sha256.New()
	h.Write(file[:s.contents])
	h.Write(file[end:])
	signature, err := seal.Sign([sha256.Size]byte(h.Sum(nil)))
	if err != nil {
		return err
	}
	if len(signature) > MaxSignature {
		return errSignature
	}
	hex.Encode(file[s.contents+1:], signature)
	return nil
}
