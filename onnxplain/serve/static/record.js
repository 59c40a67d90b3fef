// How an explanation was made, from its record: what somebody needs who wants to make it again, or to check it.
import { h } from "./dom.js";

/** Return what is said of a record. */
export function made(record) {
  const { model, input, engine, versions, parameters, parity } = record;
  const facts = [
    ["Model", model.sha256 ? `${model.path ?? model.input}, sha256 ${model.sha256}` : `${model.predictor?.name}, known by its answers alone`],
    ["Input", `${input.names?.join(", ") ?? ""}, sha256 ${input.files?.[0] ?? input.sha256}`],
    ["Notes", input.notes?.join("; ")],
    ["Method", record.method],
    ["Parameters", parameters && Object.entries(parameters).map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(", ")],
    ["Baseline", record.baseline === undefined ? "" : JSON.stringify(record.baseline)],
    ["Smoothed", record.smooth ? `sigma ${record.smooth} pixels` : ""],
    ["Starts from", typeof record.seed === "string" ? record.seed : ""],
    ["Agreement with the file", agreement(parity)],
    ["Computed by", engine && `${engine.name}, ${engine.precision}`],
    ["Versions", versions && Object.entries(versions).filter(([, value]) => typeof value === "string").map(([name, value]) => `${name} ${value}`).join(", ")],
    ["Request", record.request_id],
  ].filter(([, text]) => text);
  return h("details", { class: "made" }, h("summary", {}, "How this was made"), h("dl", {}, facts.map(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])));
}

function agreement(parity) {
  if (!parity) return "";
  if (parity.difference === 0) return "the scores are those of the file";
  return parity.unproven ? `unproven: ${parity.unproven}` : `scores differ from those of the file by at most ${parity.difference.toPrecision(2)}`;
}
