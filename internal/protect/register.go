package protect

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed register.toml
var embedded []byte

// Register is the register of processing activities, checked and ready to decide by.
// It does not change once read; a new version is a new Register.
type Register struct {
	hash       string
	processing []Processing
	columns    map[string]string // "table.column" -> category, or "technical"
	grants     map[grantKey]grantView
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
type Processing struct {
	ID          string   `toml:"id"`
	Title       string   `toml:"title"` // French
	TitleEN     string   `toml:"title_en"`
	Controllers []string `toml:"controllers"`
	Joint       bool     `toml:"joint"`
	Texts       []string `toml:"texts"`
	Security    []string `toml:"security"`
	Purposes    []struct {
		ID      string `toml:"id"`
		Title   string `toml:"title"`
		TitleEN string `toml:"title_en"`
		Basis   string `toml:"basis"`   // GDPR art. 6
		Special string `toml:"special"` // GDPR art. 9-2, for health data
	} `toml:"purpose"`
	Categories []struct {
		ID      string   `toml:"id"`
		Subject string   `toml:"subject"`
		Title   string   `toml:"title"`
		TitleEN string   `toml:"title_en"`
		Columns []string `toml:"columns"`
	} `toml:"category"`
	Grants []struct {
		Role      Role     `toml:"role"`
		Purpose   string   `toml:"purpose"`
		Scope     string   `toml:"scope"`     // "any", or "self": only the data of the actor
		Delegates bool     `toml:"delegates"` // also when somebody types for the actor
		Read      []string `toml:"read"`
		Write     []string `toml:"write"`
	} `toml:"grant"`
}

// DefaultRegister reads the register that the program carries.
func DefaultRegister() (*Register, error) { return ReadRegister(embedded) }

// ReadRegister reads and checks a register. It reports every fault that it finds, not the first.
func ReadRegister(text []byte) (*Register, error) {
	var file struct {
		Version    string       `toml:"version"`
		Processing []Processing `toml:"processing"`
		Technical  struct {
			Columns []string `toml:"columns"`
		} `toml:"technical"`
	}
	meta, err := toml.Decode(string(text), &file)
	if err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	var faults []error
	fault := func(format string, a ...any) { faults = append(faults, fmt.Errorf("register: "+format, a...)) }
	for _, k := range meta.Undecoded() {
		fault("unknown key %s", k)
	}
	if file.Version == "" {
		fault("no version")
	}
	sum := sha256.Sum256(text)
	r := &Register{
		hash:       hex.EncodeToString(sum[:]),
		processing: file.Processing,
		columns:    map[string]string{},
		grants:     map[grantKey]grantView{},
	}
	declare := func(column, category string) {
		if t, c, ok := strings.Cut(column, "."); !ok || t == "" || c == "" {
			fault("category %s: %q is not table.column", category, column)
		}
		if other, twice := r.columns[column]; twice {
			fault("column %s is in two categories, %s and %s", column, other, category)
		}
		r.columns[column] = category
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
		for what, list := range map[string][]string{"controller": p.Controllers, "text": p.Texts, "security measure": p.Security} {
			if len(list) == 0 {
				fault("processing %s names no %s", p.ID, what)
			}
		}
		for _, u := range p.Purposes {
			if known[u.ID] {
				fault("purpose %s is declared twice", u.ID)
			}
			known[u.ID] = true
			titled("purpose", u.ID, u.Title, u.TitleEN)
			if u.Basis == "" {
				fault("purpose %s has no legal basis", u.ID)
			}
			if !slices.Contains(purposes, Purpose{u.ID}) {
				fault("purpose %s is not one that the program pursues", u.ID)
			}
		}
		for _, c := range p.Categories {
			if _, twice := categories[c.ID]; twice {
				fault("category %s is declared twice", c.ID)
			}
			categories[c.ID] = c.Columns
			titled("category", c.ID, c.Title, c.TitleEN)
			for _, column := range c.Columns {
				declare(column, c.ID)
			}
		}
	}
	for _, c := range file.Technical.Columns {
		declare(c, "technical")
	}
	for _, p := range purposes {
		if !known[p.id] {
			fault("purpose %s is pursued by the program and not declared", p.id)
		}
	}
	for _, p := range file.Processing {
		for _, g := range p.Grants {
			name := fmt.Sprintf("grant %s/%s", g.Role, g.Purpose)
			if !known[g.Purpose] {
				fault("%s: unknown purpose", name)
			}
			if !slices.Contains(Roles, g.Role) {
				fault("%s: unknown role", name)
			}
			if g.Scope != "any" && g.Scope != "self" {
				fault("%s: scope %q is neither any nor self", name, g.Scope)
			}
			key := grantKey{g.Role, g.Purpose}
			if _, twice := r.grants[key]; twice {
				fault("%s is written twice", name)
			}
			open := func(ids []string) map[string]bool {
				m := map[string]bool{}
				for _, id := range ids {
					columns, ok := categories[id]
					if !ok {
						fault("%s: unknown category %s", name, id)
					}
					for _, c := range columns {
						m[c] = true
					}
				}
				return m
			}
			r.grants[key] = grantView{g.Scope, g.Delegates, view{open(g.Read), open(g.Write)}}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return r, nil
}

// Hash is the SHA-256 of the register's text, in hexadecimal.
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
