package sandbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/sandbox/phone"
	"carnet/internal/site/ui"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

//go:embed all:site
var site embed.FS

// Issuer is one OpenID provider.
type Issuer struct {
	shape     shape
	config    IssuerConfig
	people    []persona
	shown     string // the password, for the panel of the login page
	stored    func() (password, error)
	key       jose.JSONWebKey
	clients   []client // the first is the site of Carnet
	extension extension
	memory    *memory
	limit     *limiter
	hashing   chan struct{} // how many passwords are hashed at once: each takes 64 MiB
	kit       *ui.Kit
	engine    http.Handler
	handler   http.Handler
	clock     carnet.Clock
	random    io.Reader
	log       *slog.Logger

	shared   Config
	vault    vault
	pairwise []byte         // secret of the subjects
	phones   *phone.Service // of professionals
}

// client is a relying party with its secret.
type client struct {
	Client
	secret     string
	secretFile string
	keyFile    string // private key to which its tokens are encrypted, when it is a site of Carnet
	keys       *keyRing
}

const maxBody = 64 << 10 // bytes of a form

func newIssuer(s shape, c IssuerConfig, people []persona, v vault, shown string, stored func() (password, error), all Config) (*Issuer, error) {
	i := &Issuer{
		shape: s, config: c, people: people, shown: shown, stored: stored,
		memory: newMemory(all.Clock, s.codeLifetime, s.tokenLifetime, cmp.Or(s.patience, requestLifetime)), limit: newLimiter(all.Clock),
		hashing: make(chan struct{}, 2), clock: all.Clock, random: all.Rand, log: all.Log.With("issuer", s.name),
		shared: all, vault: v,
	}
	if len(c.Clients) == 0 {
		return nil, errors.New("no client")
	}
	for n, one := range c.Clients {
		if one.ID == "" && n == 0 {
			one.ID = s.clientID
		}
		if _, twice := i.client(one.ID); twice || one.ID == "" {
			return nil, fmt.Errorf("client %q is there twice, or has no id", one.ID)
		}
		secret, file, err := v.clientSecret(s.name + "." + one.ID)
		if err != nil {
			return nil, err
		}
		enc := ""
		if one.KeysURI != "" && s.seals && n == 0 {
			if enc, err = v.encryptionKey(s.name + "." + one.ID); err != nil {
				return nil, err
			}
		}
		i.clients = append(i.clients, client{Client: one, secret: secret, secretFile: file, keyFile: enc, keys: newKeyRing()})
	}
	origins, err := i.origins()
	if err != nil {
		return nil, err
	}
	if i.key, err = v.signingKey(s.name); err != nil {
		return nil, err
	}
	if i.pairwise, err = v.bytes(s.name + ".subjects"); err != nil {
		return nil, err
	}
	if s.extend != nil {
		if i.extension, err = s.extend(i); err != nil {
			return nil, err
		}
	}
	if i.extension.authenticate == nil {
		i.extension.authenticate = i.authenticate
	}
	words, err := fs.Sub(site, "site/"+s.name)
	if err != nil {
		return nil, err
	}
	pages, err := fs.Sub(site, "site/pages")
	if err != nil {
		return nil, err
	}
	i.kit, err = ui.New(ui.Config{
		Site: "sandbox-" + s.name, Files: pages, Texts: words, Clock: all.Clock, Rand: all.Rand, Log: all.Log,
		HTTPS: strings.HasPrefix(c.Origin, "https:"), Sandbox: true, FormAction: append(origins, i.extension.origins...), Policy: []string{"script-src 'self'"},
		Cookies: append([]ui.Cookie{{Name: i.cookieName(), Purpose: "cookies.interaction.purpose", Life: "cookies.interaction.life"}}, i.extension.cookies...),
	})
	if err != nil {
		return nil, err
	}
	if i.engine, err = i.newEngine(); err != nil {
		return nil, err
	}
	i.handler = i.routes()
	return i, nil
}

// origins lists where a form of ours may end, besides here: at a client. It refuses what is no address.
func (i *Issuer) origins() ([]string, error) {
	addresses := []string{i.config.Origin}
	for _, c := range i.clients {
		addresses = append(addresses, c.RedirectURI, c.SignedOutURI)
	}
	var origins []string
	for _, a := range addresses {
		u, err := url.Parse(a)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%q is not an address", a)
		}
		if o := u.Scheme + "://" + u.Host; o != i.config.Origin && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins, nil
}

// client finds a relying party.
func (i *Issuer) client(id string) (client, bool) {
	n := slices.IndexFunc(i.clients, func(c client) bool { return c.ID == id })
	if n < 0 {
		return client{}, false
	}
	return i.clients[n], true
}

// Issuer is the issuer identifier.
func (i *Issuer) Issuer() string { return i.config.Origin + i.shape.base }

// Profile is what the site of Carnet needs to know of this issuer.
func (i *Issuer) Profile() login.Profile { return i.profile(i.clients[0], i.shape.name) }

// profile is what a client needs to know, under the name that ends its redirect URI.
func (i *Issuer) profile(c client, name string) login.Profile {
	p := i.shape.profile
	p.Name = name
	p.Issuer = i.Issuer()
	p.DiscoveryURL = i.Issuer() + i.shape.discovery
	p.ClientID = c.ID
	p.SecretFile = c.secretFile
	p.RequireIss, p.Sandbox = true, true
	if c.KeysURI != "" && i.shape.seals {
		p.UserInfo, p.EncKeys = login.UserInfoNested, []string{c.keyFile}
	}
	return p
}

// ServeHTTP serves the whole origin of the issuer.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.handler.ServeHTTP(w, r) }

// newEngine sets up the protocol.
func (i *Issuer) newEngine() (http.Handler, error) {
	s := i.shape
	var clients []*goidc.Client
	for _, c := range i.clients {
		known := &goidc.Client{ID: c.ID, Secret: c.secret, ClientMeta: goidc.ClientMeta{
			Name: c.Name, RedirectURIs: []string{c.RedirectURI}, PostLogoutRedirectURIs: []string{c.SignedOutURI},
			GrantTypes: []goidc.GrantType{goidc.GrantAuthorizationCode}, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode},
			ScopeIDs: strings.Join(slices.Sorted(maps.Keys(s.scopes)), " "), SubIdentifierType: goidc.SubIdentifierPairwise,
			IDTokenSigAlg: goidc.SigAlgES256, TokenAuthnMethod: s.authMethod,
		}}
		if s.signedInfo {
			known.UserInfoSigAlg = goidc.SigAlgES256
		}
		if c.Asserts && s.assertions {
			known.Secret, known.TokenAuthnMethod, known.TokenAuthnSigAlg = "", goidc.AuthnMethodPrivateKeyJWT, goidc.SigAlgES256
			known.JWKSURI = c.KeysURI
		}
		if i.extension.client != nil {
			i.extension.client(known)
		}
		clients = append(clients, known)
	}
	var acrs []goidc.ACR
	for _, l := range s.levels {
		acrs = append(acrs, goidc.ACR(l))
	}
	var scopes []goidc.Scope
	claims := map[string]bool{}
	for _, id := range slices.Sorted(maps.Keys(s.scopes)) {
		scopes = append(scopes, goidc.NewScope(id))
		for _, c := range s.scopes[id] {
			claims[c] = true
		}
	}
	grant := []provider.AuthCodeGrantOption{
		provider.WithAuthCodeLifetime(int(s.codeLifetime / time.Second)),
		provider.WithAuthCodeFunc(i.token),
		provider.WithIssuerResponseParameter(),
		provider.WithClaimsParameter(),
		provider.WithAuthPolicies(goidc.NewPolicy("password",
			func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }, i.extension.authenticate)),
	}
	if s.pkce {
		grant = append(grant, provider.WithPKCE([]goidc.CodeChallengeMethod{goidc.CodeChallengeMethodSHA256}, provider.WithPKCERequired()))
	}
	options := []provider.Option{
		provider.WithAuthCodeGrant(provider.AuthCodeGrantConfig{Manager: i.memory, ResponseTypes: []goidc.ResponseType{goidc.ResponseTypeCode}}, grant...),
		provider.WithAuthorizeEndpoint(s.authorize), provider.WithTokenEndpoint(s.token),
		provider.WithUserInfoEndpoint(s.userInfo), provider.WithJWKSEndpoint(s.jwks),
		provider.WithAuthnSessionIDFunc(i.token), provider.WithGrantIDFunc(i.token),
		provider.WithAuthSessionLifetime(int(requestLifetime / time.Second)),
		provider.WithScopes(scopes...), provider.WithOpenIDScopeRequired(), provider.WithACRs(acrs...),
		provider.WithIDTokenLifetime(int(s.tokenLifetime / time.Second)),
		provider.WithTokenOptions(func(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
			return goidc.NewOpaqueTokenOptions(int(s.tokenLifetime / time.Second))
		}, provider.WithOpaqueTokens(i.memory), provider.WithOpaqueTokenFunc(func(ctx context.Context, _ *goidc.Grant) string { return i.token(ctx) })),
		provider.WithSubjectIdentifiers([]goidc.SubIdentifierType{goidc.SubIdentifierPairwise},
			provider.WithPairwiseSubjectFunc(func(_ context.Context, who string, c *goidc.Client) string {
				p, ok := i.persona(who)
				if !ok {
					p.subject = who // a federator knows people by what others say of them
				}
				sector := c.ID
				if known, ok := i.client(c.ID); ok {
					sector = cmp.Or(known.Entity, c.ID)
				}
				return s.subject(i.pairwise, sector, p)
			})),
		provider.WithIDTokenClaims(i.idTokenClaims), provider.WithUserInfoClaims(i.userInfoClaims),
		provider.WithStaticClients(clients...), provider.WithLocalhostRedirectURIs(),
		provider.WithErrorRenderer(i.engineFault), provider.WithErrorHandler(i.engineLog),
		provider.WithJTIConsumer(i.memory.consume),
		provider.WithErrorURI(i.config.Origin + codesPath),
	}
	if s.logout != "" {
		// Only for the discovery document: the guard answers this address itself.
		options = append(options, provider.WithLogout(provider.LogoutConfig{HandleFunc: func(http.ResponseWriter, *http.Request, *goidc.LogoutSession) error {
			return errors.New("the guard answers")
		}}, provider.WithLogoutEndpoint(s.logout)))
	}
	if len(claims) > 0 {
		options = append(options, provider.WithClaims(slices.Sorted(maps.Keys(claims))...))
	}
	if s.authMethod == goidc.AuthnMethodSecretPost {
		options = append(options, provider.WithSecretPostAuthn())
	} else {
		options = append(options, provider.WithSecretBasicAuthn())
	}
	if s.assertions {
		options = append(options, provider.WithPrivateKeyJWTAuthn(goidc.SigAlgES256), provider.WithHTTPClientFunc(func(context.Context) *http.Client { return newKeyRing().http }))
	}
	if s.revocation != "" {
		options = append(options, provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true },
			provider.WithTokenRevocationEndpoint(s.revocation)))
	}
	if s.signedInfo {
		options = append(options, provider.WithUserInfoSignatureAlgs(goidc.SigAlgES256))
	}
	options = append(options, i.extension.options...)
	keys := goidc.JSONWebKeySet{Keys: []goidc.JSONWebKey{i.key}}
	op, err := provider.New(provider.Config{
		Issuer: i.Issuer(), Manager: i.memory, IDTokenAlgs: []goidc.SignatureAlgorithm{goidc.SigAlgES256},
		JWKS: func(context.Context) (goidc.JSONWebKeySet, error) { return keys, nil },
	}, options...)
	if err != nil {
		return nil, err
	}
	return op.Handler(), nil
}

// routes puts the engine behind the guard, and the pages behind the chain of the sites.
func (i *Issuer) routes() http.Handler {
	s := i.shape
	pages := http.NewServeMux()
	pages.HandleFunc("GET /{$}", i.home)
	pages.HandleFunc("GET "+s.base+s.authorize, i.authorize)
	pages.HandleFunc("GET "+s.base+"/interaction/{id}", i.interaction)
	pages.HandleFunc("POST "+s.base+"/interaction/{id}", i.interaction)
	pages.HandleFunc("GET "+peoplePath, i.peoplePage)
	pages.HandleFunc("GET "+codesPath, i.codesPage)
	switch {
	case i.extension.logout != nil:
		pages.HandleFunc("GET "+s.base+s.logout, i.extension.logout)
	case s.logout != "":
		pages.HandleFunc("GET "+s.base+s.logout, i.logout)
	}
	if i.extension.pages != nil {
		i.extension.pages(pages)
	}
	chain := i.kit.Handler(pages)

	top := http.NewServeMux()
	top.Handle("/", chain)
	top.HandleFunc("GET "+s.base+s.discovery, i.announce(func(w http.ResponseWriter, r *http.Request) {
		i.toEngine(w, r, "/.well-known/openid-configuration"+s.base, r.URL.Query())
	}))
	for _, name := range []string{"sandbox.css", "copy.js"} {
		top.Handle(i.kit.Asset(name), chain) // an extension may have static files of its own
	}
	if i.extension.endpoints != nil {
		i.extension.endpoints(top)
	}
	endpoints := []string{"GET " + s.jwks, "GET " + s.userInfo, "POST " + s.userInfo, "POST " + s.token}
	if s.revocation != "" {
		endpoints = append(endpoints, "POST "+s.revocation)
	}
	for _, endpoint := range endpoints {
		method, path, _ := strings.Cut(endpoint, " ")
		answer := func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			decodeBasic(r)
			i.toEngine(w, r, path, nil)
		}
		if s.bare && (path == s.token || path == s.userInfo) {
			answer = i.dress(answer)
		}
		top.HandleFunc(method+" "+s.base+path, answer)
	}
	// A client may send its authorization request as a form of its own page (OpenID Connect Core
	// 1.0, section 3.1.2.1). It changes nothing, so it is read as the query it stands for.
	top.HandleFunc("POST "+s.base+s.authorize, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		form := url.Values{}
		if err := r.ParseForm(); err == nil {
			form = r.PostForm
		}
		get := r.Clone(r.Context())
		get.Method, get.Body, get.ContentLength, get.Form, get.PostForm = http.MethodGet, http.NoBody, 0, nil, nil
		get.URL.RawQuery = form.Encode()
		chain.ServeHTTP(w, get)
	})
	if i.extension.wrap != nil {
		return i.extension.wrap(top)
	}
	return top
}

// toEngine hands a request over under the path that the engine knows it by.
func (i *Issuer) toEngine(w http.ResponseWriter, r *http.Request, path string, query url.Values) {
	c := r.Clone(context.WithValue(r.Context(), originalKey{}, r))
	c.URL.Path, c.URL.RawPath, c.URL.RawQuery = path, "", query.Encode()
	c.RequestURI = ""
	i.engine.ServeHTTP(w, c)
}

// token returns 256 random bits for codes, tokens and the names of requests.
func (i *Issuer) token(context.Context) string {
	b := make([]byte, 32)
	if _, err := io.ReadFull(i.random, b); err != nil {
		i.log.Error("the random source fails; the system's own is used", "err", err)
		return rand.Text() + rand.Text()
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func (i *Issuer) persona(identifier string) (persona, bool) {
	n := slices.IndexFunc(i.people, func(p persona) bool { return p.identifier == identifier })
	if n < 0 {
		return persona{}, false
	}
	return i.people[n], true
}

// idTokenClaims adds to an ID token. The times replace those of the engine's clock.
func (i *Issuer) idTokenClaims(_ context.Context, g *goidc.Grant) map[string]any {
	now := i.clock().Unix()
	acr, ok := g.Store[storeACR].(string)
	if !ok {
		acr = i.shape.levels[0]
	}
	claims := map[string]any{"acr": acr, "iat": now, "exp": now + int64(i.shape.tokenLifetime/time.Second)}
	if at, ok := g.Store[storeAuthTime].(int64); ok {
		claims["auth_time"] = at
	}
	if sid, ok := g.Store[storeSID].(string); ok {
		claims["sid"] = sid
	}
	if asked := g.AuthParams.Claims; asked != nil && slices.Contains(asked.IDTokenEssentials(), "amr") {
		claims["amr"] = []string{"pwd"}
		if amr, ok := g.Store[storeAMR].([]string); ok {
			claims["amr"] = amr
		}
	}
	return claims
}

// userInfoClaims is what the granted scopes open. Signed, it also has its times, which the engine
// leaves out.
func (i *Issuer) userInfoClaims(_ context.Context, g *goidc.Grant) map[string]any {
	all, ok := g.Store[storeClaims].(map[string]any)
	if p, known := i.persona(g.Subject); known && !ok {
		all, ok = p.claims, true
	}
	if !ok {
		return nil
	}
	claims := map[string]any{}
	for scope := range strings.FieldsSeq(g.Scopes) {
		if open, known := i.shape.scopes[scope]; known && open == nil {
			maps.Copy(claims, all)
		}
	}
	opened := i.opened(g.Scopes)
	if asked := g.AuthParams.Claims; asked != nil {
		// A claim can be asked by its name too, if a scope of this issuer opens it.
		for name := range asked.UserInfo {
			if slices.ContainsFunc(slices.Collect(maps.Values(i.shape.scopes)), func(list []string) bool { return slices.Contains(list, name) }) {
				opened = append(opened, name)
			}
		}
	}
	for _, name := range opened {
		if v, ok := all[name]; ok {
			claims[name] = v
		}
	}
	if i.shape.signedInfo {
		now := i.clock().Unix()
		claims["iat"], claims["exp"] = now, now+int64(i.shape.tokenLifetime/time.Second)
	}
	return claims
}

// pairwiseSubject gives each client its own subject for a person: 64 hexadecimal digits and v1.
// The parts are prefixed with their lengths, so that no two lists of parts run into one another.
func pairwiseSubject(secret []byte, client string, p persona) string {
	var b bytes.Buffer
	for _, part := range [][]byte{secret, []byte(client), []byte(p.subject)} {
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		b.Write(part)
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:]) + "v1"
}

// nationalSubject is f:<uuid of the directory>:<national identifier>, the same for every client.
func nationalSubject(secret []byte, _ string, p persona) string {
	sum := sha256.Sum256(secret)
	return "f:" + carnet.DerivedID(sum[:]).String() + ":" + p.subject
}

// logout ends at the issuer what ended at the client (specification, section 2.9).
func (i *Issuer) logout(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c, ok := i.hinted(q.Get("id_token_hint"))
	if !ok {
		i.faultPage(w, r, http.StatusBadRequest, faultHint)
		return
	}
	back := q.Get("post_logout_redirect_uri")
	if back != "" && back != c.SignedOutURI {
		i.faultPage(w, r, http.StatusBadRequest, faultSignedOut)
		return
	}
	if i.extension.signOut != nil {
		i.extension.signOut(w, r)
	}
	if back == "" {
		v := pageView{Page: i.kit.Page(r, "signed-out.title")}
		i.kit.Render(w, original(r), http.StatusOK, "signed-out", &v)
		return
	}
	http.Redirect(w, r, withState(back, q.Get("state")), http.StatusSeeOther)
}

// withState is the address to go back to after a logout.
func withState(back, state string) string {
	if state == "" {
		return back
	}
	separator := "?"
	if strings.Contains(back, "?") {
		separator = "&"
	}
	return back + separator + url.Values{"state": {state}}.Encode()
}

// hinted is the client that one of our ID tokens was made for, expired or not.
func (i *Issuer) hinted(hint string) (client, bool) {
	t, err := jwt.ParseSigned(hint, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return client{}, false
	}
	var c jwt.Claims
	if t.Claims(i.key.Public().Key, &c) != nil || c.Issuer != i.Issuer() || len(c.Audience) != 1 {
		return client{}, false
	}
	return i.client(c.Audience[0])
}

func (i *Issuer) engineLog(ctx context.Context, err error) {
	code := "internal"
	if e, ok := errors.AsType[goidc.Error](err); ok {
		code = string(e.Code)
	}
	i.log.InfoContext(ctx, "request refused", "code", code)
}

// engineFault draws the page of an error that the engine does not send back to the client.
func (i *Issuer) engineFault(w http.ResponseWriter, r *http.Request, err error) error {
	if e, ok := errors.AsType[goidc.Error](err); ok && e.Code == goidc.ErrorCodeInvalidRequest {
		i.faultPage(w, r, http.StatusUnauthorized, faultSession)
		return nil
	}
	i.kit.Fail(w, original(r), carnet.E("sandbox", carnet.Internal, "internal", err))
	return nil
}
