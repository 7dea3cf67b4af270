// Elements, requests and their errors, the API key: shared by both pages.
// Whatever a server says becomes a text node; nothing is ever parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (functions, named `on…`) and children; strings become text. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same of an SVG element. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// Characters; the rest is read in its place.
const SAID = 1500;

export const byId = (id) => document.getElementById(id);

/** Say something to a screen reader, after what it is saying now; of a long text the beginning. */
export function announce(text) {
  const log = byId("announcer");
  log.append(make("p", {}, text.length > SAID ? `${text.slice(0, SAID)} …` : text));
  while (log.childElementCount > 8) log.firstElementChild.remove();
}

const clamp = (value) => Math.min(1, Math.max(0, value));

/** A horizontal bar of a value between 0 and 1, with an optional mark. Figures stand beside it as text. */
export function bar(value, mark = null) {
  const filled = make("span", { class: "bar-fill" });
  // Set by script, which the Content-Security-Policy allows; a style attribute it does not.
  filled.style.inlineSize = `${clamp(value) * 100}%`;
  const node = make("span", { class: "bar", "aria-hidden": "true" }, filled);
  if (mark !== null) {
    const line = make("span", { class: "bar-mark" });
    line.style.insetInlineStart = `${clamp(mark) * 100}%`;
    node.append(line);
  }
  return node;
}

/** Milliseconds with as many digits as one reads. */
export function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 100) return `${Math.round(value).toLocaleString("en")} ms`;
  return `${value.toFixed(value >= 10 ? 1 : 2)} ms`;
}

// ---------------------------------------------------------------------------------------------- API key

const STORED = "router-derby-api-key";
// Where a browser forbids storage, the key lives as long as the page.
let remembered = "";

function readKey() {
  try {
    return sessionStorage.getItem(STORED) ?? "";
  } catch {
    return remembered;
  }
}

function keepKey(key) {
  remembered = key;
  try {
    if (key) sessionStorage.setItem(STORED, key);
    else sessionStorage.removeItem(STORED);
  } catch {
    // Kept in the page alone.
  }
}

/** The form that asks for an API key; `again` is called with a new one. Returns `ask(reason)`. */
export function keyForm(again) {
  const reason = make("p", { id: "key-reason" });
  const input = make("input", {
    id: "key",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    "aria-describedby": "key-reason",
  });
  const form = make(
    "form",
    { class: "key", "aria-label": "API key", hidden: true },
    reason,
    make("label", { for: "key" }, "API key"),
    make("div", { class: "key-row" }, input, make("button", { class: "primary" }, "Use this key")),
    make("p", { class: "soft" }, "It stays in this tab and is forgotten when you close it."),
  );
  const seen = { type: "button", class: "forget", hidden: !readKey() };
  const forget = make("button", seen, "Forget API key");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const key = input.value.trim();
    if (!key) return;
    keepKey(key);
    input.value = "";
    form.hidden = true;
    forget.hidden = false;
    again();
  });
  forget.addEventListener("click", () => {
    keepKey("");
    forget.hidden = true;
    again();
  });
  byId("key-place").append(form);
  document.querySelector(".top-row").append(forget);
  return (text) => {
    reason.textContent = text;
    form.hidden = false;
    input.focus();
  };
}

// --------------------------------------------------------------------------------------------- Requests

/** A request that failed, in words for the person at the page. */
export class Failure extends Error {
  constructor(text, status = 0, requestId = null) {
    super(text);
    this.status = status;
    this.requestId = requestId;
  }
}

export const stopped = (error) => error?.name === "AbortError";

/** The response to a GET, or to a POST of `body` as JSON. Throws Failure, or an AbortError. */
export async function request(path, { body, signal } = {}) {
  const headers = {};
  const key = readKey();
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (stopped(error)) throw error;
    throw new Failure("The server cannot be reached. Is it running? Check your connection, then try again.");
  }
  if (!response.ok) throw await failed(response, Boolean(key));
  return response;
}

async function failed(response, withKey) {
  const { status } = response;
  const said = reasonIn(await response.text().catch(() => ""));
  const when = whenAgain(response.headers.get("retry-after"));
  const words = {
    401: withKey ? "The server does not accept this API key." : "This server asks for an API key.",
    403: `This API key may not do that. ${said}`,
    408: "The server waited too long for the question. Try again.",
    413: `This is longer than the server takes. ${said}`,
    429: `The server takes no more from you at the moment. ${when}`,
    502: said ? `The expert failed. ${said}` : "Nothing answers behind this address. Try again in a moment.",
    503: `The server is busy or still starting. ${when}`,
    504: `The expert took too long. ${said || "Try again."}`,
  };
  const otherwise =
    status < 500 ? `The server refused this. ${said}` : `The server could not do this (status ${status}). ${said}`;
  return new Failure((words[status] ?? otherwise).trim(), status, response.headers.get("x-request-id"));
}

/** The sentence in an error's body, as each of the server's interfaces writes it. */
function reasonIn(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    // An error page of a proxy is no sentence.
    return text.includes("<") ? "" : sentence(text.slice(0, 300));
  }
  const found = body?.error?.message ?? body?.message ?? body?.detail;
  return typeof found === "string" ? sentence(found) : "";
}

/** Text of the server as a sentence. */
export function sentence(text) {
  const words = text.trim();
  return words && words[0].toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
}

/** The header Retry-After, seconds or a date, in words. */
function whenAgain(header) {
  if (!header) return "Try again in a moment.";
  const date = (Date.parse(header) - Date.now()) / 1000;
  const seconds = /^\d+$/.test(header) ? Number(header) : Math.ceil(date);
  if (!(seconds > 0)) return "Try again now.";
  if (seconds >= 100) return `Try again in ${Math.ceil(seconds / 60)} minutes.`;
  return `Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
}

/** The data of each server-sent event of a response, until it ends. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? "\n\n" : value;
    const parts = rest.split(/\r?\n\r?\n/);
    rest = parts.pop();
    for (const part of parts) {
      const lines = part.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      if (lines.length) yield lines.map((line) => line.slice(5).trimStart()).join("\n");
    }
    if (done) return;
  }
}
