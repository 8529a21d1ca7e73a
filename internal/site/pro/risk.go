package pro

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/fraud"
)

// Risk is what the site needs of the watch over entries: fraud.Watch has it.
type Risk interface {
	Gate(who fraud.Who) error
	Saw(session, person carnet.ID)
	Waited(session, person carnet.ID)
	Refused(ctx context.Context, who fraud.Who)
	Mine(ctx context.Context, actor protect.Actor) ([]fraud.Finding, error)
	Waits(actor protect.Actor) int
	Waiting(ctx context.Context, actor protect.Actor) ([]fraud.Waiting, error)
	Confirm(ctx context.Context, actor protect.Actor, session carnet.ID) error
}

// Paths of what the watch asks and shows.
const (
	againPath      = "/connexion/nouvelle"
	findingsPath   = "/parametres/signalements"
	colleaguesPath = "/collegues"
)

// who is a session in the words of the watch.
func who(me login.Session) fraud.Who {
	return fraud.Who{Session: me.ID, Professional: me.Person, Delegate: me.Delegation.ID, Place: me.Organisation, Opened: me.CreatedAt, AuthTime: me.AuthTime}
}

// entering runs a handler that leads to a new entry, once the watch lets the session go on.
func (s *site) entering(h func(http.ResponseWriter, *http.Request, protect.Actor) error) func(http.ResponseWriter, *http.Request, login.Session) error {
	return func(w http.ResponseWriter, r *http.Request, me login.Session) error {
		err := s.Risk.Gate(who(me))
		if e, held := errors.AsType[*carnet.Error](err); held {
			return s.showHeld(w, r, me, e)
		}
		if err != nil {
			return err
		}
		return h(w, r, me.Actor())
	}
}

type heldView struct {
	ui.Page
	Lead, Next string
	Confirm    string      // address that asks for a new authentication; empty when that does not help
	Return     []ui.Hidden // where the person goes on
	Again      string      // address to try again at
	Reasons    []string    // what was found
	Stopped    bool        // only staff can help
	Contact    contactView
}

// showHeld says why a session does not go on for the moment, and what to do. What was typed waits in
// the draft of its page.
func (s *site) showHeld(w http.ResponseWriter, r *http.Request, me login.Session, e *carnet.Error) error {
	name := strings.TrimPrefix(e.Code, "fraud.")
	v := heldView{Page: s.ui.Page(r, "held."+name+".title"), Again: heldAt(r.URL.Path)}
	v.Lead = v.T("held." + name + ".lead")
	if until, ok := e.Args["Until"].(time.Time); ok {
		v.Lead = v.T("held."+name+".until", "at", v.Clock(until))
	}
	v.Next = v.T("held." + name + ".next")
	switch e.Code {
	case fraud.CodeStepUp:
		v.Confirm, v.Return = againPath, []ui.Hidden{{Name: login.FieldReturn, Value: v.Again}}
	case fraud.CodeStopped:
		v.Again, v.Stopped, v.Contact = "", true, s.contact(r)
	}
	// Somebody who types does not see what was found about the professional.
	if me.Delegation.ID.IsZero() {
		list, err := s.Risk.Mine(r.Context(), me.Actor())
		if err != nil {
			return err
		}
		for _, f := range list {
			if f.Session == me.ID && f.Verdict() != fraud.Genuine {
				v.Reasons = append(v.Reasons, v.Finding(string(f.Signal), f.Value, f.Limit))
			}
		}
	}
	s.ui.Render(w, r, http.StatusForbidden, "held", &v)
	return nil
}

// heldAt is the page from which a form that was held is sent again.
func heldAt(path string) string {
	if base, ok := strings.CutSuffix(path, "/enregistrer"); ok {
		return base + "/verification"
	}
	return path
}

// again asks the telephone for a new authentication of the session, also when somebody else types:
// the telephone is the professional's, and names the one who types.
func (s *site) again(w http.ResponseWriter, r *http.Request, me login.Session) error {
	back := login.LocalPath(r.PostFormValue(login.FieldReturn))
	if !s.Phones {
		return s.Login.Begin(w, r)
	}
	professional, err := s.Vaccinate.Professional(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	q := login.CallRequest{Number: professional.Number.Reveal(), Establishment: s.placeName(r.Context(), me.Actor()), Delegate: me.Delegation.Name, ReturnTo: back}
	if _, err := s.Login.Call(w, r, q); err != nil {
		return err
	}
	http.Redirect(w, r, waitPath, http.StatusSeeOther)
	return nil
}

type findingsView struct {
	ui.Page
	None  *ui.Empty
	Table ui.Table
}

// findings lists what was found in the professional's own sessions, of the last 90 days.
func (s *site) findings(w http.ResponseWriter, r *http.Request, me login.Session) error {
	list, err := s.Risk.Mine(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	v := findingsView{Page: s.ui.Page(r, "findings.title")}
	v.Back = &ui.Link{Href: settingsPath, Words: v.T("settings.title")}
	if len(list) == 0 {
		v.None = &ui.Empty{Icon: "shield", Title: v.T("findings.none"), Words: v.T("findings.none-words")}
	}
	v.Table = ui.Table{Caption: v.T("findings.caption"), Head: []string{v.T("findings.when"), v.T("findings.what"), v.T("findings.who"), v.T("findings.step")}}
	for _, f := range list {
		by := v.T("findings.self")
		if !f.Delegate.IsZero() {
			by = v.T("findings.delegate")
		}
		v.Table.Rows = append(v.Table.Rows, []ui.Cell{{Words: v.Instant(f.At), Number: true}, {Words: v.Finding(string(f.Signal), f.Value, f.Limit)}, {Words: by},
			{Words: v.Step(string(f.Step))}})
	}
	s.ui.Render(w, r, http.StatusOK, "findings", &v)
	return nil
}

type colleaguesView struct {
	ui.Page
	None    *ui.Empty
	Form    string
	Confirm string // address that asks for a new authentication; empty when the session is fresh
	Return  []ui.Hidden
	Waiting []colleague
}

type colleague struct {
	Session, Name, Since string
	Reasons              []string
}

// colleagues lists the sessions of the place that wait for a second person.
func (s *site) colleagues(w http.ResponseWriter, r *http.Request, me login.Session) error {
	if err := me.Actor().May(protect.ActSettings); err != nil {
		return err
	}
	list, err := s.Risk.Waiting(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	v := colleaguesView{Page: s.ui.Page(r, "colleagues.title"), Form: colleaguesPath}
	if r.URL.Query().Get("fait") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("colleagues.done")}
	}
	if len(list) == 0 {
		v.None = &ui.Empty{Icon: "shield", Title: v.T("colleagues.none"), Words: v.T("colleagues.none-words")}
	}
	if !s.Login.Fresh(me) {
		v.Confirm, v.Return = againPath, []ui.Hidden{{Name: login.FieldReturn, Value: colleaguesPath}}
	}
	for _, x := range list {
		c := colleague{Session: x.Session.String(), Name: fullName(x.Professional), Since: v.T("colleagues.since", "when", v.Clock(x.Since))}
		for _, f := range x.Findings {
			c.Reasons = append(c.Reasons, v.Finding(string(f.Signal), f.Value, f.Limit))
		}
		v.Waiting = append(v.Waiting, c)
	}
	s.ui.Render(w, r, http.StatusOK, "colleagues", &v)
	return nil
}

// confirmColleague answers for the session of a colleague, with a fresh authentication of one's own.
func (s *site) confirmColleague(w http.ResponseWriter, r *http.Request, me login.Session) error {
	id, err := carnet.ParseID(r.PostFormValue("session"))
	if err != nil {
		return carnet.E("pro.colleagues", carnet.NotFound, fraud.CodeUnknown, err)
	}
	if !s.Login.Fresh(me) {
		return carnet.E("pro.colleagues", carnet.Denied, login.CodeStepUp, nil)
	}
	if err := s.Risk.Confirm(r.Context(), me.Actor(), id); err != nil {
		return err
	}
	http.Redirect(w, r, colleaguesPath+"?fait=1", http.StatusSeeOther)
	return nil
}
