package verify

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"carnet/hcert"
	"carnet/hcert/dcc"
)

var eventNames = map[dcc.Type]string{dcc.VaccinationType: "vaccination", dcc.TestType: "test", dcc.RecoveryType: "recovery"}

// hCert takes the stage codes of package hcert as reasons.
func (k Checker) hCert(v *Verdict, payload []byte, at time.Time) {
	var signers hcert.Trust
	if k.Trust != nil {
		signers = &k.Trust.signers
	}
	r := hcert.Verify(string(payload), signers, at, hcert.Tolerant)
	for _, c := range r.Codes() {
		v.refuse(string(c))
	}
	for _, f := range r.Findings {
		v.warn("payload."+string(f.Kind), f.Path)
	}
	c := r.Certificate
	if c == nil {
		return
	}
	v.Issuer = c.Issuer
	if v.Issuer == "" && r.Key != nil {
		v.Issuer = r.Key.Country
	}
	v.Key = base64.StdEncoding.EncodeToString(c.KID)
	if !c.IssuedAt.IsZero() {
		v.Signed = c.IssuedAt.UTC().Format(time.DateOnly)
	}
	if !c.Expires.IsZero() {
		v.Ends = c.Expires.UTC().Format(time.DateOnly)
	}
	if k.Revoked != nil {
		k.Revoked.hCert(v, c, at)
	}
	if c.DCC == nil {
		return
	}
	if k.Rules != nil {
		k.Rules.apply(v, c, at)
	}
	v.Type, v.ID = eventNames[c.DCC.Type()], c.DCC.ID()
	b, err := json.Marshal(c.DCC)
	if err == nil {
		err = json.Unmarshal(b, &v.Content)
	}
	if err != nil { // it was decoded from CBOR texts and numbers: nothing here cannot be marshalled
		v.refuse(string(hcert.PayloadSchema))
	}
}
