package ui_test

import (
	"testing"

	"carnet/internal/site/sitetest"
)

// The two words that a site must have are in its own catalogue.
func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../pro", "../attestation") }
