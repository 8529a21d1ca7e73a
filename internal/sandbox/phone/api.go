package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
)

// cookie holds what a page proved. Strict: nothing but the page itself ever sends it.
const cookie = "__Host-sandbox-phone"

const (
	maxAsk     = 16 << 10         // bytes of what a page sends
	streamLife = 20 * time.Second // then the page asks for the next; a server that stops waits no longer
	maxHistory = 200
)

// Handler serves everything below Path, and the static files of Assets.
//
//	GET  /wallet                  the page
//	POST /wallet/telephones       gives a phone to somebody: the code to scan, good for 90 s
//	POST /wallet/perdu            the devices of somebody who lost one
//	POST /wallet/perdu/revoquer   takes a device out of use
//	GET  /wallet/manifest.webmanifest, /wallet/sw.js
//
// What follows is for the page's script: JSON in, JSON out, an error is {"code", …} with a status.
// Everything but the first three needs the cookie of a page that proved its devices.
//
//	POST /wallet/api/challenge    {} gives {challenge, now, vapid}
//	POST /wallet/api/enrol        a token, a key, a code
//	POST /wallet/api/session      the signatures of the devices of the page over a challenge
//	GET  /wallet/api/state        devices, requests, news
//	GET  /wallet/api/stream       server-sent events: something changed, and how loud
//	GET  /wallet/api/history      what happened in the last 90 days
//	POST /wallet/api/shown        a request is on the screen
//	POST /wallet/api/find         the request that waits with a number
//	POST /wallet/api/decide       approve, decline, report; signed
//	POST /wallet/api/revoke       another device of the same person; signed, with the code
//	POST /wallet/api/push         where to send pushes; empty for nowhere
//	POST /wallet/api/noticed      the news was read
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.pages)
	post := func(name string, f func(*http.Request) (any, error)) {
		mux.HandleFunc("POST "+Path+"/api/"+name, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, f) })
	}
	get := func(name string, f func(*http.Request) (any, error)) {
		mux.HandleFunc("GET "+Path+"/api/"+name, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, f) })
	}
	post("challenge", s.apiChallenge)
	post("enrol", s.apiEnrol)
	mux.HandleFunc("POST "+Path+"/api/session", s.apiSession)
	get("state", s.apiState)
	get("history", s.apiHistory)
	mux.HandleFunc("GET "+Path+"/api/stream", s.stream)
	post("shown", s.apiShown)
	post("find", s.apiFind)
	post("decide", s.apiDecide)
	post("revoke", s.apiRevoke)
	post("push", s.apiPush)
	post("noticed", s.apiNoticed)
	forged := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, Path+"/api/") {
			if err := forged.Check(r); err != nil {
				s.refuseProgram(w, r, carnet.E("phone.api", carnet.Denied, "request.forged", err))
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxAsk)
		}
		mux.ServeHTTP(w, r)
	})
}

func apiHeaders(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// answer runs one call and writes what it gives.
func (s *Service) answer(w http.ResponseWriter, r *http.Request, f func(*http.Request) (any, error)) {
	v, err := f(r)
	if err != nil {
		s.refuseProgram(w, r, err)
		return
	}
	if v == nil {
		v = struct{}{}
	}
	apiHeaders(w.Header())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the page is gone: nobody left to tell
}

// refuseProgram writes an error as {"code": …} with its arguments.
func (s *Service) refuseProgram(w http.ResponseWriter, r *http.Request, err error) {
	status, code := ui.Status(carnet.KindOf(err)), carnet.CodeOf(err)
	body := map[string]any{}
	if e, ok := errors.AsType[*carnet.Error](err); ok {
		for name, v := range e.Args {
			body[name] = v
		}
	}
	body["code"] = code
	switch code {
	case CodeSession, CodeDevice, CodePasskey:
		status = http.StatusUnauthorized
	case "internal":
		s.Log.ErrorContext(r.Context(), "call failed", "err", err)
	}
	apiHeaders(w.Header())
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// read takes the body of a call.
func read[T any](r *http.Request) (T, error) {
	var v T
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return v, fail("read", carnet.Invalid, CodeForm, errors.New("not JSON"))
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fail("read", carnet.Invalid, CodeForm, errors.New("not the JSON of this call"))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, fail("read", carnet.Invalid, CodeForm, errors.New("more than one value"))
	}
	return v, nil
}

// proved lists the devices of the page that asks: those that it proved and that are not revoked.
func (s *Service) proved(r *http.Request) ([]device, error) {
	c, err := r.Cookie(cookie)
	if err != nil {
		return nil, fail("proved", carnet.Denied, CodeSession, nil)
	}
	var list []device
	for _, id := range s.proof.of(c.Value) {
		d, err := readDevice(r.Context(), s.db, id)
		if err != nil {
			return nil, broken("proved", err)
		}
		if d.State != deviceRevoked {
			list = append(list, d)
		}
	}
	if len(list) == 0 {
		return nil, fail("proved", carnet.Denied, CodeSession, nil)
	}
	return list, nil
}

// own finds one of the devices of the page that asks.
func (s *Service) own(r *http.Request, id string) (device, error) {
	list, err := s.proved(r)
	if err != nil {
		return device{}, err
	}
	i := slices.IndexFunc(list, func(d device) bool { return d.ID == id })
	if i < 0 {
		return device{}, fail("own", carnet.Denied, CodeDevice, nil)
	}
	return list[i], nil
}

func (s *Service) apiChallenge(*http.Request) (any, error) {
	c, err := s.proof.challenge()
	if err != nil {
		return nil, err
	}
	public, err := vapidPublic(s.Vapid)
	if err != nil {
		return nil, broken("challenge", err)
	}
	return map[string]any{"challenge": c, "now": s.Clock().UnixMilli(), "vapid": public}, nil
}

func (s *Service) apiEnrol(r *http.Request) (any, error) {
	e, err := read[enrolment](r)
	if err != nil {
		return nil, err
	}
	d, err := s.enrol(r.Context(), e)
	if err != nil {
		return nil, err
	}
	p, _ := s.person(d.Person)
	return map[string]any{"device": d.ID, "owner": p.Name.Reveal(), "number": p.Number.Reveal(), "name": d.Name}, nil
}

// apiSession opens a session for the devices whose signatures over a challenge are right. A device
// that was revoked is named, so that the page forgets it.
func (s *Service) apiSession(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, func(r *http.Request) (any, error) {
		ask, err := read[struct {
			Challenge string `json:"challenge"`
			Proofs    []struct {
				Device    string `json:"device"`
				Signature []byte `json:"signature"`
			} `json:"proofs"`
		}](r)
		if err != nil {
			return nil, err
		}
		if len(ask.Proofs) == 0 || len(ask.Proofs) > maxCards {
			return nil, fail("session", carnet.Invalid, CodeForm, nil)
		}
		if !s.proof.use(ask.Challenge) {
			return nil, fail("session", carnet.Denied, CodeSession, nil)
		}
		var good, gone []string
		for _, p := range ask.Proofs {
			d, err := readDevice(r.Context(), s.db, p.Device)
			// Only who holds the key learns what became of a device.
			if err != nil || !verify(d.key, statement(s.origin(), "session", p.Device, ask.Challenge), p.Signature) {
				continue
			}
			if d.State == deviceRevoked {
				gone = append(gone, d.ID)
				continue
			}
			good = append(good, d.ID)
			if _, err := s.db.ExecContext(r.Context(), `UPDATE device SET used=? WHERE id=?`, s.Clock().UnixMilli(), d.ID); err != nil {
				return nil, broken("session", err)
			}
		}
		if len(good) > 0 {
			value, err := s.proof.open(good)
			if err != nil {
				return nil, err
			}
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: value, Path: "/", MaxAge: int(sessionLife / time.Second),
				Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		} else if len(gone) == 0 {
			return nil, fail("session", carnet.Denied, CodeDevice, nil)
		}
		return map[string]any{"devices": good, "revoked": gone}, nil
	})
}

// Card is a device of the page, as the page shows it.
type cardView struct {
	Device  string      `json:"device"`
	Owner   string      `json:"owner"`
	Number  string      `json:"number"`
	Name    string      `json:"name"`
	State   string      `json:"state"`
	Locked  int64       `json:"locked,omitempty"` // until, ms
	Push    bool        `json:"push"`
	Waiting int         `json:"waiting"` // requests that are found by their number
	Others  []otherView `json:"others"`
	News    []eventView `json:"news"`
}

type otherView struct {
	Device   string `json:"device"`
	Name     string `json:"name"`
	State    string `json:"state"`
	Enrolled int64  `json:"enrolled"`
	Used     int64  `json:"used"`
	Self     bool   `json:"self"`
}

// requestView is a request as the phone shows it. The number to type is not in it.
type requestView struct {
	ID            string `json:"id"`
	Device        string `json:"device"` // which answers it
	Owner         string `json:"owner"`
	Client        string `json:"client"`
	Title         string `json:"title"`
	Service       string `json:"service"`
	Browser       string `json:"browser"`
	Place         string `json:"place"`
	Establishment string `json:"establishment"`
	Delegate      string `json:"delegate"`
	At            int64  `json:"at"`
	Expires       int64  `json:"expires"`
	FirstTime     bool   `json:"first_time"`
	Unusual       bool   `json:"unusual"`
	Quiet         bool   `json:"quiet"`
	Pull          bool   `json:"pull"`
	Digits        int    `json:"digits"`
	Wait          int64  `json:"wait"` // ms to read before it can be approved
}

type eventView struct {
	ID      int64  `json:"id"`
	Kind    string `json:"kind"`
	At      int64  `json:"at"`
	Device  string `json:"device"` // its name
	Request string `json:"request,omitempty"`
	Young   bool   `json:"young,omitempty"`
	Owner   string `json:"owner,omitempty"`
	By      string `json:"by,omitempty"`      // the device of the page that may report it
	Client  string `json:"client,omitempty"`  // of a request that can be reported
	Service string `json:"service,omitempty"` // of a request
	Place   string `json:"place,omitempty"`
	Browser string `json:"browser,omitempty"`
	Report  bool   `json:"report,omitempty"` // it can still be reported
}

func (s *Service) view(r request, d device, now time.Time) requestView {
	p, _ := s.person(d.Person)
	c := r.Context
	v := requestView{
		ID: r.ID, Device: d.ID, Owner: p.Name.Reveal(), Client: r.Client, Title: r.Title,
		Service: c.Service, Browser: c.Browser, Place: c.Place, Establishment: c.Establishment, Delegate: c.Delegate,
		At: r.created.UnixMilli(), Expires: r.expires.UnixMilli(), FirstTime: c.FirstTime, Unusual: c.Unusual,
		Quiet: c.Notify == NotifyQuiet, Pull: r.pull, Digits: len(r.binding),
	}
	if c.Careful() {
		v.Wait = ReadingDelay.Milliseconds()
		if !r.shown.IsZero() {
			v.Wait = max(0, r.shown.Add(ReadingDelay).Sub(now).Milliseconds())
		}
	}
	return v
}

func (s *Service) apiState(r *http.Request) (any, error) {
	list, err := s.proved(r)
	if err != nil {
		return nil, err
	}
	now, ctx := s.Clock(), r.Context()
	cards, requests := []cardView{}, []requestView{}
	for _, d := range list {
		p, _ := s.person(d.Person)
		card := cardView{Device: d.ID, Owner: p.Name.Reveal(), Number: p.Number.Reveal(), Name: d.Name, State: d.State, Push: d.push != "", News: []eventView{}}
		if now.Before(d.Locked) {
			card.Locked = d.Locked.UnixMilli()
		}
		all, err := waiting(ctx, s.db, d.Person, now)
		if err != nil {
			return nil, broken("state", err)
		}
		rings := slices.DeleteFunc(slices.Clone(all), func(r request) bool { return r.pull })
		shown := rings
		if card.Waiting = len(all) - len(rings); card.Waiting == 1 && len(rings) == 0 {
			shown, card.Waiting = all, 0 // the only one: nothing to look for
		}
		for _, r := range shown {
			requests = append(requests, s.view(r, d, now))
		}
		family, err := devices(ctx, s.db, d.Person)
		if err != nil {
			return nil, broken("state", err)
		}
		names := map[string]string{}
		for _, o := range family {
			names[o.ID] = o.Name
			card.Others = append(card.Others, otherView{o.ID, o.Name, o.State, o.Enrolled.UnixMilli(), o.Used.UnixMilli(), o.ID == d.ID})
		}
		past, err := events(ctx, s.db, d.Person, now.Add(-keptFor), maxHistory)
		if err != nil {
			return nil, broken("state", err)
		}
		for _, e := range past {
			if e.ID > d.Noticed && e.Device != d.ID && (e.Kind == kindEnrolled || e.Kind == kindRevoked || e.Kind == kindDisabled) {
				card.News = append(card.News, eventView{ID: e.ID, Kind: e.Kind, At: e.At.UnixMilli(), Device: names[e.Device]})
			}
		}
		cards = append(cards, card)
	}
	return map[string]any{"now": now.UnixMilli(), "cards": cards, "requests": requests}, nil
}

func (s *Service) apiHistory(r *http.Request) (any, error) {
	list, err := s.proved(r)
	if err != nil {
		return nil, err
	}
	now, ctx := s.Clock(), r.Context()
	out := []eventView{}
	for _, d := range list {
		p, _ := s.person(d.Person)
		past, err := events(ctx, s.db, d.Person, now.Add(-keptFor), maxHistory)
		if err != nil {
			return nil, broken("history", err)
		}
		known := map[string]request{}
		for _, e := range past {
			if e.Kind == kindShown {
				continue
			}
			v := eventView{ID: e.ID, Kind: e.Kind, At: e.At.UnixMilli(), Request: e.Request, Young: e.Young, Owner: p.Name.Reveal(), By: d.ID}
			if e.Device != "" {
				if o, err := readDevice(ctx, s.db, e.Device); err == nil {
					v.Device = o.Name
				}
			}
			if e.Request != "" {
				q, ok := known[e.Request]
				if !ok {
					if q, err = readRequest(ctx, s.db, `id=?`, e.Request); err == nil {
						known[e.Request] = q
					}
				}
				v.Client, v.Service, v.Place, v.Browser = q.Client, q.Title, q.Context.Place, q.Context.Browser
				v.Report = q.ID != "" && State(e.Kind) == q.State && q.State != Reported && now.Sub(q.created) < loginFor
			}
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b eventView) int { return int(b.ID - a.ID) })
	return map[string]any{"now": now.UnixMilli(), "events": out[:min(len(out), maxHistory)]}, nil
}

func (s *Service) apiShown(r *http.Request) (any, error) {
	ask, err := read[struct {
		Device  string `json:"device"`
		Request string `json:"request"`
	}](r)
	if err != nil {
		return nil, err
	}
	d, err := s.own(r, ask.Device)
	if err != nil {
		return nil, err
	}
	return nil, s.shown(r.Context(), d, ask.Request)
}

func (s *Service) apiFind(r *http.Request) (any, error) {
	ask, err := read[struct {
		Number string `json:"number"`
	}](r)
	if err != nil {
		return nil, err
	}
	list, err := s.proved(r)
	if err != nil {
		return nil, err
	}
	q, d, err := s.find(r.Context(), list, ask.Number)
	if err != nil {
		return nil, err
	}
	return s.view(q, d, s.Clock()), nil
}

func (s *Service) apiDecide(r *http.Request) (any, error) {
	a, err := read[decision](r)
	if err != nil {
		return nil, err
	}
	if _, err := s.own(r, a.Device); err != nil {
		return nil, err
	}
	state, err := s.decide(r.Context(), a)
	if err != nil {
		return nil, err
	}
	return map[string]any{"state": state}, nil
}

func (s *Service) apiRevoke(r *http.Request) (any, error) {
	a, err := read[struct {
		Device    string `json:"device"`
		Target    string `json:"target"`
		Code      string `json:"code"`
		At        int64  `json:"at"`
		Signature []byte `json:"signature"`

		Assertion *assertion `json:"assertion,omitempty"`
	}](r)
	if err != nil {
		return nil, err
	}
	if _, err := s.own(r, a.Device); err != nil {
		return nil, err
	}
	d, err := s.signed(r.Context(), a.Device, "revoke", a.At, a.Signature, a.Target)
	if err != nil {
		return nil, err
	}
	if err := s.unlocked(d, a.Assertion, "revoke", d.ID, strconv.FormatInt(a.At, 10), a.Target); err != nil {
		return nil, err
	}
	if !isCode(a.Code) {
		return nil, fail("revoke", carnet.Invalid, CodeForm, nil)
	}
	if err := s.check(r.Context(), d.ID, a.Code); err != nil {
		return nil, err
	}
	return nil, s.Revoke(r.Context(), d.Person, a.Target)
}

func (s *Service) apiPush(r *http.Request) (any, error) {
	ask, err := read[struct {
		Device       string          `json:"device"`
		Subscription json.RawMessage `json:"subscription"`
	}](r)
	if err != nil {
		return nil, err
	}
	d, err := s.own(r, ask.Device)
	if err != nil {
		return nil, err
	}
	raw := string(ask.Subscription)
	if raw == "" || raw == "null" {
		raw = ""
	} else if _, _, _, err := s.parse(raw); err != nil {
		return nil, err
	}
	if _, err := s.db.ExecContext(r.Context(), `UPDATE device SET push=? WHERE id=?`, raw, d.ID); err != nil {
		return nil, broken("push", err)
	}
	return nil, nil
}

func (s *Service) apiNoticed(r *http.Request) (any, error) {
	ask, err := read[struct {
		Device string `json:"device"`
		Event  int64  `json:"event"`
	}](r)
	if err != nil {
		return nil, err
	}
	d, err := s.own(r, ask.Device)
	if err != nil {
		return nil, err
	}
	if _, err := s.db.ExecContext(r.Context(), `UPDATE device SET noticed=max(noticed, min(?, (SELECT coalesce(max(id),0) FROM event))) WHERE id=?`, ask.Event, d.ID); err != nil {
		return nil, broken("noticed", err)
	}
	return nil, nil
}

// stream tells the page when something changed, for as long as a stream lives; the browser then asks
// for the next one by itself.
func (s *Service) stream(w http.ResponseWriter, r *http.Request) {
	list, err := s.proved(r)
	if err != nil {
		s.refuseProgram(w, r, err)
		return
	}
	var people []string
	for _, d := range list {
		people = append(people, d.Person)
	}
	p, leave := s.hub.watch(people)
	defer leave()
	apiHeaders(w.Header())
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	line := "retry: 1000\n\n" // what came before is not lost: the page asks once the stream is open
	for {
		if _, err := io.WriteString(w, line); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-p.news:
			line = fmt.Sprintf("event: change\ndata: {\"ring\":%q}\n\n", p.read())
		case <-ctx.Done():
			return
		case <-s.ctx.Done():
			return
		}
	}
}
