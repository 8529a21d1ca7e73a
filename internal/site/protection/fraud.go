package protection

import (
	"context"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/fraud"
)

// Watch is what the site needs of the watch over entries: fraud.Watch has it.
type Watch interface {
	List(ctx context.Context, actor protect.Actor, q fraud.Query) ([]fraud.Finding, error)
	Case(ctx context.Context, actor protect.Actor, session carnet.ID) (fraud.Case, error)
	Review(ctx context.Context, actor protect.Actor, finding carnet.ID, v fraud.Verdict, reason string) error
	Lift(ctx context.Context, actor protect.Actor, session carnet.ID, reason string) error
	Stop(ctx context.Context, actor protect.Actor, session carnet.ID, all bool, reason string) (int, error)
	Plan(ctx context.Context, actor protect.Actor, s fraud.Scope, c fraud.Certificates) (fraud.Order, error)
	Revoke(ctx context.Context, actor protect.Actor, s fraud.Scope, c fraud.Certificates, reason string) (fraud.Order, error)
	Release(ctx context.Context, actor protect.Actor, s fraud.Scope, reason string) (int, error)
}

const findingsPath = "/agents/signalements"

// Parts of the address of a session, after its id.
const (
	reviewPart = "/avis"
	actPart    = "/agir"
	orderPart  = "/revoquer"
)

// watchman runs a handler for staff who watch over entries; nobody else sees what was found.
func (s *site) watchman(h func(http.ResponseWriter, *http.Request, login.Session) error) http.HandlerFunc {
	return s.member(func(w http.ResponseWriter, r *http.Request, me login.Session) error {
		if me.Role != protect.SecurityStaff {
			return carnet.E("protection.fraud", carnet.Denied, "access.denied", protect.ErrDenied)
		}
		return h(w, r, me)
	})
}

// caseOf opens the session that the address names.
func (s *site) caseOf(r *http.Request, me login.Session) (fraud.Case, error) {
	id, err := carnet.ParseID(r.PathValue("session"))
	if err != nil {
		return fraud.Case{}, carnet.E("protection.fraud", carnet.NotFound, fraud.CodeUnknown, err)
	}
	return s.Watch.Case(r.Context(), me.Actor(), id)
}

func casePath(session carnet.ID) string { return findingsPath + "/" + session.String() }

type findingsView struct {
	ui.Page
	None  *ui.Empty
	Table ui.Table
}

// findings lists the sessions of the last 90 days in which something was found, each once, by its
// newest finding. It has no name: a session is an id, and its own page says whose it is.
func (s *site) findings(w http.ResponseWriter, r *http.Request, me login.Session) error {
	list, err := s.Watch.List(r.Context(), me.Actor(), fraud.Query{Since: s.Clock().Add(-fraud.ShownFor)})
	if err != nil {
		return err
	}
	v := findingsView{Page: s.ui.Page(r, "findings.title")}
	if len(list) == 0 {
		v.None = &ui.Empty{Icon: "shield", Title: v.T("findings.none"), Words: v.T("findings.none-words")}
	}
	v.Table = ui.Table{Caption: v.T("findings.caption"), Head: []string{v.T("findings.when"), v.T("findings.session"), v.T("findings.what"), v.T("findings.step"), v.T("findings.state")}}
	open := map[carnet.ID]int{}
	for _, f := range list {
		if f.Verdict() == fraud.Open {
			open[f.Session]++
		}
	}
	seen := map[carnet.ID]bool{}
	for _, f := range list {
		if seen[f.Session] {
			continue
		}
		seen[f.Session] = true
		state := ui.Tag{Kind: "success", Words: v.T("findings.done")}
		if n := open[f.Session]; n > 0 {
			state = ui.Tag{Kind: "warning", Words: v.N("findings.open", n)}
		}
		v.Table.Rows = append(v.Table.Rows, []ui.Cell{{Words: v.Instant(f.At), Number: true},
			{Words: v.T("findings.look"), Href: casePath(f.Session), For: v.Instant(f.At)},
			{Words: v.Finding(string(f.Signal), f.Value, f.Limit)}, {Words: v.Step(string(f.Step))}, {Tag: &state}})
	}
	s.ui.Render(w, r, http.StatusOK, "findings", &v)
	return nil
}

type caseView struct {
	ui.Page
	Who                   ui.Rows
	Findings              []findingView
	Answers               ui.Table
	Review, Act, Order    string
	Which, Verdict, Words ui.Field
}

type findingView struct {
	When, Words, Points string
	State               ui.Tag
	Reviews             []string
}

// showCase explains one session: whose, what was found and why, what was decided, and what can be.
func (s *site) showCase(w http.ResponseWriter, r *http.Request, me login.Session) error {
	c, err := s.caseOf(r, me)
	if err != nil {
		return err
	}
	return s.renderCase(w, r, http.StatusOK, c, nil)
}

func (s *site) renderCase(w http.ResponseWriter, r *http.Request, status int, c fraud.Case, fault error) error {
	at := casePath(c.Session)
	v := caseView{Page: s.ui.Page(r, "case.title"), Review: at + reviewPart, Act: at + actPart, Order: at + orderPart}
	v.Back = &ui.Link{Href: findingsPath, Words: v.T("findings.title")}
	if fault != nil && !v.Fault(fault) {
		return fault
	}
	if r.URL.Query().Get("fait") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("case.done")}
	}
	state := v.T("case.free")
	if c.Blocked {
		state = v.T("case.blocked")
	}
	first, last := c.Findings[len(c.Findings)-1], c.Findings[0]
	v.Who = v.Rows(
		ui.Row{Label: v.T("case.professional"), Value: strings.TrimSpace(c.Professional.GivenName.Reveal() + " " + c.Professional.FamilyName.Reveal()), Hint: v.T("case.call")},
		ui.Row{Label: v.T("case.place"), Value: c.Place.Name + ", " + c.Place.Commune},
		ui.Row{Label: v.T("case.session"), Value: c.Session.String(), Number: true},
		ui.Row{Label: v.T("case.when"), Value: v.T("case.between", "from", v.Instant(first.At), "to", v.Instant(last.At))},
		ui.Row{Label: v.T("case.entries"), Value: v.N("case.doses", len(c.Entries)), Number: true},
		ui.Row{Label: v.T("case.score"), Value: v.T("case.score-of", "score", c.Score, "step", v.Step(string(last.Step))), Hint: v.T("case.policy", "from", last.Policy)},
		ui.Row{Label: v.T("case.state"), Value: state},
	)
	var options []ui.Option
	for _, f := range c.Findings {
		words := v.Finding(string(f.Signal), f.Value, f.Limit)
		one := findingView{When: v.Instant(f.At), Words: words, Points: v.N("case.points", f.Points), State: s.verdict(v.Page, f.Verdict())}
		for _, a := range f.Reviews {
			one.Reviews = append(one.Reviews, v.T("case.review-of", "when", v.Instant(a.At), "verdict", s.verdict(v.Page, a.Verdict).Words, "reason", a.Reason.Reveal()))
		}
		v.Findings = append(v.Findings, one)
		options = append(options, ui.Option{Value: f.ID.String(), Label: words, Hint: v.Instant(f.At)})
	}
	chosen := r.PostFormValue("finding")
	if len(options) == 1 {
		chosen = options[0].Value
	}
	v.Which = v.Radios("finding", "case.finding", chosen, options)
	var verdicts []ui.Option
	for _, x := range fraud.Verdicts {
		verdicts = append(verdicts, ui.Option{Value: string(x), Label: v.T("verdict." + string(x)), Hint: v.T("verdict-words." + string(x))})
	}
	v.Verdict = v.Radios("verdict", "case.verdict", r.PostFormValue("verdict"), verdicts)
	v.Words = v.Area("reason", "case.reason", r.PostFormValue("reason"))
	v.Words.Length = 200
	v.Answers = ui.Table{Caption: v.T("case.answers"), Head: []string{v.T("findings.when"), v.T("case.answer"), v.T("case.why")}}
	for _, a := range c.Answers {
		if a.Kind == fraud.Reviewed {
			continue
		}
		words := v.T("answer." + string(a.Kind))
		if a.By.IsZero() {
			words = v.T("answer-program." + string(a.Kind))
		}
		v.Answers.Rows = append(v.Answers.Rows, []ui.Cell{{Words: v.Instant(a.At), Number: true}, {Words: words}, {Words: a.Reason.Reveal()}})
	}
	s.ui.Render(w, r, status, "case", &v)
	return nil
}

// verdict is the mark of a verdict.
func (s *site) verdict(p ui.Page, v fraud.Verdict) ui.Tag {
	switch v {
	case fraud.Open:
		return ui.Tag{Kind: "info", Words: p.T("verdict.open")}
	case fraud.Genuine:
		return ui.Tag{Kind: "success", Words: p.T("verdict.genuine")}
	}
	return ui.Tag{Kind: "warning", Words: p.T("verdict." + string(v))}
}

// review takes a verdict.
func (s *site) review(w http.ResponseWriter, r *http.Request, me login.Session) error {
	c, err := s.caseOf(r, me)
	if err != nil {
		return err
	}
	id, err := carnet.ParseID(r.PostFormValue("finding"))
	if err != nil {
		err = &carnet.Error{Op: "protection.review", Kind: carnet.Invalid, Code: "fraud.finding-missing", Field: "finding"}
	} else {
		err = s.Watch.Review(r.Context(), me.Actor(), id, fraud.Verdict(r.PostFormValue("verdict")), r.PostFormValue("reason"))
	}
	if carnet.KindOf(err) == carnet.Invalid {
		return s.renderCase(w, r, http.StatusBadRequest, c, err)
	}
	return s.decided(w, r, c, err)
}

// decided leads back to the session.
func (s *site) decided(w http.ResponseWriter, r *http.Request, c fraud.Case, err error) error {
	if err == nil {
		http.Redirect(w, r, casePath(c.Session)+"?fait=1", http.StatusSeeOther)
	}
	return err
}

type actView struct {
	ui.Page
	Action  string
	Words   ui.Field
	Blocked bool
	// Of an order.
	Plan    ui.Rows
	Order   bool
	Release bool // doses can be released
	Nothing bool // there is nothing to revoke
}

// showAct asks why, and what: to stop, or to let go on.
func (s *site) showAct(w http.ResponseWriter, r *http.Request, me login.Session) error {
	c, err := s.caseOf(r, me)
	if err != nil {
		return err
	}
	return s.renderAct(w, r, http.StatusOK, c, nil)
}

func (s *site) renderAct(w http.ResponseWriter, r *http.Request, status int, c fraud.Case, fault error) error {
	v := actView{Page: s.ui.Page(r, "act.title"), Action: casePath(c.Session) + actPart, Blocked: c.Blocked}
	v.Back = &ui.Link{Href: casePath(c.Session), Words: v.T("case.title")}
	if fault != nil && !v.Fault(fault) {
		return fault
	}
	v.Words = v.Area("reason", "case.reason", r.PostFormValue("reason"))
	v.Words.Length = 200
	s.ui.Render(w, r, status, "act", &v)
	return nil
}

// The values of the buttons of an act.
const (
	doStop    = "stop"
	doStopAll = "stop-all"
	doLift    = "lift"
	doRelease = "release"
)

func (s *site) act(w http.ResponseWriter, r *http.Request, me login.Session) error {
	c, err := s.caseOf(r, me)
	if err != nil {
		return err
	}
	reason := r.PostFormValue("reason")
	switch asked := r.PostFormValue("act"); asked {
	case doStop, doStopAll:
		_, err = s.Watch.Stop(r.Context(), me.Actor(), c.Session, asked == doStopAll, reason)
	case doLift:
		err = s.Watch.Lift(r.Context(), me.Actor(), c.Session, reason)
	default:
		err = carnet.E("protection.act", carnet.Invalid, "fraud.act-missing", nil)
	}
	if carnet.KindOf(err) == carnet.Invalid {
		return s.renderAct(w, r, http.StatusBadRequest, c, err)
	}
	return s.decided(w, r, c, err)
}

// showOrder says what revoking the session would do, before anybody does it.
func (s *site) showOrder(w http.ResponseWriter, r *http.Request, me login.Session) error {
	c, err := s.caseOf(r, me)
	if err != nil {
		return err
	}
	return s.renderOrder(w, r, http.StatusOK, me, c, nil)
}

func (s *site) renderOrder(w http.ResponseWriter, r *http.Request, status int, me login.Session, c fraud.Case, fault error) error {
	o, err := s.Watch.Plan(r.Context(), me.Actor(), fraud.Scope{Session: c.Session}, s.Certificates)
	if err != nil {
		return err
	}
	v := actView{Page: s.ui.Page(r, "order.title"), Action: casePath(c.Session) + orderPart, Order: true, Nothing: len(o.Doses) == 0, Release: o.Before > 0}
	v.Back = &ui.Link{Href: casePath(c.Session), Words: v.T("case.title")}
	if fault != nil && !v.Fault(fault) {
		return fault
	}
	v.Plan = v.Rows(
		ui.Row{Label: v.T("order.doses"), Value: v.N("case.doses", len(o.Doses)), Number: true},
		ui.Row{Label: v.T("order.people"), Value: v.N("order.people-of", o.People), Number: true},
		ui.Row{Label: v.T("order.certificates"), Value: v.N("order.certificates-of", o.Certificates), Number: true},
		ui.Row{Label: v.T("order.before"), Value: v.N("case.doses", o.Before), Number: true},
		ui.Row{Label: v.T("order.gone"), Value: v.N("case.doses", o.Gone), Number: true},
	)
	v.Words = v.Area("reason", "case.reason", r.PostFormValue("reason"))
	v.Words.Length = 200
	s.ui.Render(w, r, status, "act", &v)
	return nil
}

// order revokes, or releases what was revoked. The certificates are revoked before the page answers.
func (s *site) order(w http.ResponseWriter, r *http.Request, me login.Session) error {
	c, err := s.caseOf(r, me)
	if err != nil {
		return err
	}
	scope, reason := fraud.Scope{Session: c.Session}, r.PostFormValue("reason")
	if r.PostFormValue("act") == doRelease {
		_, err = s.Watch.Release(r.Context(), me.Actor(), scope, reason)
	} else if _, err = s.Watch.Revoke(r.Context(), me.Actor(), scope, s.Certificates, reason); err == nil {
		err = s.Follow(r.Context())
	}
	if carnet.KindOf(err) == carnet.Invalid {
		return s.renderOrder(w, r, http.StatusBadRequest, me, c, err)
	}
	return s.decided(w, r, c, err)
}
