// Package engine answers the page of the verifier, on the device: requests and answers are bytes, so
// that it is the same in a test and behind WebAssembly (folder wasm).
//
// A request is one line of JSON (Request), then the bytes to check. An answer is JSON (Answer). The
// engine reads no clock, no file and no network: trust comes with the first request, and the instant
// with each.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"carnet/internal/carnet"
	"carnet/internal/verify"
	"carnet/internal/verify/scan"
)

// Limits of what is checked on a device.
var limits = scan.Limits{File: MaxFile, Pages: 10, Lines: 100, Time: 20 * time.Second}

// MaxFile is how many bytes a file or a frame may have.
const MaxFile = 24 << 20

// Kinds of request.
const (
	Trust = "trust" // the bytes are those of verify.Checker.Pack
	File  = "file"  // PDF, picture or text
	Frame = "frame" // one frame of a camera, see scan.Frame
)

// Request says what to do with the bytes behind it.
type Request struct {
	Kind    string    `json:"kind"`
	Lang    string    `json:"lang"`
	At      time.Time `json:"at"`
	Minimal bool      `json:"minimal"`
	Width   int       `json:"width,omitempty"` // of a frame
	Height  int       `json:"height,omitempty"`
}

// Answer is what the page shows.
type Answer struct {
	Facts    []verify.Row  `json:"facts,omitempty"`    // what is trusted, to a request of kind Trust
	Verdicts []verify.View `json:"verdicts,omitempty"` // one for each code
	Problem  *Problem      `json:"problem,omitempty"`  // why there is none, or not all
}

// Problem is why something could not be checked, in words.
type Problem struct {
	Code  string `json:"code"`
	Words string `json:"words"`
}

// Engine holds what is trusted. The zero value trusts nothing. It is for one goroutine.
type Engine struct {
	checker verify.Checker
	words   map[string]verify.Words
}

// Answer answers one request.
func (e *Engine) Answer(request []byte) []byte {
	out, err := json.Marshal(e.answer(request))
	if err != nil { // texts and booleans: nothing here cannot be marshalled
		return []byte(`{"problem":{"code":"internal","words":""}}`)
	}
	return out
}

func (e *Engine) answer(request []byte) Answer {
	line, body, _ := bytes.Cut(request, []byte("\n"))
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return e.fail(r, "request.malformed")
	}
	if r.Kind == Trust {
		checker, made, err := verify.Unpack(body, r.At)
		if err != nil {
			return e.fail(r, "trust.unreadable")
		}
		e.checker = checker
		words, err := e.speak(r.Lang)
		if err != nil {
			return e.fail(r, "request.malformed")
		}
		return Answer{Facts: words.Facts(checker.Facts(made))}
	}
	verdicts, err := e.check(r, body)
	words, lang := e.speak(r.Lang)
	if lang != nil {
		return e.fail(r, "request.malformed")
	}
	a := Answer{Verdicts: words.Views(verdicts, r.Minimal)}
	if err != nil {
		a.Problem = e.fail(r, carnet.CodeOf(err)).Problem
	}
	return a
}

func (e *Engine) check(r Request, body []byte) ([]verify.Verdict, error) {
	switch r.Kind {
	case File:
		return e.checker.File(context.Background(), "-", body, r.At, limits)
	case Frame:
		codes, err := scan.Frame(context.Background(), body, r.Width, r.Height, limits)
		return e.checker.Codes("-", codes, r.At), err
	}
	return nil, carnet.E("engine.check", carnet.Invalid, "request.malformed", errors.New("unknown kind"))
}

// speak reads a catalogue at its first use.
func (e *Engine) speak(lang string) (verify.Words, error) {
	if w, ok := e.words[lang]; ok {
		return w, nil
	}
	w, err := verify.ReadWords(lang)
	if err != nil {
		return w, fmt.Errorf("words: %w", err)
	}
	if e.words == nil {
		e.words = map[string]verify.Words{}
	}
	e.words[lang] = w
	return w, nil
}

func (e *Engine) fail(r Request, code string) Answer {
	p := &Problem{Code: code}
	if w, err := e.speak(r.Lang); err == nil {
		p.Words = w.Problem(code)
	}
	return Answer{Problem: p}
}
