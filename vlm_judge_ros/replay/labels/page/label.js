// The page for labelling: what is shown, what is said, and the keys. Everything that is saved goes through the server.

import { Film, GONE } from "./film.js";
import { Player } from "./player.js";

const find = id => document.getElementById(id);
const NOTHING = { score: null, success: null, failure_mode: "", onset_s: null, note: "", verdict_seen: false };

let sitting = null, item = 0, films = [], draft = { ...NOTHING }, changed = false, lastKey = "";
const drafts = new Map();
const player = new Player(moment_s => films.forEach(film => film.show(moment_s)), markOnset);

async function ask(path, content) {
  const options = content === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
  };
  const response = await fetch(path, options).catch(() => { throw new Error(GONE); });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function tell(text, wrong = false) {
  find("message").textContent = text;
  find("message").classList.toggle("wrong", wrong);
}

// --- which episode -------------------------------------------------------------------------------------------------

function go(number, kept) {
  item = number;
  const told = sitting.items[item];
  draft = { ...NOTHING, ...(kept || told.said || {}) };
  changed = Boolean(kept);
  lastKey = "";
  films.forEach(film => film.close());
  find("stages").classList.toggle("two", sitting.in_pairs);
  films = told.episodes.map((episode, side) => {
    const place = document.createElement("div");
    place.className = "stage";
    if (sitting.in_pairs) {
      const heading = document.createElement("h2");
      heading.textContent = side ? "Right" : "Left";
      place.append(heading);
    }
    find("stages").append(place);
    return new Film(episode, place, () => player.extend(films));
  });
  const shown = films;
  player.begin(films);
  Promise.all(films.map(film => film.loaded)).then(() => {
    // The server reads the next one while this one is watched.
    const next = unlabelled(item);
    if (shown === films && next !== null) sitting.items[next].episodes.forEach(episode => fetch(`episode/${episode}`));
  }).catch(error => tell(error.message, true));
  find("said-by-judge").hidden = true;
  render();
}

function unlabelled(from) {
  const count = sitting.items.length;
  for (let step = 1; step <= count; step++) {
    if (!sitting.items[(from + step) % count].said) return (from + step) % count;
  }
  return null;
}

function turn(step) {
  const count = sitting.items.length;
  tell("");
  go((item + step + count) % count);
}

function onward() {
  const next = unlabelled(item);
  if (next !== null) return go(next);
  tell(`All ${sitting.items.length} are labelled. Close the page, or look at any of them again.`);
  render();
}

// --- what is said --------------------------------------------------------------------------------------------------

function say(values) {
  Object.assign(draft, values);
  changed = true;
  tell("");
  render();
}

function sayScore(digit) {
  say({ score: digit === 0 && lastKey === "1" && draft.score === 0.1 ? 1 : digit / 10 });
}

function saySuccess(success) {
  say(success ? { success, failure_mode: "", onset_s: null } : { success });
}

function sayMode(mode) {
  shut("modes");
  say({ failure_mode: mode, ...(mode ? { success: false } : {}) });
}

function sayOnset() {
  say({ onset_s: Math.round(player.moment_s * 100) / 100, success: false });
}

async function save() {
  if (sitting.in_pairs) return;
  draft.note = find("note").value;
  const saved = { ...draft };
  await store("judge", { item, ...saved }, saved);
}

async function prefer(better) {
  await store("prefer", { item, better }, { better });
}

async function store(path, content, saved) {
  try {
    sitting = await ask(path, content);
  } catch (error) {
    return tell(error.message, true);
  }
  drafts.set(content.item, saved);
  changed = false;
  tell("Saved.");
  onward();
}

async function undo() {
  try {
    sitting = await ask("undo", {});
  } catch (error) {
    return tell(error.message, true);
  }
  go(sitting.item, sitting.in_pairs ? undefined : drafts.get(sitting.item));
  tell("Taken back; say it anew.");
}

async function verdict() {
  if (!sitting.has_verdicts) return;
  const shown = films;
  try {
    const texts = await Promise.all(sitting.items[item].episodes.map(episode => ask(`verdict/${episode}`)));
    if (shown !== films) return;
    find("said-by-judge").textContent = texts.map(each => each.text).join(" ");
    find("said-by-judge").hidden = false;
    draft.verdict_seen = true;
  } catch (error) {
    tell(error.message, true);
  }
}

// --- how it looks --------------------------------------------------------------------------------------------------

function press(id, pressed) {
  find(id).setAttribute("aria-pressed", String(pressed));
}

function markOnset() {
  const mark = find("onset-mark"), track = find("time");
  mark.hidden = draft.onset_s === null || !player.end_s;
  if (mark.hidden) return;
  const knob = 16, share = Math.min(1, draft.onset_s / player.end_s);
  mark.style.left = `${knob / 2 + share * (track.clientWidth - knob)}px`;
}

function render() {
  const told = sitting.items[item], done = sitting.items.filter(each => each.said).length;
  find("task").textContent = told.task;
  find("place").textContent = `${item + 1} of ${sitting.items.length}, ${done} labelled` +
    (sitting.rater ? ` by ${sitting.rater}` : "") + (told.said ? " (this one is)" : "");
  for (const button of find("scores").children) {
    button.setAttribute("aria-pressed", String(draft.score !== null && Math.abs(Number(button.value) - draft.score) < 0.05));
  }
  press("yes", draft.success === true);
  press("no", draft.success === false);
  press("mode", Boolean(draft.failure_mode));
  press("onset", draft.onset_s !== null);
  find("mode-name").textContent = draft.failure_mode ? words(draft.failure_mode) : "mode";
  find("onset-time").textContent = draft.onset_s === null ? "began here" : `began ${draft.onset_s.toFixed(2)} s`;
  if (document.activeElement !== find("note") || !changed) find("note").value = draft.note || "";
  for (const side of ["left", "tie", "right"]) press(side, Boolean(told.said) && told.said.better === side);
  markOnset();
}

function words(mode) {
  return mode.toLowerCase().replaceAll("_", " ");
}

/** Closes a dialog. Its button would keep the focus until the next picture is drawn, and take an Enter for itself. */
function shut(id) {
  find(id).close();
  document.activeElement.blur();
}

function openModes() {
  if (sitting.in_pairs) return;
  find("modes").showModal();
  for (const button of find("mode-list").children) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === draft.failure_mode));
  }
  find("mode-list").querySelector("[aria-pressed=true]").focus();
}

function build() {
  for (let tenth = 0; tenth <= 10; tenth++) {
    const button = document.createElement("button");
    button.type = "button";
    button.value = String(tenth / 10);
    button.textContent = (tenth / 10).toFixed(1);
    button.addEventListener("click", () => say({ score: tenth / 10 }));
    find("scores").append(button);
  }
  ["", ...sitting.modes].forEach((mode, place) => {
    const button = document.createElement("button"), key = document.createElement("kbd");
    button.type = "button";
    key.textContent = "abcdefghijklmnopqrstuvwxyz"[place];
    button.append(key, ` ${mode ? words(mode) : "not said"}`);
    button.dataset.key = key.textContent;
    button.dataset.mode = mode;
    button.addEventListener("click", () => sayMode(mode));
    find("mode-list").append(button);
  });
  find("judge").hidden = find("save").hidden = sitting.in_pairs;
  find("prefer").hidden = !sitting.in_pairs;
  find("verdict").hidden = !sitting.has_verdicts;
  for (const [name, unused] of [["judging", sitting.in_pairs], ["comparing", !sitting.in_pairs], ["verdicts", !sitting.has_verdicts]]) {
    for (const line of document.getElementsByClassName(name)) line.hidden = unused;
  }
}

// --- keys and buttons ----------------------------------------------------------------------------------------------

const JUDGING = {
  y: () => saySuccess(true), n: () => saySuccess(false), m: openModes, o: sayOnset, O: () => say({ onset_s: null }),
  c: () => find("note").focus(), Enter: save,
};
const COMPARING = { l: () => prefer("left"), r: () => prefer("right"), t: () => prefer("tie") };
const ALWAYS = {
  " ": () => player.toggle(), ArrowLeft: () => player.step(-1), ArrowRight: () => player.step(1),
  ArrowUp: () => player.faster(1), ArrowDown: () => player.faster(-1), Home: () => player.jump(0), End: () => player.jump(player.end_s),
  u: undo, "[": () => turn(-1), "]": () => turn(1), v: verdict, "?": () => find("keys").showModal(),
};

async function handle(key, shift) {
  if (find("modes").open) {
    const button = find("mode-list").querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (button) button.click();
    return;
  }
  if (find("keys").open) return shut("keys");
  if (shift && key === "ArrowLeft") return player.jump(player.moment_s - 1);
  if (shift && key === "ArrowRight") return player.jump(player.moment_s + 1);
  if (/^[0-9]$/.test(key) && !sitting.in_pairs) sayScore(Number(key));
  else {
    const action = ALWAYS[key] || (sitting.in_pairs ? COMPARING : JUDGING)[key];
    if (action) await action();
  }
  lastKey = key;
}

// One after the other: what is typed while a label is saved belongs to the next episode.
let queue = Promise.resolve();
const soon = action => { queue = queue.then(action).catch(error => tell(error.message, true)); };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  const open = document.querySelector("dialog[open]");
  if (event.target === find("note")) {
    if (event.key === "Enter" || event.key === "Escape") {
      find("note").blur();
      event.preventDefault();
    }
    return;
  }
  if (event.key === "Tab" || (open && ["Escape", "Enter", " "].includes(event.key) && open === find("modes"))) return;
  if (open && event.key === "Escape") return;
  if (open === find("modes") && event.key.startsWith("Arrow")) {
    const buttons = [...find("mode-list").children], here = buttons.indexOf(document.activeElement);
    const columns = buttons.filter(button => button.offsetTop === buttons[0].offsetTop).length;
    const step = { ArrowUp: -columns, ArrowDown: columns, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    buttons[Math.max(0, Math.min(buttons.length - 1, here + step))].focus();
    event.preventDefault();
    return;
  }
  // A button that was clicked, or reached with Tab, keeps its Enter and Space.
  if (event.target.matches("button:focus-visible, select") && ["Enter", " "].includes(event.key)) return;
  if (event.key.length === 1 || event.key in ALWAYS || event.key === "Enter") event.preventDefault();
  const { key, shiftKey } = event;
  soon(() => handle(key, shiftKey));
}

function onClick(id, action) {
  find(id).addEventListener("click", event => {
    soon(action);
    if (event.detail) find(id).blur();  // by mouse or finger: the keys stay those of the page
  });
}

async function start() {
  try {
    sitting = await ask("sitting");
  } catch (error) {
    return tell(error.message, true);
  }
  build();
  document.addEventListener("keydown", onKey);
  const actions = {
    yes: () => saySuccess(true), no: () => saySuccess(false), mode: openModes, onset: sayOnset, save, undo, verdict,
    previous: () => turn(-1), next: () => turn(1), help: () => find("keys").showModal(), play: () => player.toggle(),
    back: () => player.step(-1), forth: () => player.step(1),
    left: () => prefer("left"), tie: () => prefer("tie"), right: () => prefer("right"),
  };
  for (const [id, action] of Object.entries(actions)) onClick(id, action);
  find("note").addEventListener("input", () => { draft.note = find("note").value; changed = true; });
  const first = sitting.items.findIndex(each => !each.said);
  go(Math.max(0, first));
  if (first < 0) onward();
}

start();
