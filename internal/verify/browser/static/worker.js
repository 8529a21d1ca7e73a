"use strict";
// The worker that verifies. It runs the engine, a WebAssembly module made from Go (see
// docs/adr/0009-wasm.md), which is a WASI reactor: it reads a request from its standard input, writes
// the answer to its standard output, and can ask for the time and for chance. It can do nothing else,
// because nothing else is given to it here: no network, no file, no page.

const OK = 0, BADF = 8, NOSYS = 52;

class Engine {
  #input = new Uint8Array(0);
  #output = [];
  #memory = null;
  #answer = null;

  static async load(address) {
    const engine = new Engine();
    const module = await WebAssembly.compileStreaming(fetch(address));
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      (imports[from] ??= {})[name] = engine["$" + name]?.bind(engine) ?? (() => NOSYS);
    }
    const { exports } = await WebAssembly.instantiate(module, imports);
    engine.#memory = exports.memory;
    engine.#answer = exports.answer;
    exports._initialize();
    return engine;
  }

  // ask gives the answer to a request: one line of JSON, then the bytes that it is about.
  ask(request, body) {
    const line = new TextEncoder().encode(JSON.stringify(request) + "\n");
    this.#input = new Uint8Array(line.length + body.length);
    this.#input.set(line);
    this.#input.set(body, line.length);
    this.#output = [];
    if (this.#answer() !== OK) throw new Error("the engine could not answer");
    const text = new TextDecoder();
    return JSON.parse(this.#output.map((part) => text.decode(part, { stream: true })).join(""));
  }

  get #view() { return new DataView(this.#memory.buffer); }

  // #buffers walks a list of buffers in the memory of the module.
  *#buffers(list, n) {
    for (let i = 0; i < n; i++) {
      yield new Uint8Array(this.#memory.buffer, this.#view.getUint32(list + 8 * i, true), this.#view.getUint32(list + 8 * i + 4, true));
    }
  }

  $fd_read(fd, list, n, read) {
    if (fd !== 0) return BADF;
    let total = 0;
    for (const buffer of this.#buffers(list, n)) {
      const part = this.#input.subarray(0, buffer.length);
      buffer.set(part);
      this.#input = this.#input.subarray(part.length);
      total += part.length;
    }
    this.#view.setUint32(read, total, true);
    return OK;
  }

  $fd_write(fd, list, n, written) {
    let total = 0;
    for (const buffer of this.#buffers(list, n)) {
      if (fd === 1) this.#output.push(buffer.slice());
      if (fd === 2) console.error(new TextDecoder().decode(buffer));
      total += buffer.length;
    }
    this.#view.setUint32(written, total, true);
    return OK;
  }

  $fd_fdstat_get(fd, stat) {
    if (fd > 2) return BADF;
    new Uint8Array(this.#memory.buffer, stat, 24).fill(0);
    this.#view.setUint8(stat, 2); // a character device
    return OK;
  }

  $fd_fdstat_set_flags() { return OK; }
  $fd_prestat_get() { return BADF; } // no folder is open

  #none(count, size) {
    this.#view.setUint32(count, 0, true);
    this.#view.setUint32(size, 0, true);
    return OK;
  }
  $args_sizes_get(count, size) { return this.#none(count, size); }
  $environ_sizes_get(count, size) { return this.#none(count, size); }
  $args_get() { return OK; }
  $environ_get() { return OK; }

  $clock_time_get(clock, _precision, time) {
    const ms = clock === 0 ? Date.now() : performance.now();
    this.#view.setBigUint64(time, BigInt(Math.round(ms * 1e6)), true);
    return OK;
  }

  $random_get(at, n) {
    for (let i = 0; i < n; i += 65536) {
      crypto.getRandomValues(new Uint8Array(this.#memory.buffer, at + i, Math.min(65536, n - i)));
    }
    return OK;
  }

  // Whatever is waited for has come: a timer that fires early is set again by the one who waits.
  $poll_oneoff(subscriptions, events, n, count) {
    for (let i = 0; i < n; i++) {
      const event = new Uint8Array(this.#memory.buffer, events + 32 * i, 32).fill(0);
      event.set(new Uint8Array(this.#memory.buffer, subscriptions + 48 * i, 8)); // who asked
      event[10] = this.#view.getUint8(subscriptions + 48 * i + 8); // what for
    }
    this.#view.setUint32(count, n, true);
    return OK;
  }

  $sched_yield() { return OK; }
  $proc_exit(code) { throw new Error("the engine stopped: " + code); }
}

let engine = null;

// Messages are answered in the order in which they come.
self.onmessage = async ({ data: { id, load, request, body } }) => {
  try {
    if (load) {
      engine = null;
      const [loaded, trust] = await Promise.all([Engine.load(load.engine), fetch(load.trust)]);
      if (!trust.ok) throw new Error("trust: " + trust.status);
      const answer = loaded.ask({ ...request, kind: "trust" }, new Uint8Array(await trust.arrayBuffer()));
      if (!answer.problem) engine = loaded;
      self.postMessage({ id, answer });
      return;
    }
    self.postMessage({ id, answer: engine.ask(request, new Uint8Array(body)) });
  } catch (e) {
    self.postMessage({ id, failed: String(e) });
  }
};
