package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login/limit"
	"carnet/internal/protect"
)

const (
	maxForm   = 8 << 10 // bytes of the forms that begin and end a session
	maxQuery  = 8 << 10 // bytes of an answer in a callback address
	maxReturn = 512     // bytes of a path to come back to
	purgeTime = time.Minute
)

// FieldReturn is the form field of Begin that says where the person wanted to go.
const FieldReturn = "retour"

// Guard decides whether an access is allowed; protect.Guard does.
type Guard interface {
	Decide(protect.Request) protect.Decision
}

// SiteConfig says how people log in to a site.
type SiteConfig struct {
	Name      string        // "pro"; cookies carry it, for cookies do not know ports
	Origin    string        // "https://pro.example", without path
	Role      protect.Role  // of whoever logs in here
	Absolute  time.Duration // end of a session, whatever happens
	Idle      time.Duration // end of a session that is not used
	SignedOut string        // path where the provider brings people back after a logout; default "/"

	Roles   []protect.Role // other roles that its sessions may have
	Proxies []netip.Prefix // reverse proxies of the operator, whose X-Forwarded-For counts
	Limits  limit.Config   // default: limit.Defaults()
	Calls   *Calls         // how phones are asked; nil when this site asks none
}

// Site logs people in to one site through one provider. It is safe for concurrent use.
type Site struct {
	config        SiteConfig
	provider      *Provider
	store         Store
	guard         Guard
	clock         carnet.Clock
	random        io.Reader
	loginCookie   string
	sessionCookie string
	knownCookie   string
	purged        atomic.Int64 // time of the last purge, microseconds
	meter         *limit.Meter
}

// NewSite returns the logins of a site. random must be safe for concurrent use, as
// crypto/rand.Reader is.
func NewSite(c SiteConfig, p *Provider, st Store, g Guard, clock carnet.Clock, random io.Reader) (*Site, error) {
	const op = "login.NewSite"
	if c.SignedOut == "" {
		c.SignedOut = "/"
	}
	u, err := url.Parse(c.Origin)
	switch {
	case err != nil || !secure(u) || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil:
		return nil, carnet.E(op, carnet.Invalid, CodeProfile, fmt.Errorf("%q is not the https origin of a site (http is for a loopback host)", c.Origin))
	case !plainName(c.Name):
		return nil, carnet.E(op, carnet.Invalid, CodeProfile, fmt.Errorf("%q is not a name of a site", c.Name))
	case c.Idle < 2*touchEvery || c.Absolute < c.Idle:
		return nil, carnet.E(op, carnet.Invalid, CodeProfile, fmt.Errorf("a session of %s, idle %s, is not possible", c.Absolute, c.Idle))
	case LocalPath(c.SignedOut) != c.SignedOut:
		return nil, carnet.E(op, carnet.Invalid, CodeProfile, fmt.Errorf("%q is not a path", c.SignedOut))
	}
	if c.Limits == nil {
		c.Limits = limit.Defaults()
	}
	if c.Calls != nil {
		calls, err := c.Calls.check(p)
		if err != nil {
			return nil, carnet.E(op, carnet.Invalid, CodeProfile, err)
		}
		c.Calls = &calls
	}
	return &Site{
		config: c, provider: p, store: st, guard: g, clock: clock, random: random, meter: limit.NewMeter(c.Limits, clock),
		loginCookie:   "__Host-" + c.Name + "-login",
		sessionCookie: "__Host-" + c.Name + "-session",
		knownCookie:   "__Host-" + c.Name + "-known",
	}, nil
}

// CallbackPath is where a provider sends people back: one path per provider, so that the answer
// of one cannot be taken for that of another. The site routes GET requests for it to Finish.
func CallbackPath(provider string) string { return "/connexion/retour/" + provider }

// CallbackPath is the path that this site routes to Finish.
func (s *Site) CallbackPath() string { return CallbackPath(s.provider.Name()) }

// RedirectURI is what is registered at the provider, to the letter.
func (s *Site) RedirectURI() string { return s.config.Origin + s.CallbackPath() }

// SignedOutURI is the address after logout that is registered at the provider, to the letter.
func (s *Site) SignedOutURI() string { return s.config.Origin + s.config.SignedOut }

// sealedAttempt is the content of Attempt.Sealed.
type sealedAttempt struct {
	Provider string `json:"provider"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier,omitempty"`
	ReturnTo string `json:"return_to"`
}

func (a Attempt) bound() []byte {
	return fmt.Appendf(nil, "%x|%q|%d|%d", a.State, a.Site, a.CreatedAt.UnixMicro(), a.ExpiresAt.UnixMicro())
}

// Begin sends the browser to the provider. It answers a POST of the site's own login form, whose
// field FieldReturn may hold the path to come back to. When it returns an error it has written
// nothing.
func (s *Site) Begin(w http.ResponseWriter, r *http.Request) error {
	const op = "Begin"
	if err := postForm(w, r, op); err != nil {
		return err
	}
	ctx, d := r.Context(), s.decide()
	if err := s.purge(ctx, d); err != nil {
		return err
	}
	m, err := s.provider.metadata(ctx)
	if err != nil {
		return err
	}
	profile := s.provider.profile
	// A second tab keeps the cookie of the first, or the first could not finish.
	browser, ok := s.cookie(r, s.loginCookie)
	var secrets [4]string
	for i := range secrets {
		if secrets[i], err = newSecret(s.random); err != nil {
			return refuse(op, carnet.Internal, "internal", err)
		}
	}
	if !ok {
		browser = secrets[3]
	}
	state := secrets[0]
	content := sealedAttempt{Provider: profile.Name, Nonce: secrets[1], ReturnTo: LocalPath(r.PostForm.Get(FieldReturn))}
	if profile.PKCE {
		content.Verifier = secrets[2]
	}
	location, err := s.provider.authorization(m, s.RedirectURI(), state, content.Nonce, content.Verifier)
	if err != nil {
		return refuse(op, carnet.Internal, "internal", err)
	}
	now := s.now()
	a := Attempt{State: hashOf(state), Browser: hashOf(browser), Site: s.config.Name, CreatedAt: now, ExpiresAt: now.Add(AttemptLifetime)}
	if a.Sealed, err = seal(s.random, browser, "attempt", a.bound(), content); err != nil {
		return refuse(op, carnet.Internal, "internal", err)
	}
	if err := s.store.AddAttempt(ctx, d, a); err != nil {
		return err
	}
	s.setCookie(w, s.loginCookie, browser, AttemptLifetime)
	redirect(w, location)
	return nil
}

// Finish takes the answer of the provider, on a GET of CallbackPath, and says who came back.
// It writes nothing: the site opens a session with Open, or explains the error.
func (s *Site) Finish(w http.ResponseWriter, r *http.Request) (Identity, error) {
	const op = "Finish"
	if r.Method != http.MethodGet {
		return Identity{}, refuse(op, carnet.Invalid, CodeMethod, nil)
	}
	answer, err := answerOf(r)
	if err != nil {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, err)
	}
	browser, ok := s.cookie(r, s.loginCookie)
	if !ok || !isSecret(answer.state) {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, errors.New("no cookie, or no state of ours"))
	}
	ctx, d := r.Context(), s.decide()
	a, err := s.store.TakeAttempt(ctx, d, hashOf(answer.state), hashOf(browser))
	if carnet.KindOf(err) == carnet.NotFound {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, errors.New("no such login under way"))
	}
	if err != nil {
		return Identity{}, err
	}
	var begun sealedAttempt
	if err := unseal(browser, "attempt", a.bound(), a.Sealed, &begun); err != nil {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, err)
	}
	if a.Site != s.config.Name || begun.Provider != s.provider.Name() {
		return Identity{}, refuse(op, carnet.Invalid, CodeState, errors.New("begun elsewhere"))
	}
	if now := s.now(); !now.Before(a.ExpiresAt) || now.Before(a.CreatedAt.Add(-maxSkew)) {
		return Identity{}, refuse(op, carnet.Invalid, CodeExpired, nil)
	}
	id, err := s.provider.finish(ctx, s.RedirectURI(), answer, Begun{Nonce: begun.Nonce, Verifier: begun.Verifier, At: a.CreatedAt})
	if err != nil {
		return Identity{}, err
	}
	id.ReturnTo = begun.ReturnTo
	return id, nil
}

// Logout ends the session here first, then sends the browser to end the one at the provider
// (OpenID Connect RP-Initiated Logout 1.0). It answers a POST. Whatever the provider does, the
// session is over; when it returns an error it has written no answer.
func (s *Site) Logout(w http.ResponseWriter, r *http.Request) error {
	const op = "Logout"
	if err := postForm(w, r, op); err != nil {
		return err
	}
	ctx := r.Context()
	session, err := s.Current(r)
	known := err == nil
	if !known && carnet.KindOf(err) != carnet.Denied {
		return err
	}
	if token, ok := s.cookie(r, s.sessionCookie); ok {
		if err := s.store.EndSession(ctx, s.decide(), hashOf(token)); err != nil {
			return err
		}
	}
	s.setCookie(w, s.sessionCookie, "", -1)
	target := s.config.SignedOut
	if known && session.Issuer == s.provider.profile.Issuer {
		state, err := newSecret(s.random)
		if err != nil {
			return refuse(op, carnet.Internal, "internal", err)
		}
		// A provider that is down does not undo the logout here.
		if address, err := s.provider.endSession(ctx, session.idToken, s.SignedOutURI(), state); err == nil && address != "" {
			target = address
		}
	}
	redirect(w, target)
	return nil
}

// decide asks for the access that every call of the store needs. Before a login nobody is there
// to act, so the program acts for itself.
func (s *Site) decide() protect.Decision {
	return s.guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
}

// purge drops what has expired, at most once a minute.
func (s *Site) purge(ctx context.Context, d protect.Decision) error {
	now, last := s.now(), s.purged.Load()
	if last != 0 && now.Sub(time.UnixMicro(last)) < purgeTime || !s.purged.CompareAndSwap(last, now.UnixMicro()) {
		return nil
	}
	if err := s.store.Purge(ctx, d, now); err != nil {
		return err
	}
	return s.store.Door(ctx, d, func(tx Tx) error { return tx.PurgeDoor(now, now.Add(-HistoryLifetime)) })
}

// mayHave reports that a session of this site may have a role.
func (s *Site) mayHave(role protect.Role) bool {
	return role == s.config.Role || slices.Contains(s.config.Roles, role)
}

func (s *Site) ids() carnet.IDs { return carnet.IDs{Clock: s.clock, Rand: s.random} }

// now is cut to what the store keeps, so that a row reads back as it was sealed.
func (s *Site) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// cookie returns a cookie of ours that could be one: anything else is as good as none.
func (s *Site) cookie(r *http.Request, name string) (string, bool) {
	found := r.CookiesNamed(name)
	if len(found) != 1 || !isSecret(found[0].Value) {
		return "", false
	}
	return found[0].Value, true
}

// setCookie sets a cookie for life, for the browser session when life is zero, or deletes it.
// Lax, not Strict: the way back from the provider is a navigation from another site.
func (s *Site) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	switch {
	case life < 0:
		c.MaxAge = -1
	case life > 0:
		c.MaxAge = int(life / time.Second)
	}
	http.SetCookie(w, c)
}

// answer is what a provider puts in a callback address.
type answer struct{ state, code, iss, failure string }

// answerOf reads the parameters, each at most once (RFC 6749, section 3.1).
func answerOf(r *http.Request) (answer, error) {
	if len(r.URL.RawQuery) > maxQuery {
		return answer{}, errors.New("the answer is too long")
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return answer{}, errors.New("the answer cannot be read")
	}
	var a answer
	for name, to := range map[string]*string{"state": &a.state, "code": &a.code, "iss": &a.iss, "error": &a.failure} {
		switch v := q[name]; len(v) {
		case 0:
		case 1:
			*to = v[0]
		default:
			return answer{}, fmt.Errorf("%s comes %d times", name, len(v))
		}
	}
	return a, nil
}

// postForm reads a small form.
func postForm(w http.ResponseWriter, r *http.Request, op string) error {
	if r.Method != http.MethodPost {
		return refuse(op, carnet.Invalid, CodeMethod, nil)
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return refuse(op, carnet.Invalid, CodeMethod, errors.New("the form cannot be read"))
	}
	return nil
}

// redirect answers 303, so that a form is never sent again to another site (RFC 9700, section 4.12).
func redirect(w http.ResponseWriter, target string) {
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(http.StatusSeeOther)
}

// LocalPath returns a path of this site as it is, and "/" for anything that could lead elsewhere.
func LocalPath(s string) string {
	if len(s) == 0 || len(s) > maxReturn || s[0] != '/' || strings.HasPrefix(s, "//") {
		return "/"
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '\\' || c >= 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		return "/"
	}
	return s
}
