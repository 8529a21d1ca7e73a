package login

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"carnet/internal/carnet"
)

// Limits of a call (CIBA Core 1.0, section 7.3; specification, R5).
const (
	minCall         = 30 * time.Second
	maxCall         = 5 * time.Minute
	defaultInterval = 5 * time.Second // where the provider says none
	slowDown        = 5 * time.Second // added at each slow_down
	maxInterval     = time.Minute
	maxRequestID    = 1024
)

// grantCIBA is the grant type of CIBA Core 1.0, section 10.1.
const grantCIBA = "urn:openid:params:grant-type:ciba"

// reported is the description by which the phone tells "it was not me" from a plain refusal.
const reported = "reported"

// PushRequest asks a provider to reach the phone of a professional.
type PushRequest struct {
	Number   carnet.Private // what was typed: 11 digits of the RPPS, or 12 with the leading 8
	Binding  string         // digits shown on the computer, to be typed on the phone
	Lifetime time.Duration  // of the call; zero: that of the profile. Held between 30 s and the profile's max_wait
	Context  PushContext    // sent when the profile says ciba.context
}

// PushContext is what the phone shows about the computer (specification, R9 and R10).
type PushContext struct {
	Service       string    `json:"service"`
	Browser       string    `json:"browser"` // family and system, coarse
	Place         string    `json:"place"`   // department or country, from a table on this machine
	Establishment string    `json:"establishment,omitempty"`
	Delegate      string    `json:"delegate,omitempty"` // name of the person who types
	FirstTime     bool      `json:"first_time"`         // from this browser
	Unusual       bool      `json:"unusual"`            // outside the declared sessions or the usual hours
	Digits        int       `json:"digits"`             // how many the phone asks for
	Notify        Notify    `json:"notify"`
	At            time.Time `json:"at"`
}

// Notify is how loudly the phone is reached.
type Notify string

const (
	NotifyNormal Notify = "normal"
	NotifyQuiet  Notify = "quiet" // no sound, low urgency
	NotifyNone   Notify = "none"  // nothing is sent: the professional opens the application
)

// Pushed is a call under way. RequestID is a secret of this server: it goes to no browser.
type Pushed struct {
	RequestID carnet.Private // auth_req_id
	Number    carnet.Private // normalised, 12 digits
	At        time.Time      // when it was asked
	ExpiresAt time.Time
	Interval  time.Duration // least time between two calls of Collect: the caller keeps it
}

// Push asks the provider to reach a phone (CIBA Core 1.0, section 7). CodeUnknownUser must be
// shown to the person exactly as a call that nobody answers.
func (p *Provider) Push(ctx context.Context, r PushRequest) (Pushed, error) {
	const op = "Push"
	number, err := carnet.ParseRPPS(r.Number.Reveal())
	if err != nil {
		return Pushed{}, refuse(op, carnet.Invalid, CodeNumber, err)
	}
	if p.profile.LoginMode != ModeCIBA {
		return Pushed{}, refuse(op, carnet.Internal, CodeProfile, errors.New("login_mode is not ciba"))
	}
	if len(r.Binding) < 2 || len(r.Binding) > 8 || strings.Trim(r.Binding, "0123456789") != "" {
		return Pushed{}, refuse(op, carnet.Internal, CodeRefused, errors.New("the binding number is not 2 to 8 digits"))
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return Pushed{}, err
	}
	life := r.Lifetime
	if life == 0 {
		life = p.profile.CIBA.MaxWait
	}
	life = min(max(life, minCall), p.profile.CIBA.MaxWait)
	form := url.Values{
		"scope": {strings.Join(p.profile.Scopes, " ")}, "login_hint": {number.Reveal()}, "binding_message": {r.Binding},
		"requested_expiry": {strconv.Itoa(int(life / time.Second))},
	}
	if len(p.profile.ACRRequest) > 0 {
		form.Set("acr_values", strings.Join(p.profile.ACRRequest, " "))
	}
	if p.profile.CIBA.Channel != "" {
		form.Set("channel", p.profile.CIBA.Channel)
	}
	if p.profile.CIBA.Context {
		text, err := json.Marshal(r.Context)
		if err != nil {
			return Pushed{}, refuse(op, carnet.Internal, "internal", err)
		}
		form.Set("request_context", string(text))
	}
	at := p.clock().UTC()
	var answer struct {
		ID       string   `json:"auth_req_id"`
		Expires  *float64 `json:"expires_in"`
		Interval *float64 `json:"interval"`
	}
	if err := p.call(ctx, m, m.Push, form, &answer); err != nil {
		f, ok := errors.AsType[*fault](err)
		switch {
		case !ok:
			return Pushed{}, refusal(op, err)
		case f.code == "unknown_user_id":
			return Pushed{}, refuse(op, carnet.Denied, CodeUnknownUser, f)
		case f.code == "access_denied":
			return Pushed{}, refuse(op, carnet.Denied, CodeDenied, f)
		default:
			return Pushed{}, refusal(op, err)
		}
	}
	out := Pushed{RequestID: carnet.Hide(answer.ID), Number: number, At: at, Interval: defaultInterval}
	switch {
	case !isRequestID(answer.ID):
		err = errors.New("there is no auth_req_id that could be one")
	case answer.Expires == nil || *answer.Expires < 1:
		err = errors.New("there is no expires_in")
	case answer.Interval != nil && (*answer.Interval < 0 || *answer.Interval > maxInterval.Seconds()):
		err = fmt.Errorf("an interval of %v s is not possible", *answer.Interval)
	}
	if err != nil {
		return Pushed{}, refuse(op, carnet.Unavailable, CodeProviderDown, err)
	}
	if answer.Interval != nil {
		out.Interval = max(time.Duration(*answer.Interval)*time.Second, time.Second)
	}
	// A provider that lets a call live for longer than was asked does not make us wait for it.
	out.ExpiresAt = at.Add(min(time.Duration(min(*answer.Expires, maxCall.Seconds())*float64(time.Second)), life))
	return out, nil
}

// Collect looks for the answer to a call (CIBA Core 1.0, section 10). CodePending means that there
// is none yet, CodeSlowDown that there is none and that the interval is to be five seconds longer.
// CodeProviderDown says nothing about the call. Any other error ends it.
func (p *Provider) Collect(ctx context.Context, c Pushed) (Identity, error) {
	const op = "Collect"
	now := p.clock()
	switch {
	case c.RequestID.IsZero() || c.Number.IsZero():
		return Identity{}, refuse(op, carnet.Internal, CodeRefused, errors.New("not a call that Push returned"))
	case !now.Before(c.ExpiresAt) || now.Before(c.At.Add(-maxSkew)):
		return Identity{}, refuse(op, carnet.Invalid, CodeExpired, nil)
	}
	m, err := p.metadata(ctx)
	if err != nil {
		return Identity{}, err
	}
	var t tokens
	err = p.call(ctx, m, m.Token, url.Values{"grant_type": {grantCIBA}, "auth_req_id": {c.RequestID.Reveal()}}, &t)
	if f, ok := errors.AsType[*fault](err); ok {
		switch {
		case f.code == "authorization_pending":
			return Identity{}, refuse(op, carnet.Unavailable, CodePending, nil)
		case f.code == "slow_down":
			return Identity{}, refuse(op, carnet.Unavailable, CodeSlowDown, nil)
		case f.code == "expired_token":
			return Identity{}, refuse(op, carnet.Invalid, CodeExpired, nil)
		case f.code == "access_denied" && f.description == reported:
			return Identity{}, refuse(op, carnet.Denied, CodeReported, nil)
		case f.code == "access_denied":
			return Identity{}, refuse(op, carnet.Denied, CodeDenied, nil)
		}
	}
	if err != nil {
		return Identity{}, refusal(op, err)
	}
	if err := t.check(op); err != nil {
		return Identity{}, err
	}
	return p.identify(ctx, m, t, due{begun: c.At, number: c.Number})
}

// CancelPush takes a call back, so that the phone shows it no more. Protocol has nothing for
// it (specification, section 4.5): where the profile or the metadata have no such endpoint it does
// nothing, and forgetting the call is enough.
func (p *Provider) CancelPush(ctx context.Context, c Pushed) error {
	const op = "CancelPush"
	if !p.profile.CIBA.Cancel {
		return nil
	}
	m, err := p.metadata(ctx)
	if err != nil || m.Cancel == "" {
		return err
	}
	if err := p.call(ctx, m, m.Cancel, url.Values{"auth_req_id": {c.RequestID.Reveal()}}, nil); err != nil {
		return refusal(op, err)
	}
	return nil
}

// isRequestID accepts what CIBA Core 1.0, section 7.3, allows.
func isRequestID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= maxRequestID
}
