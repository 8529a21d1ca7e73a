// Package protect decides. It reads the register of processing activities and answers, for each
// access, whether an actor may pursue a purpose about a person, and which columns that opens.
//
// Three properties hold by construction:
//
//   - Default deny. What the register does not grant is refused; a gap is a refusal.
//   - No access without a purpose. Every call of a store takes a [Decision], only
//     [Guard.Decide] makes one that allows anything, and it takes a [Purpose], a type whose
//     values are the constants of this package.
//   - Nothing undeclared can be read. A store asks the decision for the columns it may
//     select or write; a column that no category of the register lists is in none of them.
//
// Specification: GDPR art. 5, 25, 30; privacy sections 3 and 4. The register itself, its checks and
// its exports are in ropa/, due dates in deadline/. What is not done here yet is to carry out the
// rules of retention, consent and rights requests.
package protect

import (
	"errors"
	"log/slog"
	"slices"

	"carnet/internal/carnet"
)

// Role is the capacity in which somebody acts.
type Role string

// The roles that the register may grant something to.
const (
	Professional Role = "professional" // a health professional with an open session
	Insured      Role = "insured"      // an insured person with an open session
	// BusinessSoftware is the software of an establishment, in the name of one professional: the
	// actor's ID is the professional's, Delegate is the software's.
	BusinessSoftware Role = "software"
	System           Role = "system" // the program itself, when nobody is logged in, and its operator's commands

	// Staff of the operator and of the funds, by ProConnect and an allow-list.
	Protection    Role = "dpo"         // answers for the rights of people over their data
	Support       Role = "support"     // helps professionals with their logins
	Publishing    Role = "publication" // answers for what is published
	SecurityStaff Role = "security"    // watches over the logins
)

// Roles lists every role.
var Roles = []Role{Professional, Insured, BusinessSoftware, System, Protection, Support, Publishing, SecurityStaff}

// Actor is who acts. ID is the person's or professional's id, never a number or a name.
type Actor struct {
	ID           carnet.ID
	Role         Role
	Organisation string // place or establishment chosen for the session; empty for an insured person
	Session      carnet.ID
	Delegate     carnet.ID // who types, or the software that acts, under the responsibility of ID; zero when ID types
}

// Purpose is why data is touched. Its values are the variables below: a string cannot stand in.
type Purpose struct{ id string }

// The purposes that the program knows. Each must be in the register, and the register may hold
// no other: a purpose nobody can pursue is a fault too.
var (
	Vaccination    = Purpose{"vaccination"}
	Directory      = Purpose{"directory"}
	Enrolment      = Purpose{"enrolment"}
	Stock          = Purpose{"stock"}
	Recall         = Purpose{"recall"}
	Paper          = Purpose{"paper"}
	Worklist       = Purpose{"worklist"}
	Import         = Purpose{"import"}
	Certification  = Purpose{"certification"}
	Revocation     = Purpose{"revocation"}
	Upkeep         = Purpose{"upkeep"}
	Publication    = Purpose{"publication"}
	Login          = Purpose{"login"}
	Security       = Purpose{"security"}
	Delegation     = Purpose{"delegation"}
	Fraud          = Purpose{"fraud"}
	Software       = Purpose{"software"}
	Accountability = Purpose{"accountability"}
	Information    = Purpose{"information"}
	Identification = Purpose{"identification"}
	Rectification  = Purpose{"rectification"}
)

var purposes = []Purpose{
	Vaccination,
	Directory,
	Enrolment,
	Stock,
	Recall,
	Paper,
	Worklist,
	Import,
	Certification,
	Revocation,
	Upkeep,
	Publication,
	Login,
	Security,
	Delegation,
	Fraud,
	Software,
	Accountability,
	Information,
	Identification,
	Rectification,
}

func (p Purpose) String() string { return p.id }

// Act is something that a session does, where a delegate may do less than whom they type for.
type Act string

// The acts of a professional's session.
const (
	ActRead     Act = "read"     // find a person, see the doses
	ActEnter    Act = "enter"    // record a dose
	ActCorrect  Act = "correct"  // correct what was entered
	ActCancel   Act = "cancel"   // cancel it
	ActContest  Act = "contest"  // contest what a delegate entered
	ActRecall   Act = "recall"   // recall a lot, reach the people
	ActSettings Act = "settings" // change one's settings, end sessions
	ActDeclare  Act = "declare"  // declare and revoke delegates
	ActExport   Act = "export"   // take data away
	ActImport   Act = "import"   // take over a file of vaccinations
	ActUndo     Act = "undo"     // take back what one has just entered oneself

	// ActBreakGlass opens a record without a link of care, with a motive.
	ActBreakGlass Act = "break-glass"
)

// Acts lists them all; delegated are those that a delegate may do (identity section 5, D4), and
// bySoftware those that a professional does in the software of an establishment.
var (
	Acts      = []Act{ActRead, ActEnter, ActCorrect, ActCancel, ActContest, ActRecall, ActSettings, ActDeclare, ActExport, ActImport, ActUndo, ActBreakGlass}
	delegated = []Act{ActRead, ActEnter, ActUndo}

	bySoftware = []Act{ActRead, ActEnter, ActCorrect, ActCancel}
)

// May refuses what a delegate may not do. Whether the role may do it at all is the register's
// answer, not this one.
func (a Actor) May(act Act) error {
	may := delegated
	if a.Role == BusinessSoftware {
		may = bySoftware
	}
	if a.Delegate.IsZero() && a.Role != BusinessSoftware || slices.Contains(may, act) {
		return nil
	}
	return carnet.E("protect", carnet.Denied, "delegate.refused", errors.Join(ErrDenied, errors.New("a delegate may not "+string(act))))
}

// Request asks for one access. A zero Person means that the access is not about one known person:
// a search, a directory, a login.
type Request struct {
	Actor   Actor
	Purpose Purpose
	Person  carnet.ID
}

// Decision is the answer to a request, and the key to a store. The zero Decision refuses.
type Decision struct {
	id       carnet.ID
	request  Request
	reason   string // empty when allowed
	columns  view
	register string
}

type view struct{ read, write map[string]bool } // by "table.column"

// ErrDenied is wrapped by every refusal.
var ErrDenied = errors.New("the register of processing does not allow it")

// Guard decides by a register. It makes decision ids from injected clock and chance.
type Guard struct {
	register *Register
	ids      carnet.IDs
}

// NewGuard returns the guard of a register.
func NewGuard(r *Register, ids carnet.IDs) *Guard { return &Guard{register: r, ids: ids} }

// Decide answers a request. It never fails: what cannot be decided is refused.
func (g *Guard) Decide(req Request) Decision {
	d := Decision{request: req, register: g.register.Hash()}
	id, err := g.ids.New()
	if err != nil {
		d.reason = "no-decision-id"
		return d
	}
	d.id = id
	d.columns, d.reason = g.register.view(req)
	last := g.register.told[req.Purpose.id]
	if d.reason == "" && !last.IsZero() && carnet.DateOf(g.ids.Clock()).After(last) {
		d.columns, d.reason = view{}, "no-notice" // people are no longer told: the purpose does not run
	}
	return d
}

// Allowed reports whether the access may go on.
func (d Decision) Allowed() bool { return d.reason == "" && !d.id.IsZero() }

// Err is nil when the access is allowed, else a carnet.Denied error that wraps [ErrDenied].
func (d Decision) Err() error {
	if d.Allowed() {
		return nil
	}
	return carnet.E("protect", carnet.Denied, "access.denied", ErrDenied)
}

// ID names the decision in the journal.
func (d Decision) ID() carnet.ID { return d.id }

// Actor, Purpose and Person give back what was asked.
func (d Decision) Actor() Actor { return d.request.Actor }

// Purpose is why the data is touched.
func (d Decision) Purpose() Purpose { return d.request.Purpose }

// Person is whom the access is about; zero for a search.
func (d Decision) Person() carnet.ID { return d.request.Person }

// Reason is the stable code of a refusal, or "allowed".
func (d Decision) Reason() string {
	if d.Allowed() {
		return "allowed"
	}
	if d.reason == "" {
		return "no-decision"
	}
	return d.reason
}

// Register is the hash of the register under which the decision was taken.
func (d Decision) Register() string { return d.register }

// Readable keeps, in their order, the columns of a table that the decision opens.
func (d Decision) Readable(table string, columns ...string) []string {
	if !d.Allowed() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return !d.columns.read[table+"."+c] })
}

// MayRead refuses unless every column is open for reading.
func (d Decision) MayRead(table string, columns ...string) error {
	return d.need(d.columns.read, table, columns)
}

// MayWrite refuses unless every column is open for writing.
func (d Decision) MayWrite(table string, columns ...string) error {
	return d.need(d.columns.write, table, columns)
}

func (d Decision) need(open map[string]bool, table string, columns []string) error {
	if err := d.Err(); err != nil {
		return err
	}
	for _, c := range columns {
		if !open[table+"."+c] {
			return carnet.E("protect", carnet.Denied, "access.denied", errors.Join(ErrDenied, errors.New(table+"."+c)))
		}
	}
	return nil
}

// LogValue shows what an operator may see of a decision.
func (d Decision) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", d.id.String()), slog.String("role", string(d.request.Actor.Role)),
		slog.String("purpose", d.request.Purpose.id), slog.String("outcome", d.Reason()))
}
