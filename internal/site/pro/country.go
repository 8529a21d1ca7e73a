package pro

import (
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"carnet/internal/site/ui"
)

// countries lists those of ISO 3166 in the language of the page, in its order; the first is "not known".
func countries(p ui.Page) []ui.Option {
	tag := language.Make(p.Lang)
	names := display.Regions(tag)
	var list []ui.Option
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			region, err := language.ParseRegion(code)
			if err != nil || !region.IsCountry() || region.String() != code {
				continue
			}
			if name := names.Name(region); name != "" && name != code {
				list = append(list, ui.Option{Value: code, Label: name})
			}
		}
	}
	order := collate.New(tag)
	slices.SortFunc(list, func(a, b ui.Option) int { return order.CompareString(a.Label, b.Label) })
	return append([]ui.Option{{Value: "", Label: p.T("entry.country-unknown")}}, list...)
}

func countryName(p ui.Page, code string) string {
	region, err := language.ParseRegion(code)
	if err != nil {
		return ""
	}
	return display.Regions(language.Make(p.Lang)).Name(region)
}

func isCountry(code string) bool {
	region, err := language.ParseRegion(code)
	return err == nil && region.IsCountry() && len(code) == 2
}
