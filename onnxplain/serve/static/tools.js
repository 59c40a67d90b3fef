// How all explanations are shown: the opacity of the colours, the contours, and which sign.
import { fresh, h } from "./dom.js";

const SIGNS = { all: "both signs", positive: "positive alone", negative: "negative alone", absolute: "absolute values" };
const USUAL = 60;

export class Tools {
  /** changed() is told of every choice, redrawn() of one for which the pictures have to be drawn anew. */
  constructor(place, { changed, redrawn }) {
    Object.assign(this, { place, opacity: USUAL, lines: true, sign: "all" });
    const ids = [fresh("opacity"), fresh("sign")];
    this.slider = h("input", { type: "range", id: ids[0], min: 0, max: 100, step: 5, value: USUAL, input: () => { this.opacity = Number(this.slider.value); this.apply(); }, change: changed });
    this.told = h("output", { for: ids[0] });
    this.contours = h("input", { type: "checkbox", checked: true, change: () => { this.lines = this.contours.checked; this.apply(); changed(); } });
    this.select = h("select", { id: ids[1], change: () => { this.sign = this.select.value; changed(); redrawn(); } }, Object.entries(SIGNS).map(([value, word]) => h("option", { value }, word)));
    this.ofMaps = [h("div", { class: "tool slider" }, h("label", { for: ids[0] }, "Colours over the input"), this.slider, this.told), h("label", { class: "tool check" }, this.contours, "Contour lines")];
    place.replaceChildren(...this.ofMaps, h("div", { class: "tool" }, h("label", { for: ids[1] }, "Show"), this.select));
    this.apply();
  }

  /** Take the choices of a link. */
  take({ opacity = USUAL, lines = true, sign = "all" }) {
    Object.assign(this, { opacity: Math.min(opacity, 100), lines, sign: sign in SIGNS ? sign : "all" });
    this.slider.value = this.opacity;
    this.contours.checked = lines;
    this.select.value = this.sign;
    this.apply();
  }

  apply() {
    this.told.textContent = `${this.opacity} %`;
    document.body.style.setProperty("--opacity", this.opacity / 100);
    document.body.classList.toggle("no-lines", !this.lines);
  }

  /** Show the tools that change something about these views. */
  show(views) {
    this.place.hidden = !views.length;
    for (const each of this.ofMaps) each.hidden = !views.some(({ kind }) => kind === "map");
  }

  /** Return the keywords by which a picture is drawn in the same way. */
  drawn() {
    return { alpha: this.opacity / 100, ...(this.lines ? {} : { contours: "false" }) };
  }
}
