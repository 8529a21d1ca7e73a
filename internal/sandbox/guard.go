package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Faults that end on a page of the issuer: it is not sure whom it could send the browser back to.
const (
	faultParameter = "parameter"
	faultClient    = "client"
	faultRedirect  = "redirect"
	faultSector    = "sector"
	faultSeveral   = "several"
	faultSession   = "session"
	faultHint      = "hint"
	faultSignedOut = "signed-out"
	faultAddress   = "address"
	faultPrivate   = "private"
	faultProvider  = "provider"
)

// faultStatus is the status of the page of a fault.
func faultStatus(fault string) int {
	switch fault {
	case faultSession:
		return http.StatusUnauthorized
	case faultAddress:
		return http.StatusNotFound
	case faultPrivate:
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// verdict is what the guard thinks of an authorization request: a page with a fault, an error to
// send back to the client, or the parameters to give to the engine.
type verdict struct {
	client      client
	fault       string
	error       string
	description string
	fragment    bool
	params      url.Values
}

// check looks at an authorization request before the engine sees it (specification, sections 2.3
// and 3).
func (i *Issuer) check(ctx context.Context, q url.Values) verdict {
	page := func(fault string) verdict { return verdict{fault: fault} }
	for name, values := range q {
		if len(values) != 1 || i.shape.allow != nil && !slices.Contains(i.shape.allow, name) {
			return page(faultParameter)
		}
	}
	for _, name := range i.shape.need {
		if !q.Has(name) || q.Get(name) == "" && name != "response_type" {
			return page(faultParameter)
		}
	}
	if q.Has("nonce") && len(q.Get("nonce")) < i.shape.minNonce || len(q.Get("state")) < i.shape.minState {
		return page(faultParameter)
	}
	if u, err := url.Parse(q.Get("redirect_uri")); err != nil || u.Scheme == "" || u.Host == "" {
		return page(faultParameter)
	}
	prompt := strings.Fields(q.Get("prompt"))
	if q.Has("prompt") && i.shape.prompts != nil {
		if len(prompt) == 0 || slices.ContainsFunc(prompt, func(p string) bool { return !slices.Contains(i.shape.prompts, p) }) {
			return page(faultParameter)
		}
	}
	client, ok := i.client(q.Get("client_id"))
	if !ok || client.Disabled {
		return page(faultClient)
	}
	if q.Get("redirect_uri") != client.RedirectURI {
		return page(faultRedirect)
	}
	if !i.sector(ctx, client) {
		return page(faultSector)
	}
	// From here on the browser can go back to the client.
	var faults []verdict
	fault := func(code, description string) {
		faults = append(faults, verdict{client: client, error: code, description: description})
	}
	switch t := q.Get("response_type"); {
	case t == "":
		fault("invalid_request", "response_type is empty")
	case t != "code":
		fault("unsupported_response_type", "only code is supported")
		faults[0].fragment = strings.Contains(t, "token")
	}
	if !slices.Contains(strings.Fields(q.Get("scope")), "openid") {
		fault("invalid_request", "scope openid is missing")
	}
	// The weakest known level counts; when none is known, the strongest of the platform does.
	level, known := i.weakest(q.Get("acr_values"))
	if known && i.shape.oneLevel && !slices.Contains(i.shape.levels, level) {
		fault("invalid_acr", "this platform serves "+strings.Join(i.shape.levels, " "))
	}
	if !slices.Contains(i.shape.levels, level) {
		level = i.shape.levels[len(i.shape.levels)-1]
	}
	for _, object := range []string{"request", "request_uri"} {
		if q.Has(object) {
			fault(object+"_not_supported", "request objects are not read")
		}
	}
	if slices.Contains(prompt, "none") && !i.shape.remembers {
		fault("login_required", "nobody is remembered here")
	}
	switch {
	case len(faults) > 1 && i.shape.codes[faultSeveral] != "":
		return page(faultSeveral)
	case len(faults) > 0:
		return faults[0]
	}
	clean := url.Values{}
	for name, values := range q {
		// The engine refuses values that it does not know of what may be ignored.
		if !slices.Contains([]string{"idp_hint", "ui_locales", "claims_locales", "display", "prompt", "login_hint"}, name) {
			clean[name] = values
		}
	}
	clean.Set("acr_values", level)
	return verdict{client: client, params: clean}
}

// weakest is the weakest of the levels asked that anybody knows.
func (i *Issuer) weakest(asked string) (level string, known bool) {
	for _, v := range strings.Fields(asked) {
		if v != "eidas1" && v != "eidas2" && v != "eidas3" {
			continue
		}
		if !known || v < level {
			level, known = v, true
		}
	}
	return level, known
}

// sector reports that the list of addresses that a client published, if any, can be had and names
// the one that it uses (OpenID Connect Core 1.0, section 8.1).
func (i *Issuer) sector(ctx context.Context, c client) bool {
	if c.SectorURI == "" {
		return true
	}
	body, err := fetch(ctx, c.keys.http, c.SectorURI, maxKeys)
	var list []string
	return err == nil && json.Unmarshal(body, &list) == nil && slices.Contains(list, c.RedirectURI)
}

// answer is the address of the client with an error (RFC 6749 section 4.1.2.1, RFC 9207).
func (i *Issuer) answer(v verdict, state string) string {
	q := url.Values{"error": {v.error}, "error_description": {v.description}, "iss": {i.Issuer()}}
	if state != "" {
		q.Set("state", state)
	}
	separator := "?"
	if strings.Contains(v.client.RedirectURI, "?") {
		separator = "&"
	}
	if v.fragment {
		separator = "#"
	}
	return v.client.RedirectURI + separator + q.Encode()
}

// decodeBasic undoes the form encoding of Basic credentials (RFC 6749, section 2.3.1), which the
// engine takes as they are.
func decodeBasic(r *http.Request) {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return
	}
	plainID, err1 := url.QueryUnescape(id)
	plainSecret, err2 := url.QueryUnescape(secret)
	if err1 == nil && err2 == nil {
		r.SetBasicAuth(plainID, plainSecret)
	}
}
