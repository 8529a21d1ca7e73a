package main

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/limit"
)

func TestDoor(t *testing.T) {
	dir := t.TempDir()
	places := filepath.Join(dir, "places.csv")
	if err := os.WriteFile(places, []byte("10.0.0.0/8,FR,Réseau de la maison\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(text string) (*configFile, error) {
		path := filepath.Join(dir, "carnet.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return readConfig(path, true)
	}
	f, err := read(`
[limits.push-unknown]
count = 5
period = "30m"
[limits.origin.keys."192.0.2.0/24"]
count = 900
period = "15m"
[door]
proxies = ["10.0.0.0/8"]
places = "` + places + `"
hours = "mon-fri 08:00-18:00"
care_digits = 8
[door.sessions]
"Centre des Tilleuls" = "sat-sun 09:00-17:00"
[[staff.organisation]]
siret = "99999999900012"
name = "Caisse de Valombre"
roles = ["dpo"]
[[staff.member]]
siret = "99999999900012"
email = "r.aubepine@caisse.example"
roles = ["dpo"]
`)
	if err != nil {
		t.Fatal(err)
	}
	site := f.door.site(login.SiteConfig{Name: "pro"})
	if r, ok := site.Limits.For(limit.PushUnknown, "x"); !ok || r != (limit.Rate{Count: 5, Period: 30 * time.Minute}) {
		t.Errorf("%v %v", r, ok)
	}
	if r, ok := site.Limits.For(limit.Origin, "192.0.2.0/24"); !ok || r.Count != 900 {
		t.Errorf("%v %v", r, ok)
	}
	if len(site.Proxies) != 1 {
		t.Errorf("%v", site.Proxies)
	}
	calls, err := f.door.calls("Vaccin Covid", func(carnet.Private) carnet.ID { return carnet.ID{} }, slog.New(slog.DiscardHandler))
	if err != nil || calls.CareDigits != 8 || calls.Hours.String() != "mon-fri 08:00-18:00" {
		t.Fatalf("%+v, %v", calls, err)
	}
	if calls.Places.Find(netip.MustParseAddr("10.1.2.3")).Label != "Réseau de la maison" || calls.PlaceHours["Centre des Tilleuls"].IsZero() {
		t.Errorf("%+v", calls)
	}
	if len(f.door.Staff.Members) != 1 || len(f.values) != 0 {
		t.Errorf("%+v, left over %v", f.door.Staff, f.values)
	}
	for text, want := range map[string]string{
		"[limits.global]\ncount = 0\nperiod = \"1h\"\n":      "limits.global",
		"[limits.misspelt]\ncount = 1\nperiod = \"1h\"\n":    "limits.misspelt",
		"[limits.global]\ncount = 1\nperoid = \"1h\"\n":      "unknown key limits.global.peroid",
		"[door]\nproxies = [\"here\"]\n":                     "here",
		"[door]\nhours = \"always\"\n":                       "hours",
		"[door]\nhour = \"mon 08:00-09:00\"\n":               "unknown key door.hour",
		"[[staff.member]]\nsiret = \"1\"\nroles = [\"dpo\"]": "no organisation",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	f.door.Door.Places = filepath.Join(dir, "absent.csv")
	if _, err := f.door.calls("", nil, nil); err == nil || !strings.Contains(err.Error(), "door.places") {
		t.Error(err)
	}
	if f, err := readConfig(filepath.Join(dir, "none.toml"), false); err != nil || f.door.Limits == nil {
		t.Errorf("without a file there are no limits: %v", err)
	}
}
