package sandbox

import (
	"time"

	"carnet/internal/login"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// pivotScopes are the scopes by which both FranceConnect platforms speak of a person.
func pivotScopes() map[string][]string {
	return map[string][]string{
		"openid": {}, "given_name": {"given_name"}, "family_name": {"family_name"}, "birthdate": {"birthdate"},
		"gender": {"gender"}, "birthplace": {"birthplace"}, "birthcountry": {"birthcountry"},
		"preferred_username": {"preferred_username"}, "email": {"email"},
		"profile":        {"given_name", "family_name", "birthdate", "gender", "preferred_username"},
		"birth":          {"birthplace", "birthcountry"},
		"identite_pivot": pivot,
	}
}

// citizens imitates FranceConnect.
func citizens() shape {
	s := shape{
		name: "fc", base: "/api/v2",
		discovery: "/.well-known/openid-configuration", authorize: "/authorize", token: "/token",
		userInfo: "/userinfo", jwks: "/jwks", logout: "/session/end", revocation: "/token/revocation",
		clientID: "carnet-attestation", authMethod: goidc.AuthnMethodSecretPost,
		codeLifetime: 30 * time.Second, tokenLifetime: 60 * time.Second,
		levels: []string{"eidas1"}, reuse: "eidas1", federates: true,
		scopes:   pivotScopes(),
		allow:    []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "acr_values", "claims", "prompt", "idp_hint", "ui_locales"},
		need:     []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "acr_values"},
		prompts:  []string{"login", "consent"},
		minNonce: 22, oneLevel: true, signedInfo: true, bare: true, assertions: true, remembers: true,
		subject: pairwiseSubject,
		codes: map[string]string{
			faultParameter: "Y030007", faultClient: "Y04EA6EF", faultRedirect: "Y04C013C", faultSector: "Y04A8220", faultSeveral: "Y040001",
			faultSession: "Y190001", faultHint: "Y030007", faultSignedOut: "Y030007",
		},
		profile: login.Profile{
			AuthMethod: login.SecretPost, Scopes: []string{"openid", "identite_pivot", "preferred_username", "email"},
			ACRRequest: []string{"eidas1"}, ACRMin: "eidas1", UserInfo: login.UserInfoJWT, Revoke: true,
		},
	}
	for scope, claims := range s.scopes {
		if len(claims) > 0 && claims[0] == "given_name" {
			s.scopes[scope] = append([]string{"given_name_array"}, claims...)
		}
	}
	s.scopes["idp_birthdate"], s.scopes["idp_id"] = []string{"idp_birthdate"}, []string{"idp_id"}
	return s
}

// citizensPlus imitates FranceConnect+: higher levels, encrypted tokens, the identity of the
// identity provider with that of civil status beside it.
func citizensPlus() shape {
	s := citizens()
	s.name, s.levels, s.reuse, s.twins, s.seals = "fc-plus", []string{"eidas2", "eidas3"}, "eidas2", true, true
	s.scopes, s.patience = pivotScopes(), citizenPlusSession
	for _, scope := range []string{"given_name", "family_name", "gender", "birthdate", "birthplace", "birthcountry", "profile", "birth", "identite_pivot"} {
		claims := s.scopes[scope]
		for _, c := range claims {
			if c == "preferred_username" {
				continue
			}
			claims = append(claims, "rnipp_"+c)
			if c == "given_name" {
				claims = append(claims, "rnipp_given_name_array")
			}
		}
		s.scopes["rnipp_"+scope] = claims
	}
	s.profile.ACRRequest, s.profile.ACRMin = []string{"eidas2"}, "eidas2"
	return s
}

// Sessions of the two platforms.
const (
	citizenSession     = 30 * time.Minute
	citizenPlusSession = 10 * time.Minute
)

// identityProvider imitates one of the identity providers behind a federator.
func identityProvider(name string, levels []string) shape {
	return shape{
		name:      name,
		discovery: "/.well-known/openid-configuration", authorize: "/authorize", token: "/token", userInfo: "/userinfo", jwks: "/jwks",
		clientID: "fc", authMethod: goidc.AuthnMethodSecretPost,
		codeLifetime: 30 * time.Second, tokenLifetime: 60 * time.Second,
		levels: levels, scopes: map[string][]string{"openid": nil}, signedInfo: true, bare: true,
		need:    []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce"},
		subject: pairwiseSubject,
		codes: map[string]string{
			faultParameter: "invalid_request", faultClient: "invalid_client", faultRedirect: "invalid_redirect_uri", faultSession: "expired_request",
		},
		profile: login.Profile{
			AuthMethod: login.SecretPost, Scopes: []string{"openid"}, Prompt: "login", AuthTime: true, UserInfo: login.UserInfoJWT,
		},
	}
}

// identityProviders are those of the sandbox with the levels that they give, in the order of the chooser.
var identityProviders = []struct {
	name   string
	levels []string
}{
	{"ameli", []string{"eidas1"}},
	{"laposte", []string{"eidas2"}},
	{"impots", []string{"eidas1"}},
	{"msa", []string{"eidas1", "eidas2", "eidas3"}},
}

// IdentityProviders lists the names of the identity providers behind the federators.
func IdentityProviders() []string {
	var names []string
	for _, p := range identityProviders {
		names = append(names, p.name)
	}
	return names
}
