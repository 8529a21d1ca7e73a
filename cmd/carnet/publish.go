package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/publish"
	"carnet/internal/publish/geography"
	"carnet/internal/site/ui"
)

type releaseCmd struct {
	Doses      string   `required:"" help:"Individual doses: a Parquet or CSV file with the columns rank, day, dep, clage, vaccine; commune, sex, place, injector when they are known." placeholder:"FILE" type:"existingfile"`
	Population string   `help:"Population by department and age class (CSV: dep;classe_age;population); by default that of the communes, without ages." placeholder:"FILE" type:"existingfile"`
	Date       string   `help:"Day of the publication, 2021-04-25; weeks that end later wait for the next one. By default today." placeholder:"DAY"`
	Geography  string   `help:"Year of the territories." default:"2026"`
	Threshold  int      `help:"Least count that is published." default:"11"`
	Base       int      `help:"Counts are rounded to a multiple of it." default:"10"`
	Source     []string `help:"Source to name beside the figures, with its date. May be given several times." sep:"none"`
	Restart    bool     `help:"Count every dose again instead of going on from what was counted."`
	JSON       bool     `help:"Print one JSON object."`
}

// The folders of a publication: releases are public, what a job remembers holds true counts.
func releaseFolder(data string) string     { return filepath.Join(data, "releases") }
func publicationFolder(data string) string { return filepath.Join(data, "publication") }

// Run makes one release. Stopped, it goes on from there when it is called again.
func (c *releaseCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	policy := publish.DefaultPolicy
	policy.Threshold, policy.Base = c.Threshold, c.Base
	job := &publish.Job{Policy: policy, Sources: c.Source, Releases: releaseFolder(s.Data), State: publicationFolder(s.Data), Clock: time.Now, Rand: rand.Reader, Restart: c.Restart,
		Reference: carnet.DateOf(time.Now())}
	if c.Date != "" {
		if job.Reference, err = carnet.ParseDate(c.Date); err != nil {
			return errors.New(say.T("release.date", "value", c.Date))
		}
	}
	if job.Geography, err = geography.Load(c.Geography); err != nil {
		return errors.New(say.T("release.geography", "value", c.Geography))
	}
	if c.Population != "" {
		f, err := os.Open(c.Population)
		if err != nil {
			return err
		}
		job.Population, err = publish.ReadPopulation(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	doses, err := publish.OpenFile(c.Doses)
	if err != nil {
		return err
	}
	defer doses.Close() // it was only read
	job.Doses = doses
	if job.Key, err = certify.ReleaseKey(s.Data, rand.Reader); err != nil {
		return err
	}
	b := newReleaseBar(t.err, say)
	job.Progress = b.step
	r, err := job.Run(ctx)
	b.end()
	switch {
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(t.err, say.T("release.stopped"))
		return exit(exitUnable)
	case carnet.CodeOf(err) == "publish.refused":
		return c.refused(s, say, t, r)
	case carnet.CodeOf(err) == "publish.source", carnet.CodeOf(err) == "publish.state":
		return fmt.Errorf("%s (%w)", say.T("release.restart"), err)
	case err != nil:
		return err
	}
	if c.JSON {
		return json.NewEncoder(t.out).Encode(map[string]any{"release": r.ID, "folder": filepath.Join(job.Releases, r.ID), "read": r.Read, "resumed": r.Resumed, "hidden": r.Hidden, "withheld": r.Withheld})
	}
	fmt.Fprintln(t.out, say.T("release.done", "id", r.ID, "folder", filepath.Join(job.Releases, r.ID)))
	fmt.Fprintln(t.out, say.T("release.counts", "read", r.Read, "resumed", r.Resumed, "hidden", r.Hidden))
	if len(r.Withheld) > 0 {
		fmt.Fprintln(t.out, say.T("release.withheld", "list", strings.Join(r.Withheld, ", ")))
	}
	return nil
}

const shownFindings = 20

// refused says which cells would have said too much, and why.
func (c *releaseCmd) refused(s *Settings, say ui.Text, t terminal, r *publish.Result) error {
	report := filepath.Join(publicationFolder(s.Data), "refused.json")
	if c.JSON {
		if err := json.NewEncoder(t.out).Encode(map[string]any{"refused": r.Findings, "report": report}); err != nil {
			return err
		}
		return exit(exitNo)
	}
	fmt.Fprintln(t.out, say.T("release.refused", "n", len(r.Findings), "report", report))
	for i, f := range r.Findings {
		if i == shownFindings {
			fmt.Fprintln(t.out, "  …")
			break
		}
		fmt.Fprintf(t.out, "  %s: %s\n", say.T("release.rule."+f.Rule), f)
	}
	return exit(exitNo)
}

// releaseBar shows how far a publication is: a bar on a terminal, a line for each stage in a log.
type releaseBar struct {
	say      ui.Text
	out      io.Writer
	terminal bool
	stage    string
}

func newReleaseBar(out io.Writer, say ui.Text) *releaseBar {
	b := &releaseBar{say: say, out: out}
	if f, ok := out.(*os.File); ok {
		b.terminal = os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
	}
	return b
}

func (b *releaseBar) step(p publish.Progress) {
	words := b.say.T("release.stage." + p.Stage)
	if !b.terminal {
		if p.Stage != b.stage {
			fmt.Fprintln(b.out, words)
		}
		b.stage = p.Stage
		return
	}
	full := int(barWidth * p.Done / max(p.Total, 1))
	fmt.Fprintf(b.out, "\r\x1b[K[%s%s] %3d %% %s", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), 100*p.Done/max(p.Total, 1), words)
	b.stage = p.Stage
}

// end leaves the line to what comes next.
func (b *releaseBar) end() {
	if b.terminal && b.stage != "" {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
