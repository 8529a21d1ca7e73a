package api

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"text/template"

	"carnet/gs1"
	"carnet/internal/carnet"
	"carnet/internal/login/software"
	"carnet/internal/site/ui"
)

//go:embed openapi.json
var description []byte

//go:embed essai.mjs
var try string

// script is a whole try with the client of a sandbox.
func script(d Deps) (string, error) {
	if d.Example == nil {
		return "", nil
	}
	t, err := template.New("").Parse(try)
	if err != nil {
		return "", fmt.Errorf("api: essai.mjs: %w", err)
	}
	var b strings.Builder
	err = t.Execute(&b, map[string]string{"Origin": d.Origin, "Client": d.Example.Client, "Professional": d.Example.Professional, "Place": d.Example.Place,
		"NIR": d.Example.NIR, "Key": d.Example.Key})
	return b.String(), err
}

// openAPI is the description of what is not FHIR, at this address.
func openAPI(origin string) ([]byte, error) {
	var doc map[string]any
	if err := json.Unmarshal(description, &doc); err != nil {
		return nil, fmt.Errorf("api: openapi.json: %w", err)
	}
	doc["servers"] = []map[string]string{{"url": origin}}
	return json.Marshal(doc)
}

func (s *site) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
	_, _ = w.Write(s.openAPI) // the client may be gone
}

// let lets in a request that is not FHIR, or answers it.
func (s *site) let(w http.ResponseWriter, r *http.Request, kind string) (software.Grant, bool) {
	w.Header().Set("DPoP-Nonce", s.Software.Nonce())
	g, err := s.Software.Authenticate(r)
	if f, ok := errors.AsType[*software.Failure](err); ok {
		s.json(w, s.Software.Challenge(w.Header(), f), map[string]string{"error": f.Name, "error_description": f.Words, "code": f.Code})
		return g, false
	}
	if sent, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || sent != kind {
		s.fault(w, http.StatusUnsupportedMediaType, codeType)
		return g, false
	}
	return g, true
}

func (s *site) fault(w http.ResponseWriter, status int, code string) {
	s.json(w, status, map[string]string{"code": code, "error_description": s.ui.In("en").Message(carnet.E("api", carnet.Invalid, code, nil))})
}

// pack is what the code of a box says, and which product it is.
type pack struct {
	GTIN    string `json:"gtin,omitempty"`
	CIP13   string `json:"cip13,omitempty"`
	Lot     string `json:"lot,omitempty"`
	Expiry  string `json:"expiry,omitempty"`
	Serial  string `json:"serial,omitempty"`
	Vaccine string `json:"vaccine,omitempty"` // code of the catalogue
	Name    string `json:"name,omitempty"`
}

// scan reads the code of a box: one reading, or several when the scanner lost the separators.
func (s *site) scan(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.let(w, r, "text/plain"); !ok {
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, gs1.MaxScan+1))
	if err != nil {
		s.fault(w, http.StatusBadRequest, gs1.CodeEmpty)
		return
	}
	found, err := gs1.Parse(string(body), s.Clock().In(carnet.Paris).Year())
	if e, ok := errors.AsType[*gs1.Error](err); ok {
		s.fault(w, http.StatusUnprocessableEntity, e.Code)
		return
	}
	list := []pack{}
	for _, f := range found {
		p := pack{GTIN: string(f.GTIN), Lot: f.Lot, Serial: f.Serial}
		p.CIP13, _ = f.GTIN.CIP13()
		if !f.Expiry.IsZero() {
			p.Expiry = f.Expiry.Format("2006-01-02")
		}
		if v, ok := s.Vaccinate.Catalogue().FindPack(string(f.GTIN)); ok {
			p.Vaccine, p.Name = v.Code, v.Name
		}
		list = append(list, p)
	}
	s.json(w, http.StatusOK, map[string]any{"readings": list})
}

var (
	requestForm = regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{8}$`)
	codeForm    = regexp.MustCompile(`^[a-z0-9.-]{1,60}$`)
	versionForm = regexp.MustCompile(`^[0-9A-Za-z.+-]{1,40}$`)
)

// problem writes into the log of the operator what a software could not do: the number of a request,
// a code and a version. There is no place for words, which would hold names.
func (s *site) problem(w http.ResponseWriter, r *http.Request) {
	g, ok := s.let(w, r, "application/json")
	if !ok {
		return
	}
	var p struct {
		Request string `json:"request"`
		Code    string `json:"code"`
		Version string `json:"version"`
	}
	d := json.NewDecoder(io.LimitReader(r.Body, 4<<10))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil || !requestForm.MatchString(p.Request) || !codeForm.MatchString(p.Code) || p.Version != "" && !versionForm.MatchString(p.Version) {
		s.fault(w, http.StatusBadRequest, codeParameter)
		return
	}
	s.Log.WarnContext(r.Context(), "problem reported by software", "request", ui.RequestID(r), "about", p.Request, "code", p.Code, "client", g.Client.String(), "version", p.Version)
	w.WriteHeader(http.StatusNoContent)
}

// homeView is the page for developers.
type homeView struct {
	ui.Page
	TokenURL, BaseURL string
	Scopes            []string
	Steps             []string
	Example           *Example
	Script            string // a try with the example
}

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	v := homeView{Page: s.ui.Page(r, "home.title"), TokenURL: s.Origin + software.TokenPath, BaseURL: s.Origin + Base, Scopes: software.AllScopes, Example: s.Example, Script: s.script}
	v.Steps = strings.Split(strings.TrimSpace(v.T("home.steps")), "\n")
	s.ui.Render(w, r, http.StatusOK, "home", &v)
}
