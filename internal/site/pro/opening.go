package pro

import (
	"net/http"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

type openingView struct {
	ui.Page
	Name, Action, Quit       string
	Situation, Who, Presence ui.Field
}

// passkeyView asks the device of a delegate: to prove who opens the session, or to make a passkey.
type passkeyView struct {
	ui.Page
	Words, Button, Action, Quit string
	Challenge                   string // options of the browser, JSON
	Create                      bool
	Carry                       []ui.Hidden
}

// arrival is somebody whom the provider vouched for, before the session.
type arrival struct {
	held         login.Held
	who          login.Professional
	professional carnet.Professional
	id           carnet.ID
	situations   []login.Situation     // those that let one in
	delegates    []delegation.Delegate // whom the professional may authorise
	asked        *delegation.Delegate  // the one whom the request named
}

// key is how a form names a situation.
func key(x login.Situation) string { return x.Profession + "/" + x.Place.ID }

// arrive reads who waits at the door and checks, from what the provider says today, that they may
// come in: an account is not a profession.
func (s *site) arrive(r *http.Request) (arrival, error) {
	const op = "pro.arrive"
	var a arrival
	var err error
	if a.held, err = s.Login.Held(r); err != nil {
		return a, err
	}
	if a.who, err = s.claims(a.held.Identity.Claims); err != nil {
		return a, err
	}
	a.professional = carnet.Professional{Number: a.who.Number, FamilyName: a.who.FamilyName, GivenName: a.who.GivenName}
	placed := false
	for _, x := range a.who.Situations {
		if !slices.Contains(mayInject, x.Profession) {
			continue
		}
		if a.professional.Profession == "" {
			a.professional.Profession = x.Profession
		}
		a.professional.Vaccinator = true
		if x.Place.ID != "" {
			placed = true
			a.professional.Places = append(a.professional.Places, x.Place)
			a.situations = append(a.situations, x)
		}
	}
	switch {
	case !a.professional.Vaccinator:
		return a, carnet.E(op, carnet.Denied, "login.profession", nil)
	case !placed:
		return a, carnet.E(op, carnet.Denied, "login.place", nil)
	}
	a.id = s.Vaccinate.ProfessionalID(a.who.Number)
	if a.delegates, err = s.Delegation.Ready(r.Context(), a.id); err != nil {
		return a, err
	}
	if name := a.held.Asked.Delegate; !name.IsZero() {
		for i, d := range a.delegates {
			if d.Named(name) {
				a.asked = &a.delegates[i]
			}
		}
		// Whoever typed that name is not the professional, who approved that name and nobody else
		// (ECP-09): nothing opens.
		if a.asked == nil {
			return a, &carnet.Error{Op: op, Kind: carnet.Denied, Code: "delegate.undeclared", Args: map[string]any{"name": name.Reveal()}}
		}
	}
	return a, nil
}

func (a arrival) name() carnet.Private {
	return carnet.Hide(a.who.GivenName.Reveal() + " " + a.who.FamilyName.Reveal())
}

// opening asks what the session is to be: at which place, and who types.
func (s *site) opening(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Login.Current(r); err == nil {
		s.showRenewal(w, r)
		return
	}
	a, err := s.arrive(r)
	if err != nil {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	s.showOpening(w, r, http.StatusOK, a, nil)
}

type renewalView struct {
	ui.Page
	Action string
}

// showRenewal says that somebody who is logged in has authenticated again.
func (s *site) showRenewal(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Login.Held(r); err != nil {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	v := renewalView{s.ui.Page(r, "opening.renew"), openingPath}
	s.ui.Render(w, r, http.StatusOK, "renewal", &v)
}

func (s *site) showOpening(w http.ResponseWriter, r *http.Request, status int, a arrival, faults error) {
	v := openingView{Page: s.ui.Page(r, "opening.title"), Name: a.name().Reveal(), Action: openingPath, Quit: quitPath}
	v.Fault(faults)
	var options []ui.Option
	chosen := r.PostFormValue("situation")
	for _, x := range a.situations {
		if chosen == "" && a.held.Asked.Establishment != "" && strings.EqualFold(x.Place.Name, a.held.Asked.Establishment) {
			chosen = key(x)
		}
		options = append(options, ui.Option{Value: key(x), Label: v.T("opening.situation-of", "profession", v.T("profession."+x.Profession), "place", placeWords(x.Place))})
	}
	if chosen == "" && len(options) == 1 {
		chosen = options[0].Value
	}
	v.Situation = v.Radios("situation", "opening.situation", chosen, options)
	if len(a.delegates) > 0 {
		who := r.PostFormValue("delegate")
		list := []ui.Option{}
		// A request that named a delegate opens a session for that one and for nobody else.
		if a.asked == nil {
			list = append(list, ui.Option{Value: "", Label: v.T("opening.who.myself")})
			for _, d := range a.delegates {
				list = append(list, ui.Option{Value: d.ID.String(), Label: d.Name.Reveal()})
			}
		} else {
			who = a.asked.ID.String()
			list = append(list, ui.Option{Value: who, Label: a.asked.Name.Reveal()})
		}
		v.Who = v.Radios("delegate", "opening.delegate", who, list)
		where := []ui.Option{{Value: string(login.Present), Label: v.T("opening.where.present")}}
		if a.asked != nil {
			where = append(where, ui.Option{Value: string(login.RemoteChecked), Label: v.T("opening.where.remote-checked")})
		}
		v.Presence = v.Radios("presence", "opening.presence", r.PostFormValue("presence"), where)
	}
	s.ui.Render(w, r, status, "opening", &v)
}

// open opens the session, or renews the one that is open.
func (s *site) open(w http.ResponseWriter, r *http.Request) {
	if _, err := s.Login.Current(r); err == nil {
		_, back, err := s.Login.Renew(w, r)
		if err != nil {
			s.refused(w, r, err, login.CallRequest{})
			return
		}
		http.Redirect(w, r, login.LocalPath(back), http.StatusSeeOther)
		return
	}
	a, err := s.arrive(r)
	if err != nil {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	i := slices.IndexFunc(a.situations, func(x login.Situation) bool { return key(x) == r.PostFormValue("situation") })
	if i < 0 {
		s.showOpening(w, r, http.StatusBadRequest, a, &carnet.Error{Op: "pro.open", Kind: carnet.Invalid, Code: "login.situation", Field: "situation"})
		return
	}
	typing, answered, err := s.typing(w, r, a)
	if answered {
		return
	}
	if carnet.KindOf(err) == carnet.Invalid {
		s.showOpening(w, r, http.StatusBadRequest, a, err)
		return
	}
	if err != nil {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	id, err := s.Vaccinate.Enrol(r.Context(), protect.Actor{Role: protect.System}, a.professional)
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	at := a.situations[i]
	if _, err := s.Login.Open(w, r, login.Opening{Person: id, Name: a.name(), Organisation: at.Place.ID, Profession: at.Profession, Delegation: typing, Identity: a.held.Identity}); err != nil {
		s.refused(w, r, err, login.CallRequest{})
		return
	}
	s.remember(a.professional.Places)
	back := login.LocalPath(a.held.Asked.ReturnTo)
	if back == "/" {
		back = vaccinatePath
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// typing reads who types during the session, and has it proved. Without the proof it answers the
// page that asks for it, and reports that.
func (s *site) typing(w http.ResponseWriter, r *http.Request, a arrival) (d login.Delegation, answered bool, err error) {
	const op = "pro.typing"
	fault := func(field, code string) (login.Delegation, bool, error) {
		return login.Delegation{}, false, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: code, Field: field}
	}
	asked := r.PostFormValue("delegate")
	if asked == "" && a.asked == nil {
		return login.Delegation{}, false, nil
	}
	i := slices.IndexFunc(a.delegates, func(d delegation.Delegate) bool { return d.ID.String() == asked })
	if i < 0 || a.asked != nil && a.asked.ID != a.delegates[i].ID {
		return fault("delegate", delegation.CodeUnknown)
	}
	presence := login.Presence(r.PostFormValue("presence"))
	switch {
	case presence == login.RemoteChecked && a.asked == nil: // the telephone showed no name: nobody checked whose request it was
		return fault("presence", delegation.CodeNotNamed)
	case presence != login.Present && presence != login.RemoteChecked:
		return fault("presence", delegation.CodePresence)
	}
	if answer := r.PostFormValue("passkey"); answer != "" {
		d, err = s.Delegation.Authorise(r.Context(), a.held, a.id, a.delegates[i].ID, presence, []byte(answer))
		return d, false, err
	}
	options, err := s.Delegation.BeginAuthorise(r.Context(), a.id, a.delegates[i].ID)
	if err != nil {
		return login.Delegation{}, false, err
	}
	name := a.delegates[i].Name.Reveal()
	v := passkeyView{Page: s.ui.Page(r, "passkey.prove", "name", name), Action: openingPath, Quit: quitPath, Challenge: string(options)}
	v.Words, v.Button = v.T("passkey.prove-words", "name", name, "professional", a.name().Reveal()), v.T("passkey.prove-button")
	for _, field := range []string{"situation", "delegate", "presence"} {
		v.Carry = append(v.Carry, ui.Hidden{Name: field, Value: r.PostFormValue(field)})
	}
	s.ui.Render(w, r, http.StatusOK, "passkey", &v)
	return login.Delegation{}, true, nil
}
