package attestation

import (
	"net/http"
	"strings"

	"carnet/internal/site/ui"
)

// NoticePath is the page on personal data, which every certificate names.
const NoticePath = "/donnees-personnelles"

type noticeView struct {
	ui.Page
	Entries []noticeEntry
}

type noticeEntry struct {
	ID, Title  string
	Purposes   []string
	Categories []string
	Rows       ui.Rows
}

// notice tells what the register of processing says, from the register itself.
func (s *site) notice(w http.ResponseWriter, r *http.Request) {
	v := noticeView{Page: s.ui.Page(r, "notice.title")}
	v.Back = &ui.Link{Href: "/", Words: v.T("about.back")}
	in := func(fr, en string) string {
		if v.Lang == "fr" {
			return fr
		}
		return en
	}
	for _, p := range s.Register {
		e := noticeEntry{ID: p.ID, Title: in(p.Title, p.TitleEN)}
		for _, u := range p.Purposes {
			e.Purposes = append(e.Purposes, in(u.Title, u.TitleEN))
		}
		for _, c := range p.Categories {
			e.Categories = append(e.Categories, in(c.Title, c.TitleEN))
		}
		e.Rows = v.Rows(
			ui.Row{Label: v.T("notice.controllers"), Value: strings.Join(p.Controllers, ", ")},
			ui.Row{Label: v.T("notice.texts"), Value: strings.Join(p.Texts, ", ")},
		)
		v.Entries = append(v.Entries, e)
	}
	s.ui.Render(w, r, http.StatusOK, "notice", &v)
}
