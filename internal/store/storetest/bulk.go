package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
)

// header of the files of this suite. Names are those of plants; numbers have communes that do not exist.
const importHeader = "uuid;nir;nom_naissance;prenoms;date_naissance;sexe;date;vaccin;lot;injecteur;site_injection\n"

// importRow is a line; the number gets its key.
func (w *world) importRow(t testing.TB, key, number13, name, given, birth, date, lot string) string {
	t.Helper()
	if number13 != "" {
		number13 = number(t, number13).Reveal()
	}
	return strings.Join([]string{key, number13, name, given, birth, "F", date, "EU/1/20/1528", lot, luhn("99700000019"), "bras gauche"}, ";") + "\n"
}

type taken struct {
	run      bulk.Run
	outcomes []bulk.Outcome
}

func (o taken) statuses() string {
	var s []string
	for _, r := range o.outcomes {
		text := string(r.Status)
		for _, f := range r.Faults {
			text += " " + f.Column + ":" + f.Code
		}
		s = append(s, text)
	}
	return strings.Join(s, ", ")
}

// take imports a file in the doctor's name, as the operator.
func (w *world) take(t testing.TB, file string, change ...func(*bulk.Job)) taken {
	t.Helper()
	table, err := bulk.OpenTable(strings.NewReader(file))
	must(t, err)
	j := bulk.Job{Responsible: w.doctor.ID, Place: centre.ID, Digest: sha256.Sum256([]byte(file)), Batch: 3}
	for _, c := range change {
		c(&j)
	}
	var out taken
	out.run, err = w.imports.Import(t.Context(), system, j, table, func(_ []bulk.Row, o []bulk.Outcome) error {
		out.outcomes = append(out.outcomes, o...)
		return nil
	})
	must(t, err)
	return out
}

func trial(j *bulk.Job) { j.Trial = true }

func (w *world) history(t testing.TB, person carnet.ID) []carnet.Dose {
	t.Helper()
	list, err := w.vaccinate.History(t.Context(), w.nurse, person)
	must(t, err)
	return list
}

func (w *world) importFile(t testing.TB) string {
	return importHeader +
		w.importRow(t, "a1", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2021-05-03", "FG4509") +
		w.importRow(t, "a2", "2850500999001", "Fougère", "Camille", "12/05/1985", "03/06/2021", "FG4510") +
		w.importRow(t, "b1", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-05-03", "FG4509") +
		w.importRow(t, "b2", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-06-10", "FG4510") +
		w.importRow(t, "", "", "GENÊT", "Rose", "1931-07-00", "2021-05-04", "FG4509")
}

func testImport(t *testing.T, w *world) {
	file := w.importFile(t)
	first := w.take(t, file)
	if got := first.statuses(); got != "new, new, new, new, new" {
		t.Fatalf("first: %s", got)
	}
	if first.run.Rows != 5 || first.run.Ended.IsZero() || first.run.Counts[bulk.Created] != 5 {
		t.Errorf("run %+v", first.run)
	}
	h := w.history(t, w.fern)
	if len(h) != 2 || h[0].Rank != 1 || h[1].Rank != 2 || h[1].Expected != 2 || h[0].RecordedBy != w.doctor.ID || h[0].Injector != w.nurse.ID || h[0].Place != centre || h[0].Lot.Reveal() != "FG4509" {
		t.Errorf("history %+v", h)
	}
	// A person whom the register did not know is found like any other.
	found, err := w.people.ByNIR(t.Context(), w.nurse, number(t, "2900200999007"))
	must(t, err)
	if got := w.history(t, found.ID); len(got) != 2 || got[1].Rank != 2 {
		t.Errorf("history of a new person: %+v", got)
	}
	events := w.Count(t, "dose_event")
	again := w.take(t, file)
	if got := again.statuses(); got != "same, same, same, same, same" {
		t.Errorf("again: %s", got)
	}
	for i := range again.outcomes {
		if again.outcomes[i].Person != first.outcomes[i].Person || again.outcomes[i].Dose != first.outcomes[i].Dose {
			t.Errorf("row %d has other ids", i)
		}
	}
	if n := w.Count(t, "dose_event"); n != events {
		t.Errorf("%d events more", n-events)
	}
	t.Run("a dose that was entered by hand is not doubled", func(t *testing.T) {
		_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2022-01-10"))
		must(t, err)
		if got := w.take(t, importHeader+w.importRow(t, "c1", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2022-01-10", "FG4509")).statuses(); got != "same" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("what was cancelled here does not come back", func(t *testing.T) {
		h := w.history(t, found.ID)
		must(t, w.vaccinate.Cancel(t.Context(), w.doctor, vaccinate.Cancellation{Key: w.id(t), Person: found.ID, Dose: h[1].ID, Cause: vaccinate.NeverGiven, Reason: "jamais faite"}))
		if got := w.take(t, file).statuses(); got != "same, same, same, same :dose.gone, same" {
			t.Errorf("got %s", got)
		}
	})
}

func testTrial(t *testing.T, w *world) {
	file := w.importFile(t) +
		w.importRow(t, "b1", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-05-03", "FG4509") + // twice in the file, in two batches
		w.importRow(t, "b3", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-05-03", "FG4599") // near to another of its rows
	tables := []string{"person", "dose", "dose_event", "import_entry", "outbox"}
	before := map[string]int{}
	for _, table := range tables {
		before[table] = w.Count(t, table)
	}
	tried := w.take(t, file, trial)
	for _, table := range tables {
		if n := w.Count(t, table); n != before[table] {
			t.Errorf("a trial has written %d rows of %s", n-before[table], table)
		}
	}
	if got := tried.statuses(); got != "new, new, new, new, new, same, review :dose.near" {
		t.Errorf("trial: %s", got)
	}
	if did := w.take(t, file); did.statuses() != tried.statuses() {
		t.Errorf("the trial said %s, the import did %s", tried.statuses(), did.statuses())
	}
	if w.Count(t, "import_run") != 2 {
		t.Error("a trial is an entry of the journal of imports like another")
	}
}

func testImportFaults(t *testing.T, w *world) {
	good := strings.TrimSuffix(w.importRow(t, "k", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2021-05-03", "FG4509"), "\n")
	replace := func(column int, with string) string {
		cells := strings.Split(good, ";")
		cells[column] = with
		return strings.Join(cells, ";")
	}
	for name, c := range map[string]struct{ row, want string }{
		"a number whose key is wrong":   {replace(1, "285050099900100"), "refused nir:nir.key"},
		"no name":                       {replace(2, ""), "refused birth_name:person.name-missing"},
		"no given name":                 {replace(3, ""), "refused given_names:person.given-missing"},
		"a birth date that is none":     {replace(4, "1985-15-52"), "refused birth_date:birth.day"},
		"no birth date":                 {replace(4, ""), "refused birth_date:birth.missing"},
		"a sex that is none":            {replace(5, "X"), "refused sex:cell.word"},
		"no date":                       {replace(6, ""), "refused date:dose.date-missing"},
		"a date to come":                {replace(6, "2031-01-01"), "refused date:dose.date-future"},
		"before the birth":              {replace(6, "1980-01-01"), "refused date:dose.before-birth"},
		"a vaccine of nobody":           {replace(7, "EU/9/99/9999"), "refused vaccine:dose.vaccine"},
		"a lot with a space":            {replace(8, "FG 45"), "refused lot:lot.character"},
		"no lot, on a past day":         {replace(8, ""), "new lot:lot.missing"},
		"an injector of nobody":         {replace(9, "10000000016"), "refused injector:rpps.key"},
		"nobody injected":               {replace(9, ""), "refused injector:injector.needed"},
		"a site that is none":           {replace(10, "nez"), "refused body_site:cell.word"},
		"a cell that is too long":       {replace(2, strings.Repeat("É", 301)), "refused birth_name:cell.long"},
		"not UTF-8":                     {replace(2, "FOUG\xe8RE"), "refused birth_name:cell.text"},
		"a cell less":                   {good[:strings.LastIndex(good, ";")], "refused :row.columns"},
		"a quote in a cell":             {replace(2, `FOU"GERE`), "refused :row.quote"},
		"a row that begins a formula":   {replace(2, "=FOUGERE"), "new"},
		"several faults, in one answer": {strings.ReplaceAll(replace(6, "hier"), "EU/1/20/1528", "1528"), "refused date:date.malformed vaccine:dose.vaccine"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := w.take(t, importHeader+c.row+"\n", trial).statuses(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ file, code string }{
		"nothing":                    {"", bulk.CodeEmpty},
		"no known column":            {"a;b;c\n1;2;3\n", bulk.CodeHeader},
		"a column twice":             {"nir;NIR\n", bulk.CodeTwice},
		"no date of the injection":   {"nom_naissance;prenoms;date_naissance\n", bulk.CodeMissing},
		"a header that is not UTF-8": {"nom_naissance;pr\xe9noms;date_naissance;date\n", bulk.CodeEncoding},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := bulk.OpenTable(strings.NewReader(c.file)); carnet.CodeOf(err) != c.code {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("nobody answers for it", func(t *testing.T) {
		table, err := bulk.OpenTable(strings.NewReader(importHeader))
		must(t, err)
		if _, err := w.imports.Import(t.Context(), system, bulk.Job{Responsible: w.fern}, table, nil); carnet.CodeOf(err) != bulk.CodeResponsible {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a delegate imports nothing", func(t *testing.T) {
		typist := w.nurse
		typist.Delegate = w.id(t)
		if _, err := w.imports.Import(t.Context(), typist, bulk.Job{}, nil, nil); carnet.KindOf(err) != carnet.Denied {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an insured person imports nothing", func(t *testing.T) {
		if _, err := w.imports.Import(t.Context(), protect.Actor{ID: w.fern, Role: protect.Insured}, bulk.Job{}, nil, nil); carnet.KindOf(err) != carnet.Denied {
			t.Errorf("got %v", err)
		}
	})
	t.Run("an answer is the file with what became of it, and no more of anybody", func(t *testing.T) {
		file := importHeader + good + "\n" + replace(8, "FG 45") + "\n"
		table, err := bulk.OpenTable(strings.NewReader(file))
		must(t, err)
		var out bytes.Buffer
		answer, err := bulk.NewAnswer(&out, table)
		must(t, err)
		_, err = w.imports.Import(t.Context(), system, bulk.Job{Responsible: w.doctor.ID, Place: centre.ID}, table, answer.Write)
		must(t, err)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.HasSuffix(lines[0], ";carnet_line;carnet_status;carnet_person;carnet_dose;carnet_column;carnet_reason") ||
			!strings.HasPrefix(lines[1], good+";2;new;"+w.fern.String()+";") || lines[2] != replace(8, "FG 45")+";3;refused;;;lot;lot.character" {
			t.Errorf("answer\n%s", out.String())
		}
		back, err := bulk.OpenTable(&out) // an answer is a file that can be sent again
		must(t, err)
		if row, err := back.Next(); err != nil || len(row.Faults) > 0 || len(back.Ignored()) > 0 {
			t.Errorf("%+v, %v, %v", row.Faults, err, back.Ignored())
		}
	})
}

func testReviews(t *testing.T, w *world) {
	w.take(t, w.importFile(t))
	near := importHeader +
		w.importRow(t, "n1", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2021-05-03", "FG4599") + // another lot on the day
		w.importRow(t, "n2", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2021-06-05", "FG4510") + // the lot, two days later
		w.importRow(t, "n3", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-03-05", "FG4509") // day and month in each other's place
	if got := w.take(t, near).statuses(); got != "review :dose.near, review :dose.near, review :dose.near" {
		t.Fatalf("got %s", got)
	}
	if got := w.take(t, near).statuses(); got != "review :review.waits, review :review.waits, review :review.waits" {
		t.Errorf("again: %s", got)
	}
	list, err := w.imports.Reviews(t.Context(), w.nurse)
	must(t, err)
	if len(list) != 3 {
		t.Fatalf("%d questions", len(list))
	}
	q := list[0]
	if q.Old.Identity.Name().IsZero() || q.Stands.Lot.Reveal() != "FG4509" || q.Waiting.Dose.Lot.Reveal() != "FG4599" || q.Waiting.Identity.BirthName.Reveal() != "FOUGERE" {
		t.Errorf("question %+v", q)
	}
	t.Run("a choice that it does not have", func(t *testing.T) {
		if _, err := w.imports.Resolve(t.Context(), w.nurse, q.Person, q.Key, bulk.Another); carnet.CodeOf(err) != bulk.CodeChoice {
			t.Errorf("got %v", err)
		}
	})
	t.Run("somebody of another place", func(t *testing.T) {
		away := w.nurse
		away.ID = w.id(t)
		if _, err := w.imports.Resolve(t.Context(), away, q.Person, q.Key, bulk.KeepOld); carnet.KindOf(err) != carnet.NotFound {
			t.Errorf("got %v", err)
		}
		if list, err := w.imports.Reviews(t.Context(), away); err != nil || len(list) != 0 {
			t.Errorf("%d questions, %v", len(list), err)
		}
	})
	choices := map[string]bulk.Choice{"FG4599": bulk.TakeNew, "FG4510": bulk.Both, "FG4509": bulk.KeepOld}
	for _, q := range list {
		choice := choices[q.Waiting.Dose.Lot.Reveal()]
		out, err := w.imports.Resolve(t.Context(), w.nurse, q.Person, q.Key, choice)
		must(t, err)
		twice, err := w.imports.Resolve(t.Context(), w.nurse, q.Person, q.Key, choice)
		must(t, err)
		if twice.Status != bulk.Same || twice.Dose != out.Dose {
			t.Errorf("%s twice: %+v, then %+v", choice, out, twice)
		}
	}
	h := w.history(t, w.fern)
	if len(h) != 3 || h[0].Lot.Reveal() != "FG4599" || h[0].Version < 2 || h[2].Date.String() != "2021-06-05" || h[2].Rank != 3 {
		t.Errorf("history %+v", h)
	}
	if got := w.take(t, near).statuses(); got != "same, same, same" {
		t.Errorf("after: %s", got)
	}
	if list, err := w.imports.Reviews(t.Context(), w.nurse); err != nil || len(list) != 0 {
		t.Errorf("%d questions left, %v", len(list), err)
	}
}

func testIdentify(t *testing.T, w *world) {
	_, err := w.people.Enrol(t.Context(), system, identity("GENÊT", "", "1931-07-14", carnet.Female, number(t, "2310700999008"), "Rose"))
	must(t, err)
	_, err = w.people.Enrol(t.Context(), system, carnet.Identity{BirthName: carnet.Hide("LISERON"), GivenNames: []carnet.Private{carnet.Hide("Ida")}, Birth: birth(t, "1977-01-01"), Sex: carnet.Female, BirthPlace: "00999"})
	must(t, err)
	for i, c := range []struct{ name, row, want string }{
		{"the number, other traits", w.importRow(t, "i0", "2310700999008", "BRUYERE", "Paul", "1931-07-14", "2021-05-03", "FG4509"), "review :person.differs"},
		{"the number, another birth date", w.importRow(t, "i1", "2310700999008", "GENET", "Rose", "1931-07-15", "2021-05-03", "FG4509"), "review :person.differs"},
		{"the traits, another number", w.importRow(t, "i2", "2310700999009", "GENET", "Rose", "1931-07-14", "2021-05-03", "FG4509"), "review :person.number"},
		{"the traits, no number here", w.importRow(t, "i3", "2770100999003", "LISERON", "Ida", "1977-01-01", "2021-05-03", "FG4509"), "review :person.maybe"},
		{"the traits, no number there", w.importRow(t, "i4", "", "GENET", "Rose", "1931-07-14", "2021-05-03", "FG4509"), "new"},
		{"a twin with a number", w.importRow(t, "i5", "2310700999010", "GENET", "Iris", "1931-07-14", "2021-05-03", "FG4509"), "new"},
		{"a twin without one", w.importRow(t, "i6", "", "GENET", "Marguerite", "1931-07-14", "2021-05-03", "FG4509"), "review :person.twin"},
	} {
		if got := w.take(t, importHeader+c.row).statuses(); got != c.want {
			t.Errorf("%d %s: got %s, want %s", i, c.name, got, c.want)
		}
	}
	list, err := w.imports.Reviews(t.Context(), w.doctor)
	must(t, err)
	for _, q := range list {
		choice := bulk.SamePerson
		if q.Reason == bulk.CodeTwin || q.Reason == bulk.CodeNumber {
			choice = bulk.Another
		}
		if q.Reason == bulk.CodeDiffers {
			choice = bulk.Drop
		}
		if !slices.Contains(q.Choices, choice) {
			t.Errorf("%s has no choice %s", q.Reason, choice)
		}
		out, err := w.imports.Resolve(t.Context(), w.doctor, q.Person, q.Key, choice)
		must(t, err)
		if choice == bulk.Another && out.Person == q.Person || choice == bulk.SamePerson && out.Person != q.Person {
			t.Errorf("%s: %+v of %v", q.Reason, out, q.Person)
		}
	}
	if found, err := w.people.ByNIR(t.Context(), w.doctor, number(t, "2310700999009")); err != nil || len(w.history(t, found.ID)) != 1 {
		t.Errorf("somebody else was not enrolled: %v", err)
	}
	twins, err := w.people.ByTraits(t.Context(), w.doctor, people.Traits{Name: carnet.Hide("GENET"), Birth: birth(t, "1931-07-14")})
	must(t, err)
	if len(twins) != 4 {
		t.Errorf("%d people of that name and day", len(twins))
	}
}

func birth(t testing.TB, s string) carnet.BirthDate {
	t.Helper()
	d, err := carnet.ParseBirthDate(s)
	must(t, err)
	return d
}

func testResume(t *testing.T, w *world) {
	var b strings.Builder
	b.WriteString(importHeader)
	for i := range 10 {
		b.WriteString(w.importRow(t, fmt.Sprint("r", i), fmt.Sprintf("29002009990%02d", 20+i), "MUGUET", fmt.Sprintf("Ève%c", 'A'+i), "1990-02-01", "2021-05-03", "FG4509"))
	}
	file := b.String()
	j := bulk.Job{Responsible: w.doctor.ID, Place: centre.ID, Digest: sha256.Sum256([]byte(file)), Batch: 4}
	stop := errors.New("stopped")
	table, err := bulk.OpenTable(strings.NewReader(file))
	must(t, err)
	run, err := w.imports.Import(t.Context(), system, j, table, func([]bulk.Row, []bulk.Outcome) error { return stop })
	if !errors.Is(err, stop) || run.Rows != 4 || !run.Ended.IsZero() || w.Count(t, "dose") != 4 {
		t.Fatalf("%+v, %v, %d doses", run, err, w.Count(t, "dose"))
	}
	j.Run = run.ID
	other := j
	other.Digest[0]++
	table, err = bulk.OpenTable(strings.NewReader(file))
	must(t, err)
	if _, err := w.imports.Import(t.Context(), system, other, table, nil); carnet.CodeOf(err) != bulk.CodeOtherFile {
		t.Errorf("another file: %v", err)
	}
	j.Most = 4 // a page takes some rows at once
	var lines []int
	for run.Ended.IsZero() {
		table, err = bulk.OpenTable(strings.NewReader(file))
		must(t, err)
		run, err = w.imports.Import(t.Context(), system, j, table, func(_ []bulk.Row, o []bulk.Outcome) error {
			for _, x := range o {
				lines = append(lines, x.Line)
			}
			return nil
		})
		must(t, err)
	}
	if !slices.Equal(lines, []int{6, 7, 8, 9, 10, 11}) || run.Rows != 10 || run.Counts[bulk.Created] != 10 || w.Count(t, "dose") != 10 {
		t.Errorf("lines %v, run %+v", lines, run)
	}
	table, err = bulk.OpenTable(strings.NewReader(file))
	must(t, err)
	if _, err := w.imports.Import(t.Context(), system, j, table, nil); carnet.CodeOf(err) != bulk.CodeEnded {
		t.Errorf("after the end: %v", err)
	}
}

func testSync(t *testing.T, w *world) {
	row := func(lot string) string {
		return importHeader + w.importRow(t, "s1", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2021-05-03", lot)
	}
	w.take(t, row("FG4509"))
	for _, c := range []struct{ lot, want string }{{"FG4510", "updated"}, {"FG4510", "same"}, {"FG4509", "updated"}} {
		if got := w.take(t, row(c.lot)).statuses(); got != c.want {
			t.Errorf("%s: got %s", c.lot, got)
		}
	}
	h := w.history(t, w.fern)
	if len(h) != 1 || h[0].Lot.Reveal() != "FG4509" || h[0].Version != 3 || h[0].RecordedBy != w.doctor.ID {
		t.Errorf("history %+v", h)
	}
	t.Run("what changed at both ends is for a human", func(t *testing.T) {
		c := w.command(t, "2021-05-03")
		c.BodySite = carnet.RightArm
		_, err := w.vaccinate.Correct(t.Context(), w.doctor, c, vaccinate.Revision{Dose: h[0].ID, Version: h[0].Version, Reason: "autre bras"})
		must(t, err)
		if got := w.take(t, row("FG4511")).statuses(); got != "review :dose.changed" {
			t.Errorf("got %s", got)
		}
	})
	t.Run("somebody else's now", func(t *testing.T) {
		moved := importHeader + w.importRow(t, "s2", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-09-03", "FG4509")
		w.take(t, moved)
		if got := w.take(t, importHeader+w.importRow(t, "s2", "2900200999008", "MUGUET", "Anaïs", "1990-02-01", "2021-09-03", "FG4509")).statuses(); got != "review :dose.moved" {
			t.Fatalf("got %s", got)
		}
		list, err := w.imports.Reviews(t.Context(), w.doctor)
		must(t, err)
		q := list[slices.IndexFunc(list, func(q bulk.Question) bool { return q.Reason == bulk.CodeMoved })]
		out, err := w.imports.Resolve(t.Context(), w.doctor, q.Person, q.Key, bulk.TakeNew)
		must(t, err)
		if out.Person == q.Person || len(w.history(t, q.Person)) != 0 || len(w.history(t, out.Person)) != 1 {
			t.Errorf("%+v: %d and %d doses", out, len(w.history(t, q.Person)), len(w.history(t, out.Person)))
		}
	})
}

func testImportRanks(t *testing.T, w *world) {
	_, err := w.vaccinate.Record(t.Context(), w.nurse, w.command(t, "2021-06-20"))
	must(t, err)
	w.take(t, importHeader+w.importRow(t, "o1", "2850500999001", "FOUGERE", "Camille", "1985-05-12", "2021-05-03", "FG4501"))
	h := w.history(t, w.fern)
	if len(h) != 2 || h[0].Rank != 1 || h[1].Rank != 2 || h[1].Lot.Reveal() != "FG4509" || h[1].Version != 2 {
		t.Errorf("history %+v", h)
	}
}

func testImportJournal(t *testing.T, w *world) {
	w.take(t, importHeader) // the run itself is entered before
	before := len(w.Journal(t))
	w.take(t, w.importFile(t), func(j *bulk.Job) { j.Batch = 100 })
	decided, wrote, read := 0, map[carnet.ID]string{}, map[carnet.ID]string{}
	for _, l := range w.Journal(t)[before:] {
		if l.Purpose != "import" || l.Role != "system" {
			t.Errorf("line %+v", l)
		}
		switch l.Kind {
		case "decide":
			decided++
		case "write":
			wrote[l.Person] += l.Object + ";"
		case "read":
			read[l.Person] += l.Object + ";"
		}
	}
	if decided != 2 { // the run, the batch
		t.Errorf("%d decisions", decided)
	}
	if got := wrote[w.fern]; got != "dose_event dose outbox import_entry;" {
		t.Errorf("the line of a known person: %q", got)
	}
	if got := read[w.fern]; got != "person_key person;" {
		t.Errorf("the line of what was read of a known person: %q", got)
	}
	if len(wrote) != 4 { // three people and the run
		t.Errorf("lines of %d", len(wrote))
	}
}

// testUpload: a professional sends a file from a page, sees what it would do, and imports it in steps.
func testUpload(t *testing.T, w *world) {
	var b strings.Builder
	b.WriteString(importHeader)
	const people = 1200
	for i := range people {
		b.WriteString(w.importRow(t, fmt.Sprint("u", i), fmt.Sprintf("29002009%02d%03d", 90+i/1000, i%1000), "MUGUET", "Ève", fmt.Sprintf("%d-%02d-%02d", 1950+i/300, i/25%12+1, i%25+1), "2021-05-03", "FG4509"))
	}
	b.WriteString(w.importRow(t, "bad", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2031-05-03", "FG4509"))
	file := []byte(b.String())
	ctx := t.Context()
	run, err := w.imports.Upload(ctx, w.doctor, "Cabinet", file)
	must(t, err)
	if run.Rows != people+1 || run.Counts[bulk.Refused] != 1 || w.Count(t, "dose") != 0 {
		t.Fatalf("trial %+v", run)
	}
	u, err := w.imports.Uploaded(ctx, w.doctor, run.ID)
	must(t, err)
	if len(u.Reasons) != 1 || u.Reasons[0].Code != bulk.CodeFuture || u.Reasons[0].First != people+2 || !u.Import.ID.IsZero() {
		t.Errorf("uploaded %+v", u)
	}
	if _, err := w.imports.Uploaded(ctx, w.nurse, run.ID); carnet.KindOf(err) != carnet.NotFound {
		t.Errorf("somebody else's file: %v", err)
	}
	first, err := w.imports.Go(ctx, w.doctor, run.ID)
	must(t, err)
	if first.Rows != 1000 || !first.Ended.IsZero() || w.Count(t, "dose") != 1000 {
		t.Errorf("first step %+v", first)
	}
	var last bulk.Run
	for range 2 { // a step after the end changes nothing
		last, err = w.imports.Go(ctx, w.doctor, run.ID)
		must(t, err)
	}
	if last.Rows != people+1 || last.Ended.IsZero() || w.Count(t, "dose") != people || last.Counts[bulk.Created] != people {
		t.Errorf("last step %+v", last)
	}
	answer, err := w.imports.AnswerOf(ctx, w.doctor, run.ID)
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(answer)), "\n")
	if len(lines) != people+2 || strings.Count(string(answer), ";new;") != people || !strings.HasSuffix(lines[people+1], ";refused;;;date;dose.date-future") {
		t.Errorf("%d lines, %d new", len(lines), strings.Count(string(answer), ";new;"))
	}
	u, err = w.imports.Uploaded(ctx, w.doctor, run.ID)
	must(t, err)
	if len(u.Reasons) != 1 || u.Reasons[0].Rows != 1 {
		t.Errorf("reasons %+v", u.Reasons)
	}
	must(t, w.imports.Forget(ctx, w.doctor, run.ID))
	if _, err := w.imports.AnswerOf(ctx, w.doctor, run.ID); carnet.KindOf(err) != carnet.NotFound || w.Count(t, "import_part") != 0 {
		t.Errorf("after it was forgotten: %v, %d parts", err, w.Count(t, "import_part"))
	}
	t.Run("a file that is too long for a page", func(t *testing.T) {
		long := importHeader + strings.Repeat("x\n", bulk.MaxUploadRows+1)
		if _, err := w.imports.Upload(ctx, w.doctor, "", []byte(long)); carnet.CodeOf(err) != bulk.CodeTooLarge {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another place than that of the session is not written to", func(t *testing.T) {
		head := strings.TrimSuffix(importHeader, "\n") + ";lieu\n"
		row := strings.TrimSuffix(w.importRow(t, "p1", "2900200999007", "MUGUET", "Ève", "1990-02-01", "2021-05-03", "FG4509"), "\n") + ";990000099\n"
		run, err := w.imports.Upload(ctx, w.doctor, "", []byte(head+row))
		must(t, err)
		if run.Counts[bulk.Refused] != 1 {
			t.Errorf("%+v", run.Counts)
		}
	})
}

// testResources: FHIR resources are rows like others.
func testResources(t *testing.T, w *world) {
	patient := `{"resourceType":"Patient","id":"p1","identifier":[{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"` + number(t, "2850500999001").Reveal() +
		`"}],"name":[{"use":"official","family":"FOUGÈRE","given":["Camille"]}],"gender":"female","birthDate":"1985-05-12"}`
	immunization := func(id, vaccine, more string) string {
		return `{"resourceType":"Immunization","id":"` + id + `","status":"completed","vaccineCode":{"coding":[{"code":"` + vaccine + `"}]},"patient":{"reference":"Patient/p1"},"occurrenceDateTime":"2021-05-03T10:30:00+02:00",` +
			`"lotNumber":"FG4509","expirationDate":"2021-09-30","site":{"coding":[{"code":"LA"}]},"route":{"coding":[{"code":"IM"}]},"location":{"identifier":{"system":"https://finess.esante.gouv.fr","value":"` + centre.ID +
			`"}},"performer":[{"actor":{"identifier":{"system":"https://rpps.esante.gouv.fr","value":"` + luhn("99700000019") + `"}}}]` + more + `}`
	}
	send := func(text string) taken {
		rows, err := bulk.OpenFile(strings.NewReader(text))
		must(t, err)
		var out taken
		out.run, err = w.imports.Import(t.Context(), system, bulk.Job{Responsible: w.doctor.ID}, rows, func(_ []bulk.Row, o []bulk.Outcome) error {
			out.outcomes = append(out.outcomes, o...)
			return nil
		})
		must(t, err)
		return out
	}
	lines := patient + "\n\n" + immunization("i1", "EU/1/20/1528", "") + "\n" +
		`{"resourceType":"Practitioner","id":"x"}` + "\n" +
		immunization("i2", "nothing", "") + "\n" +
		strings.Replace(immunization("i3", "EU/1/20/1528", ""), "Patient/p1", "Patient/p9", 1) + "\n" +
		`{"resourceType":"Immunization","status":3}` + "\n"
	if got := send(lines).statuses(); got != "new, refused vaccine:dose.vaccine, refused Immunization.patient:row.patient birth_name:person.name-missing given_names:person.given-missing birth_date:birth.missing, "+
		"refused Immunization.status:fhir.form Immunization.status:fhir.required Immunization.vaccineCode:fhir.required Immunization.patient:fhir.required Immunization.occurrence:fhir.required :row.json" {
		t.Errorf("got %s", got)
	}
	h := w.history(t, w.fern)
	if len(h) != 1 || h[0].BodySite != carnet.LeftArm || h[0].Route != "IM" || h[0].Time != "10:30" || h[0].Expiry.String() != "2021-09-30" || h[0].Injector != w.nurse.ID || h[0].Place != centre {
		t.Errorf("history %+v", h)
	}
	bundle := `{"resourceType":"Bundle","type":"collection","entry":[{"resource":` + immunization("i1", "EU/1/20/1528", "") + `},{"fullUrl":"urn:uuid:01a1fd70-f22c-7d1a-b2f5-649734dd493c","resource":` + patient + `}]}`
	if got := send(bundle).statuses(); got != "same" {
		t.Errorf("the same in a Bundle: %s", got)
	}
	if got := send(patient + "\n" + strings.Replace(strings.Replace(immunization("i4", "EU/1/20/1528", `,"statusReason":{"coding":[{"code":"PATOBJ"}]}`), "completed", "not-done", 1), "2021-05-03", "2021-08-03", 1)).statuses(); got != "new" {
		t.Errorf("not given: %s", got)
	}
	for name, text := range map[string]string{"a Bundle that is none": `{"resourceType":"Bundle","entry":3}`, "an object": "{\n}"} {
		t.Run(name, func(t *testing.T) {
			if _, err := bulk.OpenFile(strings.NewReader(text)); carnet.CodeOf(err) != bulk.CodeKind {
				t.Errorf("got %v", err)
			}
		})
	}
}
