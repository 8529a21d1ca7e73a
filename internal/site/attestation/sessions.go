package attestation

import (
	"net/http"

	"carnet/internal/login"
	"carnet/internal/site/ui"
)

type sessionsView struct {
	ui.Page
	Form string
	List []openSession
	All  string
}

type openSession struct {
	ID     string
	This   bool
	Opened string
}

// sessions lists what is open in the name of the person, on every site.
func (s *site) sessions(w http.ResponseWriter, r *http.Request, me login.Session) error {
	list, err := s.Login.Sessions(r.Context(), me.Person)
	if err != nil {
		return err
	}
	v := sessionsView{Page: s.ui.Page(r, "sessions.title"), Form: sessionsPath, All: login.AllSessions}
	v.Back = &ui.Link{Href: situationPath, Words: v.T("situation.title")}
	if r.URL.Query().Get("fermee") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("sessions.ended")}
	}
	for _, x := range list {
		v.List = append(v.List, openSession{ID: x.ID.String(), This: x.ID == me.ID, Opened: v.T("sessions.opened", "when", v.Instant(x.CreatedAt))})
	}
	s.ui.Render(w, r, http.StatusOK, "sessions", &v)
	return nil
}

// endSessions closes one of them or all of them, at once, wherever they are.
func (s *site) endSessions(w http.ResponseWriter, r *http.Request, me login.Session) error {
	return login.Close(s.Login, w, r, me, sessionsPath+"?fermee=1")
}
