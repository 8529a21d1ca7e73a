package vaccinate

import "carnet/internal/carnet"

// Command says what is to be recorded: an injection, that none was given, or a dose of elsewhere.
// The fields are those of carnet.Dose, where they are explained. Rank and Expected at zero mean "as
// the rules propose"; Responsible at zero means who records.
type Command struct {
	Key      carnet.ID // idempotency key, made before the form was shown
	Person   carnet.ID
	NotGiven carnet.NotGiven
	Evidence carnet.Evidence

	Vaccine   string
	Product   string
	Country   string
	Lot       carnet.Lot // may be unknown for a past dose that says why it is entered late
	Expiry    carnet.Date
	Half      bool
	Date      carnet.Date
	Time      string // "15:04"
	Place     string // Place.ID; empty for a dose given elsewhere
	PlaceType carnet.PlaceType
	BodySite  carnet.BodySite
	Route     string

	Rank       int
	Expected   int
	RankReason string // why the rank is not the one proposed

	Eligibility       string
	Consent           carnet.Consent
	Contraindications []string
	Warnings          []string // codes that the page showed; those of the rules are added by the room
	Note              carnet.Private

	Injector    carnet.ID
	Responsible carnet.ID
	LateReason  string
	Form        string
	Run         carnet.ID
}

// dose is what the command says, before ranks, warnings and who recorded it.
func (c Command) dose(place carnet.Place) carnet.Dose {
	return carnet.Dose{
		PersonID: c.Person, NotGiven: c.NotGiven, Evidence: c.Evidence,
		Vaccine: c.Vaccine, Product: c.Product, Country: c.Country, Lot: c.Lot, Expiry: c.Expiry, Half: c.Half,
		Date: c.Date, Time: c.Time, Place: place, PlaceType: c.PlaceType, BodySite: c.BodySite, Route: c.Route,
		Eligibility: c.Eligibility, Consent: c.Consent, Contraindications: c.Contraindications, Warnings: c.Warnings, Note: c.Note,
		Injector: c.Injector, Responsible: c.Responsible, LateReason: c.LateReason, Form: c.Form, Run: c.Run,
	}
}
