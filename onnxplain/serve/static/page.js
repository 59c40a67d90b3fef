// The page: which model, which input, and up to four explanations of it side by side.
import { ask } from "./service.js";
import { at, h, say } from "./dom.js";
import { fill, Input, listen } from "./input.js";
import { choiceOfRow, listOfClasses, markClasses } from "./classes.js";
import { known, read, written } from "./link.js";
import { originalOf } from "./drawings.js";
import { Panel, PAUSE } from "./panel.js";
import { Tools } from "./tools.js";
import { troubleOf } from "./trouble.js";

const MOST = 4;
const FIRST = ["lrp.epsilon_plus_flat", "grad_cam", "integrated_gradients", "occlusion", "deeplift", "kernel_shap", "gradient"];

class Page {
  constructor() {
    Object.assign(this, { info: null, source: null, row: 0, rows: [], panels: [], asked: 0, sample: null, known: "", wanted: "" });
    this.tools = new Tools(at("tools"), { changed: () => this.changed(), redrawn: () => this.panels.forEach((each) => each.run()) });
    at("copy").addEventListener("click", () => this.copy());
    listen((source) => this.input?.take(source));
    addEventListener("hashchange", () => { if (location.hash !== this.link()) this.start(); });
  }

  get sign() {
    return this.tools.sign;
  }

  get top() {
    return this.rows[this.row]?.top ?? [];
  }

  single() {
    return this.panels.length < 2;
  }

  /** Begin with what the link says. */
  async start() {
    at("trouble").replaceChildren();
    const link = read(location.hash);
    const given = link.input && link.input === this.known ? { ...link, ...this.kept() } : link;
    try {
      const { models } = await (await ask("page/models")).json();
      const select = at("model");
      select.replaceChildren(...models.map((each) => h("option", { value: each }, each)));
      select.onchange = () => this.choose(select.value, { ...this.asking(), ...this.kept() }).catch((problem) => this.trouble(problem));
      select.disabled = models.length < 2;
      at("model-choice").hidden = false;
      await this.choose(models.includes(given.model) ? given.model : models[0], given);
    } catch (problem) {
      this.trouble(problem);
    }
  }

  trouble(problem) {
    at("trouble").replaceChildren(troubleOf(problem, () => this.start()));
  }

  /** Return what is asked now, as a link holds it. */
  asking() {
    const { opacity, lines, sign } = this.tools;
    const panels = this.panels.map(({ method, target, parameters }) => ({ method, target, parameters }));
    return { row: this.row, opacity, lines, sign, panels };
  }

  /** Return the input that is shown, with what another model has to have for it to be one of its own. */
  kept() {
    return { source: this.source, of: this.info && { kind: this.info.kind, columns: this.info.columns, labels: this.info.labels } };
  }

  /** Return the input that stays where a model is chosen; null for none. */
  stays({ source, of }) {
    const { kind, columns, samples } = this.info;
    if (!source || of.kind !== kind || JSON.stringify(of.columns) !== JSON.stringify(columns)) return null;
    return source.kind !== "sample" || samples.some((each) => each.name === source.name) ? source : null;
  }

  /** Take a model, and the settings of a link or of the model before it. */
  async choose(name, given) {
    at("model").value = name;
    const info = await (await ask(`page/models/${encodeURIComponent(name)}`)).json();
    if (at("model").value !== name) return; // another one was chosen meanwhile
    this.info = info;
    document.title = `${name} · onnxplain`;
    this.panels.forEach((each) => each.running?.abort());
    Object.assign(this, { source: null, map: null, rows: [], row: given.row ?? 0, sample: null, known: "", wanted: given.input ?? "" });
    at("classes-section").hidden = true;
    this.tools.take(given);
    this.input = new Input(at("input"), this.info, { chosen: (source) => this.take(source), refused: (text) => this.refuse(text) });
    const fits = (each) => this.info.methods.some(({ name: known }) => known === each.method);
    const alike = !given.of || JSON.stringify(given.of.labels) === JSON.stringify(this.info.labels);
    const panels = given.panels.filter(fits).map((each) => (alike ? each : { ...each, target: null }));
    this.panels = [];
    this.panels = (panels.length ? panels : [{ method: this.usual() }]).map((each) => new Panel(this, each));
    this.panels.forEach((each) => each.ask());
    this.unfit();
    this.lay();
    const sample = this.info.samples.some((each) => each.name === given.sample) ? { kind: "sample", name: given.sample } : null;
    const source = sample ?? this.stays(given);
    if (source) {
      this.input.mark(source);
      this.take(source, given.row ?? 0);
    } else if (this.wanted) {
      this.note(`This link was made with an input of sha256 ${this.wanted}…, which is not in it. Choose that input, to see what was seen.`);
    } else this.changed();
  }

  usual() {
    const names = this.info.methods.map((each) => each.name);
    return names.includes(this.info.method) ? this.info.method : names[0];
  }

  /** Take an input: predict its classes, and explain them. */
  async take(source, row = this.wanted ? this.row : 0) {
    Object.assign(this, { source, row, rows: [], sample: source.kind === "sample" ? source.name : null, known: "", map: null, filled: null });
    at("trouble").replaceChildren();
    const asked = ++this.asked;
    this.lay();
    this.changed();
    this.panels.forEach((each) => each.run());
    try {
      const form = fill(new FormData(), source);
      form.set("model", this.info.name);
      const { rows } = await (await ask("predict", { body: form })).json();
      if (asked !== this.asked) return;
      this.rows = rows;
      this.predicted();
    } catch (problem) {
      if (asked !== this.asked) return;
      at("classes-section").hidden = !problem.again; // what is wrong with the input, each panel says
      at("classes").replaceChildren(troubleOf(problem, () => this.take(source, row)));
    }
  }

  predicted() {
    at("classes-section").hidden = false;
    if (this.narrow()) at("classes-section").scrollIntoView({ block: "start" });
    const choice = choiceOfRow(this.rows, this.row, this.info.kind === "table", (row) => {
      Object.assign(this, { row, map: null });
      this.changed();
      this.list();
      this.panels.forEach((each) => each.run(PAUSE));
    });
    this.classes = h("div");
    at("classes").replaceChildren(...[choice, this.classes].filter(Boolean));
    this.list();
  }

  /** Show the classes of the row. */
  list() {
    this.classes.replaceChildren(listOfClasses(this.top, (index) => this.panels[0].change({ target: index })));
    this.panels.forEach((each) => each.ask());
    this.mark();
  }

  /** Whether what comes stands below what was chosen, out of sight. */
  narrow() {
    return at("results").getBoundingClientRect().top > at("input").getBoundingClientRect().bottom && matchMedia("(max-width: 52rem)").matches;
  }

  /** A panel has something to show, or nothing: null. */
  came(panel, view) {
    if (view) {
      this.known = known(view.record);
      if (this.wanted && !this.sample && this.known !== this.wanted) this.note("This is another input than the one that the link was made with.");
      if (view.values && this.source.kind !== "columns" && this.filled !== this.row) this.input.columns?.show(view.values);
      this.filled = this.row;
      this.wanted = "";
    }
    this.lay();
    this.mark();
    this.changed();
  }

  removed(panel) {
    panel.running?.abort();
    this.panels = this.panels.filter((each) => each !== panel);
    this.panels.forEach((each) => each.ask());
    this.lay();
    this.changed();
    say("Removed.");
    at("results").focus();
  }

  add(asked) {
    const panel = new Panel(this, asked);
    this.panels.push(panel);
    this.panels.forEach((each) => each.ask());
    this.lay();
    this.changed();
    panel.run();
    panel.element.querySelector("select").focus();
  }

  addMethod() {
    const used = new Set(this.panels.map((each) => each.method));
    const names = this.info.methods.filter((each) => !each.parameters.some(({ required }) => required)).map((each) => each.name);
    const free = [...FIRST.filter((each) => names.includes(each)), ...names].find((each) => !used.has(each));
    this.add({ method: free ?? names[0], target: this.panels[0].target });
  }

  addTarget() {
    const { method, parameters, target } = this.panels[0];
    const used = new Set(this.panels.map((each) => each.target ?? this.top[0]?.index));
    const next = this.top.find((each) => each.index !== null && !used.has(each.index));
    this.add({ method, parameters: { ...parameters }, target: next?.index ?? target });
  }

  /** Show the panels side by side, the input before them where it is a picture. */
  lay() {
    const views = this.panels.map((each) => each.view).filter(Boolean);
    const map = (this.map = views.find((each) => each.kind === "map") ?? this.map);
    const place = at("panels");
    place.hidden = !this.source;
    place.dataset.kind = views[0]?.kind ?? map?.kind ?? "";
    place.classList.toggle("several", !this.single());
    place.style.setProperty("--count", this.panels.length + (map ? 1 : 0));
    if (!this.source) {
      place.replaceChildren();
      this.empty();
    } else {
      const wanted = [map ? this.original(map) : null, ...this.panels.map((each) => each.element)].filter(Boolean);
      if (wanted.length !== place.children.length || wanted.some((each, i) => each !== place.children[i])) keepFocus(() => place.replaceChildren(...wanted));
    }
    this.tools.show(this.source && this.row !== "all" ? views : []);
    at("more").hidden = !this.source || this.panels.length >= MOST;
    if (!at("more").children.length) {
      at("more").append(h("button", { type: "button", click: () => this.addMethod() }, "Compare another method"), h("button", { type: "button", click: () => this.addTarget() }, "Compare another target"));
    }
  }

  original(view) {
    if (this.photo?.of === view.layers.photo) return this.photo.element;
    const name = view.record.input?.names?.[0] ?? "";
    const notes = view.notes.map((each) => h("p", { class: "line" }, each));
    const element = h("article", { class: "panel original", "aria-labelledby": "original-title" }, h("div", { class: "head" }, h("h3", { id: "original-title" }, "The input"), h("p", { class: "about" }, name)),
      h("div", { class: "figure" }, originalOf(view)), h("div", { class: "foot" }, notes));
    this.photo = { of: view.layers.photo, element };
    return element;
  }

  empty() {
    if (at("trouble").children.length) return;
    const said = { picture: "Choose a picture", table: "Fill in the columns, or choose a table", text: "Write a text", sound: "Choose a sound", array: "Choose an array" }[this.info.kind];
    const sample = this.info.samples.length ? ", or take a sample," : "";
    at("trouble").replaceChildren(h("p", { class: "empty" }, `${said}${sample} to see what the model decides, and why.`, h("small", {}, `It takes ${this.info.input}.`)));
  }

  unfit() {
    const place = at("unfit");
    const found = this.info.unfit;
    place.hidden = !found.length;
    const word = found.length === 1 ? "1 method cannot explain this model, and why" : `${found.length} methods cannot explain this model, and why`;
    place.replaceChildren(h("summary", {}, word), h("dl", {}, found.map(({ name, why }) => [h("dt", {}, h("code", {}, name)), h("dd", {}, why)])));
  }

  mark() {
    if (this.classes) markClasses(this.classes, new Set(this.panels.map((each) => each.target ?? this.top[0]?.index)));
  }

  refuse(text) {
    at("trouble").replaceChildren(h("div", { class: "trouble", role: "alert" }, h("p", {}, h("strong", {}, text))));
  }

  note(text) {
    at("trouble").replaceChildren(h("p", { class: "note", role: "status" }, text));
  }

  /** Return the keywords by which a saved picture is drawn as it is seen. */
  drawn(view) {
    return view.kind === "map" ? this.tools.drawn() : {};
  }

  link() {
    return written({ model: this.info?.name, sample: this.sample, input: this.wanted || this.known, ...this.asking() });
  }

  changed() {
    if (this.info) history.replaceState(null, "", this.link());
  }

  async copy() {
    const told = await navigator.clipboard?.writeText(location.href).then(() => "Copied", () => null);
    at("copy").textContent = told ?? "The address above is the link";
    say(`${told ? "The link is copied." : "The address of the page is the link."} It holds the settings, and not the input.`);
    setTimeout(() => { at("copy").textContent = "Copy link"; }, 2500);
  }
}

/** Do something that moves elements, and leave the focus where it was. */
function keepFocus(move) {
  const focused = document.activeElement;
  move();
  if (focused !== document.activeElement && focused?.isConnected) focused.focus({ preventScroll: true });
}

new Page().start();
