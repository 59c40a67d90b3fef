// What the model says: its classes of the highest scores, each with a bar, and which row of the input it is about.
import { h } from "./dom.js";

/** Return a probability in per cent, as the pictures say it. */
export function chance(p) {
  if (p > 0 && p < 0.0005) return "< 0.1 %";
  if (p >= 0.9995 && p < 1) return "> 99.9 %";
  return p === 0 || p === 1 ? `${100 * p} %` : `${(100 * p).toFixed(1)} %`;
}

const score = (value) => (Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2) : Number(value.toPrecision(4)).toString());

/** Return the list of classes of a row. `picked(index)` is told which one should be explained. */
export function listOfClasses(top, picked) {
  const most = Math.max(0, ...top.map((each) => each.score));
  const least = Math.min(0, ...top.map((each) => each.score));
  return h("ol", { class: "classes" }, top.map((each) => {
    const share = each.probability ?? (each.score - least) / (most - least || 1);
    const bar = h("span", { class: "bar" }, h("span", { class: "fill" }));
    bar.firstChild.style.width = `${100 * share}%`;
    const told = each.probability === null ? score(each.score) : chance(each.probability);
    const parts = [h("span", { class: "name" }, each.label), h("span", { class: "told" }, told), bar];
    const title = each.probability === null ? "score" : `score ${score(each.score)}`;
    if (each.index === null) return h("li", { title }, h("div", { class: "class" }, parts));
    return h("li", { title }, h("button", { type: "button", class: "class", "data-index": each.index, click: () => picked(each.index) }, parts));
  }));
}

/** Mark the classes that are explained now. */
export function markClasses(list, explained) {
  for (const button of list.querySelectorAll("button.class")) button.setAttribute("aria-pressed", String(explained.has(Number(button.dataset.index))));
}

/** Return the choice of a row, of an input that has several; null for one that has one. `picked(row)` is told.
 *  together: whether all rows can be shown together, the row "all". */
export function choiceOfRow(rows, row, together, picked) {
  if (rows.length < 2) return null;
  const option = (value, word) => h("option", { value, selected: value === row }, word);
  const named = rows.map(({ top }, i) => option(i, `${i + 1} of ${rows.length}: ${top[0].label}`));
  const all = together ? option("all", `all ${rows.length} rows together`) : null;
  const select = h("select", { change: () => picked(select.value === "all" ? "all" : Number(select.value)) }, named, all);
  return h("label", { class: "field" }, h("span", {}, "Row"), select);
}
