package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"os"
	"testing"
	"time"

	"carnet/internal/site/sitetest"
	"carnet/internal/verify"
	"carnet/twoddoc/bundle"
)

// bundled is an issuer that is known by a sealed bundle only. The bundle says that its certificate was
// revoked the day before, or that it is good.
func bundled(t testing.TB, name string, revoked bool) *sitetest.Issuer {
	t.Helper()
	i := &sitetest.Issuer{Name: name, Trust: &verify.Trust{}}
	root := sitetest.Certificate(t, name, nil, nil)
	leaf := sitetest.Certificate(t, "CAI1", root.Cert, root.Key, crlAddress)
	i.Key, i.Cert = leaf.Key, leaf.Cert
	now := time.Now().UTC().Truncate(time.Second)
	b := &bundle.Bundle{
		Gathered: now, Lifetime: 7 * 24 * time.Hour, List: bundle.List{Sequence: 23, Issued: now.AddDate(0, -1, 0), NextUpdate: now.AddDate(0, 6, 0)},
		Authorities:  []bundle.Authority{{ID: name, Operator: "Herbier", Status: "inaccord", Listed: true, Raw: root.Cert.Raw}},
		Participants: []bundle.Participant{{ID: "CAI1", NotBefore: leaf.Cert.NotBefore, NotAfter: leaf.Cert.NotAfter, Raw: leaf.Cert.Raw}},
		Lists:        []bundle.RevocationList{{URL: crlAddress, Number: big.NewInt(5), ThisUpdate: now, NextUpdate: now.AddDate(0, 0, 5)}},
	}
	if revoked {
		b.Lists[0].Revoked = []bundle.Revoked{{Serial: leaf.Cert.SerialNumber, Since: now.AddDate(0, 0, -1)}}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	file, err := b.Seal(key, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := bundle.MarshalKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{public, file} {
		if _, err := i.Trust.Add("bundle", data, verify.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

const crlAddress = "http://herbier.example/crl"

// rulesOf is the example set of package certlogic/rules.
func rulesOf(t testing.TB) *verify.Rules {
	t.Helper()
	r, _, err := verify.LoadRules([]string{"../../../certlogic/rules/testdata/example.json"}, "FR")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// start builds the site over a checker.
func start(t testing.TB, checker verify.Checker, mode string, log io.Writer) (*site, http.Handler) {
	t.Helper()
	s, err := newSite(t.Context(), Deps{
		Load: func(context.Context) (verify.Checker, error) { return checker, nil },
		Mode: mode, Clock: time.Now, Rand: rand.Reader, Log: slog.New(slog.NewJSONHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, s.handler()
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
