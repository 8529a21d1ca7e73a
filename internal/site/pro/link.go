package pro

import (
	"context"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/nir"
)

// meeting is the search of people that also notes why the professional may see who was found: the
// person stood there and gave their number, or said who they are (see vaccinate.Link).
type meeting struct {
	People
	vaccinate Vaccinate
}

// ByNIR finds by the number: who gives it is there.
func (m meeting) ByNIR(ctx context.Context, actor protect.Actor, n nir.Number) (people.Found, error) {
	f, err := m.People.ByNIR(ctx, actor, n)
	if err == nil {
		err = m.vaccinate.Meet(ctx, actor, f.ID, vaccinate.ByNumber)
	}
	return f, err
}

// ByTraits finds by name and birth date. Who fits them well is met; somebody who is only possible is
// opened with a motive, or after a better search.
func (m meeting) ByTraits(ctx context.Context, actor protect.Actor, t people.Traits) ([]people.Found, error) {
	list, err := m.People.ByTraits(ctx, actor, t)
	if err != nil || len(list) != 1 && t.Given.IsZero() {
		return list, err
	}
	return list, m.meet(ctx, actor, list, vaccinate.ByTraits)
}

// meet notes the people who fit what was said of them.
func (m meeting) meet(ctx context.Context, actor protect.Actor, list []people.Found, how vaccinate.Link) error {
	for _, f := range list {
		if f.Score < likely {
			continue
		}
		if err := m.vaccinate.Meet(ctx, actor, f.ID, how); err != nil {
			return err
		}
	}
	return nil
}

// ByRecall finds by the code on the person's paper.
func (m meeting) ByRecall(ctx context.Context, actor protect.Actor, code carnet.Private) ([]people.Found, error) {
	list, err := m.People.ByRecall(ctx, actor, code)
	if err == nil {
		err = m.meet(ctx, actor, list, vaccinate.ByCode)
	}
	return list, err
}

// Dependants finds the children who came with a parent.
func (m meeting) Dependants(ctx context.Context, actor protect.Actor, parent carnet.ID) ([]people.Found, error) {
	list, err := m.People.Dependants(ctx, actor, parent)
	if err == nil {
		err = m.meet(ctx, actor, list, vaccinate.ByNumber)
	}
	return list, err
}

// Open opens a record for somebody who is there; who looks like them may be them.
func (m meeting) Open(ctx context.Context, actor protect.Actor, n people.Newcomer) (carnet.Person, []people.Found, error) {
	p, like, err := m.People.Open(ctx, actor, n)
	if err == nil {
		return p, like, m.vaccinate.Meet(ctx, actor, p.ID, vaccinate.ByCreation)
	}
	if met := m.meet(ctx, actor, like, vaccinate.ByTraits); met != nil {
		return p, nil, met
	}
	return p, like, err
}

// Separate parts a record from the one that the professional has before them.
func (m meeting) Separate(ctx context.Context, actor protect.Actor, p people.Separation) (carnet.ID, error) {
	from, err := m.People.Separate(ctx, actor, p)
	if err == nil {
		err = m.vaccinate.Meet(ctx, actor, p.Person, vaccinate.ByCreation)
	}
	return from, err
}

// Number gives somebody who is there their number.
func (m meeting) Number(ctx context.Context, actor protect.Actor, n people.Numbering) (carnet.ID, error) {
	into, err := m.People.Number(ctx, actor, n)
	if err == nil {
		err = m.vaccinate.Meet(ctx, actor, into, vaccinate.ByNumber)
	}
	return into, err
}

// noLink is what a page answers about somebody who is not the professional's own patient.
func noLink() error { return carnet.E("pro", carnet.Denied, "person.no-link", nil) }

func accessPath(id carnet.ID) string { return personPath(id) + "/acces" }

type accessView struct {
	ui.Page
	Motive ui.Field
	Action string
	May    bool // a delegate may not
}

// access says that a record is closed, and opens it with a motive: the person is told. It shows nothing
// of who the person is.
func (s *site) access(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.E("pro.access", carnet.NotFound, "person.unknown", err)
	}
	how, err := s.Vaccinate.LinkOf(r.Context(), actor, id)
	if err != nil {
		return err
	}
	if how != vaccinate.NoLink {
		http.Redirect(w, r, personPath(id), http.StatusSeeOther)
		return nil
	}
	return s.showAccess(w, r, http.StatusOK, actor, id, nil)
}

func (s *site) showAccess(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, id carnet.ID, faults error) error {
	v := accessView{Page: s.ui.Page(r, "access.title"), Action: accessPath(id), May: actor.May(protect.ActBreakGlass) == nil}
	v.Back = &ui.Link{Href: findPath, Words: v.T("person.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Motive = v.Area("motive", "access.motive", strings.TrimSpace(r.PostForm.Get("motive")))
	s.ui.Render(w, r, status, "access", &v)
	return nil
}

func (s *site) openAccess(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	id, err := carnet.ParseID(r.PathValue("person"))
	if err != nil {
		return carnet.E("pro.access", carnet.NotFound, "person.unknown", err)
	}
	if err := s.Vaccinate.BreakGlass(r.Context(), actor, id, r.PostForm.Get("motive")); err != nil {
		if carnet.KindOf(err) == carnet.Invalid {
			return s.showAccess(w, r, http.StatusBadRequest, actor, id, err)
		}
		return err
	}
	http.Redirect(w, r, personPath(id), http.StatusSeeOther)
	return nil
}
