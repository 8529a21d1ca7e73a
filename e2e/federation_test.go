package e2e

import (
	"slices"
	"strings"
	"testing"

	"carnet/internal/sandbox"
	"carnet/internal/site/sitetest"
)

// TestFederation logs in through the platform of substantial level, as the program serves it: with
// encrypted tokens, keys fetched from the site, and somebody for each way in which Carnet's register
// keeps the door shut.
func TestFederation(t *testing.T) {
	c := serve(t, t.TempDir(), "--sandbox-citizens", "fc-plus", "--port-fc-plus", "0")
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	login := func(t *testing.T, identifier string) string {
		t.Helper()
		var text string
		steps := in(c.attest, identifier, world.Password())
		do := slices.Concat(steps[:2], []step{sitetest.Press(`button[value="laposte"]`)}, steps[2:], []step{sitetest.Press(`button[value="continue"]`), read(&text)})
		r := sitetest.NewBrowser(t).Look(t, sitetest.Look{URL: c.attest, Width: 1280, Scheme: sitetest.Light, Do: do, Headers: map[string]string{"Accept-Language": "fr"}})
		for _, line := range r.Console {
			if !strings.Contains(line, "status of 4") { // the page that says no has that status
				t.Errorf("console: %s", line)
			}
		}
		return text
	}
	for name, greeting := range map[string]string{
		"camille.fougere":   "Camille FOUGÈRE",
		"perle.edelweiss":   "Perle EDELWEISS", // neither day nor month of birth known
		"amir.datura":       "Amir DATURA",     // born abroad, place in words
		"annelise.erable":   "DE L'ÉRABLE-ROUGE",
		"lucie.chataignier": "Lucie CHÂTAIGNIER", // 2B
	} {
		t.Run(name+" comes in", func(t *testing.T) {
			if text := login(t, name); !strings.Contains(text, greeting) || !strings.Contains(text, "Se déconnecter") {
				t.Errorf("%s", text)
			}
		})
	}
	for name, title := range map[string]string{
		"felix.glycine":   "Ce service ne peut pas s’ouvrir avec ce compte",
		"lin.fleurdelin":  "le trait d’union du nom de naissance",
		"colette.mimosa":  "Votre nom de naissance n’est pas dans le registre",
		"rose.orchidee":   "Plusieurs dossiers portent votre identité",
		"gui.pavot":       "le lieu de naissance",
		"valentin.muguet": "Nous n’avons pas pu vous reconnaître",
	} {
		t.Run(name+" does not", func(t *testing.T) {
			if text := login(t, name); !strings.Contains(text, title) || strings.Contains(text, "Se déconnecter") {
				t.Errorf("%s", text)
			}
		})
	}
	if s := c.logged(t); strings.Contains(s, "GLYCINE") || strings.Contains(s, "id_token") {
		t.Error("the log holds a name or a token")
	}
}
