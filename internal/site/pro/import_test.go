package pro

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/sitetest"
	"carnet/internal/vaccinate/bulk"
)

// imports stands for the room of imports: one file that was tried, one row that waits.
type imports struct {
	sent     []byte
	source   string
	step     int // 0 tried, 1 going, 2 done
	forgot   bool
	choice   bulk.Choice
	problems error
	refuse   error // of an upload
}

var waitingKey = bulk.Key{1, 2, 3}

func (i *imports) run(trial bool, rows int, ended bool) bulk.Run {
	r := bulk.Run{ID: id(220), Actor: tilleul.ID, Source: "Cabinet", Trial: trial, Begun: now, Changed: now, Rows: rows, Counts: map[bulk.Status]int{bulk.Created: rows - 3, bulk.Review: 1, bulk.Refused: 2}}
	if ended {
		r.Ended = now
	}
	return r
}

func (i *imports) Upload(_ context.Context, _ protect.Actor, source string, text []byte) (bulk.Run, error) {
	i.sent, i.source = text, source
	return i.run(true, 1840, true), i.refuse
}

func (i *imports) Uploaded(_ context.Context, _ protect.Actor, file carnet.ID) (bulk.Uploaded, error) {
	if file != id(220) {
		return bulk.Uploaded{}, carnet.E("bulk", carnet.NotFound, bulk.CodeUnknownRun, nil)
	}
	u := bulk.Uploaded{Trial: i.run(true, 1840, true), Reasons: []bulk.Reason{
		{Status: bulk.Refused, Fault: bulk.Fault{Column: "date", Code: bulk.CodeFuture}, Rows: 2, First: 14},
		{Status: bulk.Review, Fault: bulk.Fault{Code: bulk.CodeNear}, Rows: 1, First: 207}}}
	switch i.step {
	case 1:
		u.Import = i.run(false, 1000, false)
	case 2:
		u.Import = i.run(false, 1840, true)
	}
	return u, nil
}

func (i *imports) Go(context.Context, protect.Actor, carnet.ID) (bulk.Run, error) {
	i.step++
	return bulk.Run{}, nil
}

func (i *imports) AnswerOf(context.Context, protect.Actor, carnet.ID) ([]byte, error) {
	return []byte("carnet_line;carnet_status\n2;new\n"), nil
}

func (i *imports) Forget(context.Context, protect.Actor, carnet.ID) error {
	i.forgot = true
	return nil
}

func (i *imports) Runs(context.Context, protect.Actor, int) ([]bulk.Run, error) {
	clean := i.run(false, 40, true)
	clean.Counts = map[bulk.Status]int{bulk.Created: 40}
	return []bulk.Run{i.run(true, 1840, true), clean, i.run(false, 1000, false)}, i.problems
}

func (i *imports) question() bulk.Question {
	dose := func(day int, lot string) carnet.Dose {
		return carnet.Dose{ID: id(50), PersonID: fougere.ID, Vaccine: "EU/1/20/1528", Date: carnet.Date{Year: 2021, Month: 5, Day: day}, Place: acacias, BodySite: carnet.LeftArm, Lot: carnet.Lot{Private: carnet.Hide(lot)}}
	}
	there := fougere
	said := there.Identity
	said.UsedName = carnet.Private{}
	return bulk.Question{Entry: bulk.Entry{Key: waitingKey, Person: fougere.ID, State: bulk.Waits, Reason: bulk.CodeNear, Other: id(50), Waiting: bulk.Waiting{Identity: said, Dose: dose(3, "EX9999")}},
		Old: there, Stands: dose(3, "EX4821"), Choices: []bulk.Choice{bulk.KeepOld, bulk.TakeNew, bulk.Both}}
}

func (i *imports) Reviews(context.Context, protect.Actor) ([]bulk.Question, error) {
	if i.choice != "" {
		return nil, nil
	}
	return []bulk.Question{i.question()}, nil
}

func (i *imports) Question(_ context.Context, _ protect.Actor, _ carnet.ID, key bulk.Key) (bulk.Question, error) {
	if key != waitingKey {
		return bulk.Question{}, carnet.E("bulk", carnet.NotFound, bulk.CodeUnknownReview, nil)
	}
	return i.question(), nil
}

func (i *imports) Resolve(_ context.Context, _ protect.Actor, _ carnet.ID, _ bulk.Key, choice bulk.Choice) (bulk.Outcome, error) {
	if choice == "" {
		return bulk.Outcome{}, &carnet.Error{Op: "bulk", Kind: carnet.Invalid, Code: bulk.CodeChoice, Field: "choice"}
	}
	i.choice = choice
	return bulk.Outcome{}, nil
}

func TestImportPages(t *testing.T) {
	file, question := "/import/fichiers/"+id(220).String(), "/import/avis/"+fougere.ID.String()+"/"+hex.EncodeToString(waitingKey[:])
	for _, s := range []struct {
		sitetest.Scenario
		step  int
		after func(*testing.T, *imports)
	}{
		{Scenario: sitetest.Scenario{Name: "a file is asked for, what was imported is listed", URL: "/import", Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Essayer le fichier", "2 refusées, 1 en attente", "Interrompu", "Tout est passé", "ligne attend un avis"}}},
		{Scenario: sitetest.Scenario{Name: "without session", URL: "/import", ExpectedStatus: see, ExpectedLocation: "/?retour=%2Fimport&session=absente"}},
		{Scenario: sitetest.Scenario{Name: "an empty table with every column", URL: "/import/modele", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"cle;nir;nom_naissance;"}}},
		{Scenario: sitetest.Scenario{Name: "a trial is told before anything is written", URL: file, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Rien n'est encore écrit", "La date n'est pas encore venue", "207", "Importer"}, NotExpectedContent: []string{"import.js"}}},
		{Scenario: sitetest.Scenario{Name: "the import begins", Method: post, URL: file, Session: true, Form: url.Values{}, ExpectedStatus: see, ExpectedLocation: file},
			after: func(t *testing.T, i *imports) {
				if i.step != 1 {
					t.Errorf("step %d", i.step)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "how far it is", URL: file, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"1000 lignes sur 1840", `value="54"`, "Continuer", `type="module" src="/static/import`}}, step: 1},
		{Scenario: sitetest.Scenario{Name: "done", URL: file, Session: true, ExpectedStatus: ok, ExpectedContent: []string{"L'import est terminé", "Voir les lignes en attente"}}, step: 2},
		{Scenario: sitetest.Scenario{Name: "the answer", URL: file + "/reponse", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"carnet_line;carnet_status"}}},
		{Scenario: sitetest.Scenario{Name: "a file is forgotten", Method: post, URL: file, Session: true, Form: url.Values{"what": {"forget"}}, ExpectedStatus: see, ExpectedLocation: "/import"},
			after: func(t *testing.T, i *imports) {
				if !i.forgot || i.step != 0 {
					t.Errorf("%+v", i)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "the file of somebody else", URL: "/import/fichiers/" + id(221).String(), Session: true, ExpectedStatus: 404}},
		{Scenario: sitetest.Scenario{Name: "what waits", URL: "/import/avis", Session: true, ExpectedStatus: ok, ExpectedContent: []string{"Proche d'une dose enregistrée", question}}},
		{Scenario: sitetest.Scenario{Name: "both sides, what differs is said", URL: question, Session: true, ExpectedStatus: ok,
			ExpectedContent: []string{"Ce qui est enregistré", "EX4821", "EX9999", "Différent", "Les deux : ce sont deux injections"}}},
		{Scenario: sitetest.Scenario{Name: "nothing was chosen", Method: post, URL: question, Session: true, Form: url.Values{}, ExpectedStatus: bad, ExpectedContent: []string{"Choisissez ce qu'il faut garder"}}},
		{Scenario: sitetest.Scenario{Name: "decided", Method: post, URL: question, Session: true, Form: url.Values{"choice": {"both"}}, ExpectedStatus: see, ExpectedLocation: "/import/avis?fait=avis"},
			after: func(t *testing.T, i *imports) {
				if i.choice != bulk.Both {
					t.Errorf("%s", i.choice)
				}
			}},
		{Scenario: sitetest.Scenario{Name: "a row that does not wait", URL: "/import/avis/" + fougere.ID.String() + "/00", Session: true, ExpectedStatus: 404}},
	} {
		t.Run(s.Name, func(t *testing.T) {
			f := newFake(t)
			f.imports.step = s.step
			var out bytes.Buffer
			_, h := start(t, f, &out)
			s.Run(t, h)
			if s.after != nil {
				s.after(t, f.imports)
			}
			for _, secret := range append([]string{"EX4821", "EX9999"}, secrets...) {
				if strings.Contains(out.String(), secret) {
					t.Errorf("the log holds %q: %s", secret, &out)
				}
			}
		})
	}
}

// TestUpload sends files as a browser does.
func TestUpload(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		field  string
		fault  error
		status int
		want   string
	}{
		"a file":            {"nir;date\n", "file", nil, see, ""},
		"none":              {"", "other", nil, bad, "Choisissez un fichier"},
		"larger than it is": {strings.Repeat("x", bulk.MaxUpload+65<<10), "file", nil, bad, ""},
		"a fault of it":     {"a;b\n", "file", &carnet.Error{Op: "bulk", Kind: carnet.Invalid, Code: bulk.CodeHeader, Field: "file"}, bad, "Aucun titre de la première ligne"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.imports.refuse = c.fault
			_, h := start(t, f, io.Discard)
			var body bytes.Buffer
			w := multipart.NewWriter(&body)
			if err := w.WriteField("source", "Cabinet"); err != nil {
				t.Fatal(err)
			}
			part, err := w.CreateFormFile(c.field, "vaccins.csv")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write([]byte(c.text)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "/import", &body)
			r.Header.Set("Content-Type", w.FormDataContentType())
			r.Header.Set("Accept-Language", "fr")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.AddCookie(&http.Cookie{Name: "__Host-pro-session", Value: "x"})
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, r)
			if answer.Code != c.status || !strings.Contains(strings.ReplaceAll(answer.Body.String(), "’", "'"), c.want) {
				t.Errorf("%d, %s", answer.Code, answer.Body)
			}
			if c.status == see && (string(f.imports.sent) != c.text || f.imports.source != "Cabinet") {
				t.Errorf("sent %q from %q", f.imports.sent, f.imports.source)
			}
		})
	}
}

// TestLookImport looks at the pages of imports, as TestLook does at the others.
func TestLookImport(t *testing.T) {
	browser := sitetest.NewBrowser(t)
	f := newFake(t)
	_, h := start(t, f, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	file, question := "/import/fichiers/"+id(220).String(), "/import/avis/"+fougere.ID.String()+"/"+hex.EncodeToString(waitingKey[:])
	for _, page := range []struct {
		name, path string
		step       int
	}{{"import", "/import", 0}, {"import-tried", file, 0}, {"import-going", file, 1}, {"import-done", file, 2}, {"import-reviews", "/import/avis", 0}, {"import-review", question, 0}} {
		t.Run(page.name, func(t *testing.T) {
			f.imports.step = page.step
			browser.Check(t, "pro-"+page.name, sitetest.Look{URL: server.URL + page.path, Headers: map[string]string{"Accept-Language": "fr"}})
		})
	}
}
