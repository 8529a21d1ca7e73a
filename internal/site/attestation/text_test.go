package attestation

import (
	"testing"

	"carnet/internal/site/sitetest"
)

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }
