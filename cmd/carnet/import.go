package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"carnet/internal/carnet"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/crowd"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/bulk"
)

type importCmd struct {
	File        string `arg:"" help:"The file: CSV (comma, semicolon or tab, UTF-8, a header in English or French), or FHIR R4 resources (NDJSON, or a Bundle)." type:"existingfile"`
	Responsible string `required:"" help:"RPPS number of the professional who answers for the import and is named as who recorded." placeholder:"NUMBER"`
	Place       string `help:"Place (FINESS) of the rows that name none." placeholder:"FINESS"`
	Source      string `help:"Name of the sending system: the keys of its rows are its own." default:"file"`
	DryRun      bool   `help:"Say what would be done, row by row, and write nothing."`
	Answer      string `help:"File to write the answer to: the rows as they were, with ids, or the column and the reason." placeholder:"FILE" type:"path"`
	Batch       int    `help:"Rows of one transaction." default:"1000"`
	Memory      int    `help:"Megabytes of the store to hold in memory: keys lie all over it, so more is faster." default:"512"`
	Again       bool   `help:"Begin again, where an import of this very file was stopped: it otherwise goes on."`
	JSON        bool   `help:"Print one JSON object."`
}

// Validate is called by kong.
func (c *importCmd) Validate() error {
	if c.Batch < 1 || c.Batch > bulk.MaxBatch {
		return fmt.Errorf("batch: %d is not between 1 and %d", c.Batch, bulk.MaxBatch)
	}
	if c.Memory < 16 || c.Memory > 1<<20 {
		return fmt.Errorf("memory: %d is not between 16 and 1048576", c.Memory)
	}
	return nil
}

// importFacts is what --json prints.
type importFacts struct {
	Run     string              `json:"run"`
	DryRun  bool                `json:"dryRun"`
	Rows    int                 `json:"rows"`
	Counts  map[bulk.Status]int `json:"counts"`
	Reasons []bulk.Reason       `json:"reasons"`
	Ignored []string            `json:"ignoredColumns"`
	Seconds float64             `json:"seconds"`
	Rate    float64             `json:"rowsPerSecond"`
	Resumed int                 `json:"resumedBehindRow"`
	Done    bool                `json:"done"`
}

// Run imports. It ends with 1 when some row was refused or waits for a human.
func (c *importCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	number, err := carnet.ParseRPPS(c.Responsible)
	if err != nil {
		return a.refuse(c.Responsible, err)
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	if err := in.db.Hold(ctx, c.Memory); err != nil {
		return err
	}
	j := bulk.Job{Source: c.Source, Responsible: in.vaccinate.ProfessionalID(number), Place: c.Place, Trial: c.DryRun, Batch: c.Batch}
	f, size, err := digest(c.File, &j.Digest)
	if err != nil {
		return a.refuse(c.File, err)
	}
	defer f.Close() // it was only read
	counted := &counter{in: f}
	rows, err := bulk.OpenFile(counted)
	if err != nil {
		return a.refuse(c.File, err)
	}
	from := 0
	if !c.Again && !c.DryRun && c.Answer == "" {
		if run, ok, err := in.imports.Stopped(ctx, system, j); err != nil {
			return a.refuse(c.File, err)
		} else if ok {
			j.Run, from = run.ID, run.Rows
		}
	}
	w, done, err := c.answer(rows)
	if err != nil {
		return a.refuse(c.Answer, carnet.E("cmd", carnet.Invalid, "import.answer", err))
	}
	facts := importFacts{DryRun: c.DryRun, Ignored: rows.Ignored(), Resumed: from}
	bar := newImportBar(t.err, a.Text)
	begun := time.Now()
	run, err := in.imports.Import(ctx, system, j, rows, func(batch []bulk.Row, outcomes []bulk.Outcome) error {
		facts.Rows += len(outcomes)
		facts.Reasons = bulk.Reasons(facts.Reasons, outcomes)
		bar.step(counted.n, size, facts.Rows, time.Since(begun))
		return w.Write(batch, outcomes)
	})
	bar.end()
	err = errors.Join(err, done())
	facts.Run, facts.Counts, facts.Done = run.ID.String(), run.Counts, !run.Ended.IsZero()
	facts.Seconds = time.Since(begun).Seconds()
	facts.Rate = float64(facts.Rows) / facts.Seconds
	slices.SortFunc(facts.Reasons, func(a, b bulk.Reason) int {
		return cmp.Or(slices.Index(bulk.Statuses, b.Status)-slices.Index(bulk.Statuses, a.Status), b.Rows-a.Rows, a.First-b.First, strings.Compare(a.Column+a.Code, b.Column+b.Code))
	})
	if !run.ID.IsZero() {
		if err := a.imported(facts, c); err != nil {
			return err
		}
	}
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(t.err, a.T("import.stopped", "n", run.Rows))
		return exit(exitUnable)
	case err != nil:
		return a.refuse(c.File, err)
	case run.Counts[bulk.Refused]+run.Counts[bulk.Review] > 0:
		return exit(exitNo)
	}
	return nil
}

// imported prints what became of a file.
func (a answerer) imported(f importFacts, c *importCmd) error {
	if a.json {
		return a.encode(f)
	}
	head := "import.done"
	if f.DryRun {
		head = "import.tried"
	}
	fmt.Fprintln(a.t.out, a.T(head, "n", f.Rows, "seconds", int(f.Seconds+0.5), "rate", int(f.Rate)))
	if f.Resumed > 0 {
		fmt.Fprintln(a.t.out, a.T("import.resumed", "n", f.Resumed))
	}
	for _, s := range bulk.Statuses {
		if n := f.Counts[s]; n > 0 {
			fmt.Fprintln(a.t.out, "  "+a.T("import.status."+string(s), "n", n))
		}
	}
	for i, r := range f.Reasons {
		if i == shownFindings {
			fmt.Fprintln(a.t.out, "  "+a.T("import.more", "n", len(f.Reasons)-i))
			break
		}
		fmt.Fprintln(a.t.out, "  "+a.T("import.reason", "line", r.First, "n", r.Rows, "column", cmp.Or(r.Column, "-"), "code", r.Code, "words", a.T("import.why."+r.Code)))
	}
	if len(f.Ignored) > 0 {
		fmt.Fprintln(a.t.out, a.T("import.ignored", "list", strings.Join(f.Ignored, ", ")))
	}
	if c.Answer != "" {
		fmt.Fprintln(a.t.out, a.T("import.answer", "path", c.Answer))
	}
	if f.Counts[bulk.Review] > 0 && !f.DryRun {
		fmt.Fprintln(a.t.out, a.T("import.review"))
	}
	return nil
}

// digest reads a file once for its SHA-256, and leaves it at its beginning.
func digest(path string, into *[32]byte) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, carnet.E("cmd", carnet.Invalid, "import.unreadable", err)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, carnet.E("cmd", carnet.Invalid, "import.unreadable", errors.Join(err, f.Close()))
	}
	copy(into[:], h.Sum(nil))
	return f, n, nil
}

// answer opens the answer that is wanted.
func (c *importCmd) answer(rows bulk.Rows) (bulk.Answerer, func() error, error) {
	if c.Answer == "" {
		return bulk.Nothing{}, func() error { return nil }, nil
	}
	f, err := os.OpenFile(c.Answer, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // it has what the file has
	if err != nil {
		return nil, nil, err
	}
	w, err := bulk.NewAnswer(f, rows)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return w, func() error { return errors.Join(f.Sync(), f.Close()) }, nil
}

type counter struct {
	in io.Reader
	n  int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

// importBar shows how far an import is: a bar on a terminal, a line for each twentieth in a log.
type importBar struct {
	say      ui.Text
	out      io.Writer
	terminal bool
	shown    int64
}

func newImportBar(out io.Writer, say ui.Text) *importBar {
	b := &importBar{say: say, out: out}
	if f, ok := out.(*os.File); ok {
		b.terminal = os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
	}
	return b
}

func (b *importBar) step(read, size int64, rows int, took time.Duration) {
	words := b.say.T("import.progress", "n", rows, "rate", int(float64(rows)/max(took.Seconds(), 0.001)))
	percent := 100 * read / max(size, 1)
	if b.terminal {
		full := int(barWidth * percent / 100)
		fmt.Fprintf(b.out, "\r\x1b[K[%s%s] %3d %% %s", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), percent, words)
		b.shown = percent
		return
	}
	if percent/5 > b.shown/5 && percent < 100 {
		fmt.Fprintf(b.out, "%3d %% %s\n", percent, words)
		b.shown = percent
	}
}

// end leaves the line to what comes next.
func (b *importBar) end() {
	if b.terminal {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// crowdCmd is carnet sandbox people.
type crowdCmd struct {
	Number int    `help:"How many people, up to 1,000,000." default:"1000"`
	Doses  int    `help:"Doses of each, 1 to 3." default:"3"`
	Seed   uint64 `help:"The same seed gives the same file." default:"1"`
	Out    string `arg:"" help:"File to write." type:"path"`
}

// Run writes people who do not exist, with the professionals and places of the sandbox.
func (c *crowdCmd) Run() (err error) {
	world, err := sandbox.ReadWorld()
	if err != nil {
		return err
	}
	o := crowd.Order{People: c.Number, Doses: c.Doses, Seed: c.Seed}
	for _, p := range world.Professionals {
		if p.Professional.Vaccinator && len(p.Professional.Places) > 0 {
			o.Vaccinators = append(o.Vaccinators, crowd.Vaccinator{Number: p.Professional.Number.Reveal(), Place: p.Professional.Places[0].ID})
		}
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(crowd.Write(f, o), f.Close())
}
