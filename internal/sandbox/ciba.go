package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/sandbox/phone"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// Endpoints of the professionals' issuer that the others do not have.
const (
	pushPath   = "/protocol/openid-connect/ext/ciba/auth"
	cancelPath = pushPath + "/cancel"

	introspectPath = "/protocol/openid-connect/token/introspect"
)

// backchannel lets clients ask the phones of professionals: CIBA Core 1.0 with poll delivery. The
// engine knows the protocol; the requests live in package phone, which outlives a restart. What the
// engine leaves open is done here: parameters sent once and no others than known, requested_expiry
// held within 30 to 300 s, slow_down, a binding message that is a number, a request that is used
// once and that no other client can spoil, and the times of the injected clock.
type backchannel struct {
	i      *Issuer
	phones *phone.Service
	strict bool     // an unknown number is told: conformance suites expect it
	calls  *limiter // of the numbers that are typed on the page of the issuer
}

// asking is what a request brings along to the engine's hooks, which see parts of it only.
type asking struct {
	client  string // as it says of itself; the engine checks it
	context phone.Context
	life    time.Duration
}

type askingKey struct{}

// options adds CIBA to the engine.
func (b *backchannel) options() []provider.Option {
	return []provider.Option{provider.WithCIBAGrant(
		provider.CIBAGrantConfig{Manager: b, DeliveryModes: []goidc.CIBATokenDeliveryMode{goidc.CIBADeliveryModePoll}},
		provider.WithCIBAEndpoint(pushPath), provider.WithCIBAIDFunc(b.i.token),
		provider.WithCIBAPollingInterval(int(phone.Interval/time.Second)), provider.WithCIBALifetime(int(phone.DefaultLife/time.Second)),
		provider.WithCIBASessionHandler(b.start),
	),
		// A client learns of its own tokens only.
		provider.WithTokenIntrospection(func(_ context.Context, c *goidc.Client, t goidc.TokenInfo) bool { return t.ClientID == c.ID }),
		provider.WithTokenIntrospectionEndpoint(introspectPath),
	}
}

// introspect says what an access token is good for (RFC 7662); as at the real provider the answer has
// the national identifier too.
func (b *backchannel) introspect(w http.ResponseWriter, r *http.Request) {
	if _, ok := form(w, r); !ok {
		return
	}
	rec := &answer{header: http.Header{}, status: http.StatusOK}
	b.i.toEngine(rec, r, introspectPath, nil)
	var info map[string]any
	if err := json.Unmarshal(rec.body.Bytes(), &info); err == nil && info["active"] == true {
		if sub, ok := info["sub"].(string); ok {
			info["SubjectNameID"] = sub[strings.LastIndexByte(sub, ':')+1:]
		}
		rec.body.Reset()
		if err := json.NewEncoder(&rec.body).Encode(info); err != nil {
			b.i.log.ErrorContext(r.Context(), "introspection", "err", err)
		}
		rec.header.Del("Content-Length")
	}
	rec.send(w)
}

// parameters of a request to the phone; channel is the provider's own, request_context is ours.
var pushParameters = map[string]bool{
	"client_id": true, "client_secret": true, "client_assertion": true, "client_assertion_type": true,
	"scope": true, "acr_values": true, "login_hint": true, "login_hint_token": true, "id_token_hint": true,
	"binding_message": true, "user_code": true, "requested_expiry": true, "channel": true, "request_context": true, "nonce": true,
}

// protocolFault answers a program with an error of the protocol.
func protocolFault(w http.ResponseWriter, status int, code, description string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description}) // the client may be gone
}

// form reads what a program posts: bounded, each parameter once.
func form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil || len(r.URL.RawQuery) > 0 {
		protocolFault(w, http.StatusBadRequest, "invalid_request", "a form in the body is expected")
		return nil, false
	}
	for name, values := range r.PostForm {
		if len(values) != 1 {
			protocolFault(w, http.StatusBadRequest, "invalid_request", "the parameter "+name+" is there twice")
			return nil, false
		}
	}
	decodeBasic(r)
	return r.PostForm, true
}

// push takes a request for a phone, guard first.
func (b *backchannel) push(w http.ResponseWriter, r *http.Request) {
	q, ok := form(w, r)
	if !ok {
		return
	}
	for name := range q {
		if !pushParameters[name] {
			protocolFault(w, http.StatusBadRequest, "invalid_request", "a parameter is not known")
			return
		}
	}
	if q.Get("login_hint_token") != "" || q.Get("id_token_hint") != "" {
		protocolFault(w, http.StatusBadRequest, "invalid_request", "login_hint, and nothing else, says whom to ask")
		return
	}
	if c := q.Get("channel"); c != "" && c != "MOBILE" {
		protocolFault(w, http.StatusBadRequest, "invalid_request", "the sandbox has phones and no card readers: channel MOBILE")
		return
	}
	a := asking{client: claimed(r)}
	var err error
	if a.context, err = phone.ParseContext(q.Get("request_context")); err != nil {
		protocolFault(w, http.StatusBadRequest, "invalid_request", "request_context cannot be read")
		return
	}
	if asked := q.Get("requested_expiry"); asked != "" {
		seconds, err := strconv.ParseFloat(asked, 64)
		if err != nil || math.IsNaN(seconds) {
			protocolFault(w, http.StatusBadRequest, "invalid_request", "requested_expiry is not a number")
			return
		}
		// Held, not refused: a client that asks for too much or too little gets what is possible.
		a.life = time.Duration(min(max(seconds, phone.MinLife.Seconds()), phone.MaxLife.Seconds())) * time.Second
		q.Set("requested_expiry", strconv.Itoa(int(a.life/time.Second)))
	}
	if acr := q.Get("acr_values"); acr != "" {
		q.Set("acr_values", b.i.shape.levels[0])
	}
	b.i.toEngine(w, r.WithContext(context.WithValue(r.Context(), askingKey{}, a)), pushPath, nil)
}

// claimed is who a client says it is.
func claimed(r *http.Request) string {
	if id, _, ok := r.BasicAuth(); ok {
		return id
	}
	return r.PostForm.Get("client_id")
}

// start is called by the engine with a request that it accepts, before it answers.
func (b *backchannel) start(ctx context.Context, s *goidc.AuthnSession, c *goidc.Client) error {
	a, _ := ctx.Value(askingKey{}).(asking)
	number := s.LoginHint
	if b.strict && b.phones.ByNumber(number) == "" {
		return goidc.NewError("unknown_user_id", "nobody has this number")
	}
	kept := *s
	kept.AuthReqID, kept.LoginHint, kept.BindingMessage = "", "", "" // the phone's row has its own
	session, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	err = b.phones.Start(ctx, phone.Ask{
		Ref: s.AuthReqID, Client: c.ID, Title: c.Name, Number: number, Binding: s.BindingMessage,
		Life: a.life, Context: a.context, Session: session,
	})
	switch carnet.CodeOf(err) {
	case phone.CodeBinding:
		return goidc.NewError("invalid_binding_message", "2 to 8 digits are expected, 6 or more for a request that needs care")
	case phone.CodeFull:
		return goidc.NewError("temporarily_unavailable", "too many requests wait").WithStatusCode(http.StatusServiceUnavailable)
	}
	return err
}

// SaveSession is called by the engine once it has accepted a request: start kept it.
func (b *backchannel) SaveSession(context.Context, *goidc.AuthnSession) error { return nil }

// Session is never asked: nothing here has a page.
func (b *backchannel) Session(context.Context, string) (*goidc.AuthnSession, error) {
	return nil, goidc.ErrNotFound
}

// SessionByAuthReqID is what the engine reads when there is no grant yet. The states that it does
// not know are errors of the protocol here.
func (b *backchannel) SessionByAuthReqID(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	a, _ := ctx.Value(askingKey{}).(asking)
	l, err := b.phones.Poll(ctx, id, a.client)
	switch carnet.CodeOf(err) {
	case phone.CodeUnknown:
		return nil, goidc.ErrNotFound
	case phone.CodeSlowDown:
		return nil, goidc.NewError("slow_down", "wait five seconds more from now on")
	}
	if err != nil {
		return nil, err
	}
	refused := func(why string) (*goidc.AuthnSession, error) {
		return nil, goidc.NewError(goidc.ErrorCodeAccessDenied, why).WithStatusCode(http.StatusBadRequest)
	}
	switch l.State {
	case phone.Pending, phone.Approved: // approved a moment ago: the next poll gets the tokens
	case phone.Reported:
		return refused("reported")
	case phone.Declined, phone.WrongTyped:
		return refused("refused")
	default:
		return nil, goidc.NewError(goidc.ErrorCodeExpiredToken, "the request is over")
	}
	s, err := b.session(l)
	if err != nil {
		return nil, err
	}
	s.AuthReqID = id
	return s, nil
}

// session is a request as the engine keeps it, with a time that the engine finds right.
func (b *backchannel) session(l phone.Login) (*goidc.AuthnSession, error) {
	var s goidc.AuthnSession
	if err := json.Unmarshal(l.Session, &s); err != nil {
		return nil, fmt.Errorf("request of an earlier program: %w", err)
	}
	s.ExpiresAt = math.MaxInt32 // package phone has looked at the clock
	return &s, nil
}

// GrantByAuthReqID makes the grant of a request that was approved, once. Whoever comes again, or is
// not its client, finds nothing; so nobody can spoil the grant of another, as the engine lets them.
func (b *backchannel) GrantByAuthReqID(ctx context.Context, id string) (*goidc.Grant, error) {
	a, _ := ctx.Value(askingKey{}).(asking)
	l, err := b.phones.Collect(ctx, id, a.client)
	if carnet.CodeOf(err) == phone.CodeUnknown {
		return nil, goidc.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	s, err := b.session(l)
	if err != nil {
		return nil, err
	}
	g := &goidc.Grant{
		ID: b.i.token(ctx), CreatedAt: int(b.i.clock().Unix()), Subject: l.Person, ClientID: l.Client, Scopes: s.Scopes,
		AuthParams: s.AuthorizationParameters, AuthReqID: id, AuthReqIDExpiresAt: s.ExpiresAt,
		Store: map[string]any{storeAuthTime: l.Decided.Unix(), storeSID: l.SID},
	}
	return g, nil
}

// redeem takes what is posted to the token endpoint, and says to the hooks who asks.
func (b *backchannel) redeem(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, ok := form(w, r)
		if !ok {
			return
		}
		if q.Get("grant_type") == string(goidc.GrantCIBA) && q.Get("auth_req_id") == "" {
			// Before the client is checked, as it gives nothing away.
			protocolFault(w, http.StatusBadRequest, "invalid_request", "auth_req_id is missing")
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), askingKey{}, asking{client: claimed(r)})))
	}
}

// cancel takes a request back. No standard has it; it is announced in the metadata. Whatever there
// was to cancel, the answer is the same.
func (b *backchannel) cancel(w http.ResponseWriter, r *http.Request) {
	q, ok := form(w, r)
	if !ok {
		return
	}
	c, ok := b.i.authenticated(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+b.i.shape.name+`"`)
		protocolFault(w, http.StatusUnauthorized, "invalid_client", "the client is not known, or its secret is wrong")
		return
	}
	if q.Get("auth_req_id") == "" {
		protocolFault(w, http.StatusBadRequest, "invalid_request", "auth_req_id is missing")
		return
	}
	if err := b.phones.Cancel(r.Context(), q.Get("auth_req_id"), c.ID); err != nil {
		b.i.log.ErrorContext(r.Context(), "request not taken back", "err", err)
		protocolFault(w, http.StatusInternalServerError, "server_error", "try again")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// authenticated finds the client of a request to an endpoint that the engine does not have.
func (i *Issuer) authenticated(r *http.Request) (client, bool) {
	id, secret, basic := r.BasicAuth()
	if basic != (i.shape.authMethod == goidc.AuthnMethodSecretBasic) {
		return client{}, false
	}
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	c, ok := i.client(id)
	given, want := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(c.secret))
	return c, subtle.ConstantTimeCompare(given[:], want[:]) == 1 && ok
}

// end sends a logout token to the client of a login (OpenID Connect Back-Channel Logout 1.0).
func (b *backchannel) end(ctx context.Context, e phone.Ended) error {
	i := b.i
	c, known := i.client(e.Client)
	p, ok := i.persona(e.Person)
	if !ok || !known || c.LogoutURI == "" {
		return nil // nobody asked to be told
	}
	now := i.clock()
	events := map[string]any{eventLogout: struct{}{}}
	if e.Reported {
		events[eventNotMe] = map[string]string{"request": e.Request}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: i.key}, (&jose.SignerOptions{}).WithType("logout+jwt"))
	if err != nil {
		return err
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"iss": i.Issuer(), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": i.token(ctx),
		"sub": i.shape.subject(i.pairwise, c.ID, p), "sid": e.SID, "events": events,
	}).Serialize()
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.LogoutURI, bytes.NewBufferString(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := logoutClient.Do(r)
	if err != nil {
		return errors.New("the client does not answer")
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 4096) // so that the connection can be used again
	// A refusal is an answer too: saying it again would change nothing.
	if resp.StatusCode >= 500 {
		return fmt.Errorf("the client answers %d", resp.StatusCode)
	}
	if resp.StatusCode/100 != 2 {
		i.log.WarnContext(ctx, "the client refused a logout token", "client", c.ID, "status", resp.StatusCode)
	}
	return nil
}

// Events of a logout token: that of the standard, and the one by which a professional says that it
// was not them.
const (
	eventLogout = "http://schemas.openid.net/event/backchannel-logout"
	eventNotMe  = "urn:carnet:event:not-me"
)

var logoutClient = &http.Client{
	Timeout:       5 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// metadata is what the engine does not know of.
func (b *backchannel) metadata() map[string]any {
	return map[string]any{
		"backchannel_authentication_cancel_endpoint": b.i.Issuer() + cancelPath,
		"backchannel_logout_supported":               true,
		"backchannel_logout_session_supported":       true,
	}
}

// endHere ends a login for the server of a client, which posts the hint itself after CIBA.
func (b *backchannel) endHere(w http.ResponseWriter, r *http.Request) {
	q, ok := form(w, r)
	if !ok {
		return
	}
	if c, ok := b.i.hinted(q.Get("id_token_hint")); !ok || q.Has("client_id") && q.Get("client_id") != c.ID {
		protocolFault(w, http.StatusBadRequest, "invalid_request", "id_token_hint is none of ours")
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent) // there is no session here to end
}
