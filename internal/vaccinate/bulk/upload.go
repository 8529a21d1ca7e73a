package bulk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"slices"

	"carnet/internal/carnet"
	"carnet/internal/protect"
)

// What a page takes: more is for the operator's command.
const (
	MaxUpload     = 2 << 20 // bytes
	MaxUploadRows = 5_000
	partSize      = 128 << 10
)

// Stable codes of an upload.
const (
	CodeTooLarge = "file.too-large" // more bytes or rows than a page takes; Args: Max
)

// Uploaded is a file that somebody sent from a page: it was tried, and waits for its import. Its id is that of the trial.
type Uploaded struct {
	Trial   Run
	Import  Run // zero before it begins
	Reasons []Reason
}

// Reason counts the rows that have one reason, and says where the first is.
type Reason struct {
	Status Status `json:"status"`
	Fault
	Rows  int `json:"rows"`
	First int `json:"firstLine"`
}

// Upload keeps a file of a professional, encrypted, tries it, and keeps the answer of the trial. Files that the professional sent
// before are forgotten: one is looked after at a time.
func (s *Service) Upload(ctx context.Context, actor protect.Actor, source string, text []byte) (Run, error) {
	const op = "bulk.Upload"
	tooLarge := &carnet.Error{Op: op, Kind: carnet.Invalid, Code: CodeTooLarge, Field: "file", Args: map[string]any{"Max": MaxUpload >> 20, "Rows": MaxUploadRows}}
	if len(text) > MaxUpload {
		return Run{}, tooLarge
	}
	rows, err := OpenFile(bytes.NewReader(text))
	if err != nil {
		return Run{}, inFile(err)
	}
	for n := 0; ; n++ {
		if _, err := rows.Next(); err == io.EOF {
			break
		} else if err != nil {
			return Run{}, inFile(err)
		}
		if n == MaxUploadRows {
			return Run{}, tooLarge
		}
	}
	run, answer, reasons, err := s.pass(ctx, actor, Job{Source: source, Place: actor.Organisation, Trial: true, Digest: sha256.Sum256(text)}, text, true)
	if err != nil {
		return run, err
	}
	return run, s.within(ctx, actor, func(tx Tx) error {
		before, err := tx.Runs(actor.ID, maxRuns)
		if err != nil {
			return err
		}
		for _, r := range before {
			if r.Trial && r.ID != run.ID {
				if err := tx.DropParts(actor.ID, r.ID, ""); err != nil {
					return err
				}
			}
		}
		return errors.Join(put(tx, actor, run.ID, PartFile, 0, text), put(tx, actor, run.ID, PartTrial, 0, answer), putReasons(tx, actor, run.ID, reasons))
	})
}

// inFile puts a fault of the file beside its field.
func inFile(err error) error {
	if e, ok := err.(*carnet.Error); ok && e.Kind == carnet.Invalid {
		e.Args, e.Field = map[string]any{"Max": MaxUploadRows, "Column": e.Field}, "file"
	}
	return err
}

// pass imports what is left of a file, or its next rows, and gives the answer to them with its reasons; head begins it with the header.
func (s *Service) pass(ctx context.Context, actor protect.Actor, j Job, text []byte, head bool) (Run, []byte, []Reason, error) {
	rows, err := OpenFile(bytes.NewReader(text))
	if err != nil {
		return Run{}, nil, nil, err
	}
	j.Places = []string{actor.Organisation}
	var out bytes.Buffer
	answer, err := NewAnswer(&out, rows)
	if err != nil {
		return Run{}, nil, nil, err
	}
	if t, ok := rows.(*Table); ok && !head {
		out.Reset()
		answer = NewAnswerOf(&out, t)
	}
	var reasons []Reason
	run, err := s.Import(ctx, actor, j, rows, func(batch []Row, outcomes []Outcome) error {
		reasons = Reasons(reasons, outcomes)
		return answer.Write(batch, outcomes)
	})
	return run, out.Bytes(), reasons, err
}

// Reasons adds the reasons of some outcomes to those of the outcomes before them.
func Reasons(list []Reason, outcomes []Outcome) []Reason {
	for _, o := range outcomes {
		for _, f := range o.Faults {
			i := slices.IndexFunc(list, func(r Reason) bool { return r.Status == o.Status && r.Fault == f })
			if i < 0 {
				i, list = len(list), append(list, Reason{Status: o.Status, Fault: f, First: o.Line})
			}
			list[i].Rows++
		}
	}
	return list
}

func putReasons(tx Tx, actor protect.Actor, file carnet.ID, list []Reason) error {
	text, err := json.Marshal(list)
	if err != nil {
		return carnet.E("bulk", carnet.Internal, "internal", err)
	}
	if err := tx.DropParts(actor.ID, file, PartReasons); err != nil {
		return err
	}
	return put(tx, actor, file, PartReasons, 0, text)
}

func reasons(tx Tx, actor protect.Actor, file carnet.ID) (list []Reason, err error) {
	text, _, err := text(tx, actor, file, PartReasons)
	if carnet.KindOf(err) == carnet.NotFound {
		return nil, nil // handed over and forgotten
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	return list, err
}

// put keeps a text in parts, from the n-th on.
func put(tx Tx, actor protect.Actor, file carnet.ID, kind PartKind, n int, text []byte) error {
	for len(text) > 0 {
		size := min(len(text), partSize)
		if err := tx.PutPart(actor.ID, file, Part{kind, n, text[:size]}); err != nil {
			return err
		}
		n, text = n+1, text[size:]
	}
	return nil
}

// text gives the parts together, and how many there are.
func text(tx Tx, actor protect.Actor, file carnet.ID, kind PartKind) (all []byte, n int, err error) {
	for {
		p, err := tx.Part(actor.ID, file, kind, n)
		if carnet.KindOf(err) == carnet.NotFound && n > 0 {
			return all, n, nil
		}
		if err != nil {
			return nil, 0, err
		}
		all, n = append(all, p.Text...), n+1
	}
}

// importOf is the id of the import of a file that was tried.
func (s *Service) importOf(file carnet.ID) carnet.ID {
	h := s.ring.Lookup("import-of", file.String())
	return carnet.DerivedID(h[:])
}

// Uploaded opens a file that the professional sent. What one of somebody else is, is not said.
func (s *Service) Uploaded(ctx context.Context, actor protect.Actor, file carnet.ID) (u Uploaded, err error) {
	err = s.within(ctx, actor, func(tx Tx) (err error) {
		u, err = s.uploaded(tx, actor, file)
		return err
	})
	return u, err
}

func (s *Service) uploaded(tx Tx, actor protect.Actor, file carnet.ID) (u Uploaded, err error) {
	if u.Trial, err = tx.Run(file); err == nil && (u.Trial.Actor != actor.ID || !u.Trial.Trial) {
		err = carnet.E("bulk.Uploaded", carnet.NotFound, CodeUnknownRun, nil)
	}
	if err != nil {
		return u, err
	}
	u.Import, err = tx.Run(s.importOf(file))
	if carnet.KindOf(err) == carnet.NotFound {
		u.Import, err = Run{}, nil
	}
	if err != nil {
		return u, err
	}
	u.Reasons, err = reasons(tx, actor, file)
	return u, err
}

// Go imports the next rows of a file that was tried, at most 1,000: a page shows how far it is, and asks for more. When it is done the file
// is forgotten, and its answer stays until the next file, or until it is dropped.
func (s *Service) Go(ctx context.Context, actor protect.Actor, file carnet.ID) (Run, error) {
	var u Uploaded
	var content []byte
	parts := 0
	err := s.within(ctx, actor, func(tx Tx) (err error) {
		if u, err = s.uploaded(tx, actor, file); err != nil || !u.Import.Ended.IsZero() {
			return err
		}
		if content, _, err = text(tx, actor, file, PartFile); err != nil {
			return err
		}
		_, parts, err = text(tx, actor, file, PartAnswer)
		if carnet.KindOf(err) == carnet.NotFound {
			err = nil
		}
		return err
	})
	if err != nil || !u.Import.Ended.IsZero() {
		return u.Import, err
	}
	j := Job{Run: s.importOf(file), Begin: u.Import.ID.IsZero(), Source: u.Trial.Source, Place: actor.Organisation, Digest: u.Trial.Digest, Most: usualBatch}
	run, answer, now, err := s.pass(ctx, actor, j, content, u.Import.Rows == 0)
	if err != nil {
		return run, err
	}
	if u.Import.Rows > 0 { // those of the trial end where the import begins
		now = merge(u.Reasons, now)
	}
	return run, s.within(ctx, actor, func(tx Tx) error {
		if err := errors.Join(put(tx, actor, file, PartAnswer, parts, answer), putReasons(tx, actor, file, now)); err != nil || run.Ended.IsZero() {
			return err
		}
		return errors.Join(tx.DropParts(actor.ID, file, PartFile), tx.DropParts(actor.ID, file, PartTrial))
	})
}

func merge(before, now []Reason) []Reason {
	for _, r := range now {
		i := slices.IndexFunc(before, func(b Reason) bool { return b.Status == r.Status && b.Fault == r.Fault })
		if i < 0 {
			before = append(before, r)
			continue
		}
		before[i].Rows += r.Rows
	}
	return before
}

// AnswerOf gives the answer of the trial, or of the import once it has begun.
func (s *Service) AnswerOf(ctx context.Context, actor protect.Actor, file carnet.ID) (answer []byte, err error) {
	err = s.within(ctx, actor, func(tx Tx) error {
		u, err := s.uploaded(tx, actor, file)
		if err != nil {
			return err
		}
		kind := PartTrial
		if u.Import.Rows > 0 {
			kind = PartAnswer
		}
		answer, _, err = text(tx, actor, file, kind)
		return err
	})
	return answer, err
}

// Forget drops a file and its answer. What was imported stays.
func (s *Service) Forget(ctx context.Context, actor protect.Actor, file carnet.ID) error {
	return s.within(ctx, actor, func(tx Tx) error {
		if _, err := s.uploaded(tx, actor, file); err != nil {
			return err
		}
		return tx.DropParts(actor.ID, file, "")
	})
}
