// What this file adds is comfort: every form works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

  // Memory across two pages of one tab; a browser may refuse it.
  const memory = {
    get(key) { try { return sessionStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { sessionStorage.setItem(key, value); } catch { /* refused */ } },
  };

  // Save wakes when something has changed, and sleeps again when it is undone.
  function wake(form) {
    const buttons = all("button[data-wakes]", form);
    if (!buttons.length) return;
    const state = form.querySelector("[data-unsaved]");
    const saved = form.querySelector(".saved");
    const calm = state && state.textContent;
    const print = () => JSON.stringify([...new FormData(form)].map(([k, v]) => [k, typeof v === "string" ? v : v.name]));
    const first = form.dataset.kept === undefined ? print() : "";
    const update = () => {
      const changed = print() !== first;
      for (const b of buttons) b.disabled = !changed;
      if (state) state.textContent = changed ? state.dataset.unsaved : calm;
      if (saved && changed) saved.hidden = true;
      if (state && saved) state.hidden = !saved.hidden;
    };
    form.addEventListener("input", update);
    form.addEventListener("change", update);
    form.addEventListener("reset", () => setTimeout(update));
    update();
  }

  // One press sends once. A page that comes back from the cache is fresh again.
  function once(form) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      if (form.dataset.stays === undefined) form.dataset.sent = "1"; // else the page stays
      const email = form.querySelector("input[data-remember]");
      if (email) memory.set("settings.email", email.value.trim());
    });
    addEventListener("pageshow", () => { delete form.dataset.sent; });
  }

  // What was wrong with a field is over once it is being mended.
  function mend(input) {
    input.addEventListener("input", () => {
      input.removeAttribute("aria-invalid");
      document.getElementById(input.id + "-error")?.remove();
    }, { once: true });
  }

  function reveal(box) {
    const button = box.querySelector("button");
    const input = box.querySelector("input");
    const use = box.querySelector("use");
    const [eye, off] = [use.getAttribute("href"), use.getAttribute("href").replace("#eye", "#eye-off")];
    const show = (on) => {
      input.type = on ? "text" : "password";
      button.setAttribute("aria-pressed", String(on));
      use.setAttribute("href", on ? off : eye);
    };
    button.addEventListener("click", () => { show(input.type === "password"); input.focus(); });
    // Browsers offer to keep a password only from a field that hides it.
    input.form.addEventListener("submit", () => show(false));
  }

  // How long guessing would take, as far as one can tell without the attacker's
  // lists: what is repeated, in order, or a word everybody uses counts little.
  const words = ("password passwort kennwort passwd letmein welcome willkommen qwerty qwertz azerty admin administrator login secret " +
    "iloveyou monkey dragon sunshine princess football baseball master shadow superman batman hello hallo freedom whatever trustno " +
    "starwars summer winter spring autumn sommer charlie michael jennifer jordan hunter killer pepper ginger cheese computer internet " +
    "google access changeme default guest test temp user root abc love god").split(" ");
  const runs = ["abcdefghijklmnopqrstuvwxyz", "0123456789", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm"];
  const plain = { "@": "a", "4": "a", "3": "e", "1": "i", "!": "i", "0": "o", "$": "s", "5": "s", "7": "t" };

  function strength(password, own) {
    const text = [...password.normalize("NFKC").toLowerCase()];
    const letters = text.map((c) => plain[c] ?? (c.length === 1 ? c : "\ufffd")).join("");
    const digits = text.map((c) => (c.length === 1 ? c : "\ufffd")).join("");
    const covered = text.map(() => false);
    let weight = 0;
    let found = false;
    const cover = (start, length, worth) => {
      if (covered.slice(start, start + length).includes(true)) return;
      covered.fill(true, start, start + length);
      weight += worth;
    };
    for (const word of [...own, ...words].sort((a, b) => b.length - a.length)) {
      let worth = 1.5;
      for (let i = letters.indexOf(word); i >= 0; i = letters.indexOf(word, i + word.length)) {
        cover(i, word.length, worth);
        worth = 0.5; // saying it again adds little
        found = true;
      }
    }
    for (const year of digits.matchAll(/(19|20)\d\d/g)) cover(year.index, 4, 1);
    let row = 0;
    let longest = 0;
    text.forEach((c, i) => {
      if (covered[i]) { row = 0; return; }
      const before = i > 0 && !covered[i - 1] ? text[i - 1] : "";
      const near = before && (before === c || runs.some((r) => r.includes(before + c) || r.includes(c + before)));
      row = near ? row + 1 : 0;
      longest = Math.max(longest, row);
      weight += !near ? 1 : row < 3 ? 0.3 : 0.05;
    });
    const sizes = [[/\p{Ll}/u, 26], [/\p{Lu}/u, 26], [/\d/, 10], [/[^\p{L}\d]/u, 33], [/[^\x00-\x7f]/, 100]];
    const pool = sizes.reduce((sum, [kind, size]) => sum + (kind.test(password) ? size : 0), 0);
    const bits = weight * Math.log2(pool || 1);
    return { level: bits < 32 ? 1 : bits < 48 ? 2 : bits < 64 ? 3 : 4, found, run: longest > 1 };
  }

  function meter(box) {
    const input = document.getElementById(box.dataset.for);
    const text = JSON.parse(box.dataset.texts);
    const out = box.querySelector("[aria-live]");
    const min = Number(box.dataset.min);
    const own = () => {
      const form = new FormData(input.form);
      const about = [box.dataset.words, form.get("name"), form.get("email")].filter((s) => typeof s === "string").join(" ");
      return about.toLowerCase().split(/[^\p{L}\d]+/u).filter((w) => w.length > 2);
    };
    let later;
    const update = () => {
      const value = input.value;
      const length = [...value.normalize("NFKC")].length;
      const { level, found, run } = strength(value, own());
      let say = text.levels[level];
      let shown = level;
      if (!value) [shown, say] = [0, ""];
      else if (length < min) [shown, say] = [1, text.more[min - length - 1] ?? text.rule];
      else if (box.dataset.digit && !/\p{Nd}/u.test(value)) [shown, say] = [Math.min(level, 2), text.digit];
      else if (level < 3 && found) say = text.word;
      else if (level < 3 && run) say = text.run;
      box.dataset.level = shown;
      box.classList.toggle("idle", !value);
      // Spoken once the person pauses, not with every key.
      clearTimeout(later);
      later = setTimeout(() => { if (out.textContent !== say) out.textContent = say; }, value ? 250 : 0);
    };
    input.addEventListener("input", update);
    update();
  }

  // The browser knows its time zone; the person only has to agree.
  function zone(select) {
    let here;
    try { here = Intl.DateTimeFormat().resolvedOptions().timeZone; } catch { return; }
    if (!here || !/^[A-Za-z0-9_+\-/]{3,64}$/.test(here)) return;
    const choose = () => {
      const known = all("option", select).find((o) => o.value === here || (o.dataset.also || "").split(" ").includes(here));
      if (known) select.value = known.value;
      else { select.add(new Option(here, here), 0); select.value = here; }
      select.dispatchEvent(new Event("change", { bubbles: true }));
    };
    const current = select.selectedOptions[0];
    const same = current && (current.value === here || (current.dataset.also || "").split(" ").includes(here));
    if (select.dataset.detect !== undefined) return choose();
    const offer = document.getElementById(select.id + "-here");
    if (!offer || same || /^(Etc\/)?(UTC|GMT|Unknown)$/.test(here)) return;
    const button = offer.querySelector("button");
    button.textContent = fill(button.dataset.text, { zone: here.replaceAll("_", " ") });
    button.addEventListener("click", () => { choose(); offer.hidden = true; select.focus(); });
    offer.hidden = false;
  }

  // A square is cut out here, so that what is sent is what was seen. Without
  // canvas, or for a file the browser cannot read, the server cuts the middle.
  function picture(form) {
    const input = form.querySelector("input[type=file]");
    const panel = form.querySelector(".crop");
    const canvas = panel.querySelector("canvas");
    const zoom = panel.querySelector("input[type=range]");
    const context = canvas.getContext("2d");
    let image, name, x, y;

    const side = () => Math.min(image.naturalWidth, image.naturalHeight) / Number(zoom.value);
    const hold = (v, most) => Math.max(0, Math.min(v, most));
    const draw = (target = canvas) => {
      const s = side();
      x = hold(x, image.naturalWidth - s);
      y = hold(y, image.naturalHeight - s);
      const to = target.getContext("2d");
      to.clearRect(0, 0, target.width, target.height);
      to.imageSmoothingQuality = "high";
      to.drawImage(image, x, y, s, s, 0, 0, target.width, target.height);
    };
    const close = () => {
      panel.hidden = true;
      input.value = "";
      if (image) URL.revokeObjectURL(image.src);
      image = undefined;
    };
    const shade = () => {
      draw();
      if (form.dataset.picture === "tile") return; // shown as it is, and not round
      const r = canvas.width / 2;
      context.save();
      context.globalAlpha = 0.5;
      context.beginPath();
      context.rect(0, 0, canvas.width, canvas.height);
      context.moveTo(2 * r - 2, r);
      context.arc(r, r, r - 2, 0, 2 * Math.PI);
      context.fillStyle = "#000";
      context.fill("evenodd");
      context.restore();
    };

    input.addEventListener("change", () => {
      const file = input.files[0];
      if (!file) return;
      const loading = new Image();
      loading.onload = () => {
        image = loading;
        name = file.name;
        zoom.value = 1;
        x = (image.naturalWidth - side()) / 2;
        y = (image.naturalHeight - side()) / 2;
        panel.hidden = false;
        shade();
        canvas.focus({ preventScroll: true });
        panel.scrollIntoView({ block: "nearest" });
      };
      loading.onerror = () => form.submit();
      loading.src = URL.createObjectURL(file);
    });
    zoom.addEventListener("input", () => {
      const before = Number(zoom.dataset.last || 1);
      const s = Math.min(image.naturalWidth, image.naturalHeight);
      x += (s / before - side()) / 2;
      y += (s / before - side()) / 2;
      zoom.dataset.last = zoom.value;
      shade();
    });
    const move = (dx, dy) => {
      const scale = side() / canvas.clientWidth;
      x -= dx * scale;
      y -= dy * scale;
      shade();
    };
    let from;
    canvas.addEventListener("pointerdown", (e) => { from = e; canvas.setPointerCapture(e.pointerId); });
    canvas.addEventListener("pointermove", (e) => {
      if (!from) return;
      move(e.clientX - from.clientX, e.clientY - from.clientY);
      from = e;
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { from = undefined; });
    canvas.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: [8, 0], ArrowRight: [-8, 0], ArrowUp: [0, 8], ArrowDown: [0, -8] }[e.key];
      if (!step) return;
      e.preventDefault();
      move(...step);
    });
    panel.querySelector("[data-cancel]").addEventListener("click", () => { close(); input.focus(); });
    panel.addEventListener("keydown", (e) => { if (e.key === "Escape") { close(); input.focus(); } });

    form.addEventListener("submit", (event) => {
      if (!image || form.dataset.cut) return;
      event.preventDefault();
      const square = document.createElement("canvas");
      square.width = square.height = Math.round(Math.max(64, Math.min(512, side())));
      draw(square);
      const kind = /\.(jpe?g)$/i.test(name) ? "image/jpeg" : "image/png";
      square.toBlob((blob) => {
        if (blob) {
          const files = new DataTransfer();
          files.items.add(new File([blob], kind === "image/png" ? "picture.png" : "picture.jpg", { type: kind }));
          input.files = files.files;
        }
        form.dataset.cut = "1";
        form.submit();
      }, kind, 0.92);
    });
  }

  function copy(button) {
    const text = button.querySelector("span");
    const calm = text.textContent;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
      } catch { return; }
      text.textContent = button.dataset.done;
      text.setAttribute("role", "status");
      setTimeout(() => { text.textContent = calm; }, 2000);
    });
  }

  // A proof that is needed is asked for in place, and the page stays as it is.
  // Whatever does not go by itself is left to the page for it.
  function prove(form) {
    let button;
    const go = () => {
      form.dataset.proven = "1";
      form.requestSubmit(button);
    };
    const dialog = document.createElement("dialog");
    dialog.className = "proof";
    const show = (page) => {
      const panel = new DOMParser().parseFromString(page, "text/html").querySelector("[data-proof]");
      if (!panel || panel.querySelector("[data-passkey]")) throw new Error("for the page");
      const title = document.createElement("h2");
      title.id = "proof-title";
      title.append(...panel.querySelector("h1").childNodes);
      panel.querySelector("h1").replaceWith(title);
      const cancel = document.createElement("button");
      cancel.className = "btn wide";
      cancel.type = "button";
      cancel.textContent = form.dataset.cancel;
      cancel.addEventListener("click", () => dialog.close());
      panel.append(cancel);
      dialog.setAttribute("aria-labelledby", title.id);
      dialog.replaceChildren(document.adoptNode(panel));
      all(".reveal", panel).forEach(reveal);
      for (const f of all("form", panel)) f.addEventListener("submit", (event) => { event.preventDefault(); send(f, event.submitter); });
      if (dialog.open) (panel.querySelector(".problem") ?? panel.querySelector("[autofocus]"))?.focus();
    };
    const attempt = async (work) => {
      try { await work(); } catch { dialog.close(); go(); }
    };
    const send = (f, by) => attempt(async () => {
      const response = await fetch(f.action, { method: "POST", body: new URLSearchParams(new FormData(f, by)) });
      if (response.redirected) throw new Error("done"); // proven, or signed out meanwhile
      show(await response.text());
    });
    form.addEventListener("submit", (event) => {
      if (form.dataset.proven) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      button = event.submitter ?? undefined;
      attempt(async () => {
        const response = await fetch(form.dataset.prove);
        if (response.redirected) throw new Error("for the page");
        show(await response.text());
        document.body.append(dialog);
        dialog.showModal();
      });
    });
  }

  // A name suggests its slug until somebody types one.
  function suggest(input) {
    const name = input.form.elements.namedItem("name");
    let own = input.value !== "";
    input.addEventListener("input", () => { own = input.value !== ""; });
    name.addEventListener("input", () => {
      if (own) return;
      const text = name.value.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
      input.value = text.replace(/[^a-z0-9]+/g, "-").replace(/^-+/, "").slice(0, 41).replace(/-+$/, "");
    });
  }

  // What is under way is asked for again, and what has changed of it put into the
  // page, until it is done. Where nothing moves it is asked for less and less often.
  function live(box) {
    let wait = 1000;
    const take = (page) => {
      let moved = false;
      for (const part of all("[data-part]", box)) {
        const fresh = page.getElementById(part.id);
        if (!fresh || (part.value === fresh.value && part.innerHTML === fresh.innerHTML)) continue;
        if (part.localName === "progress") part.value = fresh.value;
        part.replaceChildren(...fresh.childNodes);
        moved = true;
      }
      wait = moved ? 1000 : Math.min(2 * wait, 15000);
      return page.getElementById(box.id)?.dataset.live !== undefined;
    };
    const ask = async () => {
      let more = true;
      try {
        const response = await fetch(location.href);
        // Signed out, or forgotten: what there was stays.
        more = response.ok && !response.redirected && take(new DOMParser().parseFromString(await response.text(), "text/html"));
      } catch { wait = 15000; }
      if (more) setTimeout(ask, wait);
    };
    setTimeout(ask, wait);
  }

  function menu(details) {
    const summary = details.querySelector("summary");
    document.addEventListener("keydown", (e) => {
      if (e.key !== "Escape" || !details.open) return;
      details.open = false;
      summary.focus();
    });
    document.addEventListener("click", (e) => { if (!details.contains(e.target)) details.open = false; });
  }

  document.addEventListener("DOMContentLoaded", () => {
    all("form[data-prove]").forEach(prove);
    all("form:not([data-passkey], [data-new-passkey])").forEach(once);
    all("[data-copy]").forEach(copy);
    for (const b of all("[data-print]")) b.addEventListener("click", () => print());
    all("select[data-zone]").forEach(zone);
    all("form").forEach(wake);
    all("[aria-invalid]").forEach(mend);
    all(".reveal").forEach(reveal);
    all(".meter").forEach(meter);
    all("form[data-picture]").forEach(picture);
    all("[data-live]").forEach(live);
    all("details[data-menu]").forEach(menu);
    all("input[data-suggest]").forEach(suggest);

    const sent = document.querySelector("[data-sent-to]");
    const email = memory.get("settings.email");
    if (sent && email) {
      sent.querySelector("dd").textContent = email;
      sent.hidden = false;
    }

    const problem = document.querySelector(".problem");
    if (problem) problem.focus();

    // Where the address names a part of the page, browsers go there and take the
    // focus away.
    const first = document.querySelector("[autofocus]");
    if (first && location.hash) {
      addEventListener("load", () => { if (document.activeElement === document.body) first.focus({ preventScroll: true }); });
    }

    // "Saved" is news once: reloading the page should not repeat it.
    const here = new URL(location.href);
    if (here.searchParams.has("saved")) {
      here.searchParams.delete("saved");
      history.replaceState(history.state, "", here);
    }
  });
})();
