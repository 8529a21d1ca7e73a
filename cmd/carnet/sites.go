package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/login"
	"carnet/internal/login/delegation"
	"carnet/internal/login/hours"
	"carnet/internal/protect"
	"carnet/internal/sandbox"
	"carnet/internal/sandbox/phone"
	"carnet/internal/site/attestation"
	"carnet/internal/site/portefeuille"
	"carnet/internal/site/pro"
	"carnet/internal/site/protection"
	"carnet/internal/site/verifier"
	"carnet/internal/vaccinate/fraud"
	"carnet/internal/verify"
	"carnet/internal/verify/browser"
	"carnet/internal/verify/scan"
)

// openSandbox starts the outside world: its providers, its people, their telephones.
func (p *platform) openSandbox(ctx context.Context, s *Settings, origin map[string]string, citizens string, log *slog.Logger) (*sandbox.Sandbox, error) {
	client := func(name, site, profile string) sandbox.IssuerConfig {
		return sandbox.IssuerConfig{Origin: origin[profile], Clients: []sandbox.Client{{Name: name, RedirectURI: origin[site] + login.CallbackPath(profile),
			SignedOutURI: origin[site] + "/", LogoutURI: origin[site] + login.EndPath(profile)}}}
	}
	c := sandbox.Config{
		Dir: filepath.Join(keyFolder(s.Data), "sandbox"),
		PSC: client("Carnet, Vaccin Covid", "pro", "psc"), ProConnect: client("Carnet, espace des agents", "protection", "proconnect"),
		IdentityProviders: map[string]string{}, Clock: p.ids.Clock, Rand: p.ids.Rand, Log: log,
	}
	for _, name := range sandbox.IdentityProviders() {
		c.IdentityProviders[name] = origin[name]
	}
	if platform := client("Carnet, attestation", "attestation", citizens); citizens == "fc-plus" {
		platform.Clients[0].KeysURI = origin["attestation"] + login.KeysPath // tokens of the others are only signed
		c.FCPlus = platform
	} else {
		c.FC = platform
	}
	world, err := sandbox.New(c)
	if err != nil {
		return nil, err
	}
	p.world, p.accounts, p.outside = world.World, world.Accounts(), world
	return world, p.enrol(ctx, world.World)
}

// desk builds the sites.
type desk struct {
	p         *platform
	s         *Settings
	file      *configFile
	origin    map[string]string
	byDefault map[string]login.Profile // of the sandbox, by site
	log       *slog.Logger
}

type siteLogin struct {
	*login.Site
	sandbox    bool
	phones     bool
	formAction []string
}

// login lets people in to a site: through the provider of the configuration, else the sandbox's.
func (d desk) login(c login.SiteConfig) (siteLogin, error) {
	profile, out := d.byDefault[c.Name], siteLogin{sandbox: true}
	if configured, ok := d.file.login[c.Name]; ok {
		profile, out.sandbox = configured, false
	}
	provider, err := login.NewProvider(profile, d.p.ids.Clock, d.p.ids.Rand, nil)
	if err != nil {
		return out, fmt.Errorf("login of %s: %w", c.Name, err)
	}
	if !out.sandbox {
		d.p.providers[c.Name] = provider
	}
	if out.phones = profile.LoginMode == login.ModeCIBA; !out.phones {
		c.Calls = nil
	}
	c = d.file.door.site(c)
	c.Origin = d.origin[c.Name]
	out.formAction = profile.Origins()
	out.Site, err = login.NewSite(c, provider, d.p.db.Login(), d.p.guard, d.p.ids.Clock, d.p.ids.Rand)
	return out, err
}

func (d desk) pro(context.Context) (http.Handler, error) {
	calls, err := d.file.door.calls("Vaccin Covid", d.p.vaccinate.ProfessionalID, d.log)
	if err != nil {
		return nil, err
	}
	in, err := d.login(login.SiteConfig{Name: "pro", Role: protect.Professional, Absolute: 4 * time.Hour, Idle: 15 * time.Minute, Calls: calls})
	if err != nil {
		return nil, err
	}
	delegates, err := delegation.New(d.p.db.Delegation(), d.p.guard, in.Site, d.p.ids, d.origin["pro"])
	if err != nil {
		return nil, err
	}
	answers, err := parseHours(d.s.SupportHours)
	if err != nil {
		return nil, err
	}
	telephone := ""
	if in.sandbox && in.phones {
		telephone = d.origin["psc"] + phone.Path
	}
	site, err := pro.New(pro.Deps{Login: in.Site, Delegation: delegates, People: d.p.people, Vaccinate: d.p.vaccinate,
		Runs: d.p.runs, Stock: d.p.stock, Imports: d.p.imports, Lists: d.p.worklists, Paper: d.p.paper, Risk: d.p.watch, Documents: d.p.belied, Picture: boxCodes, Clock: d.p.ids.Clock, Rand: d.p.ids.Rand,
		Log: d.log, Sandbox: in.sandbox, FormAction: in.formAction, Phones: in.phones, Phone: telephone,
		Contact: pro.Contact{Who: d.s.SupportName, Phone: d.s.SupportPhone, Hours: answers}})
	return publishKeys(in, site, d.log), err
}

// boxCodes reads the codes in the photo of a box.
func boxCodes(ctx context.Context, picture []byte) ([]string, error) {
	codes, err := scan.Scan(ctx, picture, scan.Limits{Time: 10 * time.Second})
	var texts []string
	for _, c := range codes {
		texts = append(texts, string(c.Carried))
	}
	return texts, err
}

// parseHours reads hours of the settings; none are the usual ones.
func parseHours(text string) (hours.Week, error) {
	if text == "" {
		return hours.Usual(), nil
	}
	return hours.Parse(text)
}

func (d desk) attestation(context.Context) (http.Handler, error) {
	in, err := d.login(login.SiteConfig{Name: "attestation", Role: protect.Insured, Absolute: 30 * time.Minute, Idle: 15 * time.Minute})
	if err != nil {
		return nil, err
	}
	accounts := d.file.accounts
	if in.sandbox {
		accounts = nil
		for _, a := range d.p.accounts {
			accounts = append(accounts, attestation.Account{Name: a.Name, Recovery: a.Page})
		}
	}
	site, err := attestation.New(attestation.Deps{Login: in.Site, Wallet: d.wallet(), People: d.p.people, Certify: watchedCertify{d.p.certify, d.p.watch}, Petitions: d.p.vaccinate,
		Register: d.p.register.Processing(), Clock: d.p.ids.Clock, Rand: d.p.ids.Rand, Log: d.log, Sandbox: in.sandbox, FormAction: in.formAction, Accounts: accounts})
	return publishKeys(in, site, d.log), err
}

// watchedCertify tells the watch over entries who was handed a certificate.
type watchedCertify struct {
	*certify.Service
	watch *fraud.Watch
}

func (c watchedCertify) Attestation(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error) {
	doc, err := c.Service.Attestation(ctx, actor, person)
	if err == nil {
		c.watch.Certified(ctx, person)
	}
	return doc, err
}

func (c watchedCertify) European(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error) {
	doc, err := c.Service.European(ctx, actor, person)
	if err == nil {
		c.watch.Certified(ctx, person)
	}
	return doc, err
}

func (c watchedCertify) Card(ctx context.Context, actor protect.Actor, person carnet.ID) (certify.Document, error) {
	doc, err := c.Service.Card(ctx, actor, person)
	if err == nil {
		c.watch.Certified(ctx, person)
	}
	return doc, err
}

func (d desk) protection(context.Context) (http.Handler, error) {
	in, err := d.login(login.SiteConfig{Name: "protection", Role: protect.Support, Roles: login.StaffRoles, Absolute: 8 * time.Hour, Idle: 15 * time.Minute})
	if err != nil {
		return nil, err
	}
	allowed := d.file.door.Staff
	if in.sandbox {
		allowed = d.p.world.Allowed()
	}
	site, err := protection.New(protection.Deps{Login: in.Site, Watch: d.p.watch, Petitions: d.p.vaccinate, Certificates: d.p.certify,
		Follow: func(ctx context.Context) error {
			_, err := d.p.certify.Follow(ctx, system)
			return err
		},
		Allowed: allowed, StaffID: d.p.staffID, Clock: d.p.ids.Clock, Rand: d.p.ids.Rand,
		Log: d.log, Sandbox: in.sandbox, FormAction: in.formAction})
	return publishKeys(in, site, d.log), err
}

// wallet is the address of the wallet that the right-hand codes lead to, when it is ours.
func (d desk) wallet() string {
	if d.s.WalletLink != "" {
		return ""
	}
	return d.origin["portefeuille"] + "/"
}

// trusted is what this instance's verifiers believe.
func (d desk) trusted(ctx context.Context) (verify.Checker, error) {
	return d.p.checker(ctx, d.s, d.log)
}

func (d desk) portefeuille(ctx context.Context) (http.Handler, error) {
	return portefeuille.New(ctx, portefeuille.Deps{Pack: &browser.Pack{Source: d.trusted, Clock: d.p.ids.Clock, Log: d.log},
		Clock: d.p.ids.Clock, Rand: d.p.ids.Rand, Log: d.log, Sandbox: d.s.SignerKey == ""})
}

func (d desk) verifier(ctx context.Context) (http.Handler, error) {
	return verifier.New(ctx, verifier.Deps{Load: d.trusted,
		Mode: d.s.VerifierMode, Clock: d.p.ids.Clock, Rand: d.p.ids.Rand, Log: d.log, Sandbox: d.s.SignerKey == ""})
}
