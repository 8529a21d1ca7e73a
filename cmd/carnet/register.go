package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/protect/ropa"
	"carnet/internal/site/ui"
)

type registerCmd struct {
	Check  registerCheckCmd  `cmd:"" help:"Say what is wrong with a register of processing activities."`
	Show   registerShowCmd   `cmd:"" help:"Print what a register holds, and its hash."`
	Diff   registerDiffCmd   `cmd:"" help:"Say what a version changes, for whom, and which notices are to be issued again."`
	Export registerExportCmd `cmd:"" help:"Print a register as GDPR art. 30-1 or 30-2, the CNIL's template, JSON or JSON-LD."`
	Sign   registerSignCmd   `cmd:"" help:"Sign one version of a register."`
}

// registerFile is the register that a command is about.
type registerFile struct {
	File string `arg:"" optional:"" help:"A register: TOML, or what export or sign wrote; by default the one that decides here." type:"path"`
	Key  string `help:"Public key of who must have signed it (PEM, Ed25519)." placeholder:"FILE" type:"path"`
}

func (f registerFile) read() (*ropa.Register, error) {
	if f.File == "" {
		r, err := protect.DefaultRegister()
		if err != nil {
			return nil, err
		}
		return r.Records(), nil
	}
	text, err := readBounded(f.File, ropa.MaxSize)
	if err != nil {
		return nil, err
	}
	switch {
	case f.Key != "":
		der, err := readPEM(f.Key, "PUBLIC KEY")
		if err != nil {
			return nil, err
		}
		key, err := x509.ParsePKIXPublicKey(der)
		public, ok := key.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("%s: not an Ed25519 public key", f.Key)
		}
		return ropa.Open(text, public)
	case strings.HasPrefix(strings.TrimSpace(string(text)), "{"):
		return ropa.ReadJSON(text)
	}
	return ropa.Parse(text)
}

func readPEM(path, kind string) ([]byte, error) {
	text, err := readBounded(path, 1<<16)
	if err != nil {
		return nil, err
	}
	if b, _ := pem.Decode(text); b != nil && b.Type == kind {
		return b.Bytes, nil
	}
	return nil, fmt.Errorf("%s: no %s in PEM", path, kind)
}

func printJSON(t terminal, v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

type registerCheckCmd struct {
	registerFile
	JSON bool `help:"Print one JSON object."`
}

// Run ends with 1 when there is a fault; a note alone is none.
func (c *registerCheckCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	r, err := c.read()
	if err != nil {
		return err
	}
	setting := ropa.Setting{Today: carnet.DateOf(time.Now())}
	if !r.Printed {
		own, err := protect.DefaultRegister()
		if err != nil {
			return err
		}
		setting.Columns = own.Columns() // a test holds them against the tables
	}
	found := r.Check(setting)
	faults := len(ropa.Faults(found))
	if c.JSON {
		if found == nil {
			found = []ropa.Finding{}
		}
		err = printJSON(t, map[string]any{"version": r.Version, "hash": r.Hash(), "faults": faults, "findings": found})
	} else {
		last := ropa.Code("")
		for _, f := range found {
			if f.Code != last {
				last = f.Code
				fmt.Fprintf(t.out, "%s: %s\n", f.Code, say.T("register.do."+strings.ReplaceAll(string(f.Code), ".", "-")))
			}
			where := f.Where
			if f.Detail != "" {
				where += ": " + f.Detail
			}
			if f.Source != "" && f.Source != f.Where {
				where += " [" + f.Source + "]"
			}
			fmt.Fprintln(t.out, "  "+where)
		}
		_, err = fmt.Fprintln(t.out, say.T("register.checked", "version", r.Version, "hash", r.Hash()[:12], "faults", faults, "notes", len(found)-faults))
	}
	if err == nil && faults > 0 {
		err = exit(exitNo)
	}
	return err
}

type registerShowCmd struct{ registerFile }

// Run prints one line for each entry, then its purposes.
func (c *registerShowCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	r, err := c.read()
	if err != nil {
		return err
	}
	fmt.Fprintln(t.out, say.T("register.version", "version", r.Version, "hash", r.Hash()))
	french := s.language() == "fr"
	title := func(fr, en string) string {
		if french || en == "" {
			return fr
		}
		return en
	}
	for _, p := range r.Processing {
		fmt.Fprintf(t.out, "\n%s  %s\n  %s\n", p.ID, title(p.Title, p.TitleEN), strings.Join(p.Controllers, ", "))
		for _, u := range p.Purposes {
			fmt.Fprintf(t.out, "  - %s: %s (%s)\n", u.ID, title(u.Title, u.TitleEN), strings.Trim(u.Basis+", "+u.Special, ", "))
		}
		for _, x := range p.Retention {
			fmt.Fprintf(t.out, "  * %s: %s, %s\n", x.ID, title(x.Title, x.TitleEN), strings.TrimSpace(x.Bound+" "+x.Duration+" "+x.Start))
		}
	}
	return nil
}

type registerDiffCmd struct {
	Old  string `arg:"" help:"The version before." type:"path"`
	New  string `arg:"" optional:"" help:"The version after; by default the one that decides here." type:"path"`
	JSON bool   `help:"Print one JSON object."`
}

// Run ends with 0 whether or not something changes.
func (c *registerDiffCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	old, err := registerFile{File: c.Old}.read()
	if err != nil {
		return err
	}
	next, err := registerFile{File: c.New}.read()
	if err != nil {
		return err
	}
	changes := old.Diff(next)
	if c.JSON {
		if changes == nil {
			changes = []ropa.Change{}
		}
		return printJSON(t, map[string]any{"before": old.Hash(), "after": next.Hash(), "changes": changes})
	}
	if len(changes) == 0 {
		fmt.Fprintln(t.out, say.T("register.same"))
	}
	for _, x := range changes {
		fmt.Fprintf(t.out, "%s %s %s %s\n", x.Processing, say.T("register.how."+x.How), x.What, x.ID)
		if len(x.Subjects) > 0 {
			fmt.Fprintln(t.out, "  "+say.T("register.subjects", "list", strings.Join(x.Subjects, ", ")))
		}
		if len(x.Notices) > 0 {
			fmt.Fprintln(t.out, "  "+say.T("register.notices", "list", strings.Join(x.Notices, ", ")))
		}
	}
	return nil
}

type registerExportCmd struct {
	registerFile
	As string `required:"" enum:"art30-1,art30-2,cnil,json,jsonld" help:"art30-1, art30-2 and cnil are tables in CSV; json and jsonld keep everything and can be read again."`
}

// Run writes the export on standard output.
func (c *registerExportCmd) Run(t terminal) error {
	r, err := c.read()
	if err != nil {
		return err
	}
	var text []byte
	switch c.As {
	case "art30-1":
		text, err = r.Controller().CSV()
	case "art30-2":
		text, err = r.Processor().CSV()
	case "cnil":
		text, err = r.CNIL().CSV()
	case "json":
		text, err = r.JSON()
	default:
		text, err = r.JSONLD()
	}
	if err == nil {
		_, err = t.out.Write(text)
	}
	return err
}

type registerSignCmd struct {
	registerFile
	With string `required:"" help:"Private key (PEM, PKCS#8, Ed25519)." placeholder:"FILE" type:"path"`
	Out  string `required:"" help:"File to write. A version that is there is never replaced." placeholder:"FILE" type:"path"`
}

// Run refuses to sign what has a fault.
func (c *registerSignCmd) Run(t terminal) error {
	r, err := c.read()
	if err != nil {
		return err
	}
	if n := len(ropa.Faults(r.Check(ropa.Setting{Today: carnet.DateOf(time.Now())}))); n > 0 {
		fmt.Fprintf(t.err, "carnet: %d faults: see carnet register check\n", n)
		return exit(exitNo)
	}
	der, err := readPEM(c.With, "PRIVATE KEY")
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return fmt.Errorf("%s: not an Ed25519 private key", c.With)
	}
	text, err := ropa.Sign(r, private)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
