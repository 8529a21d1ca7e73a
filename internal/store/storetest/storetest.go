// Package storetest is the one suite that every store passes: the rooms' own services run over it,
// and what they promise is checked on what they answer and on what the journal holds.
package storetest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/software"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/vaccinate/lists"
	"carnet/internal/vaccinate/paper"
	"carnet/internal/vaccinate/run"
	"carnet/internal/vaccinate/stock"
	"carnet/nir"
)

// Backend is an open store under test, with a way to look at the raw tables.
type Backend struct {
	People     people.Store
	Vaccinate  vaccinate.Store
	Certify    certify.Store
	Login      login.Store
	Delegation delegation.Store
	Stock      stock.Store
	Lists      lists.Store
	Paper      paper.Store
	Imports    bulk.Store
	Run        run.Store
	Software   software.Store
	Fraud      fraud.Store
	Count      func(t testing.TB, table string) int
	Journal    func(t testing.TB) []Line // oldest first
}

// Line is what the suite looks at of a journal entry.
type Line struct {
	Person                               carnet.ID
	Kind, Object, Outcome, Purpose, Role string
	Actor, Decision, Delegate            carnet.ID
}

// Open makes an empty store. It is called once for each subtest.
type Open func(t testing.TB, ring *keyring.Ring, ids carnet.IDs) Backend

var system = protect.Actor{Role: protect.System}

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, *world){
		"enrolling twice is enrolling once":                       testEnrolTwice,
		"people are found by number and by traits":                testFind,
		"a login resolves to one person or to none":               testRecognise,
		"a person is told what happened, and reads it":            testNotices,
		"nobody is refused for lack of a number":                  testNewcomer,
		"two records that are one person are joined, and parted":  testJoin,
		"a number joins the record of the number":                 testNumber,
		"a corrected name keeps the old one findable":             testRename,
		"children are found by a parent until they are sixteen":   testDependants,
		"a dose is event, projection, outbox and journal at once": testRecord,
		"the same key records once":                               testIdempotent,
		"the same key with other content is a conflict":           testKeyReused,
		"many writers with one key record once":                   testConcurrentKey,
		"many writers on one person lose no dose and no rank":     testConcurrentRanks,
		"every fault of a dose is named":                          testFaults,
		"a refusal does nothing and is in the journal":            testRefusal,
		"a failure after a read is in the journal":                testFailure,
		"a correction is an event":                                testCorrect,
		"a cancelled dose no longer stands":                       testCancel,
		"a purpose sees its columns only":                         testColumns,
		"what a form says is what the record says":                testEveryField,
		"that none was given is a record":                         testNotGiven,
		"doses of elsewhere need no lot, and count with a proof":  testElsewhere,
		"ranks follow the injections, by events":                  testRenumber,
		"who may correct what, and until when":                    testMayTouch,
		"a correction says what it touched":                       testChanges,
		"what was just entered is undone":                         testUndo,
		"an entry is moved to the right person":                   testMove,
		"a forged entry is annulled by two people":                testForged,
		"a professional sees their own patients":                  testLink,
		"a request of rectification is answered":                  testPetition,
		"what a correction belies is revoked at once":             testAtOnce,
		"a certificate traces back to the act":                    testTrace,
		"a run keeps its lot and ends":                            testRuns,
		"a draft is found again by who typed it":                  testDrafts,
		"an unknown box is asked about once":                      testPacks,
		"lots are active, expired, depleted":                      testLots,
		"doses recorded beyond those received are counted":        testLotCount,
		"every fault of a lot is named":                           testLotFaults,
		"a recall tells each person once and leaves a list":       testRecall,
		"who may recall a lot":                                    testRecallRights,
		"a list is made, kept, worked and deleted":                testWorklists,
		"who is on a list":                                        testListKinds,
		"a list is of those who asked for it":                     testListRights,
		"the session of today and the report":                     testToday,
		"the number of a form is taken once":                      testPaper,
		"a form is entered once":                                  testPaperEntry,
		"a file is taken over once":                               testImport,
		"a trial says what an import does":                        testTrial,
		"rows that cannot be are named":                           testImportFaults,
		"what is near waits for a human":                          testReviews,
		"who a row speaks of is asked when it is not sure":        testIdentify,
		"an import is stopped and goes on":                        testResume,
		"what the other system changes is corrected here":         testSync,
		"ranks follow an imported dose":                           testImportRanks,
		"a file is sent from a page, tried and imported in steps": testUpload,
		"resources of FHIR are rows":                              testResources,
		"an import has one decision and a line for each person":   testImportJournal,
		"records say when their source confirmed them":            testFresh,
		"entries out of the ordinary are found and answered":      testWatch,
		"every finding can be reviewed":                           testWatchReview,
		"more doses than a lot holds are found":                   testWatchLots,
		"the certificates of a session are revoked in one order":  testWatchRevoke,
		"delegates have passkeys of their own":                    testDelegates,
		"software is known, and what it uses up is used once":     testSoftware,
		"who types is part of every entry":                        testDelegatedEntries,
		"an attestation is signed, read back and noted once":      testAttestation,
		"an infection shortens a course":                          testInfection,
		"documents follow the disease":                            testDocumentsFollowDisease,
		"what no code can say is a page without one":              testPageWithoutCode,
		"an attestation is the person's own":                      testAttestationOfAnother,
		"without a dose there is no attestation":                  testNoDose,
		"a signer that cannot be trusted certifies nothing":       testBadSigner,
		"a European certificate is signed once":                   testEuropean,
		"its numbers are those of the whole history":              testEuropeanNumbers,
		"a European certificate that cannot be is named":          testNotEuropean,
		"two requests get one European certificate":               testConcurrentEuropean,
		"its three hashes are on the list":                        testEuropeanRevoked,
		"a correction revokes what it belies, once":               testFollow,
		"a cancelled dose takes its documents along":              testFollowCancel,
		"a person replaces what leaked":                           testReplace,
		"what is issued is counted, by day and kind":              testIssuance,
		"a document is revoked once, and the journal tells":       testRevoke,
		"a dose or a person is revoked whole":                     testRevokeScopes,
		"the same key revokes once":                               testRevokeIdempotent,
		"what cannot be revoked is named":                         testRevokeFaults,
		"a revoked document is not issued again":                  testRevokedToday,
		"a document that is revoked while it is signed stays in":  testRevokedMeanwhile,
		"lists of revoked documents follow each other":            testLists,
		"the list that is served is renewed":                      testCurrentList,
		"many publishers give each number once":                   testConcurrentLists,
	} {
		t.Run(name, func(t *testing.T) { test(t, newWorld(t, open)) })
	}
}

// world is a store with a few people in it.
type world struct {
	Backend
	guard         *protect.Guard
	people        *people.Service
	vaccinate     *vaccinate.Service
	stock         *stock.Service
	lists         *lists.Service
	paper         *paper.Service
	imports       *bulk.Service
	certify       func(t testing.TB, s certify.Signer) *certify.Service
	signer        certify.Signer
	dsc, seal     certify.Signer // of European certificates, of files
	now           func() time.Time
	later         func(time.Duration) // moves the clock
	ids           carnet.IDs
	fern          carnet.ID // Camille FOUGÈRE, used name TILLEUL
	nurse         protect.Actor
	doctor        protect.Actor
	vaccinateOver func(vaccinate.Store) *vaccinate.Service // the same over another store
}

var centre = carnet.Place{ID: "990000011", Name: "Centre de vaccination des Tilleuls", Commune: "Valombre", Country: "FR"}

func newWorld(t testing.TB, open Open) *world {
	t.Helper()
	ring, err := keyring.Open(t.TempDir(), rand.Reader)
	must(t, err)
	var ticks atomic.Int64 // the clock moves on by a millisecond at each look
	start := time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)
	ids := carnet.IDs{Clock: func() time.Time { return start.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }, Rand: rand.Reader}
	register, err := protect.DefaultRegister()
	must(t, err)
	catalogue, err := vaccinate.ReadCatalogue()
	must(t, err)
	w := &world{Backend: open(t, ring, ids), guard: protect.NewGuard(register, ids)}
	w.people = people.New(w.Backend.People, w.guard, ring, ids)
	w.vaccinateOver = func(s vaccinate.Store) *vaccinate.Service { return vaccinate.New(s, w.guard, ring, ids, catalogue) }
	w.vaccinate = w.vaccinateOver(w.Backend.Vaccinate)
	w.stock = stock.New(w.Backend.Stock, w.guard, ids, catalogue)
	w.imports = bulk.New(w.Backend.Imports, w.guard, ring, ids, w.people, catalogue)
	w.lists = lists.New(w.Backend.Lists, w.guard, ids, catalogue)
	w.paper = paper.New(w.Backend.Paper, w.guard, ids)
	w.now, w.ids = ids.Clock, ids
	w.later = func(d time.Duration) { ticks.Add(d.Milliseconds()) }
	w.signer, err = certify.SandboxSigner(t.TempDir(), ids.Clock, rand.Reader)
	must(t, err)
	w.dsc, err = certify.SandboxEuropeanSigner(t.TempDir(), ids.Clock, rand.Reader)
	must(t, err)
	w.seal, err = certify.SandboxSealSigner(t.TempDir(), ids.Clock, rand.Reader)
	must(t, err)
	w.certify = func(t testing.TB, s certify.Signer) *certify.Service {
		t.Helper()
		c, err := certify.New(w.Backend.Certify, w.guard, ids, certify.Signers{National: s, European: w.dsc, Seal: w.seal}, catalogue, certify.Edition{Issuer: "Carnet",
			Link: "https://carnet.example/app/wallet2d#", EuropeanLink: "https://carnet.example/app/walletdcc#", NoticeURL: "https://carnet.example/notice", Sandbox: true})
		must(t, err)
		return c
	}
	w.fern, err = w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "TILLEUL", "1985-05-12", carnet.Female, number(t, "2850500999001"), "Camille", "Rose"))
	must(t, err)
	w.nurse = w.enrol(t, "99700000019", "AUBÉPINE", true)
	w.doctor = w.enrol(t, "99700000027", "BRUYÈRE", true)
	return w
}

func (w *world) enrol(t testing.TB, rpps, name string, vaccinator bool) protect.Actor {
	t.Helper()
	n, err := carnet.ParseRPPS(luhn(rpps))
	must(t, err)
	id, err := w.vaccinate.Enrol(t.Context(), system, carnet.Professional{Number: n, FamilyName: carnet.Hide(name),
		GivenName: carnet.Hide("Lou"), Profession: carnet.Nurse, Vaccinator: vaccinator, Places: []carnet.Place{centre}})
	must(t, err)
	return protect.Actor{ID: id, Role: protect.Professional, Organisation: centre.ID}
}

// luhn replaces the last digit by the right key.
func luhn(s string) string {
	for k := range 10 {
		if c := s[:10] + fmt.Sprint(k); func() bool { _, err := carnet.ParseRPPS(c); return err == nil }() {
			return c
		}
	}
	return s
}

// number completes 13 digits with their key.
func number(t testing.TB, s string) nir.Number {
	t.Helper()
	var n int64
	for _, c := range s {
		n = n*10 + int64(c-'0')
	}
	out, err := nir.Parse(fmt.Sprintf("%s%02d", s, 97-n%97))
	must(t, err)
	return out
}

func identity(birth, used, date string, sex carnet.Sex, n nir.Number, given ...string) carnet.Identity {
	d, err := carnet.ParseBirthDate(date)
	if err != nil {
		panic(err) // a literal of this file
	}
	i := carnet.Identity{NIR: n, BirthName: carnet.Hide(birth), UsedName: carnet.Hide(used), Birth: d, Sex: sex, BirthPlace: "00999"}
	for _, g := range given {
		i.GivenNames = append(i.GivenNames, carnet.Hide(g))
	}
	return i
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) command(t testing.TB, date string) vaccinate.Command {
	t.Helper()
	key, err := w.vaccinate.NewKey()
	must(t, err)
	on, err := carnet.ParseDate(date)
	must(t, err)
	lot, err := carnet.ParseLot("FG4509")
	must(t, err)
	return vaccinate.Command{Key: key, Person: w.fern, Vaccine: "EU/1/20/1528", Lot: lot, Date: on, Place: centre.ID,
		BodySite: carnet.LeftArm, Injector: w.nurse.ID}
}

func testEnrolTwice(t *testing.T, w *world) {
	again, err := w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "", "1985-05-12", carnet.Female, number(t, "2850500999001"), "Camille"))
	must(t, err)
	if again != w.fern {
		t.Error("the same number gave another person")
	}
	p, err := w.people.Person(t.Context(), w.nurse, w.fern)
	must(t, err)
	if p.Identity.UsedName.Reveal() != "TILLEUL" || p.Identity.Given() != "Camille Rose" {
		t.Error("the second enrolment changed the first")
	}
	if w.fern.Version() != 8 {
		t.Errorf("a person with a number has a derived id, version 8; got %d", w.fern.Version())
	}
}

func testRecognise(t *testing.T, w *world) {
	account := 0
	// Each call comes from an account of its own, unless it is told.
	recognise := func(pivot carnet.Identity) (carnet.ID, error) {
		account++
		id, _, err := w.people.Recognise(t.Context(), system, people.Login{Issuer: "https://a.invalid", Subject: carnet.Hide(fmt.Sprint(account)), Pivot: pivot})
		return id, err
	}
	_, err := w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "", "1985-05-12", carnet.Female, number(t, "2850500999002"), "Anaïs"))
	must(t, err)
	hawthorn, err := w.people.Enrol(t.Context(), system, identity("AUBÉPINE-D'ÉTÉ", "LAURIER", "1948-02-29", carnet.Female, number(t, "2480200997003"), "Marguerite", "Ève"))
	must(t, err)
	for name, c := range map[string]struct {
		pivot       carnet.Identity
		code, trait string
	}{
		"the person":                      {identity("FOUGERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille", "Rose"), "", ""},
		"other accents and capitals":      {identity("fougère", "", "1985-05-12", carnet.Female, nir.Number{}, "CAMILLE", "rose"), "", ""},
		"a given name is missing":         {identity("FOUGERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille"), people.CodeNear, "given-names"},
		"given names in another order":    {identity("FOUGERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Rose", "Camille"), people.CodeNear, "given-names"},
		"the given name of nobody":        {identity("FOUGERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Noé"), people.CodeUnresolved, ""},
		"the other sex":                   {identity("FOUGERE", "", "1985-05-12", carnet.Male, nir.Number{}, "Camille", "Rose"), people.CodeNear, "sex"},
		"two traits differ":               {identity("FOUGERE", "", "1985-05-12", carnet.Male, nir.Number{}, "Camille"), people.CodeUnresolved, ""},
		"a hyphen more":                   {identity("FOU-GERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille", "Rose"), people.CodeUnresolved, ""},
		"a hyphen less":                   {identity("AUBEPINE D ETE", "", "1948-02-29", carnet.Female, nir.Number{}, "Marguerite", "Ève"), people.CodeNear, "hyphen"},
		"the used name instead":           {identity("TILLEUL", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille", "Rose"), people.CodeMarriedName, ""},
		"another birth name, a used name": {identity("MUGUET", "LAURIER", "1948-02-29", carnet.Female, nir.Number{}, "Marguerite", "Ève"), people.CodeMarriedName, ""},
		"the birth name as the used name": {identity("MUGUET", "FOUGERE", "1985-05-12", carnet.Female, nir.Number{}, "Camille", "Rose"), people.CodeMarriedName, ""},
		"no name at all":                  {carnet.Identity{}, people.CodeUnresolved, ""},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := recognise(c.pivot)
			if e, _ := errors.AsType[*carnet.Error](err); c.code == "" && (err != nil || id != w.fern) || c.code != "" && (carnet.CodeOf(err) != c.code || e.Field != c.trait) {
				t.Errorf("%v, %v", id, err)
			}
		})
	}
	t.Run("civil status does not know the day", func(t *testing.T) {
		genet, err := w.people.Enrol(t.Context(), system, identity("GENÊT", "", "1940-00-00", carnet.Male, number(t, "1400100999004"), "Basile"))
		must(t, err)
		for _, date := range []string{"1940-01-01", "1940-00-00"} {
			if id, err := recognise(identity("GENET", "", date, carnet.Male, nir.Number{}, "Basile")); err != nil || id != genet {
				t.Errorf("a presumed date, %s: %v", date, err)
			}
		}
		if _, err := recognise(identity("GENET", "", "1940-02-01", carnet.Male, nir.Number{}, "Basile")); carnet.CodeOf(err) != people.CodeUnresolved {
			t.Errorf("another month: %v", err)
		}
	})
	login := func(subject string, pivot carnet.Identity) (carnet.ID, bool, error) {
		return w.people.Recognise(t.Context(), system, people.Login{Issuer: "https://b.invalid", Subject: carnet.Hide(subject), Pivot: pivot})
	}
	t.Run("an account whose identity changes", func(t *testing.T) {
		before := identity("AUBÉPINE-D'ÉTÉ", "", "1948-02-29", carnet.Female, nir.Number{}, "Marguerite", "Ève")
		after := before
		after.UsedName = carnet.Hide("LAURIER")
		for i, c := range []struct {
			pivot   carnet.Identity
			changed bool
		}{{before, false}, {before, false}, {after, true}, {after, false}} {
			if id, changed, err := login("rose", c.pivot); err != nil || id != hawthorn || changed != c.changed {
				t.Errorf("login %d: %v, changed %v, %v", i, id, changed, err)
			}
		}
		// The same account now speaks of somebody else: nobody enters, and it is not forgotten.
		for range 2 {
			if _, _, err := login("rose", identity("FOUGERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille", "Rose")); carnet.CodeOf(err) != people.CodeOther {
				t.Errorf("another person: %v", err)
			}
		}
		if id, _, err := login("rose", after); err != nil || id != hawthorn {
			t.Errorf("the person again: %v", err)
		}
	})
	t.Run("somebody who died", func(t *testing.T) {
		pivot := identity("AUBÉPINE-D'ÉTÉ", "", "1948-02-29", carnet.Female, nir.Number{}, "Marguerite", "Ève")
		must(t, w.people.RecordDeath(t.Context(), system, hawthorn, carnet.Date{Year: 2021, Month: 1, Day: 2}))
		must(t, w.people.RecordDeath(t.Context(), system, hawthorn, carnet.Date{Year: 2021, Month: 1, Day: 3}))
		if _, _, err := login("rose", pivot); carnet.CodeOf(err) != people.CodeDeceased {
			t.Errorf("%v", err)
		}
		if err := w.people.RecordDeath(t.Context(), system, hawthorn, carnet.Date{}); carnet.CodeOf(err) != "death.missing" {
			t.Errorf("no date: %v", err)
		}
	})
	t.Run("several people fit", func(t *testing.T) {
		_, err := w.people.Enrol(t.Context(), system, identity("FOUGÈRE", "", "1985-05-12", carnet.Female, number(t, "2850500999003"), "Camille", "Rose"))
		must(t, err)
		if _, err := recognise(identity("FOUGERE", "", "1985-05-12", carnet.Female, nir.Number{}, "Camille", "Rose")); carnet.CodeOf(err) != people.CodeAmbiguous {
			t.Errorf("%v", err)
		}
	})
}

func testRecord(t *testing.T, w *world) {
	before := len(w.Journal(t))
	d, err := w.vaccinate.Record(t.Context(), w.doctor, w.command(t, "2026-11-20"))
	must(t, err)
	if d.ID.Version() != 7 || d.Rank != 1 || d.Expected != 2 || d.RecordedBy != w.doctor.ID || d.Injector != w.nurse.ID || d.Place != centre || d.Version != 1 {
		t.Errorf("dose %+v", d)
	}
	for table, want := range map[string]int{"dose_event": 1, "dose": 1, "outbox": 1} {
		if n := w.Count(t, table); n != want {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	wrote := map[string]bool{}
	var decision carnet.ID
	for i, l := range w.Journal(t)[before:] {
		if i == 0 {
			decision = l.Decision
			if l.Kind != "decide" || l.Outcome != "allowed" {
				t.Errorf("the first line is %+v", l)
			}
		}
		if l.Decision != decision || l.Purpose != "vaccination" || l.Actor != w.doctor.ID {
			t.Errorf("line %+v", l)
		}
		if l.Kind == "write" && l.Person == w.fern {
			wrote[l.Object] = true
		}
	}
	for _, table := range []string{"dose_event", "dose", "outbox"} {
		if !wrote[table] {
			t.Errorf("the journal does not tell the write of %s", table)
		}
	}
	history, err := w.vaccinate.History(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(history) != 1 || history[0].ID != d.ID || history[0].Lot.Reveal() != "FG4509" || history[0].Date.String() != "2026-11-20" {
		t.Errorf("history %+v", history)
	}
}

func testIdempotent(t *testing.T, w *world) {
	c := w.command(t, "2026-11-20")
	first, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	must(t, err)
	again, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	must(t, err)
	if first.ID != again.ID || again.Rank != first.Rank {
		t.Error("the same key gave another dose")
	}
	if n := w.Count(t, "dose_event"); n != 1 {
		t.Errorf("%d events", n)
	}
}

func testKeyReused(t *testing.T, w *world) {
	c := w.command(t, "2026-11-20")
	_, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	must(t, err)
	c.BodySite = carnet.RightArm
	if _, err := w.vaccinate.Record(t.Context(), w.nurse, c); carnet.KindOf(err) != carnet.Conflict {
		t.Errorf("got %v", err)
	}
}

func testConcurrentKey(t *testing.T, w *world) {
	c := w.command(t, "2026-11-20")
	ids := make([]carnet.ID, 20)
	parallel(t, len(ids), func(i int) error {
		d, err := w.vaccinate.Record(t.Context(), w.nurse, c)
		ids[i] = d.ID
		return err
	})
	for _, id := range ids {
		if id != ids[0] {
			t.Fatal("one key gave two doses")
		}
	}
	if n := w.Count(t, "dose"); n != 1 {
		t.Errorf("%d doses", n)
	}
}

func testConcurrentRanks(t *testing.T, w *world) {
	const n = 9
	ranks := make([]int, n)
	commands := make([]vaccinate.Command, n)
	for i := range commands {
		commands[i] = w.command(t, "2026-11-20")
	}
	parallel(t, n, func(i int) error {
		d, err := w.vaccinate.Record(t.Context(), w.nurse, commands[i])
		ranks[i] = d.Rank
		return err
	})
	slices.Sort(ranks)
	for i, r := range ranks {
		if r != i+1 {
			t.Fatalf("ranks %v", ranks)
		}
	}
}

func parallel(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	must(t, errors.Join(errs...))
}

func testFaults(t *testing.T, w *world) {
	unable := w.enrol(t, "99700000035", "CHARDON", false)
	for name, c := range map[string]struct {
		change func(*vaccinate.Command)
		field  string
		code   string
	}{
		"no key":             {func(c *vaccinate.Command) { c.Key = carnet.ID{} }, "key", "dose.key-missing"},
		"unknown vaccine":    {func(c *vaccinate.Command) { c.Vaccine = "EU/0/00/0000" }, "vaccine", "dose.vaccine"},
		"no lot":             {func(c *vaccinate.Command) { c.Lot = carnet.Lot{} }, "lot", "lot.missing"},
		"no date":            {func(c *vaccinate.Command) { c.Date = carnet.Date{} }, "date", "dose.date-missing"},
		"tomorrow":           {func(c *vaccinate.Command) { c.Date = carnet.Date{Year: 2026, Month: 11, Day: 22} }, "date", "dose.date-future"},
		"before birth":       {func(c *vaccinate.Command) { c.Date = carnet.Date{Year: 1985, Month: 5, Day: 11} }, "date", "dose.before-birth"},
		"no site":            {func(c *vaccinate.Command) { c.BodySite = "" }, "site", "dose.site"},
		"elsewhere":          {func(c *vaccinate.Command) { c.Place = "990000099" }, "place", "dose.place"},
		"nobody injects":     {func(c *vaccinate.Command) { c.Injector = carnet.ID{} }, "injector", "dose.injector"},
		"a stranger injects": {func(c *vaccinate.Command) { c.Injector = c.Key }, "injector", "dose.injector"},
		"one who may not":    {func(c *vaccinate.Command) { c.Injector = unable.ID }, "injector", "dose.injector"},
		"rank of ten":        {func(c *vaccinate.Command) { c.Rank, c.Expected = 10, 10 }, "rank", "dose.rank"},
		"rank without why":   {func(c *vaccinate.Command) { c.Rank, c.Expected = 2, 2 }, "rank-reason", "dose.reason-missing"},
	} {
		t.Run(name, func(t *testing.T) {
			command := w.command(t, "2026-11-20")
			c.change(&command)
			_, err := w.vaccinate.Record(t.Context(), w.nurse, command)
			problems, ok := errors.AsType[carnet.Problems](err)
			if !ok || !slices.ContainsFunc(problems, func(e *carnet.Error) bool { return e.Field == c.field && e.Code == c.code }) {
				t.Fatalf("got %v", err)
			}
		})
	}
	if n := w.Count(t, "dose_event"); n != 0 {
		t.Errorf("%d events after faults", n)
	}
}

func testRefusal(t *testing.T, w *world) {
	insured := protect.Actor{ID: w.fern, Role: protect.Insured}
	_, err := w.vaccinate.Record(t.Context(), insured, w.command(t, "2026-11-20"))
	if !errors.Is(err, protect.ErrDenied) {
		t.Fatalf("got %v", err)
	}
	lines := w.Journal(t)
	if l := lines[len(lines)-1]; l.Kind != "decide" || l.Outcome != "no-grant" || l.Role != "insured" || l.Person != w.fern {
		t.Errorf("the last line is %+v", l)
	}
	if n := w.Count(t, "dose_event"); n != 0 {
		t.Errorf("%d events", n)
	}
}

func testFailure(t *testing.T, w *world) {
	boom := errors.New("boom")
	d := w.guard.Decide(protect.Request{Actor: w.nurse, Purpose: protect.Vaccination, Person: w.fern})
	err := w.Backend.Vaccinate.Within(t.Context(), d, func(tx vaccinate.Tx) error {
		if _, err := tx.Person(w.fern); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v", err)
	}
	failed := 0
	for _, l := range w.Journal(t) {
		if l.Decision == d.ID() && l.Kind == "read" && l.Outcome == "failed" && l.Person == w.fern {
			failed++
		}
	}
	if failed == 0 {
		t.Error("a read that happened before the failure left no line")
	}
}

func testCorrect(t *testing.T, w *world) {
	c := w.command(t, "2026-11-20")
	d, err := w.vaccinate.Record(t.Context(), w.nurse, c)
	must(t, err)
	fix := w.command(t, "2026-11-19")
	if _, err := w.vaccinate.Correct(t.Context(), w.nurse, fix, vaccinate.Revision{Dose: d.ID, Version: 1}); !hasCode(err, "dose.reason-missing") {
		t.Errorf("without a reason: %v", err)
	}
	r := vaccinate.Revision{Dose: d.ID, Version: 1, Reason: "date relue sur le carnet"}
	if _, err := w.vaccinate.Correct(t.Context(), w.doctor, fix, r); carnet.CodeOf(err) != "dose.not-yours" {
		t.Errorf("by another: %v", err)
	}
	fixed, err := w.vaccinate.Correct(t.Context(), w.nurse, fix, r)
	must(t, err)
	if fixed.ID != d.ID || fixed.Version != 2 || fixed.Date.String() != "2026-11-19" || fixed.Rank != 1 || fixed.RecordedAt != d.RecordedAt {
		t.Errorf("corrected %+v", fixed)
	}
	again, err := w.vaccinate.Correct(t.Context(), w.nurse, fix, r)
	if err != nil || again.Version != 2 {
		t.Errorf("sent again: %+v, %v", again, err)
	}
	late := w.command(t, "2026-11-18")
	if _, err := w.vaccinate.Correct(t.Context(), w.nurse, late, r); carnet.CodeOf(err) != "dose.changed-meanwhile" {
		t.Errorf("on an old version: %v", err)
	}
	if n := w.Count(t, "dose_event"); n != 2 {
		t.Errorf("%d events", n)
	}
	history, _ := w.vaccinate.History(t.Context(), w.nurse, w.fern)
	if len(history) != 1 || history[0].Version != 2 {
		t.Errorf("history %+v", history)
	}
}

func testCancel(t *testing.T, w *world) {
	d, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	key, _ := w.vaccinate.NewKey()
	if err := w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Person: w.fern, Dose: d.ID, Key: key, Cause: vaccinate.Other, Reason: " "}); !hasCode(err, "dose.reason-missing") {
		t.Errorf("without a reason: %v", err)
	}
	must(t, w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Person: w.fern, Dose: d.ID, Key: key, Cause: vaccinate.NeverGiven, Reason: "autre personne"}))
	must(t, w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Person: w.fern, Dose: d.ID, Key: key, Cause: vaccinate.NeverGiven, Reason: "autre personne"})) // sent again
	history, err := w.vaccinate.History(t.Context(), w.nurse, w.fern)
	must(t, err)
	if len(history) != 0 || w.Count(t, "dose_event") != 2 || w.Count(t, "outbox") != 2 {
		t.Errorf("%d doses stand, %d events", len(history), w.Count(t, "dose_event"))
	}
	other, _ := w.vaccinate.NewKey()
	if err := w.vaccinate.Cancel(t.Context(), w.nurse, vaccinate.Cancellation{Person: w.fern, Dose: d.ID, Key: other, Cause: vaccinate.NeverGiven, Reason: "x"}); carnet.CodeOf(err) != "dose.unknown" {
		t.Errorf("cancelled twice: %v", err)
	}
	next, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	if err != nil || next.Rank != 1 {
		t.Errorf("the next dose is %d, %v", next.Rank, err)
	}
}

func testColumns(t *testing.T, w *world) {
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2026-11-20"))
	must(t, err)
	d := w.guard.Decide(protect.Request{Actor: protect.Actor{ID: w.fern, Role: protect.Insured}, Purpose: protect.Certification, Person: w.fern})
	err = w.Backend.Vaccinate.Within(t.Context(), d, func(tx vaccinate.Tx) error {
		doses, err := tx.Doses(w.fern)
		if err != nil {
			return err
		}
		if len(doses) != 1 || doses[0].Vaccine == "" || !doses[0].Lot.IsZero() || !doses[0].Injector.IsZero() {
			t.Errorf("a certificate sees %+v", doses)
		}
		p, err := tx.Person(w.fern)
		if err != nil {
			return err
		}
		if p.Identity.BirthName.IsZero() || !p.Identity.NIR.IsZero() {
			t.Error("a certificate sees the number, or not the name")
		}
		return nil
	})
	must(t, err)
}

// hasCode looks for a code anywhere in an error.
func hasCode(err error, code string) bool {
	if p, ok := errors.AsType[carnet.Problems](err); ok {
		return slices.ContainsFunc(p, func(e *carnet.Error) bool { return e.Code == code })
	}
	return carnet.CodeOf(err) == code
}
