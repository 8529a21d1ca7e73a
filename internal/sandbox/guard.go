package sandbox

import (
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
	faultSession   = "session"
	faultHint      = "hint"
)

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

// check looks at an authorization request before the engine sees it (specification, section 2.3).
func (i *Issuer) check(q url.Values) verdict {
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
	if q.Has("nonce") && len(q.Get("nonce")) < i.shape.minNonce {
		return page(faultParameter)
	}
	if u, err := url.Parse(q.Get("redirect_uri")); err != nil || u.Scheme == "" || u.Host == "" {
		return page(faultParameter)
	}
	if q.Has("prompt") && i.shape.allow != nil {
		asked := strings.Fields(q.Get("prompt"))
		if len(asked) == 0 || slices.ContainsFunc(asked, func(p string) bool { return p != "login" && p != "consent" }) {
			return page(faultParameter)
		}
	}
	client, ok := i.client(q.Get("client_id"))
	if !ok {
		return page(faultClient)
	}
	if q.Get("redirect_uri") != client.RedirectURI {
		return page(faultRedirect)
	}
	// From here on the browser can go back to the client.
	switch t := q.Get("response_type"); {
	case t == "":
		return verdict{client: client, error: "invalid_request", description: "response_type is empty"}
	case t != "code":
		return verdict{client: client, error: "unsupported_response_type", description: "only code is supported", fragment: strings.Contains(t, "token")}
	}
	if !slices.Contains(strings.Fields(q.Get("scope")), "openid") {
		return verdict{client: client, error: "invalid_request", description: "scope openid is missing"}
	}
	clean := url.Values{}
	for name, values := range q {
		if name != "idp_hint" && name != "ui_locales" && name != "prompt" {
			clean[name] = values
		}
	}
	// The weakest known level counts; when none is known, the level of the platform does.
	known := slices.DeleteFunc(strings.Fields(q.Get("acr_values")), func(v string) bool {
		return v != "eidas1" && v != "eidas2" && v != "eidas3"
	})
	level := i.shape.levels[len(i.shape.levels)-1]
	if len(known) > 0 && slices.Contains(i.shape.levels, slices.Min(known)) {
		level = slices.Min(known)
	} else if len(known) > 0 && i.shape.oneLevel {
		return verdict{client: client, error: "invalid_acr", description: "this platform serves " + strings.Join(i.shape.levels, " ")}
	}
	clean.Set("acr_values", level)
	return verdict{client: client, params: clean}
}

// answer is the address of the client with an error (RFC 6749 section 4.1.2.1, RFC 9207).
func (i *Issuer) answer(v verdict, state string) string {
	q := url.Values{"error": {v.error}, "error_description": {v.description}, "iss": {i.Issuer()}}
	if state != "" {
		q.Set("state", state)
	}
	separator := "?"
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
