package software

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/limit"
	"carnet/internal/protect"
)

const (
	maxForm      = 32 << 10        // bytes of a request for a token
	maxJTI       = 200             // bytes
	maxAssertion = 5 * time.Minute // from now to the end of an assertion
	skew         = 30 * time.Second
	tokenSize    = 32
	jwtBearer    = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// ServeToken answers at TokenPath. Beside what RFC 6749, RFC 7523 and SMART name, the form has two
// parameters of ours: professional, the RPPS number of who answers for what is done with the token,
// and place, the FINESS number of where.
func (s *Service) ServeToken(w http.ResponseWriter, r *http.Request) {
	answer, err := s.token(r)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/json")
	h.Set("DPoP-Nonce", s.Nonce())
	if err != nil {
		f := failure(err)
		if f.Retry > 0 {
			h.Set("Retry-After", seconds(f.Retry))
		}
		w.WriteHeader(f.Status)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": f.Name, "error_description": f.Words, "code": f.Code}) // the client may be gone
		return
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// issued is the answer of RFC 6749 section 5.1.
type issued struct {
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Seconds int    `json:"expires_in"`
	Scope   string `json:"scope"`
}

func (s *Service) token(r *http.Request) (issued, error) {
	form, err := readForm(r)
	if err != nil {
		return issued{}, err
	}
	if form.Get("grant_type") != "client_credentials" {
		return issued{}, refuse(400, badGrantType, CodeGrantType, "the grant is client_credentials")
	}
	client, once, err := s.authenticate(r, form)
	if err != nil {
		return issued{}, err
	}
	scopes, err := ParseScopes(form.Get("scope"))
	if err != nil || slices.ContainsFunc(scopes, func(scope string) bool { return !client.Scopes.covers(scope) }) {
		return issued{}, refuse(400, invalidScope, CodeAsked, "scope names what the client was registered for, at least one")
	}
	held, err := s.proven(r, "")
	if err != nil {
		return issued{}, err
	}
	t := Token{Client: client.ID, Place: form.Get("place"), Scopes: scopes, Certificate: certificate(r), ExpiresAt: s.now().Add(Life)}
	out := issued{Type: "Bearer", Seconds: int(Life / time.Second), Scope: scopes.String()}
	if held != nil {
		t.Proof, out.Type = held.key, "DPoP"
	} else if t.Certificate == ([32]byte{}) {
		return issued{}, &Failure{Name: invalidRequest, Code: CodeUnbound, Status: 400, Words: "a token needs a DPoP proof or a client certificate", Proof: true}
	}
	if t.Professional, err = s.professional(r.Context(), client, form.Get("professional"), t.Place); err != nil {
		return issued{}, err
	}
	t.ID = s.day(client.ID, t.Professional)
	secret := make([]byte, tokenSize)
	if _, err := io.ReadFull(s.ids.Rand, secret); err != nil {
		return issued{}, carnet.E("software.token", carnet.Internal, "internal", err)
	}
	out.Token = base64.RawURLEncoding.EncodeToString(secret)
	t.Hash = sha256.Sum256([]byte(out.Token))
	var wait time.Duration
	err = s.within(r.Context(), program, func(tx Tx) error {
		if now, err := tx.Client(client.ID); err != nil {
			return err
		} else if !now.Stands() {
			return refuse(401, invalidClient, CodeClient, "no such client, or not with that key")
		}
		if wait, err = s.wait(tx, limit.SoftwareToken, client.ID, t.Professional); err != nil || wait > 0 {
			return err
		}
		if err := use(tx, once, refuse(401, invalidClient, CodeReplay, "the assertion was used before")); err != nil {
			return err
		}
		if held != nil {
			if err := use(tx, held.once, &Failure{Name: invalidProof, Code: CodeProofReplay, Status: 400, Words: "the proof was used before", Proof: true}); err != nil {
				return err
			}
		}
		if err := tx.Purge(s.now()); err != nil {
			return err
		}
		return tx.PutToken(t)
	})
	if err == nil && wait > 0 {
		err = tooSoon(wait)
	}
	return out, err
}

// day names what a software does for a professional on one day. It stands in the place of a session
// in the journal, where links of care are kept and where what was done is counted and stopped: five
// minutes of a token are none.
func (s *Service) day(client, professional carnet.ID) carnet.ID {
	hash := s.store.Lookup("software-day", client.String()+"\n"+professional.String()+"\n"+carnet.DateOf(s.now()).String())
	return carnet.DerivedID(hash[:])
}

func tooSoon(wait time.Duration) *Failure {
	return &Failure{Name: tooMany, Code: CodeLimit, Status: http.StatusTooManyRequests, Words: "too many requests for this professional", Retry: wait}
}

func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// readForm reads the form of a request. Parameters that appear twice are refused (RFC 6749 section
// 3.2).
func readForm(r *http.Request) (url.Values, error) {
	bad := func(words string) (url.Values, error) { return nil, refuse(400, invalidRequest, CodeRequest, words) }
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return bad("the request is a form: application/x-www-form-urlencoded")
	}
	if r.URL.RawQuery != "" {
		return bad("nothing of a request belongs into its address")
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil { // done before, when a site stands around
		return bad("the form cannot be read, or is too long")
	}
	for _, values := range r.PostForm {
		if len(values) != 1 {
			return bad("a parameter is there twice")
		}
	}
	return r.PostForm, nil
}

// once is something that may be used once.
type once struct {
	hash  [32]byte
	until time.Time
}

// use uses it up, or returns the refusal when it was used before.
func use(tx Tx, o once, used *Failure) error {
	fresh, err := tx.Use(o.hash, o.until)
	if err == nil && !fresh {
		return used
	}
	return err
}

// authenticate makes sure of the client by its assertion (RFC 7523 section 3).
func (s *Service) authenticate(r *http.Request, form url.Values) (Client, once, error) {
	bad := func(code, words string) (Client, once, error) {
		return Client{}, once{}, refuse(401, invalidClient, code, words)
	}
	if r.Header.Get("Authorization") != "" || form.Has("client_secret") || form.Get("client_assertion_type") != jwtBearer || form.Get("client_assertion") == "" {
		return bad(CodeMethod, "the client authenticates by client_assertion (private_key_jwt) and by nothing else")
	}
	jws, header, err := parse(form.Get("client_assertion"))
	if err != nil {
		return bad(CodeAssertion, err.Error())
	}
	// What names the client is read before it is believed, to find the key.
	var named struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &named); err != nil {
		return bad(CodeAssertion, "the claims are not of the expected types")
	}
	client, err := s.find(r.Context(), named.Subject)
	if err != nil {
		return Client{}, once{}, err
	}
	list := client.Keys.Key(header.KeyID)
	if client.KeysURL != "" {
		key, err := s.keys.find(r.Context(), client.KeysURL, header.KeyID)
		if err != nil {
			return bad(CodeClient, err.Error())
		}
		list = append(list, key)
	}
	if header.KeyID == "" || len(list) != 1 {
		return bad(CodeClient, "no such client, or not with that key: kid names a registered key")
	}
	var c struct {
		Issuer    string          `json:"iss"`
		Subject   string          `json:"sub"`
		Audience  json.RawMessage `json:"aud"`
		JTI       string          `json:"jti"`
		Expiry    float64         `json:"exp"`
		IssuedAt  float64         `json:"iat"`
		NotBefore float64         `json:"nbf"`
	}
	if err := open(jws, list[0], &c); err != nil {
		return bad(CodeAssertion, err.Error())
	}
	id, now := client.ID.String(), s.now()
	at := func(claim float64) time.Time { return time.Unix(int64(claim), 0) }
	switch {
	case c.Issuer != id || c.Subject != id || form.Has("client_id") && form.Get("client_id") != id:
		return bad(CodeIssuer, "iss, sub and client_id are the id of the client")
	case !s.audience(c.Audience):
		return bad(CodeAudience, "aud is the token endpoint or the issuer, and nobody else")
	case c.Expiry <= 0 || !now.Before(at(c.Expiry).Add(skew)):
		return bad(CodeTime, "exp is missing or past")
	case at(c.Expiry).After(now.Add(maxAssertion + skew)):
		return bad(CodeTime, "exp is more than five minutes away")
	case at(c.IssuedAt).After(now.Add(skew)) || at(c.NotBefore).After(now.Add(skew)):
		return bad(CodeTime, "iat or nbf is in the future")
	case c.JTI == "" || len(c.JTI) > maxJTI:
		return bad(CodeReplay, "jti is missing or too long")
	}
	return client, once{used("assertion", id, c.JTI), at(c.Expiry).Add(skew)}, nil
}

// audience accepts the token endpoint or the issuer, alone.
func (s *Service) audience(raw json.RawMessage) bool {
	var one string
	if json.Unmarshal(raw, &one) != nil {
		var list []string
		if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
			return false
		}
		one = list[0]
	}
	return one == s.Issuer+TokenPath || one == s.Issuer
}

// find opens the client of an id; one that does not stand is none.
func (s *Service) find(ctx context.Context, text string) (Client, error) {
	none := refuse(401, invalidClient, CodeClient, "no such client, or not with that key")
	id, err := carnet.ParseID(text)
	if err != nil {
		return Client{}, none
	}
	var client Client
	err = s.within(ctx, program, func(tx Tx) error {
		client, err = tx.Client(id)
		if carnet.KindOf(err) == carnet.NotFound {
			client, err = Client{}, nil // an answer like another, not a failure of the access
		}
		return err
	})
	if err == nil && (client.ID.IsZero() || !client.Stands()) {
		err = none
	}
	return client, err
}

// professional makes sure that the client may act for somebody, and that they exercise there.
func (s *Service) professional(ctx context.Context, client Client, number, place string) (carnet.ID, error) {
	none := refuse(400, invalidGrant, CodeProfessional, "professional is an RPPS number, place a FINESS number that the client is registered for, and the one exercises at the other")
	rpps, err := carnet.ParseRPPS(number)
	if err != nil || !slices.Contains(client.Places, place) {
		return carnet.ID{}, none
	}
	id, err := s.who.Exercises(ctx, protect.Actor{Role: protect.BusinessSoftware, Organisation: place, Delegate: client.ID}, rpps, place)
	if kind := carnet.KindOf(err); kind == carnet.NotFound || kind == carnet.Denied {
		return carnet.ID{}, none
	}
	return id, err
}

// Grant is what a request may do, by its token.
type Grant struct {
	Client       carnet.ID
	Professional carnet.ID
	Place        string // FINESS
	Scopes       Scopes
	Session      carnet.ID // of the day, see Service.day
}

// Actor is who acts: the professional, by the software.
func (g Grant) Actor() protect.Actor {
	return protect.Actor{ID: g.Professional, Role: protect.BusinessSoftware, Organisation: g.Place, Session: g.Session, Delegate: g.Client}
}

// May refuses what the token does not cover: act is a letter of a scope.
func (g Grant) May(resource string, act byte) error {
	if g.Scopes.May(resource, act) {
		return nil
	}
	return refuse(http.StatusForbidden, noScope, CodeGranted, "the token does not cover this: it needs system/"+resource+"."+string(rune(act)))
}

// Authenticate finds out what a request to the API may do: its token holds and is used by who it was
// given to, and the professional's software does not ask too much. Any error is a *Failure.
func (s *Service) Authenticate(r *http.Request) (Grant, error) {
	g, err := s.grant(r)
	if err != nil {
		return Grant{}, failure(err)
	}
	return g, nil
}

func (s *Service) grant(r *http.Request) (Grant, error) {
	bad := func(code, words string) error {
		return &Failure{Name: invalidToken, Code: code, Status: http.StatusUnauthorized, Words: words, Proof: true}
	}
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return Grant{}, bad(CodeToken, "one access token is needed, in the header Authorization")
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	byProof := strings.EqualFold(scheme, "DPoP")
	if !byProof && !strings.EqualFold(scheme, "Bearer") || len(token) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return Grant{}, bad(CodeToken, "the header Authorization has no access token of this server")
	}
	held, err := s.proven(r, token)
	if f, ok := errors.AsType[*Failure](err); ok {
		f.Status = http.StatusUnauthorized
	}
	if err != nil {
		return Grant{}, err
	}
	var t Token
	var wait time.Duration
	err = s.within(r.Context(), program, func(tx Tx) error {
		if t, err = tx.Token(sha256.Sum256([]byte(token))); carnet.KindOf(err) == carnet.NotFound {
			return bad(CodeToken, "no such token, or it has expired")
		} else if err != nil {
			return err
		}
		bound := t.Proof != [32]byte{}
		switch {
		case !s.now().Before(t.ExpiresAt):
			return bad(CodeToken, "no such token, or it has expired")
		case bound != byProof || bound != (held != nil):
			return bad(CodeHolder, "the token belongs to a key: it comes with the scheme DPoP and a proof, or with neither")
		case bound && held.key != t.Proof:
			return bad(CodeHolder, "the proof is of another key than the token")
		case t.Certificate != [32]byte{} && certificate(r) != t.Certificate:
			return bad(CodeHolder, "the token belongs to another client certificate")
		}
		if wait, err = s.wait(tx, limit.SoftwareRequest, t.Client, t.Professional); err != nil || wait > 0 {
			return err
		}
		if !bound {
			return nil
		}
		if err := use(tx, held.once, &Failure{Name: invalidProof, Code: CodeProofReplay, Status: http.StatusUnauthorized, Words: "the proof was used before", Proof: true}); err != nil {
			return err
		}
		return tx.Purge(s.now())
	})
	if err == nil && wait > 0 {
		err = tooSoon(wait)
	}
	return Grant{Client: t.Client, Professional: t.Professional, Place: t.Place, Scopes: t.Scopes, Session: t.ID}, err
}

// Challenge sets the headers that go with a refusal of Authenticate (RFC 9449 section 7.1, RFC 6750
// section 3) and returns its status.
func (s *Service) Challenge(h http.Header, f *Failure) int {
	if f.Retry > 0 {
		h.Set("Retry-After", seconds(f.Retry))
	}
	if f.Status == http.StatusUnauthorized || f.Name == noScope {
		scheme := "Bearer"
		if f.Proof {
			scheme = `DPoP algs="` + algorithms() + `",`
		}
		h.Set("WWW-Authenticate", scheme+` error="`+f.Name+`", error_description="`+f.Words+`"`)
	}
	return f.Status
}

func algorithms() string {
	list := make([]string, len(Algorithms))
	for i, a := range Algorithms {
		list[i] = string(a)
	}
	return strings.Join(list, " ")
}

// Key makes an idempotency key of what a software names a request by. Another software's same name is
// another key.
func (s *Service) Key(g Grant, text string) carnet.ID {
	hash := s.store.Lookup("software-key", g.Client.String()+"\n"+text)
	return carnet.DerivedID(hash[:])
}
