package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/BurntSushi/toml"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/hours"
	"carnet/internal/vaccinate/fraud"
)

// fraudConfig is one table [[fraud]] of the configuration file: what differs from the policy before it,
// from a day on.
type fraudConfig struct {
	From    string                      `toml:"from"` // 2027-01-01; the first table may leave it out
	Hours   hours.Week                  `toml:"hours"`
	Look    time.Duration               `toml:"look"`
	Rush    time.Duration               `toml:"rush"`
	Pause   time.Duration               `toml:"pause"`
	Signals map[fraud.Signal]fraud.Rule `toml:"signals"`
	Scores  fraud.Scores                `toml:"scores"`
	Rates   map[string]int              `toml:"rates"`  // place-rate of single places, by FINESS
	Places  map[string]hours.Week       `toml:"places"` // hours of single places, by FINESS
}

// readFraud reads these tables and takes them out of the tree of settings. usual are the hours of a
// place that declares none.
func readFraud(path string, tree map[string]any, usual hours.Week) (fraud.Policies, error) {
	if usual.IsZero() {
		usual = hours.Usual()
	}
	policies := fraud.Policies{fraud.Default(usual)}
	if path == "" {
		return policies, nil
	}
	var part struct {
		Fraud []fraudConfig `toml:"fraud"`
	}
	meta, err := toml.DecodeFile(path, &part)
	if err != nil {
		return nil, err
	}
	for _, key := range meta.Undecoded() {
		if key[0] == "fraud" {
			return nil, fmt.Errorf("unknown key %s", key)
		}
	}
	delete(tree, "fraud")
	for i, c := range part.Fraud {
		own := fraud.Policy{Rules: c.Signals, Scores: c.Scores, Rates: c.Rates, Look: c.Look, Rush: c.Rush, Pausing: c.Pause}
		if !c.Hours.IsZero() {
			own.Hours = c.Hours
		}
		if c.Places != nil {
			own.Places = map[string]fraud.Week{}
			for place, week := range c.Places {
				own.Places[place] = week
			}
		}
		if c.From != "" {
			if own.From, err = carnet.ParseDate(c.From); err != nil {
				return nil, fmt.Errorf("fraud %d: from %q is not a day, 2027-01-01", i+1, c.From)
			}
		}
		next := policies[len(policies)-1].With(own)
		if c.From == "" && i == 0 {
			policies[0] = next
		} else {
			policies = append(policies, next)
		}
	}
	return policies, policies.Validate()
}

// policies are those of the configuration, or the default.
func (s *Settings) policies() fraud.Policies {
	if s.fraud == nil {
		return fraud.Policies{fraud.Default(hours.Usual())}
	}
	return s.fraud
}

type fraudCmd struct {
	List    fraudListCmd    `cmd:"" help:"List what was out of the ordinary in sessions of entries, newest first."`
	Show    fraudShowCmd    `cmd:"" help:"Show one session: what was found, why, what was answered, what was entered."`
	Review  fraudReviewCmd  `cmd:"" help:"Give a verdict on one finding."`
	Stop    fraudStopCmd    `cmd:"" help:"End a session at once; its professional enters nothing until it is lifted."`
	Lift    fraudLiftCmd    `cmd:"" help:"Let a session, and its professional, go on."`
	Revoke  fraudRevokeCmd  `cmd:"" help:"Suspend every dose of a session, an account or a period, and revoke every certificate that states one."`
	Release fraudReleaseCmd `cmd:"" help:"Let certificates be made again of doses that an order had suspended."`
	Policy  fraudPolicyCmd  `cmd:"" help:"Print the limits in force, and those to come."`
}

type fraudListCmd struct {
	Days int  `help:"How many days back." default:"7"`
	Open bool `help:"Only those without a verdict."`
	JSON bool `help:"Print one JSON object."`
}

type fraudShowCmd struct {
	Session string `arg:"" help:"Id of the session, as carnet fraud list prints it."`
	JSON    bool   `help:"Print one JSON object."`
}

type fraudReviewCmd struct {
	Finding string `arg:"" help:"Id of the finding."`
	Verdict string `required:"" enum:"genuine,doubt,fraud" help:"genuine: explained, it counts no more; doubt: not explained; fraud: it was."`
	Reason  string `required:"" help:"Why, in words."`
	JSON    bool   `help:"Print one JSON object."`
}

type fraudStopCmd struct {
	Session string `arg:"" help:"Id of the session."`
	All     bool   `help:"End every session of its professional."`
	Reason  string `required:"" help:"Why, in words."`
	JSON    bool   `help:"Print one JSON object."`
}

type fraudLiftCmd struct {
	Session string `arg:"" help:"Id of the session."`
	Reason  string `required:"" help:"Why, in words."`
	JSON    bool   `help:"Print one JSON object."`
}

// fraudScope says which entries an order is about.
type fraudScope struct {
	Session string `help:"Entries of this session." placeholder:"ID" xor:"whose"`
	Number  string `help:"Entries in the name of the professional with this RPPS number." placeholder:"RPPS" xor:"whose"`
	From    string `help:"Entered at this time or later (RFC 3339)." placeholder:"TIME"`
	To      string `help:"Entered before this time (RFC 3339)." placeholder:"TIME"`
}

type fraudRevokeCmd struct {
	fraudScope
	Reason string `help:"Why, in words; people do not read it." default:""`
	DryRun bool   `help:"Say what it would do, and do nothing."`
	JSON   bool   `help:"Print one JSON object."`
}

type fraudReleaseCmd struct {
	fraudScope
	Reason string `required:"" help:"Why, in words."`
	JSON   bool   `help:"Print one JSON object."`
}

type fraudPolicyCmd struct {
	JSON bool `help:"Print one JSON object."`
}

// sessions ends sessions for the watch.
func (in *instance) sessions() fraud.Sessions {
	return login.Operator{Store: in.db.Login(), Guard: in.guard, Clock: in.ids.Clock}
}

// scope reads what an order is about.
func (s fraudScope) read(in *instance) (fraud.Scope, error) {
	var out fraud.Scope
	var err error
	if s.Session != "" {
		if out.Session, err = carnet.ParseID(s.Session); err != nil {
			return out, err
		}
	}
	if s.Number != "" {
		n, err := carnet.ParseRPPS(s.Number)
		if err != nil {
			return out, err
		}
		out.Professional = in.vaccinate.ProfessionalID(n)
	}
	for text, into := range map[string]*time.Time{s.From: &out.From, s.To: &out.To} {
		if text == "" {
			continue
		}
		if *into, err = time.Parse(time.RFC3339, text); err != nil {
			return out, carnet.E("cmd", carnet.Invalid, "time.malformed", nil)
		}
	}
	return out, nil
}

// of is what the reader typed, for an error.
func (s fraudScope) of() string { return strings.TrimSpace(s.Session + " " + s.Number) }

// findingLine is a finding in what these commands print: ids and figures.
type findingLine struct {
	ID      string    `json:"id"`
	Session string    `json:"session"`
	Place   string    `json:"place"`
	At      time.Time `json:"at"`
	Signal  string    `json:"signal"`
	Value   int       `json:"value"`
	Limit   int       `json:"limit"`
	Points  int       `json:"points"`
	Score   int       `json:"score"`
	Step    string    `json:"step"`
	Policy  string    `json:"policy"`
	Typed   string    `json:"delegate,omitempty"`
	Verdict string    `json:"verdict,omitempty"`
}

func findingOf(f fraud.Finding) findingLine {
	l := findingLine{ID: f.ID.String(), Session: f.Session.String(), Place: f.Place, At: f.At, Signal: string(f.Signal), Value: f.Value, Limit: f.Limit, Points: f.Points,
		Score: f.Score, Step: string(f.Step), Policy: f.Policy.String(), Verdict: string(f.Verdict())}
	if !f.Delegate.IsZero() {
		l.Typed = f.Delegate.String()
	}
	return l
}

// watched opens an instance whose watch has read what the store knows.
func (a answerer) watched(ctx context.Context, s *Settings) (*instance, error) {
	in, err := a.existing(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := in.watch.Refresh(ctx); err != nil {
		return nil, errors.Join(err, in.close())
	}
	return in, nil
}

func (c *fraudListCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	list, err := in.watch.List(ctx, system, fraud.Query{Since: in.ids.Clock().AddDate(0, 0, -c.Days)})
	if err != nil {
		return err
	}
	if c.Open {
		list = slices.DeleteFunc(list, func(f fraud.Finding) bool { return f.Verdict() != fraud.Open })
	}
	lines := []findingLine{}
	for _, f := range list {
		lines = append(lines, findingOf(f))
	}
	if a.json {
		return a.encode(map[string]any{"findings": lines})
	}
	if len(list) == 0 {
		fmt.Fprintln(t.out, a.T("fraud.none"))
		return nil
	}
	fmt.Fprintln(t.out, a.N("fraud.count", len(list)))
	return a.findings(list)
}

// findings prints findings, each with why.
func (a answerer) findings(list []fraud.Finding) error {
	w := tabwriter.NewWriter(a.t.out, 0, 0, 2, ' ', 0)
	for _, f := range list {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", a.Instant(f.At), f.Session, a.Step(string(f.Step)), a.T("fraud.score", "score", f.Score), a.verdict(f.Verdict()))
		fmt.Fprintf(w, "  \t%s\t%s\n", f.ID, a.Finding(string(f.Signal), f.Value, f.Limit))
	}
	return w.Flush()
}

func (a answerer) verdict(v fraud.Verdict) string {
	if v == fraud.Open {
		return a.T("fraud.verdict.open")
	}
	return a.T("fraud.verdict." + string(v))
}

func (c *fraudShowCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	id, err := carnet.ParseID(c.Session)
	if err != nil {
		return a.refuse(c.Session, err)
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	file, err := in.watch.Case(ctx, system, id)
	if err != nil {
		return a.refuse(c.Session, err)
	}
	type answerLine struct {
		Kind    string    `json:"kind"`
		At      time.Time `json:"at"`
		Role    string    `json:"role"`
		Verdict string    `json:"verdict,omitempty"`
		Doses   int       `json:"doses,omitempty"`
		Reason  string    `json:"reason,omitempty"`
	}
	out := struct {
		Session  string        `json:"session"`
		Place    string        `json:"place"`
		Score    int           `json:"score"`
		Blocked  bool          `json:"blocked"`
		Entries  int           `json:"entries"`
		Findings []findingLine `json:"findings"`
		Answers  []answerLine  `json:"answers"`
	}{c.Session, file.Place.ID, file.Score, file.Blocked, len(file.Entries), []findingLine{}, []answerLine{}}
	for _, f := range file.Findings {
		out.Findings = append(out.Findings, findingOf(f))
	}
	for _, x := range file.Answers {
		out.Answers = append(out.Answers, answerLine{string(x.Kind), x.At, x.Role, string(x.Verdict), x.N, x.Reason.Reveal()})
	}
	if a.json {
		return a.encode(out)
	}
	fmt.Fprintln(t.out, a.T("fraud.session", "id", c.Session, "place", file.Place.Name, "score", file.Score))
	fmt.Fprintln(t.out, a.N("fraud.entries", len(file.Entries)))
	if file.Blocked {
		fmt.Fprintln(t.out, a.T("fraud.blocked"))
	}
	if err := a.findings(file.Findings); err != nil {
		return err
	}
	for _, x := range file.Answers {
		fmt.Fprintf(t.out, "  %s  %s  %s\n", a.Instant(x.At), a.T("fraud.answer."+string(x.Kind)), x.Reason.Reveal())
	}
	return nil
}

func (c *fraudReviewCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	id, err := carnet.ParseID(c.Finding)
	if err != nil {
		return a.refuse(c.Finding, err)
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	if err := in.watch.Review(ctx, system, id, fraud.Verdict(c.Verdict), c.Reason); err != nil {
		return a.refuse(c.Finding, err)
	}
	if a.json {
		return a.encode(map[string]string{"finding": c.Finding, "verdict": c.Verdict})
	}
	fmt.Fprintln(t.out, a.verdict(fraud.Verdict(c.Verdict)))
	return nil
}

func (c *fraudStopCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	id, err := carnet.ParseID(c.Session)
	if err != nil {
		return a.refuse(c.Session, err)
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	n, err := in.watch.Stop(ctx, system, id, c.All, c.Reason)
	if err != nil {
		return a.refuse(c.Session, err)
	}
	if a.json {
		return a.encode(map[string]int{"ended": n})
	}
	fmt.Fprintln(t.out, a.N("fraud.stopped", n))
	return nil
}

func (c *fraudLiftCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	id, err := carnet.ParseID(c.Session)
	if err != nil {
		return a.refuse(c.Session, err)
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	if err := in.watch.Lift(ctx, system, id, c.Reason); err != nil {
		return a.refuse(c.Session, err)
	}
	if a.json {
		return a.encode(map[string]string{"lifted": c.Session})
	}
	fmt.Fprintln(t.out, a.T("fraud.lifted"))
	return nil
}

// Run shows the order, or carries it out. Certificates are revoked before it ends, and the next list has them.
func (c *fraudRevokeCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	scope, err := c.read(in)
	if err != nil {
		return a.refuse(c.of(), err)
	}
	var o fraud.Order
	revoked := 0
	if c.DryRun {
		o, err = in.watch.Plan(ctx, system, scope, in.certify)
	} else if o, err = in.watch.Revoke(ctx, system, scope, in.certify, c.Reason); err == nil {
		revoked, err = in.certify.Follow(ctx, system)
	}
	if err != nil {
		return a.refuse(c.of(), err)
	}
	if a.json {
		return a.encode(map[string]any{"dryRun": c.DryRun, "doses": len(o.Doses), "people": o.People, "certificates": o.Certificates, "revoked": revoked,
			"suspendedBefore": o.Before, "cancelledBefore": o.Gone})
	}
	key := "fraud.revoked"
	if c.DryRun {
		key = "fraud.would"
	}
	fmt.Fprintln(t.out, a.T(key, "doses", len(o.Doses), "people", o.People, "certificates", o.Certificates))
	if o.Before+o.Gone > 0 {
		fmt.Fprintln(t.out, a.T("fraud.left", "before", o.Before, "gone", o.Gone))
	}
	return nil
}

func (c *fraudReleaseCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.watched(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	scope, err := c.read(in)
	if err != nil {
		return a.refuse(c.of(), err)
	}
	n, err := in.watch.Release(ctx, system, scope, c.Reason)
	if err != nil {
		return a.refuse(c.of(), err)
	}
	if a.json {
		return a.encode(map[string]int{"released": n})
	}
	fmt.Fprintln(t.out, a.N("fraud.released", n))
	return nil
}

// Run needs no instance: the limits are settings.
func (c *fraudPolicyCmd) Run(s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	if a.json {
		type policy struct {
			From   string                      `json:"from"`
			Rules  map[fraud.Signal]fraud.Rule `json:"signals"`
			Scores fraud.Scores                `json:"scores"`
		}
		var list []policy
		for _, p := range s.policies() {
			list = append(list, policy{p.From.String(), p.Rules, p.Scores})
		}
		return a.encode(map[string]any{"policies": list})
	}
	for _, p := range s.policies() {
		fmt.Fprintln(t.out, a.T("fraud.policy", "from", p.From))
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		for _, signal := range fraud.Signals {
			r := p.Rules[signal]
			fmt.Fprintf(w, "  %s\t%d\t%d%%\t%s\n", signal, r.Limit, r.Share, a.T("fraud.points", "points", r.Points))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		fmt.Fprintf(t.out, "  %s %d, %s %d, %s %d, %s %d\n", a.Step("step-up"), p.Scores.StepUp, a.Step("second"), p.Scores.Second, a.Step("pause"), p.Scores.Pause, a.Step("stop"), p.Scores.Stop)
	}
	return nil
}
