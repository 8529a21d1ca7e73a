package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-jose/go-jose/v4"

	"carnet/internal/carnet"
	"carnet/internal/login/limit"
	"carnet/internal/login/software"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
	"carnet/internal/site/api"
	"carnet/internal/site/pro"
	"carnet/internal/vaccinate"
)

type softwareCmd struct {
	Add    softwareAddCmd    `cmd:"" help:"Register the software of an establishment, with its public key."`
	List   softwareListCmd   `cmd:"" help:"List the software that is registered."`
	Key    softwareKeyCmd    `cmd:"" help:"Give a software another key; its tokens end at once."`
	Revoke softwareRevokeCmd `cmd:"" help:"End the access of a software, at once and for good."`
}

// softwareKeys is where the public keys of a software come from.
type softwareKeys struct {
	Keys    string `help:"File with the public keys (JSON Web Key Set), or - for the standard input." placeholder:"FILE" xor:"keys" required:""`
	KeysURL string `name:"keys-url" help:"Address where the software publishes its keys." placeholder:"URL" xor:"keys" required:""`
}

func (k softwareKeys) read(t terminal) (jose.JSONWebKeySet, error) {
	if k.Keys == "" {
		return jose.JSONWebKeySet{}, nil
	}
	var text []byte
	var err error
	if k.Keys == "-" {
		text, err = io.ReadAll(io.LimitReader(t.in, maxConfig))
	} else {
		text, err = os.ReadFile(k.Keys)
	}
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	set, err := software.ParseKeys(text)
	if err != nil {
		err = &carnet.Error{Op: "cmd", Kind: carnet.Invalid, Code: software.CodeKeys, Field: "keys", Err: err}
	}
	return set, err
}

type softwareAddCmd struct {
	Name  string   `arg:"" help:"Name of the software and of its establishment, as operators will read it."`
	Place []string `help:"FINESS number of a place for whose professionals it acts; several with commas." required:"" placeholder:"FINESS"`
	Scope string   `help:"Rights, separated by spaces." default:"system/Immunization.cruds system/Patient.rs"`
	softwareKeys
	JSON bool `help:"Print one JSON object."`
}

type softwareListCmd struct {
	JSON bool `help:"Print one JSON object."`
}

type softwareKeyCmd struct {
	Client string `arg:"" help:"Id of the software, as carnet software list prints it."`
	softwareKeys
	JSON bool `help:"Print one JSON object."`
}

type softwareRevokeCmd struct {
	Client string `arg:"" help:"Id of the software, as carnet software list prints it."`
	JSON   bool   `help:"Print one JSON object."`
}

// softwareLine is a software in what these commands print.
type softwareLine struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Places  []string  `json:"places"`
	Scopes  []string  `json:"scopes"`
	Keys    []string  `json:"keys,omitempty"` // ids
	KeysURL string    `json:"keys_url,omitempty"`
	Since   time.Time `json:"since"`
	Revoked time.Time `json:"revoked,omitzero"`
}

func softwareLineOf(c software.Client) softwareLine {
	l := softwareLine{ID: c.ID.String(), Name: c.Name, Places: c.Places, Scopes: c.Scopes, KeysURL: c.KeysURL, Since: c.Since, Revoked: c.Revoked}
	for _, k := range c.Keys.Keys {
		l.Keys = append(l.Keys, k.KeyID)
	}
	return l
}

// withSoftware opens the room over an instance that is there.
func (a answerer) withSoftware(ctx context.Context, s *Settings, fn func(*software.Service) error) (err error) {
	in, err := a.existing(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	return fn(in.software("", limit.Defaults()))
}

// refuseEach says each fault of a registration.
func (a answerer) refuseEach(where string, err error) error {
	problems, ok := errors.AsType[carnet.Problems](err)
	if !ok {
		return a.refuse(where, err)
	}
	for _, p := range problems {
		err = a.refuse(p.Field, p)
	}
	return err
}

// Run registers.
func (c *softwareAddCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	r := software.Registration{Name: c.Name, Places: c.Place, KeysURL: c.KeysURL}
	if r.Scopes, err = software.ParseScopes(c.Scope); err == nil {
		r.Keys, err = c.read(t)
	}
	if err != nil {
		return a.refuse(c.Name, err)
	}
	return a.withSoftware(ctx, s, func(room *software.Service) error {
		client, err := room.Add(ctx, system, r)
		if err != nil {
			return a.refuseEach(c.Name, err)
		}
		if a.json {
			return a.encode(softwareLineOf(client))
		}
		fmt.Fprintln(t.out, a.T("software.added", "id", client.ID.String()))
		return nil
	})
}

// Run lists.
func (c *softwareListCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	return a.withSoftware(ctx, s, func(room *software.Service) error {
		list, err := room.List(ctx, system)
		if err != nil {
			return err
		}
		lines := []softwareLine{}
		for _, one := range list {
			lines = append(lines, softwareLineOf(one))
		}
		if a.json {
			return a.encode(map[string]any{"software": lines})
		}
		if len(lines) == 0 {
			fmt.Fprintln(t.out, a.T("software.none"))
			return nil
		}
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		for _, l := range lines {
			state := a.T("software.since", "since", a.Date(carnet.DateOf(l.Since)))
			if !l.Revoked.IsZero() {
				state = a.T("software.revoked-on", "on", a.Date(carnet.DateOf(l.Revoked)))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.ID, l.Name, strings.Join(l.Places, ","), strings.Join(l.Scopes, " "), state)
		}
		return w.Flush()
	})
}

// Run replaces keys.
func (c *softwareKeyCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	client, err := carnet.ParseID(c.Client)
	if err != nil {
		return a.refuse(c.Client, err)
	}
	keys, err := c.read(t)
	if err != nil {
		return a.refuse(c.Client, err)
	}
	return a.withSoftware(ctx, s, func(room *software.Service) error {
		if err := room.Replace(ctx, system, client, keys, c.KeysURL); err != nil {
			return a.refuseEach(c.Client, err)
		}
		if a.json {
			return a.encode(map[string]string{"replaced": c.Client})
		}
		fmt.Fprintln(t.out, a.T("software.replaced"))
		return nil
	})
}

// Run revokes. What was revoked before stays so and is no fault.
func (c *softwareRevokeCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	client, err := carnet.ParseID(c.Client)
	if err != nil {
		return a.refuse(c.Client, err)
	}
	return a.withSoftware(ctx, s, func(room *software.Service) error {
		if err := room.Revoke(ctx, system, client); err != nil {
			return a.refuse(c.Client, err)
		}
		if a.json {
			return a.encode(map[string]string{"revoked": c.Client})
		}
		fmt.Fprintln(t.out, a.T("software.revoked"))
		return nil
	})
}

// software is the room of this instance, for the site at an address.
func (in *instance) software(origin string, limits limit.Config) *software.Service {
	return software.New(software.Config{Issuer: origin, Limits: limits, Client: &http.Client{
		Timeout:       5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, in.db.Software(), in.guard, directory{in.vaccinate}, in.ids)
}

// directory tells who exercises where.
type directory struct{ *vaccinate.Service }

// Exercises implements software.Directory.
func (d directory) Exercises(ctx context.Context, actor protect.Actor, number carnet.Private, place string) (carnet.ID, error) {
	actor.ID = d.ProfessionalID(number)
	p, err := d.Professional(ctx, actor)
	if err == nil && !slices.ContainsFunc(p.Places, func(at carnet.Place) bool { return at.ID == place }) {
		err = carnet.E("cmd", carnet.Denied, "professional.elsewhere", nil)
	}
	return actor.ID, err
}

// apiOrigin is the address that software knows the interface by.
func (s *Settings) apiOrigin(here string) string {
	switch {
	case s.ApiOrigin != "":
		return s.ApiOrigin
	case s.ApiKey != "":
		return strings.Replace(here, "http:", "https:", 1)
	}
	return here
}

// api builds the site for software.
func (d desk) api(ctx context.Context) (http.Handler, error) {
	room := d.p.software(d.origin["api"], d.file.door.Limits)
	version, _ := built()
	deps := api.Deps{Software: room, People: d.p.people, Vaccinate: d.p.vaccinate, Risk: d.p.watch, Words: pro.Texts(), Origin: d.origin["api"], Version: version, Certificates: d.s.ApiKey != "",
		Clock: d.p.ids.Clock, Rand: d.p.ids.Rand, Log: d.log, HTTPS: strings.HasPrefix(d.origin["api"], "https:"), Sandbox: d.p.sandbox}
	if d.p.sandbox {
		var err error
		if deps.Example, err = exampleClient(ctx, d.p.instance, room, filepath.Join(keyFolder(d.s.Data), "sandbox"), d.p.world); err != nil {
			return nil, err
		}
	}
	return api.New(deps)
}

// exampleClient is the software of a sandbox. Its private key is shown to everybody, so it lives
// among the keys of the sandbox.
func exampleClient(ctx context.Context, in *instance, room *software.Service, folder string, world sandbox.World) (*api.Example, error) {
	who := world.Professionals[0].Professional
	example := &api.Example{Professional: who.Number.Reveal(), Place: who.Places[0].ID, NIR: world.People[0].Identity.NIR.Reveal()}
	file := filepath.Join(folder, "api-client.json")
	var kept struct {
		Client carnet.ID       `json:"client"`
		Key    json.RawMessage `json:"key"`
	}
	text, err := os.ReadFile(file)
	if err == nil {
		if err = json.Unmarshal(text, &kept); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list, err := room.List(ctx, system)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(c software.Client) bool { return c.ID == kept.Client && c.Stands() }) {
			example.Client, example.Key = kept.Client.String(), string(kept.Key)
			return example, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), in.ids.Rand)
	if err != nil {
		return nil, err
	}
	private := jose.JSONWebKey{Key: key, KeyID: "essai", Algorithm: string(jose.ES256), Use: "sig"}
	if kept.Key, err = private.MarshalJSON(); err != nil {
		return nil, err
	}
	places := []string{}
	for _, p := range world.Places {
		places = append(places, p.ID)
	}
	client, err := room.Add(ctx, system, software.Registration{Name: "Logiciel d’essai du bac à sable", Places: places, Scopes: software.AllScopes,
		Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.Public()}}})
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	kept.Client = client.ID
	if text, err = json.Marshal(kept); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	example.Client, example.Key = client.ID.String(), string(kept.Key)
	return example, os.WriteFile(file, text, 0o600)
}

// secured wraps the socket of the site for software when the operator gave it a certificate: it then
// asks for one of the client, whoever issued it, because tokens can be bound to it (RFC 8705).
func (s *Settings) secured(l net.Listener) (net.Listener, error) {
	if s.ApiKey == "" {
		return l, nil
	}
	own, err := tls.LoadX509KeyPair(s.ApiCertificate, s.ApiKey)
	if err != nil {
		return nil, fmt.Errorf("api-certificate: %w", err)
	}
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}), nil
}
