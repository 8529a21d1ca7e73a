package attestation

import (
	"net/http"
	"strconv"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/site/ui"
)

// fieldKey holds the idempotency key of the form: sent twice, it revokes once.
const fieldKey = "cle"

type replaceView struct {
	ui.Page
	Form, Key, Situation string
}

// askReplace says what replacing does, before it is done.
func (s *site) askReplace(w http.ResponseWriter, r *http.Request, _ login.Session) error {
	key, err := s.Certify.NewKey()
	if err != nil {
		return err
	}
	v := replaceView{s.ui.Page(r, "replace.title"), replacePath, key.String(), situationPath}
	v.Back = &ui.Link{Href: situationPath, Words: v.T("situation.title")}
	s.ui.Render(w, r, http.StatusOK, "replace", &v)
	return nil
}

// replace revokes the documents of the person who is logged in.
func (s *site) replace(w http.ResponseWriter, r *http.Request, me login.Session) error {
	key, err := carnet.ParseID(r.PostFormValue(fieldKey))
	if err != nil {
		return carnet.E("attestation.replace", carnet.NotFound, "page.unknown", nil)
	}
	if _, err := s.Certify.Replace(r.Context(), me.Actor(), me.Person, key); err != nil {
		return err
	}
	http.Redirect(w, r, situationPath+"?remplace=1", http.StatusSeeOther)
	return nil
}

type issuanceView struct {
	ui.Page
	Days ui.Table
}

// daysShown bounds the page of the public log.
const daysShown = 60

// issuance shows how many documents were issued. It is public, and about nobody.
func (s *site) issuance(w http.ResponseWriter, r *http.Request) {
	list, err := s.Certify.Issuance(r.Context())
	if err != nil {
		s.ui.Fail(w, r, err)
		return
	}
	v := issuanceView{Page: s.ui.Page(r, "issuance.title")}
	v.Back = &ui.Link{Href: "/", Words: v.T("about.back")}
	v.Days = ui.Table{Caption: v.T("issuance.caption"), Head: []string{v.T("issuance.day"), v.T("issuance.kind"), v.T("issuance.n")}}
	for i := len(list) - 1; i >= 0 && len(v.Days.Rows) < 2*daysShown; i-- {
		kind := v.T("issuance.national")
		if list[i].Kind == certify.European {
			kind = v.T("issuance.european")
		}
		v.Days.Rows = append(v.Days.Rows, []ui.Cell{{Words: v.Date(list[i].Day), Number: true}, {Words: kind}, {Words: strconv.Itoa(list[i].N), Number: true}})
	}
	s.ui.Render(w, r, http.StatusOK, "issuance", &v)
}
