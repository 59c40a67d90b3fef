// The input: a file that is chosen, dropped or pasted, a sample, a text, or the columns of a table.
import { bytes, fresh, h } from "./dom.js";
import { formOfColumns } from "./columns.js";

const ASKED = {
  picture: ["Choose a picture", "or drop one here, or paste one. DICOM files and arrays are read too."],
  table: ["Choose a table", "or drop a .csv here, with the names of the columns in its first line."],
  text: ["Choose a text file", "or drop one here."],
  sound: ["Choose a sound", "or drop a WAV file here."],
  array: ["Choose an array", "or drop an .npy or .npz here."],
};

/** What stands in the place of the input. `chosen(source)` is told of each new one, `refused(sentence)` of none. */
export class Input {
  constructor(place, info, { chosen, refused }) {
    Object.assign(this, { place, info, chosen, refused });
    this.now = h("p", { class: "now", hidden: true });
    this.samples = new Map();
    this.columns = info.kind === "table" && info.columns?.length ? formOfColumns(info, (columns) => this.take({ kind: "columns", columns })) : null;
    place.replaceChildren(...[this.text(), this.columns?.element, this.file(), this.now, this.offered()].filter(Boolean));
  }

  text() {
    if (this.info.kind !== "text") return null;
    const id = fresh("text");
    const area = this.area = h("textarea", { id, rows: 4, spellcheck: "false", keydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
    } });
    return h("form", { class: "text", submit: (event) => {
      event.preventDefault();
      if (area.value.trim()) this.take({ kind: "text", text: area.value });
      else area.focus();
    } }, h("label", { for: id }, "Text"), area, h("button", { class: "main" }, "Explain"));
  }

  file() {
    const [word, hint] = ASKED[this.info.kind];
    const id = fresh("file");
    const field = h("input", { type: "file", id, class: "aloud", accept: this.info.accepts, change: () => {
      if (field.files[0]) this.take({ kind: "file", file: field.files[0] });
      field.value = "";
    } });
    const main = ["text", "table"].includes(this.info.kind) ? "button" : "button main";
    return h("div", { class: "drop" }, field, h("label", { for: id, class: main }, word), h("p", {}, hint));
  }

  offered() {
    if (!this.info.samples.length) return null;
    const buttons = this.info.samples.map(({ name, preview, text }) => {
      const picture = preview ? h("img", { src: preview, alt: "", loading: "lazy" }) : null;
      const button = h("button", { type: "button", class: "sample", "aria-pressed": "false", title: name,
        click: () => this.take({ kind: "sample", name }) }, picture, h("span", {}, text ?? name));
      this.samples.set(name, button);
      return h("li", {}, button);
    });
    const pictures = this.info.samples.some(({ preview }) => preview);
    return h("div", { class: "samples" }, h("h3", {}, "Or take a sample"), h("ul", { class: pictures ? "pictures" : "names" }, buttons));
  }

  /** Take an input, or say why it cannot be one. */
  take(source) {
    const most = this.info.limits.request_bytes;
    if (source.kind === "file" && source.file.size > most) {
      this.refused(`${source.file.name} has ${bytes(source.file.size)}, and this service takes ${bytes(most)} at most.`);
      return;
    }
    this.mark(source);
    this.chosen(source);
  }

  /** Show which input it is. */
  mark(source) {
    for (const [name, button] of this.samples) button.setAttribute("aria-pressed", String(source.kind === "sample" && source.name === name));
    const text = this.info.samples.find(({ name }) => source.kind === "sample" && source.name === name)?.text;
    if (this.area) this.area.value = source.kind === "text" ? source.text : (text ?? "");
    if (source.kind === "columns") this.columns?.show(Object.values(source.columns));
    this.now.hidden = source.kind !== "file";
    if (source.kind === "file") this.now.replaceChildren(h("strong", {}, source.file.name), ` ${bytes(source.file.size)}`);
  }
}

/** Write an input into a form that is sent. */
export function fill(form, source) {
  if (source.kind === "file") form.set("file", source.file, source.file.name);
  else if (source.kind === "sample") form.set("sample", source.name);
  else if (source.kind === "text") form.set("text", source.text);
  else form.set("columns", JSON.stringify(source.columns));
  return form;
}

/** Return the name of an input, as files that are saved begin. */
export function stem(source) {
  const name = source.kind === "file" ? source.file.name : source.kind === "sample" ? source.name : source.kind;
  return name.replace(/\.[^.]+$/, "") || "input";
}

/** Let files be dropped anywhere on the page, and pasted. `take(source)` is told of each. */
export function listen(take) {
  let depth = 0;
  const over = (on) => document.body.classList.toggle("over", on);
  const brings = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (brings(event)) over(++depth > 0); });
  addEventListener("dragleave", (event) => { if (brings(event)) over(--depth > 0); });
  addEventListener("dragover", (event) => { if (brings(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    over(Boolean((depth = 0)));
    if (event.dataTransfer.files[0]) take({ kind: "file", file: event.dataTransfer.files[0] });
  });
  addEventListener("paste", (event) => {
    const file = event.clipboardData?.files[0];
    if (!file) return;
    event.preventDefault();
    take({ kind: "file", file });
  });
}
