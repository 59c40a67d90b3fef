// A picture as large as the window: what a panel shows, to look at closely. Escape, or a click, goes back.
import { h } from "./dom.js";

/** Return the button that shows the layers of a panel large. */
export function enlarging(stack, title) {
  return h("button", { type: "button", class: "quiet enlarge", "aria-label": `Enlarge: ${title}`, title: "Enlarge", click: () => show(stack, title) }, "⤢");
}

function show(stack, title) {
  const close = h("button", { type: "button", class: "small", click: () => dialog.close() }, "Close");
  const large = stack.cloneNode(true);
  const dialog = h("dialog", { class: "large", "aria-label": title, close: () => dialog.remove(), click: (event) => { if (event.target !== close) dialog.close(); } },
    h("p", {}, h("strong", {}, title), close), large);
  large.style.setProperty("--ratio", stack.style.aspectRatio.replaceAll(" ", ""));
  document.body.append(dialog);
  dialog.showModal();
}
