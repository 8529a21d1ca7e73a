package pro

import (
	"net/http"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

type summaryView struct {
	ui.Page
	Identity identity
	Doses    ui.Table
	Printed  string
	Place    string
}

// summary is the sheet that the professional prints for the person: what is in the record, and nothing
// that certifies it. The certificate is the person's own, to download or to ask for.
func (s *site) summary(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	who, err := s.personOf(r, actor)
	if err != nil {
		return err
	}
	doses, err := s.Vaccinate.History(r.Context(), actor, who.ID)
	if err != nil {
		return err
	}
	v := summaryView{Page: s.ui.Page(r, "summary.title"), Place: s.placeName(r.Context(), actor)}
	v.Back = &ui.Link{Href: personPath(who.ID), Words: v.T("dose.back")}
	v.Identity = identityOf(v.Page, who.Identity)
	v.Printed = v.Instant(s.Clock())
	v.Doses = ui.Table{Caption: v.T("summary.doses"), Head: []string{v.T("dose.date.short"), v.T("dose.vaccine.short"), v.T("dose.rank.short"), v.T("dose.lot.short"), v.T("dose.place.short")}}
	for _, d := range doses {
		if !d.Given() {
			continue
		}
		name, place := s.vaccineName(d.Vaccine), d.Place.Name
		if d.Vaccine == "" {
			name = d.Product
		}
		if d.Evidence != carnet.Administered {
			place = v.T("evidence." + string(d.Evidence))
		}
		v.Doses.Rows = append(v.Doses.Rows, []ui.Cell{{Words: v.Date(d.Date), Number: true}, {Words: name}, {Words: rankWords(v.Page, d.Rank, d.Expected)}, {Words: d.Lot.Reveal(), Number: true}, {Words: place}})
	}
	s.ui.Render(w, r, http.StatusOK, "summary", &v)
	return nil
}
