package login

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// Profile describes a provider and what we agreed with it (specification, section 7). It is read
// from the configuration; docs/login.md explains each key.
type Profile struct {
	Preset       string   `toml:"preset"`        // ready profile that this one began with (see Preset)
	Name         string   `toml:"name"`          // short: it ends the redirect URI; lower case, digits, hyphen
	DiscoveryURL string   `toml:"discovery_url"` // where the metadata is; not always below the issuer
	Issuer       string   `toml:"issuer"`        // must equal the issuer of the metadata and of every token
	Hosts        []string `toml:"hosts"`         // hosts that its endpoints may have; default: those of the two addresses above
	Sandbox      bool     `toml:"sandbox"`       // the provider is a sandbox of this project; without it one is refused
	CAFile       string   `toml:"ca_file"`       // authorities of its servers (PEM); default: those of the machine

	ClientID   string `toml:"client_id"`
	AuthMethod string `toml:"auth_method"` // client_secret_post, client_secret_basic, private_key_jwt or tls_client_auth
	SecretFile string `toml:"secret_file"` // file with the client secret and nothing else
	KeyFile    string `toml:"key_file"`    // private key (PEM) of private_key_jwt or of the certificate
	CertFile   string `toml:"cert_file"`   // certificate chain (PEM) of tls_client_auth

	Scopes      []string          `toml:"scopes"`       // with openid
	ExtraParams map[string]string `toml:"extra_params"` // more parameters of the authorization request
	PKCE        bool              `toml:"pkce"`         // S256. A switch, never "auto": a provider may advertise it and refuse it
	Prompt      string            `toml:"prompt"`       // "login" to be asked again each time, or empty
	RequireIss  bool              `toml:"require_iss"`  // the answer must carry iss (RFC 9207)

	ACRRequest  []string `toml:"acr_request"`       // levels asked
	ACRBy       string   `toml:"acr_by"`            // how they are asked: acr_values (default) or claims
	ACRMin      string   `toml:"acr_min"`           // level below which nobody enters, or
	ACROrder    []string `toml:"acr_order"`         //   its order, weakest first; default: eidas1 eidas2 eidas3
	ACRAccept   []string `toml:"acr_accept"`        // the levels that enter, where no order exists
	AllowLowACR bool     `toml:"allow_low_acr"`     // in production, insured people may enter below eidas2
	AMRNeed     []string `toml:"amr_need"`          // means that must all have been used; asked through claims
	AuthTime    bool     `toml:"require_auth_time"` // auth_time must be there and fall within this login
	SIRET       []string `toml:"siret"`             // organisations whose staff enter; empty: the claim is not looked at

	IDTokenAlgs []string      `toml:"id_token_algs"` // default: ES256
	UserInfo    string        `toml:"userinfo"`      // json; jwt: signed, with the algorithms above; nested: signed, then encrypted
	EncKeys     []string      `toml:"enc_keys"`      // our private keys (PEM) that ID tokens, and nested user information, are encrypted for
	ClockSkew   time.Duration `toml:"clock_skew"`    // default 10 s, at most 2 min

	LoginMode string `toml:"login_mode"` // code (default), or ciba: the site asks for the number and the phone rings
	CIBA      CIBA   `toml:"ciba"`
	Logout    string `toml:"logout"` // get (default): the browser goes there; post: this server does; none
	Revoke    bool   `toml:"revoke"` // give the access token back once the user information is read
}

// CIBA says how a phone is reached (specification, section 4.4).
type CIBA struct {
	Channel       string        `toml:"channel"`        // parameter of the request: MOBILE or CARD; empty: not sent
	BindingDigits int           `toml:"binding_digits"` // of the number shown on the computer: 2 to 8, default 2
	MaxWait       time.Duration `toml:"max_wait"`       // life of a call, 30 s to 5 min, default 2 min
	Context       bool          `toml:"context"`        // send request_context: who asks, from where, for whom
	Cancel        bool          `toml:"cancel"`         // there is a private endpoint to take a call back
}

// Values of Profile.AuthMethod, Profile.UserInfo, Profile.ACRBy, Profile.LoginMode and
// Profile.Logout.
const (
	SecretPost    = "client_secret_post"
	SecretBasic   = "client_secret_basic"
	PrivateKeyJWT = "private_key_jwt"
	MutualTLS     = "tls_client_auth"

	UserInfoRaw    = "json"
	UserInfoJWT    = "jwt"
	UserInfoNested = "nested"

	ACRByValues = "acr_values"
	ACRByClaims = "claims"

	ModeCode = "code"
	ModeCIBA = "ciba"

	LogoutGet  = "get"
	LogoutPost = "post"
	LogoutNone = "none"
)

const (
	defaultSkew   = 10 * time.Second
	maxSkew       = 2 * time.Minute
	maxSecretFile = 4096
	maxKeyFile    = 64 << 10
	substantial   = "eidas2" // least level of insured people in production (PGSSI-S)
)

// asymmetric lists the algorithms that a profile may name.
var asymmetric = []string{"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA"}

// ownParams are the parameters of an authorization request that are ours to set. The request
// objects are among them: nothing may speak over what we ask.
var ownParams = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "acr_values", "claims",
	"code_challenge", "code_challenge_method", "request", "request_uri"}

// withDefaults fills what may be left out.
func (p Profile) withDefaults() Profile {
	def := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	def(&p.ACRBy, ACRByValues)
	def(&p.LoginMode, ModeCode)
	def(&p.Logout, LogoutGet)
	if len(p.ACROrder) == 0 {
		p.ACROrder = []string{"eidas1", "eidas2", "eidas3"}
	}
	if len(p.IDTokenAlgs) == 0 {
		p.IDTokenAlgs = []string{"ES256"}
	}
	if p.ClockSkew == 0 {
		p.ClockSkew = defaultSkew
	}
	if p.CIBA.BindingDigits == 0 {
		p.CIBA.BindingDigits = 2
	}
	if p.CIBA.MaxWait == 0 {
		p.CIBA.MaxWait = 2 * time.Minute
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

// faults collects what is wrong with a profile.
type faults carnet.Problems

func (f *faults) add(key, format string, a ...any) {
	*f = append(*f, &carnet.Error{Op: "login.Profile", Kind: carnet.Invalid, Code: CodeProfile, Field: key, Err: fmt.Errorf(format, a...)})
}

// oneOf faults a value that is not listed.
func (f *faults) oneOf(key, v string, list ...string) {
	if !slices.Contains(list, v) {
		f.add(key, "%q is not one of %v", v, list)
	}
}

func (f faults) err() error {
	slices.SortStableFunc(f, func(a, b *carnet.Error) int { return strings.Compare(a.Field, b.Field) })
	return carnet.Problems(f).Err()
}

// Validate reports every fault of a profile, as carnet.Problems with the key as field. It reads no
// file: NewProvider does.
func (p Profile) Validate() error {
	p = p.withDefaults()
	var f faults
	if !plainName(p.Name) {
		f.add("name", "%q is not lower-case letters, digits and hyphens", p.Name)
	}
	for key, s := range map[string]string{"discovery_url": p.DiscoveryURL, "issuer": p.Issuer} {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !secure(u) {
			f.add(key, "%q is not an https address (http is for a loopback host)", s)
		}
	}
	if p.ClientID == "" {
		f.add("client_id", "missing")
	}
	p.validateClient(&f)
	if !slices.Contains(p.Scopes, "openid") {
		f.add("scopes", "openid is missing")
	}
	for name := range p.ExtraParams {
		if slices.Contains(ownParams, name) {
			f.add("extra_params", "%s is set by the program", name)
		}
	}
	f.oneOf("prompt", p.Prompt, "", "login")
	for _, alg := range p.IDTokenAlgs {
		if !slices.Contains(asymmetric, alg) {
			f.add("id_token_algs", "%q is not an asymmetric signature algorithm", alg)
		}
	}
	f.oneOf("acr_by", p.ACRBy, ACRByValues, ACRByClaims)
	switch {
	case len(p.ACRAccept) > 0 && p.ACRMin != "":
		f.add("acr_accept", "acr_min is there too: give one of the two")
	case len(p.ACRAccept) == 0 && !slices.Contains(p.ACROrder, p.ACRMin):
		f.add("acr_min", "%q is not one of %v", p.ACRMin, p.ACROrder)
	}
	for _, s := range p.SIRET {
		if !isSIRET(s) {
			f.add("siret", "%q is not 14 digits", s)
		}
	}
	f.oneOf("userinfo", p.UserInfo, UserInfoRaw, UserInfoJWT, UserInfoNested)
	if p.UserInfo == UserInfoNested && len(p.EncKeys) == 0 {
		f.add("enc_keys", "needed to read nested user information")
	}
	if p.ClockSkew < 0 || p.ClockSkew > maxSkew {
		f.add("clock_skew", "%s is not between 0 and %s", p.ClockSkew, maxSkew)
	}
	f.oneOf("login_mode", p.LoginMode, ModeCode, ModeCIBA)
	f.oneOf("ciba.channel", p.CIBA.Channel, "", "MOBILE", "CARD")
	if n := p.CIBA.BindingDigits; n < 2 || n > 8 {
		f.add("ciba.binding_digits", "%d is not between 2 and 8", n)
	}
	if d := p.CIBA.MaxWait; d < minCall || d > maxCall {
		f.add("ciba.max_wait", "%s is not between %s and %s", d, minCall, maxCall)
	}
	f.oneOf("logout", p.Logout, LogoutGet, LogoutPost, LogoutNone)
	return f.err()
}

// validateClient checks that what the client proves itself with is there, and nothing else.
func (p Profile) validateClient(f *faults) {
	methods := []string{SecretPost, SecretBasic, PrivateKeyJWT, MutualTLS}
	if f.oneOf("auth_method", p.AuthMethod, methods...); !slices.Contains(methods, p.AuthMethod) {
		return
	}
	for _, x := range []struct {
		key, value string
		methods    []string
	}{
		{"secret_file", p.SecretFile, []string{SecretPost, SecretBasic}},
		{"key_file", p.KeyFile, []string{PrivateKeyJWT, MutualTLS}},
		{"cert_file", p.CertFile, []string{MutualTLS}},
	} {
		switch needed := slices.Contains(x.methods, p.AuthMethod); {
		case needed && x.value == "":
			f.add(x.key, "missing: auth_method is %s", p.AuthMethod)
		case !needed && x.value != "":
			f.add(x.key, "has no effect with auth_method %s", p.AuthMethod)
		}
	}
}

// Production reports what a profile may not be where real people log in (specification, R27): on
// http, on this very machine, a sandbox, or for insured people below the level "substantial" without saying
// so. Problems have the key as field, as those of Validate.
func (p Profile) Production(insured bool) error {
	p = p.withDefaults()
	var f faults
	for key, s := range map[string]string{"discovery_url": p.DiscoveryURL, "issuer": p.Issuer} {
		if u, err := url.Parse(s); err != nil || u.Scheme != "https" || loopback(u) {
			f.add(key, "%q is not an https address of another machine", s)
		}
	}
	if p.Sandbox {
		f.add("sandbox", "nobody of the production profile logs in at a sandbox")
	}
	if insured && !p.AllowLowACR {
		floor := slices.Index(p.ACROrder, substantial)
		switch {
		case len(p.ACRAccept) > 0 && slices.ContainsFunc(p.ACRAccept, func(acr string) bool { return floor < 0 || slices.Index(p.ACROrder, acr) < floor }):
			f.add("acr_accept", "a level is below %s; allow_low_acr = true accepts that", substantial)
		case len(p.ACRAccept) == 0 && (floor < 0 || slices.Index(p.ACROrder, p.ACRMin) < floor):
			f.add("acr_min", "%s is below %s; allow_low_acr = true accepts that", p.ACRMin, substantial)
		}
	}
	return f.err()
}

// enough reports that a level is at least the least one accepted.
func (p Profile) enough(acr string) bool {
	if len(p.ACRAccept) > 0 {
		return slices.Contains(p.ACRAccept, acr)
	}
	return slices.Contains(p.ACROrder[slices.Index(p.ACROrder, p.ACRMin):], acr)
}

// secret reads the client secret.
func (p Profile) secret() (string, error) {
	b, err := readBounded(p.SecretFile, maxSecretFile)
	if err != nil {
		return "", err
	}
	s := strings.TrimSpace(string(b))
	if s == "" {
		return "", errors.New("the file of the client secret is empty")
	}
	return s, nil
}

// readBounded reads a small file.
func readBounded(path string, most int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(b) > most {
		return nil, fmt.Errorf("the file is longer than %d bytes", most)
	}
	return b, nil
}

// secure reports https, or http on this very machine.
func secure(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && loopback(u)
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

func plainName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func isSIRET(s string) bool {
	return len(s) == 14 && strings.Trim(s, "0123456789") == ""
}
