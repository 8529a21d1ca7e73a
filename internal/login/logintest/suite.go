package logintest

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
)

// chance gives the same bytes in every run. It is safe for concurrent use.
type chance struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func newChance() *chance { return &chance{source: rand.NewChaCha8([32]byte{})} }

func (c *chance) Read(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.source.Read(b)
}

// Guard is a guard of the register that the program carries, at a given time.
func Guard(t testing.TB, clock carnet.Clock) *protect.Guard {
	t.Helper()
	r, err := protect.DefaultRegister()
	if err != nil {
		t.Fatal(err)
	}
	return protect.NewGuard(r, carnet.IDs{Clock: clock, Rand: newChance()})
}

// TestStore runs the suite that every store of logins must pass. open gives an empty store.
func TestStore(t *testing.T, open func(t *testing.T) login.Store) {
	at := time.Date(2026, 11, 21, 9, 30, 0, 123456000, time.UTC)
	clock := func() time.Time { return at }
	guard := Guard(t, clock)
	d := guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
	ids := carnet.IDs{Clock: clock, Rand: newChance()}
	newID := func(t *testing.T) carnet.ID {
		id, err := ids.New()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	attempt := func(n byte) login.Attempt {
		return login.Attempt{State: login.Hash{n}, Browser: login.Hash{n, 1}, Site: "pro", Sealed: []byte{n, 2}, CreatedAt: at, ExpiresAt: at.Add(time.Minute)}
	}
	session := func(t *testing.T, n byte, actor carnet.ID) login.Row {
		return login.Row{Token: login.Hash{n}, ID: newID(t), Actor: actor, Site: "pro", Role: protect.Professional, Sealed: []byte{n, 2},
			CreatedAt: at, LastSeen: at, ExpiresAt: at.Add(time.Hour)}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	missing := func(t *testing.T, err error) {
		t.Helper()
		if carnet.KindOf(err) != carnet.NotFound {
			t.Errorf("got %v, want not-found", err)
		}
	}

	t.Run("an attempt is taken once, as it was stored", func(t *testing.T) {
		s := open(t)
		a := attempt(1)
		must(t, s.AddAttempt(t.Context(), d, a))
		got, err := s.TakeAttempt(t.Context(), d, a.State, a.Browser)
		must(t, err)
		if !reflect.DeepEqual(got, a) {
			t.Errorf("got %+v, want %+v", got, a)
		}
		_, err = s.TakeAttempt(t.Context(), d, a.State, a.Browser)
		missing(t, err)
	})
	t.Run("another browser takes nothing and spoils nothing", func(t *testing.T) {
		s := open(t)
		a := attempt(1)
		must(t, s.AddAttempt(t.Context(), d, a))
		_, err := s.TakeAttempt(t.Context(), d, a.State, login.Hash{9})
		missing(t, err)
		_, err = s.TakeAttempt(t.Context(), d, a.State, a.Browser)
		must(t, err)
	})
	t.Run("of many takers one gets it", func(t *testing.T) {
		s := open(t)
		a := attempt(1)
		must(t, s.AddAttempt(t.Context(), d, a))
		var wg sync.WaitGroup
		var got atomic.Int32
		for range 16 {
			wg.Go(func() {
				switch _, err := s.TakeAttempt(t.Context(), d, a.State, a.Browser); carnet.KindOf(err) {
				case carnet.NotFound:
				default:
					if err != nil {
						t.Error(err)
						return
					}
					got.Add(1)
				}
			})
		}
		wg.Wait()
		if got.Load() != 1 {
			t.Errorf("%d got it", got.Load())
		}
	})
	t.Run("a session reads back, is touched, and ends", func(t *testing.T) {
		s := open(t)
		row := session(t, 1, newID(t))
		must(t, s.AddSession(t.Context(), d, row))
		row.LastSeen = at.Add(time.Minute)
		must(t, s.TouchSession(t.Context(), d, row.Token, row.LastSeen))
		got, err := s.SessionByToken(t.Context(), d, row.Token)
		must(t, err)
		if !reflect.DeepEqual(got, row) {
			t.Errorf("got %+v, want %+v", got, row)
		}
		must(t, s.EndSession(t.Context(), d, row.Token))
		_, err = s.SessionByToken(t.Context(), d, row.Token)
		missing(t, err)
		must(t, s.EndSession(t.Context(), d, row.Token))
		must(t, s.TouchSession(t.Context(), d, row.Token, at))
	})
	t.Run("sessions are listed and ended by person", func(t *testing.T) {
		s := open(t)
		anna, bert := newID(t), newID(t)
		rows := []login.Row{session(t, 1, anna), session(t, 2, anna), session(t, 3, anna), session(t, 4, bert)}
		for _, r := range rows {
			must(t, s.AddSession(t.Context(), d, r))
		}
		list, err := s.Sessions(t.Context(), d, anna)
		must(t, err)
		if len(list) != 3 {
			t.Fatalf("%d sessions", len(list))
		}
		missing(t, s.EndSessionOf(t.Context(), d, bert, rows[0].ID))
		must(t, s.EndSessionOf(t.Context(), d, anna, rows[0].ID))
		missing(t, s.EndSessionOf(t.Context(), d, anna, rows[0].ID))
		n, err := s.EndSessions(t.Context(), d, anna)
		must(t, err)
		if n != 2 {
			t.Errorf("%d ended", n)
		}
		_, err = s.SessionByToken(t.Context(), d, rows[3].Token)
		must(t, err)
	})
	t.Run("what has expired is purged, and nothing else", func(t *testing.T) {
		s := open(t)
		old, fresh := attempt(1), attempt(2)
		fresh.ExpiresAt = at.Add(2 * time.Hour)
		must(t, s.AddAttempt(t.Context(), d, old))
		must(t, s.AddAttempt(t.Context(), d, fresh))
		gone, kept := session(t, 1, newID(t)), session(t, 2, newID(t))
		kept.ExpiresAt = at.Add(2 * time.Hour)
		must(t, s.AddSession(t.Context(), d, gone))
		must(t, s.AddSession(t.Context(), d, kept))
		must(t, s.Purge(t.Context(), d, at.Add(time.Hour)))
		_, err := s.TakeAttempt(t.Context(), d, old.State, old.Browser)
		missing(t, err)
		_, err = s.TakeAttempt(t.Context(), d, fresh.State, fresh.Browser)
		must(t, err)
		_, err = s.SessionByToken(t.Context(), d, gone.Token)
		missing(t, err)
		_, err = s.SessionByToken(t.Context(), d, kept.Token)
		must(t, err)
	})
	t.Run("no access without a decision for this purpose", func(t *testing.T) {
		s := open(t)
		row := session(t, 1, newID(t))
		must(t, s.AddSession(t.Context(), d, row))
		for name, bad := range map[string]protect.Decision{
			"none":          {},
			"other purpose": guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Directory}),
			"refused":       guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.Insured, ID: row.Actor}, Purpose: protect.Login}),
		} {
			errs := []error{
				s.AddAttempt(t.Context(), bad, attempt(7)),
				s.AddSession(t.Context(), bad, session(t, 7, row.Actor)),
				s.TouchSession(t.Context(), bad, row.Token, at),
				s.EndSession(t.Context(), bad, row.Token),
				s.EndSessionOf(t.Context(), bad, row.Actor, row.ID),
				s.Purge(t.Context(), bad, at.Add(24*time.Hour)),
			}
			_, err := s.TakeAttempt(t.Context(), bad, login.Hash{1}, login.Hash{1})
			errs = append(errs, err)
			_, err = s.SessionByToken(t.Context(), bad, row.Token)
			errs = append(errs, err)
			_, err = s.Sessions(t.Context(), bad, row.Actor)
			errs = append(errs, err)
			_, err = s.EndSessions(t.Context(), bad, row.Actor)
			errs = append(errs, err)
			for i, err := range errs {
				if !errors.Is(err, protect.ErrDenied) {
					t.Errorf("%s, call %d: %v", name, i, err)
				}
			}
		}
		if _, err := s.SessionByToken(t.Context(), d, row.Token); err != nil {
			t.Errorf("a refused call changed something: %v", err)
		}
	})
	t.Run("the door", func(t *testing.T) { testDoor(t, open, guard, at) })
}
