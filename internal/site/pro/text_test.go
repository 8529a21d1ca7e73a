package pro

import (
	"io"
	"slices"
	"strings"
	"testing"

	"carnet/internal/site/sitetest"
	"carnet/internal/site/ui"
)

func TestCatalogue(t *testing.T) { sitetest.Catalogue(t, ".", "../ui") }

// Every code that the rooms can answer with has words, save those that nobody can meet here.
func TestCodesHaveWords(t *testing.T) {
	s, _ := start(t, newFake(t), io.Discard)
	silent := map[string]bool{
		"internal": true, "login.profile": true, // configuration
		"person.unresolved": true, "person.ambiguous": true, "person.near": true, "person.married-name": true, "person.deceased": true, "person.account": true, // the insured person's login
		"person.given-missing": true, "death.missing": true, // the directory
		"link.unknown":           true,                                                                                 // a mistake of the program
		"petition.words-missing": true, "petition.what-missing": true, "petition.waiting": true, "petition.many": true, // the insured person's form
		"alert.unknown": true, // the space of the staff
	}
	codes := sitetest.Codes(t, ".", "../../carnet", "../../../nir", "../../people", "../../vaccinate", "../../login")
	if len(codes) < 30 || !slices.Contains(codes, "nir.key") || !slices.Contains(codes, "dose.date-future") || !slices.Contains(codes, "lot.long") {
		t.Fatalf("the codes were not found: %v", codes)
	}
	for _, lang := range ui.Languages {
		text := s.ui.In(lang)
		for _, code := range codes {
			if !silent[code] && strings.Contains(code, ".") && !text.Has("problem."+code) {
				t.Errorf("%s: no words for %s", lang, code)
			}
		}
	}
}
