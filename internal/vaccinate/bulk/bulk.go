// Package bulk takes vaccinations over from files: those of another system, of a centre that kept a table, of a day on paper.
//
// A file is a table ([OpenTable], columns in [Columns]) or FHIR resources ([OpenFHIR]). It is read in batches; each batch is one
// transaction with one decision, a line of the journal for each person in it, and a number of statements that does not grow with
// its rows. A trial reads and decides everything, and writes nothing but that it took place.
//
// Every row gets one answer:
//
//   - [Created]: recorded. [Same]: it was there already. [Updated]: the sending system has changed it since, and so a correction was
//     recorded.
//   - [Review]: a human must look, because it is near to something that is there and not the same: another lot on the same day,
//     a twin, a number whose traits are another's. Both sides wait in [Service.Reviews] until somebody decides; nothing was recorded.
//   - [Refused]: it cannot be, with the column and a code for each fault and nothing of what the row says.
//
// A file may be sent again, whole or from where it stopped: a row is known by its key, which the sending system gives it (column
// uuid), else by person, product, date and lot. Sent twice it is recorded once. What changed at both ends since is for a human.
//
// An import is the act of one professional who answers for it and is named as who recorded; who injected is in each row. Ranks come
// from the whole history, by the rules of the day, never from the file.
//
// Specification: workflow section 9 (import), section 16 (the three classes exact, likely, new).
package bulk

import (
	"context"
	"embed"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/people"
	"carnet/internal/protect"
	"carnet/internal/protect/keyring"
	"carnet/internal/vaccinate"
	"carnet/internal/vaccinate/catalogue"
)

// Migrations holds the tables of imports, one folder per store.
//
//go:embed migrations
var Migrations embed.FS

// Store is what imports need of a store. Imports runs fn in one transaction over many people, which begins with the decision in
// the journal.
type Store interface {
	Imports(ctx context.Context, d protect.Decision, fn func(Tx) error) error
}

// Tx is one transaction about many people. What is asked for many is one statement, however many there are; what is
// written waits for the end and goes in together.
type Tx interface {
	Find(lookups [][32]byte) (map[[32]byte][]carnet.ID, error)            // people behind keyed hashes
	People(ids []carnet.ID) (map[carnet.ID]carnet.Person, error)          // those of them who exist
	Histories(ids []carnet.ID) (map[carnet.ID][]carnet.Dose, error)       // doses that stand, oldest injection first
	Written(keys []Key) (map[Key]Entry, error)                            // rows that came before
	Directory(ids []carnet.ID) (map[carnet.ID]carnet.Professional, error) // those of them who are in it
	Places(ids []string) (map[string]carnet.Place, error)

	PutPerson(p carnet.Person, aliases []people.Alias) error // new
	Append(e vaccinate.Event) error
	PutEntry(e Entry) error // in the place of the one of the same key

	// Reviews lists what waits for a decision at some places, every one when there is none; oldest first, at most n.
	Reviews(places []string, n int) ([]Entry, error)
	Review(person carnet.ID, key Key) (Entry, error) // carnet.NotFound

	PutRun(r Run) error // in the place of the one of the same id
	Run(id carnet.ID) (Run, error)
	Runs(actor carnet.ID, n int) ([]Run, error) // newest first
	// Parts of a file that waits for its import, or of its answer, in their order, sealed under the professional's key.
	PutPart(professional, run carnet.ID, part Part) error
	Part(professional, run carnet.ID, kind PartKind, n int) (Part, error) // carnet.NotFound
	DropParts(professional, run carnet.ID, kind PartKind) error           // of every kind when it is empty
}

// Status is what became of a row.
type Status string

// What can become of a row.
const (
	Created Status = "new"
	Same    Status = "same"
	Updated Status = "updated"
	Review  Status = "review"
	Refused Status = "refused"
)

// Statuses lists them in the order of a summary.
var Statuses = []Status{Created, Same, Updated, Review, Refused}

// Outcome is the answer to a row.
type Outcome struct {
	Line   int       `json:"line"`
	Status Status    `json:"status"`
	Person carnet.ID `json:"person,omitzero"`  // zero when there is none; of a review, the one who is there
	Dose   carnet.ID `json:"dose,omitzero"`    // recorded or there already; zero when there is none
	Faults []Fault   `json:"faults,omitempty"` // why it is refused or for a human; of the others, what is unusual
}

// Key is the first half of a keyed hash: of what a row is known by, of its content, of a dose.
type Key [16]byte

func (s *Service) hash(kind, value string) Key {
	h := s.ring.Lookup(kind, value)
	return Key(h[:16])
}

// Entry is what is remembered of a row: which dose it became. It holds no text of the row but for what waits for a human.
type Entry struct {
	Key     Key       // keyed hash of what the row is known by
	Person  carnet.ID // of a review, the one who is there
	Dose    carnet.ID // zero while it waits, and when it was dropped
	State   State
	Digest  Key // keyed hash of its content
	Print   Key // keyed hash of the dose, as the import left it
	Run     carnet.ID
	Place   string    // where a review is decided
	Reason  string    // of a review: the code
	Other   carnet.ID // of a review: the dose that it is near to; zero when it is about who the person is
	At      time.Time
	Waiting Waiting // of a review: the row; zero once it is decided
}

// State is where an entry stands.
type State string

// The states.
const (
	Settled State = "settled" // a dose stands for it, or did
	Waits   State = "review"
	Dropped State = "dropped" // a human decided that it is nothing
)

// Waiting is a row that waits for a human.
type Waiting struct {
	Identity carnet.Identity
	Dose     carnet.Dose
	Recorder carnet.ID
}

// Run is one import, or one trial: the journal of imports.
type Run struct {
	ID      carnet.ID
	Actor   carnet.ID // who answers for it
	Place   string    // empty for one of several places
	Source  string    // name of the sending system: keys are its own
	Digest  [32]byte  // SHA-256 of the file
	Trial   bool
	Begun   time.Time
	Changed time.Time
	Ended   time.Time // zero while it goes on, or was stopped
	Rows    int       // of the file that were answered
	Counts  map[Status]int
}

// PartKind says what a part is of.
type PartKind string

// What is kept between two pages of an import.
const (
	PartFile    PartKind = "file"
	PartTrial   PartKind = "trial"  // answer of the trial
	PartAnswer  PartKind = "answer" // of the import
	PartReasons PartKind = "reasons"
)

// Part is a piece of a file.
type Part struct {
	Kind PartKind
	N    int
	Text []byte
}

// Service takes files over.
type Service struct {
	store  Store
	guard  *protect.Guard
	ring   *keyring.Ring
	ids    carnet.IDs
	people *people.Service
	rules  *catalogue.Catalogue
}

// New returns the imports of an instance.
func New(store Store, guard *protect.Guard, ring *keyring.Ring, ids carnet.IDs, p *people.Service, rules *catalogue.Catalogue) *Service {
	return &Service{store, guard, ring, ids, p, rules}
}

// Job is what is asked of an import.
type Job struct {
	Run         carnet.ID // zero for a new one; the id of one that was stopped, to go on
	Begin       bool      // Run is the id of a new one
	Source      string    // name of the sending system, up to 50 characters; empty for "file"
	Responsible carnet.ID // who answers for the import: the actor's own id, or for an operator's import a professional of the directory
	Place       string    // for rows that name none
	// Places are where the import may write; nil is everywhere, which is for the operator alone.
	Places []string
	Digest [32]byte
	Trial  bool
	Batch  int // rows of a transaction; 0 is 1,000
	Most   int // rows that this call takes before it stops; 0 is all
}

const (
	usualBatch = 1_000
	MaxBatch   = 20_000 // rows of a transaction, at most
	maxSource  = 50
)

// Stable codes of an import.
const (
	CodeSource      = "import.source"
	CodeResponsible = "import.responsible" // nobody of the directory answers for it
	CodeUnknownRun  = "import.unknown"
	CodeOtherFile   = "import.other-file" // the run that is to go on is of another file
	CodeEnded       = "import.ended"

	CodeUnknownReview = "review.unknown"
	CodeChoice        = "review.choice" // not one of those of the review
)

// Import takes the rows of a file, and hands the answers of each batch to each, in order, once they are durable. What stops it, an
// error of each included, leaves the batches before as they are: the next call with the same run goes on behind them, where
// rows is the same file from its beginning. It returns the run as it stands.
func (s *Service) Import(ctx context.Context, actor protect.Actor, j Job, rows Rows, each func([]Row, []Outcome) error) (Run, error) {
	run, err := s.begin(ctx, actor, &j)
	if err != nil {
		return run, err
	}
	for range run.Rows { // answered before
		if _, err := rows.Next(); err != nil {
			return run, carnet.E("bulk.Import", carnet.Conflict, CodeOtherFile, err)
		}
	}
	p := &planner{s: s, job: j, trial: newOverlay()}
	for taken := 0; j.Most == 0 || taken < j.Most; {
		batch, end, err := take(rows, j.Batch)
		if err != nil {
			return run, err
		}
		next, outcomes := run, []Outcome(nil)
		err = s.within(ctx, actor, func(tx Tx) error {
			outcomes, err = p.batch(tx, actor, run.ID, batch)
			if err != nil {
				return err
			}
			next = run.after(outcomes, s.ids.Clock())
			if end {
				next.Ended = next.Changed
			}
			return tx.PutRun(next)
		})
		if err != nil {
			return run, err
		}
		run = next
		taken += len(batch)
		if err := each(batch, outcomes); err != nil || end {
			return run, err
		}
	}
	return run, nil
}

// take reads the next rows, and whether they are the last.
func take(rows Rows, n int) (batch []Row, end bool, err error) {
	for len(batch) < n {
		r, err := rows.Next()
		if err == io.EOF {
			return batch, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		batch = append(batch, r)
	}
	return batch, false, nil
}

func (r Run) after(outcomes []Outcome, at time.Time) Run {
	counts := map[Status]int{}
	for s, n := range r.Counts {
		counts[s] = n
	}
	for _, o := range outcomes {
		counts[o.Status]++
	}
	r.Counts, r.Rows, r.Changed = counts, r.Rows+len(outcomes), at
	return r
}

// begin checks what is asked, and opens a new run or the one that goes on.
func (s *Service) begin(ctx context.Context, actor protect.Actor, j *Job) (Run, error) {
	const op = "bulk.Import"
	if j.Source == "" {
		j.Source = "file"
	}
	if j.Batch < 1 || j.Batch > MaxBatch {
		j.Batch = usualBatch
	}
	if len(j.Source) > maxSource {
		return Run{}, &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeSource, Field: "source"}
	}
	if actor.Role != protect.System {
		j.Responsible = actor.ID
	}
	var run Run
	err := s.within(ctx, actor, func(tx Tx) error {
		there, err := tx.Directory([]carnet.ID{j.Responsible})
		if err != nil {
			return err
		}
		if _, ok := there[j.Responsible]; !ok {
			return &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeResponsible, Field: "responsible"}
		}
		if j.Run.IsZero() || j.Begin {
			id, err := j.Run, error(nil)
			if !j.Begin {
				id, err = s.ids.New()
			}
			run = Run{ID: id, Actor: j.Responsible, Place: j.Place, Source: j.Source, Digest: j.Digest, Trial: j.Trial, Begun: s.ids.Clock(), Counts: map[Status]int{}}
			run.Changed = run.Begun
			return errors.Join(err, tx.PutRun(run))
		}
		if run, err = s.run(tx, *j); err != nil {
			return err
		}
		j.Source, j.Trial = run.Source, run.Trial
		return nil
	})
	return run, err
}

// run is the one that goes on.
func (s *Service) run(tx Tx, j Job) (Run, error) {
	const op = "bulk.Import"
	run, err := tx.Run(j.Run)
	switch {
	case carnet.KindOf(err) == carnet.NotFound || err == nil && run.Actor != j.Responsible:
		return run, carnet.E(op, carnet.NotFound, CodeUnknownRun, nil)
	case err != nil:
		return run, err
	case run.Digest != j.Digest:
		return run, carnet.E(op, carnet.Conflict, CodeOtherFile, nil)
	case !run.Ended.IsZero():
		return run, carnet.E(op, carnet.Conflict, CodeEnded, nil)
	}
	return run, nil
}

// Stopped finds the import of the very same file, by the same professional and from the same system, that did not come to its end.
func (s *Service) Stopped(ctx context.Context, actor protect.Actor, j Job) (run Run, found bool, err error) {
	err = s.within(ctx, actor, func(tx Tx) error {
		list, err := tx.Runs(j.Responsible, maxRuns)
		i := slices.IndexFunc(list, func(r Run) bool { return r.Digest == j.Digest && r.Source == j.Source && !r.Trial })
		if found = err == nil && i >= 0 && list[i].Ended.IsZero(); found {
			run = list[i]
		}
		return err
	})
	return run, found, err
}

// maxRuns is how far back one looks for an import that was stopped.
const maxRuns = 100

// Runs lists the imports of a professional, newest first.
func (s *Service) Runs(ctx context.Context, actor protect.Actor, n int) (list []Run, err error) {
	err = s.within(ctx, actor, func(tx Tx) (err error) {
		list, err = tx.Runs(actor.ID, n)
		return err
	})
	return list, err
}

func itoa(n int) string { return strconv.Itoa(n) }

// sorted are ids without repetition, in their order.
func sorted(ids []carnet.ID) []carnet.ID {
	slices.SortFunc(ids, func(a, b carnet.ID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
