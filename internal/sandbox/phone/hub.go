package phone

import (
	"maps"
	"sync"
)

// hub tells the open pages of a person that something changed; what it is, they ask for themselves.
type hub struct {
	mu    sync.Mutex
	pages map[string]map[*page]bool // by person
}

// page is an open page. It holds one piece of news at a time: the loudest since it was last read.
type page struct {
	mu   sync.Mutex
	ring string // "", NotifyNone, NotifyQuiet, NotifyNormal
	news chan struct{}
}

func newHub() *hub { return &hub{pages: map[string]map[*page]bool{}} }

// watch lists a page under its people until the function that it returns is called.
func (h *hub) watch(people []string) (*page, func()) {
	p := &page{news: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, who := range people {
		if h.pages[who] == nil {
			h.pages[who] = map[*page]bool{}
		}
		h.pages[who][p] = true
	}
	return p, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, who := range people {
			delete(h.pages[who], p)
			if len(h.pages[who]) == 0 {
				delete(h.pages, who)
			}
		}
	}
}

// wake tells the open pages of a person.
func (h *hub) wake(person, ring string) {
	h.mu.Lock()
	list := maps.Clone(h.pages[person])
	h.mu.Unlock()
	for p := range list {
		p.mu.Lock()
		if loud(ring) > loud(p.ring) {
			p.ring = ring
		}
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default: // it has not read the last one yet
		}
	}
}

// read takes the news.
func (p *page) read() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	ring := p.ring
	p.ring = ""
	return ring
}

func loud(ring string) int {
	switch ring {
	case NotifyNormal:
		return 3
	case NotifyQuiet:
		return 2
	case NotifyNone:
		return 1
	}
	return 0
}
