package vaccinate

import (
	"slices"
	"time"

	"carnet/internal/carnet"
)

// Event is one thing that happened to an entry. Events are never changed nor removed.
type Event struct {
	ID    carnet.ID
	Kind  EventKind
	Key   carnet.ID // idempotency key; derived from the cause for an event that follows from another
	Actor carnet.ID // professional who answers for it
	At    time.Time
	// Who typed for Actor, zero when Actor did, and in which session.
	Delegate, Session carnet.ID
	Dose              carnet.Dose // as it stands after the event
	Reason            string      // in words: why it was corrected, cancelled or contested

	Changes []Change  // what a correction touched
	Cause   Cause     // why an entry was taken away
	Follows carnet.ID // the event that made this one necessary; zero when somebody asked for it
	Moved   carnet.ID // the entry on the other side, when it was moved to another person
}

// EventKind says what happened; it is also the kind of the outbox row, after "dose.".
type EventKind string

// The events of an entry.
const (
	Recorded   EventKind = "record"
	Corrected  EventKind = "correct"
	Cancelled  EventKind = "cancel"
	Contested  EventKind = "contest"  // the professional says that a delegate's entry was not theirs
	Renumbered EventKind = "renumber" // another dose was added, corrected or taken away, and the rank follows
	Suspected  EventKind = "suspect"  // somebody says that it is forged; a second person has to confirm
	Cleared    EventKind = "clear"    // the second person does not
	Suspended  EventKind = "suspend"  // an order of revocation: no certificate is made of it (package fraud)
	Released   EventKind = "release"  // the order was wrong about it: certificates may be made again
	Annulled   EventKind = "annul"    // forged: taken away for good, counted apart, shown as "Annulé"
)

// Change is a part of an entry that a correction touches. Its kind decides nothing about who may
// correct: the age of the entry does. It is what people are told, and what is counted.
type Change string

// The parts of an entry.
const (
	ChangeVaccine  Change = "vaccine"  // another product; Product, Country too
	ChangeLot      Change = "lot"      // lot, expiry, half dose
	ChangeDate     Change = "date"     // date, time, why late
	ChangePlace    Change = "place"    // place and its type
	ChangeSite     Change = "site"     // body site and route
	ChangePeople   Change = "people"   // injector, responsible professional
	ChangeRank     Change = "rank"     // a rank that is not the one of the rules
	ChangeConsent  Change = "consent"  // consent, eligibility, contraindications
	ChangeNote     Change = "note"     // free note, number of the paper form
	ChangeEvidence Change = "evidence" // how well it is known
	ChangeOutcome  Change = "outcome"  // given, or not and why
)

// Changes lists them in the order in which a page offers them.
var Changes = []Change{ChangeLot, ChangeDate, ChangeVaccine, ChangePlace, ChangeSite, ChangePeople, ChangeRank, ChangeConsent, ChangeEvidence, ChangeOutcome, ChangeNote}

// Cause says why an entry is taken away.
type Cause string

// The causes.
const (
	WrongPerson Cause = "wrong-person" // it is somebody else's; Move records it there
	NeverGiven  Cause = "not-given"    // it never happened
	Twice       Cause = "twice"        // the same act was entered twice
	Other       Cause = "other"        // as the words say
	Undone      Cause = "undo"         // undone at once by who entered it
	Forged      Cause = "forged"       // it never happened, and somebody meant to deceive
)

// Causes lists those that somebody may give who cancels an entry.
var Causes = []Cause{WrongPerson, NeverGiven, Twice, Other}

// Difference lists the parts in which two states of an entry differ, in the order of Changes. Ranks
// count only where somebody chose them: those of the rules follow by themselves.
func Difference(a, b carnet.Dose) []Change {
	parts := map[Change]bool{
		ChangeVaccine:  a.Vaccine != b.Vaccine || a.Product != b.Product || a.Country != b.Country,
		ChangeLot:      !a.Lot.Equal(b.Lot.Private) || a.Expiry != b.Expiry || a.Half != b.Half,
		ChangeDate:     a.Date != b.Date || a.Time != b.Time || a.LateReason != b.LateReason,
		ChangePlace:    a.Place.ID != b.Place.ID || a.PlaceType != b.PlaceType,
		ChangeSite:     a.BodySite != b.BodySite || a.Route != b.Route,
		ChangePeople:   a.Injector != b.Injector || a.Responsible != b.Responsible,
		ChangeRank:     a.RankReason != b.RankReason || (a.Rank != b.Rank || a.Expected != b.Expected) && a.RankReason+b.RankReason != "",
		ChangeConsent:  !sameConsent(a.Consent, b.Consent) || a.Eligibility != b.Eligibility || !slices.Equal(a.Contraindications, b.Contraindications),
		ChangeNote:     !a.Note.Equal(b.Note) || a.Form != b.Form || a.Run != b.Run,
		ChangeEvidence: a.Evidence != b.Evidence,
		ChangeOutcome:  a.NotGiven != b.NotGiven,
	}
	var list []Change
	for _, c := range Changes {
		if parts[c] {
			list = append(list, c)
		}
	}
	return list
}

func sameConsent(a, b carnet.Consent) bool {
	return a.By == b.By && a.Name.Equal(b.Name) && a.Relation.Equal(b.Relation)
}
