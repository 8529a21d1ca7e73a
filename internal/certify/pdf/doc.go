// Package pdf writes small tagged PDF files: one page, a few fonts, text, lines and matrix codes.
//
// It follows ISO 32000-1 (PDF 1.7) with a classic cross-reference table, and is written to meet
// ISO 19005-2 level A (PDF/A-2a) and ISO 14289-1 (PDF/UA-1): every font is embedded and mapped
// to Unicode, every mark on the page is either content of a structure element or an artifact,
// the colours have an output intent, and the metadata is XMP. Both conformances are claimed in
// that metadata; see specification twoddoc, sections 8.3 and 12, for what was proved by which tool.
//
// # How to use it
//
// A [Font] is a TrueType program; [Font.Subset] cuts a [Face] out of it that holds the characters
// that are asked for. A [Base] holds what is the same in every file (faces, colour profile, parts
// of the page that never change) and is made once. For each file, [Base.Canvas] gives a place to
// draw on and [Base.Write] returns the bytes:
//
//	font, err := pdf.ParseFont(ttf)
//	face, err := font.Subset(pdf.Runes("Bonjour"))
//	base, err := pdf.NewBase(face)
//	root := &pdf.Element{Type: "Document"}
//	c := base.Canvas()
//	c.Begin(root.Add(&pdf.Element{Type: "H1"}))
//	c.Text(72, 720, face, 20, "Bonjour")
//	c.End()
//	file, err := base.Write(pdf.Document{Title: "Bonjour", Lang: "fr", Root: root, Canvas: c, ...})
//
// # Guarantees
//
// The bytes are a function of the faces, the document and nothing else: no clock, no chance, no
// map order. A Base may be used by any number of goroutines at once; a Canvas by one.
// A character that a face does not have is an error, [MissingError], never an empty box.
//
// # Coordinates
//
// Lengths are points (1/72 inch), the origin is the lower left corner of the page, as in PDF.
//
// # What is not done
//
// Forms, pictures, transparency, more than one page, and the signature itself: a [Seal] keeps its place in the file and is
// filled by the caller's function (package seal makes one).
package pdf
