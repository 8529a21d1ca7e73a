//go:build !wasip1

package verify

import (
	"bytes"

	"carnet/twoddoc/tsl"
)

// addList verifies a French trust list and takes what it says.
func (t *Trust) addList(data []byte, options Options) error {
	anchors := []tsl.Anchor{FrenchSeal}
	if len(options.Anchors) > 0 {
		anchors = nil
		for _, a := range options.Anchors {
			anchors = append(anchors, a)
		}
	}
	l, err := tsl.Parse(bytes.NewReader(data), anchors)
	if err != nil {
		return err
	}
	s := Scheme{Sequence: l.Sequence, Issued: l.Issued, NextUpdate: l.NextUpdate}
	for _, a := range l.Authorities {
		line := Authority{ID: a.ID, Usable: a.Usable()}
		if a.Certificate != nil {
			line.Certificate = a.Certificate.Raw
		}
		s.Authorities = append(s.Authorities, line)
	}
	return t.AddScheme(s)
}
