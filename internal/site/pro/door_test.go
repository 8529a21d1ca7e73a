package pro

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/protect"
)

// contactHours is a support that answers from half past eight to half past five.
type contactHours struct{}

func (contactHours) Open(at time.Time) bool { return at.Hour() < 16 }
func (contactHours) String() string         { return "mon-fri 08:30-17:30" }

// door stands for package login.
type door struct{ *fake }

func (d door) CallbackPath() string { return "/connexion/retour/psc" }
func (d door) EndPath() string      { return "/connexion/fin/psc" }

func (d door) Begin(w http.ResponseWriter, r *http.Request) error {
	if d.finish != nil {
		return d.finish
	}
	http.Redirect(w, r, "http://localhost:8412/authorize", http.StatusSeeOther)
	return nil
}

func (d door) Finish(http.ResponseWriter, *http.Request) (login.Identity, error) {
	return login.Identity{Subject: carnet.Hide("subject"), ReturnTo: "/"}, d.finish
}

func (d door) SameDevice(r *http.Request) bool { return strings.Contains(r.UserAgent(), "Mobile") }

func (d door) Call(_ http.ResponseWriter, _ *http.Request, q login.CallRequest) (login.Wait, error) {
	d.called = append(d.called, q)
	return d.wait, d.finish
}

func (d door) Waiting(http.ResponseWriter, *http.Request) (login.Wait, error) {
	return d.wait, d.waiting
}

func (d door) Quit(http.ResponseWriter, *http.Request) error {
	d.fake.quit++
	return nil
}

func (d door) Hold(_ http.ResponseWriter, _ *http.Request, i login.Identity) (login.Held, error) {
	return login.Held{Identity: i}, nil
}

func (d door) Held(*http.Request) (login.Held, error) {
	if d.held == nil {
		return login.Held{}, carnet.E("login", carnet.Invalid, login.CodeState, nil)
	}
	return *d.held, nil
}

func (d door) Open(_ http.ResponseWriter, _ *http.Request, o login.Opening) (login.Session, error) {
	d.opened = append(d.opened, o)
	return login.Session{Person: o.Person, Name: o.Name, Organisation: o.Organisation}, nil
}

func (d door) Renew(http.ResponseWriter, *http.Request) (login.Session, string, error) {
	d.renewed = true
	return login.Session{}, settingsPath, d.finish
}

func (d door) Current(r *http.Request) (login.Session, error) {
	if d.session != nil {
		return login.Session{}, d.session
	}
	if r.Header.Get("X-Test-Session") == "none" {
		return login.Session{}, carnet.E("login", carnet.Denied, login.CodeNoSession, nil)
	}
	person := tilleul.ID
	if !d.other.IsZero() {
		person = d.other
	}
	return login.Session{ID: id(200), Person: person, ExpiresAt: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), Role: protect.Professional, Name: carnet.Hide("Camille Tilleul"), Organisation: acacias.ID, Delegation: d.typing}, nil
}

func (d door) Fresh(login.Session) bool { return !d.stale }

func (d door) Take(context.Context, string, string) error { return d.limit }

func (d door) Spend(ctx context.Context, a protect.Actor, name string) error {
	if d.spend == nil {
		return nil
	}
	return d.spend(ctx, a, name)
}

func (d door) Logout(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "http://localhost:8412/session/end", http.StatusSeeOther)
	return nil
}

func (d door) BackChannel(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (d door) Sessions(context.Context, carnet.ID) ([]login.Summary, error) {
	return []login.Summary{
		{ID: id(201), Site: "pro", CreatedAt: now.Add(-time.Hour), LastSeen: now, ExpiresAt: now.Add(time.Hour), Browser: "Firefox, Linux", Delegate: id(30), Presence: login.Present},
		{ID: id(200), Site: "pro", CreatedAt: now, LastSeen: now, ExpiresAt: now.Add(time.Hour), Browser: "Chrome, Windows"},
	}, nil
}

func (d door) EndSession(_ context.Context, _, session carnet.ID) error {
	d.closed = append(d.closed, session)
	return d.down
}

func (d door) EndSessions(context.Context, carnet.ID) (int, error) {
	d.closed = append(d.closed, id(200), id(201))
	return 2, d.down
}

func (d door) History(context.Context, protect.Actor) ([]login.Event, error) { return d.events, nil }

func (d door) Hours(context.Context, protect.Actor) (hours.Week, error) { return d.week, nil }

func (d door) SetHours(_ context.Context, _ login.Session, w hours.Week) error {
	d.week = w
	return d.problems
}

// delegates stands for package delegation.
type delegates struct{ *fake }

func (d delegates) List(context.Context, protect.Actor) ([]delegation.Delegate, error) {
	return d.declared, nil
}

func (d delegates) Declare(_ context.Context, _ login.Session, name string) (delegation.Delegate, error) {
	d.named = append(d.named, name)
	return delegation.Delegate{ID: id(31), Name: carnet.Hide(name)}, d.problems
}

func (d delegates) Revoke(_ context.Context, _ login.Session, delegate carnet.ID) error {
	d.revoked = append(d.revoked, delegate)
	return nil
}

func (d delegates) BeginPasskey(context.Context, login.Session, carnet.ID) (json.RawMessage, error) {
	return json.RawMessage(`{"challenge":"bW91c3Nl"}`), nil
}

func (d delegates) FinishPasskey(_ context.Context, _ login.Session, _ carnet.ID, response []byte) error {
	d.passkeys = append(d.passkeys, string(response))
	return d.problems
}

func (d delegates) Ready(context.Context, carnet.ID) ([]delegation.Delegate, error) {
	return d.declared, nil
}

func (d delegates) BeginAuthorise(context.Context, carnet.ID, carnet.ID) (json.RawMessage, error) {
	return json.RawMessage(`{"challenge":"bGllcnJl"}`), nil
}

func (d delegates) Authorise(_ context.Context, _ login.Held, _, delegate carnet.ID, presence login.Presence, response []byte) (login.Delegation, error) {
	d.passkeys = append(d.passkeys, string(response))
	return login.Delegation{ID: delegate, Name: carnet.Hide("Basile Genêt"), Presence: presence}, d.problems
}
