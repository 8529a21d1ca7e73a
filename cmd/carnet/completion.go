package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script. It holds the commands and flags of this very program.
func (c *completionCmd) Run(k *kong.Context, t terminal) error {
	global := flags(k.Model.Flags)
	var b strings.Builder
	switch c.Shell {
	case "fish":
		for _, f := range k.Model.Flags {
			fmt.Fprintf(&b, "complete -c carnet -l %s -d %s\n", f.Name, quote(f.Help))
		}
		for _, n := range k.Model.Children {
			fmt.Fprintf(&b, "complete -c carnet -n __fish_use_subcommand -f -a %s -d %s\n", n.Name, quote(n.Help))
			for _, c := range n.Children {
				fmt.Fprintf(&b, "complete -c carnet -n '__fish_seen_subcommand_from %s' -f -a %s -d %s\n", n.Name, c.Name, quote(c.Help))
			}
			for _, f := range ownFlags(n) {
				fmt.Fprintf(&b, "complete -c carnet -n '__fish_seen_subcommand_from %s' -l %s -d %s\n", n.Name, f.Name, quote(f.Help))
			}
		}
	default:
		if c.Shell == "zsh" {
			b.WriteString("#compdef carnet\nautoload -U +X bashcompinit && bashcompinit\n")
		}
		b.WriteString("_carnet() {\n  local cur=${COMP_WORDS[COMP_CWORD]} words w\n  words=\"" + global)
		for _, n := range k.Model.Children {
			b.WriteString(" " + n.Name)
		}
		b.WriteString("\"\n  for w in \"${COMP_WORDS[@]:1}\"; do case $w in\n")
		for _, n := range k.Model.Children {
			words := flags(ownFlags(n))
			for _, c := range n.Children {
				words += " " + c.Name
			}
			fmt.Fprintf(&b, "    %s) words=\"%s %s\" ;;\n", n.Name, global, words)
		}
		b.WriteString("  esac; done\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _carnet carnet\n")
	}
	_, err := fmt.Fprint(t.out, b.String())
	return err
}

// ownFlags lists the flags of a command and of the commands under it, each name once.
func ownFlags(n *kong.Node) []*kong.Flag {
	list := slices.Clone(n.Flags)
	for _, c := range n.Children {
		for _, f := range c.Flags {
			if !slices.ContainsFunc(list, func(known *kong.Flag) bool { return known.Name == f.Name }) {
				list = append(list, f)
			}
		}
	}
	return list
}

func flags(list []*kong.Flag) string {
	var names []string
	for _, f := range list {
		names = append(names, "--"+f.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
