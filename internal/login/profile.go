package login

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// Profile describes a provider and what we agreed with it (specification, section 7). It is read
// from the configuration.
type Profile struct {
	Name         string        `toml:"name"`          // short: it ends the redirect URI; lower case, digits, hyphen
	DiscoveryURL string        `toml:"discovery_url"` // where the metadata is; not always below the issuer
	Issuer       string        `toml:"issuer"`        // must equal the issuer of the metadata and of every token
	Hosts        []string      `toml:"hosts"`         // hosts that its endpoints may have; default: those of the two addresses above
	ClientID     string        `toml:"client_id"`
	SecretFile   string        `toml:"secret_file"`       // file with the client secret and nothing else
	AuthMethod   string        `toml:"auth_method"`       // client_secret_post or client_secret_basic
	Scopes       []string      `toml:"scopes"`            // with openid
	PKCE         bool          `toml:"pkce"`              // S256. A switch, never "auto": a provider may advertise it and refuse it
	Prompt       string        `toml:"prompt"`            // "login" to be asked again each time, or empty
	ACRRequest   []string      `toml:"acr_request"`       // levels asked, in acr_values
	ACRMin       string        `toml:"acr_min"`           // level below which nobody enters
	ACROrder     []string      `toml:"acr_order"`         // known levels, weakest first; default: eidas1 eidas2 eidas3
	AuthTime     bool          `toml:"require_auth_time"` // auth_time must be there and fall within this login
	IDTokenAlgs  []string      `toml:"id_token_algs"`     // default: ES256
	UserInfo     string        `toml:"userinfo"`          // json, or jwt: signed, with the algorithms above
	RequireIss   bool          `toml:"require_iss"`       // the answer must carry iss (RFC 9207)
	ClockSkew    time.Duration `toml:"clock_skew"`        // default 10 s, at most 2 min
}

// Values of Profile.AuthMethod and Profile.UserInfo.
const (
	SecretPost  = "client_secret_post"
	SecretBasic = "client_secret_basic"
	UserInfoRaw = "json"
	UserInfoJWT = "jwt"
)

const (
	defaultSkew   = 10 * time.Second
	maxSkew       = 2 * time.Minute
	maxSecretFile = 4096
)

// asymmetric lists the algorithms that a profile may name.
var asymmetric = []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA"}

// withDefaults fills what may be left out.
func (p Profile) withDefaults() Profile {
	if len(p.ACROrder) == 0 {
		p.ACROrder = []string{"eidas1", "eidas2", "eidas3"}
	}
	if len(p.IDTokenAlgs) == 0 {
		p.IDTokenAlgs = []string{"ES256"}
	}
	if p.ClockSkew == 0 {
		p.ClockSkew = defaultSkew
	}
	if len(p.Hosts) == 0 {
		for _, s := range []string{p.Issuer, p.DiscoveryURL} {
			if u, err := url.Parse(s); err == nil && u.Host != "" && !slices.Contains(p.Hosts, u.Host) {
				p.Hosts = append(p.Hosts, u.Host)
			}
		}
	}
	return p
}

// Validate reports every fault of a profile, as carnet.Problems with the key as field.
func (p Profile) Validate() error {
	p = p.withDefaults()
	var faults carnet.Problems
	fault := func(key, format string, a ...any) {
		faults = append(faults, &carnet.Error{Op: "login.Profile", Kind: carnet.Invalid, Code: CodeProfile, Field: key, Err: fmt.Errorf(format, a...)})
	}
	if !plainName(p.Name) {
		fault("name", "%q is not lower-case letters, digits and hyphens", p.Name)
	}
	for key, s := range map[string]string{"discovery_url": p.DiscoveryURL, "issuer": p.Issuer} {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !secure(u) {
			fault(key, "%q is not an https address (http is for a loopback host)", s)
		}
	}
	if p.ClientID == "" {
		fault("client_id", "missing")
	}
	if p.SecretFile == "" {
		fault("secret_file", "missing")
	}
	if p.AuthMethod != SecretPost && p.AuthMethod != SecretBasic {
		fault("auth_method", "%q is neither %s nor %s", p.AuthMethod, SecretPost, SecretBasic)
	}
	if !slices.Contains(p.Scopes, "openid") {
		fault("scopes", "openid is missing")
	}
	if p.Prompt != "" && p.Prompt != "login" {
		fault("prompt", "%q is neither empty nor login", p.Prompt)
	}
	for _, alg := range p.IDTokenAlgs {
		if !slices.Contains(asymmetric, alg) {
			fault("id_token_algs", "%q is not an asymmetric signature algorithm", alg)
		}
	}
	if !slices.Contains(p.ACROrder, p.ACRMin) {
		fault("acr_min", "%q is not one of %v", p.ACRMin, p.ACROrder)
	}
	if p.UserInfo != UserInfoRaw && p.UserInfo != UserInfoJWT {
		fault("userinfo", "%q is neither %s nor %s", p.UserInfo, UserInfoRaw, UserInfoJWT)
	}
	if p.ClockSkew < 0 || p.ClockSkew > maxSkew {
		fault("clock_skew", "%s is not between 0 and %s", p.ClockSkew, maxSkew)
	}
	slices.SortFunc(faults, func(a, b *carnet.Error) int { return strings.Compare(a.Field, b.Field) })
	return faults.Err()
}

// enough reports that a level is at least the least one accepted.
func (p Profile) enough(acr string) bool {
	return slices.Contains(p.ACROrder[slices.Index(p.ACROrder, p.ACRMin):], acr)
}

// secret reads the client secret.
func (p Profile) secret() (string, error) {
	f, err := os.Open(p.SecretFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, maxSecretFile+1)
	n, err := f.Read(b)
	if err != nil {
		return "", fmt.Errorf("read the client secret: %w", err)
	}
	if n > maxSecretFile {
		return "", fmt.Errorf("the client secret is longer than %d bytes", maxSecretFile)
	}
	s := strings.TrimSpace(string(b[:n]))
	if s == "" {
		return "", fmt.Errorf("the file of the client secret is empty")
	}
	return s, nil
}

// secure reports https, or http on this very machine.
func secure(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}
