// The form of an entry, on top of what works without scripts: the code of a box fills the fields, what
// is typed is kept as a draft, and a few keys answer where the focus stands.
const headers = { Accept: "application/json", "X-Requested-With": "entry" };

// A scanner types the code and Enter: the form is not sent, its fields are filled.
for (const form of document.querySelectorAll("form[data-box]")) {
  const scan = form.elements.scan;
  if (!scan) continue;
  const says = form.querySelector("[data-says]");

  const tell = (answer) => {
    says.textContent = [answer.name, answer.words].filter(Boolean).join(" · ");
    says.classList.toggle("bad", Boolean(answer.bad));
  };

  const fill = (answer) => {
    tell(answer);
    if (!answer.gtin) {
      scan.select();
      return;
    }
    scan.value = "";
    const set = (name, value) => { if (form.elements[name] && value !== undefined) form.elements[name].value = value; };
    if (form.elements.live) form.elements.live.value = "";
    set("vaccine", answer.vaccine);
    set("lot", answer.lot);
    (answer.expiry ?? []).forEach((part, i) => set(["expiry-day", "expiry-month", "expiry-year"][i], part));
    if (!answer.vaccine && form.elements.vaccine) {
      remember(form, "gtin", answer.gtin);
      form.elements.vaccine.focus();
    } else if (!answer.lot) {
      form.elements.lot.focus();
    } else {
      (form.elements.eligibility ?? form.querySelector(".actions button")).focus();
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  };

  const ask = async (address, body) => {
    says.textContent = "…";
    try {
      const answer = await fetch(address, { method: "POST", headers, body, redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      fill(await answer.json());
    } catch {
      says.textContent = "";
      form.submit(); // the page answers without scripts, and says what is wrong
    }
  };

  // Enter in the field sends the form: that is the scanner's Enter.
  form.addEventListener("submit", (event) => {
    if (document.activeElement !== scan || !scan.value) return;
    event.preventDefault();
    ask(form.dataset.box, new URLSearchParams({ scan: scan.value }));
  });

  if (form.dataset.photo) {
    const words = form.closest("main").querySelector("[data-photo-words]")?.dataset.photoWords ?? "Photo";
    const label = document.createElement("label");
    label.className = "button second small";
    const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*", hidden: true });
    input.setAttribute("capture", "environment");
    label.append(words, input);
    scan.closest(".field").after(label);
    input.addEventListener("change", async () => {
      const file = input.files[0];
      if (!file) return;
      if ("BarcodeDetector" in window) {
        try {
          const found = await new BarcodeDetector({ formats: ["data_matrix", "qr_code", "code_128"] }).detect(await createImageBitmap(file));
          if (found.length) return ask(form.dataset.box, new URLSearchParams({ scan: found[0].rawValue }));
        } catch { /* the service reads it */ }
      }
      ask(form.dataset.photo, file);
    });
  }
}

function remember(form, name, value) {
  let hidden = form.elements[name];
  if (!hidden) {
    hidden = Object.assign(document.createElement("input"), { type: "hidden", name });
    form.append(hidden);
  }
  hidden.value = value;
}

// What is typed is kept, two seconds after the last key and when the page is left or locked.
for (const form of document.querySelectorAll("form[data-draft]")) {
  const status = form.querySelector("[data-status]");
  let timer = 0, dirty = false;
  const keep = async () => {
    clearTimeout(timer);
    if (!dirty) return;
    dirty = false;
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", headers, body: new URLSearchParams(new FormData(form)), keepalive: true, redirect: "error" });
      if (answer.ok) status.textContent = form.dataset.kept.replace("{time}", new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }));
    } catch {
      dirty = true; // the next change tries again
    }
  };
  form.addEventListener("input", () => {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(keep, 2000);
  });
  form.addEventListener("submit", () => { dirty = false; clearTimeout(timer); });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "hidden") keep(); });
}

// Keys of one character work only where the focus is in the questions, never while one types a text.
for (const part of document.querySelectorAll("[data-keys]")) {
  part.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input[type=text], textarea, select")) return;
    const sites = part.querySelectorAll("input[name=site]");
    const chosen = sites[Number(event.key) - 1];
    if (chosen) {
      event.preventDefault();
      chosen.checked = true;
      chosen.focus();
      chosen.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (event.key === "?") {
      event.preventDefault();
      const help = document.querySelector("details.keys");
      help.open = true;
      help.querySelector("summary").focus();
    }
  });
}

const printer = document.querySelector("[data-print]");
if (printer) {
  printer.hidden = false;
  printer.addEventListener("click", () => print());
}
