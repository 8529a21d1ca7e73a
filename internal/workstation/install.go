package workstation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"carnet/internal/module"
)

// Registry holds, on Windows, the value that names a manifest.
type Registry interface {
	Set(system bool, key, value string) error
	Get(system bool, key string) (value string, ok bool, err error)
	Delete(system bool, key string) error
}

// Manifest is what a browser reads.
type Manifest struct {
	Name              string   `json:"name"`
	Description       string   `json:"description"`
	Path              string   `json:"path"`
	Type              string   `json:"type"`
	AllowedOrigins    []string `json:"allowed_origins,omitempty"`    // Chromium's family
	AllowedExtensions []string `json:"allowed_extensions,omitempty"` // Firefox
}

func manifest(b Browser, program string, c module.Config) Manifest {
	m := Manifest{Name: module.Name, Description: "Carnet: card reading for professionals", Path: program, Type: "stdio"}
	if b == Firefox {
		m.AllowedExtensions = c.Firefox
		return m
	}
	for _, id := range c.Chrome {
		m.AllowedOrigins = append(m.AllowedOrigins, "chrome-extension://"+id+"/")
	}
	return m
}

// Installation is one, for a user or for the machine.
type Installation struct {
	Machine  Machine
	System   bool
	Browsers []Browser
	Operator []byte   // who publishes the extension, for the texts of "terms"; nil leaves what is there
	Registry Registry // Windows
	DryRun   bool
	Report   func(did, what string) // each file and key: write, keep, remove
}

// ConfigFile is the configuration, beside the program.
func (in Installation) ConfigFile() string {
	return in.Machine.join(in.Machine.Folder(in.System), "config.json")
}

// OperatorFile says who publishes the extension, beside the program.
func (in Installation) OperatorFile() string {
	return in.Machine.join(in.Machine.Folder(in.System), "operator.json")
}

// Install copies the program to its place and tells the browsers. Done twice, it changes nothing the second time.
func (in Installation) Install(program string, c module.Config) error {
	text, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	target := in.Machine.join(in.Machine.Folder(in.System), in.Machine.Program())
	if err := in.write(target, text, 0o755); err != nil {
		return err
	}
	config, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := in.write(in.ConfigFile(), append(config, '\n'), 0o644); err != nil {
		return err
	}
	if in.Operator != nil {
		if err := in.write(in.OperatorFile(), in.Operator, 0o644); err != nil {
			return err
		}
	}
	for _, p := range in.Machine.Places(in.System, in.Browsers) {
		if p.Browser == Firefox && len(c.Firefox) == 0 || p.Browser != Firefox && len(c.Chrome) == 0 {
			continue // a manifest that allows nobody is refused by the browser
		}
		text, err := json.MarshalIndent(manifest(p.Browser, target, c), "", "  ")
		if err != nil {
			return err
		}
		if err := in.write(p.File, append(text, '\n'), 0o644); err != nil {
			return err
		}
		if p.Key == "" {
			continue
		}
		if old, ok, err := in.Registry.Get(in.System, p.Key); err != nil {
			return err
		} else if ok && old == p.File {
			in.Report("keep", p.Key)
			continue
		}
		in.Report("write", p.Key)
		if !in.DryRun {
			if err := in.Registry.Set(in.System, p.Key, p.File); err != nil {
				return err
			}
		}
	}
	return nil
}

// Uninstall removes what Install wrote, and nothing else: a manifest that names another program stays.
func (in Installation) Uninstall() error {
	target := in.Machine.join(in.Machine.Folder(in.System), in.Machine.Program())
	for _, p := range in.Machine.Places(in.System, in.Browsers) {
		m, err := ReadManifest(p.File)
		if errors.Is(err, fs.ErrNotExist) || err == nil && m.Path != target {
			continue
		}
		if err != nil {
			return err
		}
		if err := in.remove(p.File); err != nil {
			return err
		}
		if p.Key == "" {
			continue
		}
		if old, ok, err := in.Registry.Get(in.System, p.Key); err != nil {
			return err
		} else if ok && old == p.File {
			in.Report("remove", p.Key)
			if !in.DryRun {
				if err := in.Registry.Delete(in.System, p.Key); err != nil {
					return err
				}
			}
		}
	}
	for _, p := range in.Machine.Places(in.System, Browsers()) {
		if _, err := os.Stat(p.File); err == nil {
			return nil // another browser still uses the program
		}
	}
	for _, f := range []string{in.ConfigFile(), in.OperatorFile(), target} {
		if err := in.remove(f); err != nil {
			return err
		}
	}
	if !in.DryRun {
		_ = os.Remove(in.Machine.Folder(in.System)) // only when nothing else is in it
	}
	return nil
}

const maxManifest = 64 << 10

// ReadManifest reads one, of at most 64 KiB.
func ReadManifest(file string) (Manifest, error) {
	var m Manifest
	info, err := os.Stat(file)
	if err != nil {
		return m, err
	}
	if info.Size() > maxManifest {
		return m, fmt.Errorf("%s: too long", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

// write replaces a file at once, or keeps it when it is the same.
func (in Installation) write(file string, text []byte, mode fs.FileMode) (err error) {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, text) {
		in.Report("keep", file)
		return nil
	}
	in.Report("write", file)
	if in.DryRun {
		return nil
	}
	folder := filepath.Dir(file)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(folder, ".carnet-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the fault is what counts
		}
	}()
	if _, err = f.Write(text); err == nil {
		err = f.Chmod(mode)
	}
	if end := f.Close(); err == nil {
		err = end
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	return err
}

func (in Installation) remove(file string) error {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	in.Report("remove", file)
	if in.DryRun {
		return nil
	}
	return os.Remove(file)
}
