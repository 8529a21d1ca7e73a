package sheet

import (
	"fmt"

	"carnet/twoddoc/datamatrix"
)

// matrixCode is a DataMatrix as the page draws it.
type matrixCode struct{ *datamatrix.Symbol }

// Size is the side in modules.
func (m matrixCode) Size() int { return m.Side }

// encodeMatrix writes the payload in the smallest symbol that the page has room for with modules
// that readers resolve at 100 dpi.
func encodeMatrix(payload []byte) (matrixCode, error) {
	s, err := datamatrix.Encode(payload, 0)
	if err != nil {
		return matrixCode{}, err
	}
	if s.Side > maxSide {
		return matrixCode{}, fmt.Errorf("symbol of %d modules is too large for the page", s.Side)
	}
	return matrixCode{s}, nil
}

// maxSide is the largest DataMatrix that is issued: the longest attestation takes 72 modules.
const maxSide = 72
