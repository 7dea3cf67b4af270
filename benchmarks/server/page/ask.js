// The page to ask: a conversation, answered by one router or by two beside each other.

import { announce, byId, draw, events, Failure, keyForm, make, request, sentence, stopped } from "./shared.js";
import { explained, phases, remarks, verdict, why } from "./why.js";

const [model, other, routeOnly] = ["model", "other", "route-only"].map(byId);
const [question, send, stop, turnList] = ["question", "send", "stop", "turns"].map(byId);

/** The turns so far: `{ question, answers }`; the first answer of each is the one that is remembered. */
let turns = [];
/** Ends the answers that are being written; null where none is. */
let running = null;
/** Whether the reasons of the next answer are open: as the reader last left them. */
let whyOpen = window.matchMedia("(min-width: 60rem)").matches;

const askKey = keyForm(async () => {
  await loadModels();
  question.focus();
});

// ------------------------------------------------------------------------------------- Whom one can ask

const AUTO = "auto";
/** The server lists an expert, who is asked without a router, as `domain:<name>`. */
const PREFIX = "domain:";
const domainOf = (id) => id.slice(PREFIX.length);

async function loadModels() {
  const problem = byId("models-problem");
  problem.hidden = true;
  try {
    const { data } = await (await request("v1/models")).json();
    offer(data.map(({ id }) => id));
  } catch (error) {
    if (error.status === 401) {
      askKey(error.message);
      return;
    }
    const unreadable = "The server’s list of routers cannot be read.";
    problem.textContent = error instanceof Failure ? error.message : unreadable;
    problem.hidden = false;
  }
}

function offer(ids) {
  const experts = ids.filter((id) => id.startsWith(PREFIX));
  const routers = ids.filter((id) => id !== AUTO && !id.startsWith(PREFIX));
  const options = (some, shown) => some.map((id) => make("option", { value: id }, shown(id)));
  for (const select of [model, other]) {
    const chosen = select.value;
    select.replaceChildren(
      ...(select === other ? [make("option", { value: "" }, "nothing")] : []),
      ...options([AUTO], () => (routers.length ? `${AUTO}: ${routers[0]}` : AUTO)),
      make("optgroup", { label: "Routers" }, options(routers, (id) => id)),
      make("optgroup", { label: "Experts, without a router" }, options(experts, domainOf)),
    );
    select.value = chosen;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
  const names = experts.map(domainOf);
  const shown = names.slice(0, 12).join(", ") + (names.length > 12 ? ` and ${names.length - 12} more` : "");
  byId("known").textContent = names.length ? `Experts here: ${shown}.` : "";
  differ();
}

/** No router is compared with itself. */
function differ() {
  for (const option of other.options) option.disabled = option.value === model.value;
  if (other.value === model.value) other.value = "";
}

// ----------------------------------------------------------------------------------------- One question

/** The conversation before a turn, as the server is told it; a question without any answer is forgotten. */
function history(turn) {
  const answered = ({ answers: [first] }) => !first.failed || first.text;
  const before = turns.slice(0, turns.indexOf(turn)).filter(answered);
  return before.flatMap(({ question: content, answers: [{ text }] }) => [
    { role: "user", content },
    ...(text ? [{ role: "assistant", content: text }] : []),
  ]);
}

/** Scroll a turn up, unless one sees enough of it. */
function bring({ answers: [first] }) {
  const item = first.card.closest(".turn");
  if (item && item.getBoundingClientRect().top > window.innerHeight * 0.4) item.scrollIntoView({ block: "start" });
}

function ask(text) {
  const models = other.value ? [model.value, other.value] : [model.value];
  const earlier = turns.length > 0;
  const turn = { question: text, answers: models.map((id) => newAnswer(id, routeOnly.checked, earlier)) };
  for (const open of turnList.querySelectorAll("details[open]")) open.open = false;
  turns.push(turn);
  byId("empty").hidden = true;
  const cards = turn.answers.map(({ card }) => card);
  turnList.append(
    make(
      "li",
      { class: "turn" },
      make("h2", { class: "unseen" }, `Question ${turns.length}`),
      make("p", { class: "question" }, text),
      make("div", { class: cards.length > 1 ? "cards two" : "cards" }, cards),
    ),
  );
  bring(turn);
  answerAll(turn, turn.answers);
}

async function answerAll(turn, answers) {
  const ending = new AbortController();
  running = ending;
  busy(true);
  await Promise.all(answers.map((answer) => fetchAnswer(turn, answer, ending.signal)));
  // A new conversation may have begun meanwhile.
  if (running === ending) {
    running = null;
    busy(false);
  }
}

function busy(now) {
  const focused = document.activeElement;
  send.hidden = now;
  stop.hidden = !now;
  if (focused === send || focused === stop) (now ? stop : question).focus();
}

/** An answer that is not there yet, and its elements. */
function newAnswer(id, only, earlier) {
  const answer = { model: id, only, earlier };
  // Who is asked, as far as one knows before the decision.
  const name = id.startsWith(PREFIX) ? `Expert ${domainOf(id)}, asked without a router` : id;
  answer.title = make("h3", {}, name);
  answer.head = make("div", { class: "head" });
  answer.written = document.createTextNode("");
  answer.state = make("p", { class: "state" });
  answer.after = make("div", { class: "after" });
  answer.reasons = make("div", { class: "reasons" });
  // The click comes before the change, from the keyboard too.
  const summary = make("summary", { onclick: () => (whyOpen = !answer.details.open) }, "Why this choice");
  answer.details = make("details", { class: "why", hidden: true }, summary, answer.reasons);
  const body = make("p", { class: "answer" });
  body.append(answer.written);
  const said = make("div", { class: "said" }, answer.title, answer.head, body, answer.state, answer.after);
  answer.card = make("section", { class: "card" }, said, answer.details);
  return answer;
}

async function fetchAnswer(turn, answer, signal) {
  Object.assign(answer, { text: "", failed: false, routing: null, requestId: null, remark: "" });
  answer.written.data = "";
  answer.head.replaceChildren();
  answer.after.replaceChildren();
  answer.details.hidden = true;
  tell(answer, "Waiting …", "waiting");
  answer.card.setAttribute("aria-busy", "true");
  try {
    await receive(turn, answer, signal);
    finish(answer);
  } catch (error) {
    if (stopped(error)) finish(answer, "Stopped.");
    else fail(turn, answer, error);
  }
  answer.card.removeAttribute("aria-busy");
}

async function receive(turn, answer, signal) {
  const body = {
    model: answer.model,
    messages: [...history(turn), { role: "user", content: turn.question }],
    neighbours: true,
    ...(answer.only ? { route_only: true } : { stream: true }),
  };
  const response = await request("v1/chat/completions", { body, signal });
  answer.requestId = response.headers.get("x-request-id");
  if (answer.only) {
    decided(turn, answer, (await response.json()).routing);
    return;
  }
  let ended = false;
  try {
    for await (const data of events(response)) {
      if (data === "[DONE]") ended = true;
      else take(turn, answer, JSON.parse(data));
    }
  } catch (error) {
    if (stopped(error) || error instanceof Failure) throw error;
    console.error(error);
  }
  if (!ended) throw new Failure("The connection ended in the middle of the answer.", 0, answer.requestId);
}

/** One chunk of a stream. */
function take(turn, answer, chunk) {
  if (chunk.error) {
    throw new Failure(`The expert failed. ${sentence(chunk.error.message)}`, 0, answer.requestId);
  }
  if (chunk.routing) decided(turn, answer, chunk.routing);
  const choice = chunk.choices[0];
  if (choice?.delta.content) write(answer, choice.delta.content);
  if (choice?.finish_reason === "length") answer.remark = "The answer was cut at the expert’s limit.";
  if (chunk.note) answer.remark = `Note: ${chunk.note}`;
}

function decided(turn, answer, routing) {
  if (!routing) return;
  const first = answer.routing === null;
  answer.routing = { ...answer.routing, ...routing };
  if (!first) {
    // The end of a stream knows how long the answer took; the reader may be in the midst of the rest.
    answer.reasons.querySelector(".phases").replaceWith(phases(routing.milliseconds));
    return;
  }
  answer.title.textContent = routing.router;
  const labels = remarks(routing).map((label) => make("li", {}, label));
  const list = labels.length ? [make("ul", { class: "labels", "aria-label": "Remarks" }, labels)] : [];
  answer.head.replaceChildren(verdict(routing), ...list);
  answer.reasons.replaceChildren(...why(routing, answer.earlier));
  answer.details.hidden = false;
  answer.details.open = whyOpen;
  bring(turn);
}

function write(answer, piece) {
  const waiting = answer.text.length > answer.written.length;
  if (!answer.text) tell(answer, "Writing …", "waiting");
  answer.text += piece;
  // Once a frame, however fast the pieces come: the page must stay quick enough to be stopped.
  if (!waiting) requestAnimationFrame(() => showText(answer));
}

function showText(answer) {
  const bottom = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 40;
  answer.written.appendData(answer.text.slice(answer.written.length));
  if (bottom) window.scrollTo(0, document.documentElement.scrollHeight);
}

/** Write how far an answer is; nothing where it is whole. */
function tell(answer, text, kind = "") {
  answer.state.className = `state ${kind}`;
  answer.state.textContent = text;
  answer.state.hidden = !text;
}

function finish(answer, end = "") {
  const { routing, only, text, remark, requestId } = answer;
  const abstained = routing?.domain === null;
  showText(answer);
  let state = end || remark;
  if (!state && abstained) state = "The router abstained: no expert was asked.";
  if (!state && !text && !only) state = "The expert wrote nothing.";
  tell(answer, state);
  if (requestId) answer.after.replaceChildren(votes(answer));
  const said = text ? `${routing?.domain ?? ""}: ${text}` : routing ? explained(routing, answer.earlier) : "";
  announce(`${answer.title.textContent}, ${said} ${state}`);
}

function fail(turn, answer, error) {
  const known = error instanceof Failure;
  if (!known) console.error(error);
  const shorter = answer.earlier && [400, 413].includes(error.status) ? " A new conversation may help." : "";
  const text = known ? error.message + shorter : "The server’s answer cannot be read.";
  answer.failed = true;
  showText(answer);
  tell(answer, text, "problem");
  const again = () => {
    if (running) return;
    question.focus();
    answerAll(turn, [answer]);
  };
  const id = known ? error.requestId : null;
  answer.after.replaceChildren(
    make("button", { type: "button", onclick: again }, "Try again"),
    ...(id ? [make("p", { class: "soft" }, "Request ", make("code", {}, id))] : []),
  );
  announce(`${answer.title.textContent}: ${text}`);
  if (error.status === 401) askKey(text);
}

// ------------------------------------------------------------------------------------------------ Votes

const THUMB = "M7 11v9H4v-9h3Zm3 9V11l4-8c1.5 0 2.5 1 2.5 2.5L15.8 9H20l-1.6 9.4c-.2 1-1 1.6-2 1.6H10Z";

/** Thumbs up and down, and whether the server kept the vote. */
function votes(answer) {
  const told = make("span", { class: "soft", role: "status" });
  const vote = async (chosen) => {
    told.textContent = "Sending …";
    try {
      const { router, domain, confidence } = answer.routing ?? {};
      const body = { request_id: answer.requestId, vote: chosen, router, domain, confidence };
      const { status } = await (await request("v1/router/outcomes", { body })).json();
      if (status !== "kept") throw new Failure("This server keeps no opinions.");
    } catch (error) {
      told.textContent = error instanceof Failure ? `Not kept. ${error.message}` : "Not kept.";
      if (error.status === 401) askKey(error.message);
      return;
    }
    up.setAttribute("aria-pressed", String(chosen === "up"));
    down.setAttribute("aria-pressed", String(chosen === "down"));
    told.textContent = "Kept, thank you.";
  };
  const button = (name, label) => {
    const icon = { viewBox: "0 0 24 24", class: `thumb ${name}`, "aria-hidden": "true" };
    return make(
      "button",
      {
        type: "button",
        class: "vote",
        "aria-pressed": "false",
        "aria-label": `${label} ${answer.only ? "choice" : "answer"}`,
        onclick: () => vote(name),
      },
      draw("svg", icon, draw("path", { d: THUMB })),
    );
  };
  const [up, down] = [button("up", "Good"), button("down", "Bad")];
  return make("div", { class: "votes", role: "group", "aria-label": "Your opinion" }, up, down, told);
}

// ------------------------------------------------------------------------------------------ The controls

byId("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (!text || running) return;
  question.value = "";
  ask(text);
});

question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("composer").requestSubmit();
});

stop.addEventListener("click", () => running?.abort());

byId("new").addEventListener("click", () => {
  running?.abort();
  running = null;
  busy(false);
  turns = [];
  turnList.replaceChildren();
  byId("empty").hidden = false;
  question.focus();
  announce("A new conversation.");
});

byId("options").addEventListener("submit", (event) => event.preventDefault());
model.addEventListener("change", differ);

// A phone would open its keyboard over the page.
if (window.matchMedia("(pointer: fine)").matches) question.focus();
loadModels();
