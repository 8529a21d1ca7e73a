package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/internal/verify"
	"carnet/internal/verify/scan"
	"carnet/twoddoc"
)

type demoCmd struct {
	Out  string `help:"Folder to write attestation.pdf and trust/ to; a new one by default." placeholder:"DIR" type:"path"`
	JSON bool   `help:"Print one JSON object."`
}

// demoReport is what --json prints.
type demoReport struct {
	OK          bool       `json:"ok"` // everything went as it must, forgeries refused included
	Attestation string     `json:"attestation"`
	Trust       string     `json:"trust"`
	Steps       []demoStep `json:"steps"`
}

type demoStep struct {
	Step         string  `json:"step"`
	Words        string  `json:"words"`
	OK           bool    `json:"ok"`
	Milliseconds float64 `json:"ms"`
}

// Run drives the loop through the services that the sites use, on an instance of its own that is
// gone afterwards.
func (d *demoCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	if d.Out == "" {
		if d.Out, err = os.MkdirTemp("", "carnet-demo-"); err != nil {
			return err
		}
	} else if err := os.MkdirAll(d.Out, 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp("", "carnet-instance-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	alone := *s
	alone.Data, alone.SignerKey, alone.SignerCertificate = filepath.Join(temporary, "data"), "", ""

	l := &loop{say: say, report: demoReport{OK: true}, last: time.Now()}
	if !d.JSON {
		l.out = t.out
		fmt.Fprintf(t.out, "%s\n\n", say.T("demo.title"))
	}
	start := time.Now()
	if err := l.run(ctx, &alone, d.Out); err != nil {
		return err
	}
	if d.JSON {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		if err := e.Encode(l.report); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(t.out, "\n%s\n%s\n", say.T("demo.total", "ms", time.Since(start).Milliseconds()), say.T("demo.again",
			"command", fmt.Sprintf("%s verify --trust %s %s", thisProgram(), l.report.Trust, l.report.Attestation)))
	}
	if !l.report.OK {
		return exit(exitNo)
	}
	return nil
}

// loop is one turn: record, certify, verify, forge.
type loop struct {
	say    ui.Text
	out    io.Writer // nil when only the report is printed
	report demoReport
	last   time.Time
}

func (l *loop) step(ok bool, key string, args ...any) {
	took := time.Since(l.last)
	s := demoStep{key, l.say.T("demo."+key, args...), ok, float64(took.Microseconds()) / 1000}
	l.report.Steps = append(l.report.Steps, s)
	l.report.OK = l.report.OK && ok
	if l.out != nil {
		mark := "✓"
		if !ok {
			mark = "✗"
		}
		fmt.Fprintf(l.out, "%s %7.1f ms  %s\n", mark, s.Milliseconds, s.Words)
	}
	l.last = time.Now()
}

func (l *loop) run(ctx context.Context, s *Settings, out string) (err error) {
	in, err := openInstance(ctx, s, "https://carnet.invalid"+twoddoc.WalletPath, "https://carnet.invalid/")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	world, err := sandbox.ReadWorld()
	if err != nil {
		return err
	}
	if err := in.enrol(ctx, world); err != nil {
		return err
	}
	l.step(true, "open")

	person, err := l.record(ctx, in, world)
	if err != nil {
		return err
	}
	doc, err := in.certify.Attestation(ctx, protect.Actor{ID: person, Role: protect.Insured}, person)
	if err != nil {
		return err
	}
	l.step(true, "certify", "bytes", len(doc.PDF))

	l.report.Attestation, l.report.Trust = filepath.Join(out, "attestation.pdf"), filepath.Join(out, "trust")
	if err := os.WriteFile(l.report.Attestation, doc.PDF, 0o600); err != nil {
		return err
	}
	l.step(true, "write", "path", l.report.Attestation)
	if err := copyTrust(l.report.Trust, trustFolder(s.Data)); err != nil {
		return err
	}
	l.step(true, "write", "path", l.report.Trust)
	return l.verify(ctx, in)
}

// record gives one person a first and a second dose.
func (l *loop) record(ctx context.Context, in *instance, world sandbox.World) (carnet.ID, error) {
	i := slices.IndexFunc(world.Professionals, func(p sandbox.Practitioner) bool { return p.Professional.Vaccinator })
	if i < 0 || len(world.People) == 0 {
		return carnet.ID{}, errors.New("the sandbox has nobody to vaccinate or to be vaccinated")
	}
	who := world.Professionals[i].Professional
	actor := protect.Actor{ID: in.vaccinate.ProfessionalID(who.Number), Role: protect.Professional, Organisation: who.Places[0].ID}
	found, err := in.people.ByNIR(ctx, actor, world.People[0].Identity.NIR)
	if err != nil {
		return carnet.ID{}, err
	}
	vaccine, _ := in.catalogue.Find("EU/1/20/1528")
	lot, err := carnet.ParseLot("DEMO-0001")
	if err != nil {
		return carnet.ID{}, err
	}
	for _, daysAgo := range []int{vaccine.Interval + 1, 0} {
		key, err := in.vaccinate.NewKey()
		if err != nil {
			return carnet.ID{}, err
		}
		dose, err := in.vaccinate.Record(ctx, actor, vaccinate.Command{Key: key, Person: found.ID, Vaccine: vaccine.Code, Lot: lot,
			Date: in.vaccinate.Today().AddDays(-daysAgo), Place: who.Places[0].ID, BodySite: carnet.LeftArm, Injector: actor.ID})
		if err != nil {
			return carnet.ID{}, err
		}
		l.step(true, "record", "rank", dose.Rank, "expected", dose.Expected, "vaccine", vaccine.Name, "date", dose.Date)
	}
	return found.ID, nil
}

func copyTrust(to, from string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(from, f.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, f.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// verify reads the file back, with the certificates that were written beside it, then changes one
// byte of each payload.
func (l *loop) verify(ctx context.Context, in *instance) error {
	trust, _, err := verify.LoadTrust([]string{l.report.Trust}, verify.Options{})
	if err != nil {
		return err
	}
	pdf, err := os.ReadFile(l.report.Attestation)
	if err != nil {
		return err
	}
	codes, err := scan.Scan(ctx, pdf, scan.Limits{})
	if err != nil {
		return err
	}
	check := verify.Checker{Trust: trust}
	now, valid := in.ids.Clock(), len(codes) == 2
	for _, c := range codes {
		v, ok := check.Code(l.report.Attestation, c, now)
		valid = valid && ok && v.Valid
	}
	l.step(valid, "verify", "codes", len(codes))
	for _, c := range codes {
		field, forged, err := forge(c.Payload)
		if err != nil {
			return err
		}
		v, _ := check.Line("-", forged, 1, now)
		if v.Valid || len(v.Reasons) == 0 {
			l.step(false, "forge-accepted", "code", c.Symbology)
			continue
		}
		l.step(true, "forge", "code", c.Symbology, "field", field, "reason", v.Reasons[0])
	}
	return nil
}

// forge makes the rank of the last dose one more, or one less: the lie that pays.
func forge(payload []byte) (field string, forged []byte, err error) {
	doc, err := twoddoc.Parse(payload)
	if err != nil {
		return "", nil, err
	}
	rank, ok := doc.Field("L7")
	if !ok {
		return "", nil, errors.New("the code has no field L7")
	}
	forged = bytes.Clone(payload)
	forged[rank.Offset+len(rank.ID)] ^= 1
	return rank.ID, forged, nil
}
