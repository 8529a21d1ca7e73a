package scan

import "carnet/twoddoc"

// join puts documents together that were printed in several symbols (2D-Doc version 04). The
// joined code stands where its first symbol stood; symbols of a document that is not all there stay
// as they are, codes of no known format.
func join(codes []Code) []Code {
	type document struct {
		group [2]byte
		count int
	}
	symbols := map[document][][]byte{}
	of := func(c Code) (document, bool) {
		if c.Format != "" {
			return document{}, false
		}
		p, err := twoddoc.ReadPart(c.Carried)
		return document{p.Group, p.Count}, err == nil
	}
	for _, c := range codes {
		if d, ok := of(c); ok {
			symbols[d] = append(symbols[d], c.Carried)
		}
	}
	joined := map[document][]byte{}
	for d, all := range symbols {
		if payload, err := twoddoc.Join(all...); err == nil && isTwoDDoc(payload) {
			joined[d] = payload
		}
	}
	var out []Code
	for _, c := range codes {
		if d, ok := of(c); ok && joined[d] != nil {
			if len(joined[d]) == 0 {
				continue // a later symbol of a document that stands already
			}
			c.Format, c.Payload = TwoDDoc, joined[d]
			joined[d] = []byte{}
		}
		out = append(out, c)
	}
	return out
}
