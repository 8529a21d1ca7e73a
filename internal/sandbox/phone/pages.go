package phone

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"carnet/internal/carnet"
	"carnet/internal/site/ui"

	"rsc.io/qr/coding"
)

//go:embed text static script all:templates
var files embed.FS

// site builds the pages.
func (s *Service) site() error {
	var err error
	s.kit, err = ui.New(ui.Config{
		Site: "sandbox-phone", Files: files, Clock: s.Clock, Rand: s.Rand, Log: s.Log, HTTPS: s.HTTPS, Sandbox: true,
		Cookies: []ui.Cookie{{Name: cookie, Purpose: "cookies.proof.purpose", Life: "cookies.proof.life"}},
		Policy:  []string{"script-src 'self'", "worker-src 'self'", "connect-src 'self'", "manifest-src 'self'"},
	})
	if err != nil {
		return err
	}
	worker, err := s.worker()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, s.home)
	mux.HandleFunc("POST "+Path+"/telephones", s.give)
	mux.HandleFunc("GET "+Path+"/telephones", s.toHome)
	mux.HandleFunc("POST "+Path+"/perdu", s.lost)
	mux.HandleFunc("GET "+Path+"/perdu", s.toHome)
	mux.HandleFunc("POST "+Path+"/perdu/revoquer", s.revokeLost)
	mux.HandleFunc("GET "+Path+"/manifest.webmanifest", s.manifest)
	mux.HandleFunc("GET "+Path+"/sw.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Service-Worker-Allowed", Path)
		_, _ = w.Write(worker) // the reader is gone: nobody left to tell
	})
	s.pages = s.kit.Handler(mux)
	return nil
}

// Assets lists the addresses of the static files that only the phone has.
func (s *Service) Assets() []string {
	var list []string
	for _, name := range []string{"phone.css", "phone.js", "phone-192.png", "phone-512.png"} {
		list = append(list, s.kit.Asset(name))
	}
	return list
}

func (s *Service) toHome(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, Path, http.StatusSeeOther)
}

type homeView struct {
	ui.Page
	People []personView
	Origin string
	Worker string
	Icons  []string
	Words  []word

	Name, Code, Again, Passkey, Secret, Revoke ui.Field
}

// word is a sentence that the script says.
type word struct{ Key, Words string }

// personView is somebody who can have a phone.
type personView struct {
	ID, Name, Number, Story string
	Phones                  int
}

func (s *Service) home(w http.ResponseWriter, r *http.Request) {
	v := homeView{Page: s.kit.Page(r, "home.title"), Origin: s.origin(), Worker: Path + "/sw.js",
		Icons: []string{"check", "error", "info", "warning", "person", "phone", "shield"}}
	v.Name = v.Input("device-name", "enrol.name", "")
	v.Name.Length = maxDeviceName
	v.Code, v.Again = v.Input("code", "enrol.code", ""), v.Input("code-again", "enrol.again", "")
	v.Passkey = v.Check("passkey", "enrol.passkey", false)
	v.Secret, v.Revoke = v.Input("secret", "type.code", ""), v.Input("revoke-code", "phones.code", "")
	for _, key := range said {
		v.Words = append(v.Words, word{key, v.T("say." + key)})
	}
	for _, p := range s.People {
		list, err := devices(r.Context(), s.db, p.ID)
		if err != nil {
			s.kit.Fail(w, r, broken("home", err))
			return
		}
		x := personView{ID: p.ID, Name: p.Name.Reveal(), Number: p.Number.Reveal(), Phones: len(list)}
		if p.Story != nil {
			x.Story = p.Story(v.Lang)
		}
		v.People = append(v.People, x)
	}
	s.kit.Render(w, r, http.StatusOK, "wallet", &v)
}

// said lists the sentences of the catalogue, below "say.", that the script knows by these names.
var said = []string{
	"owner", "service", "announced", "browser", "place", "place-unknown", "at", "establishment", "delegate", "delegate-words", "first-time", "unusual",
	"quiet", "silent", "silent-read", "pull", "reading", "left", "more-one", "more", "approved", "approved-words", "declined", "declined-words", "reported", "reported-words",
	"wrong-number", "wrong-number-words", "over", "over-words", "failed", "failed-words", "code-wrong", "code-locked", "code-disabled", "code-form",
	"code-again", "passkey-failed", "number-form", "number-none", "name-form", "token", "many", "no-match", "busy", "device-name", "phone-of", "state-active",
	"state-disabled", "state-locked", "this-one", "since", "lost", "revoking", "revoked", "revoked-words", "news-enrolled", "news-revoked",
	"news-disabled", "news-read", "news-look", "notify-done", "notify-offline", "notify-refused", "event-asked", "event-approved", "event-declined",
	"event-wrong-number", "event-reported", "event-superseded", "event-cancelled", "event-wrong-code", "event-locked", "event-disabled",
	"event-enrolled", "event-revoked", "young", "report",
}

type giveView struct {
	ui.Page
	Name    string
	Person  string
	Href    string
	Code    template.HTML
	Seconds int
}

// give makes the code that enrols a phone. A form that is sent again makes a new one, so the page
// needs no address of its own, in which the code would be.
func (s *Service) give(w http.ResponseWriter, r *http.Request) {
	p, ok := s.person(r.PostForm.Get("person"))
	if !ok {
		s.kit.Fail(w, r, fail("give", carnet.NotFound, CodeForm, nil))
		return
	}
	token, _, err := s.Offer(r.Context(), p.ID)
	if err != nil {
		s.kit.Fail(w, r, err)
		return
	}
	v := giveView{Page: s.kit.Page(r, "give.title"), Name: p.Name.Reveal(), Person: p.ID, Href: Path + "#" + token, Seconds: int(enrolmentLife.Seconds())}
	v.Back = &ui.Link{Href: Path, Words: v.T("give.back")}
	if v.Code, err = drawing(s.origin() + v.Href); err != nil {
		s.kit.Fail(w, r, broken("give", err))
		return
	}
	s.kit.Render(w, r, http.StatusOK, "give", &v)
}

// drawing is a QR code as a picture inside the page.
func drawing(text string) (template.HTML, error) {
	var code *coding.Code
	for version := coding.Version(3); code == nil; version++ { // the smallest that holds it
		plan, err := coding.NewPlan(version, coding.M, 0)
		if err != nil {
			return "", err
		}
		if code, err = plan.Encode(coding.String(text)); err != nil && version == 12 {
			return "", err
		}
	}
	const quiet = 4
	var b strings.Builder
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	size := code.Size + 2*quiet
	// Letters and digits only: nothing in it comes from outside.
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" shape-rendering="crispEdges" aria-hidden="true" focusable="false"><path class="light" d="M0 0h%dv%dh-%dz"/><path class="dark" d="%s"/></svg>`,
		size, size, size, size, size, b.String())), nil
}

type lostView struct {
	ui.Page
	Person, Name string
	Devices      []lostDevice
}

type lostDevice struct {
	ID, Name, Since string
}

func (s *Service) lost(w http.ResponseWriter, r *http.Request) { s.lostPage(w, r, nil) }

func (s *Service) lostPage(w http.ResponseWriter, r *http.Request, banner *ui.Banner) {
	p, ok := s.person(r.PostForm.Get("person"))
	if !ok {
		s.kit.Fail(w, r, fail("lost", carnet.NotFound, CodeForm, nil))
		return
	}
	list, err := devices(r.Context(), s.db, p.ID)
	if err != nil {
		s.kit.Fail(w, r, broken("lost", err))
		return
	}
	v := lostView{Page: s.kit.Page(r, "lost.title"), Person: p.ID, Name: p.Name.Reveal()}
	v.Back, v.Banner = &ui.Link{Href: Path, Words: v.T("give.back")}, banner
	for _, d := range list {
		v.Devices = append(v.Devices, lostDevice{d.ID, d.Name, v.Instant(d.Enrolled)})
	}
	s.kit.Render(w, r, http.StatusOK, "lost", &v)
}

// revokeLost is what a professional does with the card when the phone is gone. In the sandbox the
// card is the list of people.
func (s *Service) revokeLost(w http.ResponseWriter, r *http.Request) {
	err := s.Revoke(r.Context(), r.PostForm.Get("person"), r.PostForm.Get("device"))
	if err != nil && carnet.CodeOf(err) != CodeNoDevice { // it is gone: that was the wish
		s.kit.Fail(w, r, err)
		return
	}
	t := s.kit.Text(r)
	s.lostPage(w, r, &ui.Banner{Kind: "success", Title: t.T("lost.done"), Lines: []string{t.T("lost.done-words")}})
}

// manifest lets a phone install the page.
func (s *Service) manifest(w http.ResponseWriter, r *http.Request) {
	t := s.kit.Text(r)
	type icon struct {
		Src     string `json:"src"`
		Sizes   string `json:"sizes"`
		Type    string `json:"type"`
		Purpose string `json:"purpose"`
	}
	var icons []icon
	for _, size := range []string{"192", "512"} {
		for _, purpose := range []string{"any", "maskable"} {
			icons = append(icons, icon{s.kit.Asset("phone-" + size + ".png"), size + "x" + size, "image/png", purpose})
		}
	}
	b, err := json.Marshal(map[string]any{
		"name": t.T("install.name"), "short_name": t.T("install.short"), "description": t.T("home.lead"), "lang": t.Lang,
		"id": Path, "start_url": Path, "scope": Path, "display": "standalone", "orientation": "portrait",
		"background_color": "#f7f3ea", "theme_color": "#1f5570", "icons": icons,
	})
	if err != nil {
		s.kit.Fail(w, r, broken("manifest", err))
		return
	}
	w.Header().Set("Content-Type", "application/manifest+json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(b)
}

// worker is the service worker with the files that it keeps and the words of a notification, which
// are the same for every request. Its version changes with any of them.
func (s *Service) worker() ([]byte, error) {
	body, err := fs.ReadFile(files, "script/sw.js")
	if err != nil {
		return nil, err
	}
	words := map[string]map[string]string{}
	for _, lang := range ui.Languages {
		t := s.kit.In(lang)
		words[lang] = map[string]string{"title": t.T("notification.title"), "body": t.T("notification.body")}
	}
	var list []string
	for _, name := range []string{"carnet.css", "phone.css", "mark.svg", "phone.js", "phone-192.png"} {
		list = append(list, s.kit.Asset(name))
	}
	head, err := json.Marshal(map[string]any{"page": Path, "files": list, "words": words, "icon": s.kit.Asset("phone-192.png")})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append(bytes.Clone(head), body...))
	return fmt.Appendf(nil, "\"use strict\";\nconst VERSION = %q;\nconst CONFIG = %s;\n\n%s", hex.EncodeToString(sum[:6]), head, body), nil
}
