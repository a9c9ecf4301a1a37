// What the console's pages do besides links and forms: the switch of the theme, the charts, the pause of the live tail.
"use strict";

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// The theme

const switcher = document.getElementById("theme");

function labelSwitcher() {
  switcher.textContent = isDark() ? "Light" : "Dark";
  switcher.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
}

switcher.hidden = false;
labelSwitcher();
switcher.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("beam-dis-theme", root.dataset.theme);
  } catch (error) {
    // storage is off: the choice is for this page
  }
  labelSwitcher();
  drawAll();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  labelSwitcher();
  drawAll();
});

// Charts: an element with data-chart has the address of its columns

const charts = new Map();

function colour(name) {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

function clock(seconds, digits = 5) {
  return new Date(seconds * 1e3).toISOString().slice(11, 11 + digits);
}

function day(seconds) {
  return new Date(seconds * 1e3).toISOString().slice(0, 10);
}

function amount(value) {
  return value >= 1e6 ? `${(value / 1e6).toPrecision(3)} M` : value >= 1e4 ? `${(value / 1e3).toPrecision(3)} k` : String(value);
}

function draw(element, columns) {
  element.replaceChildren();
  const names = element.dataset.columns.split(" ");
  const labels = element.dataset.labels.split("|");
  const lines = ["--line-1", "--line-2"];
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--rule"), width: 1 }, ticks: { stroke: colour("--rule"), width: 1 } };
  if (columns.times.length === 0) return;
  const span = columns.times.at(-1) - columns.times[0];
  const shown = span > 2 * 86400 ? (tick) => day(tick).slice(5) : span < 1200 ? (tick) => clock(tick, 8) : clock;
  const options = {
    width: element.clientWidth - 8,
    height: 180,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
    scales: { x: { time: true }, y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, values: (_, ticks) => ticks.map((tick) => shown(tick)), space: 70 },
      { ...axis, size: 64, values: (_, ticks) => ticks.map(amount) },
    ],
    series: [
      { label: "UTC", value: (_, seconds) => (seconds === null ? "–" : `${day(seconds)} ${clock(seconds, 8)}`) },
      ...names.map((name, index) => ({
        label: labels[index],
        stroke: colour(lines[index]),
        width: 1.5,
        dash: index % 2 ? [6, 4] : undefined,
        points: { show: columns.times.length < 3 },
        value: (_, value) => (value === null ? "–" : amount(value)),
      })),
    ],
  };
  new uPlot(options, [columns.times, ...names.map((name) => columns[name])], element);
}

function drawAll() {
  for (const [element, columns] of charts) draw(element, columns);
}

async function load(element) {
  try {
    const answer = await fetch(element.dataset.chart, { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(answer.statusText);
    charts.set(element, await answer.json());
    draw(element, charts.get(element));
  } catch (error) {
    if (!charts.has(element)) element.textContent = `The rates can't be loaded: ${error.message}`;
  }
}

for (const element of document.querySelectorAll("[data-chart]")) {
  load(element);
  setInterval(() => load(element), 1000 * Number(element.dataset.seconds || 30));
}

let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(drawAll, 150);
});

// A part of a page that refreshes itself isn't replaced while the focus or a selection is in it

document.body.addEventListener("htmx:beforeSwap", (event) => {
  const part = event.detail.target;
  const selection = getSelection();
  const used = part.contains(document.activeElement) || (!selection.isCollapsed && part.contains(selection.anchorNode));
  if (used && part.id === "live") event.detail.shouldSwap = false;
});

// A page that can't refresh itself says so

const STALE = "The server doesn't answer, or asks for its address with a new token: this page shows what was there before.";

function markStale(stale) {
  const known = document.getElementById("stale");
  if (known !== null) known.hidden = !stale;
  if (known !== null || !stale) return;
  const note = document.createElement("p");
  note.id = "stale";
  note.className = "problem";
  note.setAttribute("role", "status");
  note.textContent = STALE;
  document.getElementById("content").prepend(note);
}

document.body.addEventListener("htmx:afterRequest", (event) => markStale(!event.detail.successful));

// The live tail: a pause, an end to what it keeps, and another attempt after a failure

const MOST_ENTRIES = 500;
const pause = document.getElementById("pause");

function isPaused() {
  return pause !== null && pause.getAttribute("aria-pressed") === "true";
}

function tailState() {
  return document.getElementById("tail-state");
}

if (pause !== null) {
  pause.hidden = false;
  pause.setAttribute("aria-pressed", "false");
  pause.addEventListener("click", () => {
    pause.setAttribute("aria-pressed", String(!isPaused()));
    pause.textContent = isPaused() ? "Go on" : "Pause";
    if (!isPaused()) htmx.trigger(tailState(), "resume");
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt === tailState() && isPaused()) event.preventDefault();
  });
  document.body.addEventListener("htmx:oobAfterSwap", () => {
    const tail = document.getElementById("tail");
    while (tail.children.length > MOST_ENTRIES) tail.lastElementChild.remove();
  });
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(failure, (event) => {
      if (event.detail.elt !== tailState()) return;
      setTimeout(() => htmx.trigger(tailState(), "resume"), 3000);
    });
  }
}
