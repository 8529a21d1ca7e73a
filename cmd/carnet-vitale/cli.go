package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"carnet/extension/legal"
	"carnet/internal/module"
	"carnet/internal/pcsc"
	"carnet/internal/workstation"
	"carnet/vitale"
)

// Exit codes of every command, as those of carnet.
const (
	exitOK     = 0
	exitNo     = 1 // the answer is no: no card, a check failed
	exitUnable = 2 // nothing could be done
)

type cli struct {
	Lang string `help:"Language of what the terminal shows: fr or en; by default that of the terminal." enum:",fr,en" default:""`

	Install   installCmd   `cmd:"" help:"Put the module where the browsers of this workstation look for it."`
	Uninstall uninstallCmd `cmd:"" help:"Take it away again."`
	Allow     allowCmd     `cmd:"" help:"Let a site ask for a card: https://pro.example. With --remove, no longer."`
	Read      readCmd      `cmd:"" help:"Read the card that is in the reader, without a browser."`
	Doctor    doctorCmd    `cmd:"" help:"Examine reader, card, browsers and the ten principles of a secure workstation."`
	Terms     termsCmd     `cmd:"" help:"Show the conditions of use, the privacy notice, the legal notice or the differences."`
	Version   versionCmd   `cmd:"" help:"Print the version of the program and of its messages."`
}

type terminal struct {
	out, err io.Writer
	language int // module.French or module.English
}

func (t terminal) say(fr, en string) string {
	if t.language == module.French {
		return fr
	}
	return en
}

// exit ends the program with a code; what there was to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	// A browser has started it: before anything else is set up, so that it answers soon.
	if family, id, ok := module.Caller(args); ok {
		return serve(ctx, family, id, in, out, errOut)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	var c cli
	done := -1 // kong ends --help here
	t := terminal{out: out, err: errOut}
	parser, err := kong.New(&c,
		kong.Name("carnet-vitale"),
		kong.Description("The module that the browser extension talks to. Browsers start it by themselves; these commands are for people."),
		kong.DefaultEnvars("CARNET_VITALE"),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { done = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&t),
	)
	if err != nil {
		fmt.Fprintln(errOut, "carnet-vitale:", err)
		return exitUnable
	}
	k, err := parser.Parse(args)
	if done >= 0 {
		return done
	}
	if err != nil {
		fmt.Fprintf(errOut, "carnet-vitale: %v\nTry: carnet-vitale --help\n", err)
		return exitUnable
	}
	t.language = language(c.Lang)
	err = k.Run()
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(errOut, "carnet-vitale:", err)
		return exitUnable
	}
	return exitOK
}

func language(asked string) int {
	for _, v := range []string{asked, os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")} {
		if v != "" {
			if strings.HasPrefix(v, "fr") {
				return module.French
			}
			return module.English
		}
	}
	return module.English
}

// version is what the build stamped.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}

// watchdog is how long a reader may keep the browser waiting.
const watchdog = 20 * time.Second

// serve is the host. Its configuration is beside the program, or in the folder of the package.
func serve(ctx context.Context, family, id string, in io.Reader, out, errOut io.Writer) int {
	c, err := config()
	if err == nil && !c.Serves(family, id) {
		err = errors.New("this extension is not one that the configuration names")
	}
	if err == nil {
		err = module.Host{Version: version(), Config: c, Cards: cards{}, Now: time.Now, Limit: watchdog}.Serve(ctx, in, out)
	}
	if err != nil {
		fmt.Fprintln(errOut, "carnet-vitale:", err)
		return exitUnable
	}
	return exitOK
}

// packaged is where the Debian package keeps what an administrator may change.
const packaged = "/etc/carnet-vitale"

// beside reads a file beside the program, or in the folder of the package.
func beside(name string) ([]byte, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(program), name))
	if errors.Is(err, fs.ErrNotExist) {
		text, err = os.ReadFile(filepath.Join(packaged, name))
	}
	return text, err
}

func config() (module.Config, error) {
	text, err := beside("config.json")
	if err != nil {
		return module.Config{}, fmt.Errorf("configuration: %w", err)
	}
	return module.ReadConfig(text)
}

// cards are those of the machine's readers.
type cards struct{}

func (cards) Read(ctx context.Context) (vitale.Data, error) {
	s, err := pcsc.Open()
	if err != nil {
		return vitale.Data{}, err
	}
	defer func() { _ = s.Close() }() // the reading is done or has failed
	return pcsc.Read(ctx, s)
}

func (cards) Status(ctx context.Context) (module.Status, error) {
	status := module.Status{Readers: []module.Reader{}}
	s, err := pcsc.Open()
	if vitale.CodeOf(err) == vitale.NoService && err != nil {
		return status, nil
	}
	if err != nil {
		return status, err
	}
	defer func() { _ = s.Close() }()
	status.Service = true
	list, err := s.Readers()
	if err != nil {
		return status, err
	}
	for _, r := range list {
		kind, err := pcsc.Probe(ctx, s, r)
		if err != nil {
			kind = vitale.KindOther
		}
		status.Readers = append(status.Readers, module.Reader{Card: kind})
	}
	return status, nil
}

func machine() (workstation.Machine, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return workstation.Machine{}, err
	}
	return workstation.Machine{OS: runtime.GOOS, Home: home, ConfigHome: os.Getenv("XDG_CONFIG_HOME"), LocalAppData: os.Getenv("LOCALAPPDATA"), ProgramFiles: os.Getenv("ProgramFiles")}, nil
}

type scope struct {
	System  bool     `help:"For everyone on this machine; by default for the current user."`
	Browser []string `help:"Only these browsers: chrome, chromium, edge, firefox." enum:"chrome,chromium,edge,firefox" placeholder:"NAME"`
	DryRun  bool     `help:"Say what would be done and do nothing."`
}

func (s scope) installation(t *terminal) (workstation.Installation, error) {
	m, err := machine()
	browsers := workstation.Browsers()
	if len(s.Browser) > 0 {
		browsers = nil
		for _, b := range s.Browser {
			browsers = append(browsers, workstation.Browser(b))
		}
	}
	return workstation.Installation{Machine: m, System: s.System, Browsers: browsers, Registry: workstation.SystemRegistry(), DryRun: s.DryRun,
		Report: func(did, what string) { fmt.Fprintf(t.out, "%-6s  %s\n", did, what) }}, err
}

type installCmd struct {
	scope
	Origin   []string `help:"Site that may ask for a card: https://pro.example. May be repeated." placeholder:"URL"`
	Chrome   []string `name:"chrome-id" help:"Id of the extension in Chrome, Edge and Chromium; the stores give different ones." placeholder:"ID"`
	Firefox  []string `name:"firefox-id" help:"Id of the add-on." default:"carnet-vitale@carnet.example" placeholder:"ID"`
	Operator string   `help:"Who publishes the extension (JSON), for the texts of \"terms\"." type:"existingfile" placeholder:"FILE"`
	Specimen bool     `help:"Accept the specimen card, and refuse real ones: for trying."`
	Local    bool     `help:"Accept http://localhost as an origin: for development only."`
}

// Run shows the conditions and the principles, then installs. What was allowed before stays allowed.
func (c *installCmd) Run(t *terminal) error {
	in, err := c.installation(t)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	who := legal.Sandbox()
	if c.Operator != "" {
		if in.Operator, err = os.ReadFile(c.Operator); err != nil {
			return err
		}
		if who, err = legal.ReadOperator(in.Operator); err != nil {
			return err
		}
	}
	settings := module.Config{}
	if text, err := os.ReadFile(in.ConfigFile()); err == nil {
		if settings, err = module.ReadConfig(text); err != nil {
			return fmt.Errorf("%s: %w", in.ConfigFile(), err)
		}
	}
	settings.Accept = "real"
	if c.Specimen {
		settings.Accept = "specimen"
	}
	settings.Local = c.Local
	for _, add := range []struct {
		to   *[]string
		what []string
	}{{&settings.Origins, c.Origin}, {&settings.Chrome, c.Chrome}, {&settings.Firefox, c.Firefox}} {
		for _, v := range add.what {
			if !slices.Contains(*add.to, v) {
				*add.to = append(*add.to, v)
			}
		}
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	if _, err := module.ReadConfig(text); err != nil { // an origin that is none
		return err
	}
	if err := show(t, who, "terms"); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "\n%s\n", t.say("Les dix principes de sécurité du poste\u00a0:", "The ten principles of a secure workstation:"))
	for i, p := range workstation.Principles {
		fmt.Fprintf(t.out, "%2d. %s\n", i+1, p.Words[t.language])
	}
	fmt.Fprintln(t.out)
	return in.Install(program, settings)
}

type uninstallCmd struct{ scope }

// Run removes what install wrote.
func (c *uninstallCmd) Run(t *terminal) error {
	in, err := c.installation(t)
	if err != nil {
		return err
	}
	return in.Uninstall()
}

type allowCmd struct {
	Origin string `arg:"" help:"The site: https://pro.example, without a path."`
	System bool   `help:"In the configuration of the whole machine."`
	Remove bool   `help:"Take the site off the list."`
}

// Run changes the list of allowed sites.
func (c *allowCmd) Run(t *terminal) error {
	in, err := scope{System: c.System}.installation(t)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(in.ConfigFile())
	if err != nil {
		return fmt.Errorf("%w (carnet-vitale install)", err)
	}
	settings, err := module.ReadConfig(text)
	if err != nil {
		return err
	}
	settings.Origins = slices.DeleteFunc(settings.Origins, func(o string) bool { return o == c.Origin })
	if !c.Remove {
		settings.Origins = append(settings.Origins, c.Origin)
	}
	if text, err = json.MarshalIndent(settings, "", "  "); err != nil {
		return err
	}
	if _, err := module.ReadConfig(text); err != nil {
		return err
	}
	if err := os.WriteFile(in.ConfigFile(), append(text, '\n'), 0o644); err != nil {
		return err
	}
	fmt.Fprintln(t.out, strings.Join(settings.Origins, "\n"))
	return nil
}

type readCmd struct {
	Reveal bool          `help:"Print all that the card says, as JSON: personal data on the terminal."`
	Wait   time.Duration `help:"Wait for a card, for so long." placeholder:"30s"`
}

// Run reads a card. Without --reveal it says how much there is, and nothing of it.
func (c *readCmd) Run(ctx context.Context, t *terminal) error {
	data, err := c.read(ctx)
	if err != nil {
		return refused(t, err)
	}
	if c.Reveal {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		return e.Encode(data)
	}
	fmt.Fprintf(t.out, t.say("Carte lue\u00a0: %s, nature %s, %d bénéficiaire(s).\n", "Card read: %s, nature %s, %d beneficiary(ies).\n"), data.Card.Type, data.Card.Nature, len(data.Beneficiaries))
	fmt.Fprintf(t.out, t.say("Ce qu’elle ne donne pas\u00a0: %s.\n", "What it does not give: %s.\n"), strings.Join(data.Missing, ", "))
	return nil
}

func (c *readCmd) read(ctx context.Context) (vitale.Data, error) {
	if c.Wait == 0 {
		return cards{}.Read(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	s, err := pcsc.Open()
	if err != nil {
		return vitale.Data{}, err
	}
	defer func() { _ = s.Close() }()
	for {
		known, err := s.Readers()
		if err != nil {
			return vitale.Data{}, err
		}
		data, err := pcsc.Read(ctx, s)
		if code := vitale.CodeOf(err); err == nil || code != vitale.NoCard && code != vitale.NoReader && code != vitale.CardRemoved {
			return data, err
		}
		if _, waited := s.Wait(ctx, known); waited != nil {
			return vitale.Data{}, err
		}
	}
}

// refused tells a cause and what to do.
func refused(t *terminal, err error) error {
	code := vitale.CodeOf(err)
	w := module.Sentences[code]
	fmt.Fprintf(t.err, "%s (%s)\n%s\n", w.Says[t.language], code, w.Do[t.language])
	return exit(exitNo)
}

type doctorCmd struct {
	JSON   bool `help:"Print one JSON list."`
	Card   bool `help:"Print the trace of a reading of the card, to send to those who repair the program. Needs --redact."`
	Redact bool `help:"Blank every value in that trace: what stays is status words, tags and lengths."`
}

// Run prints the findings. It changes nothing.
func (c *doctorCmd) Run(ctx context.Context, t *terminal) error {
	if c.Card {
		if !c.Redact {
			return errors.New("--card goes with --redact: a trace with its values would tell who the person is")
		}
		return trace(ctx, t)
	}
	m, err := machine()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	root := "/"
	if m.OS == "windows" {
		root = filepath.VolumeName(m.Home) + `\`
	}
	list := workstation.Doctor{Machine: m, Registry: workstation.SystemRegistry(), Language: t.language, Program: program, Open: pcsc.Open,
		Host: workstation.Host{OS: m.OS, FS: os.DirFS(root), Now: time.Now(), Root: os.Geteuid() == 0, Run: workstation.RunProgram, Key: workstation.RegistryNumber}}.Examine(ctx)
	if c.JSON {
		e := json.NewEncoder(t.out)
		e.SetIndent("", "  ")
		if err := e.Encode(list); err != nil {
			return err
		}
	} else {
		mark := map[workstation.State]string{workstation.OK: "ok", workstation.Bad: t.say("À CORRIGER", "NOT WELL"), workstation.Unknown: t.say("non vérifiable ici", "not checkable here")}
		for _, f := range list {
			fmt.Fprintf(t.out, "%-18s  %s\n%20s%s\n", mark[f.State], f.Check, "", f.Seen)
			if f.Do != "" {
				fmt.Fprintf(t.out, "%20s→ %s\n", "", f.Do)
			}
		}
	}
	if !workstation.Well(list) {
		return exit(exitNo)
	}
	return nil
}

// trace reads the first card and prints what went over the wire, blanked. A reading that fails is what it is for.
func trace(ctx context.Context, t *terminal) error {
	s, err := pcsc.Open()
	if err != nil {
		return refused(t, err)
	}
	defer func() { _ = s.Close() }()
	list, err := s.Readers()
	if err != nil {
		return refused(t, err)
	}
	i := slices.IndexFunc(list, func(r pcsc.Reader) bool { return r.Present })
	if i < 0 {
		return refused(t, &vitale.Error{Code: vitale.NoCard})
	}
	var recorder *vitale.Recorder
	err = s.Use(list[i], func(card *pcsc.Card) error {
		recorder = vitale.NewRecorder(card, list[i].ATR)
		_, err := vitale.Direct{Card: recorder, ATR: list[i].ATR}.Read(ctx)
		return err
	})
	if recorder == nil {
		return refused(t, err)
	}
	var b bytes.Buffer
	if _, err := recorder.WriteTo(&b); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%s# %s %s/%s", &b, version(), runtime.GOOS, runtime.GOARCH)
	if err != nil {
		fmt.Fprintf(t.out, ": %v", err)
	}
	fmt.Fprintln(t.out)
	return nil
}

type termsCmd struct {
	Page string `arg:"" help:"terms, privacy, notice or differences." enum:"terms,privacy,notice,differences" default:"terms"`
}

// Run shows a text; it needs no network.
func (c *termsCmd) Run(t *terminal) error {
	who := legal.Sandbox()
	if text, err := beside("operator.json"); err == nil {
		if who, err = legal.ReadOperator(text); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return show(t, who, c.Page)
}

func show(t *terminal, who legal.Operator, page string) error {
	text, err := who.Text(page, [2]string{"fr", "en"}[t.language])
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.out, text)
	return err
}

type versionCmd struct{}

// Run prints the versions.
func (versionCmd) Run(t *terminal) error {
	_, err := fmt.Fprintf(t.out, "carnet-vitale %s, messages %d, %s\n", version(), module.Version, runtime.Version())
	return err
}
