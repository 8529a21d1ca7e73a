package main

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/phone"
	"carnet/internal/site/attestation"
	"carnet/internal/site/ui"
	"carnet/internal/verify"
	"carnet/internal/verify/revlist"
	"carnet/twoddoc"
)

//go:embed text
var texts embed.FS

type serveCmd struct {
	Role string `arg:"" optional:"" enum:",portal" default:"" help:"portal: only the portal of public figures, which opens releases and nothing else. Without a role, the whole platform."`
}

// Run serves until the first signal, then lets what is under way end.
func (c serveCmd) Run(ctx context.Context, s *Settings, file *configFile, t terminal) error {
	start := time.Now()
	say, err := ui.ReadText(texts, s.language())
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := s.logger(t.err)
	if c.Role == "portal" {
		return servePortal(ctx, s, t, say, log)
	}
	p, err := open(ctx, s, file, say, log)
	if err != nil {
		return err
	}
	p.followNow(log)
	if err := p.appoint(ctx, file.heads); err != nil {
		return errors.Join(err, p.close())
	}
	if err := p.checkProviders(ctx, log); err != nil {
		return errors.Join(err, p.close())
	}
	if err := p.watch.Start(ctx); err != nil && ctx.Err() == nil { // who is stopped while starting has not failed
		return errors.Join(err, p.close())
	}
	p.announce(t, s, say, time.Since(start))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		p.watch.Run(ctx)
	}()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		p.followCorrections(ctx, log)
	}()
	cleared := make(chan struct{})
	go func() {
		defer close(cleared)
		p.clearLists(ctx, log)
	}()
	gathered := make(chan struct{})
	go func() {
		defer close(gathered)
		if s.TrustList != "" {
			keepTrust(ctx, s, log)
		}
	}()
	err = p.serve(ctx, func() { fmt.Fprintln(t.out, "\n"+say.T("serve.stopping")) })
	stop()
	<-gathered
	<-cleared
	<-followed
	<-watched
	if err = errors.Join(err, p.close()); err == nil {
		fmt.Fprintln(t.out, say.T("serve.stopped"))
	}
	return err
}

// platform is an instance with its sites, each on a socket of its own.
type platform struct {
	*instance
	sites   []*served
	sandbox bool             // its providers and its people are there
	world   sandbox.World    // empty without
	outside *sandbox.Sandbox // nil without

	providers map[string]*login.Provider // of the configuration, by site
	accounts  []sandbox.Account          // that the sandbox's federator accepts
}

// served is one site on its socket.
type served struct {
	name     string // of the settings: "pro"
	todo     string // ending of the catalogue's key that says what to do there
	origin   string
	listener net.Listener
	handler  http.Handler
}

// open listens first, so that the addresses are known, then builds what is behind them.
func open(ctx context.Context, s *Settings, file *configFile, say ui.Text, log *slog.Logger) (_ *platform, err error) {
	p := &platform{providers: map[string]*login.Provider{}}
	defer func() {
		if err != nil {
			for _, site := range p.sites {
				err = errors.Join(err, site.listener.Close())
			}
		}
	}()
	// With real providers on both sites there is no sandbox: neither its providers nor its people.
	p.sandbox = file.needsSandbox()
	if err := s.checkProduction(file, p.sandbox); err != nil {
		return p, err
	}
	origin := map[string]string{}
	names, citizens := []string{"pro", "attestation", "verifier", "portefeuille", "api"}, cmp.Or(s.SandboxCitizens, "fc")
	if p.sandbox || file.configured("protection") {
		names = append(names, "protection")
	}
	if p.sandbox {
		names = append(append(names, "psc", citizens, "proconnect"), sandbox.IdentityProviders()...)
	}
	for _, name := range append(names, "operator") {
		port := s.ports()[name]
		l, err := net.Listen("tcp", net.JoinHostPort(s.Listen, strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			return p, errors.New(say.T("serve.port", "port", port, "name", name))
		}
		if err != nil {
			return p, err
		}
		origin[name] = "http://" + net.JoinHostPort(s.Host, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
		if name == "api" {
			origin[name] = s.apiOrigin(origin[name])
			if l, err = s.secured(l); err != nil {
				return p, err
			}
		}
		todo := "-todo"
		if _, real := file.login[name]; real {
			todo = "-open" // nobody of the sandbox can log in there
		}
		if slices.Contains(sandbox.IdentityProviders(), name) {
			todo = "" // nobody goes there directly
		}
		p.sites = append(p.sites, &served{name: name, todo: todo, origin: origin[name], listener: l})
	}

	link := s.WalletLink
	if link == "" {
		link = origin["portefeuille"] + twoddoc.WalletPath
	}
	if p.instance, err = openInstance(ctx, s, link, origin["attestation"]+attestation.NoticePath); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	operator := newOperator()
	handlers := map[string]http.Handler{"operator": operator.handler(p.db.Ping, s.MetricsToken, revlist.Handler(p.list, log))}
	byDefault := map[string]login.Profile{} // of the sandbox, by site
	if p.sandbox {
		world, err := p.openSandbox(ctx, s, origin, citizens, log)
		if err != nil {
			return p, err
		}
		handlers["psc"], handlers[citizens], handlers["proconnect"] = world.PSC, world.Citizens(), world.ProConnect
		for name, idp := range world.IdentityProviders {
			handlers[name] = idp
		}
		byDefault["pro"], byDefault["attestation"], byDefault["protection"] = world.PSC.PushProfile(), world.Citizens().Profile(), world.ProConnect.Profile()
	}
	d := desk{p, s, file, origin, byDefault, log}
	for name, build := range map[string]func(context.Context) (http.Handler, error){
		"pro": d.pro, "attestation": d.attestation, "protection": d.protection, "verifier": d.verifier, "portefeuille": d.portefeuille, "api": d.api,
	} {
		if origin[name] == "" {
			continue
		}
		if handlers[name], err = build(ctx); err != nil {
			return p, err
		}
	}
	for _, site := range p.sites {
		site.handler = operator.watch(site.name, handlers[site.name])
	}
	return p, nil
}

// close ends the outside world, if any, then the instance.
func (p *platform) close() error {
	var err error
	if p.outside != nil {
		err = p.outside.Close()
	}
	return errors.Join(err, p.instance.close())
}

// checker reads what the verifier goes by: the public certificates of the instance and the list of
// what it revoked, as it is now; rules and lists of others when there are folders of them.
func (p *platform) checker(ctx context.Context, s *Settings, log *slog.Logger) (verify.Checker, error) {
	k := verify.Checker{Revoked: &verify.Revoked{}}
	var left, warnings []error
	var err error
	if k.Trust, left, err = verify.LoadTrust([]string{trustFolder(s.Data)}, verify.Options{}); err != nil {
		return k, err
	}
	warnings = append(warnings, left...)
	own, err := p.list(ctx)
	if err != nil {
		return k, err
	}
	if key := filepath.Join(trustFolder(s.Data), certify.ListKeyFile); exists(key) {
		if _, err := k.Revoked.Load([]string{key}, p.ids.Clock()); err != nil {
			return k, err
		}
	}
	if err := k.Revoked.Add("carnet", own.Bytes, p.ids.Clock()); err != nil {
		return k, err
	}
	if dir := revokedFolder(s.Data); exists(dir) {
		if left, err = k.Revoked.Load([]string{dir}, p.ids.Clock()); err != nil {
			return k, err
		}
		warnings = append(warnings, left...)
	}
	if dir := rulesFolder(s.Data); exists(dir) {
		if k.Rules, left, err = verify.LoadRules([]string{dir}, s.VerifierCountry); err != nil {
			return k, err
		}
		warnings = append(warnings, left...)
	}
	for _, w := range warnings {
		log.WarnContext(ctx, "left out of what the verifier goes by", "err", w)
	}
	return k, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// serve answers on every socket until the context ends, then waits for what is under way.
func (p *platform) serve(ctx context.Context, stopping func()) error {
	servers := make([]*http.Server, len(p.sites))
	failed := make(chan error, len(p.sites))
	for i, site := range p.sites {
		servers[i] = &http.Server{Handler: site.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
			WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
		go func() { failed <- servers[i].Serve(site.listener) }()
	}
	var err error
	ended := 0
	select {
	case <-ctx.Done():
		stopping()
	case err = <-failed: // one site is gone: the others do not go on without it
		ended++
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(wait))
	}
	for ; ended < len(servers); ended++ {
		if e := <-failed; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// announce prints the address of each site with one line on what to do there.
func (p *platform) announce(t terminal, s *Settings, say ui.Text, took time.Duration) {
	fmt.Fprintln(t.out, say.T("serve.ready", "ms", took.Milliseconds(), "data", s.Data)+"\n")
	var words []any
	if p.sandbox {
		// The people of a sandbox are invented and public: what is needed to find one is printed in clear.
		first := p.world.People[0]
		words = []any{"password", p.world.Password(), "person", first.Identifier, "number", p.world.Professionals[0].Professional.Number.Reveal(),
			"phone", p.originOf("psc") + phone.Path, "staff", p.world.Staff[0].Identifier,
			"name", first.Identity.Given() + " " + first.Identity.BirthName.Reveal(), "nir", first.Identity.NIR.Reveal()}
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	for _, site := range p.sites {
		if site.todo == "" {
			continue
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", say.T("serve."+site.name), site.origin, say.T("serve."+site.name+site.todo, slices.Concat(words, []any{"here", site.origin})...))
	}
	fmt.Fprintf(w, "  %s\t\t%s\n", say.T("serve.verify"), say.T("serve.verify-todo", "command", verifyCommand(s)))
	_ = w.Flush() // a terminal that is gone does not stop the sites
	fmt.Fprintln(t.out, "\n"+say.T("serve.stop"))
}

func (p *platform) originOf(name string) string {
	i := slices.IndexFunc(p.sites, func(s *served) bool { return s.name == name })
	if i < 0 {
		return ""
	}
	return p.sites[i].origin
}

// verifyCommand is how the reader of the terminal verifies with this very program and instance.
func verifyCommand(s *Settings) string {
	command := thisProgram() + " verify"
	if here, err := filepath.Abs("carnet-data"); err != nil || here != s.Data {
		command += " --data " + s.Data
	}
	return command
}

// thisProgram is how the reader called it: "go run" leaves the program in a folder of its own.
func thisProgram() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		return "go run ./cmd/carnet"
	}
	return "carnet"
}
