package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"

	"carnet/hcert/revocation"
	"carnet/internal/carnet"
	"carnet/internal/certify"
	"carnet/internal/verify"
	"carnet/internal/verify/revlist"
	"carnet/twoddoc/bundle"
	"carnet/twoddoc/store"
	"carnet/twoddoc/tsl"
)

type trustCmd struct {
	Gather gatherCmd `cmd:"" help:"Fetch the trust list of 2D-Doc and the certificates and revocation lists that it leads to, into one file that nobody has sealed yet. Needs a network and no key."`
	Seal   sealCmd   `cmd:"" help:"Seal a gathered file with the bundle key, for verifiers without a network. Needs a key and no network."`
	Show   bundleCmd `cmd:"" help:"Print what a file of gathered certificates holds, who sealed it and how old it is."`
}

type gatherCmd struct {
	Out    string   `required:"" help:"File to write." placeholder:"FILE" type:"path"`
	List   string   `help:"Signed trust list: an address or a file; by default the setting trust-list, else the published French one." placeholder:"URL|FILE"`
	Anchor []string `help:"SHA-256 of a certificate that may sign the trust list; by default the setting trust-anchor, else the one that signs the French list until March 2027. May be given several times." placeholder:"HEX"`
	Own    []string `help:"Certificates of an authority that is on no trust list, with those that it issued: a folder or a file of PEM or DER. May be given several times." placeholder:"PATH" sep:"none" type:"path"`
	Days   int      `help:"Days for which verifiers may use what is gathered before they say that it is old; by default the setting trust-days." placeholder:"DAYS"`
	Cache  string   `help:"Folder that answers are kept in, for when a server is away; by default one of the instance, or of the user." placeholder:"DIR" type:"path"`
	JSON   bool     `help:"Print one JSON object."`
}

type sealCmd struct {
	File string `arg:"" help:"What carnet trust gather wrote." type:"path"`
	Key  string `help:"Private key that seals (PEM, PKCS#8, P-256); by default that of this instance, made the first time." placeholder:"FILE" type:"path"`
	Out  string `help:"File to write, with the public key beside it as trust-bundle.pem; by default in the folder that this instance trusts. A bundle that was gathered later is never replaced." placeholder:"FILE" type:"path"`
	JSON bool   `help:"Print one JSON object."`
}

type bundleCmd struct {
	File string   `arg:"" optional:"" help:"The file; by default the one that this instance trusts." type:"path"`
	Key  []string `help:"Public key of who seals (PEM); by default that of this instance. May be given several times." placeholder:"FILE" sep:"none" type:"path"`
	At   string   `help:"Show it as if it were this instant (RFC 3339); by default now." placeholder:"TIME"`
	JSON bool     `help:"Print one JSON object."`
}

// bundleFile is where an instance keeps the bundle that it believes.
func bundleFile(data string) string { return filepath.Join(trustFolder(data), "2d-doc.bundle") }

func cacheFolder(data string) string { return filepath.Join(data, "cache", "2d-doc") }

// Codes of what can go wrong here.
const (
	codeBundleMissing    = "bundle.missing"
	codeBundleUnreadable = "bundle.unreadable"
	codeBundleUnverified = "bundle.unverified"
	codeBundleOlder      = "bundle.older"
	codeBundleOccupied   = "bundle.occupied"
	codeBundleKey        = "bundle.key"
	codeBundlePrivate    = "bundle.private"
	codeBundleFormat     = "bundle.format"
	codeBundleList       = "bundle.list"
	codeBundleAnchor     = "bundle.anchor"
	codeBundleDays       = "bundle.days"
	codeBundleEmpty      = "bundle.empty"
)

func bundleFault(kind carnet.Kind, code string, cause error) error {
	return carnet.E("cmd.trust", kind, code, cause)
}

const maxTrustDays = 366

// gathering is what bundles are made of.
type gathering struct {
	list    string // address or file
	anchors []tsl.Anchor
	own     []store.Own
	days    int
	cache   string
}

// newGathering reads the settings of an instance.
func newGathering(s *Settings) (gathering, error) {
	g := gathering{list: cmp.Or(s.TrustList, store.PublishedList), days: s.TrustDays, cache: cacheFolder(s.Data)}
	var names []string
	if s.TrustAnchor != "" {
		names = strings.Split(s.TrustAnchor, ",")
	}
	var err error
	g.anchors, err = readAnchors(names)
	return g, err
}

// readAnchors reads SHA-256 sums; without any the anchor is that of the French list.
func readAnchors(names []string) ([]tsl.Anchor, error) {
	if len(names) == 0 {
		return []tsl.Anchor{verify.FrenchSeal}, nil
	}
	var out []tsl.Anchor
	for _, name := range names {
		b, err := hex.DecodeString(strings.TrimSpace(name))
		if err != nil || len(b) != len(tsl.Anchor{}) {
			return nil, bundleFault(carnet.Invalid, codeBundleAnchor, nil)
		}
		out = append(out, tsl.Anchor(b))
	}
	return out, nil
}

// run gathers. A trust list that cannot be had or believed is an error; what else is missing is told.
func (g gathering) run(ctx context.Context, progress func(store.Progress)) (*bundle.Bundle, []store.Problem, error) {
	cache, err := store.OpenCache(g.cache)
	if err != nil {
		return nil, nil, bundleFault(carnet.Unavailable, codeBundleUnreadable, err)
	}
	c := &store.Client{HTTP: http.DefaultClient, Now: time.Now, Cache: cache, Anchors: g.anchors, Progress: progress}
	lifetime := time.Duration(g.days) * 24 * time.Hour
	var b *bundle.Bundle
	var missing []store.Problem
	if strings.Contains(g.list, "://") {
		b, missing, err = c.Gather(ctx, g.list, lifetime, g.own...)
	} else {
		var file []byte
		if file, err = readBounded(g.list, tsl.MaxSize); err == nil {
			b, missing, err = c.GatherFile(ctx, file, lifetime, g.own...)
		}
	}
	if err != nil && ctx.Err() == nil {
		err = bundleFault(carnet.Unavailable, codeBundleList, err)
	}
	return b, missing, err
}

// readBounded reads a whole file that is not larger than it may be.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: more than %d bytes", path, limit)
	}
	return data, err
}

// readOwn sorts the certificates of files and folders by the authority that issued them.
func readOwn(paths []string) ([]store.Own, error) {
	var certs []*x509.Certificate
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			data, err := readBounded(path, 1<<20)
			if err != nil {
				return err
			}
			more, _ := x509.ParseCertificates(data) // or PEM, or something else that lies there
			certs = append(certs, more...)
			for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
				if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
					certs = append(certs, c)
				}
			}
			return nil
		})
		if err != nil {
			return nil, bundleFault(carnet.NotFound, codeBundleUnreadable, err)
		}
	}
	var own []store.Own
	for _, c := range certs {
		if c.IsCA && len(c.Subject.CommonName) == 4 {
			own = append(own, store.Own{Authority: tsl.Authority{ID: c.Subject.CommonName, Operator: strings.Join(c.Subject.Organization, ", "), Certificate: c}})
		}
	}
	for _, c := range certs {
		for i := range own {
			if a := own[i].Authority.Certificate; !c.Equal(a) && c.CheckSignatureFrom(a) == nil {
				own[i].Participants = append(own[i].Participants, c)
			}
		}
	}
	return own, nil
}

// Run gathers and writes. What could not be fetched is said and is no fault: the file is made without it,
// or with what was fetched before.
func (c *gatherCmd) Run(ctx context.Context, s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	g, err := newGathering(s)
	if err != nil {
		return a.refuse("trust-anchor", err)
	}
	if g.list = cmp.Or(c.List, g.list); len(c.Anchor) > 0 {
		if g.anchors, err = readAnchors(c.Anchor); err != nil {
			return a.refuse("--anchor", err)
		}
	}
	if g.days = cmp.Or(c.Days, g.days); g.days < 1 || g.days > maxTrustDays {
		return a.refuse("--days", bundleFault(carnet.Invalid, codeBundleDays, nil))
	}
	if g.own, err = readOwn(c.Own); err != nil {
		return a.refuse("--own", err)
	}
	if g.cache = c.Cache; g.cache == "" {
		if g.cache = cacheFolder(s.Data); !exists(s.Data) {
			user, err := os.UserCacheDir()
			if err != nil {
				return err
			}
			g.cache = filepath.Join(user, "carnet", "2d-doc")
		}
	}
	bar := newBar(t.err, a)
	b, missing, err := g.run(ctx, bar.step)
	bar.end()
	if err != nil {
		return a.refuse(g.list, err)
	}
	r := newBundleReport(c.Out, b, time.Now())
	for _, p := range missing {
		r.Missing = append(r.Missing, missingPart{p.Subject, p.Err.Error()})
		if !a.json {
			fmt.Fprintf(t.err, "carnet: %s\n  %v\n", a.T("bundle.without", "subject", p.Subject), p.Err)
		}
	}
	if len(b.Participants) == 0 {
		return a.refuse(g.list, bundleFault(carnet.Unavailable, codeBundleEmpty, nil))
	}
	content, err := b.Marshal()
	if err == nil {
		err = revlist.Replace(c.Out, content)
	}
	if err != nil {
		return a.refuse(c.Out, bundleFault(carnet.Unavailable, codeBundleUnreadable, err))
	}
	if !a.json {
		fmt.Fprintln(t.out, a.T("bundle.gathered", "path", c.Out))
	}
	return a.showBundle(r)
}

// Run seals.
func (c *sealCmd) Run(s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	content, err := readBounded(c.File, bundle.MaxSize)
	if err != nil {
		return a.refuse(c.File, missingFile(err))
	}
	b, err := bundle.Parse(content)
	if err != nil {
		return a.refuse(c.File, bundleFault(carnet.Invalid, codeBundleFormat, err))
	}
	var key crypto.Signer
	switch {
	case c.Key != "":
		key, err = certify.OpenRoleKey(c.Key)
	case !exists(dbFile(s.Data)):
		return a.refuse(s.Data, carnet.E("cmd", carnet.NotFound, "instance.missing", nil))
	default:
		key, err = certify.BundleKey(s.Data, rand.Reader)
	}
	if err != nil {
		return a.refuse(cmp.Or(c.Key, keyFolder(s.Data)), bundleFault(carnet.Invalid, codeBundlePrivate, err))
	}
	out := cmp.Or(c.Out, bundleFile(s.Data))
	if err := keepBundle(out, b, key); err != nil {
		return a.refuse(out, err)
	}
	if !a.json {
		fmt.Fprintln(t.out, a.T("bundle.sealed", "path", out))
	}
	r := newBundleReport(out, b, time.Now())
	r.Key = keyName(key.Public())
	return a.showBundle(r)
}

// keepBundle seals a bundle into a file, with the public key beside it, unless the file holds a bundle
// that was gathered later, or something else, or the public key of somebody else stands there.
func keepBundle(path string, b *bundle.Bundle, key crypto.Signer) error {
	public, ok := key.Public().(*ecdsa.PublicKey)
	if !ok {
		return bundleFault(carnet.Invalid, codeBundlePrivate, fmt.Errorf("a %T", key.Public()))
	}
	held, err := readBundle(path, public)
	switch {
	case carnet.CodeOf(err) == codeBundleMissing:
	case carnet.CodeOf(err) == codeBundleUnverified:
		return bundleFault(carnet.Conflict, codeBundleOccupied, err)
	case err != nil:
		return err
	case b.Gathered.Before(held.Gathered):
		return bundleFault(carnet.Conflict, codeBundleOlder, fmt.Errorf("%s, and %s is held", b.Gathered.Format(time.RFC3339), held.Gathered.Format(time.RFC3339)))
	}
	file, err := b.Seal(key, rand.Reader)
	if err != nil {
		return bundleFault(carnet.Invalid, codeBundlePrivate, err)
	}
	text, err := bundle.MarshalKey(public)
	if err != nil {
		return bundleFault(carnet.Invalid, codeBundlePrivate, err)
	}
	beside := filepath.Join(filepath.Dir(path), certify.BundleKeyFile)
	there, err := os.ReadFile(beside)
	if errors.Is(err, fs.ErrNotExist) {
		there, err = text, revlist.Replace(beside, text)
	}
	if err == nil && !bytes.Contains(there, text) {
		return bundleFault(carnet.Conflict, codeBundleKey, fmt.Errorf("%s holds another key", beside))
	}
	if err == nil {
		err = revlist.Replace(path, file)
	}
	if err != nil {
		return bundleFault(carnet.Unavailable, codeBundleUnreadable, err)
	}
	return nil
}

func missingFile(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return bundleFault(carnet.NotFound, codeBundleMissing, nil)
	}
	return bundleFault(carnet.Unavailable, codeBundleUnreadable, err)
}

// readBundle opens a bundle that one of the keys sealed.
func readBundle(path string, keys ...*ecdsa.PublicKey) (*bundle.Bundle, error) {
	data, err := readBounded(path, bundle.MaxSize)
	if err != nil {
		return nil, missingFile(err)
	}
	b, err := bundle.Open(data, keys...)
	if err != nil {
		return nil, bundleFault(carnet.Invalid, codeBundleUnverified, err)
	}
	return b, nil
}

// Run shows a bundle, or what was gathered and is not sealed yet.
func (c *bundleCmd) Run(s *Settings, t terminal) error {
	a, err := newAnswerer(s, t, c.JSON)
	if err != nil {
		return err
	}
	at := time.Now()
	if c.At != "" {
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			return a.refuse(c.At, carnet.E("cmd", carnet.Invalid, "time.malformed", nil))
		}
	}
	file := cmp.Or(c.File, bundleFile(s.Data))
	data, err := readBounded(file, bundle.MaxSize)
	if err != nil {
		return a.refuse(file, missingFile(err))
	}
	if b, err := bundle.Parse(data); err == nil {
		return a.showBundle(newBundleReport(file, b, at))
	}
	if len(c.Key) == 0 {
		c.Key = []string{filepath.Join(trustFolder(s.Data), certify.BundleKeyFile)}
	}
	for _, name := range c.Key {
		text, err := readBounded(name, 1<<20)
		if err != nil {
			return a.refuse(name, bundleFault(carnet.NotFound, codeBundleKey, err))
		}
		keys, err := bundle.ParseKeys(text)
		if err != nil {
			return a.refuse(name, bundleFault(carnet.Invalid, codeBundleKey, err))
		}
		for _, key := range keys {
			if b, err := bundle.Open(data, key); err == nil {
				r := newBundleReport(file, b, at)
				r.Key = keyName(key)
				return a.showBundle(r)
			}
		}
	}
	return a.refuse(file, bundleFault(carnet.Invalid, codeBundleUnverified, nil))
}

// keyName is how a key is told from another: the first bytes of its SHA-256.
func keyName(public crypto.PublicKey) string {
	key, _ := public.(*ecdsa.PublicKey)
	id, err := revocation.KeyID(key)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(id[:])
}

// bundleReport is what --json prints of a bundle.
type bundleReport struct {
	File        string            `json:"file"`
	Key         string            `json:"key,omitempty"` // that sealed it, "" when nobody did
	Gathered    time.Time         `json:"gathered"`
	Until       time.Time         `json:"until"`
	Age         int64             `json:"ageSeconds"` // negative when the clock is before
	List        *listReport       `json:"list,omitempty"`
	Authorities []authorityReport `json:"authorities"`
	Stale       []staleReport     `json:"stale"`
	Missing     []missingPart     `json:"missing,omitempty"` // what could not be gathered, or not newly

	at time.Time
}

type listReport struct {
	Sequence   int       `json:"sequence"`
	Issued     time.Time `json:"issued"`
	NextUpdate time.Time `json:"nextUpdate"`
	Signer     string    `json:"signer"` // SHA-256 of the certificate
}

type authorityReport struct {
	ID           string      `json:"id"`
	Operator     string      `json:"operator"`
	Listed       bool        `json:"listed"` // on the trust list; else the operator of the bundle added it
	Certificates int         `json:"certificates"`
	Lists        []crlReport `json:"lists"`
}

type crlReport struct {
	URL        string     `json:"url"`
	Updated    time.Time  `json:"updated"`
	NextUpdate *time.Time `json:"nextUpdate,omitempty"`
	Revoked    int        `json:"revoked"`
}

type staleReport struct {
	What    string    `json:"what"` // bundle, list, crl or clock
	Subject string    `json:"subject,omitempty"`
	Since   time.Time `json:"since"`
}

type missingPart struct {
	Subject string `json:"subject"` // authority, or address
	Why     string `json:"why"`
}

func newBundleReport(file string, b *bundle.Bundle, at time.Time) bundleReport {
	r := bundleReport{File: file, Gathered: b.Gathered.UTC(), Until: b.Gathered.Add(b.Lifetime).UTC(), Age: int64(at.Sub(b.Gathered).Seconds()),
		Authorities: []authorityReport{}, Stale: []staleReport{}, at: at}
	if b.List.Sequence > 0 {
		r.List = &listReport{b.List.Sequence, b.List.Issued.UTC(), b.List.NextUpdate.UTC(), hex.EncodeToString(b.List.Signer[:])}
	}
	for _, a := range b.Authorities {
		r.Authorities = append(r.Authorities, authorityReport{ID: a.ID, Operator: a.Operator, Listed: a.Listed, Lists: []crlReport{}})
	}
	for _, p := range b.Participants {
		r.Authorities[p.Authority].Certificates++
	}
	for _, l := range b.Lists {
		c := crlReport{URL: l.URL, Updated: l.ThisUpdate.UTC(), Revoked: len(l.Revoked)}
		if l.NextUpdate.Year() > 1 {
			c.NextUpdate = new(l.NextUpdate.UTC())
		}
		r.Authorities[l.Authority].Lists = append(r.Authorities[l.Authority].Lists, c)
	}
	for _, s := range b.Stale(at) {
		r.Stale = append(r.Stale, staleReport{string(s.What), s.Subject, s.Since.UTC()})
	}
	return r
}

// showBundle prints what a bundle holds, and how old it is.
func (a answerer) showBundle(r bundleReport) error {
	if a.json {
		return a.encode(r)
	}
	say := func(key string, args ...any) { fmt.Fprintln(a.t.out, a.T("bundle."+key, args...)) }
	if r.Key == "" {
		say("unsealed")
	} else {
		say("key", "key", r.Key)
	}
	if l := r.List; l != nil {
		say("scheme", "n", l.Sequence, "issued", a.Instant(l.Issued), "next", a.Instant(l.NextUpdate))
	}
	w := tabwriter.NewWriter(a.t.out, 0, 0, 2, ' ', 0)
	for _, x := range r.Authorities {
		revoked, oldest := 0, time.Time{}
		for _, l := range x.Lists {
			revoked += l.Revoked
			if oldest.IsZero() || l.Updated.Before(oldest) {
				oldest = l.Updated
			}
		}
		words := a.T("bundle.no-list")
		if len(x.Lists) > 0 {
			words = a.T("bundle.lists", "revoked", revoked, "at", a.Instant(oldest))
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", x.ID, x.Operator, a.N("bundle.certificates", x.Certificates), words)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(a.t.out, a.T("list.updated", "at", a.Instant(r.Gathered), "age", a.age(r.at.Sub(r.Gathered))))
	early := false
	for _, s := range r.Stale {
		early = early || s.What == string(bundle.Clock)
		say("stale-"+s.What, "subject", s.Subject, "since", a.Instant(s.Since))
	}
	if !early && !r.at.After(r.Until) {
		say("until", "at", a.Instant(r.Until))
	}
	return nil
}

// bar shows how far a gathering is: a bar that grows on a terminal, a line for each authority in a log.
type bar struct {
	a        answerer
	out      io.Writer
	terminal bool
	drawn    bool
}

func newBar(out io.Writer, a answerer) *bar {
	b := &bar{a: a, out: out}
	if f, ok := out.(*os.File); ok {
		b.terminal = os.Getenv("TERM") != "dumb" && isatty.IsTerminal(f.Fd())
	}
	return b
}

const barWidth = 30

func (b *bar) step(p store.Progress) {
	words := b.a.T("bundle.step", "done", p.Done, "total", p.Total, "authority", p.Authority, "n", p.Certificates, "lists", p.Lists)
	if !b.terminal {
		fmt.Fprintln(b.out, words)
		return
	}
	full := barWidth * p.Done / max(p.Total, 1)
	fmt.Fprintf(b.out, "\r\x1b[K[%s%s] %s", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), words)
	b.drawn = true
}

// end leaves the line to what comes next.
func (b *bar) end() {
	if b.drawn {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// refreshEvery is how often an instance gathers: the scheme wants revocation lists to be updated within
// a day. After a failure it tries again sooner.
const (
	refreshEvery = 12 * time.Hour
	retryAfter   = 15 * time.Minute
)

// keepTrust gathers, seals and keeps the bundle of an instance, at once and then again and again, until the
// context ends. What fails is logged, and what is held stays; it says itself how old it is.
func keepTrust(ctx context.Context, s *Settings, log *slog.Logger) {
	for {
		wait := refreshEvery
		if err := refreshTrust(ctx, s, log); err != nil && ctx.Err() == nil {
			wait = retryAfter
			log.ErrorContext(ctx, "the 2D-Doc certificates and revocations were not renewed", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func refreshTrust(ctx context.Context, s *Settings, log *slog.Logger) error {
	g, err := newGathering(s)
	if err != nil {
		return err
	}
	b, missing, err := g.run(ctx, func(p store.Progress) {
		log.InfoContext(ctx, "gathering 2D-Doc certificates", "done", p.Done, "total", p.Total, "authority", p.Authority, "certificates", p.Certificates, "lists", p.Lists)
	})
	if err != nil {
		return err
	}
	for _, p := range missing {
		log.WarnContext(ctx, "not gathered, or not newly", "subject", p.Subject, "err", p.Err)
	}
	if len(b.Participants) == 0 {
		return bundleFault(carnet.Unavailable, codeBundleEmpty, nil)
	}
	key, err := certify.BundleKey(s.Data, rand.Reader)
	if err == nil {
		err = keepBundle(bundleFile(s.Data), b, key)
	}
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "2D-Doc certificates and revocations are renewed", "authorities", len(b.Authorities), "certificates", len(b.Participants), "lists", len(b.Lists), "until", b.Gathered.Add(b.Lifetime))
	return nil
}
