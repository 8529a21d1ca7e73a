package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login/origin"
	"carnet/internal/sandbox/phone"
	"carnet/internal/site/ui"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Keys of what the page of the issuer remembers of a phone that it rang.
const (
	storeCall   = "call"   // ref of the request
	storeNumber = "number" // the one to type on the phone
	storeTyped  = "typed"  // what was typed instead of an e-CPS number
)

const callEvery = 2 // seconds between two looks of the waiting page, which works without scripts

type callView struct {
	ui.Page
	Action, Client, Number string
	Silent                 bool
}

// authenticate is the login page of professionals: identifier and password of the sandbox, or the
// phone. The number is typed here and not at the site, which makes this the path of who holds the
// phone in the hand that browses (R25).
func (b *backchannel) authenticate(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	i := b.i
	ref, _ := s.Store[storeCall].(string)
	if r.PathValue("callback") == "" || !i.sameBrowser(r, s) {
		return i.authenticate(w, r, s, c)
	}
	path := i.shape.base + "/interaction/" + s.ID
	action := r.PostForm.Get("action")
	if r.Method == http.MethodPost && ref != "" { // whatever comes, the phone is no longer asked
		if err := b.phones.Cancel(r.Context(), ref, c.ID); err != nil {
			return goidc.StatusFailure, goidc.WrapError("server_error", "the request cannot be taken back", err)
		}
		delete(s.Store, storeCall)
	}
	switch {
	case r.Method == http.MethodPost && action == "phone":
		if err := b.call(r, s, c); err != nil {
			return goidc.StatusFailure, goidc.WrapError("server_error", "the phone cannot be asked", err)
		}
	case r.Method == http.MethodPost && action == "leave":
	case r.Method == http.MethodPost || ref == "":
		return i.authenticate(w, r, s, c)
	default:
		return b.look(w, r, s, c, ref, path)
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return goidc.StatusPending, nil
}

// call rings the phone of the number that was typed. One that nobody has is waited for like any
// other. After five calls of a number, and one more each minute, the phone is no longer rung: its
// owner opens it and types the number, which is longer then.
func (b *backchannel) call(r *http.Request, s *goidc.AuthnSession, c *goidc.Client) error {
	typed := strings.TrimSpace(r.PostForm.Get("number"))
	number, err := carnet.ParseRPPS(typed)
	if err != nil {
		s.Store[storeError], s.Store[storeTyped] = problemNumber, strings.ToValidUTF8(typed[:min(len(typed), 20)], "")
		return nil
	}
	delete(s.Store, storeError)
	delete(s.Store, storeTyped)
	about := phone.Context{Service: c.Name, Browser: origin.Browser(r.UserAgent()), Notify: phone.NotifyNormal}
	digits := 2
	if b.calls.wait(number.Reveal()) > 0 {
		about.Notify, digits = phone.NotifyNone, 6
	} else {
		b.calls.wrong(number.Reveal())
	}
	binding, err := someDigits(b.i.random, digits)
	if err != nil {
		return err
	}
	ref := b.i.token(r.Context())
	err = b.phones.Start(r.Context(), phone.Ask{Ref: ref, Client: c.ID, Title: c.Name, Number: number.Reveal(), Binding: binding, Context: about, Session: []byte("{}")})
	if err == nil {
		s.Store[storeCall], s.Store[storeNumber] = ref, binding
	}
	return err
}

// look waits with the reader, and goes on when the phone has answered.
func (b *backchannel) look(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c *goidc.Client, ref, path string) (goidc.Status, error) {
	l, err := b.phones.Peek(r.Context(), ref)
	if err != nil && carnet.CodeOf(err) != phone.CodeUnknown {
		return goidc.StatusFailure, goidc.WrapError("server_error", "the request cannot be read", err)
	}
	switch l.State {
	case phone.Pending:
		number, _ := s.Store[storeNumber].(string)
		v := callView{Page: b.i.kit.Page(original(r), "call.title"), Action: path, Client: c.Name, Number: number, Silent: len(number) > 2}
		w.Header().Set("Refresh", fmt.Sprint(callEvery))
		b.i.kit.Render(w, original(r), http.StatusOK, "call", &v)
		return goidc.StatusPending, nil
	case phone.Approved:
		l, err := b.phones.Collect(r.Context(), ref, c.ID)
		if err != nil {
			break // in another tab, a moment ago
		}
		s.Subject, s.GrantedScopes = l.Person, s.Scopes
		s.Store = map[string]any{storeAuthTime: l.Decided.Unix(), storeACR: s.ACRValues, storeSID: l.SID}
		b.i.log.InfoContext(r.Context(), "login by phone")
		return goidc.StatusSuccess, nil
	}
	problem := problemOver
	switch l.State {
	case phone.Declined, phone.Reported:
		problem = problemRefused
	case phone.WrongTyped:
		problem = problemTyped
	}
	s.Store[storeError] = problem
	b.i.loginPage(w, r, s, c.Name, path)
	return goidc.StatusPending, nil
}

// Codes of what can be wrong with a call.
const (
	problemNumber  = "number"
	problemOver    = "over"
	problemRefused = "refused"
	problemTyped   = "typed"
)

// someDigits draws a number of digits, each of them as likely.
func someDigits(random io.Reader, n int) (string, error) {
	out := make([]byte, 0, n)
	for one := make([]byte, 1); len(out) < n; {
		if _, err := io.ReadFull(random, one); err != nil {
			return "", errors.Join(errors.New("random source"), err)
		}
		if one[0] < 250 {
			out = append(out, '0'+one[0]%10)
		}
	}
	return string(out), nil
}

// phoneForm is the part of the login page that rings a phone.
type phoneForm struct {
	Number ui.Field
	Wallet string // address of the phones
}

// withPhone adds the phone to the login page of an issuer that has phones.
func (i *Issuer) withPhone(v *loginView, problem, typed string) {
	if i.phones == nil {
		return
	}
	switch problem {
	case problemNumber:
		v.Faults = []ui.Fault{{Field: "number", Words: v.T("login.problem.number")}}
	case problemOver, problemRefused, problemTyped:
		v.Banner = &ui.Banner{Kind: "warning", Lines: []string{v.T("login.problem." + problem)}}
	}
	v.Phone = &phoneForm{Number: v.Digits("number", "login.number", typed, "w20"), Wallet: phone.Path}
}
