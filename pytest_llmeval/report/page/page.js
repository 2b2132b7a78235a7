"use strict";
(() => {
  const ROW = 30; // px, as in the style
  const SPARE = 8; // rows drawn above and below what is seen
  const MOST_DOTS = 10;
  const MOST_CHIPS = 24;
  const QUIET = 300; // ms in which the next case takes no decision: a second key was meant for the one before
  const NEW = new Set(["new", "miss"]);
  const FACETS = ["state", "category", "task", "tag", "model", "reply", "review"];
  const USUAL = ["hallucination", "wrong_answer", "format", "tone", "refusal"]; // where a run has no category
  const GENERAL = "wrong_answer";
  const KEYS = [
    ["j k ↓ ↑", "next, previous case"],
    ["n p", "next, previous new miss"],
    ["h l ← →", "previous, next answer of the model on trial"],
    ["/", "filter"],
    ["c", "categories"],
    ["d", "marks of changed words on, off"],
    ["m", "the same case with the next model"],
    ["b", "blind: models and verdicts hidden, cases and sides in random order"],
    ["a", "accept: the answer is right after all; blind the left one"],
    ["r, 1 to 9", "reject, for its own category or for one by its number"],
    ["A R", "accept, reject the baseline's answer; blind the right one"],
    ["< >", "the left answer is better, the right one"],
    ["e x", "both answers are fine, both are bad"],
    ["u s", "undo the last decision, save all as a file"],
    ["w", "write a wrong answer's case into the dataset"],
    ["Enter", "read the case"],
    ["Esc", "back to the list"],
    ["?", "these keys"],
  ];
  const QUERIES = [
    ["state:new", "new, miss, error, unverified, flaky, fixed, known, not-compared, pass"],
    ["category:tone", "cases with this error category"],
    ["task:billing tag:slow model:x", "of a task, with a tag, of a model"],
    ["reply:differs", "an answer that differs from the baseline's; reply:same for the rest"],
    ["refund text:\"60 days\"", "both texts somewhere in the case"],
    ["!tag:slow", "without"],
  ];

  const byId = (id) => document.getElementById(id);

  function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key in element && key !== "role") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }

  async function read() {
    const block = byId("data");
    const text = block.textContent;
    const compressed = block.type !== "application/json";
    block.remove();
    if (!compressed) return JSON.parse(text);
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  // ------------------------------------------------------------------ tabs

  const tabs = [...document.querySelectorAll("#tabs a")];
  const nameOf = (tab) => tab.getAttribute("href").slice(1);

  function openTab(name) {
    const known = tabs.some((tab) => nameOf(tab) === name) ? name : "cases";
    for (const tab of tabs) {
      const here = nameOf(tab) === known;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
      byId(nameOf(tab)).classList.toggle("hidden", !here);
    }
    place.tab = known;
  }

  function makeTabs() {
    byId("tabs").setAttribute("role", "tablist");
    document.documentElement.dataset.tabbed = "yes";
    for (const tab of tabs) {
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", nameOf(tab));
      byId(nameOf(tab)).setAttribute("role", "tabpanel");
      tab.addEventListener("click", (event) => {
        event.preventDefault();
        openTab(nameOf(tab));
        remember();
        if (place.tab === "cases") draw();
      });
    }
    byId("tabs").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const now = tabs.findIndex((tab) => nameOf(tab) === place.tab);
      const next = tabs[(now + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    });
  }

  // ----------------------------------------------------------- the fragment

  const place = { tab: "cases", q: "", case: "", model: "" };
  let written = "";

  function remember() {
    const told = Object.entries(place).filter(([key, value]) => value && !(key === "tab" && value === "cases"));
    written = "#" + new URLSearchParams(told).toString();
    if (location.hash !== written && !(written === "#" && !location.hash)) location.replace(written);
  }

  function recall() {
    const hash = location.hash.slice(1);
    if (tabs.some((tab) => nameOf(tab) === hash)) return { tab: hash };
    return Object.fromEntries(new URLSearchParams(hash));
  }

  // ------------------------------------------------------------------- query

  let data, texts, trials, results, lower;
  let rows = []; // the trials that the query finds, by their places
  let chosen = -1; // place of the chosen trial
  let answer = 0; // which group of the model on trial is shown
  let old = 0; // which of the baseline
  let marks = true;
  let blind = false;

  function terms(text) {
    const found = [];
    const shape = /(!?)(?:(state|category|task|tag|model|reply|review|text):)?(?:"([^"]*)"?|(\S+))/g;
    for (const [, not, key, quoted, bare] of text.matchAll(shape)) {
      const value = (quoted ?? bare).toLowerCase();
      if (value) found.push({ not: Boolean(not), key: key ?? "text", value });
    }
    return found;
  }

  function facet(trial, key) {
    switch (key) {
      case "state": return [data.states[trial.state]];
      case "category": return trial.categories.map((each) => texts[each]);
      case "task": return trial.task === undefined ? [] : [texts[trial.task]];
      case "tag": return trial.tags.map((each) => texts[each]);
      case "model": return [texts[trial.model]];
      case "review": return reviewed(trial);
      default: return trial.differs === undefined ? [] : [trial.differs ? "differs" : "same"];
    }
  }

  const known = new Map(); // the values of each facet with the trials that have it

  function countFacets() {
    for (const key of FACETS) known.set(key, new Map());
    trials.forEach((trial, index) => {
      for (const key of FACETS) {
        for (const value of facet(trial, key)) {
          const all = known.get(key);
          if (!all.has(value)) all.set(value, new Set());
          all.get(value).add(index);
        }
      }
    });
  }

  // The values that a term means: the one it names, or those that it begins.
  function meant(term) {
    const values = [...known.get(term.key).keys()];
    const exact = values.filter((value) => value.toLowerCase() === term.value);
    return exact.length ? exact : values.filter((value) => value.toLowerCase().startsWith(term.value));
  }

  function textsOf(trial) {
    if (trial.all) return trial.all;
    const found = new Set([trial.id, trial.test, trial.input, trial.expected]);
    for (const side of [trial.before, trial.after]) {
      for (const group of side === null ? [] : results[side].groups) {
        for (const name of ["reply", "steps", "reason"]) found.add(group[name]);
      }
    }
    found.delete(undefined);
    trial.all = Int32Array.from(found);
    return trial.all;
  }

  // Which texts hold a value. Loops, since callbacks take longer for tens of thousands of texts.
  function holds(value) {
    lower ??= texts.map((each) => each.toLowerCase());
    const hits = new Uint8Array(lower.length);
    for (let i = 0; i < lower.length; i++) if (lower[i].includes(value)) hits[i] = 1;
    return hits;
  }

  function any(places, hits) {
    for (let i = 0; i < places.length; i++) if (hits[places[i]]) return true;
    return false;
  }

  function find(text) {
    const all = terms(text);
    const allowed = new Map(); // by facet: trials that any of its terms allows
    const refused = [];
    const holding = [];
    for (const term of all) {
      if (term.key === "text") {
        holding.push({ not: term.not, hits: holds(term.value) });
        continue;
      }
      const sets = meant(term).map((value) => known.get(term.key).get(value));
      if (term.not) refused.push(...sets);
      else allowed.set(term.key, [...(allowed.get(term.key) ?? []), ...sets]);
    }
    const groups = [...allowed.values()];
    const found = [];
    for (let index = 0; index < trials.length; index++) {
      if (refused.some((set) => set.has(index))) continue;
      if (!groups.every((sets) => sets.some((set) => set.has(index)))) continue;
      if (holding.length) {
        const own = textsOf(trials[index]);
        if (!holding.every(({ not, hits }) => any(own, hits) !== not)) continue;
      }
      found.push(index);
    }
    return found;
  }

  function toggle(key, value) {
    const quoted = /[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
    const term = `${key}:${quoted}`;
    const box = byId("query");
    const parts = box.value.match(/!?(?:\w+:)?(?:"[^"]*"?|\S+)/g) ?? [];
    box.value = (parts.includes(term) ? parts.filter((part) => part !== term) : [...parts, term]).join(" ");
    apply();
  }

  // Blind, in random order: else the first would be those that fail.
  function ordered(found) {
    if (!blind) return found;
    const rank = new Map(found.map((index) => [index, hash(`${data.review?.name}/${nodeOf(trials[index], index)}`)]));
    return found.sort((one, other) => rank.get(one) - rank.get(other));
  }

  function apply() {
    place.q = byId("query").value.trim();
    rows = ordered(find(place.q));
    byId("count").textContent =
      rows.length === trials.length ? `${count(trials.length)} cases` : `${count(rows.length)} of ${count(trials.length)} cases`;
    press();
    byId("list").scrollTop = 0;
    if (!rows.includes(chosen)) choose(rows[0] ?? -1);
    else draw(true);
    soon(remember);
  }

  // Shows which chips the query has.
  function press() {
    const asked = terms(place.q);
    for (const chip of document.querySelectorAll(".chips button")) {
      const { key, value } = chip.dataset;
      const on = asked.some((term) => !term.not && term.key === key && meant(term).includes(value));
      chip.setAttribute("aria-pressed", String(on));
    }
  }

  const count = (number) => number.toLocaleString("en");

  let waiting = 0;
  function soon(action) {
    clearTimeout(waiting);
    waiting = setTimeout(action, 150);
  }

  // -------------------------------------------------------------------- list

  function draw(reveal = false) {
    const list = byId("list");
    const space = byId("space");
    space.style.height = `${rows.length * ROW}px`;
    const position = rows.indexOf(chosen);
    if (reveal && position >= 0) {
      const top = position * ROW;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    }
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const last = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
    const shown = [];
    for (let at = first; at < last; at++) shown.push(row(at));
    space.replaceChildren(...shown);
    if (!rows.length) space.replaceChildren(make("p", { className: "empty" }, "No case matches the filter."));
    if (position >= first && position < last) list.setAttribute("aria-activedescendant", `row-${chosen}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function row(at) {
    const index = rows[at];
    const trial = trials[index];
    const state = data.states[trial.state];
    const name = make("span", {}, texts[trial.id]);
    const words = blind ? [] : [trial.categories.map((each) => texts[each]).join(", ")];
    if (!blind && known.get("model").size > 1) words.push(texts[trial.model]);
    const said = decisionOn(trial);
    if (said) words.push(blind ? "decided" : wordsOf(trial, said)); // a word for one side would tell which it is
    const more = words.filter(Boolean).join(" · ");
    if (more) name.append(make("span", { className: "in" }, more));
    const element = make(
      "div",
      { className: "row", id: `row-${index}`, role: "option", "aria-selected": String(index === chosen) },
      make("span", { className: "state" }, blind ? "" : state.replace("-", " ")),
      name,
      blind ? "" : dots(trial),
    );
    if (!blind) element.dataset.state = state;
    element.setAttribute("aria-setsize", rows.length);
    element.setAttribute("aria-posinset", at + 1);
    element.style.top = `${at * ROW}px`;
    element.addEventListener("click", () => choose(index));
    return element;
  }

  function dots(trial) {
    const side = trial.after ?? trial.before;
    const samples = [];
    for (const group of results[side].groups) for (const at of group.samples) samples[at] = group.outcome;
    const all = samples.filter(Boolean);
    const passed = all.filter((each) => each === "pass").length;
    const drawn = all.map((each) => ({ pass: "●", fail: "○", unverified: "◌", error: "×" })[each]).join("");
    const label = `${passed} of ${all.length} samples passed`;
    const element = make("span", { className: "dots", role: "img", "aria-label": label, title: label });
    element.textContent = all.length > MOST_DOTS ? `${passed}/${all.length}` : drawn;
    return element;
  }

  function choose(index) {
    chosen = index;
    answer = old = 0;
    aimed = false;
    const trial = trials[index];
    place.case = trial ? nodeOf(trial, index) : "";
    place.model = trial && known.get("model").size > 1 ? texts[trial.model] : "";
    draw(true);
    show();
    soon(remember);
  }

  const nodeOf = (trial, index) => (trial.node === undefined ? String(index + 1) : texts[trial.node]);

  function move(step) {
    const position = rows.indexOf(chosen);
    const next = rows[Math.max(0, Math.min(rows.length - 1, position + step))];
    if (next !== undefined && next !== chosen) choose(next);
  }

  function moveToNew(step) {
    for (let at = rows.indexOf(chosen) + step; at >= 0 && at < rows.length; at += step) {
      if (NEW.has(data.states[trials[rows[at]].state])) return choose(rows[at]);
    }
  }

  function otherModel() {
    const trial = trials[chosen];
    if (!trial) return;
    const same = trials.map((_, index) => index).filter((index) => sameCase(trials[index], trial));
    choose(same[(same.indexOf(chosen) + 1) % same.length]);
  }

  const sameCase = (one, other) =>
    one.test === other.test && (one.node === undefined ? one.id === other.id : one.node === other.node);

  // ------------------------------------------------------------------ a case

  function show() {
    const detail = byId("detail");
    detail.scrollTop = 0;
    const trial = trials[chosen];
    byId("deciding").replaceChildren();
    if (!trial) return detail.replaceChildren(make("p", { className: "empty" }, "No case is chosen."));
    const state = data.states[trial.state].replace("-", " ");
    const facts = [texts[trial.place]];
    if (trial.task !== undefined) facts.push(`task ${texts[trial.task]}`);
    if (trial.tags.length) facts.push(`tags ${trial.tags.map((tag) => texts[tag]).join(", ")}`);
    const parts = [
      make(
        "div",
        { className: "id" },
        make("h3", {}, texts[trial.id]),
        blind ? "" : make("span", { className: "place" }, [state, ...trial.categories.map((each) => texts[each])].join(" · ")),
        trial.node === undefined ? "" : copyButton(texts[trial.node]),
      ),
      make("p", { className: "place" }, facts.filter(Boolean).join(" · ")),
    ];
    for (const [label, field] of [["Input", "input"], ["Expected", "expected"]]) {
      const text = texts[trial[field]];
      if (text) parts.push(make("p", { className: "label" }, label), make("div", { className: "text" }, text));
    }
    const sides = [];
    if (trial.before !== null) sides.push(side(trial, false));
    if (trial.after !== null) sides.push(side(trial, true));
    if (turned(trial)) sides.reverse();
    if (blind && sides.length > 1) sides.forEach((each, at) => (each.querySelector("b").textContent = ["left", "right"][at]));
    else if (blind) sides[0].querySelector("b").textContent = "answer";
    parts.push(make("div", { className: "sides" }, ...sides));
    detail.replaceChildren(...parts);
    byId("deciding").replaceChildren(...(data.review && groupOf(trial)?.answer ? [tools(trial)] : []));
  }

  // ---------------------------------------------------------------- decisions

  let decisions = [];
  let quietUntil = 0; // when the next case takes decisions, as `performance.now` tells it
  let aimed = false; // whether a number rejects the other answer, as `R` does
  const byCase = new Map(); // the decisions of each case
  let sending = Promise.resolve();
  let queue = null; // places of the trials to review, null for all
  const STORED = () => `llmeval ${data.review.name}`;

  const groupOf = (trial) => {
    const groups = results[trial.after ?? trial.before].groups;
    return groups[Math.min(answer, groups.length - 1)];
  };

  // What an answer can be rejected for, by a number each: the run's categories, the project's, and the general one.
  function categories() {
    const found = new Set([...known.get("category").keys(), ...data.review.categories]);
    const named = found.size ? found : new Set(USUAL);
    named.delete(GENERAL);
    return [...[...named].slice(0, 8), GENERAL];
  }

  const caseOf = (test, name) => `${test}\n${name}`;

  const madeOf = (trial) =>
    (trial.case !== undefined && byCase.get(caseOf(texts[trial.test], texts[trial.case]))) || [];
  const holding = (place_, digest) => place_ !== null && results[place_].groups.some((group) => group.answer === digest);

  function decisionOn(trial) {
    return madeOf(trial).findLast((each) => holding(trial.after, each.answer) || holding(trial.before, each.answer));
  }

  // Whether somebody has said of a side's answer that it is right, or that it is wrong.
  function judged(trial, place_) {
    return madeOf(trial).some((each) =>
      (ALONE.has(each.decision) && holding(place_, each.answer)) ||
      (BOTH.has(each.decision) && (holding(place_, each.answer) || holding(place_, each.beside))));
  }

  // What nothing verifies counts as wrong once both answers are decided, so it waits for the second.
  function halfDecided(trial) {
    return decisionOn(trial)?.decision === "rejected" && paired(trial) && data.states[trial.state] === "unverified" &&
      !(judged(trial, trial.before) && judged(trial, trial.after));
  }

  function wordsOf(trial, said) {
    const other = trial.after !== null && !holding(trial.after, said.answer) ? "baseline " : "";
    return `${other}${said.decision.replace("_", " ")}`;
  }

  function reviewed(trial) {
    const said = decisionOn(trial);
    const done = said && !halfDecided(trial);
    const found = said ? [...(done ? ["decided"] : []), ...(blind ? [] : [wordsOf(trial, said)])] : [];
    if (queue?.has(trial)) found.push("queue", ...(done ? [] : ["todo"]));
    return found;
  }

  function countReview() {
    byCase.clear();
    for (const each of decisions) {
      const key_ = caseOf(each.test, each.case);
      if (!byCase.has(key_)) byCase.set(key_, []);
      byCase.get(key_).push(each);
    }
    const all = new Map();
    if (queue || decisions.length) {
      trials.forEach((trial, index) => {
        for (const value of reviewed(trial)) {
          if (!all.has(value)) all.set(value, new Set());
          all.get(value).add(index);
        }
      });
    }
    known.set("review", all);
  }

  function tools(trial) {
    const left = known.get("review").get("todo")?.size;
    const list = categories().map((name, at) => `${at + 1} ${name}`).join("  ");
    const button = (name, text, action) => {
      const element = make("button", { type: "button" }, text);
      element.addEventListener("click", action);
      element.dataset.decide = name;
      return element;
    };
    const pair = paired(trial);
    const [one, other] = blind ? ["left", "right"] : ["", "baseline"];
    return make("div", { className: "decide", role: "group", "aria-label": "decide" },
      button("a", `accept ${pair ? one : ""} a`, ACTIONS.a), button("r", `reject ${pair ? one : ""} r`, ACTIONS.r),
      ...(pair ? [button("A", `accept ${other} A`, ACTIONS.A), button("R", `reject ${other} R`, ACTIONS.R),
        button("<", "left better <", ACTIONS["<"]), button(">", "right better >", ACTIONS[">"]),
        button("e", "both fine e", ACTIONS.e), button("x", "both bad x", ACTIONS.x)] : []),
      button("u", "undo u", ACTIONS.u), ...(data.review.served ? [] : [button("s", "save s", ACTIONS.s)]),
      button("w", "write case w", ACTIONS.w),
      make("p", { className: "note" }, [`reject for: ${list}`, ...(left === undefined ? [] : [`${left} to decide`])].join(" · ")),
      make("p", { id: "decided", role: "status" }, decidedWords(trial)),
    );
  }

  function decide(word, category, ofBaseline = false) {
    const trial = trials[chosen];
    if (!trial || !data.review || performance.now() < quietUntil) return;
    const [group, beside] = ofBaseline ? [baseOf(trial), groupOf(trial)] : [groupOf(trial), baseOf(trial)];
    if (!group?.answer) return;
    const decision = {
      test: texts[trial.test], case: texts[trial.case], content: trial.content, answer: group.answer, decision: word,
      model: ofBaseline ? data.baseline : texts[trial.model], reviewer: data.review.reviewer, at: new Date().toISOString(),
    };
    if (beside?.answer) decision.beside = beside.answer;
    if (category) decision.category = category;
    decisions.push(decision);
    keep(decision, () => (decisions = decisions.filter((each) => each !== decision)));
    decidedNow();
  }

  const ALONE = new Set(["accepted", "rejected"]); // of one answer
  const BOTH = new Set(["both_fine", "both_bad"]); // say of each of two whether it is right
  const baseOf = (trial) => (paired(trial) ? results[trial.before].groups[old] : undefined);
  const turned = (trial) => blind && paired(trial) && hash(nodeOf(trial, trials.indexOf(trial))) % 2 === 1;
  // Small keys are for the model on trial and capital ones for the baseline; blind for the left and the right.
  const isBaseline = (trial, capital) => paired(trial) && (blind ? capital === turned(trial) : capital);

  function accept(capital) {
    const trial = trials[chosen];
    if (!trial || (capital && !paired(trial))) return;
    decide("accepted", "", isBaseline(trial, capital));
  }
  const paired = (trial) => trial.before !== null && trial.after !== null;

  function reject(capital, category) {
    const trial = trials[chosen];
    if (!trial || !data.review || (capital && !paired(trial))) return;
    const ofBaseline = isBaseline(trial, capital);
    const group = ofBaseline ? baseOf(trial) : groupOf(trial);
    if (!group) return;
    // Blind, that nothing needs to be chosen would tell which answer fails.
    const own = !blind && group.categories.length && group.outcome === "fail" ? texts[group.categories[0]] : "";
    if (category || own) return decide("rejected", category || own, ofBaseline);
    aimed = capital;
    say("Choose why it is wrong, by a number.");
  }

  // The side that is shown on the left, or on the right, is the better one.
  function better(left) {
    const trial = trials[chosen];
    if (!trial || !paired(trial)) return;
    decide(left === turned(trial) ? "better" : "worse");
  }

  function both(word) {
    const trial = trials[chosen];
    if (trial && paired(trial)) decide(word);
  }

  function undo() {
    const last = decisions.pop();
    if (!last) return;
    keep({ undo: last }, () => decisions.push(last));
    refresh();
  }

  function refresh() {
    countReview();
    recount();
    draw();
    show();
  }

  function decidedNow() {
    aimed = false;
    refresh();
    if (halfDecided(trials[chosen])) {
      return say("Now the other answer: a rejection counts once both answers have a decision.");
    }
    const from = rows.indexOf(chosen);
    const next = rows.find((index, at) => at > from && !(decisionOn(trials[index]) && !halfDecided(trials[index])));
    if (next === undefined) return;
    const before = trials[chosen];
    quietUntil = performance.now() + QUIET;
    choose(next);
    say(`${texts[before.id]}: ${decidedWords(before)}`);
    byId("explorer").setAttribute("aria-busy", "true");
    setTimeout(() => byId("explorer").removeAttribute("aria-busy"), QUIET);
  }

  function decidedWords(trial) {
    const said = decisionOn(trial);
    if (!said) return "";
    return blind ? "decided" : `decided: ${wordsOf(trial, said)}${said.category ? `, ${said.category}` : ""}`;
  }

  // Has the server make the answer's case a row of the dataset; without one, says which command does.
  function writeCase() {
    const trial = trials[chosen];
    const group = trial && data.review && groupOf(trial);
    if (!group?.answer) return;
    if (blind && paired(trial)) return say("Which of the two? b shows the models; then write its case.");
    const [test, case_, model] = [trial.test, trial.case, trial.model].map((each) => texts[each]);
    if (!data.review.served) return say(`With the saved run: llmeval add RUN.jsonl "${nodeOf(trial, chosen)}" --model="${model}"`);
    const body = JSON.stringify({ test, case: case_, model, answer: group.answer });
    sending = sending // after what was decided of it
      .then(() => fetch("/cases", { method: "POST", body }))
      .then(async (answer_) => say((await answer_.text()).trim()))
      .catch((error) => say(`NOT WRITTEN: ${error.message} Is llmeval review still running?`));
  }

  function say(words) {
    const place_ = byId("decided");
    if (place_) place_.textContent = words;
  }

  // Keeps what was decided; where that fails, `revoke` makes the page say so too.
  function keep(said, revoke) {
    if (!data.review.served) {
      try { localStorage.setItem(STORED(), JSON.stringify(decisions)); } catch { /* then only the file keeps them */ }
      return;
    }
    const body = JSON.stringify(said);
    sending = sending // one after the other: an undo must not arrive first
      .then(() => fetch("/decisions", { method: "POST", body }))
      .then(async (answer_) => { if (!answer_.ok) throw new Error(await answer_.text()); })
      .then(() => { byId("unsaved").textContent = ""; })
      .catch((error) => {
        revoke();
        refresh();
        byId("unsaved").textContent = `NOT SAVED: ${error.message} Is llmeval review still running? Decide again.`;
      });
  }

  async function recallDecisions() {
    if (!data.review) return;
    if (data.review.queue) queue = new Set(data.review.queue.map((index) => trials[index]));
    if (data.review.served) decisions = await (await fetch("/decisions")).json();
    else {
      try { decisions = JSON.parse(localStorage.getItem(STORED()) ?? "[]"); } catch { decisions = []; }
    }
    blind = data.review.served && trials.some((trial) => paired(trial) && texts[trial.model] !== data.baseline);
  }

  function save() {
    const lines = decisions.map((each) => `${JSON.stringify(each)}\n`).join("");
    const link = make("a", { download: `review-${data.review.name.replace(/[^\w-]+/g, "-")}.jsonl` });
    link.href = URL.createObjectURL(new Blob([lines], { type: "application/jsonl" }));
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function hash(text) {
    let value = 7;
    for (const character of text) value = Math.imul(value ^ character.codePointAt(0), 0x01000193);
    value = Math.imul(value ^ (value >>> 16), 0x45d9f3b); // so that texts that are nearly the same lie far apart
    return (value ^ (value >>> 16)) >>> 0;
  }

  function copyButton(text) {
    const button = make("button", { type: "button" }, "copy pytest id");
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(text).then(
        () => (button.textContent = "copied"),
        () => (button.textContent = text),
      );
    });
    return button;
  }

  function side(trial, after) {
    const result = results[after ? trial.after : trial.before];
    const groups = result.groups;
    const at = Math.min(after ? answer : old, groups.length - 1);
    const group = groups[at];
    const name = after || !data.baseline ? texts[trial.model] : `${data.baseline} (baseline)`;
    const who = make("div", { className: "who" }, make("b", {}, name));
    const element = make("div", { className: "side" }, who);
    if (!group) {
      element.append(make("p", { className: "note" }, "no answer"));
      return element;
    }
    if (!blind) {
      const verdict = group.outcome === "pass" ? "passed" : { fail: "failed", error: "error" }[group.outcome];
      const words = [verdict, ...group.categories.map((each) => texts[each])].join(": ");
      who.append(make("span", { className: group.outcome === "pass" ? "" : "fail" }, words));
    }
    const all = groups.reduce((sum, each) => sum + each.samples.length, 0);
    if (groups.length > 1) {
      who.append(make("span", {}, `answer ${at + 1} of ${groups.length}, in ${group.samples.length} of ${all} samples`));
      const next = make("button", { type: "button" }, "next answer");
      next.addEventListener("click", () => turn(after, 1));
      who.append(next);
    } else if (all > 1) who.append(make("span", {}, `the same in all ${all} samples`));
    if (group.steps !== undefined) {
      element.append(make("p", { className: "label" }, "Steps"), make("div", { className: "text" }, texts[group.steps]));
    }
    if (group.reply !== undefined) element.append(reply(trial, group, after, at));
    else if (!data.redacted) element.append(make("p", { className: "note" }, "text left out"));
    if (!blind) {
      if (group.reason !== undefined) element.append(make("div", { className: "text reason" }, texts[group.reason]));
      if (group.checks) element.append(make("ul", { "aria-label": "checks" }, ...group.checks.map((each) => check(each, group.reason))));
      element.append(make("p", { className: "figures" }, group.figures));
    }
    return element;
  }

  function reply(trial, group, after, at) {
    const text = texts[group.reply];
    if (!text) return make("p", { className: "note" }, "an answer without a word");
    const layers = [];
    const pair = trial.marks?.[after ? at : Math.max(answer, 0)];
    const name = blind ? "u" : after ? "ins" : "del"; // blind, a mark must not tell which side it is
    if (marks && pair && (after || at === 0)) layers.push([name, pair[after ? 1 : 0]]);
    if (group.unsupported && !blind) layers.push(["mark", group.unsupported]);
    return make("div", { className: "text" }, ...marked(text, layers));
  }

  // The text in elements: each layer is a name of an element with the starts and ends of what it marks.
  function marked(text, layers) {
    const cuts = new Set([0, text.length]);
    for (const [, places] of layers) for (const at of places) cuts.add(at);
    const ordered = [...cuts].sort((one, other) => one - other);
    const nodes = [];
    for (let i = 0; i + 1 < ordered.length; i++) {
      let node = document.createTextNode(text.slice(ordered[i], ordered[i + 1]));
      for (const [name, places] of layers) {
        for (let j = 0; j < places.length; j += 2) {
          if (places[j] <= ordered[i] && ordered[i + 1] <= places[j + 1]) {
            node = make(name, name === "mark" ? { title: "found in no source" } : {}, node);
          }
        }
      }
      nodes.push(node);
    }
    return nodes;
  }

  function check([name, passed, value, reason], told) {
    const words = [passed ? "✓" : "✗", texts[name]];
    if (value !== 0 && value !== 1) words.push(value.toFixed(2));
    const said = passed || !texts[reason] || reason === told ? "" : `: ${texts[reason]}`;
    return make("li", { className: passed ? "" : "fail" }, words.join(" ") + said);
  }

  function turn(after, step) {
    const trial = trials[chosen];
    const place_ = trial && (after ? trial.after : trial.before);
    if (place_ === null || place_ === undefined) return;
    const number = results[place_].groups.length;
    if (after) answer = (answer + step + number) % number;
    else old = (old + step + number) % number;
    show();
  }

  // ------------------------------------------------------------------- page

  function recount() {
    const old_ = document.querySelector('.chips[data-key="review"]');
    const made = chips("review");
    if (old_) old_.replaceWith(...(made ? [made] : []));
    else if (made) document.querySelector(".panes").before(made);
    press();
  }

  function chips(key) {
    const values = [...known.get(key)].map(([value, set]) => [value, set.size]);
    if (key === "state") values.sort((one, other) => data.states.indexOf(one[0]) - data.states.indexOf(other[0]));
    else values.sort((one, other) => other[1] - one[1]);
    if (values.length < 2 && key !== "category" && key !== "review") return "";
    const buttons = values.slice(0, MOST_CHIPS).map(([value, number]) => {
      const button = make("button", { type: "button" }, `${value} `, make("span", {}, count(number)));
      Object.assign(button.dataset, { key, value });
      button.addEventListener("click", () => toggle(key, value));
      return button;
    });
    if (!buttons.length) return "";
    const group = make("div", { className: "chips", role: "group", "aria-label": `filter by ${key}` }, make("span", {}, key), ...buttons);
    group.dataset.key = key;
    return group;
  }

  function hideVerdicts() {
    document.documentElement.toggleAttribute("data-blind", blind);
  }

  function help() {
    const list = (pairs) =>
      make("dl", {}, ...pairs.flatMap(([key, meaning]) => [make("dt", {}, key), make("dd", {}, meaning)]));
    const close = make("button", { type: "button" }, "close");
    const dialog = make("dialog", { id: "help", "aria-label": "Keys and filters" },
      make("h2", {}, "Keys"), list(KEYS), make("h2", {}, "Filters"), list(QUERIES), close);
    close.addEventListener("click", () => dialog.close());
    return dialog;
  }

  function build() {
    const box = make("input", { id: "query", type: "search", autocomplete: "off", spellcheck: false });
    box.placeholder = 'state:new category:… task:… text:"60 days" !tag:slow';
    const keys = make("button", { type: "button" }, "keys ?");
    const list = make("div", { id: "list", role: "listbox", tabIndex: 0, "aria-label": "cases" }, make("div", { id: "space", role: "presentation" }));
    const detail = make("div", { id: "detail", role: "region", tabIndex: 0, "aria-label": "the chosen case" });
    byId("explorer").replaceChildren(
      make("div", { className: "bar" }, make("label", { htmlFor: "query" }, "Filter"), box,
        make("span", { id: "count", role: "status" }), keys),
      make("p", { id: "unsaved", role: "alert" }),
      ...["state", "category", "reply", "model", "task", "review"].map(chips).filter(Boolean),
      make("div", { className: "panes" }, list, detail),
      make("div", { id: "deciding" }), // outside of what scrolls, so that it is always in sight
      help(),
    );
    box.addEventListener("input", apply);
    keys.addEventListener("click", () => byId("help").showModal());
    list.addEventListener("scroll", () => draw());
    addEventListener("resize", () => draw());
    document.addEventListener("keydown", key);
    addEventListener("hashchange", () => location.hash !== written && restore());
  }

  function restore() {
    const told = recall();
    openTab(told.tab);
    byId("query").value = told.q ?? (queue ? "review:queue" : "");
    const wanted = trials.findIndex(
      (trial, index) => nodeOf(trial, index) === told.case && (!told.model || texts[trial.model] === told.model),
    );
    if (wanted >= 0) chosen = wanted;
    apply();
    if (wanted >= 0) choose(wanted);
    if (wanted >= 0 || queue) byId("tabs").scrollIntoView();
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
    const writing = event.target.id === "query";
    if (event.key === "Escape" || (writing && event.key === "Enter")) {
      byId("list").focus();
      return;
    }
    if (writing || (event.key === "Enter" && event.target.closest("a, button"))) return;
    const reading = event.target.closest("#detail") && event.key.startsWith("Arrow");
    const action = reading || place.tab !== "cases" ? (event.key === "?" ? ACTIONS["?"] : undefined) : ACTIONS[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  const ACTIONS = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
    PageDown: () => move(10), PageUp: () => move(-10), Home: () => move(-trials.length), End: () => move(trials.length),
    n: () => moveToNew(1), p: () => moveToNew(-1),
    l: () => turn(true, 1), ArrowRight: () => turn(true, 1), h: () => turn(true, -1), ArrowLeft: () => turn(true, -1),
    "/": () => byId("query").focus(),
    c: () => document.querySelector('.chips button[data-key="category"]')?.focus(),
    d: () => { marks = !marks; show(); },
    m: otherModel,
    b: () => { blind = !blind; hideVerdicts(); countReview(); recount(); apply(); show(); },
    a: () => accept(false), r: () => reject(false), A: () => accept(true), R: () => reject(true), "<": () => better(true), ">": () => better(false),
    e: () => both("both_fine"), x: () => both("both_bad"), u: undo, s: () => data.review && save(), w: writeCase,
    ...Object.fromEntries([..."123456789"].map((digit) => [digit, () => categories()[digit - 1] && reject(aimed, categories()[digit - 1])])),
    Enter: () => byId("detail").focus(),
    "?": () => byId("help").showModal(),
  };

  makeTabs();
  openTab(recall().tab);
  requestAnimationFrame(() => setTimeout(async () => {
    data = await read();
    ({ texts, trials, results } = data);
    await recallDecisions();
    countFacets();
    countReview();
    build();
    hideVerdicts();
    byId("first-misses").classList.add("hidden");
    byId("explorer").hidden = false;
    restore();
    document.documentElement.dataset.ready = "yes";
    (globalThis.requestIdleCallback ?? setTimeout)(() => {
      lower ??= texts.map((each) => each.toLowerCase());
      trials.forEach(textsOf);
    });
  }));
})();
