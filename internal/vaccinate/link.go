package vaccinate

import (
	"context"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// Link is why a professional may see a person: their own patient. It is one of two things.
//
// Either it was made in this session: the person stood there and gave their number, their card,
// their recall code or their full traits (Meet); or nobody did, and the professional said why they
// look all the same (BreakGlass), which the person is told. Or there is a record: the professional,
// or somebody of the place where they work in this session, recorded, injected or answers for an
// entry of this person. A head sees the entries of the places that they head.
//
// It binds those who are logged in, and the software that acts in their name, whose session is the
// day. Commands of the operator and imports have grants of their own
// in the register.
type Link string

// The links.
const (
	NoLink     Link = ""
	ByNumber   Link = "number"   // NIR, typed
	ByCard     Link = "card"     // carte Vitale
	ByCode     Link = "code"     // recall code of a provisional identity
	ByTraits   Link = "traits"   // name, given name and birth date, as a whole
	ByCreation Link = "creation" // a provisional identity that they made
	ByDraft    Link = "draft"    // an entry that they began less than two days ago
	ByRecord   Link = "record"   // an entry
	ByGlass    Link = "glass"    // without any of these, with a motive
)

// meetings are the links that a search makes, or an entry that was left and is taken up again.
var meetings = []Link{ByNumber, ByCard, ByCode, ByTraits, ByCreation, ByDraft}

// Meet notes that a person was found by something that they brought along. The link lasts as long
// as the session.
func (s *Service) Meet(ctx context.Context, actor protect.Actor, person carnet.ID, how Link) error {
	if !slices.Contains(meetings, how) {
		return carnet.E("vaccinate.Meet", carnet.Invalid, "link.unknown", nil)
	}
	if actor.Session.IsZero() {
		return nil // nobody is logged in: nothing is bound
	}
	return s.within(ctx, actor, person, func(tx Tx) error {
		if was, err := tx.Link(person, actor.ID, actor.Session); err != nil || was != NoLink && was != ByGlass {
			return err
		}
		return tx.PutLink(person, actor.ID, actor.Session, how, carnet.Private{})
	})
}

// BreakGlass opens a record without a link of care, with a motive that is kept for the person, who is
// told at once. A delegate may not.
func (s *Service) BreakGlass(ctx context.Context, actor protect.Actor, person carnet.ID, motive string) error {
	if err := actor.May(protect.ActBreakGlass); err != nil {
		return err
	}
	var problems carnet.Problems
	motive = strings.TrimSpace(motive)
	if checkReason(&problems, "motive", motive); len(problems) > 0 {
		return problems
	}
	return s.within(ctx, actor, person, func(tx Tx) error {
		if _, err := tx.Person(person); err != nil {
			return err
		}
		if was, err := tx.Link(person, actor.ID, actor.Session); err != nil || was != NoLink {
			return err
		}
		if err := tx.PutLink(person, actor.ID, actor.Session, ByGlass, carnet.Hide(motive)); err != nil {
			return err
		}
		return tx.Tell(carnet.Notice{PersonID: person, Kind: "record.opened", Args: map[string]string{"place": actor.Organisation}, At: s.ids.Clock()})
	})
}

// LinkOf tells by which link the actor sees a person; NoLink when they do not.
func (s *Service) LinkOf(ctx context.Context, actor protect.Actor, person carnet.ID) (how Link, err error) {
	err = s.within(ctx, actor, person, func(tx Tx) error {
		how, err = link(tx, actor, person)
		return err
	})
	return how, err
}

// linked refuses a professional who is logged in and has no link to a person.
func linked(tx Tx, actor protect.Actor, person carnet.ID) error {
	bound := actor.Role == protect.Professional || actor.Role == protect.BusinessSoftware
	if !bound || actor.Session.IsZero() || person.IsZero() {
		return nil
	}
	how, err := link(tx, actor, person)
	if err == nil && how == NoLink {
		err = carnet.E("vaccinate", carnet.Denied, "person.no-link", nil)
	}
	return err
}

func link(tx Tx, actor protect.Actor, person carnet.ID) (Link, error) {
	how, err := tx.Link(person, actor.ID, actor.Session)
	if err != nil || how != NoLink {
		return how, err
	}
	doses, err := tx.Doses(person)
	if err != nil || len(doses) == 0 {
		return NoLink, err
	}
	me, err := tx.Professional(actor.ID)
	if err != nil {
		return NoLink, err
	}
	if slices.ContainsFunc(doses, func(d carnet.Dose) bool {
		own := d.RecordedBy == actor.ID || d.Injector == actor.ID || d.Responsible == actor.ID
		team := actor.Organisation != "" && (d.Place.ID == actor.Organisation || d.RecordedIn == actor.Organisation)
		return own || team || HeadsEntry(d, me)
	}) {
		return ByRecord, nil
	}
	return NoLink, nil
}
