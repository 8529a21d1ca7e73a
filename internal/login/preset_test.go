package login

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"carnet/internal/carnet"

	"github.com/BurntSushi/toml"
)

// completed is a preset with what an operator adds to it.
func completed(t *testing.T, name string) Profile {
	t.Helper()
	text := "preset = \"" + name + "\"\nclient_id = \"carnet\"\nsecret_file = \"secret\"\n"
	if name == "franceconnect-plus" {
		text += "enc_keys = [\"enc.pem\"]\n"
	}
	p, err := DecodeProfile(func(v any) error { _, err := toml.Decode(text, v); return err })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPresets(t *testing.T) {
	want := []string{"franceconnect", "franceconnect-plus", "pro-sante-connect", "pro-sante-connect-ciba", "proconnect"}
	if got := Presets(); !slices.Equal(got, want) {
		t.Fatalf("presets %v", got)
	}
	for _, name := range want {
		p := completed(t, name)
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p.Preset != name || p.ClientID != "carnet" {
			t.Errorf("%s: %+v", name, p)
		}
		// Section 7 of the specification, row by row.
		p = p.withDefaults()
		if !p.RequireIss || p.Logout == LogoutNone || slices.ContainsFunc(p.IDTokenAlgs, func(a string) bool { return !slices.Contains(asymmetric, a) }) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	for name, x := range map[string]struct {
		pkce     bool
		auth     string
		userInfo string
		mode     string
		accepts  string
		refuses  string
	}{
		"franceconnect":          {false, SecretPost, UserInfoJWT, ModeCode, "eidas1", ""},
		"franceconnect-plus":     {false, SecretPost, UserInfoNested, ModeCode, "eidas3", "eidas1"},
		"pro-sante-connect":      {true, SecretBasic, UserInfoRaw, ModeCode, "eidas1", ""},
		"pro-sante-connect-ciba": {true, SecretBasic, UserInfoRaw, ModeCIBA, "eidas1", ""},
		"proconnect":             {false, SecretPost, UserInfoJWT, ModeCode, "eidas1-mfa", "eidas1"},
	} {
		p := completed(t, name).withDefaults()
		if p.PKCE != x.pkce || p.AuthMethod != x.auth || p.UserInfo != x.userInfo || p.LoginMode != x.mode || !p.enough(x.accepts) || p.enough(x.refuses) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, err := Preset("other"); err == nil {
		t.Error("a preset that is none")
	}
}

func TestPresetIsOverridden(t *testing.T) {
	p, err := DecodeProfile(func(v any) error {
		_, err := toml.Decode("preset = \"pro-sante-connect-ciba\"\nissuer = \"https://other.example\"\nscopes = [\"openid\"]\n[ciba]\nbinding_digits = 6\n", v)
		return err
	})
	if err != nil || p.Issuer != "https://other.example" || !slices.Equal(p.Scopes, []string{"openid"}) || p.CIBA.BindingDigits != 6 || p.CIBA.Channel != "MOBILE" {
		t.Errorf("%+v %v", p, err)
	}
}

func TestProduction(t *testing.T) {
	tests := []struct {
		name    string
		preset  string
		insured bool
		change  func(*Profile)
		want    string // keys at fault
	}{
		{"insured people through the strong platform", "franceconnect-plus", true, nil, ""},
		{"insured people through the weak one", "franceconnect", true, nil, "acr_min"},
		{"the same, said so", "franceconnect", true, func(p *Profile) { p.AllowLowACR = true }, ""},
		{"professionals", "pro-sante-connect-ciba", false, nil, ""},
		{"staff", "proconnect", false, nil, ""},
		{"insured people, a set with a weak level", "proconnect", true, nil, "acr_accept"},
		{"insured people, a set without", "proconnect", true, func(p *Profile) { p.ACRAccept = []string{"eidas2", "eidas3"} }, ""},
		{"an order without the level", "franceconnect-plus", true, func(p *Profile) { p.ACROrder, p.ACRMin = []string{"gold"}, "gold" }, "acr_min"},
		{"http", "pro-sante-connect", false, func(p *Profile) { p.Issuer = "http://localhost:8412" }, "issuer"},
		{"this machine", "pro-sante-connect", false, func(p *Profile) { p.Issuer, p.DiscoveryURL = "https://localhost:1", "https://127.0.0.1/d" }, "discovery_url issuer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := completed(t, tt.preset)
			if tt.change != nil {
				tt.change(&p)
			}
			var keys []string
			if problems, ok := errors.AsType[carnet.Problems](p.Production(tt.insured)); ok {
				for _, f := range problems {
					keys = append(keys, f.Field)
				}
			}
			if got := strings.Join(keys, " "); got != tt.want {
				t.Errorf("faults of %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStaff(t *testing.T) {
	base := map[string]any{"sub": "x", "given_name": "Camille", "usual_name": "AUBÉPINE", "email": "camille@fund.example", "uid": "7", "siret": "12345678901234"}
	s, err := claimsOf(t, base, nil).Staff()
	if err != nil || s.GivenName.Reveal() != "Camille" || s.FamilyName.Reveal() != "AUBÉPINE" || s.Email.Reveal() != "camille@fund.example" || s.UID.Reveal() != "7" || s.SIRET != "12345678901234" {
		t.Errorf("%+v %v", s, err)
	}
	for claim, v := range map[string]any{"given_name": "", "usual_name": nil, "email": "camille", "uid": "\n", "siret": "123"} {
		if _, err := claimsOf(t, base, map[string]any{claim: v}).Staff(); err == nil || err.(*carnet.Error).Field != claim {
			t.Errorf("%s: %v", claim, err)
		}
	}
	for _, siret := range []string{"1234567890123a", "123456789012345", ""} {
		if _, err := claimsOf(t, base, map[string]any{"siret": siret}).Staff(); carnet.CodeOf(err) != CodeClaims {
			t.Errorf("siret %q: %v", siret, err)
		}
	}
}
