// The page of numbers: asks every two seconds for status.json (`benchmarks/server/status.py` has its shape).

import { announce, bar, byId, draw, Failure, keyForm, make, milliseconds, request } from "./shared.js";

const EVERY = 2000;
// Two minutes of the rate are drawn.
const KEPT = 60;
const MOST_DOMAINS = 10;

const numbers = byId("numbers");
const pause = byId("pause");
let paused = false;
let timer = null;
let last = null;
let lost = false;
/** Requests a second between one look and the next. */
let rates = [];
/** What the tables were built for; they are built anew when it changes. */
let shape = "";
let panels = null;

const askKey = keyForm(() => look());

async function look() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  try {
    const status = await (await request("status.json")).json();
    const now = performance.now();
    note(status, now);
    show(status);
    fresh(`As of ${new Date().toLocaleTimeString("en-GB")}, every two seconds`);
    if (lost) announce("The server answers again.");
    lost = false;
    byId("problem").hidden = true;
  } catch (error) {
    if (error.status === 401) {
      askKey(error.message);
      return;
    }
    const text = error instanceof Failure ? error.message : "The server’s numbers cannot be read.";
    if (!(error instanceof Failure)) console.error(error);
    byId("problem").textContent = text;
    byId("problem").hidden = false;
    if (!lost) announce(text);
    lost = true;
  }
  timer = setTimeout(look, EVERY);
}

function note(status, now) {
  // A server that was started again counts from zero.
  const again = last && status.uptime_seconds < last.uptime_seconds;
  if (again) rates = [];
  if (last && !again) rates.push(Math.max(0, (status.requests - last.requests) / ((now - last.at) / 1000)));
  rates = rates.slice(-KEPT);
  last = { at: now, requests: status.requests, uptime_seconds: status.uptime_seconds };
}

const fresh = (text) => {
  byId("fresh").textContent = text;
};

function show(status) {
  const wanted = JSON.stringify(status.routers.map(({ name }) => name));
  if (wanted !== shape) {
    panels = { server: serverPanel(), routers: status.routers.map(({ name }) => routerPanel(name)) };
    numbers.replaceChildren(panels.server.node, ...panels.routers.map(({ node }) => node));
    shape = wanted;
  }
  panels.server.update(status);
  panels.routers.forEach((panel, place) => panel.update(status.routers[place]));
}

// ---------------------------------------------------------------------------------------------- Writing

const missing = (value) => value === null || value === undefined;
const whole = (value) => (missing(value) ? "–" : Math.round(value).toLocaleString("en"));
const percent = (value) => (missing(value) ? "–" : `${(value * 100).toFixed(1)} %`);
const share = (part, all) => (all ? percent(part / all) : "–");
const decimal = (value) => (missing(value) ? "–" : value.toFixed(2));

function duration(seconds) {
  const [days, hours, minutes] = [seconds / 86400, (seconds / 3600) % 24, (seconds / 60) % 60].map(Math.floor);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

const rateText = (value) => (value === null ? "–" : value >= 100 ? whole(value) : value.toFixed(1));

/** Put text into a node unless it is there: what a reader has selected stays selected. */
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A list of named figures; `update` takes their texts in the same order. */
function tiles(names) {
  const values = names.map(() => make("dd"));
  const node = make(
    "dl",
    { class: names.length > 6 ? "tiles four" : "tiles" },
    names.map((name, place) => make("div", {}, make("dt", {}, name), values[place])),
  );
  return { node, update: (texts) => texts.forEach((text, place) => put(values[place], text)) };
}

/** A table whose rows are lists of texts, the first of which names the row; a number becomes a bar. */
function table(caption, columns, empty) {
  const body = make("tbody");
  const node = make(
    "table",
    {},
    make("caption", {}, caption),
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        columns.map(([name, kind]) =>
          name ? make("th", { scope: "col", class: kind }, name) : make("td", { class: kind }),
        ),
      ),
    ),
    body,
  );
  const none = make("p", { class: "soft" }, empty);
  const update = (rows) => {
    while (body.rows.length > rows.length) body.lastElementChild.remove();
    rows.forEach((cells, at) => {
      let row = body.rows[at];
      if (!row) {
        const heads = (_, place) => (place ? make("td") : make("th", { scope: "row" }));
        row = make("tr", {}, cells.map(heads));
        body.append(row);
      }
      cells.forEach((cell, place) => {
        const target = row.cells[place];
        target.className = columns[place][1] ?? "";
        if (typeof cell !== "number") put(target, cell);
        else if (target.dataset.value !== String(cell)) {
          target.dataset.value = cell;
          target.replaceChildren(bar(cell));
        }
      });
    });
    node.hidden = !rows.length;
    none.hidden = rows.length > 0;
  };
  return { node: make("div", {}, node, none), update };
}

// ----------------------------------------------------------------------------------------------- Panels

function serverPanel() {
  const figures = tiles([
    "Running for",
    "Requests",
    "Requests a second",
    "Refused or failed",
    "In flight",
    "Waiting",
    "Workers",
    "Answers from the cache",
  ]);
  const spark = sparkline();
  const errors = table("Errors by reason", [["Reason"], ["Requests", "number"]], "No errors.");
  const cache = table("Response cache", [["Lookups"], ["Number", "number"], ["Share", "number"]], "No cache.");
  const node = make(
    "section",
    { class: "panel", "aria-label": "Server" },
    make("h2", {}, "Server"),
    figures.node,
    spark.node,
    make("div", { class: "panel-columns" }, errors.node, cache.node),
  );
  const update = (status) => {
    const failed = Object.values(status.errors).reduce((sum, count) => sum + count, 0);
    const { exact, similar, miss } = status.cache;
    const asked = exact + similar + miss;
    const rate = rates.at(-1) ?? null;
    figures.update([
      duration(status.uptime_seconds),
      whole(status.requests),
      rateText(rate),
      whole(failed),
      whole(status.in_flight),
      whole(status.queue),
      whole(status.workers),
      share(exact + similar, asked),
    ]);
    spark.update(rates);
    errors.update(
      Object.entries(status.errors)
        .filter(([, count]) => count)
        .sort((one, two) => two[1] - one[1])
        .map(([reason, count]) => [reason, whole(count)]),
    );
    cache.update([
      ["same question", whole(exact), share(exact, asked)],
      ["similar question", whole(similar), share(similar, asked)],
      ["not there", whole(miss), share(miss, asked)],
    ]);
  };
  return { node, update };
}

function routerPanel(name) {
  const about = make("dl", { class: "facts" });
  const facts = ["Folder", "Checksum", "Record"].map((label) => {
    const value = make("code");
    about.append(make("div", {}, make("dt", {}, label), make("dd", {}, value)));
    return value;
  });
  const figures = tiles(["Decisions", "Fallback used", "Abstained", "Question cut", "Thumbs up", "Thumbs down"]);
  const times = table(
    "Time",
    [["Phase"], ["p50", "number"], ["p95", "number"], ["p99", "number"]],
    "Nothing was asked yet.",
  );
  const drift = table(
    "Drift against the record’s test questions",
    [["Figure"], ["Index", "number"], ["In words"]],
    "The record is not there to compare with.",
  );
  const domains = table(
    "Domains",
    [["Domain"], ["", "bar-cell"], ["Now", "number"], ["Record", "number"]],
    "Nothing was asked yet.",
  );
  const more = make("p", { class: "soft" });
  const node = make(
    "section",
    { class: "panel", "aria-label": `Router ${name}` },
    make("h2", {}, `Router ${name}`),
    about,
    figures.node,
    make(
      "div",
      { class: "panel-columns" },
      make("div", { class: "stack" }, times.node, drift.node),
      make("div", {}, domains.node, more),
    ),
  );
  const update = (router) => {
    const { decisions } = router;
    put(facts[0], router.folder);
    put(facts[1], router.checksum.slice(0, 16));
    put(facts[2], router.record ? router.record.slice(0, 16) : "none");
    figures.update([
      whole(decisions),
      share(router.fallbacks, decisions),
      share(router.abstained, decisions),
      share(router.cut, decisions),
      whole(router.votes_up),
      whole(router.votes_down),
    ]);
    const rows = [
      ["routing", router.routing, milliseconds],
      ["answers", router.answers, milliseconds],
      ["confidence", router.confidence, decimal],
    ].filter(([, quantiles]) => quantiles.n);
    times.update(rows.map(([label, { p50, p95, p99 }, text]) => [label, text(p50), text(p95), text(p99)]));
    drift.update(
      [
        ["confidence", router.drift_confidence],
        ["domains", router.drift_domains],
      ]
        .filter(([, value]) => !missing(value))
        .map(([label, value]) => [label, decimal(value), shifted(value)]),
    );
    const byShare = (one, two) => two.share - one.share || (one.domain < two.domain ? -1 : 1);
    const shown = [...router.domains].sort(byShare);
    domains.update(
      shown
        .slice(0, MOST_DOMAINS)
        .map((one) => [one.domain ?? "none (abstained)", one.share, percent(one.share), percent(one.expected)]),
    );
    const rest = shown.length - MOST_DOMAINS;
    more.hidden = rest <= 0;
    put(more, rest > 0 ? `${rest} more with smaller shares.` : "");
  };
  return { node, update };
}

/** The usual reading of a population stability index. */
function shifted(value) {
  if (value < 0.1) return "as in the test";
  return value < 0.25 ? "shifted a little" : "shifted: look at what is asked";
}

/** Requests a second as a line; the newest at the right. */
function sparkline() {
  const [width, height] = [600, 60];
  const area = draw("polygon", { class: "spark-area" });
  const line = draw("polyline", { class: "spark-line" });
  const picture = draw(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "spark", role: "img" },
    area,
    line,
  );
  const words = make("p", { class: "soft" });
  const update = (values) => {
    const most = Math.max(...values, 0);
    const top = most || 1;
    const step = width / (KEPT - 1);
    const points = values.map((value, place) => {
      const x = width - (values.length - 1 - place) * step;
      return `${x.toFixed(1)},${(height - 2 - (value / top) * (height - 6)).toFixed(1)}`;
    });
    line.setAttribute("points", points.join(" "));
    const left = (width - (values.length - 1) * step).toFixed(1);
    const below = `${left},${height} ${points.join(" ")} ${width},${height}`;
    area.setAttribute("points", values.length ? below : "");
    const now = values.length ? rateText(values.at(-1)) : "not known yet";
    const text = `Requests a second in the last two minutes: now ${now}, at most ${rateText(most)}.`;
    picture.setAttribute("aria-label", text);
    put(words, text);
  };
  return { node: make("div", {}, picture, words), update };
}

// --------------------------------------------------------------------------------------------- Controls

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) fresh("Paused");
  else restart();
});

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (!paused) restart();
});

/** Look now; what came in meanwhile is no rate of the last two seconds. */
function restart() {
  last = null;
  look();
}

look();
