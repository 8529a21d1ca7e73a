package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"carnet/internal/sandbox/card"
)

// Exit codes of every command.
const (
	exitOK     = 0
	exitNo     = 1 // the answer is no: a code is not valid, a check failed
	exitUnable = 2 // nothing could be done: bad arguments, a file that cannot be read
)

type cli struct {
	Settings

	Serve      serveCmd      `cmd:"" help:"Run the whole platform on this machine, with its sandbox, until Ctrl-C."`
	Demo       demoCmd       `cmd:"" help:"Record, certify and verify once without a browser, and show that forgery fails."`
	Verify     VerifyCmd     `cmd:"" help:"Check certificates: PDF, PNG, JPEG or text files, or - for one payload per line."`
	Import     importCmd     `cmd:"" help:"Take over a file of vaccinations: tried first, answered row by row, safe to send again."`
	Revoke     revokeCmd     `cmd:"" help:"Revoke a certificate that this instance issued."`
	Revoked    revokedCmd    `cmd:"" help:"Publish, show or fetch the signed list of revoked certificates."`
	Lots       lotsCmd       `cmd:"" help:"Recall a lot, or see how far its recall has come."`
	Publish    releaseCmd    `cmd:"" help:"Make the next release of the public figures."`
	Login      loginCmd      `cmd:"" help:"Check how people log in."`
	Software   softwareCmd   `cmd:"" help:"Register, list or revoke the software that acts for professionals."`
	Session    sessionCmd    `cmd:"" help:"List or end the sessions of a professional."`
	People     peopleCmd     `cmd:"" help:"List the records whose source has not confirmed them for long."`
	Fraud      fraudCmd      `cmd:"" help:"List, review and answer what was out of the ordinary in entries; revoke a session in one order."`
	Trust      trustCmd      `cmd:"" help:"Gather, seal or show the 2D-Doc certificates and revocations that verifiers believe."`
	Sandbox    sandboxCmd    `cmd:"" help:"Parts of the outside world, for trying."`
	Catalogue  catalogueCmd  `cmd:"" name:"catalogue" help:"List, show, check, compare or sign the vaccines and their rules."`
	Register   registerCmd   `cmd:"" help:"Check, show, compare, export or sign the register of processing activities."`
	Doctor     doctorCmd     `cmd:"" help:"Print the settings in force, where each comes from, and check the instance."`
	Completion completionCmd `cmd:"" help:"Print the completion script of a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// terminal is what a command talks to.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

// exit ends the program with a code; what there was to say has been said.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	var c cli
	file, err := readConfig(configPath(args, os.Getenv))
	if err != nil {
		fmt.Fprintln(errOut, "carnet:", err)
		return exitUnable
	}
	c.Settings.fraud = file.fraud
	done := -1 // kong ends --help here
	parser, err := kong.New(&c,
		kong.Name("carnet"),
		kong.Description("An open vaccination platform: record, certify, verify. Settings come from flags, then CARNET_… variables, then the configuration file."),
		kong.DefaultEnvars("CARNET"),
		kong.Resolvers(file),
		kong.Vars{"faults": faults(), "reader": card.Address},
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { done = code }),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(terminal{in, out, errOut}, file),
	)
	if err != nil {
		fmt.Fprintln(errOut, "carnet:", err)
		return exitUnable
	}
	if err := file.check(parser.Model); err != nil {
		fmt.Fprintln(errOut, "carnet:", err)
		return exitUnable
	}
	k, err := parser.Parse(args)
	if done >= 0 {
		return done
	}
	if err != nil {
		fmt.Fprintf(errOut, "carnet: %v\nTry: carnet --help\n", err)
		return exitUnable
	}
	err = k.Run(&c.Settings, k)
	if code, ok := errors.AsType[exit](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintln(errOut, "carnet:", err)
		return exitUnable
	}
	return exitOK
}

// logger is the one that every part of the program writes to. Values about people hide themselves.
func (s *Settings) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		level = slog.LevelInfo // the enum of the flag lets nothing else through
	}
	o := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// language is the one that the terminal asked for: --lang, else LANG, else English.
func (s *Settings) language() string {
	if s.Lang != "" {
		return s.Lang
	}
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			if strings.HasPrefix(v, "fr") {
				return "fr"
			}
			return "en"
		}
	}
	return "en"
}
