package pro

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/ui"
)

// Paths of the login.
const (
	loginPath   = "/connexion"         // begins at the page of the provider
	callPath    = "/connexion/appel"   // asks the telephone
	waitPath    = "/connexion/attente" // shows the number to type there
	statePath   = "/connexion/attente/etat"
	quitPath    = "/connexion/quitter"
	leftPath    = "/connexion/quittee"
	openingPath = "/connexion/ouverture"
	freshPath   = "/connexion/confirmer"
	logoutPath  = "/deconnexion"
)

type homeView struct {
	ui.Page
	Login, Call, Button             string
	Number, Establishment, Delegate ui.Field // without name when this site asks no telephone
	SameDevice                      bool     // this browser is on a telephone: its own page first
	Return                          []ui.Hidden
	Contact                         contactView
}

func (s *site) homeView(r *http.Request, back string, q login.CallRequest, faults error) homeView {
	v := homeView{Page: s.ui.Page(r, "home.title"), Login: loginPath, Call: callPath, Contact: s.contact(r)}
	v.Fault(faults)
	v.Button = v.T("home.login")
	if s.Sandbox {
		v.Button = v.T("home.login-sandbox")
	}
	if s.Phones {
		if v.Focus = "number"; s.Sandbox {
			v.Focus = ""
		}
		v.SameDevice = s.Login.SameDevice(r)
		v.Number = v.Digits("number", "home.number", q.Number, "w10")
		v.Number.Complete = "username"
		v.Establishment = v.Input("establishment", "home.establishment", q.Establishment)
		v.Delegate = v.Input("delegate", "home.delegate", q.Delegate.Reveal())
	}
	if back = login.LocalPath(back); back != "/" {
		v.Return = []ui.Hidden{{Name: login.FieldReturn, Value: back}}
	}
	return v
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	back := r.URL.Query().Get(login.FieldReturn)
	if _, err := s.Login.Current(r); err == nil {
		http.Redirect(w, r, vaccinatePath, http.StatusSeeOther)
		return
	}
	v := s.homeView(r, back, login.CallRequest{}, nil)
	switch r.URL.Query().Get("session") {
	case "terminee":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.ended"), Lines: []string{v.T("home.ended-words")}}
	case "absente":
		v.Banner = &ui.Banner{Kind: "info", Title: v.T("home.missing")}
	case "fermees":
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("home.closed")}
	}
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}

// away answers a request without session: a page is asked for again after the login, a form waits
// in its own page.
func (s *site) away(w http.ResponseWriter, r *http.Request, code string) {
	if r.Method == http.MethodPost {
		s.ui.Expired(w, r, "/")
		return
	}
	why := "absente"
	if code == login.CodeSessionEnded {
		why = "terminee"
	}
	q := url.Values{login.FieldReturn: {r.URL.Path}, "session": {why}}
	http.Redirect(w, r, "/?"+q.Encode(), http.StatusSeeOther)
}

// begin goes to the page of the provider: the only way where it asks no telephone, and the way for
// whoever reads this on the telephone itself (identity specification, R25).
func (s *site) begin(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Begin(w, r); err != nil {
		s.refused(w, r, err, login.CallRequest{ReturnTo: r.PostForm.Get(login.FieldReturn)})
	}
}

// call asks the telephone of the number that was typed.
func (s *site) call(w http.ResponseWriter, r *http.Request) {
	q := login.CallRequest{
		Number: r.PostFormValue("number"), Establishment: r.PostFormValue("establishment"), Delegate: carnet.Hide(r.PostFormValue("delegate")),
		ReturnTo: r.PostFormValue(login.FieldReturn),
	}
	if _, err := s.Login.Call(w, r, q); err != nil {
		s.refused(w, r, err, q)
		return
	}
	http.Redirect(w, r, waitPath, http.StatusSeeOther)
}

// refused shows the login page again with everything that was typed, and what went wrong. What is
// not the login's business has an error page.
func (s *site) refused(w http.ResponseWriter, r *http.Request, err error, q login.CallRequest) {
	e, ok := errors.AsType[*carnet.Error](err)
	if !ok || e.Kind == carnet.Internal || !s.ui.Text(r).Has("problem."+e.Code) {
		s.ui.Fail(w, r, err)
		return
	}
	s.Log.InfoContext(r.Context(), "login refused", "request", ui.RequestID(r), "code", e.Code, "err", err)
	var faults error
	if e.Field != "" {
		faults = err
	}
	v := s.homeView(r, q.ReturnTo, q, faults)
	if faults == nil {
		kind := "warning"
		if e.Kind == carnet.Denied && e.Code != login.CodeDenied {
			kind = "error"
		}
		v.Banner = &ui.Banner{Kind: kind, Title: v.T("home.refused"), Lines: []string{v.Message(e)}}
	}
	s.ui.Render(w, r, ui.Status(e.Kind), "home", &v)
}

type waitingView struct {
	ui.Page
	Pull                      bool
	Digits                    []string
	Every                     int // seconds
	State, Until, Time, Phone string
	Quit                      string
	Elsewhere                 string // path that leads to the provider's page, when the telephone has no request to find
	Return                    []ui.Hidden
	Asked                     ui.Rows
}

// waiting shows the number to type on the telephone. Every look of a browser without scripts is a
// look of ours at the provider, no more often than it wants.
func (s *site) waiting(w http.ResponseWriter, r *http.Request) {
	now, err := s.Login.Waiting(w, r)
	if err != nil && carnet.CodeOf(err) != login.CodeProviderDown {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	if now.State == login.WaitHeld {
		http.Redirect(w, r, openingPath, http.StatusSeeOther)
		return
	}
	title := "waiting.title"
	if now.Page {
		title = "waiting.elsewhere-title"
	}
	v := waitingView{Page: s.ui.Page(r, title), Pull: now.Pull, Every: int(now.Interval / time.Second), State: statePath,
		Until: now.Until.Format(time.RFC3339), Quit: quitPath, Phone: s.Phone}
	v.Time = v.Clock(now.Until)
	if now.Page {
		v.Elsewhere, v.Return = loginPath, []ui.Hidden{{Name: login.FieldReturn, Value: now.Asked.ReturnTo}}
	}
	if err != nil {
		v.Banner = &ui.Banner{Kind: "warning", Title: v.T("problem." + login.CodeProviderDown)}
	}
	for _, d := range now.Number {
		v.Digits = append(v.Digits, string(d))
	}
	where, who := now.Asked.Establishment, now.Asked.Delegate.Reveal()
	if where == "" {
		where = v.T("waiting.nowhere")
	}
	if who == "" {
		who = v.T("waiting.myself")
	}
	v.Asked = v.Rows(ui.Row{Label: v.T("waiting.where"), Value: where}, ui.Row{Label: v.T("waiting.who"), Value: who},
		ui.Row{Label: v.T("waiting.since"), Value: v.Clock(now.Since), Number: true})
	s.ui.Render(w, r, http.StatusOK, "waiting", &v)
}

// state tells the script of the waiting page how far the request is, and nothing about it.
func (s *site) state(w http.ResponseWriter, r *http.Request) {
	now, err := s.Login.Waiting(w, r)
	state := string(now.State)
	switch {
	case carnet.CodeOf(err) == login.CodeProviderDown:
		state = "away"
	case err != nil:
		state = "over"
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"state": state}) // the reader is gone: nobody left to tell
}

// quit is "Quitter l'authentification".
func (s *site) quit(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Quit(w, r); err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, leftPath, http.StatusSeeOther)
}

type leftView struct {
	ui.Page
	Contact contactView
}

func (s *site) left(w http.ResponseWriter, r *http.Request) {
	v := leftView{s.ui.Page(r, "left.title"), s.contact(r)}
	s.ui.Render(w, r, http.StatusOK, "left", &v)
}

// finish takes the professional back from the page of the provider.
func (s *site) finish(w http.ResponseWriter, r *http.Request) {
	identity, err := s.Login.Finish(w, r)
	if err == nil {
		_, err = s.Login.Hold(w, r, identity)
	}
	if err != nil {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	http.Redirect(w, r, openingPath, http.StatusSeeOther)
}

// cardPath is what the browser extension asks, from the page that wants a carte Vitale read, before
// it reads anything: it answers to professionals alone.
const cardPath = "/.well-known/carnet-vitale"

// card says whether a professional is logged in, and nothing else: 204, or 401. Somebody who types
// for a professional reads cards too.
func (s *site) card(w http.ResponseWriter, r *http.Request) {
	switch _, err := s.Login.Current(r); carnet.KindOf(err) {
	case carnet.Denied:
		w.Header().Set("WWW-Authenticate", `Session realm="pro"`)
		w.WriteHeader(http.StatusUnauthorized)
	default:
		if err != nil {
			s.ui.Fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *site) logout(w http.ResponseWriter, r *http.Request) {
	if err := s.Login.Logout(w, r); err != nil {
		s.ui.Fail(w, r, err)
	}
}

// Contact is who answers questions about the service, from the configuration.
type Contact struct {
	Who   string
	Phone string // as it is read
	Hours Hours
}

// Hours is when somebody answers.
type Hours interface {
	Open(at time.Time) bool
	String() string
}

type contactView struct {
	Who, Phone, Dial, Hours string
	Open                    bool
}

func (s *site) contact(r *http.Request) contactView {
	c := s.Contact
	v := contactView{Who: c.Who, Phone: c.Phone, Open: c.Hours.Open(s.Clock()), Hours: s.ui.Text(r).Hours(c.Hours.String())}
	for _, d := range c.Phone {
		if d >= '0' && d <= '9' || d == '+' {
			v.Dial += string(d)
		}
	}
	return v
}
