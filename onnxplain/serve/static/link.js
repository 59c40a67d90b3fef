// The link: the settings of the page in its address, behind the #, which no browser sends to a server.
// It never holds an input: of a file it has the first letters of the sha256, by which it is known again.

const KNOWN = 16;

/** Return the settings of a fragment; what is not there is left out. */
export function read(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const found = { panels: [] };
  for (const name of ["model", "sample", "input", "sign"]) if (given.get(name)) found[name] = given.get(name);
  if (given.get("row") === "all") found.row = "all";
  for (const name of ["row", "opacity"]) if (/^\d{1,9}$/.test(given.get(name) ?? "")) found[name] = Number(given.get(name));
  if (given.has("lines")) found.lines = given.get("lines") !== "0";
  for (const text of given.getAll("e").slice(0, 4)) {
    const panel = panelOf(text);
    if (panel) found.panels.push(panel);
  }
  return found;
}

function panelOf(text) {
  try {
    const [method, target = null, parameters = {}] = JSON.parse(text);
    const plain = parameters && typeof parameters === "object" && !Array.isArray(parameters);
    return typeof method === "string" && plain ? { method, target, parameters } : null;
  } catch {
    return null;
  }
}

/** Return the fragment of settings. */
export function written({ model, sample, input, row, opacity, lines, sign, panels }) {
  const given = new URLSearchParams();
  if (model) given.set("model", model);
  if (sample) given.set("sample", sample);
  else if (input) given.set("input", input);
  if (row) given.set("row", row);
  if (opacity !== null && opacity !== 60) given.set("opacity", opacity);
  if (!lines) given.set("lines", "0");
  if (sign !== "all") given.set("sign", sign);
  for (const { method, target, parameters } of panels) {
    const parts = Object.keys(parameters).length ? [method, target, parameters] : target === null ? [method] : [method, target];
    given.append("e", JSON.stringify(parts));
  }
  return `#${given}`;
}

/** Return by what an input is known again: the beginning of the sha256 of its file or, without one, of its numbers. */
export function known(record) {
  const file = record?.input?.files?.[0];
  return (file ?? record?.input?.sha256 ?? "").slice(0, KNOWN);
}
