package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/vaccinate/stock"
)

type lotsCmd struct {
	Recall  lotsRecallCmd  `cmd:"" help:"Take a lot out of use, tell each person whose dose it concerns, and give each place its list to follow. Safe to run again."`
	Recalls lotsRecallsCmd `cmd:"" help:"List the recalls and how far the places have followed them: counts, no person."`
}

type lotsRecallCmd struct {
	Vaccine string `required:"" help:"Code of the vaccine in the catalogue: EU/1/20/1528." placeholder:"CODE"`
	Lot     string `required:"" help:"Number of the lot, as the box prints it."`
	Reason  string `required:"" enum:"quality,effects,cold-chain,labelling" help:"quality: a defect of the product; effects: unexpected effects are being looked into; cold-chain: kept too warm or too cold; labelling: the box says something wrong. People read it."`
	Place   string `help:"FINESS number of the one place that it concerns; by default all of them." placeholder:"FINESS"`
	DryRun  bool   `help:"Count, and do nothing."`
	JSON    bool   `help:"Print one JSON object, with the ids of the doses and of the people."`
}

type lotsRecallsCmd struct {
	JSON bool `help:"Print one JSON object."`
}

// recallLine is a recall in what these commands print.
type recallLine struct {
	ID      string    `json:"id,omitempty"`
	Vaccine string    `json:"vaccine"`
	Lot     string    `json:"lot"`
	Place   string    `json:"place,omitempty"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at,omitzero"`
}

func lineOf(r stock.Recall) recallLine {
	l := recallLine{Vaccine: r.Vaccine, Lot: r.Number.Reveal(), Place: r.Place, Reason: string(r.Reason)}
	if !r.ID.IsZero() {
		l.ID, l.At = r.ID.String(), r.At
	}
	return l
}

// recalledDose is a dose of a recalled lot, by ids: nothing in it says who somebody is.
type recalledDose struct {
	Dose   string `json:"dose"`
	Person string `json:"person"`
	Date   string `json:"date"`
	Place  string `json:"place"`
	Told   bool   `json:"told_before"`
}

// Run recalls, or counts.
func (c *lotsRecallCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	lot, err := carnet.ParseLot(c.Lot)
	if err != nil {
		return a.refuse("lot", err)
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	var progress func(done, total int)
	if terminalLike(t.err) {
		progress = func(done, total int) { fmt.Fprintf(t.err, "\r%s", a.T("lots.progress", "done", done, "total", total)) }
	}
	o := stock.Order{Vaccine: c.Vaccine, Number: lot, Place: c.Place, Reason: stock.Reason(c.Reason), DryRun: c.DryRun}
	report, err := in.stock.Recall(ctx, system, o, progress)
	if progress != nil && report.Told > 0 {
		fmt.Fprintln(t.err)
	}
	if problems, ok := errors.AsType[carnet.Problems](err); ok {
		return a.refuse(problems[0].Field, problems[0])
	}
	if err != nil {
		return a.refuse(c.Place, err)
	}
	places := map[string]int{}
	var order []string
	for _, d := range report.Doses {
		if places[d.Place]++; places[d.Place] == 1 {
			order = append(order, d.Place)
		}
	}
	if c.JSON {
		out := struct {
			Recall recallLine     `json:"recall"`
			DryRun bool           `json:"dry_run"`
			Doses  []recalledDose `json:"doses"`
			People int            `json:"people"`
			Told   int            `json:"told"`
		}{lineOf(report.Recall), c.DryRun, []recalledDose{}, report.People(), report.Told}
		for _, d := range report.Doses {
			out.Doses = append(out.Doses, recalledDose{d.Dose.String(), d.Person.String(), d.Date.String(), d.Place, d.Told})
		}
		return a.encode(out)
	}
	if c.DryRun {
		fmt.Fprintln(t.out, a.T("lots.would", "n", report.Told, "doses", len(report.Doses), "people", report.People()))
	} else {
		fmt.Fprintln(t.out, a.T("lots.recalled", "n", report.Told, "doses", len(report.Doses), "people", report.People()))
	}
	for _, place := range order {
		fmt.Fprintf(t.out, "  %s\t%d\n", place, places[place])
	}
	return nil
}

// terminalLike reports a writer that somebody watches.
func terminalLike(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Run lists.
func (c *lotsRecallsCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	list, err := in.stock.Recalls(ctx, system)
	if err != nil {
		return err
	}
	type line struct {
		recallLine
		ToContact   int `json:"to_contact"`
		Reached     int `json:"reached"`
		Unreachable int `json:"unreachable"`
	}
	out := []line{}
	for _, p := range list {
		out = append(out, line{lineOf(p.Recall), p.Contacts[stock.ToContact], p.Contacts[stock.Reached], p.Contacts[stock.Unreachable]})
	}
	if c.JSON {
		return a.encode(struct {
			Recalls []line `json:"recalls"`
		}{out})
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.T("lots.at"), a.T("lots.vaccine"), a.T("lots.lot"), a.T("lots.place"), a.T("lots.to-contact"), a.T("lots.reached"), a.T("lots.unreachable"))
	for _, l := range out {
		place := l.Place
		if place == "" {
			place = a.T("lots.everywhere")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\n", l.At.In(carnet.Paris).Format(time.DateOnly), l.Vaccine, l.Lot, place, l.ToContact, l.Reached, l.Unreachable)
	}
	return w.Flush()
}
