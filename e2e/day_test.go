package e2e

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"

	"github.com/go-jose/go-jose/v4"

	"carnet/internal/login"
	"carnet/internal/login/delegation/passkeytest"
	"carnet/internal/login/logintest"
	"carnet/internal/site/sitetest"
	"carnet/nir"
)

// The seeded day: a vaccination centre with six lines, two people who type on each, and six hundred
// patients, replayed through the pages as browsers send them. What a day must leave behind is worked
// out here from its plan, in a way of its own, and compared with what the pages show afterwards.

const (
	dayPlace    = "009900010"
	dayVaccine  = "EU/1/20/1528"
	dayLines    = 6
	dayPatients = 600
	daySeed     = 20261122
	dayGood     = "FJ4021" // lots of the day, by halves
	dayLater    = "FJ4022"
	dayRecalled = "FK9001"       // the lot of line 3 in the afternoon
	dayWrong    = "FJ4012"       // digits swapped by somebody in a hurry
	dayEarlier  = "EX0001"       // lot of what was given before
	dayBefore   = "99700000112"  // who gave it, a physician of the sandbox
	dayOther    = "EU/1/20/1483" // not against COVID-19
)

// patient is somebody of the day and what must be known of them in the end.
type patient struct {
	number, name, given, birth string
	before                     int // doses against COVID-19 before the day, 0 or 1
	line, turn                 int

	id   string // once the pages told it
	dose string
}

// wanted is an entry of the day as it must stand in the end.
type wanted struct {
	lot, site, rank, injector string
	typist                    string // who typed it; the professional when empty
	recorder                  string
}

// line is a professional, two people who type, and a browser.
type line struct {
	number   string // RPPS
	family   string
	given    string
	typists  [2]string
	keys     [2]*passkeytest.Key
	patients []*patient
}

func (l *line) name() string { return l.given + " " + l.family }

// luhn completes a number of the directory of professionals.
func luhn(ten string) string {
	sum := 0
	for i := range len(ten) {
		d := int(ten[len(ten)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return ten + strconv.Itoa((10-sum%10)%10)
}

// plan makes the day: the same each time.
func plan(t *testing.T) (lines []*line, people []*patient) {
	t.Helper()
	r := rand.New(rand.NewPCG(daySeed, 1))
	families := []string{"SORBIER", "NOISETIER", "GENÉVRIER", "MÉLÈZE", "ALISIER", "CORNOUILLER"}
	givens := []string{"Lila", "Hugo", "Iris", "Basile", "Flore", "Narcisse"}
	typists := []string{"Anémone Lierre", "Muguet Prêle", "Pervenche Ronce", "Jasmin Carex", "Violette Laîche", "Aster Molinie",
		"Capucine Fétuque", "Myrte Luzule", "Dahlia Brome", "Romarin Agrostis", "Garance Canche", "Cyprien Dactyle"}
	for i := range dayLines {
		lines = append(lines, &line{number: luhn(fmt.Sprintf("997000020%d", i)), family: families[i], given: givens[i], typists: [2]string{typists[2*i], typists[2*i+1]}})
	}
	plants := []string{"FOUGÈRE", "TILLEUL", "AUBÉPINE", "BRUYÈRE", "GENÊT", "HOUX", "LISERON", "PRIMEVÈRE", "SAUGE", "VERVEINE"}
	seen := map[string]bool{}
	for n := 0; len(people) < dayPatients; n++ {
		sex, year, month := 1+r.IntN(2), 1930+r.IntN(70), 1+r.IntN(12)
		number, err := nir.Complete(fmt.Sprintf("%d%02d%02d00999%03d", sex, year%100, month, 1+r.IntN(990)))
		if err != nil {
			t.Fatal(err)
		}
		if seen[number.Reveal()] {
			continue
		}
		seen[number.Reveal()] = true
		i := len(people)
		p := &patient{number: number.Reveal(), name: plants[r.IntN(len(plants))] + "-" + plants[r.IntN(len(plants))], given: givens[r.IntN(len(givens))],
			birth: fmt.Sprintf("%04d-%02d-%02d", year, month, 1+r.IntN(28)), before: r.IntN(2), line: i % dayLines, turn: i / dayLines}
		people = append(people, p)
		lines[p.line].patients = append(lines[p.line].patients, p)
	}
	return lines, people
}

// expect works out what must stand for a patient in the end.
func expect(lines []*line, p *patient) *wanted {
	l := lines[p.line]
	half := len(l.patients) / 2
	w := &wanted{lot: dayGood, site: "Bras gauche", rank: fmt.Sprintf("%d sur 2", p.before+1), injector: l.name(), recorder: l.name(), typist: l.typists[0]}
	if p.turn >= half {
		w.lot, w.typist = dayLater, l.typists[1]
		if p.line == 3 && p.turn > half {
			w.lot = dayRecalled
		}
	}
	switch {
	case p.line == 1 && p.turn == 7: // typed wrong in the morning, corrected at noon
	case p.line == 2 && p.turn == 9: // the other arm, corrected at noon
		w.site = "Bras droit"
	case p.line == 4 && p.turn == 11: // taken back on the spot and recorded again
	case p.line == 5 && p.turn == 13: // never came: a forged entry, annulled by two
		return nil
	}
	return w
}

// crowd writes the file that fills the register before the day: everybody, with the dose that they had
// before, against COVID-19 or against influenza.
func crowd(t *testing.T, path string, people []*patient, injector string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := csv.NewWriter(f)
	rows := [][]string{{"uuid", "nir", "birth_name", "given_names", "birth_date", "sex", "birth_place", "date", "vaccine", "lot", "body_site", "injector", "place"}}
	for i, p := range people {
		vaccine, date := dayVaccine, time.Now().AddDate(0, 0, -40).Format(time.DateOnly)
		if p.before == 0 {
			vaccine, date = dayOther, time.Now().AddDate(-1, 0, 0).Format(time.DateOnly)
		}
		rows = append(rows, []string{fmt.Sprintf("00000000-0000-8000-8000-%012d", i+1), p.number, p.name, p.given, p.birth, map[byte]string{'1': "M", '2': "F"}[p.number[0]], "00999",
			date, vaccine, dayEarlier, "left arm", injector, dayPlace})
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
}

// centre is the instance of the day.
type centre struct {
	*carnet
	dir   string
	peer  atomic.Pointer[logintest.Peer]
	asked logintest.PeerConfig
}

// call logs in: the professional, and who types if any.
func (c *centre) call(t *testing.T, l *line, typist int) *logintest.Browser {
	t.Helper()
	b := logintest.NewBrowser(t)
	b.Headers = map[string]string{"Accept-Language": "fr"}
	ask := map[string]string{"number": l.number}
	if typist >= 0 {
		ask["delegate"] = l.typists[typist]
	}
	b.Get(c.pro + "/").Send(ask)
	m := shownDigits.FindStringSubmatch(b.Page.Body)
	if m == nil {
		t.Fatalf("no number to type at %s: status %d\n%s", b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
	c.peer.Load().Answer(t, "8"+l.number, "approve", element.ReplaceAllString(m[1], ""))
	await(t, b)
	if b.Page.Choices("situation") == nil || typist >= 0 && b.Page.Choices("delegate") == nil {
		t.Fatalf("no session to open for %s at %s: status %d\n%s", l.name(), b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
	open := map[string]string{"situation": b.Page.Choices("situation")[0]}
	if typist >= 0 {
		open["delegate"] = b.Page.Choices("delegate")[0]
		open["presence"] = "present"
	}
	b.Send(open)
	if typist >= 0 {
		c.passkey(t, b, l.keys[typist].Use)
	}
	if b.Page.Status != 200 || !b.Page.Has("nir") {
		t.Fatalf("no session for %s at %s: status %d\n%s", l.name(), b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
	return b
}

var challenge = regexp.MustCompile(`data-challenge="([^"]*)"`)

// passkey answers the page that asks the device.
func (c *centre) passkey(t *testing.T, b *logintest.Browser, answer func(testing.TB, json.RawMessage) []byte) {
	t.Helper()
	m := challenge.FindStringSubmatch(b.Page.Body)
	if m == nil {
		t.Fatalf("no challenge at %s: status %d\n%s", b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
	var options struct{ PublicKey json.RawMessage }
	text := []byte(html.UnescapeString(m[1]))
	if err := json.Unmarshal(text, &options); err == nil && options.PublicKey != nil {
		text = options.PublicKey
	}
	b.Fill("passkey", string(answer(t, text)))
}

var (
	personPage = regexp.MustCompile(`/personnes/([0-9a-f-]{36})`)
	doseLinks  = regexp.MustCompile(`/doses/([0-9a-f-]{36})`)
)

// enter records one patient, in the run when there is one.
func (c *centre) enter(t *testing.T, b *logintest.Browser, p *patient, lot, site string, first bool) {
	t.Helper()
	b.Get(c.pro + "/vacciner").Send(map[string]string{"nir": p.number})
	m := personPage.FindStringSubmatch(b.Page.URL.Path)
	if m == nil {
		t.Fatalf("%s was not found: at %s, status %d\n%s", p.number, b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
	p.id = m[1]
	form := b.Page.URL.String()
	if first {
		b.Send(map[string]string{"vaccine": dayVaccine, "lot": lot, "expiry-day": "31", "expiry-month": "12", "expiry-year": strconv.Itoa(time.Now().Year() + 1), "asked": "1", "site": site})
		b.Press("/enregistrer")
	} else {
		b.Send(map[string]string{"asked": "1", "site": site})
	}
	if b.Page.Status != 200 || !strings.Contains(b.Page.URL.Path, "/confirmation") && !b.Page.Has("nir") {
		t.Fatalf("%s was not recorded: at %s, status %d\n%s", p.number, b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
	if p.turn%7 == 3 && !first { // a nervous finger, and somebody who goes back
		saved := b.Page.URL.Path
		b.Again()
		if b.Page.Status != 200 {
			t.Errorf("sent twice: status %d at %s", b.Page.Status, b.Page.URL)
		}
		if b.Get(form); !doseLinks.MatchString(b.Page.URL.Path) {
			t.Errorf("going back after %s leads to %s", saved, b.Page.URL)
		}
		b.Get(c.pro + "/vacciner")
	}
	if first {
		b.Get(b.Page.URL.String()).Press("/vacciner/serie")
	}
}

// dayConfig is what the day's instance is told. A day of ten hours is replayed in minutes, so limits
// and signals that count time are set for that; those that count anything else stay.
const dayConfig = `[login.pro]
preset = "pro-sante-connect-ciba"
issuer = %q
discovery_url = %q
hosts = []
client_id = "carnet"
secret_file = "secret"
id_token_algs = ["ES256"]
[login.pro.ciba]
context = true

[limits.requests]
count = 100000
period = "15m"
[limits.number-origin]
count = 100
period = "15m"
[limits.push-unknown]
count = 100
period = "15m"
[limits.push-unknown-day]
count = 100
period = "24h"

[[fraud]]
look = "1ms"
[fraud.signals.session-rate]
limit = 10000
points = 2
[fraud.signals.professional-rate]
limit = 10000
points = 2
[fraud.signals.place-rate]
limit = 10000
points = 1
[fraud.signals.odd-hours]
points = 0
[fraud.signals.cycles]
limit = 10000
points = 3
[fraud.signals.no-stock]
points = 0
`

// TestDay replays the day of a centre: 600 patients on 6 lines, 12 people who type, an outage of the login
// provider, entries put right, a lot recalled, a forged cycle. Afterwards each record is what the
// plan says, no dose is lost or doubled, and every act has both names.
func TestDay(t *testing.T) {
	lines, people := plan(t)
	dir := t.TempDir()
	first := serve(t, dir, noPorts...) // the places and people of the sandbox are in the directory from here on
	first.stop(t)
	crowd(t, filepath.Join(dir, "crowd.csv"), people, dayBefore)
	if out, err := exec.Command(program(t), "import", filepath.Join(dir, "crowd.csv"), "--data", filepath.Join(dir, "data"), "--responsible", dayBefore, "--place", dayPlace, "--lang", "en").CombinedOutput(); err != nil {
		t.Fatalf("import: %v\n%s", err, out)
	}

	c := &centre{dir: dir}
	port := freePort(t)
	origin := fmt.Sprintf("http://localhost:%d", port)
	accounts := map[string]map[string]any{}
	head := &line{number: dayBefore, family: "SAULE", given: "Aurélien"} // of the sandbox, which knows that they head the place
	for _, l := range append(slices.Clone(lines), head) {
		who := map[string]any{"given_name": l.given, "family_name": l.family, "SubjectNameID": "8" + l.number,
			"SubjectRefPro": map[string]any{"exercices": []any{map[string]any{"codeProfession": "60",
				"activities": []any{map[string]any{"numeroFinessSite": dayPlace, "raisonSocialeSite": "Centre de vaccination", "libelleCommune": "Carnet"}}}}}}
		accounts["8"+l.number], accounts[l.given] = who, who
	}
	profile, err := login.Preset("pro-sante-connect-ciba")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.asked = logintest.PeerConfig{Key: &jose.JSONWebKey{Key: key}, Engine: "oidc-provider", Shape: "psc", Port: freePort(t), Password: swapPassword, Accounts: accounts, Client: map[string]any{
		"client_id": "carnet", "client_secret": swapSecret,
		"redirect_uris": []string{origin + login.CallbackPath(profile.Name)}, "post_logout_redirect_uris": []string{origin + "/"}}}
	c.peer.Store(logintest.StartPeer(t, c.asked))
	write(t, filepath.Join(dir, "secret"), swapSecret)
	write(t, filepath.Join(dir, "carnet.toml"), fmt.Sprintf(dayConfig, c.peer.Load().Issuer, c.peer.Load().Discovery))
	c.carnet = serve(t, dir, append([]string{"--config", filepath.Join(dir, "carnet.toml"), "--port-pro", strconv.Itoa(port)}, noPorts...)...)

	for _, l := range lines {
		c.declare(t, l)
	}
	var morning sync.WaitGroup
	away, back := make(chan struct{}), make(chan struct{})
	for i, l := range lines {
		gone := func() {}
		if i == 0 {
			gone = sync.OnceFunc(func() { close(away); <-back })
		}
		morning.Go(func() {
			defer gone() // whatever happens, nobody waits for ever
			c.half(t, l, i, 0, gone)
		})
	}
	t.Run("the login provider is away: those who are in go on, who wants in is told", func(t *testing.T) {
		<-away
		c.peer.Load().Stop()
		b := logintest.NewBrowser(t)
		b.Headers = map[string]string{"Accept-Language": "fr"}
		b.Get(c.pro + "/").Send(map[string]string{"number": lines[0].number})
		if said := plain(b.Page.Body); b.Page.Status != 503 || !strings.Contains(said, "Pro Santé Connect") {
			t.Errorf("status %d: %s", b.Page.Status, said)
		}
		close(back)
	})
	morning.Wait()
	if t.Failed() {
		return
	}
	c.peer.Store(logintest.StartPeer(t, c.asked))
	var afternoon sync.WaitGroup
	for i, l := range lines {
		afternoon.Go(func() { c.half(t, l, i, 1, nil) })
	}
	afternoon.Wait()
	if t.Failed() {
		return
	}
	c.close(t, lines, people, head)
}

// declare names the people who type, with their passkeys.
func (c *centre) declare(t *testing.T, l *line) {
	t.Helper()
	b := c.call(t, l, -1)
	for i, name := range l.typists {
		l.keys[i] = passkeytest.New(t, c.pro, cryptorand.Reader)
		b.Get(c.pro + "/parametres").Send(map[string]string{"name": name})
		c.passkey(t, b, l.keys[i].Make)
		if b.Page.Status != 200 || !strings.Contains(plain(b.Page.Body), name) {
			t.Fatalf("%s was not declared: at %s, status %d\n%s", name, b.Page.URL, b.Page.Status, plain(b.Page.Body))
		}
	}
	b.Press("/deconnexion")
}

// half replays the morning or the afternoon of a line.
func (c *centre) half(t *testing.T, l *line, number, part int, gone func()) {
	b := c.call(t, l, part)
	half := len(l.patients) / 2
	patients, lot := l.patients[:half], dayGood
	if part == 1 {
		patients, lot = l.patients[half:], dayLater
	}
	for i, p := range patients {
		switch {
		case number == 0 && part == 0 && i == 15:
			gone() // the provider of logins; this line waits until it is seen
		case number == 1 && p.turn == 7:
			c.slowly(t, b, p, dayWrong)
			continue
		case number == 3 && part == 1 && i == 1: // another box, by hand
			b.Get(c.pro + "/vacciner").Send(map[string]string{"lot": dayRecalled, "expiry-day": "30", "expiry-month": "06", "expiry-year": strconv.Itoa(time.Now().Year() + 1)})
		case number == 5 && p.turn == 13: // never came
			c.enter(t, b, p, lot, "left-arm", false)
		case number == 4 && p.turn == 11: // the other arm by mistake, taken back on the spot
			c.enter(t, b, p, lot, "right-arm", false)
			b.Press("/vacciner/annulation")
		}
		c.enter(t, b, p, lot, "left-arm", i == 0)
	}
	b.Press("/deconnexion")
}

// slowly records outside the run.
func (c *centre) slowly(t *testing.T, b *logintest.Browser, p *patient, lot string) {
	t.Helper()
	b.Get(c.pro + "/vacciner").Send(map[string]string{"nir": p.number})
	p.id = personPage.FindStringSubmatch(b.Page.URL.Path)[1]
	b.Get(b.Page.URL.String() + "?serie=non").Send(map[string]string{"vaccine": dayVaccine, "lot": lot, "expiry-day": "31", "expiry-month": "12",
		"expiry-year": strconv.Itoa(time.Now().Year() + 1), "asked": "1", "site": "left-arm"})
	b.Press("/enregistrer")
	if !strings.Contains(b.Page.URL.Path, "/confirmation") {
		t.Fatalf("%s was not recorded: at %s, status %d\n%s", p.number, b.Page.URL, b.Page.Status, plain(b.Page.Body))
	}
}

// open goes to a patient's record, who is found by number.
func (c *centre) open(t *testing.T, b *logintest.Browser, p *patient) (doses []string) {
	t.Helper()
	b.Get(c.pro + "/recherche").Send(map[string]string{"nir": p.number, "by": "nir"})
	if !strings.HasSuffix(b.Page.URL.Path, "/personnes/"+p.id) {
		t.Fatalf("%s leads to %s: status %d\n%s", p.number, b.Page.URL, b.Page.Status, b.Page.Body)
	}
	seen := map[string]bool{}
	for _, m := range doseLinks.FindAllStringSubmatch(b.Page.Body, -1) {
		if !seen[m[1]] {
			doses = append(doses, "/personnes/"+p.id+"/doses/"+m[1])
		}
		seen[m[1]] = true
	}
	return doses
}

// close puts right what was wrong, recalls the lot, annuls the forged cycle, and looks at everybody.
func (c *centre) close(t *testing.T, lines []*line, people []*patient, head *line) {
	correct := func(number, turn int, what string, fields map[string]string) {
		t.Helper()
		p := lines[number].patients[turn]
		b := c.call(t, lines[number], -1)
		doses := c.open(t, b, p)
		fields["reason"] = "chiffres ou bras confondus"
		b.Get(c.pro + doses[len(doses)-1] + "/corriger/" + what).Send(fields)
		if b.Send(map[string]string{"confirm": "1"}); b.Page.Status != 200 || !strings.HasSuffix(b.Page.URL.Path, doses[len(doses)-1]) {
			t.Errorf("not corrected: at %s, status %d\n%s", b.Page.URL, b.Page.Status, sitetest.Plain(b.Page.Body))
		}
		b.Press("/deconnexion")
	}
	t.Run("the ones who answer for the acts put entries right", func(t *testing.T) {
		correct(1, 7, "lot", map[string]string{"lot": dayGood})
		correct(2, 9, "site", map[string]string{"site": "right-arm"})
	})
	boss := c.call(t, head, -1)
	t.Run("a forged cycle is annulled by two", func(t *testing.T) {
		p := lines[5].patients[13]
		b := c.call(t, lines[5], -1)
		doses := c.open(t, b, p)
		today := doses[len(doses)-2:]
		b.Get(c.pro + today[0] + "/signaler").Send(map[string]string{"words": "la personne n'est jamais venue", "dose-" + filepath.Base(today[0]): "1", "dose-" + filepath.Base(today[1]): "1"})
		for range today {
			boss.Get(c.pro + "/demandes").Send(map[string]string{"words": "vérifié avec l'agenda", "do": "annul"})
		}
		if boss.Get(c.pro + "/demandes"); strings.Contains(boss.Page.Body, `value="annul"`) {
			t.Errorf("something still waits:\n%s", boss.Page.Body)
		}
	})
	t.Run("the recall names the doses of the lot and nothing else", func(t *testing.T) {
		out, err := exec.Command(program(t), "lots", "recall", "--data", filepath.Join(c.dir, "data"), "--vaccine", dayVaccine, "--lot", dayRecalled, "--reason", "cold-chain", "--json").Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var facts struct {
			Doses []struct{ Dose, Person string }
		}
		if err := json.Unmarshal(out, &facts); err != nil {
			t.Fatal(err)
		}
		got, want := map[string]bool{}, 0
		for _, d := range facts.Doses {
			got[d.Person] = true
		}
		for _, p := range people {
			if w := expect(lines, p); w != nil && w.lot == dayRecalled {
				if want++; !got[p.id] {
					t.Errorf("%s is not told", p.number)
				}
			}
		}
		if len(facts.Doses) != want || want == 0 {
			t.Errorf("%d doses are recalled, want %d", len(facts.Doses), want)
		}
	})
	t.Run("every record is what the plan says, with both names on every act", func(t *testing.T) {
		wrong := 0
		for _, p := range people {
			w := expect(lines, p)
			doses := c.open(t, boss, p)
			n := 2
			if w == nil {
				n = 1 // what was before; the two of the cycle are only told
			}
			page := sitetest.Plain(boss.Page.Body)
			if len(doses) != n {
				t.Errorf("line %d, patient %d: %d doses, want %d", p.line, p.turn, len(doses), n)
			}
			if w == nil {
				if strings.Count(page, "saisie frauduleuse, annulée") < 2 {
					t.Errorf("the forged cycle is not shown as annulled:\n%s", page)
				}
				continue
			}
			boss.Get(c.pro + doses[len(doses)-1])
			page = sitetest.Plain(boss.Page.Body)
			p.dose = doses[len(doses)-1]
			for _, words := range []string{w.lot, w.rank, w.site, w.injector, w.recorder + ", par une personne autorisée", "Comirnaty"} {
				if !strings.Contains(page, words) {
					if wrong++; wrong < 5 {
						t.Errorf("line %d, patient %d: the entry does not say %q:\n%s", p.line, p.turn, words, element.ReplaceAllString(page, ""))
					}
				}
			}
		}
	})
	t.Run("each professional reads who typed each act in their name", func(t *testing.T) {
		for _, l := range lines {
			b := c.call(t, l, -1)
			page := b.Get(c.pro + "/parametres").Page.Body
			typed := map[string]string{}
			for _, m := range typedBy.FindAllStringSubmatch(page, -1) {
				typed[m[2]] = sitetest.Plain(m[1])
			}
			for _, p := range l.patients {
				if w := expect(lines, p); w != nil && !strings.Contains(typed[p.dose], w.typist) {
					t.Errorf("%s, patient %d was typed by %q, want %s", l.name(), p.turn, typed[p.dose], w.typist)
				}
			}
			b.Press("/deconnexion")
		}
	})
}

// typedBy finds the lines of the settings that say who typed what.
var typedBy = regexp.MustCompile(`(?s)</strong>, ([^<]*)<br><a class="inline" href="([^"]*)"`)
