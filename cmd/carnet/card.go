package main

import (
	"bufio"
	"context"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"carnet/internal/sandbox/card"
	"carnet/internal/site/ui"
	"carnet/vitale/specimen"
)

type sandboxCmd struct {
	People crowdCmd `cmd:"" help:"Write vaccinations of people who do not exist, to be imported."`
	Vitale cardCmd  `cmd:"" help:"Insert a specimen carte Vitale into a virtual reader of the machine's card service, until Ctrl-C."`
}

// noticed is how long the card service may take to see that a card was pulled: it looks every 400 ms.
const noticed = time.Second

type cardCmd struct {
	Fault  string `help:"How the card misbehaves: ${faults}." default:"none" placeholder:"NAME"`
	Reader string `help:"Address where the virtual reader (vpcd) waits for a card." default:"${reader}"`
}

// faults lists the names of faults.
func faults() string {
	var names []string
	for _, f := range specimen.Faults() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// Validate is called by kong.
func (c *cardCmd) Validate() error {
	if !slices.Contains(specimen.Faults(), specimen.Fault(c.Fault)) {
		return fmt.Errorf("fault: %q is none of %s", c.Fault, faults())
	}
	return nil
}

// Run keeps a card in the reader. A line of the input with the name of a fault changes the card for another one;
// "out" pulls it and leaves the reader empty.
func (c *cardCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	lines := make(chan string)
	go func() { // it ends with the program: reading a terminal cannot be interrupted
		in := bufio.NewScanner(t.in)
		for in.Scan() {
			lines <- strings.TrimSpace(in.Text())
		}
	}()
	for next := c.Fault; ; {
		one, pull := context.WithCancel(ctx)
		done := make(chan error, 1)
		fault := next
		if fault == "out" {
			fmt.Fprintln(t.out, say.T("card.out"))
		} else {
			go func() {
				done <- card.Insert(one, c.Reader, specimen.New(specimen.Fault(fault)), func() { fmt.Fprintln(t.out, say.T("card.in", "fault", fault, "names", family())) })
			}()
		}
		inserted := fault != "out"
		for next = ""; next == ""; {
			select {
			case <-ctx.Done():
				pull()
				if inserted {
					return <-done
				}
				return nil
			case err := <-done:
				if err != nil {
					pull()
					return err
				}
				inserted = false
				fmt.Fprintln(t.out, say.T("card.gone"))
			case line := <-lines:
				if line == "out" || slices.Contains(specimen.Faults(), specimen.Fault(line)) {
					next = line
				} else {
					fmt.Fprintln(t.out, say.T("card.choose", "faults", faults()))
				}
			}
		}
		pull()
		if inserted {
			if err := <-done; err != nil {
				return err
			}
			time.Sleep(noticed)
		}
	}
}

// family is who is on the card.
func family() string {
	var list []string
	for _, p := range specimen.Family() {
		list = append(list, p.GivenName+" "+p.Surname)
	}
	return strings.Join(list, ", ")
}
