// Command build makes the browser extension: see go run ./extension/build --help.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"carnet/extension"
	"carnet/extension/legal"
)

type options struct {
	Out      string   `help:"Folder to write to: a folder and a zip for each browser." required:"" type:"path"`
	Version  string   `help:"Version of the extension: one to four numbers." default:"1.0.0"`
	Operator string   `help:"Who publishes it (JSON, as in docs/vitale.md); without it a fictitious operator, for development." type:"existingfile" placeholder:"FILE"`
	Origin   []string `help:"Site that may ask for a card from the start. May be repeated." placeholder:"URL"`
	Key      string   `help:"Public key (DER) that fixes the id in Chromium; none for the stores." type:"existingfile" placeholder:"FILE"`
}

func main() {
	var o options
	k := kong.Parse(&o, kong.Name("build"), kong.Description("Make the browser extension for Chrome, Edge and Firefox."))
	k.FatalIfErrorf(o.build())
}

func (o options) build() error {
	e := extension.Options{Version: o.Version, Operator: legal.Sandbox(), Origins: o.Origin, Development: o.Operator == ""}
	if o.Operator != "" {
		text, err := os.ReadFile(o.Operator)
		if err != nil {
			return err
		}
		if e.Operator, err = legal.ReadOperator(text); err != nil {
			return fmt.Errorf("%s: %w", o.Operator, err)
		}
	}
	if o.Key != "" {
		var err error
		if e.Key, err = os.ReadFile(o.Key); err != nil {
			return err
		}
	}
	for _, target := range extension.Targets() {
		files, err := extension.Files(target, e)
		if err != nil {
			return err
		}
		folder := filepath.Join(o.Out, string(target))
		if err := write(folder, files); err != nil {
			return err
		}
		zip, err := extension.Zip(files)
		if err != nil {
			return err
		}
		file := filepath.Join(o.Out, fmt.Sprintf("carnet-vitale-%s-%s.zip", target, o.Version))
		if err := os.WriteFile(file, zip, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s\t%d bytes\n", file, len(zip))
	}
	return nil
}

// write puts files into a new folder.
func write(folder string, files map[string][]byte) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for name, text := range files {
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
