// Package carnet holds the nouns of the platform: Person, Dose, Vaccine, Lot, Professional, Place.
//
// They are pure values: no input or output, no clock and no chance but those that are handed in.
// Whatever tells something about a person hides itself: printed, logged or marshalled it shows
// a mask, and the clear value comes out of one method, Reveal, that a reviewer can search for.
package carnet

import "time"

// Clock tells the time. It is injected everywhere, so that a test decides what "now" is.
type Clock func() time.Time

// Paris is the civil time of the people and acts that Carnet serves.
// It is a fixed table on purpose: a machine without time-zone data must still date a dose.
var Paris = loadParis()

func loadParis() *time.Location {
	loc, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic("carnet: the time-zone table is not embedded: " + err.Error())
	}
	return loc
}
