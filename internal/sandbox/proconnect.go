package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"carnet/internal/login"
	"carnet/internal/site/ui"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// staffSession is how long the look-alike of ProConnect asks nobody again: nothing that a site
// sends can make it shorter but prompt=login (specification, section 3).
const staffSession = 12 * time.Hour

// staff imitates ProConnect.
var staff = shape{
	name: "proconnect", base: "/api/v2",
	discovery: "/.well-known/openid-configuration", authorize: "/authorize", token: "/token",
	userInfo: "/userinfo", jwks: "/jwks", logout: "/session/end", revocation: "/token/revocation",
	clientID: "carnet-protection", authMethod: goidc.AuthnMethodSecretPost,
	codeLifetime: 30 * time.Second, tokenLifetime: 60 * time.Second,
	levels: []string{"eidas0", "eidas0-mfa", "eidas1", "eidas1-mfa", "eidas2", "eidas3"},
	scopes: map[string][]string{
		"openid": {}, "given_name": {"given_name"}, "usual_name": {"usual_name"}, "email": {"email"}, "uid": {"uid"},
		"siret": {"siret"}, "siren": {"siren"}, "idp_id": {"idp_id"}, "phone": {"phone_number"}, "custom": {"custom"},
		"organizational_unit": {"organizational_unit"}, "belonging_population": {"belonging_population"}, "chorusdt": {"chorusdt"},
	},
	allow:    []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "claims", "prompt", "idp_hint", "login_hint"},
	need:     []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce"},
	prompts:  []string{"none", "login", "consent"},
	minState: 32, minNonce: 32, signedInfo: true, bare: true, remembers: true,
	subject: pairwiseSubject,
	codes: map[string]string{
		faultParameter: "Y000400", faultClient: "Y04A586", faultRedirect: "Y030031", faultSession: "Y030110", faultHint: "Y000400",
		faultSignedOut: "Y030111", faultAddress: "Y000404", faultPrivate: "Y500015", faultProvider: "Y020019",
	},
	profile: login.Profile{
		AuthMethod: login.SecretPost, Scopes: []string{"openid", "given_name", "usual_name", "email", "uid", "siret"},
		ACRBy: login.ACRByClaims, ACRRequest: []string{"eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"},
		ACRAccept: []string{"eidas0-mfa", "eidas1-mfa", "eidas2", "eidas3"},
		UserInfo:  login.UserInfoJWT, Revoke: true,
	},
	extend: extendStaff,
}

// office is what the look-alike of ProConnect does besides asking for identifier and password.
type office struct {
	*Issuer
	sessions *sessions
}

func extendStaff(i *Issuer) (extension, error) {
	o := &office{i, newSessions(i.clock)}
	return extension{
		authenticate: o.authenticate, logout: o.logout, pages: o.pages,
		cookies: []ui.Cookie{{Name: o.cookie(), Purpose: "cookies.session.purpose", Life: "cookies.session.life"}},
	}, nil
}

func (o *office) cookie() string { return "__Host-sandbox-" + o.shape.name + "-session" }

func (o *office) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET "+o.shape.base+"/fournisseur/deconnexion", o.through)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { o.faultPage(w, r, http.StatusNotFound, faultAddress) })
}

// authenticate lets in who logged in today, else asks.
func (o *office) authenticate(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, known *goidc.Client) (goidc.Status, error) {
	c, _ := o.client(known.ID)
	if r.PathValue("callback") == "" {
		prompt := strings.Fields(original(r).URL.Query().Get("prompt"))
		said, ok := o.session(r)
		switch {
		case ok && !slices.Contains(prompt, "login"):
			return o.admit(w, r, s, c, said)
		case slices.Contains(prompt, "none"):
			return goidc.StatusFailure, goidc.NewError(goidc.ErrorCodeLoginRequired, "no session")
		}
	}
	status, err := o.Issuer.authenticate(w, r, s, known)
	if status != goidc.StatusSuccess {
		return status, err
	}
	said := who{subject: s.Subject, authTime: o.clock()}
	if status, err = o.admit(w, r, s, c, said); status == goidc.StatusSuccess {
		token := o.token(r.Context())
		o.sessions.put(browserHash(token), said, staffSession)
		http.SetCookie(w, &http.Cookie{Name: o.cookie(), Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return status, err
}

// admit says who somebody is to a site that may know.
func (o *office) admit(w http.ResponseWriter, r *http.Request, s *goidc.AuthnSession, c client, said who) (goidc.Status, error) {
	p, ok := o.persona(said.subject)
	if !ok || p.private && !c.Private {
		o.faultPage(w, r, http.StatusForbidden, faultPrivate)
		return goidc.StatusPending, nil
	}
	s.Subject, s.GrantedScopes = p.identifier, s.Scopes
	s.Store = map[string]any{storeAuthTime: said.authTime.Unix(), storeACR: p.acr, storeAMR: p.amr}
	return goidc.StatusSuccess, nil
}

func (o *office) session(r *http.Request) (who, bool) {
	c, err := r.Cookie(o.cookie())
	if err != nil {
		return who{}, false
	}
	return o.sessions.get(browserHash(c.Value))
}

// logout ends the session, then passes through the identity provider of the person.
func (o *office) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c, ok := o.hinted(q.Get("id_token_hint"))
	switch {
	case !ok || q.Get("state") == "" || !q.Has("post_logout_redirect_uri"):
		o.faultPage(w, r, http.StatusBadRequest, faultHint)
		return
	case q.Get("post_logout_redirect_uri") != c.SignedOutURI:
		o.faultPage(w, r, http.StatusBadRequest, faultSignedOut)
		return
	}
	said, there := o.session(r)
	if cookie, err := r.Cookie(o.cookie()); err == nil {
		o.sessions.end(browserHash(cookie.Value))
	}
	http.SetCookie(w, &http.Cookie{Name: o.cookie(), Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	if p, known := o.persona(said.subject); there && known && p.adrift {
		o.faultPage(w, r, http.StatusBadRequest, faultProvider)
		return
	}
	http.Redirect(w, r, o.shape.base+"/fournisseur/deconnexion?"+url.Values{"client_id": {c.ID}, "state": {q.Get("state")}}.Encode(), http.StatusSeeOther)
}

// through is the identity provider's part of a logout. It keeps no session, so it only sends the
// browser on, to the one address that the client registered.
func (o *office) through(w http.ResponseWriter, r *http.Request) {
	c, ok := o.client(r.URL.Query().Get("client_id"))
	if !ok {
		o.faultPage(w, r, http.StatusBadRequest, faultClient)
		return
	}
	http.Redirect(w, r, withState(c.SignedOutURI, r.URL.Query().Get("state")), http.StatusSeeOther)
}
