package engine

import (
	"slices"
	"strconv"

	"carnet/hcert/qr"
	"carnet/internal/carnet"
	"carnet/internal/verify"
	"carnet/internal/verify/scan"
	"carnet/twoddoc/datamatrix"
)

// kept pairs the codes that are documents with their verdicts.
func kept(codes []scan.Code, verdicts []verify.Verdict) []Kept {
	var list []Kept
	for _, c := range codes {
		if c.Format == "" {
			continue
		}
		v := verdicts[len(list)]
		list = append(list, Kept{
			Payload: c.Payload, Format: c.Format, ID: v.ID, Ends: v.Ends,
			Revoked: slices.Contains(v.Reasons, "revoked") || slices.Contains(v.Reasons, "certificate.revoked"),
		})
	}
	return list
}

// draw makes the symbol in which a payload is shown to a reader.
func draw(payload []byte) (*Symbol, error) {
	c, ok := scan.Line(payload, 1)
	switch {
	case ok && c.Format == scan.HCert:
		code, err := qr.Encode(string(c.Payload))
		if err != nil {
			return nil, carnet.E("engine.draw", carnet.Invalid, "request.malformed", err)
		}
		return &Symbol{Kind: "qr", Side: code.Size(), Path: path(code.Size(), code.Dark)}, nil
	case ok && c.Format == scan.TwoDDoc:
		symbol, err := datamatrix.Encode(c.Payload, 0)
		if err != nil {
			return nil, carnet.E("engine.draw", carnet.Invalid, "request.malformed", err)
		}
		return &Symbol{Kind: "datamatrix", Side: symbol.Side, Path: path(symbol.Side, symbol.Dark)}, nil
	}
	return nil, carnet.E("engine.draw", carnet.Invalid, "scan.nothing", nil)
}

// path draws the dark modules of each row, run by run.
func path(side int, dark func(x, y int) bool) string {
	var b []byte
	for y := range side {
		for x := 0; x < side; x++ {
			from := x
			for x < side && dark(x, y) {
				x++
			}
			if x == from {
				continue
			}
			b = append(b, 'M')
			b = strconv.AppendInt(b, int64(from), 10)
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(y), 10)
			b = append(b, 'h')
			b = strconv.AppendInt(b, int64(x-from), 10)
			b = append(b, "v1h-"...)
			b = strconv.AppendInt(b, int64(x-from), 10)
			b = append(b, 'z')
		}
	}
	return string(b)
}
