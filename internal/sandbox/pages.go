package sandbox

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"carnet/internal/sandbox/phone"
	"carnet/internal/site/ui"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// Keys of what the login page remembers in a request under way.
const (
	storeBrowser    = "browser"    // hash of the cookie
	storeIdentifier = "identifier" // last one typed
	storeError      = "error"      // code of what was wrong with it
	storeWait       = "wait"       // minutes to wait, with problemLimit
	storeAuthTime   = "auth_time"  // seconds, when the password was right
	storeSID        = "sid"        // of a login that can end before its session does
	storeACR        = "acr"        // level that the ID token will give
	storeAMR        = "amr"        // means that it will give when asked
	storeClaims     = "claims"     // what there is to say of a person whom the issuer does not know itself
)

// Codes of what can be wrong with what was typed.
const (
	problemIdentifier = "identifier-missing"
	problemPassword   = "password-missing"
	problemWrong      = "wrong"
	problemLimit      = "limit"
)

const maxTyped = 200 // bytes of an identifier or a password

type pageView struct{ ui.Page }

type faultView struct {
	ui.Page
	Words, Code string
}

type loginView struct {
	ui.Page
	All        string // address of the page of everybody
	Action     string
	Client     string
	Identifier ui.Field
	Error      string // beside the password
	Phone      *phoneForm
	People     []person
	Password   string
}

type homeView struct {
	ui.Page
	Wallet   string // address of the phones, where there are any
	All      string
	Issuer   string
	People   []person
	Password string
}

// person is a line of the panel that shows whom one can be.
type person struct {
	Name, Identifier, Story, Href string
	Chosen                        bool
}

const panelLength = 6 // people of the panel; the page of everybody has the others

// list gives the first people, and the one that is chosen.
func (i *Issuer) list(lang, chosen string, href func(string) string) []person {
	var list []person
	for n, p := range i.people {
		if n >= panelLength && p.identifier != chosen {
			continue
		}
		list = append(list, person{p.name, p.identifier, p.story.In(lang), href(p.identifier), p.identifier == chosen})
	}
	return list
}

// Pages of the sandbox at every issuer.
const (
	peoplePath = "/personnes"
	codesPath  = "/codes"
)

type peopleView struct {
	ui.Page
	Issuer   string
	Password string
	Groups   []group
}

// group is a kind of people on the page of everybody.
type group struct {
	Title  string
	People []resident
}

// resident is somebody on the page of everybody.
type resident struct {
	Name, Identifier, Story string
	Tags                    []ui.Tag
}

// peoplePage shows everybody who can log in here, and what each of them is for.
func (i *Issuer) peoplePage(w http.ResponseWriter, r *http.Request) {
	v := peopleView{Page: i.kit.Page(r, "people.title"), Issuer: i.Issuer(), Password: i.shown}
	for _, p := range i.people {
		one := resident{Name: p.name, Identifier: p.identifier, Story: p.story.In(v.Lang)}
		if p.code != "" {
			one.Tags = append(one.Tags, ui.Tag{Kind: "warning", Words: p.code})
		}
		if p.acr != "" {
			one.Tags = append(one.Tags, ui.Tag{Kind: "info", Words: p.acr})
		}
		title := v.T("people.group." + p.group)
		n := slices.IndexFunc(v.Groups, func(g group) bool { return g.Title == title })
		if n < 0 {
			n, v.Groups = len(v.Groups), append(v.Groups, group{Title: title})
		}
		v.Groups[n].People = append(v.Groups[n].People, one)
	}
	i.kit.Render(w, r, http.StatusOK, "people", &v)
}

// home says what this origin is, to whoever finds it by chance.
func (i *Issuer) home(w http.ResponseWriter, r *http.Request) {
	v := homeView{Page: i.kit.Page(r, "home.title"), Issuer: i.Issuer(), Password: i.shown, All: peoplePath}
	v.People = i.list(v.Lang, "", func(string) string { return "" })
	if i.phones != nil {
		v.Wallet = phone.Path
	}
	i.kit.Render(w, original(r), http.StatusOK, "home", &v)
}

// authorize takes an authorization request, guard first.
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		i.faultPage(w, r, http.StatusBadRequest, faultParameter)
		return
	}
	switch v := i.check(r.Context(), q); {
	case v.fault != "":
		i.faultPage(w, r, faultStatus(v.fault), v.fault)
	case v.error != "":
		http.Redirect(w, r, i.answer(v, q.Get("state")), http.StatusSeeOther)
	default:
		i.toEngine(w, r, i.shape.authorize, v.params)
	}
}

// interaction shows the login page of a request under way, and takes its form.
func (i *Issuer) interaction(w http.ResponseWriter, r *http.Request) {
	i.toEngine(w, r, i.shape.authorize+"/"+url.PathEscape(r.PathValue("id")), r.URL.Query())
}

type originalKey struct{}

// original is the request as the browser sent it: pages speak of its path, not of the engine's.
func original(r *http.Request) *http.Request {
	if o, ok := r.Context().Value(originalKey{}).(*http.Request); ok {
		return o
	}
	return r
}

// authenticate is called by the engine: once with the authorization request, then for every view
// and every form of the login page. A GET changes nothing; a form that is wrong is remembered and
// answered with a redirect to the page, so that a reload sends no password again.
func (i *Issuer) authenticate(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c *goidc.Client) (goidc.Status, error) {
	path := i.shape.base + "/interaction/" + s.ID
	if s.Store == nil {
		s.Store = map[string]any{}
	}
	if r.PathValue("callback") == "" {
		i.bind(w, r, s)
		if hint := original(r).URL.Query().Get("login_hint"); len(hint) <= maxTyped && utf8.ValidString(hint) {
			s.Store[storeIdentifier] = hint
		}
		http.Redirect(w, r, path, http.StatusSeeOther)
		return goidc.StatusPending, nil
	}
	if !i.sameBrowser(r, s) {
		i.faultPage(w, r, http.StatusUnauthorized, faultSession)
		return goidc.StatusPending, nil
	}
	if r.Method != http.MethodPost {
		i.loginPage(w, r, s, c.Name, path)
		return goidc.StatusPending, nil
	}
	if r.PostForm.Get("action") == "quit" {
		return goidc.StatusFailure, goidc.NewError(goidc.ErrorCodeAccessDenied, "User auth aborted")
	}
	identifier, typed := strings.TrimSpace(r.PostForm.Get("identifier")), r.PostForm.Get("password")
	problem, wait, err := i.verify(identifier, typed)
	if err != nil {
		return goidc.StatusFailure, goidc.WrapError("server_error", "the password cannot be checked", err)
	}
	if problem != "" {
		if len(identifier) > maxTyped || !utf8.ValidString(identifier) {
			identifier = ""
		}
		s.Store[storeError], s.Store[storeIdentifier], s.Store[storeWait] = problem, identifier, int(math.Ceil(wait.Minutes()))
		i.log.InfoContext(r.Context(), "login failed", "problem", problem)
		http.Redirect(w, r, path, http.StatusSeeOther)
		return goidc.StatusPending, nil
	}
	p, _ := i.persona(identifier)
	s.Subject, s.GrantedScopes = identifier, s.Scopes
	s.Store = map[string]any{storeAuthTime: i.clock().Unix(), storeACR: cmp.Or(p.acr, s.ACRValues)}
	i.log.InfoContext(r.Context(), "login")
	return goidc.StatusSuccess, nil
}

// bind ties a request under way to this browser.
func (i *Issuer) bind(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession) {
	if s.Store == nil {
		s.Store = map[string]any{}
	}
	// A second tab keeps the cookie of the first, or the first could not go on.
	browser := i.token(r.Context())
	if c, err := r.Cookie(i.cookieName()); err == nil && len(c.Value) == len(browser) {
		browser = c.Value
	}
	s.Store[storeBrowser] = browserHash(browser)
	http.SetCookie(w, &http.Cookie{
		Name: i.cookieName(), Value: browser, Path: "/", MaxAge: int(requestLifetime / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// verify checks a password. An identifier that nobody has costs the same time, has the same limit
// and gets the same answer as a wrong password.
func (i *Issuer) verify(identifier, typed string) (problem string, wait time.Duration, err error) {
	switch {
	case identifier == "":
		return problemIdentifier, 0, nil
	case typed == "":
		return problemPassword, 0, nil
	}
	_, known := i.persona(identifier)
	counted := identifier
	if !known {
		counted = "" // all unknown ones together
	}
	if wait := i.limit.wait(counted); wait > 0 {
		return problemLimit, wait, nil
	}
	if len(typed) > maxTyped {
		typed = ""
	}
	i.hashing <- struct{}{}
	p, err := i.stored()
	ok := err == nil && p.matches(typed)
	<-i.hashing
	switch {
	case err != nil:
		return "", 0, err
	case !ok || !known:
		i.limit.wrong(counted)
		return problemWrong, 0, nil
	}
	i.limit.right(counted)
	return "", 0, nil
}

func (i *Issuer) loginPage(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, client, path string) {
	v := loginView{Page: i.kit.Page(original(r), "login.title"), Action: path, Client: client, Password: i.shown, All: peoplePath}
	identifier, _ := s.Store[storeIdentifier].(string)
	problem, _ := s.Store[storeError].(string)
	if p, ok := i.persona(r.URL.Query().Get("persona")); ok {
		identifier, problem = p.identifier, "" // chosen from the panel: a new start
	}
	words := ""
	switch wait, _ := s.Store[storeWait].(int); problem {
	case "", problemNumber, problemOver, problemRefused, problemTyped: // the phone's
	case problemLimit:
		words = v.N("login.problem.limit", max(wait, 1))
	default:
		words = v.T("login.problem." + problem)
	}
	if words != "" {
		field := "password"
		if problem == problemIdentifier {
			field = "identifier"
		} else {
			v.Error = words
		}
		v.Faults = []ui.Fault{{Field: field, Words: words}}
	}
	instead, _ := s.Store[storeTyped].(string)
	i.withPhone(&v, problem, instead)
	v.Identifier = v.Input("identifier", "login.identifier", identifier)
	v.Identifier.Complete = "username"
	v.People = i.list(v.Lang, identifier, func(id string) string { return path + "?" + url.Values{"persona": {id}}.Encode() })
	i.kit.Render(w, original(r), http.StatusOK, "login", &v)
}

// faultPage says what is wrong and offers no way back: the issuer does not know where to.
func (i *Issuer) faultPage(w http.ResponseWriter, r *http.Request, status int, fault string) {
	v := faultView{Page: i.kit.Page(original(r), "fault.title"), Code: i.shape.codes[fault]}
	v.Words = v.T("fault." + fault)
	i.log.InfoContext(r.Context(), "request refused", "code", v.Code)
	i.kit.Render(w, original(r), status, "fault", &v)
}

func (i *Issuer) cookieName() string { return "__Host-sandbox-" + i.shape.name + "-interaction" }

// sameBrowser reports that a request under way began in this browser.
func (i *Issuer) sameBrowser(r *http.Request, s *goidc.AuthnSession) bool {
	want, _ := s.Store[storeBrowser].(string)
	c, err := r.Cookie(i.cookieName())
	return err == nil && want != "" && subtle.ConstantTimeCompare([]byte(browserHash(c.Value)), []byte(want)) == 1
}

func browserHash(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}
