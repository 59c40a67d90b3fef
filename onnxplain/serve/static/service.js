// Asking the service: the token, refusals as one sentence, and stopping.
import { givenToken, token } from "./token.js";

export const VIEW = "application/vnd.onnxplain.view+json";

/** An answer that is no result: a sentence for people, and whether trying again may help. */
export class Refusal extends Error {
  constructor(sentence, status, { help = "", again = false, id = "" } = {}) {
    super(sentence);
    Object.assign(this, { status, help, again, id });
  }
}

/** Return the answer to a request. Throws Refusal, and AbortError where it was stopped. */
export async function ask(path, { accept = "application/json", body = null, signal = null } = {}) {
  for (;;) {
    const used = token();
    const headers = { Accept: accept, ...(used ? { Authorization: `Bearer ${used}` } : {}) };
    const answer = await sent(path, { method: body ? "POST" : "GET", headers, body, signal });
    if (answer.status !== 401) return answer.ok ? answer : Promise.reject(await refusal(answer));
    const given = used !== token() || (await givenToken(Boolean(used)));
    if (!given) throw new Refusal("Without a token this service explains nothing.", 401, { again: true });
  }
}

async function sent(path, request) {
  try {
    return await fetch(path, request);
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refusal("The service does not answer.", 0, { help: "It may have been stopped, or the network is down.", again: true });
  }
}

const HELP = {
  413: "Whoever runs the service can raise its limits.",
  429: "It is busy with other requests.",
  503: "It is starting or ending; another moment may do.",
  504: "A quicker method, or one with fewer steps or samples, may be done in time.",
};

async function refusal(answer) {
  const found = await answer.json().catch(() => ({}));
  const sentence = found.error ? sentenced(found.error) : `The service answers with status ${answer.status}.`;
  const again = [408, 429, 500, 503, 504].includes(answer.status);
  const help = answer.status === 500 && found.request_id ? `Its log has more under ${found.request_id}.` : HELP[answer.status] ?? "";
  return new Refusal(sentence, answer.status, { help, again, id: found.request_id });
}

/** Return words as a sentence; a name at their beginning stays as it is. */
function sentenced(text) {
  const first = text.split(/[\s,;:]/, 1)[0];
  const begun = /^[a-z]+$/.test(first) && !text.startsWith(`${first}:`) ? text[0].toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
