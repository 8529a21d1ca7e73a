package workstation

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"carnet/internal/module"
	"carnet/internal/pcsc"
	"carnet/vitale"
)

func TestPlaces(t *testing.T) {
	linux := Machine{OS: "linux", Home: "/home/a"}
	mac := Machine{OS: "darwin", Home: "/Users/a"}
	windows := Machine{OS: "windows", LocalAppData: `C:\Users\a\AppData\Local`, ProgramFiles: `C:\Program Files`}
	for _, c := range []struct {
		m       Machine
		system  bool
		browser Browser
		file    string
		key     string
	}{
		{linux, false, Chrome, "/home/a/.config/google-chrome/NativeMessagingHosts/fr.carnet.vitale.json", ""},
		{linux, true, Chromium, "/etc/chromium/native-messaging-hosts/fr.carnet.vitale.json", ""},
		{linux, false, Edge, "/home/a/.config/microsoft-edge/NativeMessagingHosts/fr.carnet.vitale.json", ""},
		{linux, true, Firefox, "/usr/lib/mozilla/native-messaging-hosts/fr.carnet.vitale.json", ""},
		{mac, false, Firefox, "/Users/a/Library/Application Support/Mozilla/NativeMessagingHosts/fr.carnet.vitale.json", ""},
		{mac, true, Edge, "/Library/Microsoft/Edge/NativeMessagingHosts/fr.carnet.vitale.json", ""},
		{windows, false, Chrome, `C:\Users\a\AppData\Local\Carnet\native\chrome.fr.carnet.vitale.json`, `Software\Google\Chrome\NativeMessagingHosts\fr.carnet.vitale`},
		{windows, true, Firefox, `C:\Program Files\Carnet\native\firefox.fr.carnet.vitale.json`, `Software\Mozilla\NativeMessagingHosts\fr.carnet.vitale`},
	} {
		got := c.m.Places(c.system, []Browser{c.browser})
		if len(got) != 1 || got[0] != (Place{c.browser, c.file, c.key}) {
			t.Errorf("%+v", got)
		}
	}
	moved := Machine{OS: "linux", Home: "/home/a", ConfigHome: "/c"}
	if p := moved.Places(false, []Browser{Chrome}); p[0].File != "/c/google-chrome/NativeMessagingHosts/fr.carnet.vitale.json" {
		t.Error(p)
	}
}

// hive is a registry in memory.
type hive map[string]string

func (h hive) Set(_ bool, key, value string) error          { h[key] = value; return nil }
func (h hive) Get(_ bool, key string) (string, bool, error) { v, ok := h[key]; return v, ok, nil }
func (h hive) Delete(_ bool, key string) error              { delete(h, key); return nil }

// TestWindows installs with the places of Windows, in a folder of this system, and a registry in memory.
func TestWindows(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chdir(dir); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	registry := hive{"Software\\Other": "kept"}
	var said []string
	in := Installation{Machine: Machine{OS: "windows", LocalAppData: "C:"}, Browsers: Browsers(), Registry: registry,
		Report: func(did, what string) { said = append(said, did+" "+what) }}
	config := module.Config{Chrome: []string{"abc"}, Firefox: []string{"a@b"}}
	for range 2 {
		if err := in.Install(program, config); err != nil {
			t.Fatal(err)
		}
	}
	if len(registry) != 5 || registry[`Software\Chromium\NativeMessagingHosts\fr.carnet.vitale`] != `C:\Carnet\native\chromium.fr.carnet.vitale.json` {
		t.Error(registry)
	}
	if n := strings.Count(strings.Join(said, "\n"), "keep"); n != 10 {
		t.Errorf("%d kept: %v", n, said)
	}
	registry[`Software\Mozilla\NativeMessagingHosts\fr.carnet.vitale`] = "another"
	if err := in.Uninstall(); err != nil {
		t.Fatal(err)
	}
	if want := (hive{"Software\\Other": "kept", `Software\Mozilla\NativeMessagingHosts\fr.carnet.vitale`: "another"}); !maps.Equal(registry, want) {
		t.Error(registry)
	}
}

// TestPrinciples checks each of the ten on machines that keep it, break it, and do not show it.
func TestPrinciples(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	file := func(text string, days int) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(text), ModTime: now.AddDate(0, 0, -days)}
	}
	says := func(answers map[string]string) func(string, ...string) (string, error) {
		return func(name string, args ...string) (string, error) {
			if a, ok := answers[strings.Join(args, " ")]; ok {
				return a, nil
			}
			return "", errors.New("no such program")
		}
	}
	key := func(values map[string]uint64) func(bool, string, string) (uint64, bool) {
		return func(_ bool, _, name string) (uint64, bool) { v, ok := values[name]; return v, ok }
	}
	good := Host{OS: "linux", Now: now, FS: fstest.MapFS{"etc/ufw/ufw.conf": file("ENABLED=yes", 0), "var/lib/clamav/daily.cld": file("", 1),
		"etc/apt/apt.conf.d/20auto-upgrades": file(`APT::Periodic::Unattended-Upgrade "1";`, 0), "sys/block/sda/removable": file("0", 0), "var/cache/apt/pkgcache.bin": file("", 3)},
		Run: says(map[string]string{"get org.gnome.desktop.screensaver lock-enabled": "true", "get org.gnome.desktop.session idle-delay": "uint32 300", "get org.gnome.desktop.media-handling autorun-never": "true"}), Key: key(nil)}
	bad := Host{OS: "linux", Now: now, Root: true, FS: fstest.MapFS{"run/reboot-required": file("", 0), "etc/ufw/ufw.conf": file("ENABLED=no", 0), "var/lib/clamav/daily.cld": file("", 30),
		"etc/apt/apt.conf.d/20auto-upgrades": file(`APT::Periodic::Unattended-Upgrade "0";`, 0), "sys/block/sdb/removable": file("1", 0)},
		Run: says(map[string]string{"get org.gnome.desktop.screensaver lock-enabled": "false", "get org.gnome.desktop.session idle-delay": "uint32 300", "get org.gnome.desktop.media-handling autorun-never": "false"}), Key: key(nil)}
	windows := Host{OS: "windows", Now: now, FS: fstest.MapFS{}, Run: says(nil), Key: key(map[string]uint64{"InactivityTimeoutSecs": 600, "EnableFirewall": 1, "DisableAntiSpyware": 1, "NoAutoUpdate": 1, "NoDriveTypeAutoRun": 0x91})}
	blind := Host{OS: "plan9", Now: now, FS: fstest.MapFS{}, Run: says(nil), Key: key(nil)}
	u, o, b := Unknown, OK, Bad
	for name, c := range map[string]struct {
		host Host
		want [10]State
	}{
		"good":    {good, [10]State{u, u, u, o, o, o, o, u, o, o}},
		"bad":     {bad, [10]State{b, u, b, b, b, b, b, u, b, b}},
		"windows": {windows, [10]State{u, u, u, o, o, b, b, u, u, b}},
		"blind":   {blind, [10]State{u, u, u, u, u, u, u, u, u, u}},
	} {
		for i, p := range Principles {
			state, seen := p.check(c.host)
			if state != c.want[i] || seen[0] == "" || seen[1] == "" || p.Words[0] == "" || p.Words[1] == "" {
				t.Errorf("%s, principle %d: %s %v, want %s", name, i+1, state, seen, c.want[i])
			}
		}
	}
	if len(Principles) != 10 {
		t.Errorf("%d principles", len(Principles))
	}
}

func TestDoctor(t *testing.T) {
	home := t.TempDir()
	d := Doctor{Machine: Machine{OS: "linux", Home: home, Root: home}, Language: module.French, Host: Host{OS: "linux", FS: fstest.MapFS{"snap/firefox": {}}, Run: func(string, ...string) (string, error) { return "", errors.New("none") }, Key: func(bool, string, string) (uint64, bool) { return 0, false }},
		Open: func() (*pcsc.Service, error) { return nil, &vitale.Error{Code: vitale.NoService} }}
	list := d.Examine(t.Context())
	if len(list) != 13 || list[0].Do != "apt install pcscd libccid" || list[1].Do != "carnet-vitale install" || !strings.HasPrefix(list[2].Do, "flatpak permission-set webextensions fr.carnet.vitale snap.firefox") || Well(list) {
		t.Errorf("%+v", list)
	}
}
