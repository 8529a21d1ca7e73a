package sqlite

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/logintest"
	"carnet/internal/protect"
	"carnet/internal/vaccinate"
)

func TestLogin(t *testing.T) {
	logintest.TestStore(t, func(t *testing.T) login.Store {
		return open(t, filepath.Join(t.TempDir(), "carnet.db"), rooms...).Login()
	})
}

// pushes is a provider whose owner approves at once.
type pushes struct{ now func() time.Time }

func (p pushes) Push(_ context.Context, q login.PushRequest) (login.Pushed, error) {
	return login.Pushed{RequestID: carnet.Hide("zygophylle-request"), Number: q.Number, At: p.now(), ExpiresAt: p.now().Add(q.Lifetime), Interval: time.Second}, nil
}

func (p pushes) Collect(context.Context, login.Pushed) (login.Identity, error) {
	return login.Identity{Provider: "psc", Issuer: "https://psc.example", Subject: carnet.Hide("zygophylle-subject"), ACR: "eidas1", AuthTime: p.now(),
		SID: "zygophylle-sid", IDToken: carnet.Hide("zygophylle-token")}, nil
}

func (pushes) CancelPush(context.Context, login.Pushed) error { return nil }

func (pushes) LogoutToken(context.Context, string) (login.Ended, error) { return login.Ended{}, nil }

// TestLoginLeavesNothingClear goes through a login by phone with a delegate, and looks for what was
// typed, shown and sent in every byte of the data directory.
func TestLoginLeavesNothingClear(t *testing.T) {
	dir := t.TempDir()
	db := open(t, filepath.Join(dir, "carnet.db"), rooms...)
	register, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	guard := protect.NewGuard(register, ids)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := login.NewProvider(login.Profile{Name: "psc", DiscoveryURL: "https://psc.example/d", Issuer: "https://psc.example", ClientID: "carnet", SecretFile: secret,
		AuthMethod: login.SecretPost, Scopes: []string{"openid"}, ACRMin: "eidas1", UserInfo: login.UserInfoRaw, LoginMode: login.ModeCIBA}, ids.Clock, ids.Rand, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := vaccinate.New(db.Vaccinate(), guard, db.ring, ids, nil)
	site, err := login.NewSite(login.SiteConfig{Name: "pro", Origin: "https://pro.example", Role: protect.Professional, Absolute: time.Hour, Idle: time.Hour,
		Calls: &login.Calls{Service: "Vaccin Covid", Professional: s.ProfessionalID, Pusher: pushes{ids.Clock}}}, p, db.Login(), guard, ids.Clock, ids.Rand)
	if err != nil {
		t.Fatal(err)
	}
	number, err := carnet.ParseRPPS("99700218896")
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.Enrol(t.Context(), protect.Actor{Role: protect.System}, carnet.Professional{Number: number, FamilyName: carnet.Hide("ZYGOPHYLLE"), GivenName: carnet.Hide("Quinquina"), Profession: carnet.Nurse})
	if err != nil {
		t.Fatal(err)
	}
	cookies := map[string]string{}
	request := func(method string) *http.Request {
		r := httptest.NewRequest(method, "/", nil)
		r.RemoteAddr = "198.51.100.231:4000"
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux) Zygophylle/3.14 Firefox/140.0")
		for name, value := range cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		return r
	}
	keep := func(w *httptest.ResponseRecorder) {
		for _, c := range w.Result().Cookies() {
			cookies[c.Name] = c.Value
		}
	}
	w := httptest.NewRecorder()
	wait, err := site.Call(w, request("POST"), login.CallRequest{Number: number.Reveal(), Establishment: "Centre des Tilleuls", Delegate: carnet.Hide("Rosalie Aubépine")})
	if err != nil {
		t.Fatal(err)
	}
	keep(w)
	markers := []string{number.Reveal(), number.Reveal()[1:], "Rosalie", "zygophylle", "Zygophylle", "ZYGOPHYLLE", "Quinquina", "198.51.100", "Jacinthe", cookies["__Host-pro-login"]}
	if got, err := site.Waiting(w, request("GET")); err != nil || got.State != login.WaitHeld {
		t.Fatalf("%v, %v", got.State, err)
	}
	held, err := site.Held(request("GET"))
	if err != nil {
		t.Fatal(err)
	}
	w = httptest.NewRecorder()
	session, err := site.Open(w, request("POST"), login.Opening{Person: id, Name: carnet.Hide("Quinquina ZYGOPHYLLE"), Organisation: "990000011", Identity: held.Identity})
	if err != nil {
		t.Fatal(err)
	}
	keep(w)
	d, err := delegation.New(db.Delegation(), guard, site, ids, "https://pro.example")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Declare(t.Context(), session, "Jacinthe Bruyère"); err != nil {
		t.Fatal(err)
	}
	markers = append(markers, cookies["__Host-pro-session"], cookies["__Host-pro-known"])
	if len(wait.Number) != 6 || slices.Contains(markers, "") {
		t.Fatalf("%+v, %d markers", wait, len(markers))
	}
	files := 0
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, marker := range append(markers, `"binding"`) {
			if bytes.Contains(text, []byte(marker)) {
				t.Errorf("%s holds %s", filepath.Base(path), marker)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
	t.Run("the journal tells each step by ids", func(t *testing.T) {
		rows, err := db.sql.Query(`SELECT object, outcome FROM journal WHERE kind = 'event' AND person_id = ? ORDER BY at, entry_id`, id[:])
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var kinds []string
		for rows.Next() {
			var object, outcome string
			if err := rows.Scan(&object, &outcome); err != nil {
				t.Fatal(err)
			}
			kind, call, _ := strings.Cut(object, " ")
			if _, err := carnet.ParseID(call); err != nil {
				t.Errorf("%s names no request", object)
			}
			if kind == "opened" && !strings.Contains(outcome, `"sid":"`+session.ID.String()+`"`) {
				t.Errorf("the opening says %s", outcome)
			}
			kinds = append(kinds, kind)
		}
		slices.Sort(kinds)
		if got := strings.Join(kinds, " "); got != "alert approved opened pushed shown start" {
			t.Errorf("%s", got)
		}
	})
}
