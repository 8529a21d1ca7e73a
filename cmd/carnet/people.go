package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"
)

type peopleCmd struct {
	Stale peopleStaleCmd `cmd:"" help:"List the records that no source has confirmed for a time, the oldest first: ids, never identity."`
}

type peopleStaleCmd struct {
	Days int  `help:"Not confirmed for this many days." default:"365"`
	JSON bool `help:"Print one JSON object."`
}

// Run lists at most 10,000: the source is asked for these, then for the next ones.
func (c *peopleStaleCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	list, err := in.people.Stale(ctx, system, in.ids.Clock().AddDate(0, 0, -c.Days))
	if err != nil {
		return err
	}
	type line struct {
		Person string    `json:"person"`
		Source string    `json:"source"`
		At     time.Time `json:"at,omitzero"`
	}
	lines := []line{}
	for _, f := range list {
		lines = append(lines, line{f.Person.String(), f.Source, f.At})
	}
	if a.json {
		return a.encode(map[string]any{"stale": lines})
	}
	if len(lines) == 0 {
		fmt.Fprintln(t.out, a.N("people.fresh", c.Days))
		return nil
	}
	fmt.Fprintln(t.out, a.N("people.stale", len(lines)))
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		when := a.T("people.never")
		if !l.At.IsZero() {
			when = a.Instant(l.At)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", l.Person, l.Source, when)
	}
	return w.Flush()
}
