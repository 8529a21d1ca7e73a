package pro

import (
	"context"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

// identity is the strip that says whose page this is.
type identity struct {
	Name, Given, BirthName, Birth, Sex, NIR string
}

func identityOf(p ui.Page, i carnet.Identity) identity {
	id := identity{
		Name: i.Name().Reveal(), Given: i.Given(), Birth: p.Text.Birth(i.Birth), NIR: i.NIR.Masked(),
		Sex: p.T("person.sex." + string(i.Sex)),
	}
	if !i.UsedName.IsZero() {
		id.BirthName = i.BirthName.Reveal()
	}
	if id.NIR == "" {
		id.NIR = p.T("person.no-nir")
	}
	return id
}

// personOf opens the person that the address names.
func (s *site) personOf(r *http.Request, actor protect.Actor) (carnet.Person, error) {
	id, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.Person{}, carnet.E("pro.person", carnet.NotFound, "person.unknown", err)
	}
	if how, err := s.Vaccinate.LinkOf(r.Context(), actor, id); err != nil {
		return carnet.Person{}, err
	} else if how == vaccinate.NoLink {
		return carnet.Person{}, noLink()
	}
	return s.People.Person(r.Context(), actor, id)
}

// doseOf opens the person and the dose that the address names.
func (s *site) doseOf(r *http.Request, actor protect.Actor) (carnet.Person, carnet.Dose, error) {
	who, err := s.personOf(r, actor)
	if err != nil {
		return who, carnet.Dose{}, err
	}
	id, err := carnet.ParseID(r.PathValue("dose"))
	if err != nil {
		return who, carnet.Dose{}, carnet.E("pro.dose", carnet.NotFound, "dose.unknown", err)
	}
	doses, err := s.Vaccinate.History(r.Context(), actor, who.ID)
	if err != nil {
		return who, carnet.Dose{}, err
	}
	for _, d := range doses {
		if d.ID == id {
			return who, d, nil
		}
	}
	return who, carnet.Dose{}, carnet.E("pro.dose", carnet.NotFound, "dose.unknown", nil)
}

// injectors names the vaccinators of the places where doses were given.
func (s *site) injectors(ctx context.Context, actor protect.Actor, doses []carnet.Dose) (map[carnet.ID]string, error) {
	names, asked := map[carnet.ID]string{}, map[string]bool{}
	for _, d := range doses {
		if asked[d.Place.ID] {
			continue
		}
		asked[d.Place.ID] = true
		list, err := s.Vaccinate.Vaccinators(ctx, actor, d.Place.ID)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			names[p.ID] = fullName(p)
		}
	}
	return names, nil
}

func injectorName(p ui.Page, names map[carnet.ID]string, id carnet.ID) string {
	if n, ok := names[id]; ok {
		return n
	}
	return p.T("dose.injector.gone")
}

func fullName(p carnet.Professional) string {
	return p.GivenName.Reveal() + " " + p.FamilyName.Reveal()
}

func (s *site) vaccineName(code string) string {
	if v, ok := s.Vaccinate.Catalogue().Find(code); ok {
		return vaccineWords(v)
	}
	return code
}

func vaccineWords(v carnet.Vaccine) string { return v.Name + " (" + v.Holder + ")" }

func rankWords(p ui.Page, rank, expected int) string {
	return p.T("dose.rank.of", "rank", rank, "expected", expected)
}

func stateTag(p ui.Page, d carnet.Dose) ui.Tag {
	if d.Complete() {
		return ui.Tag{Kind: "success", Words: p.T("dose.complete")}
	}
	return ui.Tag{Kind: "going", Words: p.T("dose.going")}
}

func personPath(id carnet.ID) string { return "/personnes/" + id.String() }
func dosePath(d carnet.Dose) string  { return personPath(d.PersonID) + "/doses/" + d.ID.String() }

func placeWords(p carnet.Place) string {
	if p.Commune == "" || strings.Contains(p.Name, p.Commune) {
		return p.Name
	}
	return p.Name + ", " + p.Commune
}

// warnings puts what is unusual about a dose, and more lines, into a banner.
func warnings(p ui.Page, list []vaccinate.Warning, more ...string) *ui.Banner {
	if len(list)+len(more) == 0 {
		return nil
	}
	b := &ui.Banner{Kind: "warning", Title: p.N("warning.title", len(list)+len(more)), Lines: more}
	for _, w := range list {
		args := make([]any, 0, 2*len(w.Args))
		for name, v := range w.Args {
			args = append(args, name, v)
		}
		b.Lines = append(b.Lines, p.T("warning."+w.Code, args...))
	}
	return b
}
