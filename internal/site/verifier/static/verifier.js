"use strict";
// The page of the verifier: it takes a frame of the camera, a file or a text to the worker and shows
// the answer. It sends nothing: the only addresses that it asks for are those of the engine and of
// what is trusted, when it starts.
(() => {
  const $ = (id) => document.getElementById(id);
  const page = $("check");
  const { engine, trust, worker: workerAddress, mode } = page.dataset;
  const words = page.dataset;
  const lang = document.documentElement.lang;

  // ---- The worker

  const waiting = new Map();
  let worker = null, next = 0, ready = null;

  function post(message, transfer = []) {
    return new Promise((resolve, reject) => {
      const id = ++next;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, ...message }, transfer);
    });
  }

  function broken(error) {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  function start() {
    worker?.terminate();
    worker = new Worker(workerAddress);
    worker.onmessage = ({ data: { id, answer, failed } }) => {
      const w = waiting.get(id);
      waiting.delete(id);
      if (failed) w?.reject(new Error(failed)); else w?.resolve(answer);
    };
    worker.onerror = (e) => broken(new Error(e.message));
    ready = post({ load: { engine, trust }, request: { lang, at: new Date().toISOString() } });
    ready.then(prepared, unable);
    return ready;
  }

  async function ask(request, body) {
    await ready;
    return post({ request: { lang, minimal: mode === "minimal", at: new Date().toISOString(), ...request }, body }, [body]);
  }

  // prepared shows what the engine really trusts, which offline may be older than the page says.
  function prepared(answer) {
    if (answer.problem) return unable(answer.problem);
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
      const answer = await ask({ kind: "file" }, body);
      page.dataset.took = Math.round(performance.now() - from);
      show(answer);
    } catch (e) {
      console.error(e);
      show({ problem: { code: "engine", words: words.failed } });
      start();
    } finally {
      busy(false);
    }
  }

  // decoded turns a picture that the engine does not know (HEIC on some phones) into one that it does.
  async function decoded(file) {
    const bytes = await file.arrayBuffer();
    if (!/^image\/(heic|heif|avif)/.test(file.type)) return bytes;
    try {
      const bitmap = await createImageBitmap(file);
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext("2d").drawImage(bitmap, 0, 0);
      return (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer();
    } catch {
      return bytes;
    }
  }

  // ---- Camera

  let stream = null;

  function stop() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    $("video").srcObject = null;
    $("camera").hidden = true;
    $("form").hidden = false;
  }

  async function scan() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } });
    } catch (e) {
      $("busy").textContent = e.name === "NotAllowedError" ? words.denied : words.camera;
      return;
    }
    $("busy").textContent = "";
    $("camera").hidden = false;
    $("form").hidden = true;
    $("stop").focus();
    const video = $("video");
    video.srcObject = stream;
    await video.play();
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const mine = stream;
    const from = performance.now();
    while (stream === mine) {
      const width = video.videoWidth, height = video.videoHeight;
      if (width && height) {
        if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
        context.drawImage(video, 0, 0);
        let answer;
        try {
          answer = await ask({ kind: "frame", width, height }, context.getImageData(0, 0, width, height).data.buffer);
        } catch (e) {
          console.error(e);
          stop();
          show({ problem: { code: "engine", words: words.failed } });
          start();
          return;
        }
        if (stream !== mine) return;
        if (answer.verdicts?.length) {
          page.dataset.took = Math.round(performance.now() - from);
          navigator.vibrate?.(answer.verdicts.every((v) => v.valid) ? 60 : [60, 80, 60]);
          stop();
          show(answer);
          return;
        }
      }
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
  }

  // ---- Beginning

  $("where").textContent = words.local;
  $("submit").textContent = words.check;
  $("scan").hidden = !navigator.mediaDevices?.getUserMedia;
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
    if (file) decoded(file).then(once); else once(new TextEncoder().encode(text).buffer);
  });
  $("file").addEventListener("change", () => {
    if ($("file").files[0] && page.dataset.state !== "unable") decoded($("file").files[0]).then(once);
  });
  addEventListener("pagehide", () => { stop(); clear(); });
  start();
  navigator.serviceWorker?.register("/sw.js").catch((e) => console.warn(e));
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    page.dataset.offline = data.kept; // everything is here, the page in this language too
    if (page.dataset.state === "ready") $("ready").hidden = false;
  });
  navigator.serviceWorker?.ready.then((registration) => registration.active.postMessage({ lang }));
})();
