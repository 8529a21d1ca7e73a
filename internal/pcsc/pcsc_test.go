//go:build linux

package pcsc_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carnet/internal/pcsc"
	"carnet/internal/sandbox/pcsctest"
	"carnet/vitale"
	"carnet/vitale/specimen"
)

func open(t testing.TB) *pcsc.Service {
	t.Helper()
	s, err := pcsc.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the daemon may have been stopped
	return s
}

// present waits until as many slots hold a card as the test has put in.
func present(t testing.TB, s *pcsc.Service, want int) []pcsc.Reader {
	t.Helper()
	var list []pcsc.Reader
	if !pcsctest.Eventually(5*time.Second, func() bool {
		var err error
		if list, err = s.Readers(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, r := range list {
			if r.Present {
				n++
			}
		}
		return n == want
	}) {
		t.Fatalf("%d cards do not come: %v", want, list)
	}
	return list
}

func TestReader(t *testing.T) {
	d := pcsctest.Start(t)
	s := open(t)
	t.Run("no card", func(t *testing.T) {
		if list := present(t, s, 0); len(list) != 2 {
			t.Errorf("%d readers", len(list))
		}
		if _, err := pcsc.Read(t.Context(), s); vitale.CodeOf(err) != vitale.NoCard {
			t.Error(err)
		}
	})
	for _, c := range []struct {
		fault specimen.Fault
		code  vitale.Code
		kind  vitale.Kind
	}{
		{specimen.None, "", vitale.KindVitale2},
		{specimen.Plain, "", vitale.KindVitale2},
		{specimen.WrongATR, "", vitale.KindVitale2},
		{specimen.Crowd, "", vitale.KindVitale2},
		{specimen.Slow, "", vitale.KindVitale2},
		{specimen.Vitale1, vitale.Vitale1, vitale.KindVitale1},
		{specimen.CPS, vitale.NotVitale, vitale.KindProfessional},
		{specimen.Foreign, vitale.NotVitale, vitale.KindOther},
		{specimen.Garbage, vitale.BadData, vitale.KindVitale2},
		{specimen.Mute, vitale.CardMute, vitale.KindOther},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			pull := d.Insert(t, 0, c.fault)
			list := present(t, s, 1)
			data, err := pcsc.Read(t.Context(), s)
			if c.code == "" {
				if err != nil || len(data.Beneficiaries) < 3 {
					t.Error(data, err)
				}
			} else if err == nil || vitale.CodeOf(err) != c.code {
				t.Errorf("%v, want %s", err, c.code)
			}
			if kind, err := pcsc.Probe(t.Context(), s, list[0]); kind != c.kind || err != nil && c.fault != specimen.Mute {
				t.Errorf("%s %v", kind, err)
			}
			pull()
			present(t, s, 0)
		})
	}
	t.Run("pulled out in the middle", func(t *testing.T) {
		pull := d.Insert(t, 0, specimen.Removed)
		present(t, s, 1)
		data, err := pcsc.Read(t.Context(), s)
		if vitale.CodeOf(err) != vitale.CardRemoved || len(data.Beneficiaries) != 0 {
			t.Error(err)
		}
		pull()
		present(t, s, 0)
	})
	t.Run("the patient's card beside the professional's", func(t *testing.T) {
		pullA, pullB := d.Insert(t, 0, specimen.CPS), d.Insert(t, 1, specimen.None)
		present(t, s, 2)
		if data, err := pcsc.Read(t.Context(), s); err != nil || len(data.Beneficiaries) != 3 {
			t.Error(data, err)
		}
		pullA()
		pullB()
		present(t, s, 0)
	})
	t.Run("shared with other programs, and held by one for a while", func(t *testing.T) {
		pull := d.Insert(t, 0, specimen.None)
		list := present(t, s, 1)
		var others sync.WaitGroup
		for range 4 {
			others.Go(func() {
				s := open(t)
				for range 5 {
					if _, err := pcsc.Read(t.Context(), s); err != nil {
						t.Error(err)
					}
				}
			})
		}
		others.Wait()
		card, err := open(t).Connect(list[0].Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := card.Begin(); err != nil {
			t.Fatal(err)
		}
		var held atomic.Bool
		held.Store(true)
		others.Go(func() {
			time.Sleep(300 * time.Millisecond)
			held.Store(false)
			if err := card.Close(); err != nil {
				t.Error(err)
			}
		})
		_, err = pcsc.Read(t.Context(), s)
		early := held.Load()
		others.Wait()
		if err != nil || early {
			t.Errorf("%v, read while it was held: %v", err, early)
		}
		pull()
		present(t, s, 0)
	})
	t.Run("wait", func(t *testing.T) {
		known := present(t, s, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		pull := d.Insert(t, 1, specimen.None)
		list, err := s.Wait(ctx, known)
		if err != nil || !list[1].Present {
			t.Error(list, err)
		}
		cancel()
		if _, err := s.Wait(ctx, list); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		pull()
	})
	t.Run("the service stops", func(t *testing.T) {
		d.Stop(t)
		if _, err := s.Readers(); vitale.CodeOf(err) != vitale.NoService {
			t.Error(err)
		}
		if _, err := pcsc.Open(); vitale.CodeOf(err) != vitale.NoService {
			t.Error(err)
		}
	})
}

// BenchmarkRead reads a card of eleven commands, connection included, in the virtual reader of a real pcscd.
func BenchmarkRead(b *testing.B) {
	for _, fault := range []specimen.Fault{specimen.Plain, specimen.Slow} {
		b.Run(string(fault), func(b *testing.B) {
			d := pcsctest.Start(b)
			s := open(b)
			pull := d.Insert(b, 0, fault)
			present(b, s, 1)
			for b.Loop() {
				if _, err := pcsc.Read(b.Context(), s); err != nil {
					b.Fatal(err)
				}
			}
			pull()
		})
	}
}
