package limit

import (
	"maps"
	"sync"
	"time"
)

// Meter counts limits in memory, for what is asked too often to be written down each time. It
// forgets what says nothing any more, and everything when the program ends. It is safe for concurrent use.
type Meter struct {
	config Config
	clock  func() time.Time

	mu    sync.Mutex
	kept  map[[2]string]mark
	swept time.Time
}

// mark is what is kept of a key.
type mark struct{ tat, noted time.Time }

const (
	noteEvery = time.Minute
	maxKept   = 100_000
)

// Metered is an answer of a [Meter].
type Metered struct {
	Answer
	// Note asks the caller to write the refusal down: none was within the last minute.
	Note bool
}

// NewMeter returns a meter of a configuration. A name that it does not have is never refused.
func NewMeter(c Config, clock func() time.Time) *Meter {
	return &Meter{config: c, clock: clock, kept: map[[2]string]mark{}}
}

// Take asks for one more.
func (m *Meter) Take(name, key string) Metered {
	rate, ok := m.config.For(name, key)
	if !ok {
		return Metered{Answer: Answer{Allowed: true}}
	}
	now := m.clock()
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.swept) > time.Minute || len(m.kept) > maxKept {
		m.swept = now
		maps.DeleteFunc(m.kept, func(_ [2]string, k mark) bool { return k.tat.Before(now) })
	}
	at := [2]string{name, key}
	k := m.kept[at]
	var out Metered
	out.Answer, k.tat = rate.Next(k.tat, now)
	if !out.Allowed && now.Sub(k.noted) >= noteEvery {
		out.Note, k.noted = true, now
	}
	m.kept[at] = k
	return out
}
