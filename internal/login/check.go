package login

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Finding compares one thing that a profile expects with what the metadata of the provider say.
type Finding struct {
	Key      string `json:"key"`      // of the metadata: "acr_values_supported"
	Wanted   string `json:"wanted"`   // by the profile
	Promised string `json:"promised"` // by the provider; empty when it says nothing
	OK       bool   `json:"ok"`
}

// Check reads the metadata and the keys, and compares what they promise with the profile. Only an
// error stops a login; a difference is for the operator to read, at the start or with the command
// "carnet login check": metadata are known to be wrong about what a provider does.
func (p *Provider) Check(ctx context.Context) ([]Finding, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return nil, err
	}
	f := p.profile
	list := []Finding{{"issuer", f.Issuer, m.Issuer, true}}
	promise := func(key string, wanted, promised []string, silent bool) {
		ok := silent && len(promised) == 0
		if !ok {
			ok = !slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(promised, w) })
		}
		list = append(list, Finding{key, strings.Join(wanted, " "), strings.Join(promised, " "), ok})
	}
	flag := func(key string, promised bool) {
		list = append(list, Finding{key, "true", map[bool]string{true: "true"}[promised], promised})
	}
	present := func(key, address string) {
		list = append(list, Finding{key, "present", address, address != ""})
	}
	promise("token_endpoint_auth_methods_supported", []string{f.AuthMethod}, m.AuthMethods, true)
	promise("id_token_signing_alg_values_supported", f.IDTokenAlgs, m.Algs, true)
	promise("scopes_supported", f.Scopes, m.Scopes, true)
	if len(f.ACRRequest) > 0 {
		promise("acr_values_supported", f.ACRRequest, m.ACRs, false)
	}
	if f.ACRBy == ACRByClaims || len(f.AMRNeed) > 0 {
		flag("claims_parameter_supported", m.ClaimsParam)
	}
	if f.PKCE {
		promise("code_challenge_methods_supported", []string{"S256"}, m.Challenges, false)
	}
	if f.RequireIss {
		flag("authorization_response_iss_parameter_supported", m.ResponseIss)
	}
	if f.UserInfo != UserInfoRaw {
		promise("userinfo_signing_alg_values_supported", f.IDTokenAlgs, m.InfoAlgs, true)
	}
	var ours []string
	for _, k := range p.enc {
		ours = append(ours, k.Algorithm)
	}
	if len(ours) > 0 {
		promise("id_token_encryption_alg_values_supported", ours, m.EncAlgs, true)
	}
	if f.UserInfo == UserInfoNested {
		promise("userinfo_encryption_alg_values_supported", ours, m.InfoEncAlgs, true)
	}
	if f.LoginMode == ModeCIBA {
		promise("backchannel_token_delivery_modes_supported", []string{"poll"}, m.Delivery, false)
		if f.CIBA.Cancel {
			present("backchannel_authentication_cancel_endpoint", m.Cancel)
		}
	}
	if f.Logout != LogoutNone {
		present("end_session_endpoint", m.EndSession)
	}
	if f.Revoke {
		present("revocation_endpoint", m.Revocation)
	}
	keys, err := m.keys.find(ctx, "")
	if err != nil {
		return list, err
	}
	return append(list, Finding{"jwks_uri", "a key", fmt.Sprintf("keys: %d", len(keys)), len(keys) > 0}), nil
}
