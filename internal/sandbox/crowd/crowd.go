// Package crowd makes vaccinations of people who do not exist, as many as one likes, in the form of a file to import: to see how an
// instance carries the number of a country, and to have something to look at.
//
// The same seed gives the same file, whatever the machine. Names are those of plants; numbers have the department 00, which is
// none, and the key that they must have; ages are spread as those of a country, injections over the campaign of 2021 and 2022: two
// doses some weeks apart, then a booster. About one pair of people in some thousands has name, given name and birth date in common, as
// happens: an import asks about them.
package crowd

import (
	"bufio"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"carnet/internal/carnet"
	"carnet/nir"
)

// MaxPeople is how many can be told apart by their numbers.
const MaxPeople = 1_000_000

// Vaccinator is somebody who injects, at a place.
type Vaccinator struct{ Number, Place string }

// Order is what is wanted.
type Order struct {
	People      int
	Doses       int // of each, 1 to 3
	Seed        uint64
	Vaccinators []Vaccinator // from the directory of the instance that will import
}

// Header is that of the file.
var Header = []string{"uuid", "nir", "birth_name", "given_names", "birth_date", "sex", "birth_place", "date", "vaccine", "lot", "expiry", "body_site", "route",
	"injector", "place", "place_type", "eligibility"}

var (
	plants = strings.Fields(`AUBÉPINE FOUGÈRE TILLEUL MUGUET GENÊT BRUYÈRE LISERON COQUELICOT LAVANDE ROMARIN SUREAU NOISETIER CHÂTAIGNIER ÉRABLE FRÊNE BOULEAU
		CHARME AULNE SAULE PEUPLIER MÉLÈZE ÉPICÉA GENÉVRIER HOUX LIERRE CHÈVREFEUILLE CLÉMATITE PERVENCHE PRIMEVÈRE VIOLETTE BLEUET NIELLE SAUGE MÉLISSE MENTHE
		ORTIE PLANTAIN TRÈFLE LUZERNE SAINFOIN`)
	given = [2][]string{
		strings.Fields("Rose Iris Capucine Églantine Flora Violette Marguerite Anémone Jasmine Hortense Olive Prune Clémentine Églé Yasmine Lila Dahlia Garance Camélia Mélisse"),
		strings.Fields("Basile Sylvain Narcisse Hyacinthe Florian Olivier Laurent Romarin Ancelin Amaranthe Tanguy Aurèle Hippolyte Cyprien Séverin Anselme Thibault Léonce Firmin Évrard"),
	}
	products = []struct {
		code   string
		weeks  int // between the first two doses
		single bool
	}{{"EU/1/20/1528", 4, false}, {"EU/1/20/1528", 6, false}, {"EU/1/20/1528", 3, false}, {"EU/1/20/1507", 4, false}, {"EU/1/21/1529", 11, false}, {"EU/1/20/1525", 8, true}}
	sites = []string{"left-arm", "left-arm", "left-arm", "right-arm"}
)

// Write writes the file, the doses of a person one after the other.
func Write(out io.Writer, o Order) error {
	switch {
	case o.People < 1 || o.People > MaxPeople:
		return fmt.Errorf("crowd: %d people; between 1 and %d", o.People, MaxPeople)
	case o.Doses < 1 || o.Doses > 3:
		return fmt.Errorf("crowd: %d doses of each; between 1 and 3", o.Doses)
	case len(o.Vaccinators) == 0:
		return fmt.Errorf("crowd: nobody injects")
	}
	buffer := bufio.NewWriterSize(out, 1<<20)
	w := csv.NewWriter(buffer)
	if err := w.Write(Header); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(o.Seed, 0x9e3779b97f4a7c15))
	for i := range o.People {
		for _, row := range person(r, o, i) {
			if err := w.Write(row); err != nil {
				return err
			}
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return err
	}
	return buffer.Flush()
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// person makes the rows of one.
func person(r *rand.Rand, o Order, i int) [][]string {
	sex := r.IntN(2) // 0: woman
	// Ages of a country: as many of each year until 65, then fewer.
	age := 12 + r.IntN(54)
	if r.IntN(4) == 0 {
		age = 66 + min(r.IntN(32), r.IntN(32))
	}
	birth := carnet.DateOfDays(carnet.Date{Year: 2021 - age, Month: 1, Day: 1}.Days() + r.IntN(365))
	number, err := nir.Complete(fmt.Sprintf("%d%02d%02d00%03d%03d", 2-sex, birth.Year%100, int(birth.Month), i/1000%1000, i%1000))
	if err != nil {
		panic("crowd: " + err.Error()) // every part is in its range
	}
	name := pick(r, plants)
	if other := pick(r, plants); other != name && r.IntN(10) > 0 {
		name += "-" + other
	}
	who := []string{number.Reveal(), name, pick(r, given[sex]), birth.String(), []string{"F", "M"}[sex], "00999"}
	// The older, the sooner: from January to July 2021.
	day := carnet.Date{Year: 2021, Month: time.January, Day: 11}.Days() + max(0, 75-age)*3 + r.IntN(45)
	v := pick(r, products)
	var rows [][]string
	for n := range o.Doses {
		switch {
		case n == 1:
			day += v.weeks*7 + r.IntN(7)
			if v.single {
				v = products[0]
			}
		case n == 2:
			day += 150 + r.IntN(60)
			v = products[r.IntN(4)]
		}
		by := pick(r, o.Vaccinators)
		var id [16]byte
		for k := range id {
			id[k] = byte(r.Uint32())
		}
		id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
		h := hex.EncodeToString(id[:])
		uuid := h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		on := carnet.DateOfDays(day)
		lot := fmt.Sprintf("%s%04d", string("FEGH"[day%4])+string("ABCDEFGH"[day/7%8]), day/7%1000*10+r.IntN(10))
		eligibility := "age"
		if age < 65 && r.IntN(3) == 0 {
			eligibility = "health-worker"
		}
		rows = append(rows, append(append([]string{uuid}, who...), on.String(), v.code, lot, on.AddDays(120-day%30).String(), pick(r, sites), "IM",
			by.Number, by.Place, "site", eligibility))
	}
	return rows
}
