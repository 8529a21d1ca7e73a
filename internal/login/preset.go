package login

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed profiles/*.toml
var profiles embed.FS

// Presets lists the ready profiles by name.
func Presets() []string {
	entries, err := profiles.ReadDir("profiles")
	if err != nil {
		return nil // the folder is part of the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	slices.Sort(names)
	return names
}

// Preset is a ready profile. What an operator agreed with the provider is still missing: client,
// secret or keys; docs/login.md says where each comes from.
func Preset(name string) (Profile, error) {
	if !slices.Contains(Presets(), name) {
		return Profile{}, fmt.Errorf("preset: %q is not one of %v", name, Presets())
	}
	text, err := profiles.ReadFile(path.Join("profiles", name+".toml"))
	if err != nil {
		return Profile{}, err
	}
	p := Profile{Preset: name}
	meta, err := toml.Decode(string(text), &p)
	if err != nil {
		return Profile{}, fmt.Errorf("preset %s: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Profile{}, fmt.Errorf("preset %s: unknown key %s", name, unknown[0])
	}
	return p, nil
}

// DecodeProfile reads a profile of a configuration: first the preset that it names, if any, then
// its own keys over it. decode decodes the same table into v each time.
func DecodeProfile(decode func(v any) error) (Profile, error) {
	var p Profile
	if err := decode(&p); err != nil || p.Preset == "" {
		return p, err
	}
	p, err := Preset(p.Preset)
	if err != nil {
		return p, err
	}
	return p, decode(&p)
}
