package main

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login/software"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/verify/revlist"
)

type revokeCmd struct {
	Document string `arg:"" optional:"" help:"Identity of the document, the id that carnet verify --json prints: 64 hexadecimal digits, or the identifier of an EU certificate (urn:uvci:...)."`
	Reason   string `enum:",content,person,undue,asked,key,fraud" default:"" help:"content: what it states is wrong; person: it was issued to somebody else; undue: the injection did not take place; asked: the person asks for it; key: the key that signed it is not to be trusted; fraud: it was had by fraud."`
	All      string `enum:",dose,person" default:"" help:"Revoke with it every document of the same dose, or of the same person."`
	File     string `help:"Revoke many: a CSV file with a column document, and reason and all where they differ from the options. Each row has its own answer; a row that is refused stops no other. Safe to run again." placeholder:"FILE" type:"existingfile"`
	DryRun   bool   `help:"With --file: say what would be done, and do nothing."`
	Answer   string `help:"With --file: file to write the answer to, the rows as they were with what became of them." placeholder:"FILE" type:"path"`
	JSON     bool   `help:"Print one JSON object."`
}

// Validate is called by kong.
func (c *revokeCmd) Validate() error {
	switch {
	case (c.Document == "") == (c.File == ""):
		return errors.New("give a document, or a file of documents with --file")
	case c.File == "" && c.Reason == "":
		return errors.New("--reason says why: content, person, undue, asked, key or fraud")
	case c.File == "" && (c.DryRun || c.Answer != ""):
		return errors.New("--dry-run and --answer go with --file")
	}
	return nil
}

type revokedCmd struct {
	Publish publishCmd `cmd:"" help:"Make and sign the next list."`
	Show    showCmd    `cmd:"" help:"Verify a list and print what it holds: counts and dates."`
	Fetch   fetchCmd   `cmd:"" help:"Get a list, and keep it when it is newer than the one that is there."`
}

type publishCmd struct {
	Out  string `required:"" help:"File to write. A newer list that is there is never replaced." placeholder:"FILE" type:"path"`
	Days int    `help:"Days until the next list is promised." default:"7"`
	JSON bool   `help:"Print one JSON object."`
}

// Validate is called by kong.
func (c *publishCmd) Validate() error {
	if c.Days < 1 || c.Days > 366 {
		return fmt.Errorf("days: %d is not between 1 and 366", c.Days)
	}
	return nil
}

type showCmd struct {
	File string   `arg:"" help:"The list." type:"path"`
	Key  []string `help:"Public key of the publisher (PEM); by default that of this instance. May be given several times." placeholder:"FILE" sep:"none" type:"path"`
	At   string   `help:"Show it as if it were this instant (RFC 3339); by default now." placeholder:"TIME"`
	JSON bool     `help:"Print one JSON object."`
}

type fetchCmd struct {
	URL  string   `arg:"" help:"Address of the list, http or https."`
	To   string   `required:"" help:"File to keep it in." placeholder:"FILE" type:"path"`
	Key  []string `help:"Public key of the publisher (PEM); by default that of this instance. May be given several times." placeholder:"FILE" sep:"none" type:"path"`
	JSON bool     `help:"Print one JSON object."`
}

// answerer prints the answers of these commands in one language, or as JSON.
type answerer struct {
	ui.Text
	t    terminal
	json bool
}

func newAnswerer(s *Settings, t terminal, json bool) (answerer, error) {
	say, err := ui.ReadText(texts, s.language())
	return answerer{say, t, json}, err
}

func (a answerer) encode(v any) error {
	e := json.NewEncoder(a.t.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// answersNo are the codes that answer the question with no; after the others nothing could be done.
var answersNo = []string{"certificate.unknown", "session.unknown", software.CodeUnknown, fraud.CodeUnknown, revlist.CodeUnverified, revlist.CodeLarge, revlist.CodeOlder, revlist.CodeTwin, revlist.CodeRedirect,
	codeBundleUnverified, codeBundleOlder, codeBundleFormat}

// refuse says what went wrong, where, and what to do.
func (a answerer) refuse(where string, err error) error {
	e, ok := errors.AsType[*carnet.Error](err)
	if !ok || !a.Has("problem."+e.Code) {
		return err
	}
	fmt.Fprintf(a.t.err, "carnet: %s: %s\n", where, a.T("problem."+e.Code))
	if e.Err != nil {
		fmt.Fprintf(a.t.err, "  %v\n", e.Err)
	}
	if slices.Contains(answersNo, e.Code) {
		return exit(exitNo)
	}
	return exit(exitUnable)
}

// existing opens an instance that is there; no command of this file makes one.
func (a answerer) existing(ctx context.Context, s *Settings) (*instance, error) {
	if _, err := os.Stat(dbFile(s.Data)); errors.Is(err, fs.ErrNotExist) {
		return nil, a.refuse(s.Data, carnet.E("cmd", carnet.NotFound, "instance.missing", nil))
	}
	return openInstance(ctx, s, "", "")
}

// Run revokes. What was revoked before stays as it is and is no fault.
func (c *revokeCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	if c.File != "" {
		return c.many(ctx, a, in)
	}
	made, before, err := in.withdraw(ctx, order{c.Document, certify.Reason(c.Reason), c.All}, false)
	if err != nil {
		return a.refuse(c.Document, err)
	}
	report := struct {
		Revoked []string `json:"revoked"`
		Already []string `json:"already"`
		Reason  string   `json:"reason"`
	}{[]string{}, []string{}, c.Reason}
	var since time.Time
	for _, r := range made {
		report.Revoked = append(report.Revoked, hex.EncodeToString(r.Document[:]))
	}
	for _, r := range before {
		report.Already = append(report.Already, hex.EncodeToString(r.Document[:]))
		since = r.At
	}
	if a.json {
		return a.encode(report)
	}
	if n := len(report.Revoked); n > 0 {
		fmt.Fprintln(t.out, a.N("revoke.made", n, "reason", a.T("revoke.reason."+c.Reason)))
	}
	if n := len(report.Already); n > 0 {
		fmt.Fprintln(t.out, a.N("revoke.before", n, "since", a.Instant(since)))
	}
	if len(report.Revoked) > 0 {
		fmt.Fprintln(t.out, a.T("revoke.next"))
	}
	return nil
}

// Run makes the next list. Its number is above that of the list in the file, if there is one.
func (c *publishCmd) Run(ctx context.Context, s *Settings, t terminal) (err error) {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	public, ok := in.listKey.Public().(*ecdsa.PublicKey)
	if !ok {
		return fmt.Errorf("the list key is a %T", in.listKey.Public())
	}
	var above uint64
	there, err := revlist.Read(c.Out, public)
	switch code := carnet.CodeOf(err); {
	case err == nil:
		above = there.List.Number()
	case code == revlist.CodeMissing:
	case carnet.KindOf(err) == carnet.Invalid:
		return a.refuse(c.Out, carnet.E("cmd", carnet.Conflict, revlist.CodeOccupied, err))
	default:
		return a.refuse(c.Out, err)
	}
	next, err := in.publisher(c.Days).Next(ctx, above)
	if err != nil {
		return a.refuse(c.Out, err)
	}
	out, err := revlist.Keep(c.Out, next.Bytes, public)
	if err != nil {
		return a.refuse(c.Out, err)
	}
	if !a.json {
		fmt.Fprintln(t.out, a.T("list.published", "number", next.List.Number(), "path", c.Out))
	}
	return a.show(c.Out, out, in.ids.Clock())
}

// Run verifies and shows. A list that is overdue is shown as such: it still tells what it revokes.
func (c *showCmd) Run(s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	at := time.Now()
	if c.At != "" {
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return a.refuse(c.At, carnet.E("cmd", carnet.Invalid, "time.malformed", nil))
		}
	}
	keys, err := a.keys(s, c.Key)
	if err != nil {
		return err
	}
	held, err := revlist.Read(c.File, keys...)
	if err != nil {
		return a.refuse(c.File, err)
	}
	return a.show(c.File, revlist.Outcome{Held: held}, at)
}

// Run fetches. That there is nothing new is no fault, and the age is shown either way.
func (c *fetchCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	keys, err := a.keys(s, c.Key)
	if err != nil {
		return err
	}
	out, err := revlist.Fetch(ctx, nil, c.URL, c.To, keys...)
	if err != nil {
		return a.refuse(c.URL, err)
	}
	if !a.json {
		key := "list.unchanged"
		if out.Replaced {
			key = "list.fetched"
		}
		fmt.Fprintln(t.out, a.T(key, "number", out.List.Number(), "path", c.To))
	}
	return a.show(c.To, out, time.Now())
}

// keys reads the keys that a list may be signed with.
func (a answerer) keys(s *Settings, files []string) ([]*ecdsa.PublicKey, error) {
	own := filepath.Join(trustFolder(s.Data), certify.ListKeyFile)
	if len(files) == 0 {
		files = []string{own}
	}
	var keys []*ecdsa.PublicKey
	for _, file := range files {
		text, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && file == own:
			return nil, a.refuse(file, carnet.E("cmd", carnet.NotFound, "key.missing", nil))
		case err != nil:
			return nil, a.refuse(file, carnet.E("cmd", carnet.NotFound, revlist.CodeUnreadable, err))
		}
		more, err := revlist.ReadKeys(text)
		if err != nil {
			return nil, a.refuse(file, err)
		}
		keys = append(keys, more...)
	}
	return keys, nil
}

// listFacts is what --json prints of a list.
type listFacts struct {
	File       string         `json:"file"`
	Number     uint64         `json:"number"`
	Issued     time.Time      `json:"issued"`
	NextUpdate time.Time      `json:"nextUpdate"`
	Age        int64          `json:"ageSeconds"` // negative when the clock is before the issue
	Stale      bool           `json:"stale"`
	Exact      bool           `json:"exact"`
	Entries    map[string]int `json:"entries"` // by kind
	Bytes      int            `json:"bytes"`
	Replaced   bool           `json:"replaced"` // this command wrote the file
}

// show prints what a list holds, and how old it is.
func (a answerer) show(file string, o revlist.Outcome, at time.Time) error {
	l := o.List
	facts := listFacts{File: file, Number: l.Number(), Issued: l.IssuedAt(), NextUpdate: l.NextUpdate(), Age: int64(l.Age(at).Seconds()),
		Stale: l.Stale(at), Exact: l.Exact(), Entries: map[string]int{}, Bytes: len(o.Bytes), Replaced: o.Replaced}
	for kind := revocation.UCI; kind <= revocation.TwoDDoc; kind++ {
		if n := l.Len(kind); n > 0 {
			facts.Entries[kind.String()] = n
		}
	}
	if a.json {
		return a.encode(facts)
	}
	fmt.Fprintln(a.t.out, a.T("list.head", "number", facts.Number, "bytes", facts.Bytes))
	if len(facts.Entries) == 0 {
		fmt.Fprintln(a.t.out, a.T("list.empty"))
	}
	for kind := revocation.UCI; kind <= revocation.TwoDDoc; kind++ {
		if n := l.Len(kind); n > 0 {
			fmt.Fprintln(a.t.out, a.T("list.kind", "kind", kind.String(), "n", n))
		}
	}
	if !facts.Exact {
		fmt.Fprintln(a.t.out, a.T("list.shortened"))
	}
	fmt.Fprintln(a.t.out, a.T("list.updated", "at", a.Instant(l.IssuedAt()), "age", a.age(l.Age(at))))
	switch {
	case facts.Age < 0:
		fmt.Fprintln(a.t.out, a.T("list.early"))
	case facts.Stale:
		fmt.Fprintln(a.t.out, a.T("list.stale", "at", a.Instant(l.NextUpdate())))
	default:
		fmt.Fprintln(a.t.out, a.T("list.next", "at", a.Instant(l.NextUpdate())))
	}
	return nil
}

// age says how long ago, in whole units; the instant stands beside it.
func (a answerer) age(d time.Duration) string {
	switch {
	case d < 0:
		return a.T("list.age.future")
	case d < time.Minute:
		return a.T("list.age.now")
	case d < time.Hour:
		return a.N("list.age.minutes", int(d/time.Minute))
	case d < 48*time.Hour:
		return a.N("list.age.hours", int(d/time.Hour))
	}
	return a.N("list.age.days", int(d/(24*time.Hour)))
}
