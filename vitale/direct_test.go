package vitale_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"carnet/vitale"
	"carnet/vitale/specimen"
)

var update = flag.Bool("update", false, "write the golden files")

func read(t *testing.T, fault specimen.Fault) (vitale.Data, error) {
	t.Helper()
	card := specimen.NewWaiting(fault, func(time.Duration) {})
	return vitale.Direct{Card: card, ATR: card.ATR()}.Read(t.Context())
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Error(d)
	}
}

func TestReading(t *testing.T) {
	for _, c := range []struct {
		fault specimen.Fault
		file  string
	}{{specimen.None, "specimen.json"}, {specimen.Plain, "plain.json"}} {
		t.Run(string(c.fault), func(t *testing.T) {
			data, err := read(t, c.fault)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.MarshalIndent(data, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.file, append(text, '\n'))
		})
	}
	t.Run("the shown card is read whatever its answer to reset", func(t *testing.T) {
		data, err := read(t, specimen.WrongATR)
		if err != nil || len(data.Beneficiaries) != 3 {
			t.Errorf("%v %v", data, err)
		}
	})
	t.Run("nineteen people, files of several blocks", func(t *testing.T) {
		data, err := read(t, specimen.Crowd)
		if err != nil || len(data.Beneficiaries) != 19 || data.Beneficiaries[18].GivenName != "RAMEAU-S" {
			t.Errorf("%v %v", data, err)
		}
	})
	t.Run("slow", func(t *testing.T) {
		var waited time.Duration
		card := specimen.NewWaiting(specimen.Slow, func(d time.Duration) { waited += d })
		if _, err := (vitale.Direct{Card: card, ATR: card.ATR()}).Read(t.Context()); err != nil || waited != 16*specimen.SlowDelay {
			t.Errorf("%v, %v", waited, err)
		}
	})
}

// schema is every field of the message, by category. VIT-06 lists the four; there is no fifth.
var schema = map[string][]string{
	"":              {"provider", "missing", "card", "beneficiaries", "attachment"},
	"card":          {"type", "nature", "serial", "atr", "validFrom"},
	"beneficiaries": {"insured", "surname", "birthName", "givenName", "birth", "birthRank", "quality", "address", "nir", "nirKey", "nirKeyOk", "nirOf", "certifiedNir", "certifiedOn"},
	"birth":         {"raw", "year", "lunisolar"},
	"attachment":    {"scheme", "fund", "centre", "managementCode", "rights"},
	"rights":        {"from", "to"},
}

func TestCategories(t *testing.T) {
	t.Run("VIT-06 a reading has the four categories and no field beside them", func(t *testing.T) {
		data, err := read(t, specimen.None)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(data)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		if extra := extraFields("", tree); len(extra) > 0 {
			t.Errorf("fields outside the categories: %v", extra)
		}
		tree.(map[string]any)["card"].(map[string]any)["photo"] = ""
		if extra := extraFields("", tree); len(extra) != 1 {
			t.Errorf("an extra field was not found: %v", extra)
		}
	})
}

func extraFields(under string, tree any) []string {
	var extra []string
	switch v := tree.(type) {
	case map[string]any:
		for name, inner := range v {
			if !slices.Contains(schema[under], name) {
				extra = append(extra, under+"."+name)
				continue
			}
			extra = append(extra, extraFields(name, inner)...)
		}
	case []any:
		for _, inner := range v {
			extra = append(extra, extraFields(under, inner)...)
		}
	}
	return extra
}

func TestFaults(t *testing.T) {
	for fault, want := range map[specimen.Fault]vitale.Code{
		specimen.Mute: vitale.CardMute, specimen.Removed: vitale.CardRemoved, specimen.Foreign: vitale.NotVitale,
		specimen.Vitale1: vitale.Vitale1, specimen.CPS: vitale.NotVitale, specimen.Garbage: vitale.BadData,
	} {
		t.Run(string(fault), func(t *testing.T) {
			data, err := read(t, fault)
			if vitale.CodeOf(err) != want || err == nil || len(data.Beneficiaries) != 0 {
				t.Errorf("%v, want %s", err, want)
			}
			if err != nil && strings.Contains(err.Error(), "FOUG") {
				t.Errorf("the error tells the name: %v", err)
			}
		})
	}
}

// scripted answers from a table, by command in hexadecimal.
type scripted map[string][]any

func (s scripted) Transmit(command []byte) ([]byte, error) {
	key := strings.ToUpper(hex.EncodeToString(command))
	list := s[key]
	if len(list) == 0 {
		return []byte{0x6D, 0x00}, nil
	}
	if len(list) > 1 {
		s[key] = list[1:]
	}
	if err, ok := list[0].(error); ok {
		return nil, err
	}
	raw, err := hex.DecodeString(list[0].(string))
	return raw, err
}

const (
	root   = "00A40000023F00"
	byName = "00A404000ED2500000024D465F564954414C4500"
	app    = "00A404000BD250000002564954414C45"
	sfi2   = "00B0820000"
)

func file(parts ...string) string {
	return hex.EncodeToString([]byte(strings.Join(parts, ""))) + "9000"
}

func TestProtocol(t *testing.T) {
	one := file("\x65\x18\x80\x06FOUGER\x81\x04ROSE\x82\x0819850512")
	number := file("\x65\x11\x93\x0F285050099900185")
	usual := func(change scripted) scripted {
		s := scripted{root: {"9000"}, sfi2: {one, number}, app: {"9000"}}
		for k, v := range change {
			s[k] = v
		}
		return s
	}
	broken := errors.New("the wire is loose")
	for _, c := range []struct {
		name string
		card scripted
		code vitale.Code
	}{
		{"the least that is needed", usual(nil), ""},
		{"root by name", usual(scripted{root: {"6A82"}, byName: {"9000"}}), ""},
		{"loose wire, four times", usual(scripted{root: {broken, broken, broken, broken, "9000"}}), ""},
		{"loose wire, five times", usual(scripted{root: {broken, broken, broken, broken, broken, "9000"}}), vitale.ReadFailed},
		{"more to fetch", usual(scripted{root: {"6102"}, "00C0000002": {"ABCD9000"}}), ""},
		{"always more to fetch", usual(scripted{root: {"6102"}, "00C0000002": {"6102"}}), vitale.ReadFailed},
		{"wrong length", usual(scripted{sfi2: {"6C1A", number}, "00B082001A": {one}}), ""},
		{"wrong length for ever", usual(scripted{sfi2: {"6C1A", number}, "00B082001A": {"6C1A"}}), vitale.ReadFailed},
		{"no root", scripted{}, vitale.NotVitale},
		{"no application", usual(scripted{app: {"6A82"}}), vitale.NotVitale},
		{"no file of people on another card", usual(scripted{sfi2: {"6A82"}, app: {"6A82"}}), vitale.NotVitale},
		{"a refused file", usual(scripted{sfi2: {"6982"}}), vitale.ReadFailed},
		{"an answer without status", usual(scripted{root: {"90"}}), vitale.ReadFailed},
		{"nobody", usual(scripted{sfi2: {"9000", number}}), vitale.BadData},
		{"more people than numbers", usual(scripted{sfi2: {one, "9000"}}), vitale.BadData},
		{"a date of letters", usual(scripted{sfi2: {file("\x65\x0A\x82\x081985051X"), number}}), vitale.BadData},
		{"a short number", usual(scripted{sfi2: {one, file("\x65\x10\x93\x0E28505009990014")}}), vitale.BadData},
		{"a number with letters", usual(scripted{sfi2: {one, file("\x65\x11\x93\x0F28505C099900145")}}), vitale.BadData},
		{"a wrong key is told, not refused", usual(scripted{sfi2: {one, file("\x65\x11\x93\x0F285050099900184")}}), ""},
		{"a long name", usual(scripted{sfi2: {file("\x65\x81\x8E\x80\x81\x81" + strings.Repeat("A", 129) + "\x82\x0819850512"), number}}), vitale.BadData},
		{"busy", usual(scripted{root: {&vitale.Error{Code: vitale.CardBusy}}}), vitale.CardBusy},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, err := vitale.Direct{Card: c.card, ATR: []byte{0x3B}}.Read(t.Context())
			if c.code == "" {
				if err != nil || len(data.Beneficiaries) != 1 {
					t.Fatal(data, err)
				}
				if b := data.Beneficiaries[0]; b.NIRKeyOK != (c.name != "a wrong key is told, not refused") || b.Birth.Lunisolar {
					t.Error("key or date")
				}
				return
			}
			if err == nil || vitale.CodeOf(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
		})
	}
	t.Run("a file without end", func(t *testing.T) {
		endless := transmitter(func(command []byte) ([]byte, error) {
			if command[1] == 0xB0 {
				return append(make([]byte, 256), 0x90, 0), nil
			}
			return []byte{0x90, 0}, nil
		})
		if _, err := (vitale.Direct{Card: endless, ATR: []byte{0x3B}}).Read(t.Context()); vitale.CodeOf(err) != vitale.BadData {
			t.Error(err)
		}
	})
	t.Run("a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := (vitale.Direct{Card: usual(nil), ATR: []byte{0x3B}}).Read(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

type transmitter func([]byte) ([]byte, error)

func (f transmitter) Transmit(command []byte) ([]byte, error) { return f(command) }

// TestSequences plays the sequences of three public programs on the specimen, so that it is the card that they know.
func TestSequences(t *testing.T) {
	for name, list := range map[string][][2]string{
		"A": {{root, "61??"}, {sfi2, "6C??"}, {app, "61??"}, {sfi2, "6C??"}, {"00B0820060", "????9000"}},
		"B": {{byName, "61??"}, {"00A4020002D00100", "61??"}, {"00C000001E", "????9000"}, {"00B000007C", "????9000"}},
		"C": {{app, "61??"}, {"00A40200022001", "61??"}, {"00B0000000", "6C??"}, {"00A4020002D003", "6982"}, {"00A4020002D009", "6A82"}},
		"refusals": {{"80A40000023F00", "6E00"}, {"00FF0000", "6D00"}, {"00C0000010", "6985"}, {"00B0000000", "6986"},
			{"00A4020C02D001", "9000"}, {"00B0F00000", "6A82"}, {"00B01000FF", "6B00"}, {"00", "6700"}},
	} {
		t.Run(name, func(t *testing.T) {
			card := specimen.New(specimen.None)
			for _, l := range list {
				command, err := hex.DecodeString(l[0])
				if err != nil {
					t.Fatal(err)
				}
				answer, err := card.Transmit(command)
				if err != nil {
					t.Fatal(err)
				}
				got := strings.ToUpper(hex.EncodeToString(answer[len(answer)-2:]))
				switch want := l[1]; {
				case strings.HasSuffix(want, "??"):
					if !strings.HasPrefix(got, want[:2]) {
						t.Errorf("%s: %s, want %s", l[0], got, want)
					}
				case strings.HasPrefix(want, "????"):
					if got != "9000" || len(answer) < 3 {
						t.Errorf("%s: %s and %d bytes", l[0], got, len(answer))
					}
				case got != want:
					t.Errorf("%s: %s, want %s", l[0], got, want)
				}
			}
		})
	}
}

func TestRecognise(t *testing.T) {
	for in, want := range map[string]vitale.Kind{
		"": vitale.KindNone, "3B751300004309EA9000": vitale.KindVitale2, "3B751300004C09EA9000": vitale.KindVitale2, "3B751300004509FA9000": vitale.KindVitale2,
		"3F6525002209699000": vitale.KindVitale1, "3F6525002C09F99000": vitale.KindVitale1, "3F65250052096A9000": vitale.KindVitale1, "3F652500A4096A9000": vitale.KindVitale1,
		"3BAC00402A001225006480000310009000": vitale.KindProfessional, "3BDC18FF00001225006480000401009000": vitale.KindProfessional,
		"3B8F80010031B86404B0ECC1739401808290000E": vitale.KindProfessional,
		"3B751300004509EA9001":                     vitale.KindOther, "3B7513": vitale.KindOther, "3F652500B4096A9000": vitale.KindOther,
	} {
		atr, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := vitale.Recognise(atr); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	for fault, want := range map[specimen.Fault]vitale.Kind{specimen.None: vitale.KindVitale2, specimen.WrongATR: vitale.KindVitale2, specimen.Foreign: vitale.KindOther, specimen.CPS: vitale.KindProfessional, specimen.Vitale1: vitale.KindVitale1} {
		card := specimen.New(fault)
		if got, err := (vitale.Direct{Card: card, ATR: card.ATR()}).Probe(t.Context()); got != want || err != nil {
			t.Errorf("%s: %s %v", fault, got, err)
		}
	}
}

func TestBirth(t *testing.T) {
	for in, want := range map[string]struct {
		year  int
		lunar bool
	}{
		"19850512": {1985, false}, "20150931": {2015, true}, "19480229": {1948, false}, "19490229": {1949, true}, "19001301": {1900, true},
		"19500000": {1950, true}, "19500100": {1950, true}, "19505099": {1950, true}, "550101": {0, false}, "480229": {0, false}, "000230": {0, true},
	} {
		got, err := vitale.ParseBirth(in)
		year := 0
		if got.Year != nil {
			year = *got.Year
		}
		if err != nil || year != want.year || got.Lunisolar != want.lunar || got.Raw != in {
			t.Errorf("%s: %d %v %v", in, year, got.Lunisolar, err)
		}
	}
	for _, in := range []string{"", "1985", "1985051A", "198505122"} {
		if _, err := vitale.ParseBirth(in); err == nil {
			t.Errorf("%q is a date", in)
		}
	}
}

func TestHiding(t *testing.T) {
	data, err := read(t, specimen.None)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "data", data, "one", data.Beneficiaries[0])
	all := log.String() + fmt.Sprint(data, data.Beneficiaries) + fmt.Sprintf("%v %+v %#v %s %d %+v", data, data, data, data, data.Beneficiaries[0], struct{ B vitale.Beneficiary }{data.Beneficiaries[0]})
	for _, secret := range []string{"FOUG", "CAMILLE", "19850512", "2850500999001", vitale.SpecimenSerial, "SOUS-BOIS"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s is printed: %s", secret, all)
		}
	}
}
