// Package sitetest is what the tests of every site share: a browser that looks at a page and
// reports what is wrong with it, a reader that checks its HTML, a check of catalogues, and a table
// of requests. It is imported by tests only.
//
// The browser is Debian's Chromium, driven by chromedp. The accessibility rules are axe-core
// 4.14.1, which is not part of the repository: the script that runs the tests installs it with npm
// and names the file in CARNET_AXE. Nothing is skipped when one of them is missing: the test fails
// and says what to install.
package sitetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Scheme is the colour scheme that the reader's device asks for.
type Scheme string

// The two schemes.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// Browser is one Chromium for all the pages of a test.
type Browser struct {
	ctx context.Context
	axe string
}

// NewBrowser starts Chromium with more options; it stops when the test ends.
func NewBrowser(t testing.TB, more ...chromedp.ExecAllocatorOption) *Browser {
	t.Helper()
	axe, err := os.ReadFile(axePath())
	if err != nil {
		t.Fatalf("axe-core is missing (%v): install axe-core 4.14.1 with npm and set CARNET_AXE to axe.min.js", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Env("LANGUAGE=fr"), chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true),
	)
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				options = append(options, chromedp.ExecPath(filepath.Join(dir, name)))
				break
			}
		}
	}
	options = append(options, more...)
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); stopAllocator() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("chromium does not start (Debian package chromium): %v", err)
	}
	return &Browser{ctx, string(axe)}
}

// axePath is CARNET_AXE, else node_modules of the cache folder that the test script prepares.
func axePath() string {
	if p := os.Getenv("CARNET_AXE"); p != "" {
		return p
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	return filepath.Join(cache, "carnet", "node_modules", "axe-core", "axe.min.js")
}

// Look says how to look at a page.
type Look struct {
	URL     string
	Width   int // CSS pixels
	Scheme  Scheme
	Cookies map[string]string                // sent to the page's origin
	Headers map[string]string                // sent with every request
	Do      []chromedp.Action[chromedp.Void] // what to do on the page before looking, such as sending a form
	JS      bool                             // leave the page's own scripts on; off is the default, as for many readers
	Medium  string                           // "print", or "" for the screen
	Media   map[string]string                // other media features, "prefers-contrast": "more"
}

// Report is what was seen.
type Report struct {
	Title      string
	Violations []Violation
	Scroll     int      // how many pixels the page is wider than the window
	Console    []string // errors and warnings of the console, refused resources included
	Small      []string // buttons and fields lower than 44 px
	PNG        []byte   // the whole page
}

// Violation is one rule of axe that does not hold.
type Violation struct {
	ID, Impact, Help string
	Targets          []string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s (%s): %s: %s", v.ID, v.Impact, v.Help, strings.Join(v.Targets, " | "))
}

// Look opens a page in a new tab and reports on it.
func (b *Browser) Look(t testing.TB, l Look) Report {
	t.Helper()
	tab := b.open(t, l)
	return tab.measure(t, l.Width, l.Scheme)
}

// Visit is a walk through a site in one tab.
type Visit struct {
	t testing.TB
	p *tab
}

// Visit opens a page and walks on from there. The page's own scripts are on if the look says so.
func (b *Browser) Visit(t testing.TB, l Look, walk func(*Visit)) {
	t.Helper()
	walk(&Visit{t, b.open(t, l)})
}

// Do does one thing after the other.
func (v *Visit) Do(steps ...chromedp.Action[chromedp.Void]) {
	v.t.Helper()
	v.p.must(v.t, "act", chromedp.Do(v.p.ctx, steps...))
}

// Expect checks that the address holds a part and the page says words (see Plain), and returns the
// address.
func (v *Visit) Expect(address, words string) string {
	v.t.Helper()
	at, err := chromedp.Run(v.p.ctx, chromedp.Location())
	v.p.must(v.t, "location", err)
	text, err := chromedp.Run(v.p.ctx, chromedp.Evaluate[string]("document.body.innerText"))
	v.p.must(v.t, "words", err)
	if !strings.Contains(at, address) || !strings.Contains(Plain(text), words) {
		v.t.Errorf("at %s, want …%s…, saying %q; the page says:\n%s", at, address, words, text)
	}
	return at
}

// Value waits until an expression of the page's scripts is neither null nor empty, and gives it as a
// text.
func (v *Visit) Value(expression string) string {
	v.t.Helper()
	got, err := chromedp.Run(v.p.ctx, chromedp.Poll[string]("("+expression+")?.toString()", chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(time.Minute)))
	v.p.must(v.t, expression, err)
	return got
}

// Await gives what a promise of the page gives, a text.
func (v *Visit) Await(expression string) string {
	v.t.Helper()
	got, err := chromedp.Run(v.p.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	v.p.must(v.t, "await", err)
	return got
}

// Installable lists what keeps a browser from installing the page.
func (v *Visit) Installable() ([]string, error) {
	r, err := chromedp.Call(v.p.ctx, page.GetInstallabilityErrors, cdp.Empty{})
	var out []string
	if err == nil {
		for _, e := range r.InstallabilityErrors {
			out = append(out, e.ErrorID)
		}
	}
	return out, err
}

// Report looks at the page as it is now, see Look. The page's scripts stay on.
func (v *Visit) Report(width int, scheme Scheme) Report {
	v.t.Helper()
	return v.p.measure(v.t, width, scheme)
}

// tab is a page that was opened.
type tab struct {
	ctx     context.Context
	look    Look
	axe     string
	loaded  bool // scripts are on for axe
	mu      sync.Mutex
	console []line
}

type line struct{ text, url string }

func (b *Browser) open(t testing.TB, l Look) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	p := &tab{ctx: ctx, look: l, axe: b.axe}
	p.must(t, "listen", chromedp.Listen(ctx, func(ev any) {
		p.mu.Lock()
		defer p.mu.Unlock()
		switch ev := ev.(type) {
		case *log.EventEntryAdded:
			if ev.Entry.Level == log.EntryLevelError || ev.Entry.Level == log.EntryLevelWarning {
				p.console = append(p.console, line{ev.Entry.Text, ev.Entry.URL})
			}
		case *runtime.EventExceptionThrown:
			p.console = append(p.console, line{ev.ExceptionDetails.Text, ""})
		}
	}))
	p.must(t, "prepare", chromedp.Do(ctx,
		Call(log.Enable, cdp.Empty{}),
		Call(network.Enable, network.EnableParams{}),
		Call(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: l.headers()}),
		Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !l.JS}),
	))
	p.size(t, l.Width, l.Scheme)
	for name, value := range l.Cookies {
		p.must(t, "cookie", chromedp.Do(ctx, Call(network.SetCookie, network.SetCookieParams{
			Name: name, Value: value, URL: l.URL, Path: "/", Secure: new(strings.HasPrefix(name, "__Host-")), HTTPOnly: new(true),
		})))
	}
	p.must(t, "open", chromedp.Do(ctx, chromedp.Navigate(l.URL)))
	p.must(t, "act", chromedp.Do(ctx, l.Do...))
	p.must(t, "wait", chromedp.Do(ctx, chromedp.WaitReady(chromedp.CSS("#main"))))
	return p
}

func (p *tab) must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %s: %v", p.look.URL, what, err)
	}
}

// size gives the window a width and the reader's device a colour scheme.
func (p *tab) size(t testing.TB, width int, scheme Scheme) {
	t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: string(scheme)}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	for k, v := range p.look.Media {
		features = append(features, &emulation.MediaFeature{Name: k, Value: v})
	}
	p.must(t, "size", chromedp.Do(p.ctx,
		Call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: int64(width), Height: 900, DeviceScaleFactor: 1}),
		Call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: p.look.Medium, Features: features}),
	))
}

func (p *tab) measure(t testing.TB, width int, scheme Scheme) Report {
	t.Helper()
	p.size(t, width, scheme)
	var r Report
	layout, err := chromedp.Call(p.ctx, page.GetLayoutMetrics, cdp.Empty{})
	p.must(t, "layout", err)
	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: new(true),
		Clip:                  &page.Viewport{Width: float64(width), Height: layout.CSSContentSize.Height, Scale: 1},
	})
	p.must(t, "picture", err)
	r.PNG = shot.Data
	if !p.loaded {
		// Scripts for axe only: the page was loaded and used without.
		p.must(t, "scripts", chromedp.Do(p.ctx, Call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{})))
		p.loaded = true
	}
	if there, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`typeof axe !== "undefined"`)); err != nil || !there {
		p.must(t, "load axe", chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](p.axe+"\n;undefined")))
	}
	r.Title, err = chromedp.Run(p.ctx, chromedp.Title())
	p.must(t, "title", err)
	r.Scroll, err = chromedp.Run(p.ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	p.must(t, "width", err)
	r.Small, err = chromedp.Run(p.ctx, chromedp.Evaluate[[]string](smallTargets))
	p.must(t, "targets", err)
	r.Violations, err = chromedp.Run(p.ctx, chromedp.Evaluate[[]Violation](runAxe, chromedp.EvalAwaitPromise))
	p.must(t, "axe", err)
	here, err := chromedp.Run(p.ctx, chromedp.Location())
	p.must(t, "location", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.console {
		// Chromium notes the status of a page that is an error page: that is the page's business.
		if l.url != here || !strings.Contains(l.text, "status of") {
			r.Console = append(r.Console, l.text+" "+l.url)
		}
	}
	p.console = nil
	return r
}

func (l Look) headers() network.Headers {
	h := network.Headers{}
	for k, v := range l.Headers {
		h[k] = v
	}
	return h
}

// Call makes a step of a command of the protocol.
func Call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

const runAxe = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({
	ID: v.id, Impact: v.impact, Help: v.help, Targets: v.nodes.map(n => n.target.join(" ") + " " + (n.any[0] ? n.any[0].message : ""))})))`

// smallTargets lists controls under 44 px that are not words in a line of text.
const smallTargets = `[...document.querySelectorAll("button, select, input:not([type=hidden]), summary, .button, .back, .brand, nav a")]
	.map(e => e.matches("input[type=radio], input[type=checkbox]") ? e.closest("label") : e)
	.filter(e => { const b = e.getBoundingClientRect(); return b.height > 0 && b.height < 43.9 })
	.map(e => e.outerHTML.slice(0, 120))`

// Check looks at a page at 320 and 1280 pixels, light and dark, and fails on any violation, on
// horizontal scroll, on anything in the console, on targets that a finger misses. With CARNET_SHOTS
// set to a folder, the pictures are kept there under the name.
func (b *Browser) Check(t *testing.T, name string, l Look) {
	t.Helper()
	l.Width, l.Scheme = 320, Light
	b.open(t, l).check(t, name)
}

// Check looks at the page as it is now, see Browser.Check.
func (v *Visit) Check(t *testing.T, name string) {
	t.Helper()
	v.p.check(t, name)
}

func (p *tab) check(t *testing.T, name string) {
	t.Helper()
	for _, width := range []int{320, 1280} {
		for _, scheme := range []Scheme{Light, Dark} {
			r := p.measure(t, width, scheme)
			where := fmt.Sprintf("%s, %d px, %s", name, width, scheme)
			for _, v := range r.Violations {
				t.Errorf("%s: axe: %s", where, v)
			}
			if r.Scroll > 0 {
				t.Errorf("%s: the page scrolls sideways by %d px", where, r.Scroll)
			}
			for _, line := range r.Console {
				t.Errorf("%s: console: %s", where, line)
			}
			for _, e := range r.Small {
				t.Errorf("%s: lower than 44 px: %s", where, e)
			}
			if dir := os.Getenv("CARNET_SHOTS"); dir != "" {
				file := filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme))
				if err := os.WriteFile(file, r.PNG, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// Click clicks an element; Press clicks a button and waits for the page that follows; Tick ticks a
// box or a radio. They send real mouse and key events, so they work with the page's scripts off.
func Click(sel string) chromedp.Action[chromedp.Void] {
	return steady(chromedp.Click(chromedp.CSS(sel)))
}

// steady repeats a click whose element a script replaced between the look for it and the click.
func steady(click chromedp.Action[chromedp.Void]) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
		for range 3 {
			if v, err = click(ctx, t); err == nil || !strings.Contains(err.Error(), "No node with given id") {
				break
			}
		}
		return v, err
	}
}

// Press clicks a button and waits for the page that follows.
func Press(sel string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.WaitEvent(page.LoadEventFired, nil, Click(sel))(ctx, t)
		return chromedp.Void{}, err
	}
}

// Tick ticks a box or a radio.
func Tick(sel string) chromedp.Action[chromedp.Void] { return Click(sel) }

// Then runs a function between two steps.
func Then(f func()) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(context.Context, *chromedp.Target) error { f(); return nil })
}
