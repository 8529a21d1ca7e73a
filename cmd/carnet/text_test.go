package main

import (
	"testing"

	"carnet/internal/site/sitetest"
)

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".") }
