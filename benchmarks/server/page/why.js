// Why an expert was asked: the decision that the server sends as `routing`, as elements.

import { bar, make, milliseconds } from "./shared.js";

const MOST_SCORES = 10;
const PHASES = {
  queue: "waiting for a place",
  tokenise: "cutting into tokens",
  encode: "encoding",
  search: "searching neighbours",
  decide: "deciding",
  routing: "routing, all together",
  answer: "answering",
  total: "in all",
};
const SUMS = ["routing", "answer", "total"];

/** Both numbers with as many digits as show which is larger; two where they can. */
function apart(value, threshold) {
  let digits = 2;
  const alike = () => value.toFixed(digits) === threshold.toFixed(digits);
  while (digits < 6 && value !== threshold && alike()) digits += 1;
  return [value.toFixed(digits), threshold.toFixed(digits)];
}

/** What the policy compares with its threshold, in figures and in words. */
function tested({ confidence, threshold, score, scores, best_guess: best }) {
  const value = score === "probability" ? scores[best] : confidence;
  const [shown, limit] = apart(value, threshold);
  return { name: score === "probability" ? "Probability" : "Confidence", value, threshold, shown, limit };
}

/** Who answers, and the confidence on a bar with the threshold marked. */
export function verdict(routing) {
  const { name, value, threshold, shown, limit } = tested(routing);
  const abstained = routing.domain === null;
  return make(
    "div",
    { class: "verdict" },
    make(
      "p",
      { class: abstained ? "chosen none" : "chosen" },
      make("span", { class: "unseen" }, "Expert: "),
      make("strong", {}, abstained ? "no expert" : routing.domain),
    ),
    make(
      "div",
      { class: "gauge" },
      bar(value, threshold),
      make(
        "p",
        { class: "gauge-text" },
        make("span", {}, `${name} `, make("b", {}, shown)),
        make("span", { class: "threshold" }, `threshold ${limit}`),
      ),
    ),
  );
}

/** What a reader should know at a glance, as short labels; none where all went as usual. */
export function remarks(routing) {
  const labels = [];
  if (routing.domain === null) labels.push("abstained");
  else if (routing.fallback && routing.domain === routing.best_guess) labels.push("below the threshold");
  else if (routing.fallback) labels.push("fallback used");
  if (routing.cut) labels.push("question cut");
  if (routing.cache === "exact") labels.push("answer from the cache");
  if (routing.cache === "similar") labels.push("answer to a similar question, from the cache");
  return labels;
}

/** The decision in a few sentences; `earlier` says whether there were questions before. */
export function explained(routing, earlier) {
  const { name, value, threshold, shown, limit } = tested(routing);
  const { domain, best_guess: best, cut, context } = routing;
  const subject = `The ${name.toLowerCase()} of ${shown}`;
  const sentences = [];
  if (value >= threshold) {
    sentences.push(`${subject} reaches the threshold of ${limit}, so ${domain} is asked.`);
  } else if (domain === null) {
    sentences.push(`${subject} is below the threshold of ${limit}, so no expert is asked.`);
    sentences.push(`The best guess is ${best}.`);
  } else if (domain === best) {
    sentences.push(`${subject} is below the threshold of ${limit}.`);
    sentences.push(`The best guess, ${best}, is asked all the same.`);
  } else {
    sentences.push(`${subject} is below the threshold of ${limit}, so the fallback, ${domain}, is asked.`);
    sentences.push(`The best guess is ${best}.`);
  }
  if (cut) sentences.push("The question is longer than the router reads: it decided on a part of it.");
  if (earlier && context === "window") sentences.push("Your earlier questions count too.");
  if (earlier && context === "sticky") {
    sentences.push("It tends to stay with the expert of your earlier questions.");
  }
  return sentences.join(" ");
}

/** All that is known of a decision; `earlier` as in `explained`. */
export function why(routing, earlier) {
  return [
    make("p", {}, explained(routing, earlier)),
    scores(routing),
    neighbours(routing.neighbours ?? []),
    phases(routing.milliseconds),
    sources(routing),
  ].filter(Boolean);
}

function scores(routing) {
  const column = (name) => make("th", { scope: "col" }, name);
  const all = Object.entries(routing.scores);
  all.sort(([one, high], [two, low]) => low - high || (one < two ? -1 : 1));
  const rows = make("tbody");
  const add = ([domain, value]) =>
    rows.append(
      make(
        "tr",
        domain === routing.domain ? { class: "asked" } : {},
        make("th", { scope: "row" }, domain),
        make("td", { class: "bar-cell" }, bar(value)),
        make("td", { class: "number" }, value.toFixed(3)),
      ),
    );
  all.slice(0, MOST_SCORES).forEach(add);
  const table = make(
    "table",
    { class: "scores" },
    make("caption", {}, `Scores of ${all.length} domains`),
    make(
      "thead",
      { class: "unseen" },
      make("tr", {}, column("Domain"), make("td"), column("Score")),
    ),
    rows,
  );
  const others = all.slice(MOST_SCORES);
  if (!others.length) return table;
  const more = make("button", { type: "button", class: "link" }, `${others.length} more`);
  more.addEventListener("click", () => {
    others.forEach(add);
    // The focus must not fall back to the top of the page with the button.
    const first = rows.children[MOST_SCORES];
    first.tabIndex = -1;
    first.focus();
    more.remove();
  });
  return make("div", {}, table, more);
}

function neighbours(all) {
  if (!all.length) return null;
  const items = all.map(({ id, domain, similarity, question }) =>
    make(
      "li",
      {},
      make("p", { class: "near-question" }, question ?? `Question ${id}`),
      make("p", { class: "soft" }, make("b", {}, domain), ` · similarity ${similarity.toFixed(3)}`),
    ),
  );
  return make("div", {}, make("h4", {}, "Nearest training questions"), make("ol", { class: "near" }, items));
}

/** Milliseconds of each phase as a table. */
export function phases(spent) {
  const names = [...Object.keys(spent).filter((name) => !(name in PHASES)), ...Object.keys(PHASES)];
  const rows = names
    .filter((name) => name in spent)
    .map((name) =>
      make(
        "tr",
        SUMS.includes(name) ? { class: "sum" } : {},
        make("th", { scope: "row" }, PHASES[name] ?? name),
        make("td", { class: "number" }, milliseconds(spent[name])),
      ),
    );
  return make("table", { class: "phases" }, make("caption", {}, "Time by phase"), make("tbody", {}, rows));
}

function sources(routing) {
  const facts = [
    ["Request", routing.request_id],
    ["Router", routing.router],
    ["Router’s checksum", routing.checksum.slice(0, 16)],
    ["Record’s checksum", routing.record?.slice(0, 16) ?? "no record"],
  ];
  return make(
    "dl",
    { class: "facts" },
    facts.map(([name, value]) =>
      make("div", {}, make("dt", {}, name), make("dd", {}, make("code", {}, value))),
    ),
  );
}
