package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
)

type sessionCmd struct {
	List sessionListCmd `cmd:"" help:"List the sessions that a professional has, on every site."`
	End  sessionEndCmd  `cmd:"" help:"End one session of a professional, or all of them, at once."`
}

type sessionListCmd struct {
	Number string `arg:"" help:"RPPS number: 11 digits, or 12 with the leading 8."`
	JSON   bool   `help:"Print one JSON object."`
}

type sessionEndCmd struct {
	Number  string `arg:"" help:"RPPS number: 11 digits, or 12 with the leading 8."`
	Session string `help:"Id of the one session to end, as carnet session list prints it; by default all of them." placeholder:"ID"`
	JSON    bool   `help:"Print one JSON object."`
}

// sessionLine is a session in what these commands print: nothing in it opens anything.
type sessionLine struct {
	ID       string    `json:"id"`
	Site     string    `json:"site"`
	Browser  string    `json:"browser"`
	Opened   time.Time `json:"opened"`
	Seen     time.Time `json:"seen"`
	Ends     time.Time `json:"ends"`
	Delegate string    `json:"delegate,omitempty"`
}

// operator opens the sessions of an instance, and finds out whose they are to be.
func (a answerer) operator(ctx context.Context, s *Settings, number string) (*instance, login.Operator, carnet.ID, error) {
	n, err := carnet.ParseRPPS(number)
	if err != nil {
		return nil, login.Operator{}, carnet.ID{}, a.refuse(number, err)
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return nil, login.Operator{}, carnet.ID{}, err
	}
	return in, login.Operator{Store: in.db.Login(), Guard: in.guard, Clock: in.ids.Clock}, in.vaccinate.ProfessionalID(n), nil
}

// Run lists. A number that nobody has has no session.
func (c *sessionListCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, o, person, err := a.operator(ctx, s, c.Number)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	list, err := o.Sessions(ctx, person)
	if err != nil {
		return err
	}
	lines := []sessionLine{}
	for _, one := range list {
		l := sessionLine{ID: one.ID.String(), Site: one.Site, Browser: one.Browser, Opened: one.CreatedAt, Seen: one.LastSeen, Ends: one.ExpiresAt}
		if !one.Delegate.IsZero() {
			l.Delegate = one.Delegate.String()
		}
		lines = append(lines, l)
	}
	if a.json {
		return a.encode(map[string]any{"sessions": lines})
	}
	if len(lines) == 0 {
		fmt.Fprintln(t.out, a.T("session.none"))
		return nil
	}
	fmt.Fprintln(t.out, a.N("session.count", len(lines)))
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		who := a.T("session.self")
		if l.Delegate != "" {
			who = a.T("session.delegate", "id", l.Delegate)
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", l.ID, l.Site, l.Browser, a.T("session.times", "opened", a.Instant(l.Opened), "ends", a.Instant(l.Ends)), who)
	}
	return w.Flush()
}

// Run ends. Nothing to end is no fault, but for one session that is named.
func (c *sessionEndCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	var session carnet.ID
	if c.Session != "" {
		if session, err = carnet.ParseID(c.Session); err != nil {
			return a.refuse(c.Session, err)
		}
	}
	in, o, person, err := a.operator(ctx, s, c.Number)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	n, err := o.End(ctx, person, session)
	if err != nil {
		return err
	}
	if n == 0 && c.Session != "" {
		return a.refuse(c.Session, carnet.E("cmd", carnet.NotFound, "session.unknown", nil))
	}
	if a.json {
		return a.encode(map[string]int{"ended": n})
	}
	if n == 0 {
		fmt.Fprintln(t.out, a.T("session.none-ended"))
		return nil
	}
	fmt.Fprintln(t.out, a.N("session.ended", n))
	return nil
}
