package sqlite

import (
	"context"
	"slices"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/journal"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/fraud"
)

// Fraud is the store of the watch over entries.
func (db *DB) Fraud() fraud.Store { return fraudStore{db} }

type fraudStore struct{ db *DB }

func (s fraudStore) Fraud(ctx context.Context, d protect.Decision, fn func(fraud.Tx) error) error {
	return s.db.within(ctx, d, func(t *tx) error { return fn(fraudTx{t}) })
}

type fraudTx struct{ *tx }

// Acts reads no body of an event: what the watch needs has columns of its own. Whether it was typed
// from a paper form is sealed, and is not known here.
func (t fraudTx) Acts(since time.Time, most int) ([]fraud.Act, error) {
	rows, err := t.read(nobody, "dose_event", where("kind", string(vaccinate.Recorded)).since("at", since.UnixMicro()).by("at DESC, event_id DESC").first(most),
		"person_id", "event_id", "dose_id", "actor_id", "at", "delegate_id", "session_id")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	columns := []string{"person_id", "dose_id", "place_id", "given_on", "evidence", "not_given"}
	if err := t.d.MayRead("dose", columns...); err != nil {
		return nil, err
	}
	if err := t.note(journal.Read, nobody, "dose"); err != nil {
		return nil, err
	}
	entered, err := t.query("SELECT "+strings.Join(columns, ", ")+" FROM dose WHERE (person_id, dose_id) IN (SELECT person_id, dose_id FROM dose_event WHERE kind = ? AND at >= ?)",
		[]any{string(vaccinate.Recorded), since.UnixMicro()}, columns)
	if err != nil {
		return nil, err
	}
	doses := make(map[[2]carnet.ID]row, len(entered))
	for _, r := range entered {
		doses[[2]carnet.ID{r.id("person_id"), r.id("dose_id")}] = r
	}
	var list []fraud.Act
	for _, r := range slices.Backward(rows) {
		d, ok := doses[[2]carnet.ID{r.id("person_id"), r.id("dose_id")}]
		if !ok {
			continue
		}
		a, counts := fraud.ActOf(vaccinate.Event{ID: r.id("event_id"), Kind: vaccinate.Recorded, Actor: r.id("actor_id"), At: r.time("at"), Delegate: r.id("delegate_id"),
			Session: r.id("session_id"), Dose: carnet.Dose{ID: r.id("dose_id"), PersonID: r.id("person_id"), Date: carnet.DateOfDays(d.int("given_on")),
				Place: carnet.Place{ID: d.text("place_id")}, Evidence: carnet.Evidence(d.text("evidence")), NotGiven: carnet.NotGiven(d.text("not_given"))}})
		if counts {
			list = append(list, a)
		}
	}
	return list, nil
}

func (t fraudTx) Certified(since time.Time) ([]fraud.Issue, error) {
	rows, err := t.read(nobody, "certificate", condition{}.since("issued_at", since.UnixMicro()).by("issued_at"), "person_id", "issued_at")
	var list []fraud.Issue
	for _, r := range rows {
		list = append(list, fraud.Issue{Person: r.id("person_id"), At: r.time("issued_at")})
	}
	return list, err
}

func (t fraudTx) Facts(session, professional carnet.ID, place string, today time.Time) (fraud.Facts, error) {
	var f fraud.Facts
	opened, err := t.read(professional, "login_event", where("actor_id", professional[:]).and("kind", string(login.EventOpened)).and("session_id", session[:]).
		by("at, event_id").first(1), "known")
	if err != nil {
		return f, err
	}
	for _, r := range opened {
		f.NewDevice = fraud.Yes
		if r.int("known") == 1 {
			f.NewDevice = fraud.No
		}
	}
	before, err := t.read(professional, "dose", where("place_id", place).and("recorder_id", professional[:]).by("recorded_at").first(1), "recorded_at")
	if err != nil {
		return f, err
	}
	f.NewPlace = fraud.Yes
	for _, r := range before {
		if r.time("recorded_at").Before(today) {
			f.NewPlace = fraud.No
		}
	}
	return f, nil
}

func (t fraudTx) Stock(place, vaccine string, lot carnet.Lot) (received, recorded int, known bool, err error) {
	there, err := t.LotByNumber(place, vaccine, lot)
	if err != nil || there.ID.IsZero() {
		return 0, 0, false, err
	}
	lookup := t.db.ring.Lookup("lot", vaccine+"|"+lot.Reveal())
	rows, err := t.read(nobody, "dose", where("lot_lookup", lookup[:]).and("place_id", place).and("standing", 1), "dose_id")
	return there.Received, len(rows), true, err
}

var findingColumns = []string{"finding_id", "session_id", "actor_id", "delegate_id", "place_id", "at", "signal", "value", "bound", "points", "score", "step", "policy"}

func (t fraudTx) PutFinding(f fraud.Finding) error {
	_, err := t.write(f.Professional, refuse, "fraud_finding", cell{"finding_id", f.ID[:]}, cell{"session_id", f.Session[:]}, cell{"actor_id", f.Professional[:]},
		cell{"delegate_id", some(f.Delegate[:])}, cell{"place_id", f.Place}, cell{"at", f.At.UnixMicro()}, cell{"signal", string(f.Signal)}, cell{"value", f.Value},
		cell{"bound", f.Limit}, cell{"points", f.Points}, cell{"score", f.Score}, cell{"step", string(f.Step)}, cell{"policy", f.Policy.Days()})
	return err
}

const maxFindings = 1000

// most bounds what a query gives.
func most(n int) int {
	if n <= 0 || n > maxFindings {
		return maxFindings
	}
	return n
}

func (t fraudTx) Findings(q fraud.Query) ([]fraud.Finding, error) {
	c := condition{}
	if !q.ID.IsZero() {
		c = c.and("finding_id", q.ID[:])
	}
	if !q.Session.IsZero() {
		c = c.and("session_id", q.Session[:])
	}
	if !q.Professional.IsZero() {
		c = c.and("actor_id", q.Professional[:])
	}
	if !q.Since.IsZero() {
		c = c.since("at", q.Since.UnixMicro())
	}
	rows, err := t.read(q.Professional, "fraud_finding", c.by("at DESC, finding_id DESC").first(most(q.Most)), findingColumns...)
	if err != nil {
		return nil, err
	}
	list := make([]fraud.Finding, len(rows))
	for i, r := range rows {
		list[i] = fraud.Finding{ID: r.id("finding_id"), Session: r.id("session_id"), Professional: r.id("actor_id"), Delegate: r.id("delegate_id"), Place: r.text("place_id"),
			At: r.time("at"), Signal: fraud.Signal(r.text("signal")), Value: r.int("value"), Limit: r.int("bound"), Points: r.int("points"), Score: r.int("score"),
			Step: fraud.Step(r.text("step")), Policy: carnet.DateOfDays(r.int("policy"))}
	}
	return list, t.reviews(list)
}

// reviews adds the verdicts to findings, where the decision shows them.
func (t fraudTx) reviews(list []fraud.Finding) error {
	if len(list) == 0 || t.d.MayRead("fraud_answer", "verdict") != nil {
		return nil
	}
	answers, err := t.answers(where("kind", string(fraud.Reviewed)).since("at", list[len(list)-1].At.UnixMicro()).by("at, answer_id"))
	if err != nil {
		return err
	}
	for _, a := range answers {
		if i := slices.IndexFunc(list, func(f fraud.Finding) bool { return f.ID == a.Finding }); i >= 0 {
			list[i].Reviews = append(list[i].Reviews, a)
		}
	}
	return nil
}

func (t fraudTx) PutAnswer(a fraud.Answer) error {
	var sealed []byte
	if a.Reason.Reveal() != "" {
		key, err := t.key("professional", a.Professional)
		if err != nil {
			return err
		}
		if sealed, err = key.Seal("fraud_answer.reason", []byte(a.Reason.Reveal())); err != nil {
			return err
		}
	}
	_, err := t.write(a.Professional, refuse, "fraud_answer", cell{"answer_id", a.ID[:]}, cell{"kind", string(a.Kind)}, cell{"finding_id", some(a.Finding[:])},
		cell{"session_id", some(a.Session[:])}, cell{"professional", a.Professional[:]}, cell{"actor_id", some(a.By[:])}, cell{"role", a.Role},
		cell{"at", a.At.UnixMicro()}, cell{"verdict", string(a.Verdict)}, cell{"reason", append([]byte{}, sealed...)}, cell{"doses", a.N})
	return err
}

func (t fraudTx) Answers(q fraud.Query) ([]fraud.Answer, error) {
	c := condition{}
	if !q.ID.IsZero() {
		c = c.and("answer_id", q.ID[:])
	}
	if !q.Session.IsZero() {
		c = c.and("session_id", q.Session[:])
	}
	if !q.Professional.IsZero() {
		c = c.and("professional", q.Professional[:])
	}
	if !q.Since.IsZero() {
		c = c.since("at", q.Since.UnixMicro())
	}
	return t.answers(c.by("at DESC, answer_id DESC").first(most(q.Most)))
}

func (t fraudTx) answers(c condition) ([]fraud.Answer, error) {
	rows, err := t.read(nobody, "fraud_answer", c, "answer_id", "kind", "finding_id", "session_id", "professional", "actor_id", "role", "at", "verdict", "reason", "doses")
	if err != nil {
		return nil, err
	}
	list := make([]fraud.Answer, len(rows))
	for i, r := range rows {
		list[i] = fraud.Answer{ID: r.id("answer_id"), Kind: fraud.AnswerKind(r.text("kind")), Finding: r.id("finding_id"), Session: r.id("session_id"),
			Professional: r.id("professional"), By: r.id("actor_id"), Role: r.text("role"), At: r.time("at"), Verdict: fraud.Verdict(r.text("verdict")), N: r.int("doses")}
		sealed := r.blob("reason")
		if len(sealed) == 0 {
			continue
		}
		key, err := t.key("professional", list[i].Professional)
		if err != nil {
			return nil, err
		}
		clear, err := key.Open("fraud_answer.reason", sealed)
		if err != nil {
			return nil, err
		}
		list[i].Reason = carnet.Hide(string(clear))
	}
	return list, nil
}

func (t fraudTx) Place(id string) (carnet.Place, error) { return t.place(id) }

func (t fraudTx) Entered(s fraud.Scope) ([]fraud.Entry, error) {
	c := where("kind", string(vaccinate.Recorded))
	if s.Session.IsZero() {
		c = c.and("actor_id", s.Professional[:])
	} else {
		c = c.and("session_id", s.Session[:])
	}
	if !s.From.IsZero() {
		c = c.since("at", s.From.UnixMicro())
	}
	rows, err := t.read(s.Professional, "dose_event", c.by("at, event_id"), "person_id", "dose_id", "session_id", "actor_id", "at")
	if err != nil {
		return nil, err
	}
	var list []fraud.Entry
	for _, r := range rows {
		e := fraud.Entry{Person: r.id("person_id"), Dose: r.id("dose_id"), Session: r.id("session_id"), Professional: r.id("actor_id"), At: r.time("at")}
		if !s.To.IsZero() && !e.At.Before(s.To) {
			break
		}
		now, err := t.read(e.Person, "dose", where("person_id", e.Person[:]).and("dose_id", e.Dose[:]), "standing", "suspended")
		if err != nil {
			return nil, err
		}
		for _, d := range now {
			e.Stands, e.Suspended = d.int("standing") == 1, d.int("suspended") == 1
		}
		list = append(list, e)
	}
	return list, nil
}
