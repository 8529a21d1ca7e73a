package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/site/ui"
)

// checkTimeout bounds what a provider may take to say what it promises.
const checkTimeout = 15 * time.Second

type loginCmd struct {
	Check loginCheckCmd `cmd:"" help:"Check the login profiles of the configuration, and what their providers promise, without starting anything."`
}

type loginCheckCmd struct {
	Offline bool `help:"Call no provider: read the profiles and their files only."`
	JSON    bool `help:"Print one JSON object."`
}

// loginReport is about the login of one site.
type loginReport struct {
	Site     string          `json:"site"`
	Provider string          `json:"provider"`
	Preset   string          `json:"preset,omitempty"`
	Issuer   string          `json:"issuer"`
	Mode     string          `json:"mode"`
	Faults   []loginFault    `json:"faults"`   // a login is refused, or the program does not start
	Findings []login.Finding `json:"findings"` // what is promised against what the profile asks
}

type loginFault struct {
	Key   string `json:"key,omitempty"`
	Words string `json:"words"`
}

// Run prints a report for each site with a profile. A difference is no failure: metadata are known
// to be wrong about what a provider does.
func (c *loginCheckCmd) Run(ctx context.Context, s *Settings, file *configFile, t terminal) error {
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	list := []loginReport{}
	well := true
	for _, site := range slices.Sorted(maps.Keys(file.login)) {
		r := c.report(ctx, s, site, file.login[site])
		well = well && len(r.Faults) == 0
		list = append(list, r)
	}
	bySandbox := file.needsSandbox()
	if bySandbox && s.production() {
		well = false
	}
	if c.JSON {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		if err := e.Encode(map[string]any{"logins": list, "sandbox": bySandbox, "ok": well}); err != nil {
			return err
		}
	} else if err := printLogins(t, say, list, bySandbox, s.production()); err != nil {
		return err
	}
	if !well {
		return exit(exitNo)
	}
	return nil
}

func (c *loginCheckCmd) report(ctx context.Context, s *Settings, site string, profile login.Profile) loginReport {
	r := loginReport{Site: site, Provider: profile.Name, Preset: profile.Preset, Issuer: profile.Issuer, Mode: profile.LoginMode,
		Faults: []loginFault{}, Findings: []login.Finding{}}
	if r.Mode == "" {
		r.Mode = login.ModeCode
	}
	fault := func(err error) {
		if problems, ok := errors.AsType[carnet.Problems](err); ok {
			for _, p := range problems {
				r.Faults = append(r.Faults, loginFault{p.Field, p.Err.Error()})
			}
			return
		}
		f := loginFault{Words: err.Error()}
		if e, ok := errors.AsType[*carnet.Error](err); ok {
			f.Key = e.Field
			if e.Err != nil {
				f.Words = e.Err.Error()
			}
		}
		r.Faults = append(r.Faults, f)
	}
	if s.production() {
		if err := profile.Production(site == "attestation"); err != nil {
			fault(err)
		}
	}
	provider, err := login.NewProvider(profile, time.Now, rand.Reader, nil)
	if err != nil {
		fault(err)
		return r
	}
	if c.Offline {
		return r
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	findings, err := provider.Check(ctx)
	if r.Findings = append(r.Findings, findings...); err != nil {
		fault(err)
	}
	return r
}

func printLogins(t terminal, say ui.Text, list []loginReport, bySandbox, production bool) error {
	for _, r := range list {
		fmt.Fprintf(t.out, "%s: %s, %s (%s)\n", r.Site, r.Provider, r.Issuer, r.Mode)
		w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
		for _, f := range r.Faults {
			fmt.Fprintf(w, "  %s\t%s\t%s\n", f.Key, say.T("login.fault"), f.Words)
		}
		for _, f := range r.Findings {
			mark, words := say.T("login.ok"), f.Promised
			if !f.OK {
				mark, words = say.T("login.differs"), say.T("login.wanted", "wanted", f.Wanted, "promised", f.Promised)
			}
			switch {
			case f.Promised != "":
			case f.OK:
				words = say.T("login.silent", "wanted", f.Wanted)
			default:
				words = say.T("login.missing", "wanted", f.Wanted)
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", f.Key, mark, words)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if bySandbox {
		key := "login.sandbox"
		if production {
			key = "login.production"
		}
		fmt.Fprintln(t.out, say.T(key))
	}
	return nil
}

// checkProviders compares what the configured providers promise with their profiles, when the
// program starts. Metadata of somebody else stop it; a provider that is down, or that promises
// something else, is logged.
func (p *platform) checkProviders(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var mu sync.Mutex
	var stop error
	var all sync.WaitGroup
	for site, provider := range p.providers {
		all.Go(func() {
			findings, err := provider.Check(ctx)
			differ := 0
			for _, f := range findings {
				if !f.OK {
					differ++
					log.WarnContext(ctx, "the provider does not promise what its profile asks", "site", site, "provider", provider.Name(), "key", f.Key, "wanted", f.Wanted, "promised", f.Promised)
				}
			}
			if err == nil {
				log.InfoContext(ctx, "provider checked", "site", site, "provider", provider.Name(), "as_agreed", len(findings)-differ, "differ", differ)
			}
			if errors.Is(err, login.ErrMismatch) {
				mu.Lock()
				defer mu.Unlock()
				stop = errors.Join(stop, fmt.Errorf("login of %s: %w", site, err))
			} else if err != nil {
				log.WarnContext(ctx, "the provider cannot be checked", "site", site, "provider", provider.Name(), "err", err)
			}
		})
	}
	all.Wait()
	return stop
}

// checkProduction refuses what may not be where real people log in (R27).
func (s *Settings) checkProduction(file *configFile, sandbox bool) error {
	if !s.production() {
		return nil
	}
	var err error
	if sandbox {
		err = errors.New("profile production: the sandbox does not start; give every site with a login its provider: [login.pro] and [login.attestation]")
	}
	for _, site := range slices.Sorted(maps.Keys(file.login)) {
		if e := file.login[site].Production(site == "attestation"); e != nil {
			err = errors.Join(err, fmt.Errorf("profile production: [login.%s]: %w", site, e))
		}
	}
	return err
}

func (s *Settings) production() bool { return s.Profile == "production" }

// publishKeys serves, beside a site, the public keys of its client: the provider encrypts for them, and
// verifies with them.
func publishKeys(l siteLogin, site http.Handler, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", site)
	mux.HandleFunc("GET "+login.KeysPath, func(w http.ResponseWriter, r *http.Request) {
		if err := l.Keys(w, r); err != nil {
			log.ErrorContext(r.Context(), "keys", "err", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		}
	})
	return mux
}
