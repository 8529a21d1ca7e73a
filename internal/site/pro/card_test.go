package pro

import (
	"fmt"
	"io"
	"net/http/httptest"
	"testing"

	"carnet/internal/people"
	"carnet/internal/site/sitetest"
)

// extensionWith stands for the browser extension: it says hello, acknowledges a request, and answers with what a
// card holds, in the form of extension/api, or with an error code.
func extensionWith(answer string) string {
	return fmt.Sprintf(`(() => {
	window.addEventListener("message", ({ data }) => {
		if (data?.carnet !== "request") return;
		window.asked = data.op + " " + data.purpose;
		window.postMessage({ carnet: "ack", id: data.id }, location.origin);
		window.postMessage({ carnet: "response", id: data.id, ...%s }, location.origin);
	});
	window.postMessage({ carnet: "ready", version: "1" }, location.origin);
	return "there";
})()`, answer)
}

// holder is one beneficiary of a card.
func holder(surname, given, birth, nir, of string) string {
	return fmt.Sprintf(`{insured: true, surname: %q, birthName: null, givenName: %q, birth: {raw: %q, year: 1962, lunisolar: false}, nir: %q, nirKey: %q, nirKeyOk: true, nirOf: %q, certifiedNir: null}`,
		surname, given, birth, nir[:13], nir[13:], of)
}

// TestVitale reads a card through a stand-in of the extension, in a real browser.
func TestVitale(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	f := newFake(t)
	hers := f.people[0].Identity.NIR.Reveal()
	f.found = []people.Found{{ID: newcomer.ID, Identity: newcomer.Identity, Score: 77}}
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	look := sitetest.Look{URL: server.URL + "/recherche", Width: 1280, Scheme: sitetest.Light, JS: true, Headers: map[string]string{"Accept-Language": "fr"}}
	card := func(t *testing.T, answer string, leaves bool, walk func(*sitetest.Visit)) {
		browser.Visit(t, look, func(v *sitetest.Visit) {
			v.Value(extensionWith(answer))
			v.Value(`document.getElementById("card").hidden ? "" : "shown"`)
			if leaves {
				v.Do(sitetest.Press("#card button"))
			} else {
				v.Do(sitetest.Click("#card button"))
			}
			walk(v)
		})
	}
	t.Run("without the extension there is no button, and the page works", func(t *testing.T) {
		browser.Visit(t, look, func(v *sitetest.Visit) {
			v.Value(`document.readyState === "complete" && document.getElementById("card").hidden ? "hidden" : ""`)
		})
	})
	t.Run("one person on the card: straight to the record, read for a vaccination", func(t *testing.T) {
		card(t, `{ok: true, result: {beneficiaries: [`+holder("AUBEPINE", "ANEMONE", "19620507", hers, "self")+`]}}`, true, func(v *sitetest.Visit) {
			v.Expect(personPath(fougere.ID), "Dossier vaccinal")
		})
	})
	t.Run("several people: the professional chooses, a child by its traits and not by the parent's number", func(t *testing.T) {
		card(t, `{ok: true, result: {beneficiaries: [`+holder("AUBEPINE", "ANEMONE", "19620507", hers, "self")+`, `+holder("AUBEPINE", "BASILE", "20190302", hers, "insured")+`]}}`, false, func(v *sitetest.Visit) {
			if got := v.Value(`document.querySelectorAll("#card li").length === 2 ? window.asked : ""`); got != "read vaccination" {
				t.Errorf("asked %q", got)
			}
			v.Check(t, "pro-find-card")
			v.Do(sitetest.Press("#card li:nth-child(2) button"))
			v.Expect("/recherche", "Une personne correspond")
			if got := v.Value(`document.getElementById("given").value + " " + document.getElementById("birth-year").value + " " + document.getElementById("nir").value + "."`); got != "BASILE 2019 ." {
				t.Errorf("searched %q", got)
			}
		})
	})
	t.Run("a card whose number nobody has: a record can be opened with what it says", func(t *testing.T) {
		other := mustNIR(t, "1620599999002").Reveal()
		card(t, `{ok: true, result: {beneficiaries: [`+holder("CHENE", "ROUVRE", "19620507", other, "self")+`]}}`, true, func(v *sitetest.Visit) {
			v.Expect("/recherche", "Ouvrir un dossier sans numéro")
		})
	})
	for code, words := range map[string]string{"NO_CARD": "Aucune carte dans le lecteur.", "SOMETHING_NEW": "La carte n'a pas pu être lue. Tapez le numéro."} {
		t.Run("a failure is explained: "+code, func(t *testing.T) {
			card(t, `{ok: false, error: {code: "`+code+`"}}`, false, func(v *sitetest.Visit) {
				got := v.Value(`(() => { const s = document.querySelector("#card [role=status]").textContent; return s.startsWith("Lecture") ? "" : s; })()`)
				if sitetest.Plain(got) != words {
					t.Errorf("said %q", got)
				}
			})
		})
	}
}
