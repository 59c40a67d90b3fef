// The list of addresses, made from the service's own OpenAPI description.
import { ask } from "./service.js";
import { at, h } from "./dom.js";
import { troubleOf } from "./trouble.js";

async function show() {
  try {
    const found = await (await ask("openapi.json")).json();
    at("operations").replaceChildren(...groups(found).flatMap(([tag, operations]) => [h("h3", {}, tag), ...operations]));
  } catch (problem) {
    at("trouble").replaceChildren(troubleOf(problem, show));
  }
}

/** Return the addresses by what they belong to. */
function groups(found) {
  const byTag = new Map();
  for (const [path, operations] of Object.entries(found.paths)) {
    for (const [verb, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "more";
      if (!byTag.has(tag)) byTag.set(tag, []);
      byTag.get(tag).push(shown(verb, path, operation, found));
    }
  }
  return [...byTag];
}

function shown(verb, path, operation, found) {
  const [first, ...others] = (operation.description ?? operation.summary ?? "").split("\n\n");
  return h("details", { class: "operation" }, h("summary", {}, h("span", { class: "verb" }, verb.toUpperCase()), h("code", {}, path), h("span", { class: "about" }, first)),
    others.map((each) => h("p", {}, each.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)))), parameters(operation), body(operation, found), answers(operation));
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).filter((each) => each.name !== "accept").map((each) => [each.name, each.in, each.description, kind(each.schema)]);
  return table("Parameters", rows);
}

function body(operation, found) {
  const contents = Object.entries(operation.requestBody?.content ?? {});
  return contents.map(([media, { schema }]) => {
    const known = resolved(schema, found);
    const rows = Object.entries(known.properties ?? {}).map(([name, each]) => [name, known.required?.includes(name) ? "needed" : "", resolved(each, found).description ?? each.description, kind(resolved(each, found))]);
    return table(`Body: ${media}`, rows);
  });
}

function answers(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, each]) => [status, "", each.description, Object.keys(each.content ?? {}).join(", ")]);
  return table("Answers", rows);
}

function table(title, rows) {
  if (!rows.length) return null;
  const lines = rows.map(([name, where, ...words]) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, name), where ? h("small", {}, ` ${where}`) : null), h("td", {}, words.filter(Boolean).join(" · "))));
  return h("table", {}, h("caption", {}, title), h("tbody", {}, lines));
}

const resolved = (schema, found) => (schema?.$ref ? schema.$ref.split("/").slice(1).reduce((at, key) => at[key], found) : schema ?? {});

function kind(schema) {
  const kinds = (schema?.anyOf ?? [schema ?? {}]).flatMap((each) => each.type ?? []).filter((each) => each !== "null");
  return kinds.join(" or ");
}

show();
