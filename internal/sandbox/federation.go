package sandbox

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/ui"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// federation is what stands between the request of a site and the answer of a federator: a chooser,
// the way to an identity provider and back as its relying party, the civil registry, a page that
// says what the site will learn. The steps of one request are a [visit].
type federation struct {
	*Issuer
	doors    []*door
	registry registry
	sessions *sessions
	length   time.Duration // of a session, in which the next site is not asked for a login
}

// door is an identity provider as the federator knows it.
type door struct {
	idp       *Issuer
	providers map[string]*login.Provider // by the level that is asked for
}

// serves reports that the identity provider can give a level that the platform serves, or a higher one.
func (d *door) serves(level string) bool {
	return slices.ContainsFunc(d.idp.shape.levels, func(l string) bool { return l >= level })
}

// Steps of a visit, in the order in which they come.
const (
	stepChoose  = "choose"  // which identity provider
	stepAway    = "away"    // at the identity provider
	stepConfirm = "confirm" // what the site will learn
	stepOver    = "over"    // ended on a page with a code
)

const storeVisit = "visit" // key of the visit in a request under way

// visit is one passage of a person through the federator. It is a value: the request under way
// holds a copy.
type visit struct {
	step       string
	level      string // the site asked for
	idp        string
	begun      login.Begun // at the identity provider
	csrf       string
	suspicious bool
	reused     bool // nobody was asked: a session was there
	said       who
}

// who is what came of a login at an identity provider.
type who struct {
	subject  string // digest of the pivot
	claims   map[string]any
	acr      string
	authTime time.Time
}

// extendFederation makes a federator of an issuer.
func extendFederation(idps []*Issuer, known registry, length time.Duration, all Config) func(*Issuer) (extension, error) {
	return func(i *Issuer) (extension, error) {
		f := &federation{Issuer: i, registry: known, length: length, sessions: newSessions(all.Clock)}
		for _, idp := range idps {
			d := &door{idp: idp, providers: map[string]*login.Provider{}}
			for _, level := range i.shape.levels {
				if !d.serves(level) {
					continue
				}
				provider, err := f.relyingParty(idp, level, all)
				if err != nil {
					return extension{}, fmt.Errorf("identity provider %s: %w", idp.shape.name, err)
				}
				d.providers[level] = provider
			}
			if len(d.providers) > 0 {
				f.doors = append(f.doors, d)
			}
		}
		x := extension{authenticate: f.authenticate, pages: f.pages, signOut: f.signOut, cookies: f.cookies(), metadata: f.metadata()}
		for _, d := range f.doors {
			x.origins = append(x.origins, d.idp.config.Origin)
		}
		return x, nil
	}
}

// metadata is what the platform announces besides what the engine knows. PKCE is announced and then
// refused, like at the real one.
func (f *federation) metadata() map[string]any {
	m := map[string]any{"code_challenge_methods_supported": []string{"S256"}}
	if f.shape.seals {
		m["id_token_encryption_alg_values_supported"], m["id_token_encryption_enc_values_supported"] = encryptions, []string{string(jose.A256GCM)}
		m["userinfo_encryption_alg_values_supported"], m["userinfo_encryption_enc_values_supported"] = encryptions, []string{string(jose.A256GCM)}
	}
	return m
}

// relyingParty is the federator as a client of an identity provider: the same code by which the
// sites of Carnet let people in.
func (f *federation) relyingParty(idp *Issuer, level string, all Config) (*login.Provider, error) {
	c, ok := idp.client(f.shape.name)
	if !ok {
		return nil, errors.New("it does not know us")
	}
	profile := idp.profile(c, idp.shape.name)
	profile.ACRRequest, profile.ACRMin = []string{level}, level
	return login.NewProvider(profile, all.Clock, all.Rand, nil)
}

// comeBack is where an identity provider sends the browser back to.
func (f *federation) comeBack(idp string) string { return f.config.Origin + login.CallbackPath(idp) }

func (f *federation) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET "+login.CallbackPath("{idp}"), f.back)
}

func (f *federation) sessionCookie() string { return "__Host-sandbox-" + f.shape.name + "-session" }
func (f *federation) visitCookie() string   { return "__Host-sandbox-" + f.shape.name + "-visit" }
func (f *federation) deviceCookie() string  { return "__Host-sandbox-" + f.shape.name + "-device" }

func (f *federation) cookies() []ui.Cookie {
	return []ui.Cookie{
		{Name: f.sessionCookie(), Purpose: "cookies.session.purpose", Life: "cookies.session.life"},
		{Name: f.visitCookie(), Purpose: "cookies.visit.purpose", Life: "cookies.interaction.life"},
		{Name: f.deviceCookie(), Purpose: "cookies.device.purpose", Life: "cookies.device.life"},
	}
}

func (f *federation) door(name string) (*door, bool) {
	n := slices.IndexFunc(f.doors, func(d *door) bool { return d.idp.shape.name == name })
	if n < 0 {
		return nil, false
	}
	return f.doors[n], true
}

// open reports that a door leads somewhere in a visit: the client may use it, it gives the level,
// and in a suspicious context it gives more than a password.
func (f *federation) open(c client, v visit, d *door) bool {
	if len(c.IdentityProviders) > 0 && !slices.Contains(c.IdentityProviders, d.idp.shape.name) {
		return false
	}
	return d.providers[v.level] != nil && (!v.suspicious || d.serves("eidas2"))
}

// authenticate is called by the engine with the authorization request, and for every view and form
// of a visit.
func (f *federation) authenticate(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, known *goidc.Client) (goidc.Status, error) {
	c, ok := f.client(known.ID)
	if !ok {
		return goidc.StatusFailure, goidc.NewError(goidc.ErrorCodeInvalidClient, "unknown client")
	}
	if r.PathValue("callback") == "" {
		return f.arrive(w, r, s, c)
	}
	v, ok := s.Store[storeVisit].(visit)
	switch {
	case !ok || !f.sameBrowser(r, s):
		f.faultPage(w, r, http.StatusUnauthorized, faultSession)
		return goidc.StatusPending, nil
	case r.Method != http.MethodPost:
		f.view(w, r, s, c, v)
		return goidc.StatusPending, nil
	case subtle.ConstantTimeCompare([]byte(r.PostForm.Get("csrf")), []byte(v.csrf)) != 1:
		f.refuse(w, r, s, c, "Y470001")
		return goidc.StatusPending, nil
	case v.step == stepOver:
		f.refuse(w, r, s, c, "Y420001")
		return goidc.StatusPending, nil
	}
	switch action := r.PostForm.Get("action"); {
	case action == "quit":
		return goidc.StatusFailure, denied("Y030030")
	case action == "suspicious" && v.step == stepChoose:
		v.suspicious = !v.suspicious
		s.Store[storeVisit] = v
		f.toVisit(w, r, s)
		return goidc.StatusPending, nil
	case action == "idp" && (v.step == stepChoose || v.step == stepAway): // from the page of the chooser, reached again by "back"
		f.leave(w, r, s, c, v, r.PostForm.Get("idp"))
		return goidc.StatusPending, nil
	case action == "change" && v.step == stepConfirm:
		f.signOut(w, r)
		v.step, v.said, v.reused = stepChoose, who{}, false
		s.Store[storeVisit] = v
		f.toVisit(w, r, s)
		return goidc.StatusPending, nil
	case action == "continue" && v.step == stepConfirm:
		return f.succeed(w, r, s, v)
	}
	f.refuse(w, r, s, c, "Y420001")
	return goidc.StatusPending, nil
}

// denied is an error of the federator that goes straight back to the site.
func denied(code string) error {
	c := codedOf(code)
	return goidc.NewError(goidc.ErrorCode(c.error), c.description)
}

// arrive takes an authorization request that the guard let through.
func (f *federation) arrive(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c client) (goidc.Status, error) {
	q := original(r).URL.Query()
	v := visit{step: stepChoose, level: s.ACRValues, csrf: f.token(r.Context())}
	f.bind(w, r, s)
	hint := q.Get("idp_hint")
	if hint != "" {
		if d, ok := f.door(hint); !ok || !f.open(c, v, d) {
			return goidc.StatusFailure, denied("Y030032")
		}
	}
	again := slices.Contains(strings.Fields(q.Get("prompt")), "login")
	if said, ok := f.session(r); ok && !again && v.level <= f.shape.reuse {
		v.step, v.said, v.reused = stepConfirm, said, true
		v.said.acr = f.reported(f.shape.reuse)
	}
	s.Store[storeVisit] = v
	if hint != "" && v.step == stepChoose {
		f.leave(w, r, s, c, v, hint)
		return goidc.StatusPending, nil
	}
	f.toVisit(w, r, s)
	return goidc.StatusPending, nil
}

// reported is the level that the site reads: this platform may know one only.
func (f *federation) reported(acr string) string {
	if slices.Contains(f.shape.levels, acr) {
		return acr
	}
	return f.shape.levels[len(f.shape.levels)-1]
}

func (f *federation) path(id string) string { return f.shape.base + "/interaction/" + id }

func (f *federation) toVisit(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession) {
	http.Redirect(w, r, f.path(s.ID), http.StatusSeeOther)
}

// leave sends the browser to an identity provider.
func (f *federation) leave(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c client, v visit, name string) {
	d, ok := f.door(name)
	if !ok || !f.open(c, v, d) {
		f.refuse(w, r, s, c, "Y020023")
		return
	}
	location, begun, err := d.providers[v.level].Begin(r.Context(), f.comeBack(name))
	if err != nil {
		f.log.WarnContext(r.Context(), "identity provider", "name", name, "code", carnet.CodeOf(err))
		f.refuse(w, r, s, c, "Y020026")
		return
	}
	v.step, v.idp, v.begun = stepAway, name, begun
	s.Store[storeVisit] = v
	http.SetCookie(w, &http.Cookie{Name: f.visitCookie(), Value: s.ID, Path: "/", MaxAge: int(requestLifetime / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, location, http.StatusSeeOther)
}

// back takes the browser back from an identity provider.
func (f *federation) back(w http.ResponseWriter, r *http.Request) {
	s, c, v, ok := f.visiting(r)
	if !ok {
		f.faultPage(w, r, http.StatusUnauthorized, faultSession)
		return
	}
	over := func(code string) {
		f.refuse(w, r, s, c, code)
		_ = f.memory.SaveSession(r.Context(), s) // memory takes everything
	}
	name := r.PathValue("idp")
	d, known := f.door(name)
	switch {
	case v.step != stepAway:
		over("Y420001")
		return
	case !r.URL.Query().Has("state"):
		over("Y020021")
		return
	case !known || v.idp != name:
		over("Y020022")
		return
	}
	id, err := d.providers[v.level].Finish(r, f.comeBack(name), v.begun)
	v.begun = login.Begun{} // used
	if err != nil {
		f.log.InfoContext(r.Context(), "identity provider", "name", name, "code", carnet.CodeOf(err))
		if carnet.CodeOf(err) == login.CodeDenied {
			v.step = stepChoose // the person changed their mind there, not here
			s.Store[storeVisit] = v
			_ = f.memory.SaveSession(r.Context(), s)
			f.toVisit(w, r, s)
			return
		}
		over(codeOfLogin(err))
		return
	}
	said, code := f.judge(c, d, id)
	if code != "" {
		over(code)
		return
	}
	v.step, v.said = stepConfirm, said
	s.Store[storeVisit] = v
	_ = f.memory.SaveSession(r.Context(), s)
	f.toVisit(w, r, s)
}

// visiting finds the request under way of a browser that comes back.
func (f *federation) visiting(r *http.Request) (*goidc.AuthnSession, client, visit, bool) {
	cookie, err := r.Cookie(f.visitCookie())
	if err != nil {
		return nil, client{}, visit{}, false
	}
	s, err := f.memory.Session(r.Context(), cookie.Value)
	if err != nil || !f.sameBrowser(r, s) {
		return nil, client{}, visit{}, false
	}
	c, ok := f.client(s.ClientID)
	v, there := s.Store[storeVisit].(visit)
	return s, c, v, ok && there
}

// codeOfLogin is the public code of what went wrong with an identity provider.
func codeOfLogin(err error) string {
	switch carnet.CodeOf(err) {
	case login.CodeState, login.CodeExpired:
		return "Y020022"
	case login.CodeLevel:
		return "Y100001"
	}
	if e, ok := errors.AsType[*carnet.Error](err); ok && e.Op == "login.userInfo" {
		return "Y020027"
	}
	return "Y020026"
}

// judge decides whether what an identity provider says lets somebody in, and as whom.
func (f *federation) judge(c client, d *door, id login.Identity) (who, string) {
	if !slices.Contains(d.idp.shape.levels, id.ACR) {
		return who{}, "Y100018"
	}
	claims := map[string]any{}
	if err := id.Claims.Decode(&claims); err != nil || !sound(claims) {
		return who{}, "Y600006"
	}
	if mandate, ok := claims["rep_scope"].([]any); ok && !slices.ContainsFunc(mandate, func(m any) bool {
		s, _ := m.(string)
		return slices.Contains(c.Mandates, s)
	}) {
		return who{}, "Y600020"
	}
	known := f.registry.ask(claims)
	if known.code != "" {
		return who{}, known.code
	}
	said := who{subject: digest(known.claims), acr: f.reported(id.ACR), authTime: id.AuthTime, claims: map[string]any{
		"idp_birthdate": claims["birthdate"], "idp_id": d.idp.Issuer(),
	}}
	if said.authTime.IsZero() {
		said.authTime = f.clock()
	}
	from := known.claims // the platform gives the identity of civil status,
	if f.shape.twins {   // or that of the identity provider with civil status beside it
		from = claims
		for name, v := range known.claims {
			said.claims["rnipp_"+name] = v
		}
	}
	for _, name := range pivot {
		said.claims[name] = from[name]
	}
	given, _ := from["given_name"].(string)
	if !f.shape.twins {
		said.claims["given_name_array"] = strings.Fields(given)
	} else if s, ok := known.claims["given_name"].(string); ok {
		said.claims["rnipp_given_name_array"] = strings.Fields(s)
	}
	for _, name := range []string{"preferred_username", "email"} {
		if v, ok := claims[name]; ok {
			said.claims[name] = v
		}
	}
	return said, ""
}

// succeed answers the site, and remembers the login for the next one.
func (f *federation) succeed(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, v visit) (goidc.Status, error) {
	if !v.reused {
		token := f.token(r.Context())
		f.sessions.put(browserHash(token), v.said, f.length)
		http.SetCookie(w, &http.Cookie{Name: f.sessionCookie(), Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	http.SetCookie(w, &http.Cookie{Name: f.deviceCookie(), Value: f.mark(v.said), Path: "/",
		MaxAge: int(deviceLifetime / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	s.Subject, s.GrantedScopes = v.said.subject, s.Scopes
	s.Store = map[string]any{storeAuthTime: v.said.authTime.Unix(), storeACR: v.said.acr, storeAMR: f.amr(v.said.acr), storeClaims: v.said.claims}
	f.log.InfoContext(r.Context(), "login", "reused", v.reused)
	return goidc.StatusSuccess, nil
}

const deviceLifetime = 180 * 24 * time.Hour

// mark is what the cookie of a browser holds that a person used before.
func (f *federation) mark(said who) string { return browserHash(string(f.pairwise) + said.subject) }

// trusted reports that this person confirmed a login in this browser before.
func (f *federation) trusted(r *http.Request, said who) bool {
	c, err := r.Cookie(f.deviceCookie())
	return err == nil && subtle.ConstantTimeCompare([]byte(c.Value), []byte(f.mark(said))) == 1
}

// amr says by which means somebody logged in, with the federator as one of them.
func (f *federation) amr(acr string) []string {
	if acr == "eidas1" {
		return []string{"fc", "pwd"}
	}
	return []string{"fc", "pop", "mfa", "pin"}
}

// session is the login that the browser carries, if it is still good.
func (f *federation) session(r *http.Request) (who, bool) {
	c, err := r.Cookie(f.sessionCookie())
	if err != nil {
		return who{}, false
	}
	return f.sessions.get(browserHash(c.Value))
}

// signOut ends the session of the federator. The identity providers of the sandbox keep none, so
// there is nobody further to tell.
func (f *federation) signOut(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(f.sessionCookie()); err == nil {
		f.sessions.end(browserHash(c.Value))
	}
	http.SetCookie(w, &http.Cookie{Name: f.sessionCookie(), Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// idpChoice is one button of the chooser.
type idpChoice struct {
	Name, Title, Role, Level string
	Closed                   string // why it cannot be chosen
}

type chooseView struct {
	ui.Page
	Action, Client, CSRF string
	Choices              []idpChoice
	Suspicious           bool
}

type confirmView struct {
	ui.Page
	Action, Client, CSRF, Name string
	Rows                       ui.Rows
	Reused                     *ui.Banner
	Notice                     *ui.Banner
}

// view shows the step at which a visit is.
func (f *federation) view(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c client, v visit) {
	switch v.step {
	case stepConfirm:
		f.confirmPage(w, r, s, c, v)
	case stepOver:
		f.faultPage(w, r, http.StatusUnauthorized, faultSession)
	default: // also somebody who comes back from an identity provider by the browser's button
		p := chooseView{Page: f.kit.Page(original(r), "choose.title"), Action: f.path(s.ID), Client: c.Name, CSRF: v.csrf, Suspicious: v.suspicious}
		for _, d := range f.doors {
			if len(c.IdentityProviders) > 0 && !slices.Contains(c.IdentityProviders, d.idp.shape.name) {
				continue
			}
			name := d.idp.shape.name
			choice := idpChoice{Name: name, Title: p.T("idp." + name + ".name"), Role: p.T("idp." + name + ".role"), Level: p.T("level." + d.idp.shape.levels[len(d.idp.shape.levels)-1])}
			switch {
			case d.providers[v.level] == nil:
				choice.Closed = p.T("choose.level")
			case !f.open(c, v, d):
				choice.Closed = p.T("choose.closed")
			}
			p.Choices = append(p.Choices, choice)
		}
		f.kit.Render(w, original(r), http.StatusOK, "choose", &p)
	}
}

// confirmPage says what the site will learn, before it learns it.
func (f *federation) confirmPage(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c client, v visit) {
	p := confirmView{Page: f.kit.Page(original(r), "confirm.title", "client", c.Name), Action: f.path(s.ID), Client: c.Name, CSRF: v.csrf}
	text := func(name string) string { t, _ := v.said.claims[name].(string); return t }
	p.Name = text("given_name") + " " + text("family_name")
	opened := f.opened(s.Scopes)
	var rows []ui.Row
	for _, name := range []string{"given_name", "family_name", "preferred_username", "birthdate", "gender", "birthplace", "birthcountry", "email"} {
		value := text(name)
		if !slices.Contains(opened, name) || value == "" {
			continue
		}
		if name == "gender" {
			value = p.T("confirm.gender-" + value)
		}
		rows = append(rows, ui.Row{Label: p.T("claim." + name), Value: value})
	}
	p.Rows = p.Page.Rows(rows...)
	if v.reused {
		p.Reused = &ui.Banner{Kind: "info", Lines: []string{p.T("confirm.reused")}}
	}
	if email := text("email"); !v.reused && (v.suspicious || !f.trusted(r, v.said)) {
		key := "confirm.new-device"
		if v.suspicious {
			key = "confirm.suspicious"
		}
		p.Notice = &ui.Banner{Kind: "warning", Title: p.T("confirm.notice"), Lines: []string{p.T(key, "email", email)}}
	}
	f.kit.Render(w, original(r), http.StatusOK, "confirm", &p)
}

// opened lists the claims that scopes open.
func (i *Issuer) opened(scopes string) []string {
	var list []string
	for scope := range strings.FieldsSeq(scopes) {
		list = append(list, i.shape.scopes[scope]...)
	}
	return list
}

type codeView struct {
	ui.Page
	Words, Code, Return, Client string
}

// refuse ends a visit on a page with a code, and with a way back to the site when it has an error
// for it.
func (f *federation) refuse(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c client, code string) {
	fault := codedOf(code)
	v, _ := s.Store[storeVisit].(visit)
	s.Store[storeVisit] = visit{step: stepOver, csrf: v.csrf}
	p := codeView{Page: f.kit.Page(original(r), "fault.title"), Code: code, Client: c.Name}
	p.Words = p.T("code." + code)
	if fault.error != "" {
		p.Return = f.answer(verdict{client: c, error: fault.error, description: fault.description}, s.State)
	}
	f.log.InfoContext(r.Context(), "login refused", "code", code)
	f.kit.Render(w, original(r), fault.status, "code", &p)
}

// sessions are the logins that a provider of the sandbox remembers, by the hash of a cookie.
type sessions struct {
	clock carnet.Clock

	mu   sync.Mutex
	rows map[string]*kept[who]
}

func newSessions(clock carnet.Clock) *sessions {
	return &sessions{clock: clock, rows: map[string]*kept[who]{}}
}

func (s *sessions) put(id string, said who, length time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	put(s.rows, id, &kept[who]{value: said, until: now.Add(length)}, now)
}

func (s *sessions) get(id string) (who, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.rows[id]
	if k == nil || !s.clock().Before(k.until) {
		return who{}, false
	}
	return k.value, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, id)
}
