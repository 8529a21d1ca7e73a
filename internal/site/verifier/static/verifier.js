// The page of the verifier: it takes a frame of the camera, a file or a text to the worker and shows
// the answer. It sends nothing: the only addresses that it asks for are those of the engine and of
// what is trusted, when it starts.
(async () => {
  const $ = (id) => document.getElementById(id);
  const page = $("check");
  const { mode } = page.dataset;
  const words = page.dataset;
  const lang = document.documentElement.lang;

  const { Reader, Camera, bytesOf } = await import(page.dataset.reader);
  let reader = null;

  // prepared shows what the engine really trusts, which offline may be older than the page says.
  function prepared(answer) {
    $("facts").replaceChildren(...answer.facts.map(({ label, value }) => row(label, value)));
    page.dataset.state = "ready";
    $("ready").hidden = !page.dataset.offline;
  }

  // unable leaves the form as it is without scripts, which says that it sends.
  function unable(error) {
    console.error(error);
    page.dataset.state = "unable";
    $("where").textContent = words.remote;
    $("submit").textContent = words.send;
    $("scan").hidden = true;
  }

  // ---- Showing

  function el(name, attributes = {}, ...children) {
    const e = document.createElement(name);
    for (const [k, v] of Object.entries(attributes)) if (v !== undefined && v !== "") e.setAttribute(k, v);
    e.append(...children.filter((c) => c !== undefined && c !== null && c !== ""));
    return e;
  }

  const icon = (name) => $("icons").content.querySelector(`[data-icon="${name}"] svg`).cloneNode(true);
  const row = (label, value) => el("div", {}, el("dt", {}, label), el("dd", {}, value));
  const capital = (s) => s.charAt(0).toUpperCase() + s.slice(1);

  function lines(list) {
    return el("ul", { class: "bullets" }, ...list.map((l) =>
      el("li", {}, l.words, l.detail && el("p", { class: "detail" }, l.detail), " ", el("code", {}, l.code))));
  }

  function verdict(v) {
    const kind = !v.valid ? "refused" : v.test ? "going" : "good";
    const section = el("section", { class: "verdict" },
      el("div", { class: "state " + kind }, icon(!v.valid ? "error" : v.test ? "warning" : "check"),
        el("div", {}, el("h2", { class: "word", tabindex: "-1" }, v.verdict), el("p", {}, v.test || v.document))));
    if (v.reasons?.length) section.append(lines(v.reasons));
    const person = el("dl", { class: "rows" });
    if (!v.rows?.length) {
      if (v.name) person.append(row(words.name, v.name));
      if (v.birth) person.append(row(words.birth, v.birth));
    }
    for (const r of v.rows ?? []) person.append(row(r.label, r.value));
    if (person.childElementCount) section.append(el("p", { class: "says" }, v.says), person);
    if (v.where) section.append(el("p", { class: "small" }, capital(v.where) + "."));
    if (v.list) section.append(el("p", { class: "small" }, capital(v.list) + "."));
    if (v.warnings?.length) {
      section.append(el("details", {}, el("summary", {}, `${words.warnings} (${v.warnings.length})`), el("div", {}, lines(v.warnings))));
    }
    return section;
  }

  function show({ verdicts = [], problem }) {
    const list = verdicts.map(verdict);
    if (problem && !(verdicts.length && problem.code === "scan.nothing")) {
      list.push(el("div", { class: "banner warning" }, icon("warning"),
        el("div", {}, el("h2", { class: "title", tabindex: "-1" }, words.unread), el("p", { class: "text" }, capital(problem.words)))));
    }
    const result = $("result");
    result.replaceChildren(...list, el("div", { class: "actions" }, el("button", { type: "button", class: "button second", id: "again" }, words.again)));
    result.hidden = false;
    $("entry").hidden = true;
    $("again").addEventListener("click", clear);
    result.querySelector("h2").focus();
    page.dataset.shown = verdicts.length;
  }

  // clear forgets what was shown.
  function clear() {
    $("result").replaceChildren();
    $("result").hidden = true;
    $("entry").hidden = false;
    $("form").reset();
    delete page.dataset.shown;
    $("scan").hidden ? $("file").focus() : $("scan").focus();
  }

  function busy(on) {
    $("busy").textContent = on ? words.busy : "";
    page.toggleAttribute("aria-busy", on);
  }

  // once runs one check from a file or a text.
  async function once(body) {
    busy(true);
    const from = performance.now();
    try {
      const answer = await reader.ask({ kind: "file" }, body);
      page.dataset.took = Math.round(performance.now() - from);
      show(answer);
    } catch (e) {
      console.error(e);
      show({ problem: { code: "engine", words: words.failed } });
      reader.start();
    } finally {
      busy(false);
    }
  }

  // ---- Camera

  const camera = new Camera($("video"));

  function stop() {
    camera.stop();
    $("camera").hidden = true;
    $("form").hidden = false;
  }

  async function scan() {
    try {
      await camera.open();
    } catch (e) {
      $("busy").textContent = e.name === "NotAllowedError" ? words.denied : words.camera;
      return;
    }
    $("busy").textContent = "";
    $("camera").hidden = false;
    $("form").hidden = true;
    $("stop").focus();
    const from = performance.now();
    try {
      const answer = await camera.look(async (request, frame) => {
        const answer = await reader.ask(request, frame);
        return answer.verdicts?.length ? answer : null;
      });
      if (!answer) return;
      page.dataset.took = Math.round(performance.now() - from);
      navigator.vibrate?.(answer.verdicts.every((v) => v.valid) ? 60 : [60, 80, 60]);
      stop();
      show(answer);
    } catch (e) {
      console.error(e);
      stop();
      show({ problem: { code: "engine", words: words.failed } });
      reader.start();
    }
  }

  // ---- Beginning

  $("where").textContent = words.local;
  $("submit").textContent = words.check;
  $("scan").hidden = !Camera.there;
  $("scan").addEventListener("click", scan);
  $("stop").addEventListener("click", () => { stop(); $("scan").focus(); });
  $("form").addEventListener("submit", (e) => {
    if (page.dataset.state === "unable") return; // the words beside the button say that it sends
    e.preventDefault();
    const file = $("file").files[0], text = $("text").value;
    if (!file && !text.trim()) {
      $("busy").textContent = words.nothing;
      return;
    }
    if (file) bytesOf(file).then(once); else once(new TextEncoder().encode(text).buffer);
  });
  $("file").addEventListener("change", () => {
    if ($("file").files[0] && page.dataset.state !== "unable") bytesOf($("file").files[0]).then(once);
  });
  if ($("file").files[0]) bytesOf($("file").files[0]).then(once); // chosen before this script was ready
  addEventListener("pagehide", () => { stop(); clear(); });
  reader = new Reader(page.dataset, { lang, minimal: mode === "minimal" }, prepared, unable);
  navigator.serviceWorker?.register("/sw.js").catch((e) => console.warn(e));
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    page.dataset.offline = data.kept; // everything is here, the page in this language too
    if (page.dataset.state === "ready") $("ready").hidden = false;
  });
  navigator.serviceWorker?.ready.then((registration) => registration.active.postMessage({ lang }));
})();
