package hcert_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"carnet/hcert"
	"carnet/hcert/base45"

	"github.com/fxamacker/cbor/v2"
)

// goldenSpecs is the table of vectors: what each is about, how it differs from a right certificate,
// and what both profiles must say of it.
func goldenSpecs() []spec {
	rsaSigner := func(s *signers) *signer { return s.rsa }
	all := []spec{
		{golden: good("vaccination-es256", "P-256 key, certificate without key usage")},
		{golden: good("test-naat-es256", "laboratory test, birth date without day"), dcc: naat},
		{golden: good("test-rapid-es256", "rapid test with device number"), dcc: naat, make: func(d *draft) {
			delete(d.event(), "nm")
			d.event()["tt"], d.event()["ma"] = "LP217198-3", "1232"
		}},
		{golden: good("recovery-es256", "empty birth date"), dcc: recovery},
		{golden: good("vaccination-ps256", "RSA 2048"), by: rsaSigner},
		{golden: good("test-naat-ps256", "laboratory test, RSA 2048"), by: rsaSigner, dcc: naat},
		{golden: good("recovery-ps256", "recovery, RSA 2048"), by: rsaSigner, dcc: recovery},
		{golden: good("vaccination-booster", "dose 3 of 3"), make: func(d *draft) { d.event()["dn"], d.event()["sd"] = 3, 3 }},
		{golden: good("vaccination-only-gnt", "version 1.3.2: the given name may stand alone"), make: func(d *draft) {
			d.dcc()["ver"] = "1.3.2"
			delete(d.name(), "fn")
			delete(d.name(), "fnt")
		}},
		{golden: good("uvci-wrong-check", "a wrong check character is reported and refuses nothing"), make: func(d *draft) {
			d.event()["ci"] = "URN:UVCI:01:FR:FOUGERE00001#?"
		}},
		{golden: good("instant-of-issue", "the instant of issue is inside").at(issuedAt)},
		{golden: good("instant-of-expiry", "the instant of expiry is inside").at(expires)},

		// Shapes of the message.
		{golden: good("untagged", "no CBOR tag"), make: func(d *draft) { d.tags = nil }},
		{golden: good("tag-61-18", "tag 61 around tag 18"), make: func(d *draft) { d.tags = []uint64{18, 61} }},
		{golden: bad("tag-17", "the tag of another structure", hcert.COSEStructure), make: func(d *draft) { d.tags = []uint64{17} }},
		{golden: bad("tag-61-alone", "tag 61 around nothing tagged", hcert.COSEStructure), make: func(d *draft) { d.tags = []uint64{61} }},
		{golden: bad("tag-18-18", "tag 18 twice", hcert.COSEStructure), make: func(d *draft) { d.tags = []uint64{18, 18} }},
		{golden: bad("not-a-message", "a CBOR text instead of a message", hcert.COSEStructure), make: func(d *draft) {
			d.text = func([]byte) string { return pack(encode(d.t, "Fougère")) }
		}},
		{golden: bad("payload-not-wrapped", "the claims as a map, not in a byte string", hcert.COSEStructure), make: func(d *draft) { d.payload = d.claims }},
		{golden: bad("payload-detached", "null payload", hcert.COSEDetached), make: func(d *draft) { d.payload = cbor.RawMessage{0xf6} }},
		{golden: good("kid-unprotected", "key identifier in the unprotected header"), make: func(d *draft) {
			d.protected, d.unprotected = labels{1: d.algorithm}, labels{4: d.signer.kid}
		}},
		{golden: good("header-unprotected", "empty protected header, all in the unprotected one"), make: func(d *draft) {
			d.rawHeader, d.unprotected = []byte{}, d.header()
		}},
		{golden: good("header-empty-map", "the same with an encoded empty map"), make: func(d *draft) {
			d.rawHeader, d.unprotected = []byte{0xa0}, d.header()
		}},
		{golden: good("header-other-labels", "content type 61 and a private label"), make: func(d *draft) {
			d.protected = d.header()
			d.protected[3] = 61
			d.protected[-70000] = "x"
		}},
		{golden: good("kid-protected-wins", "a wrong key identifier in the unprotected header changes nothing"), make: func(d *draft) {
			d.unprotected = labels{4: []byte("wrongkid")}
		}},
		{golden: bad("kid-protected-wrong", "a right key identifier in the unprotected header saves nothing", hcert.KIDUnknown), make: func(d *draft) {
			d.protected, d.unprotected = labels{1: d.algorithm, 4: []byte("wrongkid")}, labels{4: d.signer.kid}
		}},
		{golden: bad("kid-7-bytes", "key identifier of 7 bytes", hcert.KIDLength), make: func(d *draft) { d.protected = labels{1: -7, 4: d.signer.kid[:7]} }},
		{golden: bad("kid-9-bytes", "key identifier of 9 bytes", hcert.KIDLength), make: func(d *draft) {
			d.protected = labels{1: -7, 4: append([]byte{0}, d.signer.kid...)}
		}},
		{golden: bad("kid-text", "a text instead of bytes", hcert.KIDLength), make: func(d *draft) { d.protected = labels{1: -7, 4: "11"} }},
		{golden: bad("kid-missing", "no key identifier in either header", hcert.KIDMissing), make: func(d *draft) { d.protected = labels{1: -7} }},
		{golden: bad("kid-unknown", "signed by a key that nobody trusts", hcert.KIDUnknown), by: func(s *signers) *signer { return s.stranger }},
		{golden: good("two-keys-one-kid-a", "two keys under one identifier, the first signed").trusting("twins-nl.json"), by: func(s *signers) *signer { return s.twinA }},
		{golden: good("two-keys-one-kid-b", "two keys under one identifier, the second signed").trusting("twins-nl.json"), by: func(s *signers) *signer { return s.twinB }},
		{golden: good("trust-gateway", "the same key from a gateway list").trusting("gateway.json")},
		{golden: bad("trust-gateway-csca", "a gateway list also holds certificates that may not sign", hcert.KIDUnknown).trusting("gateway.json"), by: func(s *signers) *signer { return s.stranger }},
		{golden: good("trust-who", "the same key from a DID document").trusting("who-did.json")},

		// Algorithm and signature.
		{golden: bad("alg-eddsa", "algorithm -8", hcert.COSEAlgorithm), make: func(d *draft) { d.protected = labels{1: -8, 4: d.signer.kid} }},
		{golden: bad("alg-text", "algorithm as a text", hcert.COSEAlgorithm), make: func(d *draft) { d.protected = labels{1: "ES256", 4: d.signer.kid} }},
		{golden: bad("alg-missing", "no algorithm at all", hcert.COSEAlgorithm), make: func(d *draft) { d.protected = labels{4: d.signer.kid} }},
		{golden: bad("alg-ps256-key-ec", "PS256 with a P-256 key", hcert.COSEAlgorithm), make: func(d *draft) { d.algorithm = -37 }},
		{golden: bad("alg-es256-key-rsa", "ES256 with an RSA key", hcert.COSEAlgorithm), by: rsaSigner, make: func(d *draft) { d.algorithm = -7 }},
		{golden: bad("alg-es256-key-p384", "ES256 with a P-384 key and a signature of 96 bytes", hcert.COSEAlgorithm), by: func(s *signers) *signer { return s.p384 }},
		{golden: bad("rsa-1024", "RSA key too short", hcert.COSEAlgorithm), by: func(s *signers) *signer { return s.weak }},
		{golden: bad("crit-unknown", "a critical header that is not understood", hcert.COSECritical), make: func(d *draft) {
			d.protected = d.header()
			d.protected[2], d.protected[99] = list{99}, 1
		}},
		{golden: bad("crit-empty", "an empty list of critical headers", hcert.COSECritical), make: func(d *draft) {
			d.protected = d.header()
			d.protected[2] = list{}
		}},
		{golden: good("crit-understood", "algorithm and key identifier are critical, and understood"), make: func(d *draft) {
			d.protected = d.header()
			d.protected[2] = list{1, 4}
		}},
		{golden: bad("signature-65-bytes", "one byte too many", hcert.SignatureLength), make: func(d *draft) {
			h, c := d.parts()
			d.signature = append(d.signer.sign(d.t, h, c), 0)
		}},
		{golden: bad("signature-der", "r and s in ASN.1", hcert.SignatureLength), make: func(d *draft) {
			d.signature = append([]byte{0x30, 0x45, 0x02, 0x21, 0x00}, make([]byte, 67)...)
		}},
		{golden: bad("signature-of-other-key", "signed by another key than the one that is named", hcert.SignatureInvalid), make: func(d *draft) { d.signature = make([]byte, 64); d.signature[31], d.signature[63] = 1, 1 }},
		{golden: bad("signature-all-ones", "r and s beyond the order of the curve", hcert.SignatureInvalid), make: func(d *draft) {
			d.signature = []byte(strings.Repeat("\xff", 64))
		}},
		{golden: bad("signature-ps256-short", "RSA signature of 255 bytes", hcert.SignatureLength), by: rsaSigner, make: func(d *draft) { d.signature = make([]byte, 255) }},
		{golden: bad("signature-ps256-zero", "RSA signature of zeros", hcert.SignatureInvalid), by: rsaSigner, make: func(d *draft) { d.signature = make([]byte, 256) }},

		// Encoding.
		{golden: bad("zlib-dictionary", "preset dictionary", hcert.ZlibHeader), make: func(d *draft) {
			d.text = func(m []byte) string { return hc1(deflateWith(d.t, "840539006", m)) }
		}},
		{golden: bad("zlib-empty-dictionary", "preset dictionary that is empty: its identifier is 1", hcert.ZlibHeader), make: func(d *draft) {
			d.text = func(m []byte) string { return hc1(emptyDictionary(deflate(m))) }
		}},
		{golden: bad("zlib-missing", "the message without zlib", hcert.ZlibHeader), make: func(d *draft) { d.text = hc1 }},
		{golden: bad("zlib-checksum", "Adler-32 wrong", hcert.ZlibChecksum), make: func(d *draft) {
			d.text = func(m []byte) string { b := deflate(m); b[len(b)-1] ^= 1; return hc1(b) }
		}},
		{golden: bad("zlib-cut", "stream cut short", hcert.ZlibChecksum), make: func(d *draft) {
			d.text = func(m []byte) string { b := deflate(m); return hc1(b[:len(b)-3]) }
		}},
		{golden: bad("zip-bomb", "two million bytes in a short text", hcert.ZlibTooLarge), make: func(d *draft) {
			d.unprotected = labels{99: make([]byte, 2_000_000)}
		}},
		{golden: bad("text-too-long", "more than 4300 characters", hcert.Base45Length), make: func(d *draft) {
			d.text = func(m []byte) string { return hc1(append(deflate(m), make([]byte, 4000)...)) }
		}},
		{golden: bad("base45-lower-case", "a letter that the alphabet does not have", hcert.Base45Character), make: func(d *draft) {
			d.text = func(m []byte) string { s := pack(m); return s[:20] + "a" + s[21:] }
		}},
		{golden: bad("base45-length", "one character too many", hcert.Base45Length), make: func(d *draft) {
			d.text = func(m []byte) string {
				s := base45.Encode(deflate(m))
				return "HC1:" + s + strings.Repeat("0", (4-len(s)%3)%3)
			}
		}},
		{golden: bad("prefix-hc2", "another version", hcert.Prefix), make: func(d *draft) {
			d.text = func(m []byte) string { return "HC2" + pack(m)[3:] }
		}},
		{golden: bad("prefix-missing", "no HC1:", hcert.Prefix), make: func(d *draft) {
			d.text = func(m []byte) string { return pack(m)[4:] }
		}},
		{golden: bad("prefix-space", "a space before the text", hcert.Prefix), make: func(d *draft) {
			d.text = func(m []byte) string { return " " + pack(m) }
		}},
		{golden: bad("nesting", "twenty arrays in a header", hcert.CBORDepth), make: func(d *draft) { d.unprotected = labels{99: nested(20)} }},
		{golden: bad("members", "an array of 1001 members in a header", hcert.CBORDepth), make: func(d *draft) { d.unprotected = labels{99: make([]int, 1001)} }},
		{golden: bad("duplicate-header", "the algorithm twice in the protected header", hcert.CBORDuplicate), make: func(d *draft) {
			d.rawHeader = append(append([]byte{0xa3, 0x01, 0x26, 0x04, 0x48}, d.signer.kid...), 0x01, 0x26)
		}},
		{golden: bad("duplicate-claim", "two issuers", hcert.CBORDuplicate), make: func(d *draft) { d.replaced("\xa4\x01\x62FR", "\xa5\x01\x62FR\x01\x62DE") }},
		{golden: bad("duplicate-member", "two dose numbers", hcert.CBORDuplicate), make: func(d *draft) {
			d.replaced("\x61v\x81\xaa", "\x61v\x81\xab\x62dn\x01")
		}},
		{golden: foreign("indefinite-map", "claims of a length that is not stated in advance", hcert.CBORMalformed), make: func(d *draft) {
			d.replaced("\xa4\x01\x62FR", "\xbf\x01\x62FR")
			d.rawClaims = append(d.rawClaims, 0xff)
		}},
		{golden: foreign("indefinite-text", "a text in two pieces", hcert.CBORMalformed), make: func(d *draft) { d.replaced("\xa4\x01\x62FR", "\xa4\x01\x7f\x61F\x61R\xff") }},
		{golden: bad("trailing-claims", "a null after the claims", hcert.CBORTrailing), make: func(d *draft) {
			_, c := d.parts()
			d.rawClaims = append(c, 0xf6)
		}},
		{golden: bad("trailing-header", "a null after the protected header", hcert.CBORTrailing), make: func(d *draft) {
			h, _ := d.parts()
			d.rawHeader = append(h, 0xf6)
		}},
		{golden: bad("cbor-cut", "claims cut short", hcert.CBORMalformed), make: func(d *draft) {
			_, c := d.parts()
			d.rawClaims = c[:len(c)-1]
		}},
		{golden: bad("cbor-not-utf8", "a text that is not UTF-8", hcert.CBORMalformed), make: func(d *draft) { d.replaced("\x01\x62FR", "\x01\x62F\xff") }},

		// Certificate, claims, instants.
		{golden: good("usage-fits", "test by a key for tests"), by: func(s *signers) *signer { return s.tests }, dcc: naat},
		{golden: bad("usage-does-not-fit", "vaccination by a key for tests", hcert.CertUsage), by: func(s *signers) *signer { return s.tests }},
		{golden: good("usage-early-form", "vaccination, key usage in the form of early certificates"), by: func(s *signers) *signer { return s.early }},
		{golden: good("usage-early-form-recovery", "recovery, key usage in the form of early certificates"), by: func(s *signers) *signer { return s.early }, dcc: recovery},
		{golden: bad("usage-early-form-does-not-fit", "test by a key for vaccinations and recoveries, early form", hcert.CertUsage), by: func(s *signers) *signer { return s.early }, dcc: naat},
		{golden: bad("clock-before-issue", "verified a second before it was issued", hcert.CWTFuture).at(issuedAt.Add(-time.Second))},
		{golden: bad("clock-after-expiry", "verified a second after it expired", hcert.CWTExpired).at(expires.Add(time.Second))},
		{golden: bad("clock-before-certificate", "verified a second before the signing certificate begins", hcert.CertNotYet, hcert.CWTFuture).at(certFrom.Add(-time.Second))},
		{golden: bad("clock-after-certificate", "verified a second after the signing certificate ends", hcert.CertExpired, hcert.CWTExpired).at(certTo.Add(time.Second))},
		{golden: bad("issued-before-certificate", "issued a second before the signing certificate begins", hcert.CertNotYet), make: func(d *draft) { d.set(6, certFrom.Add(-time.Second).Unix()) }},
		{golden: bad("outlives-certificate", "expires a second after the signing certificate", hcert.CWTOutlives), make: func(d *draft) { d.set(4, certTo.Add(time.Second).Unix()) }},
		{golden: foreign("times-with-fraction", "instants as floats with a fraction", hcert.CWTClaims), make: func(d *draft) {
			d.set(6, float64(issuedAt.Unix())+0.75)
			d.set(4, float64(expires.Unix())+0.25)
		}},
		{golden: bad("time-negative", "issued at -1", hcert.CWTClaims), make: func(d *draft) { d.set(6, -1) }},
		{golden: bad("time-huge", "expires at 2^64-1", hcert.CWTClaims), make: func(d *draft) { d.set(4, uint64(math.MaxUint64)) }},
		{golden: bad("time-nan", "expires at NaN", hcert.CWTClaims), make: func(d *draft) { d.set(4, math.NaN()) }},
		{golden: bad("time-infinite", "expires at infinity", hcert.CWTClaims), make: func(d *draft) { d.set(4, math.Inf(1)) }},
		{golden: bad("time-text", "a date as a text", hcert.CWTClaims), make: func(d *draft) { d.set(4, "2027-03-02") }},
		{golden: bad("time-missing", "no expiry", hcert.CWTClaims), make: func(d *draft) { delete(d.claims, 4) }},
		{golden: bad("claim-label-float", "a label that is not an integer", hcert.CWTClaims), make: func(d *draft) { d.set(1.5, 1) }},
		{golden: bad("claim-label-text", "a label that is not an integer", hcert.CWTClaims), make: func(d *draft) { d.set("iss", "FR") }},
		{golden: bad("issuer-number", "an issuer that is no text", hcert.CWTClaims), make: func(d *draft) { d.set(1, 33) }},
		{golden: good("issuer-missing", "the issuer may be absent"), make: func(d *draft) { delete(d.claims, 1) }},
		{golden: foreign("claims-2-and-7", "claims that mean nothing here", hcert.CWTClaims), make: func(d *draft) {
			d.set(2, "Fougère")
			d.set(7, []byte("1"))
		}},
		{golden: bad("claims-not-a-map", "a list instead of a map", hcert.CWTClaims), make: func(d *draft) { d.rawClaims = encode(d.t, list{1, 2}) }},
		{golden: bad("hcert-missing", "claim -260 is absent", hcert.HCERTMissing), make: func(d *draft) { delete(d.claims, -260) }},
		{golden: bad("hcert-dvc", "a vaccination certificate of the WHO: another payload", hcert.HCERTMissing), make: func(d *draft) {
			d.set(-260, labels{-6: object{"n": "Fougère", "vx": object{}}})
		}},
		{golden: foreign("hcert-two-payloads", "another payload beside the certificate", hcert.CWTClaims), make: func(d *draft) {
			d.claims[-260].(labels)[3] = object{}
		}},

		// Payload.
		{golden: bad("payload-not-a-map", "a text instead of a map", hcert.PayloadSchema), make: func(d *draft) { d.set(-260, labels{1: "v"}) }},
		{golden: bad("groups-two", "a vaccination and a test", hcert.PayloadGroups), make: func(d *draft) { d.dcc()["t"] = naat()["t"] }},
		{golden: bad("groups-two-events", "two vaccinations", hcert.PayloadGroups).strict(hcert.PayloadSchema, hcert.PayloadGroups), make: func(d *draft) {
			d.dcc()["v"] = append(d.group(), vaccination()["v"].(list)...)
		}},
		{golden: bad("groups-none", "no event", hcert.PayloadGroups), make: func(d *draft) { delete(d.dcc(), "v") }},
		{golden: foreign("groups-null", "null for the groups that do not apply", hcert.PayloadSchema), make: func(d *draft) { d.dcc()["t"], d.dcc()["r"] = nil, nil }},
		{golden: foreign("groups-empty", "empty lists for the groups that do not apply", hcert.PayloadSchema), make: func(d *draft) { d.dcc()["t"], d.dcc()["r"] = list{}, list{} }},
		{golden: foreign("member-null", "null for a member that does not apply", hcert.PayloadSchema), dcc: naat, make: func(d *draft) { d.event()["ma"] = nil }},
		{golden: foreign("doses-as-floats", "2.0 of 2.0", hcert.PayloadSchema), make: func(d *draft) { d.event()["dn"], d.event()["sd"] = 2.0, 2.0 }},
		{golden: foreign("dose-0", "dose 0", hcert.PayloadSchema), make: func(d *draft) { d.event()["dn"] = 0 }},
		{golden: foreign("dose-10-version-1.2.1", "doses end at 9 before version 1.3.0", hcert.PayloadSchema), make: func(d *draft) {
			d.dcc()["ver"], d.event()["dn"] = "1.2.1", 10
		}},
		{golden: good("dose-10", "doses have no limit from version 1.3.0"), make: func(d *draft) { d.event()["dn"] = 10 }},
		{golden: foreign("dose-huge", "2^64-1", hcert.PayloadSchema), make: func(d *draft) { d.event()["dn"] = uint64(math.MaxUint64) }},
		{golden: foreign("dose-bignum", "2^64, under CBOR tag 2", hcert.PayloadSchema), make: func(d *draft) {
			d.event()["dn"] = cbor.Tag{Number: 2, Content: []byte{1, 0, 0, 0, 0, 0, 0, 0, 0}}
		}},
		{golden: foreign("dose-negative", "-2", hcert.PayloadSchema), make: func(d *draft) { d.event()["dn"] = -2 }},
		{golden: foreign("dose-infinite", "a float", hcert.PayloadSchema), make: func(d *draft) { d.event()["dn"] = math.Inf(1) }},
		{golden: foreign("dose-text", "a number as a text", hcert.PayloadSchema), make: func(d *draft) { d.event()["dn"] = "2" }},
		{golden: foreign("date-number", "a date as an integer", hcert.PayloadSchema), make: func(d *draft) { d.event()["dt"] = 20260227 }},
		{golden: foreign("identifier-bytes", "bytes instead of a text", hcert.PayloadSchema), make: func(d *draft) {
			d.event()["ci"] = []byte("URN:UVCI:01:FR:FOUGERE00001#X")
		}},
		{golden: foreign("name-list", "a list instead of a map", hcert.PayloadSchema), make: func(d *draft) { d.dcc()["nam"] = list{"FOUGÈRE"} }},
		{golden: bad("group-map", "a map instead of a list of events", hcert.PayloadGroups).strict(hcert.PayloadSchema, hcert.PayloadGroups), make: func(d *draft) {
			d.dcc()["v"] = d.event()
		}},
		{golden: bad("event-text", "a text instead of an event", hcert.PayloadGroups).strict(hcert.PayloadSchema, hcert.PayloadGroups), make: func(d *draft) {
			d.dcc()["v"] = list{"Fougère"}
		}},
		{golden: foreign("date-tagged", "CBOR tag 0 on a date", hcert.PayloadSchema), make: func(d *draft) {
			d.event()["dt"] = cbor.Tag{Number: 0, Content: "2026-02-27T00:00:00Z"}
		}},
		{golden: foreign("date-impossible", "30 February", hcert.PayloadSchema), make: func(d *draft) { d.event()["dt"] = "2026-02-30" }},
		{golden: foreign("name-untrimmed", "a space after a name", hcert.PayloadSchema), make: func(d *draft) { d.name()["fn"] = "FOUGÈRE " }},
		{golden: foreign("name-nfd", "a letter and its accent apart", hcert.PayloadSchema), make: func(d *draft) { d.name()["fn"] = "FOUGE\u0300RE" }},
		{golden: foreign("name-comma", "a comma in the transliterated name", hcert.PayloadSchema), make: func(d *draft) { d.name()["fnt"] = "FOUGERE,B" }},
		{golden: foreign("name-missing", "no name at all", hcert.PayloadSchema), make: func(d *draft) { delete(d.dcc(), "nam") }},
		{golden: foreign("only-gnt-version-1.3.0", "the family name is required before version 1.3.2", hcert.PayloadSchema), make: func(d *draft) { delete(d.name(), "fnt") }},
		{golden: foreign("birth-1885", "a year of birth before 1900", hcert.PayloadSchema), make: func(d *draft) { d.dcc()["dob"] = "1885-05-12" }},
		{golden: foreign("code-unknown", "a product that is in no value set", hcert.PayloadValueSet), make: func(d *draft) { d.event()["mp"] = "Camomille" }},
		{golden: foreign("code-deprecated", "J07BX03 as type of vaccine, common in 2022", hcert.PayloadValueSet), make: func(d *draft) { d.event()["vp"] = "J07BX03" }},
	}
	for i, c := range [][]hcert.Code{
		{hcert.SignatureInvalid}, {hcert.SignatureInvalid}, {hcert.SignatureInvalid}, {hcert.SignatureLength}, {hcert.COSEAlgorithm},
		{hcert.CertExpired, hcert.CWTExpired}, {hcert.CertNotYet, hcert.CWTFuture}, {hcert.Prefix}, {hcert.CBORTrailing},
		{hcert.Base45Overflow}, {hcert.ZlibTrailing},
	} {
		g := bad(fmt.Sprintf("m%d", i+1), "derived from the first vector", c...)
		if i == 1 { // m2 makes the birth date impossible
			g = g.strict(hcert.SignatureInvalid, hcert.PayloadSchema)
		}
		all = append(all, spec{golden: g, mutant: i + 1})
	}
	return all
}
