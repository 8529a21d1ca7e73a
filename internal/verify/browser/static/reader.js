// What a page needs to read codes on the device: the worker with the engine, files, and the camera's
// picture. It asks for the addresses that it is given and for nothing else, and sends nothing.

// Reader talks to the worker. addresses are those of engine, worker and trust; request is added to each
// question. prepared is called with what the engine trusts, each time the worker has started.
export class Reader {
  #addresses; #request; #prepared; #unable;
  #waiting = new Map();
  #worker = null;
  #next = 0;
  #ready = null;

  constructor(addresses, request, prepared, unable) {
    [this.#addresses, this.#request, this.#prepared, this.#unable] = [addresses, request, prepared, unable];
    this.start();
  }

  // start begins anew with what is trusted now.
  start() {
    this.#worker?.terminate();
    this.#worker = new Worker(this.#addresses.worker);
    this.#worker.onmessage = ({ data: { id, answer, failed } }) => {
      const w = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failed) w?.reject(new Error(failed)); else w?.resolve(answer);
    };
    this.#worker.onerror = (e) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(e.message));
      this.#waiting.clear();
    };
    this.#ready = this.#post({ load: { engine: this.#addresses.engine, trust: this.#addresses.trust }, request: { ...this.#request, at: new Date().toISOString() } });
    this.#ready.then((answer) => (answer.problem ? this.#unable(answer.problem) : this.#prepared(answer)), this.#unable);
  }

  #post(message, transfer = []) {
    return new Promise((resolve, reject) => {
      const id = ++this.#next;
      this.#waiting.set(id, { resolve, reject });
      this.#worker.postMessage({ id, ...message }, transfer);
    });
  }

  // ask gives the answer about some bytes, which are gone from the page then.
  async ask(request, body) {
    await this.#ready;
    return this.#post({ request: { ...this.#request, at: new Date().toISOString(), ...request }, body }, [body]);
  }
}

// bytesOf gives a file's bytes; a picture that the engine does not know (HEIC on some phones) is turned
// into one that it does.
export async function bytesOf(file) {
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

// Camera looks for codes in the picture of the camera, frame by frame.
export class Camera {
  #video; #stream = null;

  static get there() { return Boolean(navigator.mediaDevices?.getUserMedia); }

  constructor(video) { this.#video = video; }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }

  // open asks for the camera; it throws what the browser throws.
  async open() {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } });
  }

  // look calls read with each frame until it gives something, and gives that; null once it was stopped.
  async look(read) {
    const video = this.#video, mine = this.#stream;
    video.srcObject = mine;
    await video.play();
    const canvas = new OffscreenCanvas(1, 1);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    while (this.#stream === mine) {
      const width = video.videoWidth, height = video.videoHeight;
      if (width && height) {
        if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
        context.drawImage(video, 0, 0);
        const found = await read({ kind: "frame", width, height }, context.getImageData(0, 0, width, height).data.buffer);
        if (this.#stream !== mine) return null;
        if (found) return found;
      }
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    return null;
  }
}
