package sandbox

import (
	"time"

	"carnet/internal/login"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// professionals imitates Pro Santé Connect.
var professionals = shape{
	name: "psc", base: "/auth/realms/esante-wallet",
	discovery: "/.well-known/wallet-openid-configuration", authorize: "/protocol/openid-connect/auth",
	token: "/protocol/openid-connect/token", userInfo: "/protocol/openid-connect/userinfo",
	jwks: "/protocol/openid-connect/certs", logout: "/protocol/openid-connect/logout",
	clientID: "carnet-pro", authMethod: goidc.AuthnMethodSecretBasic,
	codeLifetime: 60 * time.Second, tokenLifetime: 120 * time.Second,
	levels:  []string{"eidas1"},
	scopes:  map[string][]string{"openid": {}, "scope_all": nil},
	need:    []string{"client_id", "redirect_uri", "response_type", "scope"},
	pkce:    true,
	subject: nationalSubject,
	codes: map[string]string{
		faultParameter: "invalid_request", faultClient: "invalid_client", faultRedirect: "invalid_redirect_uri",
		faultSession: "expired_code", faultHint: "invalid_token",
	},
	profile: login.Profile{
		AuthMethod: login.SecretBasic, Scopes: []string{"openid", "scope_all"}, PKCE: true, Prompt: "login", AuthTime: true,
		ACRRequest: []string{"eidas1"}, ACRMin: "eidas1", UserInfo: login.UserInfoRaw,
	},
}
