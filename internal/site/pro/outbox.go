package pro

import (
	"embed"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
	"carnet/internal/vaccinate"
)

// outboxFiles are the scripts that stand at fixed addresses: a worker's address says what it serves.
//
//go:embed outbox
var outboxFiles embed.FS

const (
	offlinePath  = "/vacciner/hors-ligne"
	deferredPath = "/vacciner/differees"
	workerPath   = "/hors-ligne/worker.js"
	storePath    = "/hors-ligne/store.js"
)

// outboxView is what the scripts need to go on without network: ids, and the run as a form would send it.
type outboxView struct {
	Owner, Session string
	Until          int64  // milliseconds: when the session ends, whatever happens
	Shell          string // JSON: the addresses of the page for work without network
	Station        bool
	Run            []ui.Hidden
}

// owner names who may send an entry that waited: the professional, and who types for them. Ids only.
func owner(a protect.Actor) string { return a.ID.String() + "." + a.Delegate.String() }

func (s *site) outboxView(actor protect.Actor) *outboxView {
	shell, err := json.Marshal([]string{offlinePath, storePath, s.ui.Asset("carnet.css"), s.ui.Asset("mark.svg"), s.ui.Asset("entry.css"), s.ui.Asset("entry.js"), s.ui.Asset("outbox.js")})
	if err != nil {
		return nil // strings cannot fail
	}
	return &outboxView{Owner: owner(actor), Session: actor.Session.String(), Shell: string(shell)}
}

// script serves one of the scripts that stand at a fixed address.
func (s *site) script(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, err := outboxFiles.ReadFile("outbox/" + name)
		if err != nil {
			s.ui.Fail(w, r, carnet.E("pro.script", carnet.Internal, "internal", err))
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
		h.Set("Service-Worker-Allowed", "/")
		_, _ = w.Write(b) // the reader is gone: nobody left to tell
	}
}

type offlineView struct {
	ui.Page
	NIR, Asked, Site ui.Field
	Outbox           *outboxView // nobody is logged in as far as this page knows
}

// offline is the page for work without network. It is the same for everybody and holds nothing: what it
// shows comes from the device.
func (s *site) offline(w http.ResponseWriter, r *http.Request) {
	v := offlineView{Page: s.ui.Page(r, "offline.title")}
	v.NIR = v.Digits("nir", "find.nir", "", "w20")
	v.Asked = v.Check("asked", "entry.asked", false)
	v.Site = v.Radios("site", "dose.site", "", options(v.Page, "body.", carnet.BodySites))
	v.Site.Inline = true
	s.ui.Render(w, r, http.StatusOK, "offline", &v)
}

// deferredAnswer is what the script of a page is told of an entry that waited.
type deferredAnswer struct {
	State string `json:"state"` // done; draft: to complete here; look: to look at there; held: later
	Words string `json:"words"`
	Link  string `json:"link,omitempty"`
}

// deferred records an entry that waited on the device, once: its key was made there. What cannot be
// recorded as it is becomes a draft, so that nothing of it is lost; what names nobody stays on the device.
func (s *site) deferred(w http.ResponseWriter, r *http.Request, me login.Session) error {
	a, err := s.deferredEntry(r, me)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	return json.NewEncoder(w).Encode(a)
}

func (s *site) deferredEntry(r *http.Request, me login.Session) (deferredAnswer, error) {
	t, actor, ctx := s.ui.Text(r), me.Actor(), r.Context()
	if r.PostForm.Get("owner") != owner(actor) {
		return deferredAnswer{}, carnet.E("pro.deferred", carnet.Denied, "entry.draft-of-another", nil)
	}
	if err := s.Risk.Gate(who(me)); err != nil {
		if _, held := errors.AsType[*carnet.Error](err); held {
			return deferredAnswer{State: "held", Words: t.T("outbox.held"), Link: vaccinatePath}, nil
		}
		return deferredAnswer{}, err
	}
	k := work{actor: actor}
	var err error
	if k.key, err = carnet.ParseID(r.PostForm.Get("key")); err != nil || k.key.Version() != 7 {
		return deferredAnswer{}, carnet.E("pro.deferred", carnet.NotFound, "entry.unknown", err)
	}
	if look, err := s.deferredPerson(r, &k); err != nil || look != "" {
		return deferredAnswer{State: "look", Words: look}, err
	}
	if saved, err := s.Vaccinate.Done(ctx, actor, k.person.ID, k.key); err == nil {
		return deferredAnswer{State: "done", Words: t.T("outbox.done"), Link: dosePath(saved)}, nil
	} else if carnet.KindOf(err) != carnet.NotFound {
		return deferredAnswer{}, err
	}
	if k.me, err = s.Vaccinate.Professional(ctx, actor); err != nil {
		return deferredAnswer{}, err
	}
	k.path = personPath(k.person.ID) + "/saisies/" + k.key.String()
	e := readEntry(r.PostForm)
	if on, err := e.date("date"); err == nil && on.Before(s.Vaccinate.Today()) && e.get("late-reason") == "" {
		e.set("late-reason", t.T("outbox.late"))
	}
	return s.recordDeferred(r, k, e)
}

// deferredPerson finds whom the entry is about: by id when the page had been opened, else by number or recall code. It
// says what is wrong when nobody is found.
func (s *site) deferredPerson(r *http.Request, k *work) (look string, err error) {
	t := s.ui.Text(r)
	id, bad := carnet.ParseID(r.PostForm.Get("person"))
	if bad != nil {
		found, err := s.lookFor(r, k.actor, strings.TrimSpace(r.PostForm.Get("nir")))
		switch {
		case carnet.KindOf(err) == carnet.Invalid:
			return t.T("outbox.number"), nil
		case carnet.KindOf(err) == carnet.NotFound || err == nil && len(found) != 1:
			return t.T("outbox.nobody"), nil
		case err != nil:
			return "", err
		}
		id = found[0].ID
	}
	how, err := s.Vaccinate.LinkOf(r.Context(), k.actor, id)
	if err == nil && how == vaccinate.NoLink && !s.meetDraft(r, k.actor, id, k.key) {
		return t.T("outbox.link"), nil
	}
	if err != nil {
		return "", err
	}
	k.person, err = s.People.Person(r.Context(), k.actor, id)
	return "", err
}

func (s *site) recordDeferred(r *http.Request, k work, e entry) (deferredAnswer, error) {
	t, ctx := s.ui.Text(r), r.Context()
	draft := func(cause error) (deferredAnswer, error) {
		if carnet.KindOf(cause) != carnet.Invalid {
			return deferredAnswer{}, cause
		}
		e.form.Del("run") // the run of then may be over: the draft is an entry of its own
		e.form.Del("run-version")
		return deferredAnswer{State: "draft", Words: t.T("outbox.draft"), Link: k.path}, s.keepDraft(r, k, e)
	}
	c, err := s.command(k, e)
	if err != nil {
		return draft(err)
	}
	if err := s.mayInject(r, k, c); err != nil {
		return draft(err)
	}
	if rank, expected, ok := strings.Cut(e.get("shown"), "/"); ok && c.Rank == 0 {
		c.Rank, c.Expected = digit(rank), digit(expected)
	}
	if c.Warnings, err = s.lotCodes(r, k, c); err != nil {
		return deferredAnswer{}, err
	}
	p, err := s.Vaccinate.Propose(ctx, k.actor, k.person.ID, c.Vaccine, c.Date, carnet.ID{})
	if err != nil {
		return draft(err)
	}
	s.Risk.Waited(k.actor.Session, k.person.ID)
	d, err := s.Vaccinate.Record(ctx, k.actor, c)
	if err != nil {
		return draft(err)
	}
	if !c.Run.IsZero() {
		if now, err := s.Runs.Current(ctx, k.actor); err == nil && now.ID == c.Run {
			k.run = &now
		}
	}
	s.saveDone(r, k, e, d)
	a := deferredAnswer{State: "done", Words: t.T("outbox.done"), Link: dosePath(d)}
	if n := len(p.Warnings) + len(c.Warnings); n > 0 {
		a.Words += " " + t.N("warning.title", n)
	}
	return a, nil
}

// runForm is the run as the form of an entry would send it.
func runForm(actor protect.Actor, k work) []ui.Hidden {
	e := entry{map[string][]string{}}
	k.join(e, *k.run)
	return e.hidden()
}

func millis(me login.Session) int64 {
	if me.ExpiresAt.IsZero() {
		return 0
	}
	return me.ExpiresAt.UnixMilli()
}
