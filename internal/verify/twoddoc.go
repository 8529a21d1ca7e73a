package verify

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"carnet/twoddoc"
)

const vaccination = "L1"

// The fields of an attestation of vaccination, all mandatory.
var vaccinationFields = [...]string{"L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8", "L9", "LA"}

// twoDDoc follows specification twoddoc, section 2.6.
func (k Checker) twoDDoc(v *Verdict, payload []byte, at time.Time) {
	d, err := twoddoc.ParseTolerant(payload)
	if err != nil {
		v.refuse("2ddoc.structure")
		return
	}
	h := d.Header
	v.Type, v.Test = h.Type, h.Test()
	v.Key = h.Authority + "/" + h.Certificate
	id := d.ID()
	v.ID = hex.EncodeToString(id[:])
	v.Content = content(d)
	if h.Signed != twoddoc.Undated {
		v.Signed = h.Signed.String()
	}

	for _, e := range d.Conforming {
		switch {
		case strings.HasPrefix(string(e.Code), "header."):
			v.refuse("2ddoc.structure")
		case e.Code == twoddoc.FieldTwice,
			h.Type == vaccination && (e.Code == twoddoc.FieldMissing || e.Code == twoddoc.FieldUnknown || e.Code == twoddoc.FieldForbidden):
			// Two readers could show two different things, or the attestation does not say what
			// an attestation says.
			v.refuse("2ddoc.field")
		default:
			v.warn("2ddoc."+string(e.Code), e.Field)
		}
	}
	if len(d.Annex) > 0 || d.AnnexRest != "" {
		v.warn("2ddoc.annex", "")
	}

	malformed := false
	for _, e := range d.Authentic {
		v.refuse(string(e.Code))
		malformed = true
	}
	if h.Signed != twoddoc.Undated && h.Signed.Time().After(at.AddDate(0, 0, 1)) {
		v.refuse("date.future")
	}

	if k.Revoked != nil {
		k.Revoked.twoDDoc(v, id, at)
	}

	t := k.Trust
	if t == nil {
		t = &Trust{}
	}
	known := t.candidates(h.Authority, h.Certificate)
	if len(known) == 0 {
		v.refuse("key.unknown")
		return
	}
	// A participant that renewed its certificate under the same name has several: the one that signed
	// counts, else the one with the least against it.
	var best []string
	var bestSigned bool
	var warnings [][2]string
	for i, c := range known {
		p := c.cert
		var against []string
		standing, aged := t.standing(c, at)
		if standing.revoked() {
			against = append(against, "certificate.revoked")
		}
		switch {
		case !c.chained:
			against = append(against, "certificate.untrusted")
		case h.Signed == twoddoc.Undated:
			against = append(against, "date.undated")
		case !h.Within(p):
			if h.Signed.Time().Before(p.NotBefore) {
				against = append(against, "certificate.notyet")
			} else {
				against = append(against, "certificate.expired")
			}
		}
		signed := false
		if !malformed {
			signed = true
			if err := d.Verify(p); err != nil {
				signed = false
				code := "signature.invalid"
				if e, ok := errors.AsType[*twoddoc.Error](err); ok {
					code = string(e.Code)
				}
				against = append(against, code)
			}
		}
		if i == 0 || signed && !bestSigned || signed == bestSigned && len(against) < len(best) {
			best, bestSigned, warnings = against, signed, aged
			v.Issuer, v.Certificate = strings.Join(p.Subject.Organization, ", "), standing
		}
	}
	for _, code := range best {
		v.refuse(code)
	}
	for _, w := range warnings {
		v.warn(w[0], w[1])
	}
	if t.stale(h.Authority, at) {
		v.warn("trust.stale", h.Authority)
	}
}

// content gives what the document says: by name for an attestation of vaccination, by identifier
// for every other type.
func content(d *twoddoc.Document) map[string]any {
	out := map[string]any{}
	if d.Header.Emitted != twoddoc.Undated {
		out["emitted"] = d.Header.Emitted.String()
	}
	if d.Header.Country != "" {
		out["country"] = d.Header.Country
	}
	fields := map[string]any{}
	for _, f := range d.Fields {
		if _, ok := fields[f.ID]; !ok {
			fields[f.ID] = f.Value
		}
	}
	if d.Rest != "" {
		out["rest"] = d.Rest
	}
	if len(d.Annex) > 0 {
		annex := map[string]any{}
		for _, f := range d.Annex {
			annex[f.ID] = f.Value
		}
		out["unsignedAnnex"] = annex
	}
	if d.Header.Type != vaccination {
		out["fields"] = fields
		return out
	}
	value := func(id string) string {
		s, _ := fields[id].(string)
		return s
	}
	out["familyName"] = value("L0")
	given := []string{}
	if s := value("L1"); s != "" {
		given = strings.Split(s, "/")
	}
	out["givenNames"] = given
	out["birthDate"] = isoDate(value("L2"))
	out["disease"] = value("L3")
	out["agent"] = value("L4")
	out["vaccine"] = value("L5")
	out["manufacturer"] = value("L6")
	out["rank"] = digit(value("L7"))
	out["expected"] = digit(value("L8"))
	out["lastDate"] = isoDate(value("L9"))
	switch s := value("LA"); s {
	case "TE":
		out["state"] = "complete"
	case "CO", "EC":
		out["state"] = "ongoing"
	default:
		out["state"] = s
	}
	extra := map[string]any{}
	for id, s := range fields {
		extra[id] = s
	}
	for _, id := range vaccinationFields {
		delete(extra, id)
	}
	if len(extra) > 0 {
		out["fields"] = extra
	}
	return out
}

// isoDate turns JJMMAAAA into AAAA-MM-JJ, part by part: a birth date may have a day 00 or a lunar
// month 13 to 50. Anything else stays as it is.
func isoDate(s string) string {
	if len(s) != 8 || strings.Trim(s, "0123456789") != "" {
		return s
	}
	return s[4:] + "-" + s[2:4] + "-" + s[:2]
}

func digit(s string) any {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return s
}
