package vaccinate

import "carnet/internal/vaccinate/catalogue"

// Catalogue is the vaccines and the rules, see package catalogue.
type Catalogue = *catalogue.Catalogue

// ReadCatalogue reads the catalogue that the program carries.
func ReadCatalogue() (Catalogue, error) { return catalogue.Embedded() }
