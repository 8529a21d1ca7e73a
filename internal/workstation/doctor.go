package workstation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"carnet/internal/module"
	"carnet/internal/pcsc"
	"carnet/vitale"
)

// Finding is the result of one check: what was seen, and the one thing to do when it is not well.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Seen  string `json:"seen"`
	Do    string `json:"do,omitempty"`
}

// Doctor examines a workstation. It changes nothing and says nothing about anybody's card.
type Doctor struct {
	Machine  Machine
	Host     Host
	Registry Registry
	Language int    // module.French or module.English
	Program  string // this program's path
	Open     func() (*pcsc.Service, error)
}

func (d Doctor) say(fr, en string) string {
	if d.Language == module.French {
		return fr
	}
	return en
}

// Examine lists everything: the service, readers and cards, the browsers, then the ten principles.
func (d Doctor) Examine(ctx context.Context) []Finding {
	list := d.cards(ctx)
	list = append(list, d.browsers()...)
	for i, p := range Principles {
		state, seen := p.check(d.Host)
		f := Finding{fmt.Sprintf("%d. %s", i+1, p.Words[d.Language]), state, seen[d.Language], ""}
		if state == Bad {
			f.Do = d.say("corrigez-le, ou demandez-le à qui administre le poste", "put it right, or ask whoever administers the workstation")
		}
		list = append(list, f)
	}
	return list
}

func (d Doctor) cards(ctx context.Context) []Finding {
	service := Finding{Check: d.say("service de cartes", "card service"), State: OK, Seen: d.say("il répond", "it answers")}
	fail := func(f Finding, err error) Finding {
		w := module.Sentences[vitale.CodeOf(err)]
		f.State, f.Seen, f.Do = Bad, w.Says[d.Language]+" ("+string(vitale.CodeOf(err))+")", w.Do[d.Language]
		return f
	}
	s, err := d.Open()
	if err != nil {
		f := fail(service, err)
		if d.Machine.OS == "linux" {
			for _, need := range []string{"usr/sbin/pcscd", "usr/lib/pcsc/drivers/ifd-ccid.bundle"} {
				if _, err := fs.Stat(d.Host.FS, need); errors.Is(err, fs.ErrNotExist) {
					f.Do = d.say("apt install pcscd libccid", "apt install pcscd libccid")
				}
			}
		}
		return []Finding{f}
	}
	defer func() { _ = s.Close() }() // what it said has been heard
	list := []Finding{service}
	readers, err := s.Readers()
	if err == nil && len(readers) == 0 {
		err = &vitale.Error{Code: vitale.NoReader}
	}
	if err != nil {
		return append(list, fail(Finding{Check: d.say("lecteur", "reader")}, err))
	}
	for _, r := range readers {
		f := Finding{Check: d.say("lecteur ", "reader ") + r.Name, State: OK}
		kind, err := pcsc.Probe(ctx, s, r)
		if err != nil {
			list = append(list, fail(f, err))
			continue
		}
		f.Seen = map[vitale.Kind]string{
			vitale.KindNone: d.say("aucune carte", "no card"), vitale.KindVitale2: "carte Vitale 2", vitale.KindVitale1: d.say("carte Vitale 1, illisible", "carte Vitale 1, cannot be read"),
			vitale.KindProfessional: d.say("carte de professionnel", "professional’s card"), vitale.KindOther: d.say("une autre carte", "another card"),
		}[kind]
		list = append(list, f)
	}
	return list
}

// browsers looks at each place where a browser may find the module.
func (d Doctor) browsers() []Finding {
	var list []Finding
	found := false
	for _, system := range []bool{false, true} {
		in := Installation{Machine: d.Machine, System: system}
		for _, p := range d.Machine.Places(system, Browsers()) {
			m, err := ReadManifest(p.File)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			found = true
			f := Finding{Check: string(p.Browser), State: OK, Seen: p.File}
			bad := func(fr, en string) {
				f.State, f.Seen, f.Do = Bad, p.File+d.say("\u00a0: ", ": ")+d.say(fr, en), d.say("relancez carnet-vitale install", "run carnet-vitale install again")
			}
			program, stat := os.Stat(m.Path)
			this, here := os.Stat(d.Program)
			switch {
			case err != nil:
				bad("illisible", "cannot be read")
			case m.Name != module.Name || m.Type != "stdio":
				bad("n’est pas celui du module", "is not the module’s")
			case stat != nil:
				bad("le programme qu’il nomme n’existe plus", "the program that it names is gone")
			case here == nil && program.Size() != this.Size():
				bad("il nomme une autre version du programme", "it names another version of the program")
			case len(m.AllowedOrigins)+len(m.AllowedExtensions) == 0:
				bad("il n’admet aucune extension", "it allows no extension")
			}
			if p.Key != "" && d.Registry != nil {
				if value, ok, err := d.Registry.Get(system, p.Key); err != nil || !ok || value != p.File {
					bad("la base de registre ne le nomme pas", "the registry does not name it")
				}
			}
			list = append(list, f)
		}
		text, err := os.ReadFile(in.ConfigFile())
		if errors.Is(err, fs.ErrNotExist) && system && d.Machine.OS == "linux" { // the Debian package has it elsewhere
			text, err = os.ReadFile(d.Machine.join(d.Machine.Root, "/etc/carnet-vitale/config.json"))
		}
		if err == nil {
			f := Finding{Check: d.say("sites admis", "allowed sites"), State: OK}
			c, err := module.ReadConfig(text)
			switch {
			case err != nil:
				f.State, f.Seen, f.Do = Bad, in.ConfigFile()+": "+err.Error(), d.say("relancez carnet-vitale install", "run carnet-vitale install again")
			case len(c.Origins) == 0:
				f.State, f.Seen, f.Do = Bad, d.say("aucun", "none"), "carnet-vitale allow https://…"
			default:
				f.Seen = strings.Join(c.Origins, ", ")
			}
			list = append(list, f)
		}
	}
	if !found {
		list = append(list, Finding{d.say("navigateurs", "browsers"), Bad, d.say("aucun navigateur ne connaît le module", "no browser knows the module"), "carnet-vitale install"})
	}
	if d.Machine.OS == "linux" && d.Host.exists("snap/firefox") {
		list = append(list, Finding{"firefox (snap)", Unknown, d.say("un navigateur en bac à sable ne lance un programme que par le portail", "a sandboxed browser starts a program through the portal only"),
			"flatpak permission-set webextensions " + module.Name + " snap.firefox yes"})
	}
	return list
}

// Well reports that nothing is bad.
func Well(list []Finding) bool {
	return !slices.ContainsFunc(list, func(f Finding) bool { return f.State == Bad })
}
