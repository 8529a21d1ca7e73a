package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/store/sqlite"
	"carnet/internal/vaccinate/catalogue"
	"carnet/internal/verify"
)

type doctorCmd struct {
	JSON bool `help:"Print one JSON object."`
}

// setting is one line of the effective configuration.
type setting struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"` // default, flag, the name of a variable, or the configuration file
}

// finding is the result of one check.
type finding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Words string `json:"words"` // what was found, and what to do when it is not well
}

// Run prints the settings and the checks. It makes nothing and changes nothing.
func (d *doctorCmd) Run(ctx context.Context, s *Settings, k *kong.Context, file *configFile, t terminal) error {
	report := struct {
		Settings []setting `json:"settings"`
		Checks   []finding `json:"checks"`
	}{effective(k, file), examine(ctx, s)}
	well := !slices.ContainsFunc(report.Checks, func(f finding) bool { return !f.OK })
	if d.JSON {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		if err := e.Encode(report); err != nil {
			return err
		}
	} else {
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		for _, v := range report.Settings {
			fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, v.Value, v.Source)
		}
		fmt.Fprintln(w)
		for _, f := range report.Checks {
			mark := "ok"
			if !f.OK {
				mark = "NOT WELL"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", f.Check, mark, f.Words)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if !well {
		return exit(exitNo)
	}
	return nil
}

const masked = "********"

// effective lists the settings in force. What is tagged secret is masked.
func effective(k *kong.Context, file *configFile) []setting {
	var list []setting
	for _, flag := range k.Model.Flags {
		if flag.Name == "help" {
			continue
		}
		value := fmt.Sprint(flag.Target.Interface())
		if flag.Tag.Has("secret") && value != "" {
			value = masked
		}
		list = append(list, setting{flag.Name, value, file.source(k, flag)})
	}
	for _, site := range []string{"pro", "attestation"} {
		v := setting{"login-" + site, "sandbox", "default"}
		if p, ok := file.login[site]; ok {
			v.Value, v.Source = p.Issuer, file.path
		}
		list = append(list, v)
	}
	return list
}

func examine(ctx context.Context, s *Settings) []finding {
	var list []finding
	note := func(check string, err error, words string) {
		if err != nil {
			words = err.Error()
		}
		list = append(list, finding{check, err == nil, words})
	}
	register, err := protect.DefaultRegister()
	words := ""
	if err == nil {
		words = fmt.Sprintf("%d columns declared, SHA-256 %s", len(register.Columns()), register.Hash()[:12])
	}
	note("register", err, words)
	cat, err := openCatalogue(s)
	if err == nil {
		from := "all carried by the program"
		if n := len(slices.DeleteFunc(cat.Editions(), func(e catalogue.Edition) bool { return e.File == "" })); n > 0 {
			from = fmt.Sprintf("%d of them signed and loaded from %s", n, s.Catalogue)
		}
		words = fmt.Sprintf("%d vaccines; packs %s, %s", len(cat.Vaccines()), cat.Version(), from)
	}
	note("catalogue", err, words)

	if _, err := os.Stat(s.Data); errors.Is(err, fs.ErrNotExist) {
		note("data", nil, "not there yet: carnet serve makes it")
		return append(list, ports(s)...)
	}
	note("data", private(keyFolder(s.Data)), "keys are readable by their owner alone")
	pending, err := sqlite.Inspect(ctx, dbFile(s.Data), migrations...)
	words = "is whole, and its tables are up to date"
	if len(pending) > 0 {
		words = "is whole; the next start adds " + strings.Join(pending, ", ")
	}
	note("store", err, words)
	signers, err := openSigners(s, carnet.IDs{Clock: time.Now, Rand: rand.Reader})
	if err != nil {
		note("signer", err, "")
	} else {
		for name, signer := range signers.All() {
			c := signer.Certificate()
			if left := time.Until(c.NotAfter); left < 0 {
				err = fmt.Errorf("the certificate %s ended on %s: give a new one with signer-certificate, european-certificate or seal-certificate", c.Subject.CommonName, c.NotAfter.Format(time.DateOnly))
			}
			note(name, err, fmt.Sprintf("%s/%s until %s", c.Issuer.CommonName, c.Subject.CommonName, c.NotAfter.Format(time.DateOnly)))
		}
	}
	return append(append(list, examineTrust(s, time.Now())...), ports(s)...)
}

// examineTrust says what the verifier of the instance believes, and since when.
func examineTrust(s *Settings, at time.Time) []finding {
	trust, left, err := verify.LoadTrust([]string{trustFolder(s.Data)}, verify.Options{})
	if err != nil {
		return []finding{{"trust", false, err.Error()}}
	}
	facts := verify.Checker{Trust: trust}.Facts(at)
	f := finding{"trust", true, fmt.Sprintf("%d certificates of %s, %d keys of EU certificates", facts.TwoDDoc, strings.Join(facts.Authorities, ", "), facts.HCert)}
	fault := func(words string) { f.OK, f.Words = false, f.Words+"; "+words }
	for _, w := range left {
		fault("left out: " + w.Error())
	}
	switch {
	case len(facts.Bundles) == 0 && s.TrustList != "":
		fault("nothing is gathered from trust-list yet: carnet serve does, see its log")
	case len(facts.Bundles) == 0:
		f.Words += "; nothing says whether they were revoked (settings: trust-list)"
	}
	for _, b := range facts.Bundles {
		f.Words += "; gathered on " + b.Gathered.Format(time.DateTime) + " UTC"
		if b.Oldest != nil {
			f.Words += fmt.Sprintf(", %d revocation lists, the oldest of %s", b.Lists, b.Oldest.Format(time.DateOnly))
		}
		if at.After(b.Until) {
			fault("OVERDUE since " + b.Until.Format(time.DateOnly) + ": carnet trust gather, then carnet trust seal")
		}
	}
	if facts.Scheme != nil && at.After(facts.Scheme.NextUpdate) {
		fault("OVERDUE: a newer trust list was due on " + facts.Scheme.NextUpdate.Format(time.DateOnly))
	}
	return []finding{f}
}

// private refuses keys that others may read.
func private(folder string) error {
	return filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("%s can be read by others (%s): chmod 600", path, info.Mode().Perm())
		}
		return err
	})
}

// ports tells which ones are free. A port that Carnet itself holds is not free either: the check
// says so and is no fault.
func ports(s *Settings) []finding {
	var list []finding
	for name, port := range s.ports() {
		f := finding{"port-" + name, true, strconv.Itoa(port) + " is free"}
		l, err := net.Listen("tcp", net.JoinHostPort(s.Listen, strconv.Itoa(port)))
		if err != nil {
			f.Words = strconv.Itoa(port) + " is taken: by a running Carnet, or choose another"
		} else {
			_ = l.Close() // it was only tried
		}
		list = append(list, f)
	}
	slices.SortFunc(list, func(a, b finding) int {
		if a.Check < b.Check {
			return -1
		}
		return 1
	})
	return list
}
