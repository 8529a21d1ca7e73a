package pro

import (
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"carnet/internal/carnet"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate/bulk"
)

// Imports is what the site needs of the imports: package bulk's Service has it.
type Imports interface {
	Upload(ctx context.Context, actor protect.Actor, source string, text []byte) (bulk.Run, error)
	Uploaded(ctx context.Context, actor protect.Actor, file carnet.ID) (bulk.Uploaded, error)
	Go(ctx context.Context, actor protect.Actor, file carnet.ID) (bulk.Run, error)
	AnswerOf(ctx context.Context, actor protect.Actor, file carnet.ID) ([]byte, error)
	Forget(ctx context.Context, actor protect.Actor, file carnet.ID) error
	Runs(ctx context.Context, actor protect.Actor, n int) ([]bulk.Run, error)
	Reviews(ctx context.Context, actor protect.Actor) ([]bulk.Question, error)
	Question(ctx context.Context, actor protect.Actor, person carnet.ID, key bulk.Key) (bulk.Question, error)
	Resolve(ctx context.Context, actor protect.Actor, person carnet.ID, key bulk.Key, choice bulk.Choice) (bulk.Outcome, error)
}

const (
	importPath  = "/import"
	reviewsPath = importPath + "/avis"
	shownRuns   = 10
	maxSource   = 50
)

// importRoutes are the pages of imports.
func (s *site) importRoutes(private func(string, func(http.ResponseWriter, *http.Request, protect.Actor) error)) {
	private("GET "+importPath, s.importPage)
	private("POST "+importPath, s.upload)
	private("GET "+importPath+"/modele", s.importTemplate)
	private("GET "+importPath+"/fichiers/{file}", s.uploaded)
	private("POST "+importPath+"/fichiers/{file}", s.importMore)
	private("GET "+importPath+"/fichiers/{file}/reponse", s.importAnswer)
	private("GET "+reviewsPath, s.reviews)
	private("GET "+reviewsPath+"/{person}/{key}", s.review)
	private("POST "+reviewsPath+"/{person}/{key}", s.resolve)
}

type importView struct {
	ui.Page
	Place   string
	Source  ui.Field
	Runs    ui.Table
	Waiting int
	Max     int
	Rows    int
}

func (s *site) importPage(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showImport(w, r, http.StatusOK, actor, "", nil)
}

func (s *site) showImport(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, source string, faults error) error {
	runs, err := s.Imports.Runs(r.Context(), actor, shownRuns)
	if err != nil {
		return err
	}
	waiting, err := s.Imports.Reviews(r.Context(), actor)
	if err != nil {
		return err
	}
	v := importView{Page: s.ui.Page(r, "import.title"), Place: s.placeName(r.Context(), actor), Waiting: len(waiting), Max: bulk.MaxUpload >> 20, Rows: bulk.MaxUploadRows}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Source = v.Input("source", "import.source", source)
	v.Source.Length = maxSource
	v.Runs = ui.Table{Caption: v.T("import.runs"), Head: []string{v.T("import.when"), v.T("import.from"), v.T("import.what"), v.T("import.rows"), v.T("import.outcome")}}
	for _, run := range runs {
		what := "import.was-import"
		if run.Trial {
			what = "import.was-trial"
		}
		tag := runTag(v.Page, run)
		v.Runs.Rows = append(v.Runs.Rows, []ui.Cell{{Words: v.Instant(run.Begun)}, {Words: run.Source}, {Words: v.T(what)}, {Words: strconv.Itoa(run.Rows), Number: true}, {Tag: &tag}})
	}
	s.ui.Render(w, r, status, "import", &v)
	return nil
}

// runTag says in a word how an import ended.
func runTag(p ui.Page, run bulk.Run) ui.Tag {
	bad, review := run.Counts[bulk.Refused], run.Counts[bulk.Review]
	switch {
	case run.Ended.IsZero():
		return ui.Tag{Kind: "going", Words: p.T("import.stopped")}
	case bad+review > 0:
		return ui.Tag{Kind: "warning", Words: p.T("import.some", "refused", bad, "review", review)}
	}
	return ui.Tag{Kind: "success", Words: p.T("import.clean")}
}

// upload tries a file. The body is bounded by the site's limit of this path.
func (s *site) upload(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	var problems carnet.Problems
	if err := r.ParseMultipartForm(bulk.MaxUpload); err != nil {
		problems.Add("file", bulk.CodeTooLarge, map[string]any{"Max": bulk.MaxUpload >> 20, "Rows": bulk.MaxUploadRows})
		return s.showImport(w, r, http.StatusBadRequest, actor, "", problems.Err())
	}
	defer r.MultipartForm.RemoveAll() // nothing of it was put on the disk: it is all in memory
	source := strings.TrimSpace(r.PostFormValue("source"))
	f, _, err := r.FormFile("file")
	if err != nil {
		problems.Add("file", bulk.CodeEmpty, nil)
		return s.showImport(w, r, http.StatusBadRequest, actor, source, problems.Err())
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return carnet.E("pro.upload", carnet.Unavailable, "request.malformed", err)
	}
	run, err := s.Imports.Upload(r.Context(), actor, source, text)
	if carnet.KindOf(err) == carnet.Invalid {
		return s.showImport(w, r, http.StatusBadRequest, actor, source, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, filePath(run.ID), http.StatusSeeOther)
	return nil
}

// sentence begins words with a capital.
func sentence(words string) string {
	_, n := utf8.DecodeRuneInString(words)
	return strings.ToUpper(words[:n]) + words[n:]
}

func filePath(file carnet.ID) string { return importPath + "/fichiers/" + file.String() }

// importTemplate is an empty table with every column, in the language of the reader.
func (s *site) importTemplate(w http.ResponseWriter, r *http.Request, _ protect.Actor) error {
	var names []string
	french := s.ui.Text(r).Lang == "fr"
	for _, c := range bulk.Columns() {
		if french {
			names = append(names, c[1])
		} else {
			names = append(names, c[0])
		}
	}
	return s.table(w, "import.csv", []byte(strings.Join(names, ";")+"\n"))
}

func (s *site) table(w http.ResponseWriter, name string, text []byte) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(text) // the reader is gone: nobody left to tell
	return nil
}

type uploadedView struct {
	ui.Page
	Tried, Counts ui.Rows
	Reasons       ui.Table
	Clean         bool
	Going, Done   bool
	Percent       int
	Rows, Total   int
	Waiting       int
	Path          string
}

func (s *site) uploaded(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	file, err := carnet.ParseID(r.PathValue("file"))
	if err != nil {
		return carnet.E("pro.uploaded", carnet.NotFound, bulk.CodeUnknownRun, err)
	}
	u, err := s.Imports.Uploaded(r.Context(), actor, file)
	if err != nil {
		return err
	}
	title, shown := "import.tried", u.Trial
	v := uploadedView{Path: filePath(file), Total: u.Trial.Rows, Rows: u.Import.Rows}
	switch {
	case !u.Import.Ended.IsZero():
		title, shown, v.Done = "import.done", u.Import, true
	case u.Import.Rows > 0:
		title, shown, v.Going = "import.going", u.Import, true
	}
	v.Page = s.ui.Page(r, title)
	v.Back = &ui.Link{Href: importPath, Words: v.T("import.back")}
	v.Percent = 100 * v.Rows / max(1, v.Total)
	v.Waiting = shown.Counts[bulk.Review]
	var rows []ui.Row
	for _, status := range bulk.Statuses {
		if n := shown.Counts[status]; n > 0 || status == bulk.Created {
			rows = append(rows, ui.Row{Label: v.T("import.status." + string(status)), Value: strconv.Itoa(n), Number: true})
		}
	}
	v.Counts = v.Page.Rows(rows...)
	v.Reasons = ui.Table{Caption: v.T("import.reasons"), Head: []string{v.T("import.why-head"), v.T("import.column"), v.T("import.rows"), v.T("import.first")}}
	for _, x := range u.Reasons {
		v.Reasons.Rows = append(v.Reasons.Rows, []ui.Cell{{Words: sentence(v.T("import.why." + x.Code))}, {Words: cmp.Or(x.Column, "–")}, {Words: strconv.Itoa(x.Rows), Number: true}, {Words: strconv.Itoa(x.First), Number: true}})
	}
	v.Clean = len(u.Reasons) == 0
	s.ui.Render(w, r, http.StatusOK, "uploaded", &v)
	return nil
}

// importMore takes the next rows, or forgets the file.
func (s *site) importMore(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	file, err := carnet.ParseID(r.PathValue("file"))
	if err != nil {
		return carnet.E("pro.importMore", carnet.NotFound, bulk.CodeUnknownRun, err)
	}
	if r.PostForm.Get("what") == "forget" {
		if err := s.Imports.Forget(r.Context(), actor, file); err != nil {
			return err
		}
		http.Redirect(w, r, importPath, http.StatusSeeOther)
		return nil
	}
	if _, err := s.Imports.Go(r.Context(), actor, file); err != nil {
		return err
	}
	http.Redirect(w, r, filePath(file), http.StatusSeeOther)
	return nil
}

func (s *site) importAnswer(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	file, err := carnet.ParseID(r.PathValue("file"))
	if err != nil {
		return carnet.E("pro.importAnswer", carnet.NotFound, bulk.CodeUnknownRun, err)
	}
	text, err := s.Imports.AnswerOf(r.Context(), actor, file)
	if err != nil {
		return err
	}
	return s.table(w, "reponse.csv", text)
}

type reviewsView struct {
	ui.Page
	List ui.Table
	None ui.Empty
}

func (s *site) reviews(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	list, err := s.Imports.Reviews(r.Context(), actor)
	if err != nil {
		return err
	}
	v := reviewsView{Page: s.ui.Page(r, "review.title")}
	v.Back = &ui.Link{Href: importPath, Words: v.T("import.back")}
	if r.URL.Query().Get("fait") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("review.decided")}
	}
	v.None = ui.Empty{Icon: "check", Title: v.T("review.none"), Words: v.T("review.none-words")}
	v.List = ui.Table{Caption: v.N("review.count", len(list)), Head: []string{v.T("review.person"), v.T("review.why"), v.T("dose.vaccine.short"), v.T("review.date")}}
	for _, q := range list {
		d := q.Waiting.Dose
		v.List.Rows = append(v.List.Rows, []ui.Cell{
			{Words: q.Waiting.Identity.Name().Reveal() + " " + q.Waiting.Identity.Given(), Href: reviewPath(q)},
			{Words: sentence(v.T("import.why." + q.Reason))}, {Words: s.vaccineName(d.Vaccine)}, {Words: v.Date(d.Date), Number: true}})
	}
	s.ui.Render(w, r, http.StatusOK, "reviews", &v)
	return nil
}

func reviewPath(q bulk.Question) string {
	return reviewsPath + "/" + q.Person.String() + "/" + hex.EncodeToString(q.Key[:])
}

type reviewView struct {
	ui.Page
	Why      string
	Old, New ui.Rows
	OldTitle string
	Choices  ui.Field
	Action   string
}

func (s *site) question(r *http.Request, actor protect.Actor) (q bulk.Question, err error) {
	person, err := carnet.ParseID(r.PathValue("person"))
	raw, bad := hex.DecodeString(r.PathValue("key"))
	if err != nil || bad != nil || len(raw) != len(q.Key) {
		return q, carnet.E("pro.question", carnet.NotFound, bulk.CodeUnknownReview, err)
	}
	return s.Imports.Question(r.Context(), actor, person, bulk.Key(raw))
}

func (s *site) review(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	return s.showReview(w, r, http.StatusOK, actor, nil)
}

func (s *site) showReview(w http.ResponseWriter, r *http.Request, status int, actor protect.Actor, faults error) error {
	q, err := s.question(r, actor)
	if err != nil {
		return err
	}
	if q.State != bulk.Waits { // decided meanwhile
		http.Redirect(w, r, reviewsPath+"?fait=avis", http.StatusSeeOther)
		return nil
	}
	v := reviewView{Page: s.ui.Page(r, "review.one"), Action: r.URL.Path}
	v.Back = &ui.Link{Href: reviewsPath, Words: v.T("review.back")}
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	v.Why = sentence(v.T("import.why." + q.Reason))
	v.OldTitle = v.T("review.there")
	v.Old = v.Page.Rows(s.side(v.Page, q.Old.Identity, q.Stands, q.Waiting.Identity, q.Waiting.Dose)...)
	v.New = v.Page.Rows(s.side(v.Page, q.Waiting.Identity, q.Waiting.Dose, q.Old.Identity, q.Stands)...)
	var options []ui.Option
	for _, c := range q.Choices {
		options = append(options, ui.Option{Value: string(c), Label: v.T("review.choice." + string(c)), Hint: v.T("review.choice-hint." + string(c))})
	}
	v.Choices = v.Radios("choice", "review.what", r.PostForm.Get("choice"), options)
	s.ui.Render(w, r, status, "review", &v)
	return nil
}

// side is one of the two sides; what differs from the other is marked, in words too.
func (s *site) side(p ui.Page, i carnet.Identity, d carnet.Dose, other carnet.Identity, there carnet.Dose) (rows []ui.Row) {
	add := func(label, value, against string, number bool) {
		if value == "" && against == "" {
			return
		}
		row := ui.Row{Label: p.T(label), Value: value, Number: number}
		if value == "" {
			row.Value = p.T("review.unknown")
		}
		if !strings.EqualFold(value, against) && against != "-" {
			row.Tag = &ui.Tag{Kind: "warning", Words: p.T("review.differs")}
		}
		rows = append(rows, row)
	}
	add("review.number", i.NIR.Masked(), other.NIR.Masked(), true)
	add("review.birth-name", i.BirthName.Reveal(), other.BirthName.Reveal(), false)
	add("review.used-name", i.UsedName.Reveal(), other.UsedName.Reveal(), false)
	add("review.given", i.Given(), other.Given(), false)
	add("review.birth", i.Birth.French(), other.Birth.French(), true)
	if d.Date.IsZero() {
		return rows
	}
	day, lot, site, place := "-", "-", "-", "-"
	vaccine := "-"
	if !there.Date.IsZero() {
		day, lot, site, place, vaccine = p.Date(there.Date), there.Lot.Reveal(), s.siteWords(p, there.BodySite), there.Place.Name, s.vaccineName(there.Vaccine)
	}
	add("dose.vaccine.short", s.vaccineName(d.Vaccine), vaccine, false)
	add("review.date", p.Date(d.Date), day, true)
	add("review.lot", d.Lot.Reveal(), lot, true)
	add("review.site", s.siteWords(p, d.BodySite), site, false)
	add("review.place", d.Place.Name, place, false)
	return rows
}

func (s *site) siteWords(p ui.Page, b carnet.BodySite) string {
	if b == "" {
		return ""
	}
	return p.T("body." + string(b))
}

func (s *site) resolve(w http.ResponseWriter, r *http.Request, actor protect.Actor) error {
	q, err := s.question(r, actor)
	if err != nil {
		return err
	}
	choice := bulk.Choice(r.PostForm.Get("choice"))
	_, err = s.Imports.Resolve(r.Context(), actor, q.Person, q.Key, choice)
	if carnet.KindOf(err) == carnet.Invalid {
		return s.showReview(w, r, http.StatusBadRequest, actor, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, reviewsPath+"?fait=avis", http.StatusSeeOther)
	return nil
}
