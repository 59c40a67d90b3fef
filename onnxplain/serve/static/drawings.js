// What is seen of an explanation: layers of a map, bars, coloured words, or a picture as it is.
import { h } from "./dom.js";
import { enlarging } from "./enlarged.js";

/** Return the drawing of a view, as the service describes it. */
export function drawingOf(view) {
  const made = { map, waterfall: bars, bars, tokens, wave, picture }[view.kind];
  return made(view);
}

function map(view) {
  const layer = (name, alt = "") => (view.layers[name] ? h("img", { class: name, src: view.layers[name], alt, draggable: "false" }) : null);
  const about = `Heatmap by ${view.method}, over the input: ${view.title}; ${view.target}`;
  const stack = h("div", { class: "stack", role: "img", "aria-label": about }, ["photo", "unseen", "heat", "lines", "notes"].map((name) => layer(name)));
  stack.style.aspectRatio = `${view.size[0]} / ${view.size[1]}`;
  return [h("div", { class: "held" }, stack, enlarging(stack, `${view.label}, by ${view.method}`)), scale(view)];
}

/** Return the picture as it came, of a map. */
export function originalOf(view) {
  const stack = h("div", { class: "stack" }, h("img", { class: "photo", src: view.layers.photo, alt: "The input as it came", draggable: "false" }));
  stack.style.aspectRatio = `${view.size[0]} / ${view.size[1]}`;
  return h("div", { class: "held" }, stack, enlarging(stack, "The input"));
}

function scale({ scale, unit }) {
  const marks = scale.marks.map(({ at, number, share }) => {
    const mark = h("span", { class: at === 0 ? "mark first" : at === 1 ? "mark last" : "mark" }, number, share ? h("small", {}, share) : null);
    mark.style.left = `${100 * at}%`;
    return mark;
  });
  return h("div", { class: "scale" }, h("img", { src: scale.colours, alt: "", class: "ramp" }), h("div", { class: "marks" }, marks), h("p", { class: "unit" }, unit));
}

function bars(view) {
  const ends = view.steps.flatMap((each) => [each.start, each.end]);
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)].map((each, i) => (view.kind === "bars" ? each : i ? Math.max(...ends) : Math.min(...ends)));
  const place = (value) => (100 * (value - low)) / (high - low || 1);
  const rows = view.steps.map((each) => {
    const [from, to] = [place(each.start), place(each.end)].sort((a, b) => a - b);
    const bar = h("span", { class: each.whole ? "whole" : each.missing ? "missing" : "part" });
    bar.style.left = `${from}%`;
    if (!each.whole) bar.style.width = `${Math.max(to - from, 0.25)}%`;
    if (!each.whole && !each.missing) bar.style.background = view.colours[each.end >= each.start ? 1 : 0];
    return h("tr", { class: each.whole ? "sum" : null }, h("th", { scope: "row" }, each.name), h("td", { class: "track" }, h("span", { class: "line" }, bar)), h("td", { class: "number" }, each.said));
  });
  const said = view.kind === "waterfall" ? "From the base value, contribution by contribution, to the score" : "The strongest columns";
  return [h("table", { class: "steps" }, h("caption", {}, said), h("tbody", {}, rows)), view.others ? h("p", { class: "unit" }, view.others) : null];
}

function wave(view) {
  const about = `The curve of the sound over columns in the colours of ${view.method}: ${view.title}; ${view.target}`;
  const ends = h("div", { class: "ends" }, h("span", {}, view.ends[0]), h("span", {}, view.ends[1]));
  return [h("div", {}, h("img", { class: "curve", src: view.picture, alt: about }), ends), scale(view)];
}

function tokens(view) {
  const words = [];
  for (const each of view.tokens) {
    const token = h("span", { class: "token", title: each.value }, each.text);
    token.style.background = `rgb(${each.ground})`;
    token.style.color = `rgb(${each.ink})`;
    if (each.joined && words.length) words.at(-1).append(token);
    else words.push(h("span", { class: "word" }, token));
  }
  const listed = view.tokens.map((each) => h("tr", {}, h("th", { scope: "row" }, each.text), h("td", { class: "number" }, each.value)));
  const numbers = h("details", { class: "numbers" }, h("summary", {}, "The numbers"), h("table", {}, h("tbody", {}, listed)));
  return [h("p", { class: "tokens" }, words.flatMap((each) => [each, " "])), scale(view), numbers];
}

function picture(view) {
  return [h("img", { class: "whole-picture", src: view.picture, alt: `${view.title}; ${view.method}, ${view.target}` })];
}
