package twoddoc_test

import (
	"bytes"
	"strings"
	"testing"

	"carnet/twoddoc"
)

// TestNotADocument: the tolerant reader too fails on what is no 2D-Doc at all.
func TestNotADocument(t *testing.T) {
	for _, c := range []struct {
		name, payload string
		want          twoddoc.Code
		offset        int
	}{
		{"empty", "", twoddoc.SizeShort, 0},
		{"two characters", "DC", twoddoc.SizeShort, 2},
		{"short header", "DC04FR00CN011E6D1E6DL101F", twoddoc.SizeShort, 25},
		{"header cut by US", "DC04FR00CN01\x1f" + strings.Repeat("A", 103), twoddoc.SizeShort, 12},
		{"short header of version 01", "DC01FR00CN011E6D1E6D0", twoddoc.SizeShort, 21},
		{"other marker", "HC1:6BFOXN", twoddoc.HeaderMarker, 0},
		{"small letters", "dc04FR00CN011E6D1E6DL101FR", twoddoc.HeaderMarker, 0},
		{"version 00", "DC00FR00CN011E6D1E6DL101FR", twoddoc.HeaderVersion, 2},
		{"version 05", "DC05FR00CN011E6D1E6DL101FR", twoddoc.HeaderVersion, 2},
		{"one of several symbols", "E12301DC04FR00CN01", twoddoc.MultiPart, 0},
		{"one of several symbols of bytes", "\xee\x7b\xa7\x0f\xdc\x04", twoddoc.MultiPart, 0},
		{"the third symbol of two", "E12321DC04FR00CN01", twoddoc.HeaderMarker, 0},
		{"marker of bytes alone", "\xdc", twoddoc.SizeShort, 1},
		{"version 03 of bytes", "\xdc\x03" + binaryHead[2:], twoddoc.HeaderVersion, 1},
		{"short header of bytes", binaryHead[:18], twoddoc.SizeShort, 18},
		{"huge", "DC04" + strings.Repeat("A", twoddoc.MaxPayload), twoddoc.SizeLong, twoddoc.MaxPayload},
	} {
		for name, parse := range map[string]func([]byte) (*twoddoc.Document, error){"strict": twoddoc.Parse, "tolerant": twoddoc.ParseTolerant} {
			d, err := parse([]byte(c.payload))
			e, ok := err.(*twoddoc.Error)
			if !ok || e.Code != c.want || e.Offset != c.offset || d != nil {
				t.Errorf("%s, %s: %v, want %s at %d", c.name, name, err, c.want, c.offset)
			}
		}
	}
	d, err := twoddoc.ParseTolerant([]byte("DC01FR00CN01FFFF1E6D03"))
	if err != nil || len(d.Authentic) != 1 || d.Authentic[0].Code != twoddoc.SignatureMissing {
		t.Errorf("version 01 without signature: %v", err)
	}
}

func TestDictionary(t *testing.T) {
	types, full, partial := 0, 0, 0
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for _, a := range digits {
		for _, b := range digits {
			id := string(a) + string(b)
			if typ, ok := twoddoc.LookupType(id); ok {
				types++
				switch typ.Table {
				case twoddoc.Full:
					full++
				case twoddoc.Partial:
					partial++
				}
				if typ.Code != id || typ.Label == "" || typ.Issuer == "" || typ.English == "" {
					t.Errorf("type %+v", typ)
				}
			}
			if d, ok := twoddoc.Lookup(id); ok {
				if d.ID != id || d.Label == "" || d.English == "" || d.Format == "" || d.Max > 0 && d.Min > d.Max || d.Closed && len(d.Values) == 0 {
					t.Errorf("identifier %+v", d)
				}
				for _, v := range d.Values {
					if v.Code == "" || v.Meaning == "" || d.Fixed() && len(v.Code) != d.Min {
						t.Errorf("identifier %s: value %q=%q", id, v.Code, v.Meaning)
					}
				}
			}
		}
	}
	if types != 60 || full != 44 || partial != 10 {
		t.Errorf("%d types, %d full, %d partial", types, full, partial)
	}
	for _, id := range []string{"", "L", "L00", "l0", "L\x1d", "Z9", "é"} {
		if _, ok := twoddoc.Lookup(id); ok {
			t.Errorf("identifier %q is known", id)
		}
	}
	for _, c := range []struct {
		id       string
		min, max int
		fixed    bool
		english  string
	}{
		{"L0", 0, 80, false, "Family name of the patient"}, {"L4", 5, 15, false, "Prophylactic agent"}, {"LA", 2, 2, true, "State of the course"},
		{"F0", 0, 60, false, "List of given names"}, {"F1", 0, 38, false, "Family name"}, {"06", 4, 4, true, "Date the code was tied to the document"},
		{"01", 0, 0, false, "Unique document identifier"},
	} {
		d, ok := twoddoc.Lookup(c.id)
		if !ok || d.Min != c.min || d.Max != c.max || d.Fixed() != c.fixed || d.English != c.english {
			t.Errorf("%s: %+v", c.id, d)
		}
	}
	la, _ := twoddoc.Lookup("LA")
	if la.Meaning("TE") == "" || la.Meaning("CO") == "" || la.Meaning("EC") != "" || !la.Closed {
		t.Errorf("LA: %+v", la.Values)
	}
	f4, _ := twoddoc.Lookup("F4")
	if f4.Meaning("945584") != "antigen" || f4.Closed {
		t.Errorf("F4: %+v", f4.Values)
	}
}

func TestLinks(t *testing.T) {
	p := goldenPayloads(t)["l1"]
	esc := twoddoc.Link("", p)
	if strings.Trim(esc, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%./-") != "" {
		t.Errorf("not in the alphanumeric set of QR codes: %q", esc)
	}
	for _, c := range []struct{ name, link string }{
		{"default", "https://carnet.example" + twoddoc.WalletPath + esc},
		{"query", "https://carnet.example/app/wallet?v=" + esc},
		{"fragment of wallet", "https://carnet.example/app/wallet#" + esc},
		{"query of wallet2d", "http://localhost:8402/app/wallet2d?v=" + esc},
		{"other items", "https://carnet.example/app/wallet?lang=fr&v=" + esc + "&x=1#top"},
		{"query without v, fragment", "https://carnet.example/app/wallet2d?lang=fr#" + esc},
		{"small hexadecimal letters", "https://carnet.example/app/wallet2d#" + strings.ReplaceAll(esc, "%1D", "%1d")},
		{"not escaped", "https://carnet.example/app/wallet2d#" + string(p)},
		{"own scheme", "carnet://app/wallet2d#" + esc},
		{"no host", "/app/wallet2d#" + esc},
		{"raw", string(p)},
	} {
		got, err := twoddoc.FromLink(c.link)
		if err != nil || !bytes.Equal(got, p) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	odd := []byte("DC04A+B&C=D#E%F G\x1d\x1e\x1f'@,_:")
	for _, prefix := range []string{"https://carnet.example/app/wallet2d#", "https://carnet.example/app/wallet?v="} {
		got, err := twoddoc.FromLink(twoddoc.Link(prefix, odd))
		if err != nil || !bytes.Equal(got, odd) {
			t.Errorf("%s: %q %v", prefix, got, err)
		}
	}
	if got, err := twoddoc.FromLink("https://x.example/app/wallet?v=DC04A+B"); err != nil || string(got) != "DC04A+B" {
		t.Errorf("a plus sign: %q %v", got, err)
	}
	for _, c := range []struct {
		name, link string
		want       twoddoc.Code
	}{
		{"empty", "", twoddoc.LinkForm},
		{"other path", "https://carnet.example/app/other#" + esc, twoddoc.LinkForm},
		{"path that only ends alike", "https://carnet.example/app/mywallet#" + esc, twoddoc.LinkForm},
		{"EU certificate", "https://carnet.example/app/walletdcc#HC1:ABC", twoddoc.LinkForm},
		{"raw EU certificate", "HC1:ABC", twoddoc.LinkForm},
		{"EU certificate in wallet2d", "https://carnet.example/app/wallet2d#HC1:ABC", twoddoc.LinkForm},
		{"no payload", "https://carnet.example/app/wallet?v=", twoddoc.LinkForm},
		{"no item v", "https://carnet.example/app/wallet?w=" + esc, twoddoc.LinkForm},
		{"half an escape", "https://carnet.example/app/wallet2d#DC04%1", twoddoc.LinkEscape},
		{"no escape", "https://carnet.example/app/wallet2d#DC04%ZZ", twoddoc.LinkEscape},
		{"long", "https://carnet.example/app/wallet2d#DC04" + strings.Repeat("A", twoddoc.MaxPayload), twoddoc.SizeLong},
		{"long raw", "DC04" + strings.Repeat("A", twoddoc.MaxPayload), twoddoc.SizeLong},
		{"huge", "https://carnet.example/app/wallet2d#DC04" + strings.Repeat("A", 4*twoddoc.MaxPayload), twoddoc.LinkLong},
	} {
		if got, err := twoddoc.FromLink(c.link); code(err) != c.want || got != nil {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestWalletRules(t *testing.T) {
	const sig = "\x1fABC234="
	b2Head := "DC04FR00CN011E6D1E6DB201FR"
	for _, c := range []struct {
		name, payload string
		want          twoddoc.Code
	}{
		{"L1", "DC04FR00CN011E6D1E6DL101FR" + fougereFields + sig, ""},
		{"truncated name", "DC04FR00CN011E6D1E6DL101FR" + strings.Replace(fougereFields, "FOUGERE\x1d", "FOUG\x1e", 1) + sig, ""},
		{"empty disease", "DC04FR00CN011E6D1E6DL101FR" + strings.Replace(fougereFields, "COVID-19", "", 1) + sig, ""},
		{"empty agent", "DC04FR00CN011E6D1E6DL101FR" + strings.Replace(fougereFields, "J07BX03", "", 1) + sig, twoddoc.WalletEmpty},
		{"B2", b2Head + b2 + sig, ""},
		{"B2 without GS after F4", b2Head + strings.Replace(b2, "945006\x1d", "945006", 1) + sig, ""},
		{"B2 with a full F4", b2Head + strings.Replace(b2, "945006\x1d", "9450061", 1) + sig, ""},
		{"B2 with a short F4", b2Head + strings.Replace(b2, "945006\x1d", "94\x1d", 1) + sig, twoddoc.WalletEnd},
		{"B2 with an unknown result", b2Head + strings.Replace(b2, "F5N", "F5Z", 1) + sig, twoddoc.WalletOrder},
		{"B2 cut", b2Head + b2[:len(b2)-1] + sig, twoddoc.WalletOrder},
		{"small letters in the signature", b2Head + b2 + "\x1fabc", twoddoc.WalletSignature},
		{"header in small letters", strings.ToLower(b2Head) + b2 + sig, twoddoc.WalletHeader},
		{"cut header", "DC04", twoddoc.WalletHeader},
		{"cut field", "DC04FR00CN011E6D1E6DL101FRL", twoddoc.WalletOrder},
		{"huge", strings.Repeat("A", twoddoc.MaxPayload+1), twoddoc.SizeLong},
	} {
		if err := twoddoc.WalletReads([]byte(c.payload)); code(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range goldenPayloads(f) {
		f.Add(p)
	}
	f.Add([]byte("DC04"))
	key := newKey(f)
	f.Fuzz(func(t *testing.T, p []byte) {
		d, err := twoddoc.ParseTolerant(p)
		s, strict := twoddoc.Parse(p)
		if err != nil {
			if strict == nil {
				t.Fatal("the strict reader takes what the tolerant one refuses")
			}
			return
		}
		if (strict == nil) != (len(d.Conforming) == 0 && len(d.Authentic) == 0) {
			t.Fatalf("strict: %v, tolerant: %v %v", strict, d.Conforming, d.Authentic)
		}
		if strict == nil && (s.ID() != d.ID() || len(s.Fields) != len(d.Fields)) {
			t.Fatal("two readings")
		}
		again := d.Header.Append(nil)
		if !headerFound(d) {
			for _, x := range d.Fields {
				again = x.Append(again)
			}
			for _, x := range d.Blocks {
				again = x.Append(again)
			}
			again = append(again, d.Rest...)
			if !bytes.Equal(again, d.Signed()) {
				t.Fatalf("written again: %q, read %q", again, d.Signed())
			}
		}
		if !bytes.HasPrefix(p, d.Signed()) {
			t.Fatal("what is signed is not what was read")
		}
		if d.Verify(key.Public()) == nil {
			t.Fatal("a signature by nobody")
		}
		_ = twoddoc.WalletReads(p)
	})
}

// headerFound reports a finding on the dates of the header: unreadable dates are not kept.
func headerFound(d *twoddoc.Document) bool {
	return has(d.Conforming, twoddoc.HeaderEmitted) || has(d.Conforming, twoddoc.HeaderSigned) ||
		d.Form == twoddoc.Binary && (has(d.Conforming, twoddoc.HeaderCountry) || has(d.Conforming, twoddoc.HeaderAuthority) ||
			has(d.Conforming, twoddoc.HeaderCertificate))
}

func FuzzFromLink(f *testing.F) {
	for _, p := range goldenPayloads(f) {
		f.Add(twoddoc.Link("https://carnet.example"+twoddoc.WalletPath, p))
		f.Add(twoddoc.Link("https://carnet.example/app/wallet?v=", p))
	}
	f.Fuzz(func(t *testing.T, link string) {
		p, err := twoddoc.FromLink(link)
		if err != nil {
			return
		}
		if len(p) > twoddoc.MaxPayload || len(p) < 4 {
			t.Fatalf("payload of %d bytes", len(p))
		}
		again, err := twoddoc.FromLink(twoddoc.Link("https://carnet.example/app/wallet?v=", p))
		if err != nil || !bytes.Equal(again, p) {
			t.Fatalf("%v", err)
		}
	})
}
