package verifier

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"carnet/internal/site/sitetest"
	"carnet/internal/verify"
	engine "carnet/internal/verify/browser"
)

// BenchmarkPhone measures how long a phone would take, from an empty cache to the first verdict. A
// processor of a phone is taken to be four times slower than that of this machine, as the tools of
// Chromium take it. They slow down the thread of the page only, so the worker's script runs there.
// What the browser compiles beside it is not slowed down.
func BenchmarkPhone(b *testing.B) {
	i := sitetest.NewIssuer(b, "FR90", &verify.Trust{})
	payload := i.Attest(b, "Fougère")
	_, h := start(b, verify.Checker{Trust: i.Trust, Revoked: i.List(b), Rules: rulesOf(b)}, Minimal, io.Discard)
	server := httptest.NewServer(h)
	defer server.Close()
	script, err := engine.Files.ReadFile("static/worker.js")
	if err != nil {
		b.Fatal(err)
	}
	frame := sitetest.Picture(b, payload, 1280, 720, 6)
	rgba := make([]byte, 0, 4*len(frame.Pix))
	for _, v := range frame.Pix {
		rgba = append(rgba, v, v, v, 255)
	}
	inputs, err := json.Marshal(map[string]string{
		"text": base64.StdEncoding.EncodeToString(payload), "frame": base64.StdEncoding.EncodeToString(rgba),
		"picture": base64.StdEncoding.EncodeToString(sitetest.PNG(b, frame)), "pdf": base64.StdEncoding.EncodeToString(sitetest.Page(b, payload)),
	})
	if err != nil {
		b.Fatal(err)
	}
	const measure = `(async () => {
		const inputs = INPUTS, data = document.getElementById("check").dataset, took = {};
		const bytes = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
		const request = () => ({ lang: "fr", at: new Date().toISOString(), minimal: true });
		for (const name in inputs) inputs[name] = bytes(inputs[name]);
		let from = performance.now();
		const lap = (name) => { const now = performance.now(); took[name] = Math.round(now - from); from = now; };
		const [engine, trust] = await Promise.all([Engine.load(data.engine), fetch(data.trust)]);
		engine.ask({ ...request(), kind: "trust" }, new Uint8Array(await trust.arrayBuffer()));
		lap("load");
		const check = (name, more) => {
			const answer = engine.ask({ ...request(), ...more }, inputs[name]);
			lap(name);
			if (!answer.verdicts?.every((v) => v.valid)) throw new Error(name + ": " + JSON.stringify(answer));
		};
		check("text", { kind: "file" });
		check("frame", { kind: "frame", width: 1280, height: 720 });
		check("picture", { kind: "file" });
		check("pdf", { kind: "file" });
		return JSON.stringify(took);
	})()`
	browser := sitetest.NewBrowser(b)
	look := sitetest.Look{URL: server.URL + "/", Width: 360, Scheme: sitetest.Light, JS: true}
	browser.Visit(b, look, func(v *sitetest.Visit) {
		ready(v)
		v.Do(sitetest.Call(emulation.SetCPUThrottlingRate, emulation.SetCPUThrottlingRateParams{Rate: 4}),
			chromedp.Evaluate[chromedp.Void](string(script)+"\n;undefined"))
		var took map[string]int
		out := v.Await(strings.Replace(measure, "INPUTS", string(inputs), 1))
		if err := json.Unmarshal([]byte(out), &took); err != nil {
			b.Fatal(err)
		}
		for name, ms := range took {
			if name != "load" {
				ms += took["load"]
			}
			b.ReportMetric(float64(ms), "ms/"+name)
		}
	})
}
