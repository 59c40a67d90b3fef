// The form of a table's columns: one row, in the names that the model has for them.
import { fresh, h } from "./dom.js";

/** Return the form of a model's columns. `given(columns)` is told of a row that is sent. */
export function formOfColumns(info, given) {
  const fields = info.columns.map(({ name, words }) => {
    const id = fresh("column");
    const field = h("input", { id, type: "text", inputmode: words ? "text" : "decimal", autocomplete: "off", spellcheck: "false" });
    return { name, words, id, field };
  });
  const wrong = h("p", { class: "trouble", role: "alert", hidden: true });
  const element = h("form", { class: "columns", novalidate: true, submit: (event) => {
    event.preventDefault();
    const bad = fields.find((each) => !each.words && !Number.isFinite(numberOf(each.field.value)) && each.field.value.trim());
    for (const each of fields) each.field.toggleAttribute("aria-invalid", each === bad);
    wrong.hidden = !bad;
    if (bad) {
      wrong.textContent = `${bad.name}: “${bad.field.value}” is no number.`;
      bad.field.focus();
    } else given(rowOf(info, fields));
  } }, h("div", { class: "fields" }, fields.map(({ name, id, field }) => [h("label", { for: id }, name), field])), wrong,
  h("button", { class: "main" }, "Explain this row"));
  return {
    element,
    /** Show the values of a row that came from elsewhere. */
    show(values) {
      if (values?.length === fields.length) fields.forEach((each, i) => { each.field.value = values[i] ?? ""; });
    },
  };
}

/** Return a row as the service takes it: by the names of the columns or, where the file has none, in their order. */
function rowOf(info, fields) {
  const values = fields.map((each) => (each.words ? each.field.value : numberOf(each.field.value)));
  return info.named ? Object.fromEntries(fields.map((each, i) => [each.name, values[i]])) : values;
}

/** Return a number as people write it, with a comma too; NaN for anything else, null for nothing. */
function numberOf(text) {
  const plain = text.trim().replace(/^([+-]?\d*),(\d+)$/, "$1.$2");
  return plain === "" ? null : Number(plain);
}
