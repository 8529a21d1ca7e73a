package vaccinate

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/BurntSushi/toml"

	"carnet/internal/carnet"
)

//go:embed catalogue.toml
var catalogueText string

// Catalogue is the list of vaccines that can be recorded, in the order in which a form offers them.
type Catalogue []carnet.Vaccine

// ReadCatalogue reads the catalogue that the program carries.
func ReadCatalogue() (Catalogue, error) { return readCatalogue(catalogueText) }

func readCatalogue(text string) (Catalogue, error) {
	var file struct {
		Vaccine []struct {
			Code, Name, Holder  string
			HolderID            string `toml:"holder_id"`
			Disease, ATC, Label string
			Primary, Interval   int
		}
	}
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("catalogue: unknown key %s", unknown[0])
	}
	var c Catalogue
	for i, v := range file.Vaccine {
		switch {
		case v.Code == "" || v.Name == "" || v.Holder == "" || v.Disease == "" || v.ATC == "" || v.Label == "":
			return nil, fmt.Errorf("catalogue: vaccine %d (%s): a text is missing", i+1, v.Code)
		case v.Primary < 1 || v.Primary > 9 || v.Interval < 1:
			return nil, fmt.Errorf("catalogue: vaccine %s: primary %d, interval %d", v.Code, v.Primary, v.Interval)
		}
		if _, twice := c.Find(v.Code); twice {
			return nil, fmt.Errorf("catalogue: vaccine %s is written twice", v.Code)
		}
		c = append(c, carnet.Vaccine(v))
	}
	return c, nil
}

// Find returns the vaccine of a code.
func (c Catalogue) Find(code string) (carnet.Vaccine, bool) {
	i := slices.IndexFunc(c, func(v carnet.Vaccine) bool { return v.Code == code })
	if i < 0 {
		return carnet.Vaccine{}, false
	}
	return c[i], true
}
