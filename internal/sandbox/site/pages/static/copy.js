// Puts a button beside what can be copied. Without scripts the text can be selected.
const words = document.querySelector("script[data-copy]").dataset;
for (const code of document.querySelectorAll("code[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "linkish";
  button.textContent = words.copy;
  button.setAttribute("aria-label", `${words.copy} ${code.textContent}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = words.copied;
    setTimeout(() => { button.textContent = words.copy; }, 2000);
  });
  code.after(" ", button);
}
