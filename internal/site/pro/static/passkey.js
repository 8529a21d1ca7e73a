// The passkey of somebody who types for a professional. A form with data-challenge asks the device
// before it is sent; with data-create it makes a passkey, else it uses one. Without scripts the form
// goes without an answer, and the site asks again.
for (const form of document.querySelectorAll("form[data-challenge]")) {
  const field = form.elements.passkey;
  const trouble = form.querySelector("[data-trouble]");
  form.addEventListener("submit", async (event) => {
    if (field.value) return;
    event.preventDefault();
    trouble.hidden = true;
    const options = JSON.parse(form.dataset.challenge);
    try {
      const answer = "create" in form.dataset
        ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      field.value = JSON.stringify(answer.toJSON());
      form.requestSubmit(event.submitter);
    } catch {
      trouble.hidden = false;
      trouble.focus();
    }
  });
}
