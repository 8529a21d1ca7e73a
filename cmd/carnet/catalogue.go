package main

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/catalogue"
)

type catalogueCmd struct {
	List   catalogueListCmd   `cmd:"" help:"List the packs in force and the vaccines in use."`
	Show   catalogueShowCmd   `cmd:"" help:"Print what is known of a vaccine, a box, a code or a rule."`
	Assess catalogueAssessCmd `cmd:"" help:"Say what the rules say of one dose: rank, warnings, next date."`
	Check  catalogueCheckCmd  `cmd:"" help:"Say what is wrong with packs, alone and beside those in force."`
	Diff   catalogueDiffCmd   `cmd:"" help:"Say what a pack changes."`
	Sign   catalogueSignCmd   `cmd:"" help:"Sign a pack: writes the signature beside it."`
}

// openCatalogue reads the packs that the program carries, and those of the operator's folder.
func openCatalogue(s *Settings) (*catalogue.Catalogue, error) {
	if s.Catalogue == "" {
		return catalogue.Embedded()
	}
	text, err := readBounded(s.CatalogueKey, 1<<16)
	if err != nil {
		return nil, err
	}
	var keys []crypto.PublicKey
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.CatalogueKey, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: no PUBLIC KEY in PEM", s.CatalogueKey)
	}
	return catalogue.Open(os.DirFS(s.Catalogue), keys)
}

// comesFrom says where a pack comes from.
func comesFrom(say ui.Text, e catalogue.Edition) string {
	if e.File == "" {
		return say.T("catalogue.carried")
	}
	return say.T("catalogue.signed", "file", e.File, "key", e.Signer)
}

type catalogueListCmd struct {
	All  bool   `help:"With the vaccines of other markets and those no longer in use."`
	On   string `help:"In use on this day; by default today." placeholder:"DATE"`
	JSON bool   `help:"Print one JSON object."`
}

// Run prints a line for each pack, then one for each vaccine.
func (c *catalogueListCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	day, err := dayOrToday(c.On)
	if err != nil {
		return err
	}
	cat, err := openCatalogue(s)
	if err != nil {
		return err
	}
	list := cat.Offered(day)
	if c.All {
		list = cat.Vaccines()
	}
	if c.JSON {
		type pack struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Title   string `json:"title"`
			File    string `json:"file,omitempty"`
			Signer  string `json:"signer,omitempty"`
		}
		type product struct {
			Code     string   `json:"code"`
			Name     string   `json:"name"`
			Holder   string   `json:"holder"`
			Diseases []string `json:"diseases"`
			ATC      []string `json:"atc,omitempty"`
			NUVA     string   `json:"nuva,omitempty"`
			Packs    []string `json:"cip13,omitempty"`
		}
		packs, vaccines := []pack{}, []product{}
		for _, e := range cat.Editions() {
			packs = append(packs, pack{e.Name, e.Version.String(), e.Title, e.File, e.Signer})
		}
		for _, v := range list {
			vaccines = append(vaccines, product{v.Code, v.Name, v.Holder, v.Diseases, v.ATCs, v.NUVA, v.Packs})
		}
		return printJSON(t, map[string]any{"version": cat.Version(), "packs": packs, "vaccines": vaccines})
	}
	for _, e := range cat.Editions() {
		fmt.Fprintln(t.out, say.T("catalogue.pack", "name", e.Name, "version", e.Version, "title", e.Title, "origin", comesFrom(say, e)))
	}
	for _, e := range cat.Older() {
		fmt.Fprintln(t.out, say.T("catalogue.older", "name", e.Name, "version", e.Version, "origin", comesFrom(say, e)))
	}
	fmt.Fprintln(t.out)
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Code, v.Name, v.Holder, first(v.ATCs), say.N("catalogue.boxes", len(v.Packs)))
	}
	return w.Flush()
}

func first(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return list[0]
}

func dayOrToday(s string) (carnet.Date, error) {
	if s == "" {
		return carnet.DateOf(time.Now()), nil
	}
	d, err := carnet.ParseDate(s)
	if err != nil {
		return d, fmt.Errorf("%q is no day: write 2026-11-22", s)
	}
	return d, nil
}

type catalogueShowCmd struct {
	What string `arg:"" help:"Code of a vaccine, CIP13 or GTIN of a box, NUVA or ATC code, or id of a rule."`
}

// Run ends with 1 when nobody knows the code.
func (c *catalogueShowCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	cat, err := openCatalogue(s)
	if err != nil {
		return err
	}
	if kind, e, fields, ok := cat.Part(c.What); ok {
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		fmt.Fprintf(w, "%s\t%s %s, %s\n", kind, e.Name, e.Version, comesFrom(say, e))
		for _, f := range fields {
			fmt.Fprintf(w, "%s\t%s\n", f.Name, f.Value)
		}
		return w.Flush()
	}
	var found []carnet.Vaccine
	for _, system := range []catalogue.System{catalogue.EU, catalogue.CIP, catalogue.NUVA, catalogue.ATC} {
		if found = cat.FindCode(system, c.What); len(found) > 0 {
			break
		}
	}
	if len(found) == 0 {
		fmt.Fprintln(t.err, "carnet:", say.T("catalogue.unknown", "code", c.What))
		return exit(exitNo)
	}
	for i, v := range found {
		if i > 0 {
			fmt.Fprintln(t.out)
		}
		showVaccine(say, t, cat, v)
	}
	return nil
}

// showVaccine prints a product as names and values.
func showVaccine(say ui.Text, t terminal, cat *catalogue.Catalogue, v carnet.Vaccine) {
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", say.T("catalogue.of."+key), value)
		}
	}
	var diseases, routes []string
	for _, code := range v.Diseases {
		d, _ := cat.Disease(code)
		diseases = append(diseases, d.In(say.Lang))
	}
	for _, r := range v.Routes {
		routes = append(routes, say.T("catalogue.route."+r))
	}
	line("code", v.Code)
	line("name", v.Name+", "+v.Holder)
	line("holder", v.HolderID)
	line("diseases", strings.Join(diseases, ", "))
	line("atc", strings.Join(v.ATCs, ", "))
	line("nuva", v.NUVA)
	line("types", strings.Join(v.Types, ", "))
	line("routes", strings.Join(routes, ", "))
	line("certificate", strings.Trim(v.Disease+" / "+v.ATC+" / "+v.Label, " /"))
	if v.Live {
		line("live", say.T("catalogue.yes"))
	}
	if v.Foreign {
		line("foreign", say.T("catalogue.yes"))
	}
	for _, p := range v.Presentations {
		line("boxes", strings.TrimSpace(strings.Join(p.Packs, ", ")+"  "+p.Name))
	}
	_ = w.Flush() // to a terminal: its fault is told by the next line
}

type catalogueAssessCmd struct {
	Vaccine   string   `arg:"" help:"Code of the vaccine to be given."`
	On        string   `help:"Day of the dose; by default today." placeholder:"DATE"`
	Birth     string   `help:"Day of birth; 00 for what is not known of it." placeholder:"DATE"`
	Sex       string   `help:"F or M." enum:",F,M" default:""`
	Dose      []string `help:"A dose on record, CODE@DATE. May be given several times." placeholder:"CODE@DATE" sep:"none"`
	Infection []string `help:"A proven infection, DISEASE@DATE. May be given several times." placeholder:"DISEASE@DATE" sep:"none"`
	JSON      bool     `help:"Print one JSON object."`
}

// facts reads the person and the history.
func (c *catalogueAssessCmd) facts() (p catalogue.Person, history []carnet.Dose, on carnet.Date, err error) {
	if on, err = dayOrToday(c.On); err != nil {
		return
	}
	p.Sex = carnet.Sex(c.Sex)
	if c.Birth != "" {
		if p.Birth, err = carnet.ParseBirthDate(c.Birth); err != nil {
			return
		}
	}
	split := func(s string) (string, carnet.Date, error) {
		code, text, ok := strings.Cut(s, "@")
		d, err := dayOrToday(cmp.Or(text, "?"))
		if !ok || err != nil {
			return "", d, fmt.Errorf("%q: write CODE@2026-11-22", s)
		}
		return code, d, nil
	}
	for _, s := range c.Dose {
		code, when, err := split(s)
		if err != nil {
			return p, nil, on, err
		}
		history = append(history, carnet.Dose{Vaccine: code, Date: when})
	}
	for _, s := range c.Infection {
		disease, when, err := split(s)
		if err != nil {
			return p, nil, on, err
		}
		p.Infections = append(p.Infections, carnet.Infection{Disease: disease, Date: when, Evidence: carnet.Proven})
	}
	return p, history, on, nil
}

// Run reads nothing of anybody: what it is told is what it knows.
func (c *catalogueAssessCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	p, history, on, err := c.facts()
	if err != nil {
		return err
	}
	cat, err := openCatalogue(s)
	if err != nil {
		return err
	}
	v, ok := cat.Find(c.Vaccine)
	if !ok {
		fmt.Fprintln(t.err, "carnet:", say.T("catalogue.unknown", "code", c.Vaccine))
		return exit(exitNo)
	}
	a := cat.Assess(p, history, v, on)
	if c.JSON {
		return printJSON(t, assessed(a))
	}
	fmt.Fprintln(t.out, say.T("catalogue.rank", "rank", a.Rank, "expected", a.Expected, "vaccine", v.Name, "date", on, "reason", a.Reason))
	for _, w := range a.Warnings {
		var args []string
		for name, value := range w.Args {
			args = append(args, fmt.Sprintf("%s=%v", strings.ToLower(name), said(value, say.Lang)))
		}
		slices.Sort(args)
		fmt.Fprintln(t.out, " ", say.T("catalogue.warning", "code", w.Code, "args", strings.Join(args, ", ")))
	}
	if n := a.Next; !n.Earliest.IsZero() {
		fmt.Fprintln(t.out, " ", say.T("catalogue.next", "earliest", n.Earliest, "recommended", n.Recommended, "rule", n.Rule))
	}
	fmt.Fprintln(t.out, " ", say.T("catalogue.rules", "rules", strings.Join(a.Rules, ", "), "version", a.Version))
	return nil
}

func said(v any, lang string) any {
	if w, ok := v.(interface{ In(string) string }); ok {
		return w.In(lang)
	}
	return v
}

// assessed is an assessment for programs: dates are text.
func assessed(a catalogue.Assessment) map[string]any {
	date := func(d carnet.Date) string {
		if d.IsZero() {
			return ""
		}
		return d.String()
	}
	warnings := []map[string]any{}
	for _, w := range a.Warnings {
		args := map[string]any{}
		for name, v := range w.Args {
			args[strings.ToLower(name)] = fmt.Sprint(said(v, "en"))
		}
		warnings = append(warnings, map[string]any{"code": w.Code, "rule": w.Rule, "args": args})
	}
	return map[string]any{"rank": a.Rank, "expected": a.Expected, "reason": a.Reason, "rules": a.Rules, "version": a.Version, "warnings": warnings,
		"next": map[string]any{"earliest": date(a.Next.Earliest), "recommended": date(a.Next.Recommended), "overdue": date(a.Next.Overdue), "booster": a.Next.Booster, "rule": a.Next.Rule}}
}

type catalogueCheckCmd struct {
	Files []string `arg:"" help:"Packs (TOML)." type:"path"`
}

// Run ends with 1 when a pack has a fault, alone or beside the others.
func (c *catalogueCheckCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	cat, err := openCatalogue(s)
	if err != nil {
		return err
	}
	list := cat.Editions()
	for _, file := range c.Files {
		p, err := readPack(file)
		if err != nil {
			fmt.Fprintln(t.err, "carnet:", err)
			return exit(exitNo)
		}
		list = slices.DeleteFunc(list, func(e catalogue.Edition) bool { return e.Name == p.Name }) // it takes its place
		list = append(list, catalogue.Edition{Pack: p, File: filepath.Base(file)})
	}
	joined, err := catalogue.Join(list)
	if err != nil {
		fmt.Fprintln(t.err, "carnet:", err)
		return exit(exitNo)
	}
	fmt.Fprintln(t.out, say.T("catalogue.checked", "version", joined.Version(), "vaccines", len(joined.Vaccines())))
	return nil
}

func readPack(file string) (*catalogue.Pack, error) {
	text, err := readBounded(file, catalogue.MaxPack)
	if err != nil {
		return nil, err
	}
	p, err := catalogue.ParsePack(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return p, nil
}

type catalogueDiffCmd struct {
	New  string `arg:"" help:"The pack after."`
	Old  string `arg:"" optional:"" help:"The pack before; by default the one of its name that is in force."`
	JSON bool   `help:"Print one JSON object."`
}

// Run ends with 0 whether or not something changes.
func (c *catalogueDiffCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	after, err := readPack(c.New)
	if err != nil {
		return err
	}
	before := new(catalogue.Pack)
	if c.Old != "" {
		if before, err = readPack(c.Old); err != nil {
			return err
		}
	} else {
		cat, err := openCatalogue(s)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(cat.Editions(), func(e catalogue.Edition) bool { return e.Name == after.Name }); i >= 0 {
			before = cat.Editions()[i].Pack
		}
	}
	changes := catalogue.Diff(before, after)
	if c.JSON {
		if changes == nil {
			changes = []catalogue.Change{}
		}
		return printJSON(t, map[string]any{"name": after.Name, "version": after.Version.String(), "changes": changes})
	}
	if len(changes) == 0 {
		fmt.Fprintln(t.out, say.T("catalogue.same"))
	}
	for _, x := range changes {
		fmt.Fprintln(t.out, say.T("catalogue.how."+string(x.How), "what", x.What, "id", x.ID))
		for _, f := range x.Fields {
			fmt.Fprintln(t.out, " ", say.T("catalogue.field", "field", f.Field, "before", cmp.Or(f.Before, "-"), "after", cmp.Or(f.After, "-")))
		}
	}
	return nil
}

type catalogueSignCmd struct {
	File string `arg:"" help:"The pack (TOML)." type:"path"`
	With string `required:"" help:"Private key (PEM, PKCS#8, Ed25519 or P-256)." placeholder:"FILE" type:"path"`
}

// Run refuses to sign what has a fault, and replaces no signature: a pack that changes gets another day.
func (c *catalogueSignCmd) Run(s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	text, err := readBounded(c.File, catalogue.MaxPack)
	if err != nil {
		return err
	}
	der, err := readPEM(c.With, "PRIVATE KEY")
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("%s: %w", c.With, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return fmt.Errorf("%s: a key of type %T does not sign", c.With, key)
	}
	signature, err := catalogue.Sign(text, signer, rand.Reader)
	if err != nil {
		fmt.Fprintln(t.err, "carnet:", err)
		return exit(exitNo)
	}
	out := c.File + catalogue.SignatureSuffix
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: a pack that changes gets another day and another signature; remove the old one first", filepath.Base(out))
	}
	if err != nil {
		return err
	}
	_, err = f.Write(signature)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintln(t.out, say.T("catalogue.written", "file", filepath.Base(out)))
	return nil
}
