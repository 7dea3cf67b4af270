// The page of endpoints: what openapi.json says, as tables.

import { byId, Failure, keyForm, make, request } from "./shared.js";

const askKey = keyForm(load);

async function load() {
  const problem = byId("problem");
  problem.hidden = true;
  try {
    show(await (await request("openapi.json")).json());
  } catch (error) {
    if (error.status === 401) {
      askKey(error.message);
      return;
    }
    if (!(error instanceof Failure)) console.error(error);
    problem.textContent = error instanceof Failure ? error.message : "The server’s description cannot be read.";
    problem.hidden = false;
  }
}

function show(description) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? "Others";
      groups.set(tag, [...(groups.get(tag) ?? []), endpoint(method, path, operation)]);
    }
  }
  const schemas = Object.entries(description.components?.schemas ?? {});
  byId("endpoints").replaceChildren(
    ...[...groups].map(([tag, endpoints]) => panel(tag, endpoints)),
    panel("Bodies", schemas.map(([name, schema]) => body(name, schema))),
  );
  follow();
}

function panel(title, children) {
  return make("section", { class: "panel", "aria-label": title }, make("h2", {}, title), children);
}

function endpoint(method, path, operation) {
  const content = operation.requestBody?.content ?? {};
  const [kind, sent] = Object.entries(content)[0] ?? [];
  const inline = sent?.schema && !sent.schema.$ref ? [fields(sent.schema)] : [];
  return make(
    "details",
    { class: "endpoint" },
    make(
      "summary",
      {},
      make("code", {}, `${method.toUpperCase()} ${path}`),
      make("span", { class: "soft" }, firstSentence(operation.description ?? operation.summary ?? "")),
    ),
    make(
      "div",
      { class: "reasons" },
      ...paragraphs(operation.description).slice(1),
      ...(operation.parameters?.length ? [parameters(operation.parameters)] : []),
      ...(kind ? [make("p", {}, "Body: ", type(sent.schema), make("span", { class: "soft" }, ` ${kind}`)), ...inline] : []),
      responses(operation.responses),
    ),
  );
}

function body(name, schema) {
  return make(
    "details",
    { id: anchor(name), class: "endpoint" },
    make("summary", {}, make("code", {}, name)),
    make(
      "div",
      { class: "reasons" },
      ...paragraphs(schema.description),
      schema.properties ? fields(schema) : make("p", {}, type(schema)),
    ),
  );
}

function table(caption, names, rows) {
  const head = names.map((name) => make("th", { scope: "col" }, name));
  return make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, head)),
    make("tbody", {}, rows.map((cells) => make("tr", {}, cells.map(cellOf)))),
  );
}

const cellOf = (content, place) => make(place ? "td" : "th", place ? {} : { scope: "row" }, content);

function fields(schema) {
  const needed = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    make("code", {}, name),
    type(property),
    needed.has(name) ? "required" : given(property.default),
  ]);
  return table("Fields", ["Name", "Type", "Default"], rows);
}

const given = (value) => (value === undefined || value === null ? "none" : make("code", {}, JSON.stringify(value)));

function parameters(all) {
  const rows = all.map((one) => [make("code", {}, one.name), type(one.schema), one.description ?? ""]);
  return table(`Parameters in the ${all[0].in}`, ["Name", "Type", "Meaning"], rows);
}

function responses(all) {
  const rows = Object.entries(all).map(([status, { description, content }]) => [
    status,
    description,
    Object.entries(content ?? {}).flatMap(([kind, { schema }], place) => [
      place ? ", " : "",
      schema?.$ref ? type(schema) : kind,
    ]),
  ]);
  return table("Answers", ["Status", "Meaning", "Body"], rows);
}

/** A type in words; the name of a body is a link to it. */
function type(schema = {}) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return make("a", { href: `docs#${anchor(name)}` }, name);
  }
  if (schema.anyOf) return make("span", {}, joined(schema.anyOf.map(type), " or "));
  if (schema.enum) return `one of ${schema.enum.map((value) => JSON.stringify(value)).join(", ")}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return make("span", {}, "list of ", type(schema.items));
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    return make("span", {}, "object of ", type(schema.additionalProperties));
  }
  return (schema.type ?? "anything") + limits(schema);
}

function limits({ minimum, maximum, minLength, maxLength }) {
  const [low, high, unit] = [minimum ?? minLength, maximum ?? maxLength, maxLength || minLength ? " characters" : ""];
  if (low === undefined && high === undefined) return "";
  if (high === undefined) return `, at least ${low}${unit}`;
  return low === undefined ? `, at most ${high}${unit}` : `, ${low} to ${high}${unit}`;
}

const joined = (nodes, between) => nodes.flatMap((node, place) => (place ? [between, node] : [node]));
const anchor = (name) => `body-${name}`;
const firstSentence = (text) => text.split("\n\n")[0].trim();

/** Paragraphs of a docstring; its lines are kept. */
function paragraphs(text) {
  return (text ?? "").split("\n\n").filter(Boolean).map((part) => make("p", { class: "lines" }, part));
}

/** Open the body that a link leads to. */
function follow() {
  const target = byId(location.hash.slice(1));
  if (!target) return;
  target.open = true;
  target.scrollIntoView();
  target.querySelector("summary").focus();
}

window.addEventListener("hashchange", follow);
load();
