package logintest

import (
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/origin"
	"carnet/internal/protect"
)

// testDoor is the part of the suite about what goes on before a session, and around it.
func testDoor(t *testing.T, open func(t *testing.T) login.Store, guard *protect.Guard, at time.Time) {
	d := guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Login})
	id := func(n byte) carnet.ID {
		return carnet.DerivedID([]byte{n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n})
	}
	within := func(t *testing.T, s login.Store, fn func(login.Tx) error) {
		t.Helper()
		if err := s.Door(t.Context(), d, fn); err != nil {
			t.Fatal(err)
		}
	}
	same := func(t *testing.T, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	call := func(n byte, person carnet.ID) login.CallRow {
		return login.CallRow{Browser: login.Hash{n}, Site: "pro", ID: id(n), Person: person, Lane: 1, Sealed: []byte{n, 3}, CreatedAt: at.Add(time.Duration(n)), ExpiresAt: at.Add(time.Minute)}
	}
	t.Run("a request is kept, renewed and removed; those under way are listed", func(t *testing.T) {
		s := open(t)
		first, second, ended, late := call(1, id(50)), call(2, id(50)), call(3, id(50)), call(4, id(50))
		first.CreatedAt, second.CreatedAt = at, at.Add(time.Second)
		ended.Ended, late.ExpiresAt = "quit", at
		late.CreatedAt, ended.CreatedAt = at, at
		second.NextPoll = at.Add(5 * time.Second)
		within(t, s, func(tx login.Tx) error {
			return errors.Join(tx.PutCall(first), tx.PutCall(ended), tx.PutCall(late), tx.PutCall(second), tx.PutCall(func() login.CallRow { c := call(5, id(51)); c.CreatedAt = at; return c }()))
		})
		within(t, s, func(tx login.Tx) error {
			got, err := tx.Call(second.Browser, "pro")
			same(t, got, second)
			list, err2 := tx.Calls(id(50), at)
			same(t, list, []login.CallRow{first, second})
			second.Ended = "approved"
			_, missing := tx.Call(second.Browser, "attestation")
			if carnet.KindOf(missing) != carnet.NotFound {
				t.Errorf("on another site: %v", missing)
			}
			return errors.Join(err, err2, tx.PutCall(second), tx.RemoveCall(first.Browser, "pro"), tx.RemoveCall(first.Browser, "pro"))
		})
		within(t, s, func(tx login.Tx) error {
			got, err := tx.Call(second.Browser, "pro")
			same(t, got, second)
			if list, err := tx.Calls(id(50), at); err != nil || len(list) != 0 {
				t.Errorf("%+v, %v", list, err)
			}
			return err
		})
	})
	t.Run("an identity waits once", func(t *testing.T) {
		s := open(t)
		h := login.HoldRow{Browser: login.Hash{1}, Site: "pro", ID: id(1), Sealed: []byte{4}, CreatedAt: at, ExpiresAt: at.Add(time.Minute)}
		within(t, s, func(tx login.Tx) error { return tx.PutHold(h) })
		var wg sync.WaitGroup
		got := make(chan bool, 8)
		for range 8 {
			wg.Go(func() {
				err := s.Door(t.Context(), d, func(tx login.Tx) error {
					row, err := tx.Hold(h.Browser, "pro")
					if carnet.KindOf(err) == carnet.NotFound {
						return nil
					}
					same(t, row, h)
					done, err2 := tx.RemoveHold(h.Browser, "pro")
					got <- done
					return errors.Join(err, err2)
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(got) != 1 || !<-got {
			t.Error("not exactly one took it")
		}
	})
	t.Run("a limit counts for all who come at once", func(t *testing.T) {
		s := open(t)
		key := login.Hash{7}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				err := s.Door(t.Context(), d, func(tx login.Tx) error {
					return tx.Limit("push", key, func(tat time.Time) time.Time {
						if tat.IsZero() {
							return at
						}
						return tat.Add(time.Second)
					})
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		within(t, s, func(tx login.Tx) error {
			return errors.Join(tx.Limit("push", key, func(tat time.Time) time.Time {
				if !tat.Equal(at.Add(9 * time.Second)) {
					t.Errorf("after ten, %s", tat.Sub(at))
				}
				return tat
			}), tx.Limit("other", key, func(tat time.Time) time.Time {
				if !tat.IsZero() {
					t.Error("two names share a key")
				}
				return at
			}))
		})
	})
	t.Run("the history reads back, newest first, by person, network, kind and time", func(t *testing.T) {
		s := open(t)
		here := login.Hash{9}
		full := login.Event{Call: id(1), Person: id(50), At: at.Add(2 * time.Second), Kind: login.EventOpened, Site: "pro", Origin: here, Place: origin.Place{Label: "Valombre", Country: "FR"},
			Browser: "Firefox, Linux", Establishment: "Centre des Tilleuls", Known: true, Quiet: true, Digits: 6, Took: 8 * time.Second, Reasons: []string{"hours", "repeated"},
			Session: id(2), Delegate: id(3)}
		within(t, s, func(tx login.Tx) error {
			return errors.Join(tx.AddEvent(login.Event{Call: id(1), Person: id(50), At: at, Kind: login.EventStart, Site: "pro", Origin: here}),
				tx.AddEvent(full), tx.AddEvent(login.Event{Call: id(4), Person: id(51), At: at.Add(time.Second), Kind: login.EventStart, Site: "pro", Origin: login.Hash{8}}))
		})
		read := func(h login.History) (list []login.Event) {
			within(t, s, func(tx login.Tx) (err error) { list, err = tx.Events(h); return err })
			return list
		}
		all := read(login.History{})
		if len(all) != 3 || all[0].Kind != login.EventOpened || all[2].Kind != login.EventStart || all[0].ID.IsZero() || all[0].ID == all[1].ID {
			t.Fatalf("%+v", all)
		}
		got := all[0]
		got.ID = carnet.ID{}
		same(t, got, full)
		for name, c := range map[string]struct {
			h    login.History
			want int
		}{
			"person": {login.History{Person: id(50)}, 2}, "network": {login.History{Origin: login.Hash{8}}, 1}, "kind": {login.History{Kind: login.EventStart}, 2},
			"since": {login.History{Since: at.Add(time.Second)}, 2}, "limit": {login.History{Limit: 1}, 1}, "nobody": {login.History{Person: id(52)}, 0},
			"person and kind": {login.History{Person: id(50), Kind: login.EventOpened, Since: at}, 1},
		} {
			if n := len(read(c.h)); n != c.want {
				t.Errorf("%s: %d", name, n)
			}
		}
		mine := guard.Decide(protect.Request{Actor: protect.Actor{ID: id(50), Role: protect.Professional}, Purpose: protect.Security, Person: id(50)})
		if err := s.Door(t.Context(), mine, func(tx login.Tx) error { _, err := tx.Events(login.History{Person: id(50)}); return err }); err != nil {
			t.Errorf("one's own history: %v", err)
		}
		for what, fn := range map[string]func(login.Tx) error{
			"write":  func(tx login.Tx) error { return tx.AddEvent(full) },
			"block":  func(tx login.Tx) error { return tx.PutBlock(id(50), here, at) },
			"limits": func(tx login.Tx) error { return tx.Limit("x", here, func(time.Time) time.Time { return at }) },
			"ending": func(tx login.Tx) error { _, err := tx.EndSessions(login.Ending{Person: id(50)}); return err },
		} {
			if err := s.Door(t.Context(), mine, fn); !errors.Is(err, protect.ErrDenied) {
				t.Errorf("%s under the purpose of one's own history: %v", what, err)
			}
		}
	})
	t.Run("browsers, networks and hours are remembered until their time", func(t *testing.T) {
		s := open(t)
		b, from := login.Hash{1}, login.Hash{2}
		within(t, s, func(tx login.Tx) error {
			return errors.Join(tx.PutKnown(b, id(50), at.Add(time.Minute)), tx.PutKnown(b, id(51), at.Add(time.Minute)), tx.PutBlock(id(50), from, at.Add(time.Minute)), tx.PutHours(id(50), "mon 08:00-09:00"))
		})
		ask := func(when time.Time) (known, other, blocked, elsewhere bool, text string) {
			within(t, s, func(tx login.Tx) (err error) {
				var errs [5]error
				known, errs[0] = tx.Known(b, id(50), when)
				other, errs[1] = tx.Known(login.Hash{5}, id(50), when)
				blocked, errs[2] = tx.Blocked(id(50), from, when)
				elsewhere, errs[3] = tx.Blocked(id(51), from, when)
				text, errs[4] = tx.Hours(id(50))
				return errors.Join(errs[:]...)
			})
			return
		}
		if known, other, blocked, elsewhere, text := ask(at); !known || other || !blocked || elsewhere || text != "mon 08:00-09:00" {
			t.Error(known, other, blocked, elsewhere, text)
		}
		if known, _, blocked, _, _ := ask(at.Add(time.Minute)); known || blocked {
			t.Error("after their time", known, blocked)
		}
		within(t, s, func(tx login.Tx) error { return errors.Join(tx.ForgetKnown(id(50)), tx.PutHours(id(50), "")) })
		if known, _, _, _, text := ask(at); known || text != "" {
			t.Error("forgotten", known, text)
		}
		within(t, s, func(tx login.Tx) error {
			if ok, err := tx.Known(b, id(51), at); !ok || err != nil {
				t.Error("the colleague's was forgotten too")
			}
			return nil
		})
	})
	t.Run("sessions end by person, network, time, delegate, sid and subject", func(t *testing.T) {
		session := func(n byte) login.Row {
			return login.Row{Token: login.Hash{n}, ID: id(n), Actor: id(50), Site: "pro", Role: protect.Professional, Sealed: []byte{n}, CreatedAt: at.Add(time.Duration(n) * time.Second),
				LastSeen: at, ExpiresAt: at.Add(time.Hour), Browser: "Firefox, Linux", Origin: login.Hash{n % 2, 1}, SID: login.Hash{n, 7}, Subject: login.Hash{n % 3, 9}, Delegate: id(60 + n%2), Presence: "present"}
		}
		bare := login.Row{Token: login.Hash{99}, ID: id(99), Actor: id(51), Site: "attestation", Role: protect.Insured, Sealed: []byte{9}, CreatedAt: at, LastSeen: at, ExpiresAt: at.Add(time.Hour)}
		for name, c := range map[string]struct {
			e    login.Ending
			want []byte
		}{
			"none":                  {login.Ending{}, nil},
			"a time alone":          {login.Ending{Since: at}, nil},
			"person":                {login.Ending{Person: id(50)}, []byte{1, 2, 3, 4, 5, 6}},
			"network":               {login.Ending{Person: id(50), Origin: login.Hash{1, 1}}, []byte{1, 3, 5}},
			"network, lately":       {login.Ending{Person: id(50), Origin: login.Hash{1, 1}, Since: at.Add(3 * time.Second)}, []byte{3, 5}},
			"one session":           {login.Ending{Person: id(50), Session: id(4)}, []byte{4}},
			"one of somebody else":  {login.Ending{Person: id(51), Session: id(4)}, nil},
			"delegate":              {login.Ending{Delegate: id(60)}, []byte{2, 4, 6}},
			"sid":                   {login.Ending{SID: login.Hash{4, 7}}, []byte{4}},
			"subject":               {login.Ending{Subject: login.Hash{0, 9}}, []byte{3, 6}},
			"somebody else's":       {login.Ending{Person: id(51), Delegate: id(60)}, nil},
			"no session of the sid": {login.Ending{SID: login.Hash{4, 8}}, nil},
		} {
			t.Run(name, func(t *testing.T) {
				s := open(t)
				within(t, s, func(tx login.Tx) error {
					var errs []error
					for n := range byte(6) {
						errs = append(errs, tx.AddSession(session(n+1)))
					}
					return errors.Join(append(errs, tx.AddSession(bare))...)
				})
				var ended []login.Row
				within(t, s, func(tx login.Tx) (err error) { ended, err = tx.EndSessions(c.e); return err })
				slices.SortFunc(ended, func(a, b login.Row) int { return int(a.Token[0]) - int(b.Token[0]) })
				var got []byte
				for _, r := range ended {
					same(t, r, session(r.Token[0]))
					got = append(got, r.Token[0])
				}
				same(t, got, c.want)
				left, err := s.Sessions(t.Context(), d, id(50))
				if err != nil || len(left) != 6-len(c.want) {
					t.Errorf("%d left, %v", len(left), err)
				}
				if kept, err := s.SessionByToken(t.Context(), d, bare.Token); err != nil || !reflect.DeepEqual(kept, bare) {
					t.Errorf("%+v, %v", kept, err)
				}
			})
		}
	})
	t.Run("a transaction that fails leaves nothing", func(t *testing.T) {
		s := open(t)
		boom := errors.New("boom")
		err := s.Door(t.Context(), d, func(tx login.Tx) error {
			return errors.Join(tx.PutCall(call(1, id(50))), tx.PutBlock(id(50), login.Hash{1}, at.Add(time.Hour)), tx.AddEvent(login.Event{Call: id(1), Person: id(50), At: at, Kind: login.EventStart}), boom)
		})
		if !errors.Is(err, boom) {
			t.Fatalf("got %v", err)
		}
		within(t, s, func(tx login.Tx) error {
			_, err := tx.Call(login.Hash{1}, "pro")
			blocked, _ := tx.Blocked(id(50), login.Hash{1}, at)
			list, _ := tx.Events(login.History{})
			if carnet.KindOf(err) != carnet.NotFound || blocked || len(list) != 0 {
				t.Errorf("%v, %v, %d events", err, blocked, len(list))
			}
			return nil
		})
	})
	t.Run("what has expired is purged, and nothing else", func(t *testing.T) {
		s := open(t)
		old, fresh := call(1, id(50)), call(2, id(50))
		fresh.ExpiresAt = at.Add(2 * time.Hour)
		hold := func(n byte, until time.Time) login.HoldRow {
			return login.HoldRow{Browser: login.Hash{n}, Site: "pro", ID: id(n), Sealed: []byte{1}, CreatedAt: at, ExpiresAt: until}
		}
		within(t, s, func(tx login.Tx) error {
			return errors.Join(tx.PutCall(old), tx.PutCall(fresh), tx.PutHold(hold(1, at)), tx.PutHold(hold(2, fresh.ExpiresAt)),
				tx.PutKnown(login.Hash{1}, id(50), at), tx.PutBlock(id(50), login.Hash{1}, at.Add(2*time.Hour)),
				tx.Limit("x", login.Hash{1}, func(time.Time) time.Time { return at }), tx.Limit("y", login.Hash{1}, func(time.Time) time.Time { return at.Add(2 * time.Hour) }),
				tx.AddEvent(login.Event{Call: id(1), Person: id(50), At: at.Add(-time.Hour), Kind: login.EventStart}), tx.AddEvent(login.Event{Call: id(1), Person: id(50), At: at, Kind: login.EventQuit}))
		})
		within(t, s, func(tx login.Tx) error { return tx.PurgeDoor(at.Add(time.Hour), at.Add(-time.Minute)) })
		within(t, s, func(tx login.Tx) error {
			_, gone := tx.Call(old.Browser, "pro")
			_, kept := tx.Call(fresh.Browser, "pro")
			_, goneHold := tx.Hold(login.Hash{1}, "pro")
			_, keptHold := tx.Hold(login.Hash{2}, "pro")
			blocked, err := tx.Blocked(id(50), login.Hash{1}, at)
			list, err2 := tx.Events(login.History{})
			if carnet.KindOf(gone) != carnet.NotFound || kept != nil || carnet.KindOf(goneHold) != carnet.NotFound || keptHold != nil || !blocked || len(list) != 1 || list[0].Kind != login.EventQuit {
				t.Error(gone, kept, goneHold, keptHold, blocked, list)
			}
			return errors.Join(err, err2, tx.Limit("x", login.Hash{1}, func(tat time.Time) time.Time {
				if !tat.IsZero() {
					t.Error("a limit that has passed is kept")
				}
				return at
			}), tx.Limit("y", login.Hash{1}, func(tat time.Time) time.Time {
				if tat.IsZero() {
					t.Error("a limit that stands is gone")
				}
				return tat
			}))
		})
	})
	t.Run("no access without a decision for this purpose", func(t *testing.T) {
		s := open(t)
		for name, bad := range map[string]protect.Decision{
			"none":          {},
			"other purpose": guard.Decide(protect.Request{Actor: protect.Actor{Role: protect.System}, Purpose: protect.Directory}),
			"a delegate":    guard.Decide(protect.Request{Actor: protect.Actor{ID: id(50), Role: protect.Professional, Delegate: id(3)}, Purpose: protect.Security, Person: id(50)}),
		} {
			err := s.Door(t.Context(), bad, func(tx login.Tx) error { return tx.PutCall(call(1, id(50))) })
			if !errors.Is(err, protect.ErrDenied) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if a, b := s.Lookup("a", "bc"), s.Lookup("ab", "c"); a == b || a != s.Lookup("a", "bc") {
			t.Error("the keyed hashes of two things meet, or that of one changes")
		}
	})
}
