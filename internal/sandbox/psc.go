package sandbox

import (
	"crypto/ecdsa"
	"errors"
	"net/http"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/sandbox/phone"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// professionals imitates Pro Santé Connect.
var professionals = shape{
	name: "psc", base: "/auth/realms/esante-wallet",
	discovery: "/.well-known/wallet-openid-configuration", authorize: "/protocol/openid-connect/auth",
	token: "/protocol/openid-connect/token", userInfo: "/protocol/openid-connect/userinfo",
	jwks: "/protocol/openid-connect/certs", logout: "/protocol/openid-connect/logout", revocation: "/protocol/openid-connect/revoke",
	clientID: "carnet-pro", authMethod: goidc.AuthnMethodSecretBasic,
	codeLifetime: 60 * time.Second, tokenLifetime: 120 * time.Second,
	levels:  []string{"eidas1"},
	scopes:  map[string][]string{"openid": {}, "scope_all": nil},
	need:    []string{"client_id", "redirect_uri", "response_type", "scope"},
	pkce:    true,
	subject: nationalSubject,
	codes: map[string]string{
		faultParameter: "invalid_request", faultClient: "invalid_client", faultRedirect: "invalid_redirect_uri",
		faultSession: "expired_code", faultHint: "invalid_token", faultSignedOut: "invalid_redirect_uri",
	},
	profile: login.Profile{
		AuthMethod: login.SecretBasic, Scopes: []string{"openid", "scope_all"}, PKCE: true, Prompt: "login", AuthTime: true,
		ACRRequest: []string{"eidas1"}, ACRMin: "eidas1", UserInfo: login.UserInfoRaw,
	},
	extend: withPhones,
}

// PushProfile is what a site needs to know to ask the phones: the professional types the e-CPS number
// there and approves on the phone. Profile is for the page of the issuer instead.
func (i *Issuer) PushProfile() login.Profile {
	p := i.Profile()
	p.LoginMode = login.ModeCIBA
	p.Logout = login.LogoutPost
	p.CIBA = login.CIBA{Channel: "MOBILE", BindingDigits: 2, MaxWait: phone.DefaultLife, Context: true, Cancel: true}
	return p
}

// Phones are the phones of the professionals, for who wires them; nil for another issuer.
func (i *Issuer) Phones() *phone.Service { return i.phones }

// withPhones gives the issuer its phones and the back channel to them.
func withPhones(i *Issuer) (extension, error) {
	pepper, err := i.vault.bytes(i.shape.name + ".pepper")
	if err != nil {
		return extension{}, err
	}
	vapid, err := i.vault.signingKey(i.shape.name + "-push")
	if err != nil {
		return extension{}, err
	}
	key, ok := vapid.Key.(*ecdsa.PrivateKey)
	if !ok {
		return extension{}, errors.New("the key of pushes is not one of ours")
	}
	b := &backchannel{i: i, strict: i.shared.Told, calls: newLimiter(i.clock)}
	var people []phone.Person
	for _, p := range i.people {
		people = append(people, phone.Person{ID: p.identifier, Name: carnet.Hide(p.name), Number: carnet.Hide(p.subject), Story: p.story.In})
	}
	b.phones, err = phone.New(phone.Config{
		Dir: i.shared.Dir, Origin: i.config.Origin, People: people, Pepper: pepper, Vapid: key, Contact: i.config.Origin,
		PushHosts: i.shared.PushHosts, End: b.end, Clock: i.clock, Rand: i.random, Log: i.log,
		HTTPS: strings.HasPrefix(i.config.Origin, "https:"),
	})
	if err != nil {
		return extension{}, err
	}
	i.phones = b.phones
	return extension{
		authenticate: b.authenticate,
		options:      b.options(),
		client: func(c *goidc.Client) {
			c.GrantTypes = append(c.GrantTypes, goidc.GrantCIBA)
			c.CIBATokenDeliveryMode = goidc.CIBADeliveryModePoll
		},
		endpoints: b.endpoints,
		metadata:  b.metadata(),
		wrap:      b.wrap,
		close:     b.phones.Close,
	}, nil
}

func (b *backchannel) endpoints(mux *http.ServeMux) {
	base := b.i.shape.base
	mux.HandleFunc("POST "+base+pushPath, b.push)
	mux.HandleFunc("POST "+base+cancelPath, b.cancel)
	mux.HandleFunc("POST "+base+b.i.shape.logout, b.endHere)
	mux.HandleFunc("POST "+base+introspectPath, b.introspect)
	pages := b.phones.Handler()
	mux.Handle(phone.Path, pages)
	mux.Handle(phone.Path+"/", pages)
	for _, address := range b.phones.Assets() {
		mux.Handle("GET "+address, pages)
	}
}

// wrap stands before the token endpoint, which the engine serves.
func (b *backchannel) wrap(next http.Handler) http.Handler {
	base := b.i.shape.base
	redeem := b.redeem(next.ServeHTTP)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == base+b.i.shape.token {
			redeem(w, r)
		} else {
			next.ServeHTTP(w, r)
		}
	})
}
