package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/nir"
)

// traits are "name, given, birth" and more as "trait=value".
func traits(t *testing.T, name, given, birth string, more ...string) people.Traits {
	t.Helper()
	d, err := carnet.ParseBirthDate(birth)
	must(t, err)
	out := people.Traits{Name: carnet.Hide(name), Given: carnet.Hide(given), Birth: d}
	for _, m := range more {
		switch key, v, _ := strings.Cut(m, "="); key {
		case "sex":
			out.Sex = carnet.Sex(v)
		case "place":
			out.BirthPlace = v
		case "postcode":
			out.Postcode = v
		}
	}
	return out
}

// reasons writes why somebody was found: "name exact, birth swapped".
func reasons(f people.Found) string {
	var list []string
	for _, r := range f.Why {
		list = append(list, string(r.Trait)+" "+string(r.How))
	}
	return strings.Join(list, ", ")
}

func testFind(t *testing.T, w *world) {
	found, err := w.people.ByNIR(t.Context(), w.nurse, number(t, "2850500999001"))
	must(t, err)
	if found.ID != w.fern || reasons(found) != "nir exact" || !found.Sure() {
		t.Errorf("found %v by %v", found.ID, found.Why)
	}
	if _, err := w.people.ByNIR(t.Context(), w.nurse, number(t, "1850500999001")); carnet.CodeOf(err) != "person.unknown-nir" {
		t.Errorf("unknown number: %v", err)
	}
	oak, err := w.people.Enrol(t.Context(), system, identity("CHÊNE-ROUVRE", "", "1940-00-00", carnet.Male, number(t, "1404200999002"), "Jean-Baptiste", "Noël"))
	must(t, err)
	for _, c := range []struct {
		name   string
		traits people.Traits
		who    carnet.ID
		why    string
		sure   bool
	}{
		{"birth name", traits(t, "fougere", "", "1985-05-12"), w.fern, "name exact, birth exact", false},
		{"birth name, given name", traits(t, "Fougère", "camille", "1985-05-12"), w.fern, "name exact, birth exact, given exact", true},
		{"used name, second given name", traits(t, "Tilleul", "ROSE", "1985-05-12"), w.fern, "name used, birth exact, given order", false},
		{"all given names", traits(t, "Tilleul", "camille rose", "1985-05-12"), w.fern, "name used, birth exact, given exact", true},
		{"as it sounds", traits(t, "Foujaire", "Kamille", "1985-05-12"), w.fern, "name sound, birth exact, given sound", false},
		{"a letter left out", traits(t, "Fogère", "", "1985-05-12"), w.fern, "name slip, birth exact", false},
		{"two letters swapped", traits(t, "Fuogère", "Camille", "1985-05-12"), w.fern, "name slip, birth exact, given exact", false},
		{"name and given name one for the other", traits(t, "Camille", "Fougère", "1985-05-12"), w.fern, "name inverted, birth exact, given inverted", false},
		{"day and month one for the other", traits(t, "Fougère", "Camille", "1985-12-05"), w.fern, "name exact, birth swapped, given exact", false},
		{"day and month one for the other, no given name", traits(t, "Fougère", "", "1985-12-05"), w.fern, "name exact, birth swapped", false},
		{"another day", traits(t, "Fougère", "Camille", "1985-05-13"), w.fern, "name exact, birth near, given exact", false},
		{"another day, as it sounds", traits(t, "Foujère", "Camille", "1985-05-13"), w.fern, "name sound, birth near, given exact", false},
		{"the day is not known to who asks", traits(t, "Fougère", "Camille", "1985-05-00"), w.fern, "name exact, birth presumed, given exact", false},
		{"a given name alone", traits(t, "", "Camille", "1985-05-12"), w.fern, "birth exact, given exact", false},
		{"a name that the register does not have", traits(t, "Muguet", "Camille", "1985-05-12"), w.fern, "name other, birth exact, given exact", false},
		{"the sex fits", traits(t, "Fougère", "Camille", "1985-05-12", "sex=F", "place=00999"), w.fern, "name exact, birth exact, given exact, sex exact, birth-place exact", true},
		{"a day that civil status does not know", traits(t, "Chêne", "Noël", "1940-01-01"), oak, "name part, birth presumed, given order", false},
		{"one part of two given names", traits(t, "Chêne-Rouvre", "Jean", "1940-00-00"), oak, "name exact, birth exact, given part", false},
		{"two names in one", traits(t, "Chênerouvre", "Jeanbaptiste", "1940-00-00"), oak, "name exact, birth exact, given exact", true},
		{"another given name", traits(t, "Fougère", "Noé", "1985-05-12"), w.fern, "name exact, birth exact, given other", false},
		{"another birth date", traits(t, "fougere", "", "1985-06-13"), carnet.ID{}, "", false},
		{"another sex, near date", traits(t, "Fougère", "", "1985-12-05", "sex=M"), w.fern, "name exact, birth swapped, sex other", false},
		{"part of a name", traits(t, "foug", "", "1985-05-12"), carnet.ID{}, "", false},
		{"nothing fits but the date", traits(t, "Muguet", "Noé", "1985-05-12"), carnet.ID{}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			found, err := w.people.ByTraits(t.Context(), w.nurse, c.traits)
			must(t, err)
			if c.why == "" {
				if len(found) > 0 {
					t.Errorf("found %s, %d", reasons(found[0]), found[0].Score)
				}
				return
			}
			if len(found) != 1 || found[0].ID != c.who || reasons(found[0]) != c.why || found[0].Sure() != c.sure {
				for _, f := range found {
					t.Errorf("found %v: %s, %d, sure %v", f.ID == c.who, reasons(f), f.Score, f.Sure())
				}
				t.Fatalf("%d found", len(found))
			}
			sum := 0
			for _, r := range found[0].Why {
				sum += r.Points
			}
			if s := found[0].Score; s < 50 || s != min(sum, 100) {
				t.Errorf("score %d, points %d", s, sum)
			}
		})
	}
	t.Run("twins and homonyms are marked", func(t *testing.T) {
		_, err := w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "", "1985-05-12", carnet.Female, number(t, "2850500999002"), "Anaïs"))
		must(t, err)
		found, err := w.people.ByTraits(t.Context(), w.nurse, traits(t, "Fougère", "Camille", "1985-05-12"))
		must(t, err)
		if len(found) != 2 || found[0].ID != w.fern || !slices.Contains(found[0].Alerts, people.Twin) || found[0].Sure() || reasons(found[1]) != "name exact, birth exact, given other" {
			t.Errorf("a twin: %+v", found)
		}
		_, err = w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "", "1985-05-12", carnet.Male, number(t, "1850500999003"), "Camille"))
		must(t, err)
		found, err = w.people.ByTraits(t.Context(), w.nurse, traits(t, "Fougère", "Camille", "1985-05-12"))
		must(t, err)
		if len(found) != 3 || !slices.Contains(found[0].Alerts, people.Homonym) || !slices.Contains(found[1].Alerts, people.Homonym) {
			t.Errorf("a homonym: %+v", found)
		}
	})
	t.Run("somebody who died, somebody whose number waits", func(t *testing.T) {
		must(t, w.people.RecordDeath(t.Context(), system, oak, carnet.Date{Year: 2026, Month: 1, Day: 3}))
		found, err := w.people.ByNIR(t.Context(), w.nurse, number(t, "1404200999002"))
		must(t, err)
		if !slices.Contains(found.Alerts, people.Deceased) || found.Died != (carnet.Date{Year: 2026, Month: 1, Day: 3}) {
			t.Errorf("died: %+v", found)
		}
		_, err = w.people.Enrol(t.Context(), system, identity("SUREAU", "", "1990-02-03", carnet.Male, number(t, "7900200999004"), "Ilan"))
		must(t, err)
		if found, err = w.people.ByNIR(t.Context(), w.nurse, number(t, "7900200999004")); err != nil || !slices.Contains(found.Alerts, people.WaitingNIR) {
			t.Errorf("waiting number: %+v, %v", found, err)
		}
	})
	t.Run("a search is bounded", func(t *testing.T) {
		for i := range 70 {
			_, err := w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "", "1971-01-02", carnet.Female, nir.Number{}, fmt.Sprintf("Iris%c%c", 'a'+i/10, 'a'+i%10)))
			must(t, err)
		}
		found, err := w.people.ByTraits(t.Context(), w.nurse, traits(t, "Fougère", "", "1971-01-02"))
		must(t, err)
		if len(found) != people.MostFound {
			t.Errorf("%d found", len(found))
		}
	})
	_, err = w.people.ByTraits(t.Context(), w.nurse, people.Traits{})
	if p, ok := errors.AsType[carnet.Problems](err); !ok || len(p) != 2 {
		t.Errorf("no traits: %v", err)
	}
}

// newcomer is somebody without number, with an idempotency key of their own.
func (w *world) newcomer(t *testing.T, i carnet.Identity) people.Newcomer {
	t.Helper()
	key, err := w.people.NewKey()
	must(t, err)
	i.BirthPlace = ""
	return people.Newcomer{Key: key, Identity: i, Proof: people.Passport}
}

func testNewcomer(t *testing.T, w *world) {
	i := identity("SORBIER", "", "1993-04-01", carnet.Male, nir.Number{}, "Idris")
	i.Postcode = carnet.NoFixedAddress
	n := w.newcomer(t, i)
	p, like, err := w.people.Open(t.Context(), w.nurse, n)
	must(t, err)
	if len(like) > 0 || len(p.Recall.Reveal()) != 9 {
		t.Fatalf("%d like them, code of %d letters", len(like), len(p.Recall.Reveal()))
	}
	t.Run("sent twice, it is one record", func(t *testing.T) {
		again, _, err := w.people.Open(t.Context(), w.nurse, n)
		must(t, err)
		if again.ID != p.ID || again.Recall.Reveal() != p.Recall.Reveal() {
			t.Error("two records")
		}
	})
	t.Run("the code on the paper finds the person again", func(t *testing.T) {
		code, err := people.ParseRecall(strings.ToLower(people.PrintRecall(p.Recall)))
		must(t, err)
		found, err := w.people.ByRecall(t.Context(), w.doctor, code)
		must(t, err)
		if len(found) != 1 || found[0].ID != p.ID || !slices.Contains(found[0].Alerts, people.NoNumber) {
			t.Errorf("found %+v", found)
		}
		who, err := w.people.Person(t.Context(), w.doctor, p.ID)
		must(t, err)
		if who.Identity.Postcode != carnet.NoFixedAddress || who.Recall.Reveal() != p.Recall.Reveal() || who.Identity.Given() != "Idris" {
			t.Errorf("opened %+v", who)
		}
	})
	t.Run("a code that nobody has", func(t *testing.T) {
		if _, err := w.people.ByRecall(t.Context(), w.doctor, carnet.Hide("AAAAAAAAA")); carnet.CodeOf(err) != "person.unknown-recall" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("who looks like somebody is shown first, and never refused", func(t *testing.T) {
		same := w.newcomer(t, identity("SORBIÉ", "", "1993-01-04", carnet.Male, nir.Number{}, "Idris"))
		before := w.Count(t, "person")
		_, like, err := w.people.Open(t.Context(), w.nurse, same)
		if carnet.CodeOf(err) != "person.exists" || len(like) != 1 || like[0].ID != p.ID || w.Count(t, "person") != before {
			t.Fatalf("like %v, %v", like, err)
		}
		same.Seen = []carnet.ID{p.ID}
		other, _, err := w.people.Open(t.Context(), w.nurse, same)
		must(t, err)
		if other.ID == p.ID || w.Count(t, "person") != before+1 {
			t.Error("no record of their own")
		}
	})
	t.Run("a delegate may, under the professional's name", func(t *testing.T) {
		clerk := w.nurse
		clerk.Delegate, _ = w.ids.New()
		n := w.newcomer(t, identity("GENÉVRIER", "", "2001-01-31", carnet.Female, nir.Number{}, "Salomé"))
		p, _, err := w.people.Open(t.Context(), clerk, n)
		must(t, err)
		list, err := w.people.Changes(t.Context(), w.nurse, p.ID)
		must(t, err)
		if len(list) != 1 || list[0].Kind != people.Opened || list[0].Actor != w.nurse.ID || list[0].Delegate != clerk.Delegate || list[0].Proof != people.Passport || list[0].After.BirthName.Reveal() != "GENÉVRIER" {
			t.Errorf("changes %+v", list)
		}
	})
	t.Run("every fault is named", func(t *testing.T) {
		n := people.Newcomer{Identity: carnet.Identity{Postcode: "7500"}, Proof: "a word"}
		_, _, err := w.people.Open(t.Context(), w.nurse, n)
		list, _ := errors.AsType[carnet.Problems](err)
		var codes []string
		for _, p := range list {
			codes = append(codes, p.Code)
		}
		if want := "person.name-missing person.given-missing birth.missing person.sex person.postcode person.proof person.key-missing"; strings.Join(codes, " ") != want {
			t.Errorf("%v", codes)
		}
	})
	t.Run("an insured person opens nothing", func(t *testing.T) {
		if _, _, err := w.people.Open(t.Context(), protect.Actor{ID: w.fern, Role: protect.Insured}, w.newcomer(t, i)); !errors.Is(err, protect.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
}

// dose records a dose for somebody.
func (w *world) dose(t *testing.T, person carnet.ID, date string) carnet.Dose {
	t.Helper()
	c := w.command(t, date)
	c.Person = person
	d, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	must(t, err)
	return d
}

func (w *world) joining(t *testing.T, from, into carnet.ID) people.Joining {
	t.Helper()
	key, err := w.people.NewKey()
	must(t, err)
	return people.Joining{Key: key, From: from, Into: into, Proof: people.IDCard, Reason: "même personne"}
}

func testJoin(t *testing.T, w *world) {
	lost, _, err := w.people.Open(t.Context(), w.nurse, w.newcomer(t, identity("FOUGÈRES", "", "1985-12-05", carnet.Female, nir.Number{}, "Camille")))
	if carnet.CodeOf(err) != "person.exists" { // she looks like herself
		t.Fatalf("got %v", err)
	}
	n := w.newcomer(t, identity("FOUGÈRES", "", "1985-12-05", carnet.Female, nir.Number{}, "Camille"))
	n.Seen = []carnet.ID{w.fern}
	lost, _, err = w.people.Open(t.Context(), w.nurse, n)
	must(t, err)
	first := w.dose(t, lost.ID, "2026-10-01")
	second := w.dose(t, w.fern, "2026-11-02")
	certify := w.certify(t, w.signer)
	_, err = certify.Attestation(t.Context(), protect.Actor{ID: lost.ID, Role: protect.Insured}, lost.ID)
	must(t, err)
	follow := func() int {
		n, err := certify.Follow(t.Context(), system)
		must(t, err)
		return n
	}
	follow()

	j := w.joining(t, lost.ID, w.fern)
	must(t, w.people.Join(t.Context(), w.doctor, j))
	must(t, w.people.Join(t.Context(), w.doctor, j)) // sent twice
	if n := follow(); n != 1 {
		t.Errorf("%d documents of the first record were revoked", n)
	}
	t.Run("the doses of both are read together, in their order", func(t *testing.T) {
		list := w.history(t, w.fern)
		if len(list) != 2 || list[0].ID != first.ID || list[1].ID != second.ID {
			t.Fatalf("history %v", list)
		}
		if got := w.history(t, lost.ID); len(got) != 0 {
			t.Errorf("the record that was joined still has %d doses of its own", len(got))
		}
		if w.Count(t, "dose") != 2 || w.Count(t, "dose_event") != 2 {
			t.Error("something was moved or written again")
		}
	})
	t.Run("and get the ranks of one history, once", func(t *testing.T) {
		before := w.Count(t, "dose_event")
		for range 2 {
			must(t, w.vaccinate.Renumber(t.Context(), w.doctor, w.fern, j.Key))
			must(t, w.vaccinate.Renumber(t.Context(), w.doctor, lost.ID, j.Key))
		}
		list := w.history(t, w.fern)
		if len(list) != 2 || list[0].Rank != 1 || list[1].Rank != 2 || w.Count(t, "dose_event") != before+1 {
			t.Errorf("ranks %d and %d, %d events", list[0].Rank, list[1].Rank, w.Count(t, "dose_event")-before)
		}
		events, err := w.vaccinate.Events(t.Context(), w.doctor, w.fern, list[1].ID)
		must(t, err)
		if last := events[len(events)-1]; last.Kind != vaccinate.Renumbered || last.Actor != w.doctor.ID || last.Follows != j.Key {
			t.Errorf("the event %+v", last)
		}
	})
	t.Run("every way to the first record leads to the other", func(t *testing.T) {
		p, err := w.people.Person(t.Context(), w.nurse, lost.ID)
		must(t, err)
		if p.ID != w.fern {
			t.Error("the id leads elsewhere")
		}
		found, err := w.people.ByRecall(t.Context(), w.nurse, lost.Recall)
		must(t, err)
		if len(found) != 1 || found[0].ID != w.fern {
			t.Errorf("the code leads to %v", found)
		}
		found, err = w.people.ByTraits(t.Context(), w.nurse, traits(t, "Fougères", "Camille", "1985-12-05"))
		must(t, err)
		if len(found) != 1 || found[0].ID != w.fern || !strings.HasPrefix(reasons(found[0]), "name former") {
			t.Errorf("the traits lead to %v", found)
		}
	})
	t.Run("a dose of the first record is corrected where it stands", func(t *testing.T) {
		c := w.command(t, "2026-10-02")
		c.Person = w.fern
		got, err := w.vaccinate.Correct(t.Context(), w.nurse, c, vaccinate.Revision{Dose: first.ID, Version: w.history(t, w.fern)[0].Version, Reason: "mauvais jour"})
		must(t, err)
		again, err := w.vaccinate.Correct(t.Context(), w.nurse, c, vaccinate.Revision{Dose: first.ID, Version: 1, Reason: "mauvais jour"})
		must(t, err)
		list := w.history(t, w.fern)
		if len(list) != 2 || got.ID != first.ID || again.Version != got.Version || list[0].Date.Day != 2 || w.Count(t, "dose") != 2 {
			t.Errorf("after the correction: %v", list)
		}
		follow()
	})
	t.Run("both records remember, and the person is told", func(t *testing.T) {
		for id, kind := range map[carnet.ID]people.ChangeKind{lost.ID: people.JoinedTo, w.fern: people.Received} {
			list, err := w.people.Changes(t.Context(), w.nurse, id)
			must(t, err)
			if len(list) == 0 || list[0].Kind != kind || list[0].Actor != w.doctor.ID || list[0].Reason != "même personne" || list[0].Proof != people.IDCard {
				t.Errorf("%s: %+v", kind, list)
			}
		}
		told, err := w.people.Notices(t.Context(), protect.Actor{ID: w.fern, Role: protect.Insured})
		must(t, err)
		if !slices.ContainsFunc(told, func(n carnet.Notice) bool { return n.Kind == "person.merged" }) {
			t.Errorf("told %v", told)
		}
	})
	t.Run("what cannot be joined is named", func(t *testing.T) {
		other, err := w.people.Enrol(t.Context(), system, identity("TILLEUL", "", "1985-05-12", carnet.Female, number(t, "2850500999005"), "Camille"))
		must(t, err)
		clerk := w.nurse
		clerk.Delegate = w.doctor.ID
		for name, c := range map[string]struct {
			actor      protect.Actor
			from, into carnet.ID
			code       string
		}{
			"two numbers":            {w.doctor, other, w.fern, "person.two-numbers"},
			"joined already":         {w.doctor, lost.ID, other, "person.joined-already"},
			"into one that is apart": {w.doctor, other, lost.ID, "person.joined-already"},
			"itself":                 {w.doctor, other, other, "person.itself"},
			"a delegate":             {clerk, lost.ID, other, "delegate.refused"},
			"nobody":                 {w.doctor, carnet.ID{1}, other, "person.unknown"},
		} {
			if err := w.people.Join(t.Context(), c.actor, w.joining(t, c.from, c.into)); carnet.CodeOf(err) != c.code {
				t.Errorf("%s: %v", name, err)
			}
		}
		same := j
		same.Into = other
		if err := w.people.Join(t.Context(), w.doctor, same); carnet.CodeOf(err) != "person.key-reused" {
			t.Errorf("the key used again: %v", err)
		}
	})
	t.Run("parted again, each has its own", func(t *testing.T) {
		_, err := certify.Attestation(t.Context(), protect.Actor{ID: w.fern, Role: protect.Insured}, w.fern)
		must(t, err)
		key, err := w.people.NewKey()
		must(t, err)
		s := people.Separation{Key: key, Person: lost.ID, Reason: "deux personnes"}
		for range 2 { // sent twice
			from, err := w.people.Separate(t.Context(), w.doctor, s)
			if err != nil || from != w.fern {
				t.Fatalf("from %v, %v", from, err)
			}
		}
		if a, b := w.history(t, lost.ID), w.history(t, w.fern); len(a) != 1 || a[0].ID != first.ID || len(b) != 1 || b[0].ID != second.ID {
			t.Errorf("%v and %v", a, b)
		}
		if n := follow(); n != 1 {
			t.Errorf("%d documents that named the other's dose were revoked", n)
		}
		p, err := w.people.Person(t.Context(), w.nurse, w.fern)
		must(t, err)
		if len(p.Former) != 0 {
			t.Errorf("still known by %d other identities", len(p.Former))
		}
		s.Key, _ = w.people.NewKey()
		if _, err := w.people.Separate(t.Context(), w.doctor, s); carnet.CodeOf(err) != "person.not-joined" {
			t.Errorf("parted twice: %v", err)
		}
	})
}

func testNumber(t *testing.T, w *world) {
	p, _, err := w.people.Open(t.Context(), w.nurse, w.newcomer(t, identity("SORBIER", "", "1993-04-01", carnet.Male, nir.Number{}, "Idris")))
	must(t, err)
	d := w.dose(t, p.ID, "2026-11-02")
	key, err := w.people.NewKey()
	must(t, err)
	n := people.Numbering{Key: key, Person: p.ID, NIR: number(t, "1930400999007"), Proof: people.CardRead, Reason: "droits ouverts"}
	into, err := w.people.Number(t.Context(), w.nurse, n)
	must(t, err)
	again, err := w.people.Number(t.Context(), w.nurse, n)
	must(t, err)
	if again != into || into == p.ID || into.Version() != 8 {
		t.Errorf("%v, then %v", into, again)
	}
	found, err := w.people.ByNIR(t.Context(), w.doctor, n.NIR)
	must(t, err)
	if found.ID != into || len(w.history(t, into)) != 1 || w.history(t, into)[0].ID != d.ID {
		t.Errorf("found %v, %d doses", found.ID, len(w.history(t, into)))
	}
	// Whoever enrols the number later meets the same record.
	if id, err := w.people.Enrol(t.Context(), system, identity("SORBIER", "", "1993-04-01", carnet.Male, n.NIR, "Idris")); err != nil || id != into {
		t.Errorf("enrolled as %v, %v", id, err)
	}
	t.Run("the number of somebody with another name joins nothing", func(t *testing.T) {
		q, _, err := w.people.Open(t.Context(), w.nurse, w.newcomer(t, identity("MÉLÈZE", "", "1950-01-01", carnet.Male, nir.Number{}, "Aymar")))
		must(t, err)
		key, _ := w.people.NewKey()
		_, err = w.people.Number(t.Context(), w.nurse, people.Numbering{Key: key, Person: q.ID, NIR: n.NIR, Proof: people.CardRead, Reason: "carte"})
		if carnet.CodeOf(err) != "person.number-other" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the number of somebody with the same traits joins their record", func(t *testing.T) {
		other := w.newcomer(t, identity("FOUGÈRE", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille"))
		other.Seen = []carnet.ID{w.fern}
		q, _, err := w.people.Open(t.Context(), w.nurse, other)
		must(t, err)
		key, _ := w.people.NewKey()
		into, err := w.people.Number(t.Context(), w.nurse, people.Numbering{Key: key, Person: q.ID, NIR: number(t, "2850500999001"), Proof: people.CardRead, Reason: "carte"})
		if err != nil || into != w.fern {
			t.Errorf("%v, %v", into, err)
		}
	})
}

func testRename(t *testing.T, w *world) {
	w.dose(t, w.fern, "2026-11-02")
	certify := w.certify(t, w.signer)
	_, err := certify.Attestation(t.Context(), protect.Actor{ID: w.fern, Role: protect.Insured}, w.fern)
	must(t, err)
	_, err = certify.Follow(t.Context(), system)
	must(t, err)
	p, err := w.people.Person(t.Context(), w.nurse, w.fern)
	must(t, err)
	i := p.Identity
	i.BirthName, i.UsedName = carnet.Hide("BRUYÈRE"), carnet.Private{}
	i.NIR = nir.Number{} // a form has none
	key, err := w.people.NewKey()
	must(t, err)
	r := people.Renaming{Key: key, Person: w.fern, Identity: i, Proof: people.CivilStatus, Reason: "jugement"}
	must(t, w.people.Rename(t.Context(), w.doctor, r))
	must(t, w.people.Rename(t.Context(), w.doctor, r))
	p, err = w.people.Person(t.Context(), w.nurse, w.fern)
	must(t, err)
	if p.Identity.BirthName.Reveal() != "BRUYÈRE" || !p.Identity.UsedName.IsZero() || p.Identity.NIR.IsZero() || len(p.Former) != 1 || p.Former[0].UsedName.Reveal() != "TILLEUL" {
		t.Errorf("renamed to %+v", p)
	}
	for name, want := range map[string]string{"Bruyère": "name exact", "Fougère": "name former", "Tilleul": "name former"} {
		found, err := w.people.ByTraits(t.Context(), w.nurse, traits(t, name, "Camille", "1985-05-12"))
		must(t, err)
		if len(found) != 1 || !strings.HasPrefix(reasons(found[0]), want) {
			t.Errorf("%s: %v", name, found)
		}
	}
	list, err := w.people.Changes(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(list) != 1 || list[0].Before.BirthName.Reveal() != "FOUGÈRE" || list[0].After.BirthName.Reveal() != "BRUYÈRE" {
		t.Errorf("changes %+v", list)
	}
	if n, err := certify.Follow(t.Context(), system); err != nil || n != 1 {
		t.Errorf("%d documents with the old name were revoked, %v", n, err)
	}
	told, err := w.people.Notices(t.Context(), protect.Actor{ID: w.fern, Role: protect.Insured})
	must(t, err)
	if !slices.ContainsFunc(told, func(n carnet.Notice) bool { return n.Kind == "person.renamed" }) {
		t.Errorf("told %v", told)
	}
}

func testDependants(t *testing.T, w *world) {
	child := func(date string) people.Newcomer {
		n := w.newcomer(t, identity("FOUGÈRE", "", date, carnet.Male, nir.Number{}, "Basile"))
		n.Parent = w.fern
		return n
	}
	young, _, err := w.people.Open(t.Context(), w.nurse, child("2020-02-29"))
	must(t, err)
	// Sixteen tomorrow: the world's day is 21 November 2026.
	nearly, _, err := w.people.Open(t.Context(), w.nurse, child("2010-11-22"))
	must(t, err)
	if _, _, err := w.people.Open(t.Context(), w.nurse, child("2010-11-21")); err == nil || !strings.Contains(err.Error(), "person.parent-age") {
		t.Errorf("sixteen today: %v", err)
	}
	found, err := w.people.Dependants(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(found) != 2 {
		t.Fatalf("%d children", len(found))
	}
	for _, f := range found {
		if f.ID != young.ID && f.ID != nearly.ID || f.ID == w.fern {
			t.Errorf("a child is %v", f)
		}
	}
	w.later(24 * time.Hour)
	found, err = w.people.Dependants(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(found) != 1 || found[0].ID != young.ID {
		t.Errorf("on the birthday: %d children", len(found))
	}
}
