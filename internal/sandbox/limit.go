package sandbox

import (
	"sync"
	"time"

	"carnet/internal/carnet"
)

// Wrong passwords: five at once, then one more every minute, for each identifier.
const (
	triesAtOnce = 5
	tryEvery    = time.Minute
)

// limiter counts wrong passwords per identifier (generic cell rate algorithm). Identifiers that
// nobody has share one count, so that it stays small whatever is typed.
type limiter struct {
	clock carnet.Clock
	mu    sync.Mutex
	next  map[string]time.Time // theoretical time of the next try
}

func newLimiter(clock carnet.Clock) *limiter {
	return &limiter{clock: clock, next: map[string]time.Time{}}
}

// wait is how long an identifier must wait before its next try; zero when it may try now.
func (l *limiter) wait(identifier string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.next[identifier]
	if !ok {
		return 0
	}
	return max(0, at.Sub(l.clock())-(triesAtOnce-1)*tryEvery)
}

// wrong counts a wrong password.
func (l *limiter) wrong(identifier string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if at := l.next[identifier]; at.After(now) {
		now = at
	}
	l.next[identifier] = now.Add(tryEvery)
}

// right forgets the wrong ones.
func (l *limiter) right(identifier string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.next, identifier)
}
