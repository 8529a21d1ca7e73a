// Package workstation puts the module where the browsers of a workstation look for it, takes it away again, and examines the
// workstation: reader, service, card, browsers, and the ten principles of security that the terms of card reading ask of it.
//
// A browser finds the module by a small manifest. On Linux and macOS its folder decides; on Windows a registry value names it.
// Chromium's family lists extensions by origin and Firefox by id: two manifests. Places: Carnet specification vitale.md, section 8.2.
package workstation

import (
	"path"
	"slices"
	"strings"

	"carnet/internal/module"
)

// Browser is one that can start the module.
type Browser string

const (
	Chrome   Browser = "chrome"
	Chromium Browser = "chromium"
	Edge     Browser = "edge"
	Firefox  Browser = "firefox"
)

// Browsers lists them all.
func Browsers() []Browser { return []Browser{Chrome, Chromium, Edge, Firefox} }

// Machine is where things are on a workstation, so that every system can be tested on one.
type Machine struct {
	OS           string // as runtime.GOOS
	Home         string
	ConfigHome   string // XDG_CONFIG_HOME, or "" for .config of Home
	LocalAppData string // Windows
	ProgramFiles string // Windows
	Root         string // prefix of system folders: "" but in tests
}

// join joins in the way of the machine's system.
func (m Machine) join(parts ...string) string {
	if m.OS == "windows" {
		return strings.Join(parts, `\`)
	}
	return path.Join(parts...)
}

// Folder is where the program and its configuration are kept, on a path that does not change: not the folder of downloads.
func (m Machine) Folder(system bool) string {
	switch {
	case m.OS == "windows" && system:
		return m.join(m.ProgramFiles, "Carnet", "native")
	case m.OS == "windows":
		return m.join(m.LocalAppData, "Carnet", "native")
	case m.OS == "darwin" && system:
		return m.join(m.Root, "/Library/Application Support/Carnet/native")
	case m.OS == "darwin":
		return m.join(m.Home, "Library/Application Support/Carnet/native")
	case system:
		return m.join(m.Root, "/usr/local/lib/carnet-vitale")
	}
	return m.join(m.Home, ".local/lib/carnet-vitale")
}

// Program is the file name of the module.
func (m Machine) Program() string {
	if m.OS == "windows" {
		return "carnet-vitale.exe"
	}
	return "carnet-vitale"
}

// Place is where one browser looks.
type Place struct {
	Browser Browser
	File    string // the manifest
	Key     string // Windows: the registry key whose default value is that path, under HKCU or HKLM
}

// Places lists where the browsers look, for one user or for the whole machine.
func (m Machine) Places(system bool, browsers []Browser) []Place {
	config := m.ConfigHome
	if config == "" {
		config = m.join(m.Home, ".config")
	}
	support := m.join(m.Home, "Library/Application Support")
	if system {
		support = m.join(m.Root, "/Library/Application Support")
	}
	linux := map[Browser][2]string{
		Chrome:   {m.join(config, "google-chrome/NativeMessagingHosts"), "/etc/opt/chrome/native-messaging-hosts"},
		Chromium: {m.join(config, "chromium/NativeMessagingHosts"), "/etc/chromium/native-messaging-hosts"},
		Edge:     {m.join(config, "microsoft-edge/NativeMessagingHosts"), "/etc/opt/edge/native-messaging-hosts"},
		Firefox:  {m.join(m.Home, ".mozilla/native-messaging-hosts"), "/usr/lib/mozilla/native-messaging-hosts"},
	}
	darwin := map[Browser][2]string{
		Chrome:   {m.join(support, "Google/Chrome/NativeMessagingHosts"), "/Library/Google/Chrome/NativeMessagingHosts"},
		Chromium: {m.join(support, "Chromium/NativeMessagingHosts"), "/Library/Application Support/Chromium/NativeMessagingHosts"},
		Edge:     {m.join(support, "Microsoft Edge/NativeMessagingHosts"), "/Library/Microsoft/Edge/NativeMessagingHosts"},
		Firefox:  {m.join(support, "Mozilla/NativeMessagingHosts"), "/Library/Application Support/Mozilla/NativeMessagingHosts"},
	}
	windows := map[Browser]string{Chrome: `Google\Chrome`, Chromium: `Chromium`, Edge: `Microsoft\Edge`, Firefox: `Mozilla`}
	var list []Place
	for _, b := range Browsers() {
		if !slices.Contains(browsers, b) {
			continue
		}
		name := module.Name + ".json"
		if m.OS == "windows" {
			list = append(list, Place{b, m.join(m.Folder(system), string(b)+"."+name), `Software\` + windows[b] + `\NativeMessagingHosts\` + module.Name})
			continue
		}
		folders := linux[b]
		if m.OS == "darwin" {
			folders = darwin[b]
		}
		if system {
			list = append(list, Place{b, m.join(m.Root, folders[1], name), ""})
		} else {
			list = append(list, Place{b, m.join(folders[0], name), ""})
		}
	}
	return list
}
