// What the extension's pages share: words, and the way to the background.

export const api = globalThis.browser ?? globalThis.chrome;
export const say = (key, ...values) => api.i18n.getMessage(key, values.map(String)) || key;
export const lang = say("lang");
export const send = (message) => Promise.resolve(api.runtime.sendMessage(message));
export const find = (selector) => document.querySelector(selector);

export function element(name, properties = {}, ...children) {
	const e = document.createElement(name);
	Object.assign(e, properties);
	e.append(...children);
	return e;
}

document.documentElement.lang = lang;
for (const e of document.querySelectorAll("[data-say]")) e.textContent = say(e.dataset.say);
for (const e of document.querySelectorAll("[data-legal]")) e.href = `${e.dataset.legal}.${lang}.html`;
document.title = say(document.documentElement.dataset.title);
