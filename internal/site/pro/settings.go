package pro

import (
	"cmp"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/protect"
	"carnet/internal/site/ui"
)

// Paths of "Mes paramètres".
const (
	settingsPath = "/parametres"
	sessionsPath = "/parametres/sessions"
	hoursPath    = "/parametres/heures"
	declarePath  = "/parametres/personnes"
	contestPath  = "/parametres/saisies"
)

type settingsView struct {
	ui.Page
	Stale, Fresh   bool // the person authenticated too long ago to change anything, or not
	Confirm        string
	Delegates      []delegateView
	Declare        string
	Name           ui.Field
	Entries        []delegatedView
	Contest        string
	Sessions       []sessionView
	SessionsAction string
	Week           ui.Field
	Usual          bool
	HoursAction    string
	History        ui.Table
}

type delegateView struct {
	ID, Name, Since string
	Ready           bool // has a passkey
}

type delegatedView struct {
	Person, Dose, Key string
	When, Who, Words  string
	Contested         bool
}

type sessionView struct {
	ID, Opened, Browser, By string
	Here                    bool
}

// settings is the tab "Mes paramètres". Reading it needs no more than the session; changing
// anything needs a fresh authentication, and a delegate does neither.
func (s *site) settings(w http.ResponseWriter, r *http.Request, me login.Session) error {
	return s.showSettings(w, r, http.StatusOK, me, typedSettings{}, nil)
}

// typedSettings is what comes back to the form when something is wrong with it.
type typedSettings struct {
	week string
	name string
	sent bool
}

func (s *site) showSettings(w http.ResponseWriter, r *http.Request, status int, me login.Session, typed typedSettings, faults error) error {
	actor := me.Actor()
	if err := actor.May(protect.ActSettings); err != nil {
		return err
	}
	v := settingsView{Page: s.ui.Page(r, "settings.title"), Fresh: s.Login.Fresh(me), Confirm: freshPath, Declare: declarePath,
		Contest: contestPath, SessionsAction: sessionsPath, HoursAction: hoursPath}
	v.Stale = !v.Fresh
	if faults != nil && !v.Fault(faults) {
		return faults
	}
	if r.URL.Query().Get("fait") != "" {
		v.Banner = &ui.Banner{Kind: "success", Title: v.T("settings.saved")}
	}
	list, err := s.Delegation.List(r.Context(), actor)
	if err != nil {
		return err
	}
	names := map[carnet.ID]string{}
	for _, d := range list {
		if names[d.ID] = d.Name.Reveal(); d.Stands() {
			v.Delegates = append(v.Delegates, delegateView{d.ID.String(), d.Name.Reveal(), v.T("settings.delegates.since", "when", v.Instant(d.Since)), len(d.Passkeys) > 0})
		}
	}
	v.Name = v.Input("name", "settings.name", typed.name)
	if v.Entries, err = s.delegated(r, v.Page, me, names); err != nil {
		return err
	}
	week, err := s.Login.Hours(r.Context(), actor)
	if err != nil {
		return err
	}
	v.Usual = week.IsZero()
	if !typed.sent {
		typed.week = v.spoken(week.String())
	}
	v.Week = v.Input("week", "settings.week", typed.week)
	v.Week.Length = 400
	open, err := s.Login.Sessions(r.Context(), me.Person)
	if err != nil {
		return err
	}
	for _, x := range open {
		line := sessionView{ID: x.ID.String(), Here: x.ID == me.ID, Browser: x.Browser, Opened: v.T("settings.sessions.opened", "when", v.Instant(x.CreatedAt))}
		if !x.Delegate.IsZero() {
			line.By = v.T("settings.sessions.by", "delegate", names[x.Delegate])
		}
		v.Sessions = append(v.Sessions, line)
	}
	if v.History, err = s.history(r, &v.Page, me); err != nil {
		return err
	}
	s.ui.Render(w, r, status, "settings", &v)
	return nil
}

// history lists the requests of the last 90 days, newest first.
func (s *site) history(r *http.Request, p *ui.Page, me login.Session) (ui.Table, error) {
	t := ui.Table{Caption: p.T("settings.history.title"), Head: []string{p.T("settings.history.when"), p.T("settings.history.what"), p.T("settings.history.from"), p.T("settings.history.how")}}
	events, err := s.Login.History(r.Context(), me.Actor())
	if err != nil {
		return t, err
	}
	for _, e := range events {
		kind := ""
		switch e.Kind {
		case login.EventApproved, login.EventOpened:
			kind = "success"
		case login.EventRefused, login.EventReported, login.EventBlocked, login.EventAlert, login.EventFailed, login.EventEnded, login.EventLimited:
			kind = "warning"
		}
		from := []string{e.Place.Label, e.Establishment}
		how := []string{e.Browser}
		if e.Kind == login.EventStart {
			known := "event.unknown"
			if e.Known {
				known = "event.known"
			}
			how = append(how, p.T(known))
			if e.Quiet {
				how = append(how, p.T("event.quiet"))
			}
		}
		t.Rows = append(t.Rows, []ui.Cell{{Words: p.Instant(e.At), Number: true}, {Tag: &ui.Tag{Kind: kind, Words: p.T("event." + string(e.Kind))}},
			{Words: join(from)}, {Words: join(how)}})
	}
	return t, nil
}

func join(list []string) string {
	var some []string
	for _, s := range list {
		if s != "" {
			some = append(some, s)
		}
	}
	return strings.Join(some, ", ")
}

// confirm asks the telephone again, for what needs a fresh authentication.
func (s *site) confirm(w http.ResponseWriter, r *http.Request, me login.Session) error {
	if err := me.Actor().May(protect.ActSettings); err != nil {
		return err
	}
	if !s.Phones {
		// The provider's own page asks again; the form brings the path to come back to.
		return s.Login.Begin(w, r)
	}
	who, err := s.Vaccinate.Professional(r.Context(), me.Actor())
	if err != nil {
		return err
	}
	q := login.CallRequest{Number: who.Number.Reveal(), Establishment: s.placeName(r.Context(), me.Actor()), ReturnTo: settingsPath}
	if _, err := s.Login.Call(w, r, q); err != nil {
		return err
	}
	http.Redirect(w, r, waitPath, http.StatusSeeOther)
	return nil
}

// Days of the week as people write them in French and as package hours does, in turns.
var dayWords = []string{"lun", "mon", "mar", "tue", "mer", "wed", "jeu", "thu", "ven", "fri", "sam", "sat", "dim", "sun"}

var (
	dayWord    = regexp.MustCompile(`\p{L}+`)
	frenchTime = regexp.MustCompile(`(\d{1,2})\s*h\s*(\d{2})?`)
	clockTime  = regexp.MustCompile(`\b0?(\d{1,2}):(\d{2})\b`)
)

// written brings hours as people type them, "lun-ven 8h30-12h30", to the form of package hours.
func written(text string) string {
	text = dayWord.ReplaceAllStringFunc(strings.ToLower(text), func(w string) string {
		if i := slices.IndexFunc(dayWords, func(d string) bool { return len(w) >= 3 && strings.HasPrefix(w, d) }); i >= 0 && i%2 == 0 {
			return dayWords[i+1]
		}
		return w
	})
	return frenchTime.ReplaceAllStringFunc(text, func(t string) string {
		m := frenchTime.FindStringSubmatch(t)
		minutes := m[2]
		if minutes == "" {
			minutes = "00"
		}
		return strings.Repeat("0", 2-len(m[1])) + m[1] + ":" + minutes
	})
}

// spoken writes hours as the reader types them.
func (v *settingsView) spoken(week string) string {
	if v.Lang != "fr" {
		return week
	}
	week = dayWord.ReplaceAllStringFunc(week, func(w string) string {
		if i := slices.Index(dayWords, w); i > 0 {
			return dayWords[i-1]
		}
		return w
	})
	return strings.ReplaceAll(clockTime.ReplaceAllString(week, "${1}h$2"), "h00", "h")
}

// saveHours declares the vaccination sessions of the professional.
func (s *site) saveHours(w http.ResponseWriter, r *http.Request, me login.Session) error {
	text := strings.TrimSpace(r.PostFormValue("week"))
	var week hours.Week
	if text != "" {
		var err error
		if week, err = hours.Parse(written(text)); err != nil {
			fault := &carnet.Error{Op: "pro.hours", Kind: carnet.Invalid, Code: "hours.malformed", Field: "week"}
			return s.showSettings(w, r, http.StatusBadRequest, me, typedSettings{week: text, sent: true}, fault)
		}
	}
	if err := s.Login.SetHours(r.Context(), me, week); err != nil {
		return err
	}
	return done(w, r)
}

// endSessions closes one session of the professional, or all of them, wherever they are; somebody who
// types for them closes none but by leaving.
func (s *site) endSessions(w http.ResponseWriter, r *http.Request, me login.Session) error {
	if err := me.Actor().May(protect.ActSettings); err != nil {
		return err
	}
	return login.Close(s.Login, w, r, me, settingsPath+"?fait=1")
}

// done leads back to the settings and says that it is saved.
func done(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, settingsPath+"?fait=1", http.StatusSeeOther)
	return nil
}

// declare adds somebody who types for the professional, has their passkey made, or takes the
// authorisation away.
func (s *site) declare(w http.ResponseWriter, r *http.Request, me login.Session) error {
	ctx := r.Context()
	if asked := r.PostFormValue("revoke"); asked != "" {
		id, err := carnet.ParseID(asked)
		if err != nil {
			return carnet.E("pro.declare", carnet.NotFound, delegation.CodeUnknown, err)
		}
		if err := s.Delegation.Revoke(ctx, me, id); err != nil {
			return err
		}
		return done(w, r)
	}
	if asked := r.PostFormValue("key"); asked != "" {
		id, err := carnet.ParseID(asked)
		if err != nil {
			return carnet.E("pro.declare", carnet.NotFound, delegation.CodeUnknown, err)
		}
		if answer := r.PostFormValue("passkey"); answer != "" {
			if err := s.Delegation.FinishPasskey(ctx, me, id, []byte(answer)); err != nil {
				return err
			}
			return done(w, r)
		}
		return s.askPasskey(w, r, me, id)
	}
	name := r.PostFormValue("name")
	d, err := s.Delegation.Declare(ctx, me, name)
	if e, ok := errors.AsType[*carnet.Error](err); ok && (e.Kind == carnet.Invalid || e.Code == delegation.CodeTwice) {
		fault := *e
		fault.Kind = carnet.Invalid
		return s.showSettings(w, r, http.StatusBadRequest, me, typedSettings{name: name}, &fault)
	}
	if err != nil {
		return err
	}
	return s.askPasskey(w, r, me, d.ID)
}

// askPasskey has the device of a delegate make a passkey, the professional beside them.
func (s *site) askPasskey(w http.ResponseWriter, r *http.Request, me login.Session, id carnet.ID) error {
	options, err := s.Delegation.BeginPasskey(r.Context(), me, id)
	if err != nil {
		return err
	}
	v := passkeyView{Page: s.ui.Page(r, "passkey.make"), Action: declarePath, Challenge: string(options), Create: true,
		Carry: []ui.Hidden{{Name: "key", Value: id.String()}}}
	v.Words, v.Button = v.T("passkey.make-words"), v.T("passkey.make-button")
	v.Back = &ui.Link{Href: settingsPath, Words: v.T("settings.title")}
	s.ui.Render(w, r, http.StatusOK, "passkey", &v)
	return nil
}

// delegated lists what others entered in the name of the professional, and still stands.
func (s *site) delegated(r *http.Request, p ui.Page, me login.Session, names map[carnet.ID]string) ([]delegatedView, error) {
	entries, err := s.Vaccinate.DelegatedEntries(r.Context(), me.Actor(), s.Clock().Add(-login.HistoryLifetime))
	if err != nil {
		return nil, err
	}
	var list []delegatedView
	for _, e := range entries {
		if !e.Stands {
			continue
		}
		key, err := s.Vaccinate.NewKey()
		if err != nil {
			return nil, err
		}
		list = append(list, delegatedView{Person: e.Dose.PersonID.String(), Dose: e.Dose.ID.String(), Key: key.String(), Contested: e.Now.Contested,
			When: p.Instant(e.At), Who: cmp.Or(names[e.Delegate], p.T("settings.entries.software")), Words: p.T("settings.entries.words-of", "vaccine", s.vaccineName(e.Now.Vaccine), "date", e.Now.Date, "place", placeWords(e.Now.Place))})
	}
	return list, nil
}

// unrecognised is the reason that a contest records.
const unrecognised = "not-recognised"

// contest marks what a delegate entered as not recognised.
func (s *site) contest(w http.ResponseWriter, r *http.Request, me login.Session) error {
	var ids [3]carnet.ID
	for i, field := range []string{"person", "dose", "key"} {
		var err error
		if ids[i], err = carnet.ParseID(r.PostFormValue(field)); err != nil {
			return carnet.E("pro.contest", carnet.NotFound, "dose.unknown", err)
		}
	}
	if err := s.Vaccinate.Contest(r.Context(), me.Actor(), ids[0], ids[1], ids[2], unrecognised); err != nil {
		return err
	}
	return done(w, r)
}
