package pro

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

// mayInject are the professions that enter, and are proposed as the one who injects. The directory of a real
// operator says it per person; the login only brings the profession.
var mayInject = []string{carnet.Physician, carnet.Pharmacist, carnet.Midwife, carnet.Nurse}

type homeView struct {
	ui.Page
	Login  string // path of the form
	Return []ui.Hidden
	Button string
}

func (s *site) homeView(r *http.Request, back string) homeView {
	v := homeView{Page: s.ui.Page(r, "home.title"), Login: loginPath}
	v.Button = v.T("home.login")
	if s.Sandbox {
		v.Button = v.T("home.login-sandbox")
	}
	if back = login.LocalPath(back); back != "/" {
		v.Return = []ui.Hidden{{Name: login.FieldReturn, Value: back}}
	}
	return v
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	back := r.URL.Query().Get(login.FieldReturn)
	if _, err := s.Login.Current(r); err == nil {
		http.Redirect(w, r, "/recherche", http.StatusSeeOther)
		return
	}
	v := s.homeView(r, back)
	switch r.URL.Query().Get("session") {
	case "terminee":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.ended"), Lines: []string{v.T("home.ended-words")}}
	case "absente":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.missing")}
	}
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}

// away answers a request without session: a page is asked for again after the login, a form waits
// in its own page.
func (s *site) away(w http.ResponseWriter, r *http.Request, code string) {
	if r.Method == http.MethodPost {
		s.ui.Expired(w, r, loginPath)
		return
	}
	why := "absente"
	if code == login.CodeSessionEnded {
		why = "terminee"
	}
	q := url.Values{login.FieldReturn: {r.URL.Path}, "session": {why}}
	http.Redirect(w, r, "/?"+q.Encode(), http.StatusSeeOther)
}

func (s *site) begin(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Begin(w, r); err != nil {
		s.refused(w, r, err, r.PostForm.Get(login.FieldReturn))
	}
}

// refused shows the login page again, with what went wrong at the provider. What is not the
// login's business has an error page.
func (s *site) refused(w http.ResponseWriter, r *http.Request, err error, back string) {
	e, ok := errors.AsType[*carnet.Error](err)
	v := s.homeView(r, back)
	if !ok || e.Kind == carnet.Internal || !v.Has("problem."+e.Code) {
		s.ui.Fail(w, r, err)
		return
	}
	s.Log.InfoContext(r.Context(), "login refused", "request", ui.RequestID(r), "code", e.Code, "err", err)
	kind := "warning"
	if e.Kind == carnet.Denied && e.Code != login.CodeDenied {
		kind = "error"
	}
	v.Banner = &ui.Banner{Kind: kind, Title: v.T("home.refused"), Lines: []string{v.Message(e)}}
	s.ui.Render(w, r, ui.Status(e.Kind), "home", &v)
}

// finish takes the professional back from the provider: the directory learns who this is, and the
// session opens at the first place of work.
func (s *site) finish(w http.ResponseWriter, r *http.Request) {
	identity, err := s.Login.Finish(w, r)
	if err != nil {
		s.refused(w, r, err, "")
		return
	}
	who, err := s.claims(identity.Claims)
	if err != nil {
		s.refused(w, r, err, "")
		return
	}
	p := carnet.Professional{Number: who.Number, FamilyName: who.FamilyName, GivenName: who.GivenName}
	for _, at := range who.Situations {
		if p.Profession == "" {
			p.Profession = at.Profession
		}
		p.Vaccinator = p.Vaccinator || slices.Contains(mayInject, at.Profession)
		if at.Place.ID != "" {
			p.Places = append(p.Places, at.Place)
		}
	}
	// Decided at each login, from what the provider says today: an account is not a profession.
	if !p.Vaccinator {
		s.refused(w, r, carnet.E("pro.finish", carnet.Denied, "login.profession", nil), "")
		return
	}
	if len(p.Places) == 0 {
		s.refused(w, r, carnet.E("pro.finish", carnet.Denied, "login.place", nil), "")
		return
	}
	id, err := s.Vaccinate.Enrol(r.Context(), protect.Actor{Role: protect.System}, p)
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	name := carnet.Hide(p.GivenName.Reveal() + " " + p.FamilyName.Reveal())
	if _, err := s.Login.Open(w, r, login.Opening{Person: id, Name: name, Organisation: p.Places[0].ID, Identity: identity}); err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	s.remember(p.Places)
	back := login.LocalPath(identity.ReturnTo)
	if back == "/" {
		back = "/recherche"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Logout(w, r); err != nil {
		s.ui.Fail(w, r, err)
	}
}
