package vitale_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode"
	"unicode/utf8"

	"carnet/vitale"
)

// FuzzCard reads a card whose two files are what the fuzzer likes: the result is bounded and clean, or an error.
func FuzzCard(f *testing.F) {
	f.Add([]byte("\x65\x18\x80\x06FOUGER\x81\x04ROSE\x82\x0819850512"), []byte("\x65\x11\x93\x0F285050099900185"))
	f.Add([]byte("\x65\x82\xFF\xFF\x80"), []byte{0x65, 0x80})
	f.Add([]byte{0x65, 0x02, 0x65, 0x00, 0x7F, 0x21}, []byte{0x5F, 0x37, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, names, numbers []byte) {
		current, files := []byte(nil), [][]byte{names, numbers}
		card := transmitter(func(command []byte) ([]byte, error) {
			switch {
			case command[1] != 0xB0:
				current = nil
				return []byte{0x90, 0}, nil
			case command[2]&0x80 != 0 && len(files) > 0:
				current, files = files[0], files[1:]
			}
			at := 0
			if command[2]&0x80 == 0 {
				at = int(command[2])<<8 | int(command[3])
			}
			if at > len(current) {
				return []byte{0x6B, 0}, nil
			}
			return append(bytes.Clone(current[at:min(at+256, len(current))]), 0x90, 0), nil
		})
		recorder := vitale.NewRecorder(card, nil)
		data, err := vitale.Direct{Card: recorder, ATR: []byte{0x3B}}.Read(t.Context())
		var trace bytes.Buffer
		if _, err := recorder.WriteTo(&trace); err != nil {
			t.Fatal(err)
		}
		if _, err := vitale.ReadTrace(&trace); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if len(data.Beneficiaries) == 0 || len(data.Beneficiaries) > vitale.MaxPeople {
			t.Fatalf("%d people", len(data.Beneficiaries))
		}
		for _, b := range data.Beneficiaries {
			for _, s := range []string{b.Surname, b.GivenName} {
				if utf8.RuneCountInString(s) > vitale.MaxText || !utf8.ValidString(s) {
					t.Error("a text that is too long or no UTF-8")
				}
				for _, r := range s {
					if unicode.IsControl(r) {
						t.Errorf("%U", r)
					}
				}
			}
		}
		if text, err := json.Marshal(data); err != nil || len(text) > 64<<10 {
			t.Errorf("%d bytes, %v", len(text), err)
		}
	})
}

func FuzzTrace(f *testing.F) {
	f.Add([]byte("carnet-vitale-trace 1\natr 3B00\n> 00A4\n< 9000\n> 00\n! READ\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if replay, err := vitale.ReadTrace(bytes.NewReader(text)); err == nil {
			_, _ = vitale.Direct{Card: replay, ATR: replay.ATR()}.Read(t.Context()) // it must only end
		}
	})
}
