// What went wrong: one sentence, what would help, and a way to try again.
import { h } from "./dom.js";
import { Refusal } from "./service.js";

/** Return what is shown of a problem. `again()` is called to try once more. */
export function troubleOf(problem, again) {
  const known = problem instanceof Refusal;
  const sentence = known ? problem.message : "The page itself failed; the console of the browser has more.";
  const words = [h("strong", {}, sentence), known && problem.help ? ` ${problem.help}` : ""];
  const button = !known || problem.again ? h("button", { type: "button", class: "small", click: (event) => {
    event.target.closest("[role=alert]").remove();
    again();
  } }, "Try again") : null;
  return h("div", { class: problem.stopped ? "note" : "trouble", role: "alert" }, h("p", {}, words), button);
}
