package protect

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/protect/ropa"
)

//go:embed register.toml
var embedded []byte

// Register is the register of processing activities, checked and ready to decide by.
// It does not change once read; a new version is a new Register.
type Register struct {
	hash       string
	file       *ropa.Register
	processing []Processing
	columns    map[string]string // "table.column" -> category, or "technical"
	grants     map[grantKey]grantView
	told       map[string]carnet.Date // purpose -> last day of its notice; zero when no end is set
}

type grantKey struct {
	role    Role
	purpose string
}

type grantView struct {
	scope     string
	delegates bool
	view      view
}

// Processing is one entry of the register (GDPR art. 30-1).
type Processing = ropa.Processing

// DefaultRegister reads the register that the program carries.
func DefaultRegister() (*Register, error) { return ReadRegister(embedded) }

// ReadRegister reads and checks a register. It reports every fault that it finds, not the first.
func ReadRegister(text []byte) (*Register, error) {
	file, err := ropa.Parse(text)
	if err != nil {
		return nil, err
	}
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf("register: "+format, a...)) }
	version, err := carnet.ParseDate(file.Version)
	if err != nil {
		fault("version %q is not the day from which it holds", file.Version)
	}
	if file.Printed {
		fault("it writes down what texts print: nothing can be decided by it")
	}
	for _, f := range ropa.Faults(file.Check(ropa.Setting{Today: version})) {
		fault("%s", f)
	}
	r := &Register{
		hash:       file.Hash(),
		file:       file,
		processing: file.Processing,
		columns:    map[string]string{},
		grants:     map[grantKey]grantView{},
		told:       map[string]carnet.Date{},
	}
	categories := map[string][]string{}
	known := map[string]bool{}
	titled := func(what, id, fr, en string) {
		if fr == "" || en == "" {
			fault("%s %s has no title in both languages", what, id)
		}
	}
	for _, p := range file.Processing {
		titled("processing", p.ID, p.Title, p.TitleEN)
		for _, u := range p.Purposes {
			known[u.ID] = true
			r.told[u.ID] = lastDay(file, p)
			titled("purpose", u.ID, u.Title, u.TitleEN)
			if !slices.Contains(purposes, Purpose{u.ID}) {
				fault("purpose %s is not one that the program pursues", u.ID)
			}
		}
		for _, c := range p.Categories {
			categories[c.ID] = c.Columns
			titled("category", c.ID, c.Title, c.TitleEN)
			for _, column := range c.Columns {
				r.columns[column] = c.ID
			}
		}
	}
	for _, c := range file.Technical.Columns {
		r.columns[c] = "technical"
	}
	for _, p := range purposes {
		if !known[p.id] {
			fault("purpose %s is pursued by the program and not declared", p.id)
		}
	}
	for _, p := range file.Processing {
		for _, g := range p.Grants {
			name := fmt.Sprintf("grant %s/%s", g.Role, g.Purpose)
			if !slices.Contains(Roles, Role(g.Role)) {
				fault("%s: unknown role", name)
			}
			if g.Scope != "any" && g.Scope != "self" {
				fault("%s: scope %q is neither any nor self", name, g.Scope)
			}
			key := grantKey{Role(g.Role), g.Purpose}
			if _, twice := r.grants[key]; twice {
				fault("%s is written twice", name)
			}
			open := func(ids []string) map[string]bool {
				m := map[string]bool{}
				for _, id := range ids {
					for _, c := range categories[id] {
						m[c] = true
					}
				}
				return m
			}
			r.grants[key] = grantView{g.Scope, g.Delegates, view{open(g.Read), open(g.Write)}}
		}
	}
	asked := map[string]bool{}
	for _, f := range file.Forms {
		if _, known := categories[f.Category]; !known && f.Category != "" {
			fault("the form of %s asks for category %q, which is not declared", f.Site, f.Category)
		}
		for _, question := range slices.Concat(f.Required, f.Conditional, f.Optional) {
			if asked[f.Site+"/"+question] {
				fault("%s asks %s twice", f.Site, question)
			}
			asked[f.Site+"/"+question] = true
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return r, nil
}

// lastDay is the day after which no notice of a processing is in force, zero when there is none.
func lastDay(file *ropa.Register, p Processing) carnet.Date {
	var last carnet.Date
	for _, n := range file.Notices {
		if !slices.Contains(p.Notices, n.ID) {
			continue
		}
		until, err := carnet.ParseDate(n.Until)
		if n.Until == "" || err != nil { // a date that cannot be read is a fault of its own
			return carnet.Date{}
		}
		if until.After(last) {
			last = until
		}
	}
	return last
}

// Records is the whole register, as [ropa.Register] shows and exports it. It must not be changed.
func (r *Register) Records() *ropa.Register { return r.file }

// Hash is the SHA-256 of the register's content, in hexadecimal.
func (r *Register) Hash() string { return r.hash }

// Processing lists the entries of the register.
func (r *Register) Processing() []Processing { return slices.Clone(r.processing) }

// Category returns the category that a column is declared in, "technical" for one that says
// nothing about anybody, and false when the register does not know it.
func (r *Register) Category(table, column string) (string, bool) {
	c, ok := r.columns[table+"."+column]
	return c, ok
}

// Columns lists every declared "table.column", sorted.
func (r *Register) Columns() []string {
	all := make([]string, 0, len(r.columns))
	for c := range r.columns {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}

// view finds what a request opens, or why it is refused.
func (r *Register) view(req Request) (view, string) {
	if req.Actor.Role != System && req.Actor.ID.IsZero() {
		return view{}, "no-actor"
	}
	g, ok := r.grants[grantKey{req.Actor.Role, req.Purpose.id}]
	if !ok {
		return view{}, "no-grant"
	}
	if !req.Actor.Delegate.IsZero() && !g.delegates {
		return view{}, "delegate"
	}
	if g.scope == "self" && req.Person != req.Actor.ID {
		return view{}, "not-self"
	}
	return g.view, ""
}
