package ui_test

import (
	"testing"

	"carnet/internal/site/sitetest"
)

// The two words that a site must have are in its own catalogue.
func TestCatalogue(t *testing.T) {
	sitetest.Catalogue(t, ".", "../pro", "../attestation")
}

func TestHours(t *testing.T) {
	_, k, _ := trial(t, false)
	const week = "mon-fri 08:30-12:30 13:30-19:00; sat,sun 09:00-00:00"
	for lang, want := range map[string]string{
		"fr": "lundi à vendredi, 8 h 30 à 12 h 30, 13 h 30 à 19 h\u202f; samedi, dimanche, 9 h à 0 h",
		"en": "Monday to Friday, 8:30 to 12:30, 13:30 to 19:00; Saturday, Sunday, 9:00 to 0:00",
	} {
		if got := k.In(lang).Hours(week); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}
