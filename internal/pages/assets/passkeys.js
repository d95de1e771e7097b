// Passkeys (WebAuthn Level 3). What the browser says goes into a form, which is
// then sent as any other.
(() => {
  "use strict";
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const keys = window.PublicKeyCredential;
  const able = keys && keys.parseRequestOptionsFromJSON && keys.parseCreationOptionsFromJSON && window.isSecureContext;
  // A person who closes the browser's own dialog needs no alarm.
  const closed = (error) => error.name === "NotAllowedError" || error.name === "AbortError";

  function say(form, text) {
    const place = form.querySelector("[role=alert]");
    place.textContent = text;
    place.hidden = !text;
    delete form.dataset.sent;
    for (const b of all("button", form)) b.disabled = false;
  }

  function answer(form, credential) {
    form.elements.credential.value = JSON.stringify(credential.toJSON());
    form.submit();
  }

  // Asks the API what the browser is to be asked. Undefined: the server is to say
  // why not, by the form.
  async function options(form) {
    const response = await fetch(form.dataset.options, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ purpose: form.dataset.passkey }),
    });
    if (response.status === 401) return undefined;
    if (!response.ok) throw new Error(response.status === 429 ? form.dataset.limited : form.dataset.failed);
    return keys.parseRequestOptionsFromJSON(await response.json());
  }

  function passkey(form) {
    if (!able) {
      for (const note of all("[data-no-passkeys]")) note.hidden = false;
      return;
    }
    form.hidden = false;
    let offer; // what the browser offers beside the field for the address
    const get = async (more = {}) => {
      const publicKey = await options(form);
      if (!publicKey) return more.mediation ? undefined : form.submit();
      const credential = await navigator.credentials.get({ publicKey, ...more });
      if (credential) answer(form, credential);
    };
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      offer?.abort();
      say(form, "");
      for (const b of all("button", form)) b.disabled = true;
      try {
        await get();
      } catch (error) {
        say(form, closed(error) ? form.dataset.canceled : error.name === "Error" ? error.message : form.dataset.failed);
      }
    });
    addEventListener("pageshow", (event) => { if (event.persisted) say(form, ""); });
    if (form.dataset.passkey !== "sign_in" || !keys.isConditionalMediationAvailable) return;
    // A challenge is good for 5 minutes, so it is asked anew before.
    const keep = async () => {
      if (document.hidden || offer?.signal.aborted) return;
      const last = offer;
      offer = new AbortController();
      last?.abort();
      try { await get({ mediation: "conditional", signal: offer.signal }); } catch { /* the button is there */ }
    };
    keys.isConditionalMediationAvailable().then((can) => {
      if (!can) return;
      keep();
      setInterval(keep, 240000);
    });
  }

  function newPasskey(form) {
    if (!able) return say(form, form.dataset.failed);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      say(form, "");
      try {
        answer(form, await navigator.credentials.create({ publicKey: keys.parseCreationOptionsFromJSON(JSON.parse(form.dataset.newPasskey)) }));
      } catch (error) {
        say(form, error.name === "InvalidStateError" ? form.dataset.known : closed(error) ? form.dataset.canceled : form.dataset.failed);
      }
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    all("form[data-passkey]").forEach(passkey);
    all("form[data-new-passkey]").forEach(newPasskey);
  });
})();
