// Package catalogue knows the vaccines and the rules: dated, signed packs of data, and what they say
// of one dose.
//
// A pack is a TOML file of products, diseases and rules. The program carries packs; newer ones are
// loaded from a folder when their signature holds. Rules are data: each has an id, a source and the
// days between which it is valid, and an answer says which ones decided and of which version.
//
//	a := c.Assess(catalogue.Person{Birth: birth, Sex: sex}, history, vaccine, day)
//
// Assess is pure. It warns and never blocks. The rank comes from the whole history, in the order of
// the injections and not of their entry, so the same doses give the same ranks however they were
// typed; [Catalogue.Number] gives the rank of each dose of a history.
//
// Specification: workflow sections 3, 15 and 16.
package catalogue

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"

	"carnet/internal/carnet"
)

//go:embed packs/covid-19.toml
var embedded string

// Catalogue is packs put together. It is never changed: share it freely.
type Catalogue struct {
	version  string
	vaccines []carnet.Vaccine
	byCode   map[string]int
	byPack   map[string]int // CIP13
}

// Embedded reads the packs that the program carries.
func Embedded() (*Catalogue, error) { return read(embedded) }

func read(text string) (*Catalogue, error) {
	var file struct {
		Version string
		Vaccine []carnet.Vaccine
	}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("catalogue: unknown key %s", unknown[0])
	}
	c := &Catalogue{version: file.Version, vaccines: file.Vaccine, byCode: map[string]int{}, byPack: map[string]int{}}
	for i, v := range c.vaccines {
		c.byCode[v.Code] = i
		for _, cip := range v.Packs {
			c.byPack[cip] = i
		}
	}
	return c, nil
}

// Version names the packs and their dates: "covid-19 2026-11-22, ...".
func (c *Catalogue) Version() string { return c.version }

// Vaccines lists every product, those of other markets included.
func (c *Catalogue) Vaccines() []carnet.Vaccine { return slices.Clone(c.vaccines) }

// Offered lists the products in use in France on a day, in the order in which a form offers them.
func (c *Catalogue) Offered(on carnet.Date) []carnet.Vaccine {
	return slices.DeleteFunc(c.Vaccines(), func(v carnet.Vaccine) bool { return v.Foreign || !inUse(v, on) })
}

func inUse(v carnet.Vaccine, on carnet.Date) bool {
	return (v.From.IsZero() || !on.Before(v.From)) && (v.Until.IsZero() || !on.After(v.Until))
}

// Find returns the vaccine of a code.
func (c *Catalogue) Find(code string) (carnet.Vaccine, bool) {
	i, ok := c.byCode[code]
	if !ok {
		return carnet.Vaccine{}, false
	}
	return c.vaccines[i], true
}

// FindPack returns the vaccine of a pack: a CIP13, or a GTIN of 14 digits (never a name).
func (c *Catalogue) FindPack(number string) (carnet.Vaccine, bool) {
	if len(number) == 14 && number[0] == '0' {
		number = number[1:]
	}
	i, ok := c.byPack[number]
	if !ok {
		return carnet.Vaccine{}, false
	}
	return c.vaccines[i], true
}

// System names a list of codes that others write.
type System string

// The lists.
const (
	EU   System = "eu"   // marketing authorisation or value-set code of the EU certificate, deprecated ones included
	CIP  System = "cip"  // CIP13
	GTIN System = "gtin" // 14 digits
	ATC  System = "atc"
	NUVA System = "nuva"
)

// FindCode returns the vaccines of a code of some list: several when the list is coarser than
// products (ATC), none when nobody knows it.
func (c *Catalogue) FindCode(s System, code string) []carnet.Vaccine {
	var list []carnet.Vaccine
	switch s {
	case EU:
		if v, ok := c.Find(code); ok {
			list = append(list, v)
		}
	case CIP, GTIN:
		if v, ok := c.FindPack(code); ok {
			list = append(list, v)
		}
	case ATC, NUVA:
		for _, v := range c.vaccines {
			if s == ATC && slices.Contains(v.ATCs, code) || s == NUVA && v.NUVA == code {
				list = append(list, v)
			}
		}
	}
	return list
}
