package legal_test

import (
	"encoding/json"
	"strings"
	"testing"

	"carnet/extension/legal"
)

func text(t *testing.T, page, lang string) string {
	t.Helper()
	s, err := legal.Sandbox().Text(page, lang)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s)
}

// says requires a sentence of the French text and one of the English.
func says(t *testing.T, page, fr, en string) {
	t.Helper()
	if !strings.Contains(text(t, page, "fr"), fr) {
		t.Errorf("%s.fr lacks %q", page, fr)
	}
	if !strings.Contains(text(t, page, "en"), en) {
		t.Errorf("%s.en lacks %q", page, en)
	}
}

func TestTexts(t *testing.T) {
	t.Run("VIT-36 the conditions exclude the network's unavailability and reserve failures and maintenance", func(t *testing.T) {
		says(t, "terms", "une panne du réseau ou des magasins d’extensions, pour lesquelles sa responsabilité est exclue", "an outage of the network or of the extension stores, for which its liability is excluded")
		says(t, "terms", "Des pannes et des interventions de maintenance restent possibles", "Failures and maintenance remain possible")
	})
	t.Run("VIT-38 the conditions exclude misuse, incident and damage", func(t *testing.T) {
		says(t, "terms", "ne répondent pas d’un mauvais usage de l’extension, d’un incident pendant son usage, ni des dommages", "not liable for misuse of the extension, for an incident during its use, nor for the damage")
	})
	t.Run("VIT-53 the legal page states French law, the amicable attempt, then the administrative courts", func(t *testing.T) {
		for _, page := range []string{"notice", "terms"} {
			for _, lang := range []string{"fr", "en"} {
				s := text(t, page, lang)
				law, amicable, courts := strings.LastIndex(s, map[string]string{"fr": "droit français", "en": "French law"}[lang]), strings.LastIndex(s, map[string]string{"fr": "amiable", "en": "amicable"}[lang]), strings.LastIndex(s, map[string]string{"fr": "tribunaux administratifs", "en": "administrative courts"}[lang])
				if law < 0 || law > amicable || amicable > courts {
					t.Errorf("%s.%s: %d %d %d", page, lang, law, amicable, courts)
				}
			}
		}
	})
	t.Run("VIT-51 the page of differences lists what was not taken over", func(t *testing.T) {
		for _, id := range []string{"VIT-41", "VIT-42", "VIT-43", "VIT-47", "VIT-51"} {
			says(t, "differences", "- "+id+" :", "- "+id+":")
		}
	})
	for id, fr := range map[string]string{"VIT-41": "copier", "VIT-42": "étudier", "VIT-43": "fusionner", "VIT-47": "distribuer"} {
		t.Run(id+" is listed among the deliberate differences", func(t *testing.T) {
			for line := range strings.Lines(text(t, "differences", "fr")) {
				if strings.Contains(line, id) && strings.Contains(line, fr) && strings.Contains(line, "permet") {
					return
				}
			}
			t.Error("it is not")
		})
	}
	t.Run("VIT-54 the legal notice is made from data, and its numbers have right keys", func(t *testing.T) {
		o := legal.Sandbox()
		// Published numbers: the first two pass, and give the VAT number that the first's key asks for.
		o.Publisher.SIREN, o.Publisher.SIRET, o.Publisher.VAT = "391722881", "39172288100013", "FR75391722881"
		o.Behalf.SIREN, o.Behalf.SIRET, o.Behalf.VAT = "180035024", "18003502402369", legal.VAT("180035024")
		if luhn14 := o.Validate(); luhn14 != nil && !strings.Contains(luhn14.Error(), "publisher: siret") {
			t.Error(luhn14)
		}
		o.Publisher = o.Behalf
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
		for name, change := range map[string]func(*legal.Operator){
			"siren": func(o *legal.Operator) { o.Behalf.SIREN = "180035025" }, "siret": func(o *legal.Operator) { o.Behalf.SIRET = "18003502402368" },
			"vat": func(o *legal.Operator) { o.Behalf.VAT = "FR7539172281" }, "director": func(o *legal.Operator) { o.Behalf.Director = "" },
			"dpo": func(o *legal.Operator) { o.DPO = "" }, "policy": func(o *legal.Operator) { o.Policy = "http://x" },
		} {
			other := o
			change(&other)
			if other.Validate() == nil {
				t.Errorf("%s is not missed", name)
			}
		}
		s, err := o.Text("notice", "fr")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{o.Publisher.Name, o.Publisher.Address, o.Behalf.SIRET, o.Behalf.VAT, o.Behalf.Telephone, o.Behalf.Director} {
			if !strings.Contains(s, want) {
				t.Errorf("the notice lacks %s", want)
			}
		}
	})
	if err := legal.Sandbox().Validate(); err != nil {
		t.Error(err)
	}
	text, err := json.Marshal(legal.Sandbox())
	if err != nil {
		t.Fatal(err)
	}
	if o, err := legal.ReadOperator(text); err != nil || o != legal.Sandbox() {
		t.Error(err)
	}
	for _, in := range []string{"", "{}", `{"x":1}`, strings.Repeat(" ", 65<<10)} {
		if _, err := legal.ReadOperator([]byte(in)); err == nil {
			t.Errorf("%.20s is an operator", in)
		}
	}
	for _, page := range legal.Pages() {
		for _, lang := range []string{"fr", "en"} {
			html, err := legal.Sandbox().HTML(page, lang)
			if err != nil || strings.Count(string(html), "<ul>") != strings.Count(string(html), "</ul>") {
				t.Errorf("%s %s: %v", page, lang, err)
			}
		}
	}
}
