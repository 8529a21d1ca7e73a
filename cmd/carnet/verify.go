package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mattn/go-isatty"

	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/verify"
	"carnet/internal/verify/scan"
)

// VerifyCmd is `carnet verify`.
type VerifyCmd struct {
	JSON    bool     `help:"Print one JSON object per code and per line."`
	Trust   []string `help:"Certificates that are believed: a folder or a file of PEM or DER certificates, a published trust list, or a sealed bundle with the public key of who sealed it. May be given several times; by default the public certificates of this instance." placeholder:"PATH" sep:"none" type:"path"`
	Rules   []string `help:"Business rules: a folder or a file of published rules and value sets (JSON). May be given several times." placeholder:"PATH" sep:"none" type:"path"`
	Country string   `help:"Country whose rules count (ISO 3166, two letters); by default that of the rules when they are of one." placeholder:"CC"`
	Revoked []string `help:"Lists of revoked certificates: a folder or a file of the signed list of Carnet with the public key of its publisher (PEM), or of published lists. May be given several times." placeholder:"PATH" sep:"none" type:"path"`
	At      string   `help:"Verify as if it were this instant (RFC 3339); by default now." placeholder:"TIME"`
	Input   []string `arg:"" help:"PDF, picture or text files, or - for one payload per line on the standard input."`
}

const maxLine = 1 << 20

// verification is one run of the command.
type verification struct {
	cmd    *VerifyCmd
	check  verify.Checker
	words  verify.Words
	at     time.Time
	t      terminal
	colour bool

	codes, invalid, unread int
}

// Run verifies every input. The program ends with 0 when all codes are valid, 1 when one is not, 2
// when nothing could be read or an input could not.
func (c *VerifyCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	words, err := verify.ReadWords(s.language())
	if err != nil {
		return err
	}
	v := &verification{cmd: c, words: words, t: t, at: time.Now()}
	if f, ok := t.out.(*os.File); ok {
		v.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
	}
	if c.At != "" {
		if v.at, err = time.Parse(time.RFC3339, c.At); err != nil {
			v.say(c.At, "time.malformed", nil)
			return exit(exitUnable)
		}
	}
	if !v.loadTrust(s.Data) || !v.loadRules() || !v.loadRevoked(s.Data) {
		return exit(exitUnable)
	}
	for _, name := range c.Input {
		if err := ctx.Err(); err != nil {
			return err
		}
		if name == "-" {
			err = v.lines(t.in)
		} else {
			err = v.file(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case v.invalid > 0:
		return exit(exitNo)
	case v.unread > 0 || v.codes == 0:
		return exit(exitUnable)
	}
	return nil
}

// say prints what went wrong, where, and what to do, where errors belong.
func (v *verification) say(where, code string, cause error) {
	fmt.Fprintf(v.t.err, "carnet: %s: %s\n", where, v.words.Problem(code))
	if cause != nil {
		fmt.Fprintf(v.t.err, "  %v\n", cause)
	}
}

func (v *verification) loadTrust(data string) bool {
	paths := v.cmd.Trust
	if len(paths) == 0 {
		own := filepath.Join(data, "trust")
		if _, err := os.Stat(own); errors.Is(err, fs.ErrNotExist) {
			// Codes can still be read; every verdict will say that the key is unknown.
			v.say(own, "trust.default", nil)
			v.check.Trust = &verify.Trust{}
			return true
		}
		paths = []string{own}
	}
	trust, warnings, err := verify.LoadTrust(paths, verify.Options{})
	for _, w := range warnings {
		v.say("--trust", "trust.partial", w)
	}
	if err != nil {
		v.say("--trust", "trust.unreadable", err)
		return false
	}
	v.check.Trust = trust
	return true
}

func (v *verification) loadRules() bool {
	if len(v.cmd.Rules) == 0 {
		if v.cmd.Country != "" {
			v.say("--country", "rules.missing", nil)
			return false
		}
		return true
	}
	rules, warnings, err := verify.LoadRules(v.cmd.Rules, v.cmd.Country)
	for _, w := range warnings {
		v.say("--rules", "rules.partial", w)
	}
	switch {
	case errors.Is(err, verify.ErrNoCountry):
		v.say("--rules", "rules.country", err)
	case err != nil:
		v.say("--rules", "rules.unreadable", err)
	}
	v.check.Rules = rules
	return err == nil
}

func (v *verification) loadRevoked(data string) bool {
	if len(v.cmd.Revoked) == 0 {
		return true
	}
	paths := v.cmd.Revoked
	if own := filepath.Join(data, "trust", certify.ListKeyFile); exists(own) {
		paths = append(slices.Clip(paths), own) // who publishes the lists of this instance
	}
	revoked, warnings, err := verify.LoadRevoked(paths, v.at)
	for _, w := range warnings {
		v.say("--revoked", "revoked.partial", w)
	}
	if err != nil {
		v.say("--revoked", "revoked.unreadable", err)
	}
	v.check.Revoked = revoked
	return err == nil
}

func (v *verification) file(ctx context.Context, name string) error {
	info, err := os.Stat(name)
	var data []byte
	if err == nil {
		// One byte more than the scanner takes, so that it is the one to refuse a larger file.
		var f *os.File
		if f, err = os.Open(name); err == nil {
			data, err = io.ReadAll(io.LimitReader(f, scan.MaxFile+1))
			err = errors.Join(err, f.Close())
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.unread++
		v.say(name, "file.missing", nil)
		return nil
	case err != nil || info.IsDir():
		v.unread++
		v.say(name, "file.unreadable", err)
		return nil
	}
	verdicts, err := v.check.File(ctx, name, data, v.at, scan.Limits{})
	for _, d := range verdicts {
		if err := v.print(d); err != nil {
			return err
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if carnet.KindOf(err) != carnet.Invalid {
			return err
		}
		v.unread++
		e, _ := errors.AsType[*carnet.Error](err)
		v.say(name, e.Code, e.Err)
	}
	return nil
}

// lines verifies one payload per line.
func (v *verification) lines(in io.Reader) error {
	r := bufio.NewReaderSize(in, maxLine)
	for n := 1; ; n++ {
		line, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			v.unread++
			v.say(fmt.Sprintf("-:%d", n), "line.long", nil)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
			line = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading the standard input: %w", err)
		}
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(bytes.TrimSpace(line)) > 0 {
			if d, ok := v.check.Line("-", line, n, v.at); ok {
				if err := v.print(d); err != nil {
					return err
				}
			} else {
				v.unread++
				v.say(fmt.Sprintf("-:%d", n), "line.other", nil)
			}
		}
		if err != nil {
			return nil
		}
	}
}

func (v *verification) print(d verify.Verdict) error {
	v.codes++
	if !d.Valid {
		v.invalid++
	}
	if v.cmd.JSON {
		e := json.NewEncoder(v.t.out)
		e.SetEscapeHTML(false)
		return e.Encode(d)
	}
	if v.codes > 1 {
		fmt.Fprintln(v.t.out)
	}
	return v.words.Write(v.t.out, d, v.colour)
}
