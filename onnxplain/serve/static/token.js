// The token that a service may ask for. It is kept for this tab alone, and sent to this service alone.
import { h } from "./dom.js";

const KEPT = "onnxplain token";
let asking = null;

/** Return the token that was given; null where none was. */
export const token = () => sessionStorage.getItem(KEPT);

/** Ask for a token, and return whether one was given. All requests that lack one wait for the same answer. */
export function givenToken(wrong) {
  asking ??= asked(wrong).finally(() => (asking = null));
  return asking;
}

function asked(wrong) {
  const field = h("input", { type: "password", id: "token-text", autocomplete: "off", spellcheck: "false", required: true });
  const dialog = h("dialog", { "aria-labelledby": "token-title" }, h("form", { method: "dialog" },
    h("h2", { id: "token-title" }, "This service asks for a token"),
    h("p", {}, "Whoever runs it can give you one. It is kept until this tab is closed, and sent to this service alone."),
    h("label", { class: "field" }, h("span", {}, "Token"), field),
    wrong ? h("p", { class: "trouble", role: "alert" }, "That token is not known here.") : null,
    h("div", { class: "row" }, h("button", { type: "submit", value: "give", class: "main" }, "Go on"),
      h("button", { type: "submit", value: "", formnovalidate: true, class: "quiet" }, "Not now"))));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "give" && field.value.trim();
      dialog.remove();
      if (given) sessionStorage.setItem(KEPT, given);
      else sessionStorage.removeItem(KEPT);
      resolve(Boolean(given));
    }, { once: true });
  });
}
