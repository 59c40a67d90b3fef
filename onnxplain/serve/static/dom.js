// Making elements, without any text ever being read as HTML.

/** Return a new element. Attributes that are functions listen, `true` stands alone, null and false are left out. */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false));
  return made;
}

/** Return the element with an id. */
export const at = (id) => document.getElementById(id);

let numbered = 0;

/** Return a word that is no id yet. */
export const fresh = (stem) => `${stem}-${++numbered}`;

/** Say something to those who hear the page. */
export function say(text) {
  at("said").textContent = text;
}

/** Return a number of bytes for people. */
export function bytes(count) {
  return count >= 2 ** 20 ? `${(count / 2 ** 20).toFixed(count < 10 * 2 ** 20 ? 1 : 0)} MB` : `${Math.ceil(count / 1024)} kB`;
}

/** Let the browser save a file. */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
