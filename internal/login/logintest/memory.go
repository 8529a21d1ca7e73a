// Package logintest helps to test what logs people in: a store in memory, and the suite that every
// store of logins must pass.
package logintest

import (
	"context"
	"slices"
	"sync"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
)

// Memory is a login.Store for tests of sites. It keeps nothing after the test.
type Memory struct {
	mu       sync.Mutex
	attempts map[login.Hash]login.Attempt
	door
}

var _ login.Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{attempts: map[login.Hash]login.Attempt{}, door: newDoor()}
}

// open locks the store for an access that is allowed.
func (m *Memory) open(d protect.Decision) (func(), error) {
	if err := d.MayWrite("session", "token"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	return m.mu.Unlock, nil
}

func (m *Memory) AddAttempt(_ context.Context, d protect.Decision, a login.Attempt) error {
	unlock, err := m.open(d)
	if err != nil {
		return err
	}
	defer unlock()
	m.attempts[a.State] = a
	return nil
}

func (m *Memory) TakeAttempt(_ context.Context, d protect.Decision, state, browser login.Hash) (login.Attempt, error) {
	unlock, err := m.open(d)
	if err != nil {
		return login.Attempt{}, err
	}
	defer unlock()
	a, ok := m.attempts[state]
	if !ok || a.Browser != browser {
		return login.Attempt{}, carnet.E("logintest", carnet.NotFound, "login.unknown", nil)
	}
	delete(m.attempts, state)
	return a, nil
}

func (m *Memory) AddSession(_ context.Context, d protect.Decision, s login.Row) error {
	unlock, err := m.open(d)
	if err != nil {
		return err
	}
	defer unlock()
	m.sessions[s.Token] = s
	return nil
}

func (m *Memory) SessionByToken(_ context.Context, d protect.Decision, token login.Hash) (login.Row, error) {
	unlock, err := m.open(d)
	if err != nil {
		return login.Row{}, err
	}
	defer unlock()
	s, ok := m.sessions[token]
	if !ok {
		return login.Row{}, carnet.E("logintest", carnet.NotFound, "session.unknown", nil)
	}
	return s, nil
}

func (m *Memory) TouchSession(_ context.Context, d protect.Decision, token login.Hash, at time.Time) error {
	unlock, err := m.open(d)
	if err != nil {
		return err
	}
	defer unlock()
	if s, ok := m.sessions[token]; ok {
		s.LastSeen = at
		m.sessions[token] = s
	}
	return nil
}

func (m *Memory) EndSession(_ context.Context, d protect.Decision, token login.Hash) error {
	unlock, err := m.open(d)
	if err != nil {
		return err
	}
	defer unlock()
	delete(m.sessions, token)
	return nil
}

func (m *Memory) Sessions(_ context.Context, d protect.Decision, actor carnet.ID) ([]login.Row, error) {
	unlock, err := m.open(d)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var list []login.Row
	for _, s := range m.sessions {
		if s.Actor == actor {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b login.Row) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return list, nil
}

func (m *Memory) EndSessionOf(_ context.Context, d protect.Decision, actor, session carnet.ID) error {
	unlock, err := m.open(d)
	if err != nil {
		return err
	}
	defer unlock()
	for token, s := range m.sessions {
		if s.Actor == actor && s.ID == session {
			delete(m.sessions, token)
			return nil
		}
	}
	return carnet.E("logintest", carnet.NotFound, "session.unknown", nil)
}

func (m *Memory) EndSessions(_ context.Context, d protect.Decision, actor carnet.ID) (int, error) {
	unlock, err := m.open(d)
	if err != nil {
		return 0, err
	}
	defer unlock()
	n := len(m.sessions)
	for token, s := range m.sessions {
		if s.Actor == actor {
			delete(m.sessions, token)
		}
	}
	return n - len(m.sessions), nil
}

func (m *Memory) Purge(_ context.Context, d protect.Decision, at time.Time) error {
	unlock, err := m.open(d)
	if err != nil {
		return err
	}
	defer unlock()
	for k, a := range m.attempts {
		if !at.Before(a.ExpiresAt) {
			delete(m.attempts, k)
		}
	}
	for k, s := range m.sessions {
		if !at.Before(s.ExpiresAt) {
			delete(m.sessions, k)
		}
	}
	return nil
}
