// A panel: one explanation, with what is asked of it, what came, and what went wrong.
import { ask, Refusal, VIEW } from "./service.js";
import { fresh, h, save, say } from "./dom.js";
import { fill, stem } from "./input.js";
import { choiceOfMethod, choiceOfTarget, formOfParameters } from "./methods.js";
import { drawingOf } from "./drawings.js";
import { made } from "./record.js";
import { troubleOf } from "./trouble.js";

const FILES = [
  ["Picture", "image/png", "png", {}],
  ["Numbers (npz)", "application/x-npz", "npz", {}],
  ["Numbers (JSON)", "application/json", "numbers.json", { attribution: "true" }],
  ["Record", "application/json", "record.json", {}],
];

/** Milliseconds in which keys may choose on, before it is computed. */
export const PAUSE = 200;

export class Panel {
  /** `page` has info, source, row, sign and top, and is told of what changes by changed(), came() and removed(). */
  constructor(page, { method, target = null, parameters = {} }) {
    Object.assign(this, { page, method, target, parameters, view: null, running: null });
    const title = fresh("panel");
    this.title = h("h3", { id: title, class: "aloud" }, "Explanation");
    this.head = h("div", { class: "head" });
    this.figure = h("div", { class: "figure" });
    this.foot = h("div", { class: "foot" });
    this.element = h("article", { class: "panel", "aria-labelledby": title }, this.title, this.head, this.figure, this.foot);
    this.ask();
  }

  get about() {
    return this.page.info.methods.find((each) => each.name === this.method);
  }

  /** Show the choices. */
  ask() {
    const choice = choiceOfMethod(this.page.info, this.method, (name) => this.change({ method: name, parameters: {} }));
    this.choice = choiceOfTarget(this.page.info, this.page.top, this.target, (index) => this.change({ target: index }));
    const remove = h("button", { type: "button", class: "quiet remove", title: "Remove", "aria-label": `Remove the explanation by ${this.method}`, click: () => this.page.removed(this) }, "×");
    const first = h("div", { class: "asked" }, choice.element, this.page.single() ? null : remove);
    this.summary = h("p", { class: "about" });
    this.form = h("div");
    this.head.replaceChildren(first, this.summary, this.choice.element, this.form);
    this.tell();
  }

  /** Say what the method does, and show its parameters. */
  tell() {
    this.summary.textContent = this.about.about;
    const form = formOfParameters(this.about, this.parameters, (parameters) => this.change({ parameters }));
    this.form.replaceChildren(...(form ? [form] : []));
  }

  /** Ask for something else, and explain again. What is being chosen from stays as it is, and keeps the focus. */
  change(asked) {
    Object.assign(this, asked);
    if (asked.method) this.tell();
    if ("target" in asked) this.choice.show(asked.target);
    this.page.changed();
    this.page.mark();
    this.run(PAUSE);
  }

  /** Return the form that is sent. */
  sent(more = {}) {
    const asked = { ...this.parameters, method: this.method, ...(this.target === null ? {} : { target: this.target }) };
    const form = fill(new FormData(), this.page.source);
    for (const [name, value] of Object.entries({ model: this.page.info.name, parameters: JSON.stringify(asked), ...more })) form.set(name, value);
    return form;
  }

  address() {
    return `explain?row=${this.page.row}`;
  }

  style() {
    return this.page.sign === "all" || this.page.row === "all" ? {} : { sign: this.page.sign };
  }

  /** Explain, and show what comes; what was asked before is stopped. */
  async run(pause = 0) {
    this.running?.abort();
    if (!this.page.source) return;
    const stopping = (this.running = new AbortController());
    this.wait(stopping);
    try {
      await new Promise((go) => setTimeout(go, pause));
      stopping.signal.throwIfAborted();
      const answer = await ask(this.address(), { accept: VIEW, body: this.sent(this.style()), signal: stopping.signal });
      const view = await answer.json();
      if (stopping === this.running) this.show(view);
    } catch (problem) {
      if (stopping === this.running) this.fail(problem);
    } finally {
      if (stopping === this.running) this.rest();
    }
  }

  wait(stopping) {
    clearInterval(this.ticking);
    const started = Date.now();
    const clock = h("span", { class: "clock", "aria-hidden": "true" });
    this.ticking = setInterval(() => { clock.textContent = ` ${Math.round((Date.now() - started) / 1000)} s`; }, 1000);
    this.figure.setAttribute("aria-busy", "true");
    this.element.classList.add("busy");
    this.foot.inert = true; // what it says and saves is of what was asked before
    this.waiting?.remove();
    this.waiting = h("div", { class: "waiting" }, h("span", { class: "turning", "aria-hidden": "true" }), h("span", {}, "Explaining", clock),
      h("button", { type: "button", class: "quiet", click: () => stopping.abort() }, "Stop"));
    this.figure.prepend(this.waiting);
  }

  rest() {
    clearInterval(this.ticking);
    this.waiting?.remove();
    this.running = null;
    this.element.classList.remove("busy");
    this.foot.inert = false;
    this.figure.removeAttribute("aria-busy");
  }

  show(view) {
    this.view = view;
    this.title.textContent = `${view.label} by ${view.method}`;
    this.figure.replaceChildren(...drawingOf(view).filter(Boolean));
    const sum = h("p", { class: "verdict" }, h("strong", {}, view.label), view.probability ? ` ${view.probability}` : "", view.score === null ? null : h("span", {}, `score ${view.score}`));
    const lines = [view.target, view.arrived, ...view.meaning, view.legend].filter(Boolean);
    this.foot.replaceChildren(sum, ...lines.map((line) => h("p", { class: "line" }, sentence(line))), this.files(), made(view.record));
    say(`${view.title}, by ${view.method}. ${view.arrived ?? ""}`);
    this.page.came(this, view);
  }

  fail(problem) {
    const stopped = problem.name === "AbortError";
    if (!stopped && !(problem instanceof Refusal)) console.error(problem);
    this.view = null;
    this.foot.replaceChildren();
    const found = stopped ? Object.assign(new Refusal("Stopped.", 0, { again: true }), { stopped }) : problem;
    this.figure.replaceChildren(troubleOf(found, () => this.run()));
    this.page.came(this, null);
  }

  files() {
    const buttons = FILES.map(([word, accept, ending, more]) => h("button", { type: "button", class: "small", click: (event) => this.keep(event.target, accept, ending, more) }, word));
    return h("div", { class: "files", role: "group", "aria-label": "Save" }, buttons);
  }

  /** Have a file made, and save it. */
  async keep(button, accept, ending, more) {
    button.disabled = true;
    this.foot.querySelector(".trouble")?.remove();
    try {
      const style = accept === "image/png" ? { ...this.style(), ...this.page.drawn(this.view) } : {};
      const answer = await ask(this.address(), { accept, body: this.sent({ ...more, ...style }) });
      const blob = ending === "record.json" ? recordOf(await answer.json()) : await answer.blob();
      save(blob, `${stem(this.page.source)}.${this.method}.${ending}`);
    } catch (problem) {
      button.parentElement.after(troubleOf(problem, () => this.keep(button, accept, ending, more)));
    } finally {
      button.disabled = false;
    }
  }
}

const recordOf = (answer) => new Blob([JSON.stringify(answer.record, null, 1)], { type: "application/json" });

const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
