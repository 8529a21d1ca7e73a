package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/hours"
	"carnet/internal/login/limit"
	"carnet/internal/site/attestation"
	"carnet/internal/vaccinate/fraud"
)

// Settings is everything that an operator can set: as a flag, as a CARNET_… variable, or in the
// configuration file, where "port-pro" is written pro under [port].
type Settings struct {
	Config string `help:"Configuration file (TOML); carnet.toml in this folder when there is one." placeholder:"FILE" type:"path"`
	Data   string `help:"Folder of the instance: store, keys, public certificates. Made when it does not exist." default:"carnet-data" placeholder:"DIR" type:"path"`
	Lang   string `help:"Language of what the terminal shows: fr or en; by default that of the terminal." enum:",fr,en" default:""`

	Profile string `help:"sandbox: where no provider is configured, invented people log in through the program itself; production: nothing of that starts." enum:"sandbox,production" default:"sandbox"`

	Listen string `help:"Address of the network interface to listen on." default:"127.0.0.1"`
	Host   string `help:"Name of this machine in the addresses of the sites." default:"localhost"`

	PortOperator     int `help:"Port of health and metrics; 0 for any free one." default:"8400"`
	PortPro          int `help:"Port of the site for professionals." default:"8401"`
	PortAttestation  int `help:"Port of the site for insured people." default:"8402"`
	PortVerifier     int `help:"Port of the site where anyone checks a certificate." default:"8403"`
	PortProtection   int `help:"Port of the site of the staff." default:"8404"`
	PortPortal       int `help:"Port of the portal of public figures, when it is served." default:"8405"`
	PortApi          int `help:"Port of the interface for the software of establishments." default:"8406"`
	PortPortefeuille int `help:"Port of the wallet." default:"8407"`
	PortFc           int `help:"Port of the sandbox's FranceConnect." default:"8411"`
	PortPsc          int `help:"Port of the sandbox's Pro Santé Connect." default:"8412"`
	PortFcPlus       int `help:"Port of the sandbox's FranceConnect+." default:"8413"`
	PortProconnect   int `help:"Port of the sandbox's ProConnect." default:"8414"`
	PortAmeli        int `help:"Port of the sandbox's identity provider ameli." default:"8415"`
	PortLaposte      int `help:"Port of the sandbox's identity provider laposte." default:"8416"`
	PortImpots       int `help:"Port of the sandbox's identity provider impots." default:"8417"`
	PortMsa          int `help:"Port of the sandbox's identity provider msa." default:"8418"`

	SandboxCitizens string `help:"Which of the sandbox's platforms lets insured people in: fc (any account), or fc-plus (substantial level, encrypted answers)." enum:"fc,fc-plus" default:"fc"`

	Issuer            string `help:"Who issues the certificates, as printed on them." default:"Carnet, bac à sable"`
	WalletLink        string `help:"What the right-hand code begins with, up to and with its # or ?v=; by default the wallet of this instance." placeholder:"URL"`
	SignerKey         string `help:"Private key that signs certificates (PEM, PKCS#8, P-256); by default one made for the sandbox." placeholder:"FILE" type:"path"`
	SignerCertificate string `help:"Certificate of that key (PEM)." placeholder:"FILE" type:"path"`

	EuropeanKey         string `help:"Private key that signs EU certificates (PEM, PKCS#8, P-256); by default one made for the sandbox, and none when signer-key is set." placeholder:"FILE" type:"path"`
	EuropeanCertificate string `help:"Document signing certificate of that key (PEM)." placeholder:"FILE" type:"path"`
	SealKey             string `help:"Private key that signs the PDF files (PEM, PKCS#8, P-256); by default one made for the sandbox, and none when signer-key is set." placeholder:"FILE" type:"path"`
	SealCertificate     string `help:"Certificate of that key (PEM)." placeholder:"FILE" type:"path"`

	Catalogue    string `help:"Folder of signed packs of vaccines and rules, beside those that the program carries; of packs of one name the newest counts." placeholder:"DIR" type:"path"`
	CatalogueKey string `help:"Public keys of who may sign these packs (PEM, Ed25519 or P-256)." placeholder:"FILE" type:"path"`

	VerifierMode    string `help:"What the verifier shows: minimal (verdict, name, date of birth) or control (all that the code says)." enum:"minimal,control" default:"minimal"`
	VerifierCountry string `help:"Country whose business rules count, when the folder rules of the instance has those of several." placeholder:"CC"`

	TrustList   string `help:"Signed trust list of 2D-Doc, an address or a file: serve gathers its certificates and revocations twice a day and seals them for its verifier. None when empty; the French one is at https://pub.ants.gouv.fr/2D-DOC/V1/PRD/01_TSL/tsl_signed.xml." placeholder:"URL|FILE"`
	TrustAnchor string `help:"SHA-256 of the certificates that may sign that list, separated by commas; by default the one that signs the French list until March 2027." placeholder:"HEX"`
	TrustDays   int    `help:"Days for which what was gathered may be used before verifiers say that it is old." default:"7"`

	PortalOrigin string `help:"Address that the public knows the portal by, https://donnees.example; by default that of this machine." placeholder:"URL"`
	PortalQuota  int    `help:"Requests that one address may send to the portal in a day; 0 for no limit." default:"0"`

	ApiOrigin      string `help:"Address that software knows the interface by, https://api.example; by default that of this machine." placeholder:"URL"`
	ApiCertificate string `help:"Certificate with which the interface itself answers over TLS (PEM); it then asks software for theirs, to which tokens can be bound. By default a proxy does TLS, and tokens are bound by DPoP." placeholder:"FILE" type:"path"`
	ApiKey         string `help:"Private key of that certificate (PEM)." placeholder:"FILE" type:"path"`

	SupportName  string `help:"Who answers the questions of professionals, as the site shows it." default:"Conseiller informatique Service, ou assistance amelipro"`
	SupportPhone string `help:"Telephone number of that support." default:"36 08"`
	SupportHours string `help:"When somebody answers there." default:"mon-fri 08:30-17:30" placeholder:"HOURS"`

	MetricsToken string         `help:"Bearer token that /metrics asks for; none asked when empty." secret:"" placeholder:"TOKEN"`
	LogLevel     string         `help:"Least serious events to log: debug, info, warn or error." enum:"debug,info,warn,error" default:"info"`
	fraud        fraud.Policies // of the tables [[fraud]] of the file

	LogFormat string `help:"Form of the log: text or json." enum:"text,json" default:"text"`
}

// Validate is called by kong once every source has been read.
func (s *Settings) Validate() error {
	for name, port := range s.ports() {
		if port < 0 || port > 65535 {
			return fmt.Errorf("port-%s: %d is not between 0 and 65535", name, port)
		}
	}
	if _, err := parseHours(s.SupportHours); err != nil {
		return fmt.Errorf("support-hours: %w", err)
	}
	if net.ParseIP(s.Listen) == nil {
		return fmt.Errorf("listen: %q is not an IP address; 127.0.0.1 keeps the sites on this machine", s.Listen)
	}
	if (s.SignerKey == "") != (s.SignerCertificate == "") {
		return errors.New("signer-key and signer-certificate go together: give both or none")
	}
	for name, pair := range map[string][2]string{"european": {s.EuropeanKey, s.EuropeanCertificate}, "seal": {s.SealKey, s.SealCertificate}} {
		if (pair[0] == "") != (pair[1] == "") {
			return fmt.Errorf("%s-key and %s-certificate go together: give both or none", name, name)
		}
		if pair[0] != "" && s.SignerKey == "" {
			return fmt.Errorf("%s-key without signer-key: a sandbox makes its own keys", name)
		}
	}
	if (s.Catalogue == "") != (s.CatalogueKey == "") {
		return errors.New("catalogue and catalogue-key go together: give both or none")
	}
	if s.TrustDays < 1 || s.TrustDays > maxTrustDays {
		return fmt.Errorf("trust-days: %d is not between 1 and %d", s.TrustDays, maxTrustDays)
	}
	if s.TrustAnchor != "" {
		if _, err := readAnchors(strings.Split(s.TrustAnchor, ",")); err != nil {
			return fmt.Errorf("trust-anchor: %q is not 64 hexadecimal digits, or several of them with commas", s.TrustAnchor)
		}
	}
	if s.PortalOrigin != "" {
		if u, err := url.Parse(s.PortalOrigin); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("portal-origin: %q is not an address such as https://donnees.example", s.PortalOrigin)
		}
	}
	if s.ApiOrigin != "" {
		if u, err := url.Parse(s.ApiOrigin); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" {
			return fmt.Errorf("api-origin: %q is not an address such as https://api.example", s.ApiOrigin)
		}
	}
	if (s.ApiKey == "") != (s.ApiCertificate == "") {
		return errors.New("api-key and api-certificate go together: give both or none")
	}
	if s.PortalQuota < 0 {
		return fmt.Errorf("portal-quota: %d is less than 0", s.PortalQuota)
	}
	if s.WalletLink != "" {
		u, err := url.Parse(s.WalletLink)
		if err != nil || u.Host == "" || !strings.HasSuffix(s.WalletLink, "#") && !strings.HasSuffix(s.WalletLink, "?v=") {
			return fmt.Errorf("wallet-link: %q is not an address that ends in # or ?v=", s.WalletLink)
		}
	}
	return nil
}

// loginSites are the sites that people log in to. Without a provider for the first two, the
// sandbox's serve; the staff's is there when it has a provider, or with the sandbox.
var loginSites = []string{"pro", "attestation", "protection"}

// needsSandbox reports that professionals or insured people have no provider of the configuration.
func (f *configFile) needsSandbox() bool {
	return !(f.configured("pro") && f.configured("attestation"))
}

func (f *configFile) configured(site string) bool {
	_, ok := f.login[site]
	return ok
}

// ports are those of the sites and of the sandbox, by the names of their settings.
func (s *Settings) ports() map[string]int {
	return map[string]int{
		"operator": s.PortOperator, "pro": s.PortPro, "attestation": s.PortAttestation, "verifier": s.PortVerifier, "portefeuille": s.PortPortefeuille, "protection": s.PortProtection, "portal": s.PortPortal, "api": s.PortApi,
		"proconnect": s.PortProconnect, "psc": s.PortPsc, "fc": s.PortFc, "fc-plus": s.PortFcPlus,
		"ameli": s.PortAmeli, "laposte": s.PortLaposte, "impots": s.PortImpots, "msa": s.PortMsa,
	}
}

// configFile is the configuration file, flattened to the names of the flags. It is a resolver.
type configFile struct {
	path   string
	values map[string]any
	login  map[string]login.Profile // by site; without one, the sandbox's provider
	door   doorConfig
	fraud  fraud.Policies

	accounts []attestation.Account // that the provider of insured people accepts
	heads    []placeHead           // who heads which place of vaccination
}

// configPath looks for --config before anything is parsed: the file must be read first.
func configPath(args []string, getenv func(string) string) (path string, asked bool) {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			return v, true
		}
		if a == "--config" && i+1 < len(args) {
			return args[i+1], true
		}
	}
	if v := getenv("CARNET_CONFIG"); v != "" {
		return v, true
	}
	return "carnet.toml", false
}

const maxConfig = 1 << 20

func readConfig(path string, asked bool) (*configFile, error) {
	f := &configFile{values: map[string]any{}, door: doorConfig{Limits: limit.Defaults()}}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && !asked {
		f.fraud, err = readFraud("", nil, hours.Week{})
		return f, err
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("configuration: %s has %d bytes, at most %d are read", path, info.Size(), maxConfig)
	}
	f.path = path
	var tree map[string]any
	if _, err := toml.DecodeFile(path, &tree); err != nil {
		return nil, fmt.Errorf("configuration: %s: %w", path, err)
	}
	if _, ok := tree["login"]; ok {
		var part struct{ Login map[string]toml.Primitive }
		meta, err := toml.DecodeFile(path, &part)
		if err != nil {
			return nil, fmt.Errorf("configuration: %s: %w", path, err)
		}
		f.login = map[string]login.Profile{}
		for site, table := range part.Login {
			if !slices.Contains(loginSites, site) {
				return nil, fmt.Errorf("configuration: %s: [login.%s]: the sites with a login are %s", path, site, strings.Join(loginSites, ", "))
			}
			p, err := login.DecodeProfile(func(v any) error { return meta.PrimitiveDecode(table, v) })
			if err == nil {
				err = p.Validate()
			}
			if err != nil {
				return nil, fmt.Errorf("configuration: %s: [login.%s]: %w", path, site, err)
			}
			f.login[site] = p
		}
		for _, key := range meta.Undecoded() {
			if key[0] == "login" {
				return nil, fmt.Errorf("configuration: %s: unknown key %s", path, key)
			}
		}
		delete(tree, "login")
	}
	if f.accounts, err = readAccounts(path, tree); err == nil {
		f.heads, err = readHeads(path, tree)
	}
	if err == nil {
		f.door, err = readDoor(path, tree)
	}
	if err == nil {
		f.fraud, err = readFraud(path, tree, f.door.Door.Hours)
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %s: %w", path, err)
	}
	flatten(f.values, "", tree)
	return f, nil
}

// readAccounts reads the list [[account]] and takes it out of the tree of settings.
func readAccounts(path string, tree map[string]any) ([]attestation.Account, error) {
	var part struct {
		Account []attestation.Account `toml:"account"`
	}
	meta, err := toml.DecodeFile(path, &part)
	if err != nil {
		return nil, err
	}
	for _, key := range meta.Undecoded() {
		if key[0] == "account" {
			return nil, fmt.Errorf("unknown key %s", key)
		}
	}
	for i, a := range part.Account {
		if u, err := url.Parse(a.Recovery); a.Name == "" || a.Recovery != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			return nil, fmt.Errorf("account %d: it needs a name, and its recovery is an https address", i+1)
		}
	}
	delete(tree, "account")
	return part.Account, nil
}

// placeHead says that somebody heads a place of vaccination, or no longer does.
type placeHead struct {
	Place string `toml:"place"` // FINESS of the site
	RPPS  string `toml:"rpps"`
	Head  *bool  `toml:"head"` // false for somebody who no longer does
}

// readHeads reads the list [[head]] and takes it out of the tree of settings.
func readHeads(path string, tree map[string]any) ([]placeHead, error) {
	var part struct {
		Head []placeHead `toml:"head"`
	}
	meta, err := toml.DecodeFile(path, &part)
	if err != nil {
		return nil, err
	}
	for _, key := range meta.Undecoded() {
		if key[0] == "head" {
			return nil, fmt.Errorf("unknown key %s", key)
		}
	}
	for i, h := range part.Head {
		if _, err := carnet.ParseRPPS(h.RPPS); err != nil || h.Place == "" {
			return nil, fmt.Errorf("head %d: it needs a place and the RPPS number of a professional", i+1)
		}
	}
	delete(tree, "head")
	return part.Head, nil
}

func flatten(into map[string]any, prefix string, tree map[string]any) {
	for k, v := range tree {
		if sub, ok := v.(map[string]any); ok {
			flatten(into, prefix+k+"-", sub)
		} else {
			into[prefix+k] = v
		}
	}
}

// check refuses a key that no setting has: a misspelt one would be silently without effect.
func (f *configFile) check(app *kong.Application) error {
	for key := range f.values {
		if !slices.ContainsFunc(app.Flags, func(flag *kong.Flag) bool { return flag.Name == key && key != "config" && key != "help" }) {
			return fmt.Errorf("configuration: %s: unknown key %s", f.path, strings.ReplaceAll(key, "-", "."))
		}
	}
	return nil
}

// Validate implements kong.Resolver.
func (f *configFile) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. A variable of the environment speaks over the file.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil
		}
	}
	switch v := f.values[flag.Name].(type) {
	case int64:
		return strconv.FormatInt(v, 10), nil
	case nil, string:
		return v, nil
	default:
		return nil, fmt.Errorf("%s: %v is neither a text nor a number", flag.Name, v)
	}
}

// source says where the value of a flag comes from.
func (f *configFile) source(k *kong.Context, flag *kong.Flag) string {
	for _, p := range k.Path {
		if p.Flag == flag && !p.Resolved {
			return "flag"
		}
	}
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return name
		}
	}
	if _, ok := f.values[flag.Name]; ok {
		return f.path
	}
	return "default"
}
