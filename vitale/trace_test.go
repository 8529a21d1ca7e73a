package vitale_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"carnet/vitale"
	"carnet/vitale/specimen"
)

func TestTrace(t *testing.T) {
	for _, fault := range []specimen.Fault{specimen.None, specimen.Plain, specimen.Crowd, specimen.Garbage, specimen.Removed, specimen.Foreign} {
		t.Run(string(fault), func(t *testing.T) {
			card := specimen.New(fault)
			recorder := vitale.NewRecorder(card, card.ATR())
			data, failed := vitale.Direct{Card: recorder, ATR: card.ATR()}.Read(t.Context())
			var trace bytes.Buffer
			if _, err := recorder.WriteTo(&trace); err != nil {
				t.Fatal(err)
			}
			var raw []byte
			for line := range strings.Lines(trace.String()) {
				if b, err := hex.DecodeString(strings.TrimSpace(strings.TrimLeft(line, "<> "))); err == nil && strings.HasPrefix(line, "<") {
					raw = append(raw, b...)
				}
			}
			for _, p := range specimen.Family() {
				for _, secret := range []string{p.GivenName[:2], "FOU", p.Birth[:5], p.NIR[:5], "SOUS", "nonsense", "\x80\x25"} {
					if bytes.Contains(raw, []byte(secret)) {
						t.Errorf("%q is in the trace", secret)
					}
				}
			}
			replay, err := vitale.ReadTrace(&trace)
			if err != nil {
				t.Fatal(err)
			}
			again, err := vitale.Direct{Card: replay, ATR: replay.ATR()}.Read(t.Context())
			if failed != nil {
				if vitale.CodeOf(err) != vitale.CodeOf(failed) {
					t.Errorf("%v, recorded %v", err, failed)
				}
				return
			}
			// Every value is blank now: the numbers no longer have a place, which is what reading says.
			if err != nil || len(again.Beneficiaries) != len(data.Beneficiaries) {
				t.Fatalf("%v %v", again, err)
			}
			if b := again.Beneficiaries[0]; b.Surname != "XXXXXXX" || b.Birth.Raw != "00000000" || b.NIRKeyOK {
				t.Errorf("%q %q", b.Surname, b.Birth.Raw)
			}
		})
	}
}

func TestBadTraces(t *testing.T) {
	for _, in := range []string{"", "other 1\n", "carnet-vitale-trace 1\n< 9000\n", "carnet-vitale-trace 1\n> 00\n> 00\n", "carnet-vitale-trace 1\n> 0\n", "carnet-vitale-trace 1\n> 00\n< 90\n", "carnet-vitale-trace 1\nx\n"} {
		if _, err := vitale.ReadTrace(strings.NewReader(in)); err == nil {
			t.Errorf("%q is a trace", in)
		}
	}
	replay, err := vitale.ReadTrace(strings.NewReader("carnet-vitale-trace 1\natr 3B00\n> 00A4\n< 9000\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Transmit([]byte{1}); vitale.CodeOf(err) != vitale.ReadFailed {
		t.Error(err)
	}
	if _, err := replay.Transmit([]byte{1}); vitale.CodeOf(err) != vitale.ReadFailed {
		t.Error("the trace goes on after its end")
	}
}
