package ropa

import (
	"encoding/json"
	"slices"
)

// Change is one difference between two versions of a register.
type Change struct {
	Processing string   `json:"processing"`
	What       string   `json:"what"`               // purpose, category, retention…, or the entry itself
	ID         string   `json:"id"`                 // of it
	How        string   `json:"how"`                // added, removed, changed
	Subjects   []string `json:"subjects,omitempty"` // kinds of people affected
	Notices    []string `json:"notices,omitempty"`  // to be issued again (GDPR art. 13-3)
}

// part is one thing of an entry, in a form that can be compared.
type part struct{ what, id, body string }

func parts(p Processing) []part {
	var all []part
	add := func(what, id string, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			body = nil // plain structures always have a form
		}
		all = append(all, part{what, id, string(body)})
	}
	for _, x := range p.Purposes {
		add("purpose", x.ID, x)
	}
	for _, x := range p.Categories {
		add("category", x.ID, x)
	}
	for _, x := range p.Processors {
		add("processor", x.Name, x)
	}
	for _, x := range p.Recipients {
		add("recipient", x.ID, x)
	}
	for _, x := range p.Flows {
		add("flow", x.Recipient+"/"+x.Purpose, x)
	}
	for _, x := range p.Retention {
		add("retention", x.ID, x)
	}
	for _, x := range p.Grants {
		add("grant", x.Role+"/"+x.Purpose, x)
	}
	p.Purposes, p.Categories, p.Processors, p.Recipients, p.Flows, p.Retention, p.Grants = nil, nil, nil, nil, nil, nil, nil
	add("entry", p.ID, p)
	return all
}

// Subjects lists the kinds of people that a processing is about, in their order.
func (p Processing) Subjects() []string {
	var all []string
	for _, k := range p.Categories {
		if k.Subject != "" && !slices.Contains(all, k.Subject) {
			all = append(all, k.Subject)
		}
	}
	return all
}

// Diff lists what the next version changes, in the order of its entries: whom it affects, and which
// notices must be issued again.
func (r *Register) Diff(next *Register) []Change {
	var all []Change
	compare := func(before, after Processing) {
		old, new := parts(before), parts(after)
		change := func(x part, how string) {
			all = append(all, Change{Processing: after.ID, What: x.what, ID: x.id, How: how, Subjects: after.Subjects(), Notices: after.Notices})
		}
		same := func(x part) func(part) bool { return func(y part) bool { return x.what == y.what && x.id == y.id } }
		for _, x := range new {
			if i := slices.IndexFunc(old, same(x)); i < 0 {
				change(x, "added")
			} else if old[i].body != x.body {
				change(x, "changed")
			}
		}
		for _, x := range old {
			if !slices.ContainsFunc(new, same(x)) {
				change(x, "removed")
			}
		}
	}
	find := func(list []Processing, id string) (Processing, bool) {
		i := slices.IndexFunc(list, func(p Processing) bool { return p.ID == id })
		if i < 0 {
			return Processing{}, false
		}
		return list[i], true
	}
	for _, p := range next.Processing {
		before, known := find(r.Processing, p.ID)
		if !known {
			all = append(all, Change{Processing: p.ID, What: "entry", ID: p.ID, How: "added", Subjects: p.Subjects(), Notices: p.Notices})
			continue
		}
		compare(before, p)
	}
	for _, p := range r.Processing {
		if _, kept := find(next.Processing, p.ID); !kept {
			all = append(all, Change{Processing: p.ID, What: "entry", ID: p.ID, How: "removed", Subjects: p.Subjects(), Notices: p.Notices})
		}
	}
	return all
}
