package module

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"carnet/vitale"
)

// Version of the messages.
const Version = 1

// Name is that of the host, as browsers ask for it.
const Name = "fr.carnet.vitale"

// Codes of answers beside those of package vitale.
const (
	BadRequest      vitale.Code = "BAD_REQUEST"
	VersionMismatch vitale.Code = "VERSION_MISMATCH"
	OriginRefused   vitale.Code = "ORIGIN_NOT_ALLOWED"
	Insecure        vitale.Code = "INSECURE_CONTEXT"
	PurposeRefused  vitale.Code = "PURPOSE_REFUSED"
)

// Purposes for which a card may be read: a care act or a vaccination. Others are refused.
var Purposes = []string{"care", "vaccination"}

// Request is what the extension asks.
type Request struct {
	V       int    `json:"v"`
	Op      string `json:"op"` // status or read
	Origin  string `json:"origin"`
	Purpose string `json:"purpose,omitempty"` // of a read
}

// Answer is what the host says.
type Answer struct {
	V      int          `json:"v"`
	Host   string       `json:"host"`
	OK     bool         `json:"ok"`
	Code   vitale.Code  `json:"code,omitempty"`
	MS     int64        `json:"ms"`
	Status *Status      `json:"status,omitempty"`
	Data   *vitale.Data `json:"data,omitempty"`
}

// Status tells what is plugged in, without names.
type Status struct {
	Service bool     `json:"service"`
	Readers []Reader `json:"readers"`
}

// Reader is one reader, by what is in it.
type Reader struct {
	Card vitale.Kind `json:"card"`
}

// Config says whom the host serves. The zero value serves nobody.
type Config struct {
	Origins []string `json:"origins"` // https://pro.example, compared exactly
	Chrome  []string `json:"chrome"`  // ids of the extension in the Chromium family
	Firefox []string `json:"firefox"` // ids of the add-on
	Accept  string   `json:"accept"`  // real (default) or specimen: what nature of card is read
	Local   bool     `json:"local"`   // http://localhost counts as secure: development only
}

// MaxConfig is the size of a configuration file.
const MaxConfig = 64 << 10

// ReadConfig reads a configuration; unknown fields and other values are refused.
func ReadConfig(text []byte) (Config, error) {
	var c Config
	if len(text) > MaxConfig {
		return c, errors.New("module: the configuration is too long")
	}
	if err := strict(text, &c); err != nil {
		return Config{}, err
	}
	if c.Accept != "" && c.Accept != "real" && c.Accept != "specimen" {
		return Config{}, errors.New("module: accept is neither real nor specimen")
	}
	for _, o := range c.Origins {
		if code := c.origin(o); code != "" {
			return Config{}, errors.New("module: " + string(code) + ": " + o)
		}
	}
	return c, nil
}

// strict decodes one JSON value without unknown fields and with nothing after it.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("module: more than one value")
	}
	return nil
}

// origin says what is wrong with the form of an origin, or nothing.
func (c Config) origin(o string) vitale.Code {
	host, secure := strings.CutPrefix(o, "https://")
	if !secure {
		var local bool
		if host, local = strings.CutPrefix(o, "http://"); !local || !c.Local || host != "localhost" && !strings.HasPrefix(host, "localhost:") {
			return Insecure
		}
	}
	if host == "" || len(host) > 255 || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" {
		return OriginRefused
	}
	return ""
}

// Caller finds who started the program, in its arguments. Chromium gives chrome-extension://ID/, on Windows with more behind it; Firefox
// gives the path of the manifest and the id of the add-on.
func Caller(args []string) (family, id string, ok bool) {
	if len(args) == 0 {
		return "", "", false
	}
	if id, found := strings.CutPrefix(args[0], "chrome-extension://"); found {
		return "chrome", strings.TrimSuffix(id, "/"), true
	}
	if len(args) == 2 && strings.HasSuffix(args[0], Name+".json") {
		return "firefox", args[1], true
	}
	return "", "", false
}

// Serves reports an extension that the configuration names.
func (c Config) Serves(family, id string) bool {
	switch family {
	case "chrome":
		return slices.Contains(c.Chrome, id)
	case "firefox":
		return slices.Contains(c.Firefox, id)
	}
	return false
}

// Cards is what reaches the cards of the machine.
type Cards interface {
	Status(ctx context.Context) (Status, error)
	Read(ctx context.Context) (vitale.Data, error)
}

// Host answers one request.
type Host struct {
	Version string
	Config  Config
	Cards   Cards
	Now     func() time.Time
	Limit   time.Duration // after it the answer is CARD_BUSY: some services wait for as long as another program holds the card
}

// Serve answers what comes on in, until its end. A frame that is none ends it: what follows cannot be found.
func (h Host) Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	for {
		frame, err := ReadFrame(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := WriteFrame(out, h.Answer(ctx, frame)); err != nil {
			return err
		}
	}
}

// Answer answers the JSON text of one request.
func (h Host) Answer(ctx context.Context, text []byte) Answer {
	start := h.Now()
	a := Answer{V: Version, Host: h.Version}
	var q Request
	switch version, err := versionOf(text); {
	case err != nil:
		a.Code = BadRequest
	case version != Version:
		a.Code = VersionMismatch
	case strict(text, &q) != nil:
		a.Code = BadRequest
	default:
		a.Code = h.check(q)
	}
	if a.Code == "" {
		h.do(ctx, q, &a)
	}
	a.OK = a.Code == ""
	a.MS = h.Now().Sub(start).Milliseconds()
	return a
}

// versionOf reads the version alone: another one may have other fields.
func versionOf(text []byte) (int, error) {
	var v struct {
		V int `json:"v"`
	}
	err := json.Unmarshal(text, &v)
	return v.V, err
}

func (h Host) check(q Request) vitale.Code {
	if code := h.Config.origin(q.Origin); code != "" {
		return code
	}
	switch {
	case !slices.Contains(h.Config.Origins, q.Origin):
		return OriginRefused
	case q.Op == "status" && q.Purpose == "":
		return ""
	case q.Op != "read":
		return BadRequest
	case !slices.Contains(Purposes, q.Purpose):
		return PurposeRefused
	}
	return ""
}

// do asks the cards, and does not wait for them longer than the limit.
func (h Host) do(ctx context.Context, q Request, a *Answer) {
	ctx, cancel := context.WithTimeout(ctx, h.Limit)
	defer cancel()
	done := make(chan Answer, 1)
	go func() {
		var b Answer
		if q.Op == "status" {
			s, err := h.Cards.Status(ctx)
			b.Status, b.Code = &s, code(err)
		} else {
			d, err := h.Cards.Read(ctx)
			b.Data, b.Code = &d, code(err)
			if err == nil && (d.Card.Nature == vitale.NatureUnknown || d.Card.Nature == vitale.NatureReal) == (h.Config.Accept == "specimen") {
				b.Code = vitale.Refused
			}
		}
		done <- b
	}()
	select {
	case b := <-done:
		if a.Code = b.Code; b.Code == "" {
			a.Status, a.Data = b.Status, b.Data
		}
	case <-ctx.Done(): // the goroutine is left behind: the program ends after this answer
		a.Code = vitale.CardBusy
	}
}

func code(err error) vitale.Code {
	if err == nil {
		return ""
	}
	return vitale.CodeOf(err)
}
