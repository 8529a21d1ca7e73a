package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
	"carnet/internal/site/ui"
)

// opened is a platform on free ports, closed when the test ends.
func opened(t *testing.T, s *Settings, file *configFile) (*platform, error) {
	t.Helper()
	say, err := ui.ReadText(texts, "en")
	if err != nil {
		t.Fatal(err)
	}
	s.Listen, s.Host, s.Issuer, s.VerifierMode = "127.0.0.1", "localhost", "Carnet", "minimal"
	p, err := open(t.Context(), s, file, say, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err == nil {
		t.Cleanup(func() {
			for _, site := range p.sites {
				site.listener.Close()
			}
			p.close()
		})
	}
	return p, err
}

func names(p *platform) (list []string) {
	for _, site := range p.sites {
		list = append(list, site.name)
	}
	return list
}

func TestServeWithAnotherSigner(t *testing.T) {
	first := t.TempDir()
	if _, err := opened(t, &Settings{Data: first}, &configFile{}); err != nil {
		t.Fatal(err)
	}
	second := t.TempDir()
	_, err := opened(t, &Settings{Data: second, SignerKey: filepath.Join(first, "keys", "2d-doc.key"),
		SignerCertificate: filepath.Join(first, "trust", "FR00_CAR1.pem")}, &configFile{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(second, "trust", "FR00_CAR1.pem")); err != nil {
		t.Errorf("what verifiers need is not published: %v", err)
	}
}

func TestServeWithRealProviders(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret-of-a-test"), 0o600); err != nil {
		t.Fatal(err)
	}
	real := login.Profile{Name: "real", DiscoveryURL: "https://provider.example/d", Issuer: "https://provider.example", ClientID: "carnet",
		SecretFile: secret, AuthMethod: login.SecretPost, Scopes: []string{"openid"}, ACRRequest: []string{"eidas1"}, ACRMin: "eidas1", UserInfo: login.UserInfoJWT}
	p, err := opened(t, &Settings{Data: t.TempDir()}, &configFile{login: map[string]login.Profile{"pro": real, "attestation": real}})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(p); slices.Contains(got, "psc") || slices.Contains(got, "fc") || !slices.Contains(got, "pro") {
		t.Errorf("sites %v", got)
	}
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	actor := protect.Actor{ID: p.vaccinate.ProfessionalID(world.Professionals[0].Professional.Number), Role: protect.Professional}
	if _, err := p.people.ByNIR(t.Context(), actor, world.People[0].Identity.NIR); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("the people of the sandbox are in the register: %v", err)
	}
}
