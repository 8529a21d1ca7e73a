package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"carnet/internal/sandbox"
)

// interfaceOf is the address of the site for software, as the program printed it.
func interfaceOf(t *testing.T, c *carnet) string {
	t.Helper()
	line := regexp.MustCompile(`(?m)^  Interface for software .*$`).FindString(c.printed())
	at := regexp.MustCompile(`https?://localhost:\d+`).FindString(line)
	if at == "" {
		t.Fatalf("no address of the interface:\n%s", c.printed())
	}
	return at
}

// register registers a software from the command line, with a key of its own, while the program runs.
func register(t *testing.T, c *carnet, places ...string) (id string, key jose.JSONWebKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key = jose.JSONWebKey{Key: private, KeyID: "e2e", Algorithm: "ES256", Use: "sig"}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, set, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program(t), "--data", filepath.Join(c.dir, "data"), "software", "add", "Logiciel d’un essai", "--place", strings.Join(places, ","), "--keys", file, "--json").Output()
	if err != nil {
		t.Fatalf("%v %s", err, out)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(out, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID, key
}

// TestSoftware lets clients that others wrote record, read, correct and take away, and holds every
// answer against HL7's schema.
func TestSoftware(t *testing.T) {
	if os.Getenv("CARNET_PEERS") == "" {
		t.Fatal("CARNET_PEERS is not set: run scripts/test, or install the packages of e2e/peers")
	}
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	who, patient := world.Professionals[0].Professional, world.People[0].Identity
	c := serve(t, t.TempDir())
	id, key := register(t, c, who.Places[0].ID)
	private, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"issuer": interfaceOf(t, c), "client": id, "key": json.RawMessage(private), "professional": who.Number.Reveal(), "place": who.Places[0].ID,
		"nir": patient.NIR.Reveal(), "family": patient.BirthName.Reveal(), "given": patient.GivenNames[0].Reveal(), "birth": patient.Birth.ISO(), "day": time.Now().In(time.UTC).Format(time.RFC3339)})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "peers/software.mjs", string(config))
	var said bytes.Buffer
	node.Stderr = &said
	text, err := node.Output()
	if err != nil {
		t.Fatalf("%v %s\n%s", err, said.String(), text)
	}
	var out struct {
		Valid                                                      int
		Invalid                                                    []string
		Steps                                                      [][2]string
		Unbound, Stranger, Type, Token, Masked, NotDone, Lot, Gone string
		Life, Versions, Total, Matched                             int
		Closed, Once                                               bool
		Pages                                                      []int
		Batch                                                      []string
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	for _, i := range out.Invalid {
		t.Errorf("not valid by HL7's schema: %s", i)
	}
	if out.Valid < 20 {
		t.Errorf("only %d answers were held against the schema", out.Valid)
	}
	want := map[string]string{
		"closed": "403 person.no-link", "number in address": "400 fhir.number", "create with another content": "409 dose.key-reused", "no body site": "422 dose.site",
		"update without a version": "428 fhir.version", "update of an old version": "412 dose.changed-meanwhile", "delete": "405 request.method",
	}
	for _, step := range out.Steps {
		expected := want[step[0]]
		if expected == "" {
			expected = "ok"
		}
		if step[1] != expected {
			t.Errorf("%s: %s, want %s", step[0], step[1], expected)
		}
	}
	if out.Unbound != "invalid_request" || out.Stranger != "invalid_grant" || !strings.EqualFold(out.Type, "dpop") || out.Life != 300 || out.Token != interfaceOf(t, c)+"/oauth/token" {
		t.Errorf("token: %+v", out)
	}
	if !out.Closed || !out.Once || out.NotDone != "not-done" || out.Lot != "CD-34" || out.Versions != 2 || out.Total != 2 || out.Pages[0] != 1 || out.Pages[1] != 1 || out.Matched != 1 || out.Gone != "entered-in-error" {
		t.Errorf("%s", text)
	}
	if strings.Join(out.Batch, " ") != "200 400" || strings.Contains(out.Masked, patient.BirthName.Reveal()) {
		t.Errorf("batch %v, name %s", out.Batch, out.Masked)
	}
	log := c.logged(t)
	for _, secret := range []string{patient.NIR.Reveal(), patient.BirthName.Reveal(), "AB-12", "CD-34", who.Number.Reveal()} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}

	// Revoked by the operator, the software is out at once, while the program runs.
	if text, err := exec.Command(program(t), "--data", filepath.Join(c.dir, "data"), "software", "revoke", id).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, text)
	}
	if text, err := exec.CommandContext(t.Context(), "node", "peers/software.mjs", string(config)).CombinedOutput(); err == nil || !strings.Contains(string(text), "invalid_client") {
		t.Errorf("after the revocation: %v %s", err, text)
	}
}

// TestSoftwareByCertificate lets the interface answer over TLS itself: a token belongs to the
// certificate of the connection it was given over (RFC 8705).
func TestSoftwareByCertificate(t *testing.T) {
	world, err := sandbox.ReadWorld()
	if err != nil {
		t.Fatal(err)
	}
	who := world.Professionals[0].Professional
	dir := t.TempDir()
	server := certificate(t, "localhost")
	cert, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	writePEM(t, cert, "CERTIFICATE", server.Certificate[0])
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, key, "PRIVATE KEY", der)
	c := serve(t, t.TempDir(), "--api-certificate", cert, "--api-key", key)
	id, signer := register(t, c, who.Places[0].ID)
	at := interfaceOf(t, c)
	if !strings.HasPrefix(at, "https://") {
		t.Fatalf("the interface is at %s", at)
	}
	roots := x509.NewCertPool()
	parsed, err := x509.ParseCertificate(server.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	with := func(certs ...tls.Certificate) *http.Client {
		return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs}}}
	}
	mine, theirs := with(certificate(t, "software")), with(certificate(t, "other"))
	ask := func(client *http.Client) (int, map[string]any) {
		signing, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: signer}, nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().Unix()
		claims, err := json.Marshal(map[string]any{"iss": id, "sub": id, "aud": at, "exp": now + 60, "jti": rand.Text()})
		if err != nil {
			t.Fatal(err)
		}
		jws, err := signing.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		assertion, err := jws.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.PostForm(at+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"system/Patient.rs"}, "professional": {who.Number.Reveal()}, "place": {who.Places[0].ID},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {assertion}})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var body map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, body
	}
	if status, body := ask(with()); status != 400 || body["code"] != "software.unbound" {
		t.Errorf("without a certificate: %d %v", status, body)
	}
	status, body := ask(mine)
	if status != 200 || body["token_type"] != "Bearer" {
		t.Fatalf("%d %v", status, body)
	}
	for name, one := range map[string]struct {
		client *http.Client
		status int
	}{"with the certificate": {mine, 200}, "with another one": {theirs, 401}, "with none": {with(), 401}} {
		r, err := http.NewRequest(http.MethodPost, at+"/fhir/Patient/_search", strings.NewReader(url.Values{"identifier": {"urn:oid:1.2.250.1.213.1.4.8|" + world.People[0].Identity.NIR.Reveal()}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", "Bearer "+body["access_token"].(string))
		resp, err := one.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != one.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, one.status)
		}
	}
}

// certificate makes a key and a certificate that it signs itself.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
