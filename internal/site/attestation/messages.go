package attestation

import (
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/ui"
)

type messagesView struct {
	ui.Page
	Form   string
	Unread bool
	List   []message
	None   *ui.Empty
}

type message struct {
	When, Title, Words, About string
	Unread                    bool
}

// messages lists what the person was told. Looking at them changes nothing: a button says that they
// were read.
func (s *site) messages(w http.ResponseWriter, r *http.Request, me login.Session) error {
	list, err := s.People.Notices(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	v := messagesView{Page: s.ui.Page(r, "messages.title"), Form: messagesPath, Unread: unread(list) > 0}
	v.Back = &ui.Link{Href: situationPath, Words: v.T("situation.title")}
	if len(list) == 0 {
		v.None = &ui.Empty{Icon: "leaf", Title: v.T("messages.none"), Words: v.T("messages.none-words")}
	}
	for _, n := range list {
		v.List = append(v.List, messageOf(v.Text, n))
	}
	s.ui.Render(w, r, http.StatusOK, "messages", &v)
	return nil
}

// messageOf puts a notice into words: those of its kind, then the dates that it brings. A kind that
// this page does not know is told in general words, never lost.
func messageOf(t ui.Text, n carnet.Notice) message {
	key := "message." + strings.ReplaceAll(n.Kind, ".", "-")
	if !t.Has(key + ".title") {
		key = "message.other"
	}
	m := message{When: t.Instant(n.At), Title: t.T(key + ".title"), Words: t.T(key + ".words"), Unread: n.ReadAt.IsZero()}
	if why := "message.recall-reason." + n.Args["reason"]; n.Kind == "lot.recalled" && t.Has(why) {
		m.Words = t.T(why) + " " + m.Words
	}
	if d, err := carnet.ParseDate(n.Args["date"]); err == nil {
		m.About = t.T("messages.dose", "date", d)
	}
	return m
}

// seen notes that the messages were read.
func (s *site) seen(w http.ResponseWriter, r *http.Request, me login.Session) error {
	if err := s.People.Seen(r.Context(), me.Actor()); err != nil {
		return err
	}
	http.Redirect(w, r, messagesPath, http.StatusSeeOther)
	return nil
}

func unread(list []carnet.Notice) (n int) {
	for _, x := range list {
		if x.ReadAt.IsZero() {
			n++
		}
	}
	return n
}
