// Package twoddoc reads, verifies, writes and signs 2D-Doc, the French visible electronic seal:
// a short message and its signature in a DataMatrix on a document (ANTS specification, editions
// 3.1.3 to 3.3.9, versions 01 to 04, text, mixed and binary forms, one symbol or several). It imports
// the standard library alone.
//
// # Reading
//
// A payload is the text that a reader of DataMatrix gives: header, message, signature, and perhaps
// an annex.
//
//	doc, err := twoddoc.ParseTolerant(payload) // or Parse, which refuses what does not conform
//	name := doc.Value("L0")
//
// Every identifier is in the embedded dictionary ([Lookup], [LookupType]): size, characters,
// vocabulary, French and English labels, and what a document type requires and forbids. The
// dictionary has two tables of text, identifiers.txt and types.txt.
//
// # Forms
//
// A payload is what readers of DataMatrix give: the bytes of the symbol one after the other. Characters
// in C40 stand for themselves, Base256 gives its bytes, and the codewords that switch between the two
// give nothing. So that is what [Parse] takes and [Draft.Sign] makes, in each [Form]:
//
//	text     header 22 to 26 | fields | US | signature in Base32 | GS annex
//	         version 01: header 22 | fields | signature in bytes
//	mixed    header 26 | fields | blocks | FF, length, signature | annex blocks
//	binary   header 19 | blocks | FF, length, signature | annex blocks
//
// The first bytes tell text (the characters DC0) from binary (the bytes DC and 04). A mixed code is told from one of text by its bytes:
// after a complete field, everything up to the end is a chain of blocks that holds one signature. The
// field before the blocks therefore ends with a separator, or by its size. If several places are like
// that the last one is meant; the writer makes no code that would be read otherwise than it was written.
// What is signed are header, fields and blocks, without US, FF and length.
//
// [Document.Switch] is where bytes begin, which only the drawing needs: datamatrix.EncodeSwitched.
// The fields of blocks have no public dictionary: [Block.Text], [Block.Uint] and [Block.Day] read their
// values, for those who know what they are.
//
// A document in 2 to 16 symbols is cut by [Split] and put together by [Join], which wants all the symbols
// and no order. One of them alone is refused with [MultiPart].
//
// # Two questions
//
// Is it authentic, and does it conform? They are apart, for official codes exist that are authentic
// and do not conform. A [Document] has a list of findings for each; a finding is an [Error] with a
// stable [Code] and an offset. Nothing that comes from the annex is signed: it is kept in
// fields of its own.
//
// # Verifying
//
// [Document.Verify] checks the signature over the bytes as they came; nothing is normalized before.
// The key is that of the certificate that the header names, and finding it is for the caller: package
// tsl beside this one reads the list of authorities, each of which publishes its certificates.
// Package store fetches those certificates and their revocation lists, and package bundle is one
// signed file with all of it for those who are offline. A certificate is chosen by [Header.Choose].
// A complete verification is: the certificate by authority and identifier, issued by an authority of
// the list; not revoked now (a revoked certificate ends the codes that it signed before, too);
// [Header.Within] its validity; not a [Header.Test] authority; Verify; and [Document.ID] on no list of
// revoked documents. The hash follows the curve of the key, not anything in the payload.
//
// # Issuing
//
// Issuing has two steps, so that the message can be looked at before it is signed:
//
//	draft, err := twoddoc.Vaccination{...}.Prepare(header) // or Prepare, PrepareMixed, PrepareBinary
//	payload, err := draft.Sign(signer, rand.Reader)
//
// All writers give the message to the strict reader before they hand it out, and compare. The
// signer is any [crypto.Signer]: a token or a process of its own keeps the key. Sign once for
// one page: a DataMatrix (package datamatrix) and a link in a QR code ([Link]) carry the same
// payload, and [WalletReads] tells whether the published wallets will take it.
//
// # Privacy
//
// A payload is health data in clear: 2D-Doc encrypts nothing. Documents, fields, drafts and
// errors of this package hide what they hold when they are printed, logged or encoded; the payload
// itself is the caller's to protect. Links have the payload in the fragment by default
// ([WalletPath]), which browsers do not send.
//
// # Conformance
//
// testdata/README.md describes vectors for what no public corpus has, for any implementation. A harness
// reads a corpus of published codes (CARNET_CORPUS_TWODDOC) and prints a table:
//
//	go test ./twoddoc -run Conformance -v
//
// # Limits
//
// At most [MaxPayload] bytes are read, and [MaxSymbol] of one symbol. The perimeter of a binary header is
// kept as it is, for the text does not say how it is coded. Identifiers in use whose definition is not public (J0 to KK of
// type 26, FA to FT of type B3) are unknown here; types 26 27 28 29 B3 B4 have no table
// of requirements, so their fields are checked one by one only. Version 01 is read, and never
// written.
package twoddoc
