// Drives a browser for extension_test: one JSON command on each line of the input, one JSON answer on each line of the output. The same driver
// (puppeteer-core, over CDP for Chromium and WebDriver BiDi for Firefox) serves both browsers.
import { createInterface } from "node:readline";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const puppeteer = createRequire(process.env.NODE_MODULES + "/x.js")("puppeteer-core");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const pages = new Map();
let browser, kind, base, last = 0;

// The windows of Firefox's extensions say about:blank for their address: they are known by what is in them.
async function holds(page, selector) {
	try {
		return await Promise.race([page.evaluate((s) => document.querySelector(s) !== null, selector), sleep(2000).then(() => false)]);
	} catch {
		return false;
	}
}

async function every() {
	const list = await browser.pages();
	if (kind === "chrome") {
		for (const t of browser.targets()) {
			if (t.url().includes("consent.html") && t.type() !== "page") list.push(await t.asPage());
		}
	}
	return list.filter((p) => !p.isClosed());
}

async function having(selector, limit = 15000) {
	for (const end = Date.now() + limit; Date.now() < end; await sleep(50)) {
		for (const page of await every()) if (await holds(page, selector)) return page;
	}
	throw new Error("no page has " + selector);
}

const keep = (page) => (pages.set(++last, page), last);
const at = (id) => pages.get(id) ?? (() => { throw new Error("no page " + id); })();

const commands = {
	async start({ browser: which, executable, profile, home, extension, args = [] }) {
		kind = which;
		const env = { ...process.env, ...(home ? { HOME: home } : {}) };
		browser = await puppeteer.launch(
			kind === "chrome"
				? { executablePath: executable, headless: true, pipe: true, enableExtensions: true, userDataDir: profile, env, args: ["--no-sandbox", "--lang=fr-FR", ...args] }
				: { browser: "firefox", executablePath: executable, headless: true, env, extraPrefsFirefox: { "intl.locale.requested": "fr", "dom.disable_open_during_load": false } },
		);
		if (extension) await commands.install({ extension });
		return await browser.version();
	},
	async install({ extension }) {
		const id = await browser.installExtension(extension);
		base = kind === "chrome" ? `chrome-extension://${id}/` : undefined;
		return id;
	},
	async open({ url }) {
		const page = await browser.newPage();
		await page.goto(url.startsWith("extension:") ? base + url.slice(10) : url, { waitUntil: "load" });
		return keep(page);
	},
	async find({ selector, limit }) {
		const page = await having(selector, limit);
		base ??= (await page.evaluate(() => location.href)).replace(/[^/]*$/, "");
		return keep(page);
	},
	async go({ page, url }) {
		await at(page).evaluate((u) => { location.href = u; }, url);
		await sleep(300);
		return true;
	},
	eval: ({ page, js }) => at(page).evaluate((text) => (0, eval)(text), js),
	// In the extension's pages its policy forbids eval: the text is the whole expression there.
	run: ({ page, js }) => at(page).evaluate(js),
	async click({ page, selector }) {
		await at(page).bringToFront();
		await at(page).click(selector);
		return true;
	},
	async type({ page, selector, text }) {
		await at(page).type(selector, text);
		return true;
	},
	async key({ page, key }) {
		await at(page).keyboard.press(key);
		return true;
	},
	// The button closes its own window: the click may then be rejected.
	async consent({ answer, delay = 0 }) {
		const page = await having("#yes:not(:disabled)");
		const seen = await page.evaluate(() => document.querySelector("main").innerText);
		if (delay) await sleep(delay);
		if (answer === "close") await page.close().catch(() => {});
		else await page.click(answer === "yes" ? "#yes" : "#no").catch(() => {});
		return seen;
	},
	// Where the extension's files are: of Firefox a page that it opened has told.
	async extensionBase() {
		return base ?? "moz-extension://00000000-0000-0000-0000-000000000000/";
	},
	async size({ page, width, height, dark }) {
		await at(page).setViewport({ width, height });
		if (kind === "chrome") await at(page).emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
		return true;
	},
	async screenshot({ page, file }) {
		writeFileSync(file, await at(page).screenshot({ fullPage: true }));
		return true;
	},
	async axe({ page, file }) {
		await at(page).evaluate(readFileSync(file, "utf8"));
		const result = await at(page).evaluate("axe.run(document, {resultTypes: ['violations']})");
		return result.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`.slice(0, 400));
	},
	async stopWorker() {
		const target = await browser.waitForTarget((t) => t.type() === "service_worker", { timeout: 5000 });
		const worker = await target.worker();
		await worker.close();
		return true;
	},
	async close({ page }) {
		await at(page).close().catch(() => {});
		return pages.delete(page);
	},
	async quit() {
		await browser?.close();
		browser = undefined;
		base = undefined;
		pages.clear();
		return true;
	},
};

for await (const line of createInterface({ input: process.stdin })) {
	const { id, do: name, ...rest } = JSON.parse(line);
	// Answers may come in another order: a reading waits for its consent.
	Promise.resolve()
		.then(() => commands[name](rest))
		.then((result) => ({ id, result: result ?? null }), (error) => ({ id, error: String(error?.message ?? error) }))
		.then((answer) => process.stdout.write(JSON.stringify(answer) + "\n"));
}
await browser?.close();
