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
	Draw  = "draw"  // a payload, to be shown as the symbol of its kind
)

// Request says what to do with the bytes behind it.
type Request struct {
	Kind    string    `json:"kind"`
	Lang    string    `json:"lang"`
	At      time.Time `json:"at"`
	Minimal bool      `json:"minimal"`
	Keep    bool      `json:"keep,omitempty"`  // also what a wallet keeps of each code
	Width   int       `json:"width,omitempty"` // of a frame
	Height  int       `json:"height,omitempty"`
}

// Answer is what the page shows.
type Answer struct {
	Facts    []verify.Row  `json:"facts,omitempty"`    // what is trusted, to a request of kind Trust
	Verdicts []verify.View `json:"verdicts,omitempty"` // one for each code
	Kept     []Kept        `json:"kept,omitempty"`     // as many as verdicts, to a request with Keep
	Symbol   *Symbol       `json:"symbol,omitempty"`   // to a request of kind Draw
	Problem  *Problem      `json:"problem,omitempty"`  // why there is none, or not all
}

// Kept is what a wallet keeps of a code and knows it by.
type Kept struct {
	Payload []byte `json:"payload"`
	Format  string `json:"format"`         // scan.TwoDDoc or scan.HCert
	ID      string `json:"id"`             // of the document, whatever its signature
	Ends    string `json:"ends,omitempty"` // AAAA-MM-JJ, when the document says until when it may be shown
	Revoked bool   `json:"revoked"`
}

// Symbol is a barcode in modules, without its quiet zone.
type Symbol struct {
	Kind string `json:"kind"` // "datamatrix" or "qr"
	Side int    `json:"side"`
	Path string `json:"path"` // of an SVG, dark modules
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
	if r.Kind == Draw {
		symbol, err := draw(body)
		if err != nil {
			return e.fail(r, carnet.CodeOf(err))
		}
		return Answer{Symbol: symbol}
	}
	codes, err := e.codes(r, body)
	verdicts := e.checker.Codes("-", codes, r.At)
	if err == nil && len(verdicts) == 0 && r.Kind == File {
		err = carnet.E("engine.answer", carnet.Invalid, "scan.nothing", nil)
	}
	words, lang := e.speak(r.Lang)
	if lang != nil {
		return e.fail(r, "request.malformed")
	}
	a := Answer{Verdicts: words.Views(verdicts, r.Minimal)}
	if r.Keep {
		a.Kept = kept(codes, verdicts)
	}
	if err != nil {
		a.Problem = e.fail(r, carnet.CodeOf(err)).Problem
	}
	return a
}

// codes are the codes of a file or a frame that are documents.
func (e *Engine) codes(r Request, body []byte) ([]scan.Code, error) {
	switch r.Kind {
	case File:
		return scan.Scan(context.Background(), body, limits)
	case Frame:
		return scan.Frame(context.Background(), body, r.Width, r.Height, limits)
	}
	return nil, carnet.E("engine.codes", carnet.Invalid, "request.malformed", errors.New("unknown kind"))
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
