package pro

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/stock"
)

const (
	boxPath   = "/saisie/boite"
	photoPath = "/saisie/photo"
	maxPhoto  = 8 << 20 // bytes
)

func gtin(s string) gs1.GTIN { return gs1.GTIN(s) }

// pack is what the code on a box says, as far as the place knows it.
type pack struct {
	Vaccine string // code of the catalogue; empty when nobody knows the box
	Lot     string
	Expiry  carnet.Date
	GTIN    gs1.GTIN
	State   stock.State // of the lot at the place
}

// box reads a scan, whatever the scanner made of it. A lost separator is found again by the lots that
// the place has. The product comes from the catalogue by GTIN, else from what the place said before.
func (s *site) box(r *http.Request, actor protect.Actor, scan string) (pack, error) {
	var b pack
	var problems carnet.Problems
	fault := func(code string) (pack, error) {
		problems.Add("scan", code, nil)
		return pack{}, problems
	}
	packs, err := gs1.Parse(scan, s.Vaccinate.Today().Year)
	if err != nil {
		if e, ok := errors.AsType[*gs1.Error](err); ok {
			return fault(e.Code)
		}
		return b, err
	}
	lots, err := s.liveLots(r, actor)
	if err != nil {
		return b, err
	}
	read, ok := gs1.Choose(packs, func(g gs1.GTIN, lot string) bool {
		v, _ := s.Vaccinate.Catalogue().FindPack(string(g))
		return slices.ContainsFunc(lots, func(l stock.Lot) bool {
			return strings.EqualFold(l.Number.Reveal(), lot) && (l.Vaccine == v.Code || l.GTIN == string(g))
		})
	})
	if !ok {
		return fault("scan.ambiguous")
	}
	if read.GTIN == "" {
		return fault("scan.no-product")
	}
	b.GTIN = read.GTIN
	if b.Vaccine, err = s.boxHolds(r, actor, read.GTIN); err != nil {
		return b, err
	}
	if read.Lot != "" {
		lot, err := carnet.ParseLot(read.Lot)
		if err != nil {
			return fault(carnet.CodeOf(err))
		}
		b.Lot = lot.Reveal()
		if b.Vaccine != "" {
			if b.State, err = s.lotState(r, actor, b.Vaccine, lot); err != nil {
				return b, err
			}
		}
	}
	if !read.Expiry.IsZero() {
		b.Expiry = carnet.Date{Year: read.Expiry.Year(), Month: read.Expiry.Month(), Day: read.Expiry.Day()}
	}
	return b, nil
}

// boxHolds is what a box holds: by the catalogue, else by what the place said before; empty when nobody knows.
func (s *site) boxHolds(r *http.Request, actor protect.Actor, g gs1.GTIN) (string, error) {
	if v, known := s.Vaccinate.Catalogue().FindPack(string(g)); known {
		return v.Code, nil
	}
	code, err := s.Runs.Pack(r.Context(), actor, g)
	if carnet.KindOf(err) == carnet.NotFound {
		return "", nil
	}
	return code, err
}

// liveLots are those that a form offers. A place that keeps no stock offers none.
func (s *site) liveLots(r *http.Request, actor protect.Actor) ([]stock.Lot, error) {
	list, err := s.Stock.Live(r.Context(), actor, actor.Organisation)
	if carnet.KindOf(err) == carnet.Denied {
		return nil, nil
	}
	return list, err
}

// lotState is the state of a lot today; active where the place keeps no stock and nobody recalled it.
func (s *site) lotState(r *http.Request, actor protect.Actor, vaccine string, lot carnet.Lot) (stock.State, error) {
	l, err := s.Stock.Status(r.Context(), actor, actor.Organisation, vaccine, lot)
	if carnet.KindOf(err) == carnet.Denied || carnet.KindOf(err) == carnet.NotFound {
		return stock.Active, nil
	}
	if err != nil {
		return "", err
	}
	state := l.State(s.Vaccinate.Today())
	if state != stock.Unknown {
		return state, nil
	}
	lots, err := s.liveLots(r, actor)
	if len(lots) == 0 {
		state = stock.Active // nobody keeps the stock of this place: that says nothing of the lot
	}
	return state, err
}

// lotCodes are the warnings about the lot, "lot-recalled"; they are recorded with the dose.
func (s *site) lotCodes(r *http.Request, k work, c vaccinate.Command) ([]string, error) {
	if c.Lot.IsZero() || c.Vaccine == "" || c.NotGiven != "" || c.Evidence != carnet.Administered {
		return nil, nil
	}
	var codes []string
	state, err := s.lotState(r, k.actor, c.Vaccine, c.Lot)
	if err != nil {
		return nil, err
	}
	if state != stock.Active && state != stock.Expired {
		codes = append(codes, "lot-"+string(state))
	}
	if state == stock.Expired || !c.Expiry.IsZero() && c.Expiry.Before(c.Date) {
		codes = append(codes, "lot-expired")
	}
	return codes, nil
}

// boxAnswer is what the script of a form is told of a scan.
type boxAnswer struct {
	Vaccine string   `json:"vaccine"` // empty: ask
	Name    string   `json:"name,omitempty"`
	Lot     string   `json:"lot,omitempty"`
	Expiry  []string `json:"expiry,omitempty"` // day, month, year
	GTIN    string   `json:"gtin,omitempty"`
	Words   string   `json:"words"` // what to tell
	Bad     bool     `json:"bad,omitempty"`
}

// readBox answers the script of a form. The scan comes in the body, never in the address.
func (s *site) readBox(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.answerBox(w, r, actor, r.PostForm.Get("scan"))
}

func (s *site) answerBox(w http.ResponseWriter, r *http.Request, actor protect.Actor, scan string) error {
	t := s.ui.Text(r)
	b, err := s.box(r, actor, scan)
	var a boxAnswer
	if problems, ok := errors.AsType[carnet.Problems](err); ok {
		a = boxAnswer{Words: t.Message(problems[0]), Bad: true}
	} else if err != nil {
		return err
	} else {
		a = boxAnswer{Vaccine: b.Vaccine, Lot: b.Lot, GTIN: string(b.GTIN), Words: t.T("scan.read")}
		if !b.Expiry.IsZero() {
			p := ui.PartsOf(b.Expiry)
			a.Expiry = []string{p.Day, p.Month, p.Year}
		}
		switch {
		case b.Vaccine == "":
			a.Words, a.Bad = t.T("scan.unknown-box"), true
		case b.State != stock.Active && b.State != "":
			a.Words, a.Bad = t.T("warning.lot-"+string(b.State)), true
		}
		if b.Vaccine != "" {
			a.Name = s.vaccineName(b.Vaccine)
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	return json.NewEncoder(w).Encode(a)
}

// readPhoto reads the code in a picture that the script sends when the browser itself cannot.
func (s *site) readPhoto(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	picture, err := io.ReadAll(r.Body)
	if err != nil {
		return carnet.E("pro.scan", carnet.Invalid, "request.large", err)
	}
	texts, err := s.Picture(r.Context(), picture)
	if err != nil || len(texts) == 0 {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		return json.NewEncoder(w).Encode(boxAnswer{Words: s.ui.Text(r).T("scan.no-code"), Bad: true})
	}
	return s.answerBox(w, r, actor, texts[0])
}
