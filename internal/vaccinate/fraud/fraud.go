// Package fraud watches what is entered, says why an entry looks wrong, and answers in steps.
//
// # What is seen
//
// Every entry, once it is committed, is an [Act]: ids, a time, a place, never identity. The
// [Engine] counts acts by session, professional and place, over the last hour and since the session
// began, and compares them with the [Policy] of the day. Crossing a limit is a [Finding]: the
// signal, the value, the limit and the points that it adds. The sum of the points of a session is
// its score, and the score is one of the steps. The engine is a function of the acts: the same acts
// give the same findings, so that a restart replays the last day and goes on where it was.
//
// # The answer, in steps
//
//	note      written down, the professional sees it, nothing else
//	step-up   before the next entry the professional authenticates again, on their telephone
//	second    and another professional of the place, or staff, confirms that the session is theirs
//	pause     nothing is entered until the pause is over or staff lift it
//	stop      the session ends at once, and nothing is entered until staff have looked
//
// Nobody is accused by a program: only staff give a verdict, each finding is open until they do, and
// what they dismiss counts no more. Revoking is theirs too: every certificate that states a dose of a
// session, an account or a period, in one order that was shown first. The doses are suspended by
// events, so that nothing new is issued from them; releasing a dose lets it be certified again, by
// another document.
//
// # What it costs
//
// An entry is observed after its commit, in memory: no statement, no transaction, and a bounded
// number of sessions, professionals and places. A finding is one transaction, and is rare. The gate
// before an entry looks in memory too; what other programs of the operator write is read again every
// few seconds.
//
// Specification: workflow section 10. What is not done: people who live far from the place,
// for the register holds nobody's address. What is not done here: the limits on how often a page may be
// asked (package login/limit), the signs of a stolen login (package login/risk).
package fraud

import (
	"time"

	"carnet/internal/carnet"
)

// Signal is one thing that is out of the ordinary.
type Signal string

// The signals, in the order in which they are explained.
const (
	SessionRate      Signal = "session-rate"      // entries in an hour of one session
	ProfessionalRate Signal = "professional-rate" // entries in an hour in the name of one professional
	PlaceRate        Signal = "place-rate"        // entries in an hour at one place
	OddHours         Signal = "odd-hours"         // entries of a session while the place is closed
	UnknownDevice    Signal = "unknown-device"    // the session is the first of that browser
	NewPlace         Signal = "new-place"         // entries at a place on the first day of the professional there
	LotOverdrawn     Signal = "lot-overdrawn"     // doses of a lot, in percent of what the place received
	NoStock          Signal = "no-stock"          // entries of a session from lots that the place does not have
	CertificateRush  Signal = "certificate-rush"  // certificates of doses of a session that were had within minutes
	NoReading        Signal = "no-reading"        // entries of a session without a look at the person's record
	Cycles           Signal = "cycles"            // people of a session with two doses entered in it
	Elsewhere        Signal = "elsewhere"         // doses of a session that are said to have been given elsewhere
	Backdated        Signal = "backdated"         // entries of a session for an earlier day, without a paper form
	Parallel         Signal = "parallel"          // sessions of one professional that enter at the same time
	Delegates        Signal = "delegates"         // people who type for one professional within an hour
	Excess           Signal = "excess"            // requests of a session refused because there were too many
)

// Signals lists them all.
var Signals = []Signal{SessionRate, ProfessionalRate, PlaceRate, OddHours, UnknownDevice, NewPlace, LotOverdrawn, NoStock,
	CertificateRush, NoReading, Cycles, Elsewhere, Backdated, Parallel, Delegates, Excess}

// Step is what a score leads to.
type Step string

// The steps, from the mildest.
const (
	None   Step = ""
	Note   Step = "note"
	StepUp Step = "step-up"
	Second Step = "second"
	Pause  Step = "pause"
	Stop   Step = "stop"
)

// Steps lists them from the mildest.
var Steps = []Step{None, Note, StepUp, Second, Pause, Stop}

// Finding is a signal that crossed its limit, or crossed it again at twice the value.
type Finding struct {
	ID           carnet.ID
	Session      carnet.ID
	Professional carnet.ID
	Delegate     carnet.ID // who typed, when it was not the professional
	Place        string
	At           time.Time
	Signal       Signal
	Value        int
	Limit        int
	Points       int // of this signal of the session, with this finding
	Score        int // of the session, with this finding
	Step         Step
	Policy       carnet.Date // first day of the policy that it was judged by
	// Reviews are the verdicts on it, oldest first: the last one counts. None: it is open.
	Reviews []Answer
}

// Verdict is what staff make of a finding.
type Verdict string

// The verdicts.
const (
	Open    Verdict = ""
	Genuine Verdict = "genuine" // explained, nothing wrong: it counts no more
	Doubt   Verdict = "doubt"   // not explained: it stays
	Fraud   Verdict = "fraud"   // it was
)

// Verdicts lists those that staff may give.
var Verdicts = []Verdict{Genuine, Doubt, Fraud}

// Verdict is the last verdict on a finding.
func (f Finding) Verdict() Verdict {
	if len(f.Reviews) == 0 {
		return Open
	}
	return f.Reviews[len(f.Reviews)-1].Verdict
}

// AnswerKind is what somebody did about a session.
type AnswerKind string

// What is done about a session. Answers are only ever added.
const (
	Reviewed  AnswerKind = "review"  // a verdict on one finding
	Confirmed AnswerKind = "confirm" // a second person answers for the session
	Lifted    AnswerKind = "lift"    // staff let it go on
	Stopped   AnswerKind = "stop"    // it was ended, by staff or by the score
	Revoked   AnswerKind = "revoke"  // an order of revocation
	Released  AnswerKind = "release" // doses of an order were found to be genuine
)

// Answer is one of these acts.
type Answer struct {
	ID           carnet.ID
	Kind         AnswerKind
	Finding      carnet.ID // of a review
	Session      carnet.ID // zero for an order about an account
	Professional carnet.ID // whose session or account
	By           carnet.ID // zero: the program, by itself or by its operator's command
	Role         string
	At           time.Time
	Verdict      Verdict
	Reason       carnet.Private // words of who answers; sealed under the professional's key
	N            int            // doses of an order
}
