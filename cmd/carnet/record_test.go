package main

import (
	"context"
	"encoding/csv"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/crowd"
	"carnet/internal/site/pro"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/bulk"
	"carnet/internal/vaccinate/fraud"
	"carnet/nir"
)

// desks is a door whose sessions are open: which one, a header says. What it costs to look a session up in the store is
// not in the figures of BenchmarkRecord; everything else of a request is.
type desks struct {
	pro.Login
	sessions []login.Session
}

func (d desks) CallbackPath() string { return "/connexion/retour/psc" }
func (d desks) EndPath() string      { return "/connexion/fin/psc" }
func (d desks) Current(r *http.Request) (login.Session, error) {
	n, err := strconv.Atoi(r.Header.Get("X-Desk"))
	if err != nil {
		return login.Session{}, carnet.E("test", carnet.Denied, login.CodeSessionEnded, nil)
	}
	return d.sessions[n], nil
}
func (d desks) Fresh(login.Session) bool                           { return true }
func (d desks) Take(context.Context, string, string) error         { return nil }
func (d desks) Spend(context.Context, protect.Actor, string) error { return nil }

// calm is the watch, which counts every entry, but for its answer: four desks that enter as fast as they can are an attack to it.
type calm struct{ pro.Risk }

func (calm) Gate(fraud.Who) error { return nil }

// BenchmarkRecord records doses over HTTP, four desks at once, each person once, and gives the median and the 99th percentile of the
// request that records. The store is that of CARNET_RECORD_DATA, into which the people of CARNET_RECORD_FILE were imported before
// (carnet sandbox people, carnet import); without them it imports 1,000 people of its own.
func BenchmarkRecord(b *testing.B) {
	data, file := os.Getenv("CARNET_RECORD_DATA"), os.Getenv("CARNET_RECORD_FILE")
	world, err := sandbox.ReadWorld()
	must(b, err)
	var who sandbox.Practitioner
	for _, p := range world.Professionals {
		if p.Professional.Vaccinator && len(p.Professional.Places) > 0 {
			who = p
			break
		}
	}
	place := who.Professional.Places[0]
	fresh := data == ""
	if fresh {
		data, file = b.TempDir(), filepath.Join(b.TempDir(), "crowd.csv")
		out, err := os.Create(file)
		must(b, err)
		must(b, crowd.Write(out, crowd.Order{People: 1000, Doses: 3, Seed: 1, Vaccinators: []crowd.Vaccinator{{Number: who.Professional.Number.Reveal(), Place: place.ID}}}))
		must(b, out.Close())
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	in, err := openInstance(b.Context(), &Settings{Data: data, Issuer: "Carnet"}, "https://carnet.example/app/wallet2d#", "https://carnet.example/notice")
	must(b, err)
	defer in.close()
	must(b, in.enrol(b.Context(), world))
	id := in.vaccinate.ProfessionalID(who.Professional.Number)
	if fresh {
		f, err := os.Open(file)
		must(b, err)
		rows, err := bulk.OpenFile(f)
		must(b, err)
		_, err = in.imports.Import(b.Context(), system, bulk.Job{Responsible: id}, rows, func([]bulk.Row, []bulk.Outcome) error { return nil })
		must(b, err)
		must(b, f.Close())
	}
	const many = 4
	d := desks{}
	for range many {
		session, err := in.ids.New()
		must(b, err)
		d.sessions = append(d.sessions, login.Session{ID: session, Person: id, Role: protect.Professional, Organisation: place.ID, Name: carnet.Hide("Lou"), CreatedAt: time.Now(), LastSeen: time.Now(),
			ExpiresAt: time.Now().Add(time.Hour), Profession: who.Professional.Profession})
	}
	site, err := pro.New(pro.Deps{Login: d, People: in.people, Vaccinate: in.vaccinate, Runs: in.runs, Stock: in.stock, Imports: in.imports, Lists: in.worklists, Paper: in.paper, Documents: in.belied, Risk: calm{in.watch},
		Clock: in.ids.Clock, Rand: in.ids.Rand, Log: log})
	must(b, err)
	server := httptest.NewServer(site)
	defer server.Close()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{MaxIdleConnsPerHost: many}}
	people := readCrowd(b, file, b.N)
	type job struct {
		path string
		desk int
	}
	jobs := make([]job, b.N)
	for i := range jobs {
		desk := i % many
		actor := d.sessions[desk].Actor()
		n, err := nir.Parse(people[i])
		must(b, err)
		found, err := in.people.ByNIR(b.Context(), actor, n)
		must(b, err)
		must(b, in.vaccinate.Meet(b.Context(), actor, found.ID, vaccinate.ByNumber))
		key, err := in.vaccinate.NewKey()
		must(b, err)
		jobs[i] = job{"/personnes/" + found.ID.String() + "/saisies/" + key.String() + "/enregistrer", desk}
	}
	today := in.vaccinate.Today()
	form := url.Values{"vaccine": {"EU/1/20/1528"}, "lot": {"BENCH1"}, "date-day": {strconv.Itoa(today.Day)}, "date-month": {strconv.Itoa(int(today.Month))}, "date-year": {strconv.Itoa(today.Year)},
		"site": {"left-arm"}, "place": {place.ID}, "injector": {id.String()}, "asked": {"1"}, "consent": {"self"}}
	took := make([]time.Duration, b.N)
	b.ResetTimer()
	var wait sync.WaitGroup
	for desk := range many {
		wait.Go(func() {
			for i := desk; i < b.N; i += many {
				r, err := http.NewRequest(http.MethodPost, server.URL+jobs[i].path, strings.NewReader(form.Encode()))
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("X-Desk", strconv.Itoa(desk))
				begun := time.Now()
				answer, err := client.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				text, err := io.ReadAll(answer.Body)
				took[i] = time.Since(begun)
				answer.Body.Close()
				if err != nil || answer.StatusCode != http.StatusSeeOther {
					b.Errorf("%d, %v: %.3000s", answer.StatusCode, err, text)
					return
				}
			}
		})
	}
	wait.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[b.N/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[b.N*99/100].Microseconds())/1000, "p99-ms")
}

// readCrowd takes the numbers of the first people of a file.
func readCrowd(b *testing.B, file string, n int) (numbers []string) {
	f, err := os.Open(file)
	must(b, err)
	defer f.Close()
	r := csv.NewReader(f)
	for len(numbers) < n {
		row, err := r.Read()
		if err == io.EOF {
			b.Fatalf("the file has %d people only", len(numbers))
		}
		must(b, err)
		if number := row[1]; number != "nir" && !slices.Contains(numbers[max(0, len(numbers)-1):], number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
