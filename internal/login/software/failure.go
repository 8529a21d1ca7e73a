package software

import (
	"errors"
	"time"

	"carnet/internal/carnet"
)

// Failure is an answer of OAuth: an error of RFC 6749 section 5.2, RFC 6750 section 3.1 or RFC 9449.
// It says nothing about anybody.
type Failure struct {
	Name   string // "invalid_client"
	Code   string // stable code of ours: "software.assertion-audience"
	Status int
	Words  string        // for the developer of the software, in English
	Retry  time.Duration // of a refusal by a limit
	Proof  bool          // a proof of possession by DPoP is asked: the challenge says so
}

func (f *Failure) Error() string { return "software: " + f.Name + ": " + f.Code + ": " + f.Words }

// The errors of OAuth that are used.
const (
	invalidRequest = "invalid_request"
	invalidClient  = "invalid_client"
	invalidGrant   = "invalid_grant"
	badGrantType   = "unsupported_grant_type"
	invalidScope   = "invalid_scope"
	accessDenied   = "access_denied"
	invalidToken   = "invalid_token"
	invalidProof   = "invalid_dpop_proof"
	useNonce       = "use_dpop_nonce"
	noScope        = "insufficient_scope"
	tooMany        = "temporarily_unavailable"
	serverError    = "server_error"
)

// Stable codes of what is refused to a client.
const (
	CodeRequest      = "software.request"            // the request is not one of OAuth
	CodeGrantType    = "software.grant-type"         // another grant than client credentials
	CodeMethod       = "software.client-method"      // the client proves itself otherwise than by an assertion
	CodeAssertion    = "software.assertion"          // the assertion cannot be read or its signature does not hold
	CodeAudience     = "software.assertion-audience" // it is for another server
	CodeIssuer       = "software.assertion-issuer"   // iss, sub and client_id are not the client
	CodeTime         = "software.assertion-time"     // it has expired, lives too long or comes from the future
	CodeReplay       = "software.assertion-replay"   // it was used before, or has no jti
	CodeClient       = "software.client"             // nobody is registered by that id and key
	CodeAsked        = "software.scope-asked"        // a scope that the client was not registered for, or none
	CodeProfessional = "software.professional"       // nobody by that number exercises at the place, or the client is not registered for it
	CodeUnbound      = "software.unbound"            // neither a DPoP proof nor a client certificate
	CodeProof        = "software.proof"              // the proof does not hold
	CodeProofReplay  = "software.proof-replay"       // it was used before
	CodeNonce        = "software.proof-nonce"        // it has no nonce of this server, or an old one
	CodeToken        = "software.token"              // the token is not known, or has expired
	CodeHolder       = "software.token-holder"       // it belongs to another key or certificate
	CodeGranted      = "software.scope-granted"      // it does not cover that
	CodeLimit        = "software.limit"              // too many requests
)

func refuse(status int, name, code, words string) *Failure {
	return &Failure{Name: name, Code: code, Status: status, Words: words}
}

// failure is the answer to any error.
func failure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if carnet.KindOf(err) == carnet.Unavailable {
		return refuse(503, tooMany, carnet.CodeOf(err), "a part of the service does not answer; try again")
	}
	return refuse(500, serverError, "internal", "the fault is ours")
}
