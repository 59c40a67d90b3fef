// What is asked of a panel: the method in its group, its parameters with their ranges, and the target.
import { fresh, h } from "./dom.js";
import { chance } from "./classes.js";

/** Return the choice of a method. `picked(name)` is told. */
export function choiceOfMethod(info, name, picked) {
  const groups = Object.entries(info.groups).map(([key, title]) => {
    const members = info.methods.filter((each) => each.group === key);
    return members.length ? h("optgroup", { label: title }, members.map((each) => h("option", { value: each.name, selected: each.name === name }, each.name))) : null;
  });
  const id = fresh("method");
  const select = h("select", { id, change: () => picked(select.value) }, groups);
  return { select, element: h("div", { class: "field" }, h("label", { for: id }, "Method"), select) };
}

/** Return the choice of a target, the classes of the highest scores first. `picked(index or null)` is told. */
export function choiceOfTarget(info, top, target, picked) {
  const id = fresh("target");
  const listed = new Set(top.map((each) => each.index));
  const told = (each) => (each.probability === null ? each.label : `${each.label} (${chance(each.probability)})`);
  const option = (index, text) => h("option", { value: index, selected: index === target }, text);
  const high = top.filter((each) => each.index !== null).map((each) => option(each.index, told(each)));
  const rest = [];
  for (let i = 0; i < (info.classes ?? 0); i++) if (!listed.has(i)) rest.push(option(i, info.labels?.[i] ?? `class ${i}`));
  const own = top.length ? `what it decides: ${top[0].label}` : "what it decides";
  const select = h("select", { id, change: () => picked(select.value === "" ? null : Number(select.value)) }, h("option", { value: "", selected: target === null }, own),
    high.length ? h("optgroup", { label: "Highest scores" }, high) : null, rest.length ? h("optgroup", { label: "Other classes" }, rest) : null);
  const show = (index) => {
    if (index !== null && ![...select.options].some((each) => each.value === String(index))) select.append(option(index, info.labels?.[index] ?? `class ${index}`));
    select.value = index ?? "";
  };
  show(target);
  return { show, element: h("div", { class: "field" }, h("label", { for: id }, "Target"), h("div", { class: "row" }, select, info.classes ? null : byIndex(target, picked))) };
}

/** Return a field for the index of a class, where there are too many of them to list, or their number is not known. */
function byIndex(target, picked) {
  const field = h("input", { type: "number", min: 0, step: 1, "aria-label": "Target, by its index", placeholder: "or its index", value: target ?? "",
    change: () => picked(field.value === "" ? null : Math.max(0, Math.trunc(Number(field.value)))) });
  return field;
}

/** Return the form of a method's parameters; null for a method without. `changed(parameters)` is told of those given. */
export function formOfParameters(method, given, changed) {
  if (!method.parameters.length) return null;
  const wanted = { ...given };
  const fields = method.parameters.map((each) => fieldOf(each, given[each.name], (value) => {
    if (value === undefined) delete wanted[each.name];
    else wanted[each.name] = value;
    changed({ ...wanted });
  }));
  const count = Object.keys(given).length;
  const open = count > 0 || method.parameters.some((each) => each.required);
  return h("details", { class: "parameters", open }, h("summary", {}, count ? `Parameters (${count} changed)` : "Parameters"), fields);
}

function fieldOf(each, value, changed) {
  const id = fresh("parameter");
  const about = `${id}-about`;
  const told = h("p", { class: "about", id: about }, `${each.meaning}; ${each.range}`, each.unit === "none" || each.unit === "" ? "" : `; unit: ${each.unit}`);
  if (each.kind === "switch") {
    const box = h("input", { type: "checkbox", id, "aria-describedby": about, checked: value ?? each.default,
      change: () => changed(box.checked === each.default ? undefined : box.checked) });
    return h("div", { class: "parameter" }, h("label", { for: id, class: "check" }, box, h("code", {}, each.name)), told);
  }
  const field = h("input", { type: "text", id, "aria-describedby": about, autocomplete: "off", spellcheck: "false", required: each.required,
    inputmode: each.kind === "number" ? "decimal" : "text", placeholder: each.required ? "needed" : shownDefault(each.default),
    value: value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value), change: () => changed(valueOf(field.value)) });
  return h("div", { class: "parameter" }, h("label", { for: id }, h("code", {}, each.name)), field, told);
}

const shownDefault = (value) => (value === null ? "automatic" : typeof value === "string" ? value : JSON.stringify(value));

/** Return what was written: a number, a list or a word; undefined for nothing, which stands for the default. */
function valueOf(text) {
  const plain = text.trim();
  if (plain === "") return undefined;
  try {
    return JSON.parse(plain);
  } catch {
    return plain;
  }
}
