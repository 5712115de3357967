// LiveTraining: an autoencoder that learns in a worker of the browser, while its objective is
// switched and its knobs are turned.

import {
  bytesOf, callAll, debounce, fill, fixed, float32, listenTo, throttle,
} from "./core.js";
import {
  CONTROLS, makeMeter, makeObjectives, makePlayControls, makeSetup,
} from "./live_controls.js";
import { unpack } from "./live_data.js";
import { CHART, makeChart, makeHistory } from "./live_history.js";
import { unitOf } from "./live_objectives.js";
import {
  extentOf, makeImagePanels, makePointPanels, pagesOf, shownOf, WINDOWS,
} from "./live_panels.js";
import { addressOf, readState, stateOfAddress, writeState } from "./live_state.js";
import { makeTable, TABLE } from "./live_table.js";
import { makeScreen } from "./player.js";

const SMALLER = 0.1; // of the learning rate, after a failure
const TOO_LARGE = "The loss is not a finite number any more: the steps were too large, and the"
  + " numbers grew beyond what a computer holds.";
const NOT_HERE = "Nothing can be trained here: that needs WebAssembly with SIMD and gzip,"
  + " which Chromium, Firefox and Safari have had since 2023, and a page that may start"
  + " workers.";

const PAGE = `
  ${CONTROLS}
  <div class="lt-panels"></div>`;

// --- the worker ----------------------------------------------------------------------

const runsHere = (kernel) => typeof Worker === "function"
  && typeof DecompressionStream === "function" && WebAssembly.validate(kernel);

/** A worker for each run, so that no late message of the run before arrives.
    handlers: {frame, stopped, changed, failed, broken} */
function makeTrainingWorker(source, handlers) {
  // Not a module: a page on the disk may start no worker with a module from a Blob.
  const script = `"use strict";\n${source.replace(/^export /gm, "")}`;
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  let worker = null;
  function stop() {
    if (worker) worker.onmessage = worker.onerror = null;
    worker?.terminate();
  }
  const send = (type, message) => worker?.postMessage({ type, ...message });
  return {
    send,
    start(message) {
      stop();
      worker = new Worker(url);
      worker.onmessage = ({ data }) => handlers[data.type](data);
      worker.onerror = (event) => handlers.broken({ reason: event.message || "unknown" });
      send("start", message);
    },
    end() {
      stop();
      URL.revokeObjectURL(url);
    },
  };
}

// --- the run -------------------------------------------------------------------------

/** What is trained, and how far. A plan is {dataset, width, seed}.
    handlers: {began(data), frame(frame), stopped(parameters), changed(), failed(),
    broken(reason)} */
function makeRun(model, handlers) {
  const kernel = bytesOf(model.get("kernel")), loaded = new Map();
  const run = { plan: null, settings: {}, changes: [], step: 0, stepsPerEpoch: 1, data: null,
    trains: false, view: {} };
  let begun = 0; // runs
  const worker = makeTrainingWorker(model.get("worker"), {
    frame(frame) {
      Object.assign(run, { step: frame.step, stepsPerEpoch: frame.stepsPerEpoch });
      handlers.frame(frame);
    },
    stopped({ step, changes, parameters }) {
      Object.assign(run, { trains: false, step, changes });
      handlers.stopped(parameters);
    },
    changed({ changes }) {
      run.changes = changes;
      handlers.changed();
    },
    failed: () => handlers.failed(),
    broken({ reason }) {
      run.trains = false;
      handlers.broken(reason);
    },
  });

  /** Starts at step 0, with the present settings or with the changes of a text. */
  async function begin(plan, changes = null, steps = 0) {
    const mine = begun += 1, { dataset } = plan;
    run.plan = plan;
    if (!loaded.has(dataset)) loaded.set(dataset, unpack(dataset));
    const data = await loaded.get(dataset);
    if (mine !== begun) return; // another one has begun meanwhile
    if (changes) run.settings = Object.assign({}, ...changes.map(([, settings]) => settings));
    if (run.data !== data) Object.assign(run, { data, view: firstViewOf(data, run.view) });
    run.trains = steps > 0;
    handlers.began(data);
    worker.start({ kernel, steps, changes: changes ?? [[0, run.settings]],
      ...networkOf(plan, data), parameters: initialOf(model, data, plan.width),
      view: { ...run.view, speed: steps ? 0 : run.view.speed ?? 0 } });
  }

  return Object.assign(run, {
    begin,
    train(steps) {
      run.trains = true;
      worker.send("run", { steps });
    },
    pause: () => worker.send("pause"),
    change(settings) {
      Object.assign(run.settings, settings);
      worker.send("change", { settings });
    },
    see(view) {
      Object.assign(run.view, view);
      worker.send("see", { view });
    },
    end() {
      begun += 1;
      worker.end();
    },
  });
}

const networkOf = ({ width, seed }, { inputs, latent, train, test }) =>
  ({ shape: { inputs, latent, width, seed }, data: { train, test } });

const firstViewOf = (data, { speed }) => ({ speed, shown: shownOf(data),
  extent: data.inputs === 2 ? extentOf(data) : null, window: WINDOWS.at(-1) });

/** The initial parameters that Python gave, if they fit the network. */
function initialOf(model, { inputs, latent }, width) {
  const parameters = float32(model.get("initial"));
  const count = (inputs + 1) * width + (width + 1) * 2 * latent + (latent + 1) * width
    + (width + 1) * inputs;
  return parameters.length === count ? parameters : null;
}

// --- the view ------------------------------------------------------------------------

/** Draws the latest frame; all panels are made anew for other data. */
function makePicture(find, el, model, see) {
  let drawPanels, drawTable, drawChart, history, frame, data = null;
  const screen = makeScreen(el, () => {
    if (!frame) return false;
    drawChart(history.entries(), frame.settings.objective);
    drawTable(frame);
    return drawPanels(frame);
  });
  return {
    begin(other) {
      history = makeHistory();
      frame = null; // one that waits to be drawn may be of other data
      if (data === other) return;
      data = other;
      el.classList.toggle("lt-plane-data", data.inputs === 2);
      find(".lt-panels").innerHTML = pagesOf(data) + TABLE + CHART;
      drawPanels = (data.inputs === 2 ? makePointPanels : makeImagePanels)(
        find, data, see, screen);
      drawTable = makeTable(find, data, shownOf(data));
      drawChart = makeChart(find);
    },
    show(latest) {
      frame = latest;
      history.add(frame);
      screen();
    },
    /** The loss and its terms, for a screen reader. */
    text() {
      const last = history.entries().at(-1);
      return last ? `step ${frame.step}: loss ${fixed(last.loss)} ${unitOf(last.objective)}, `
        + `reconstruction ${fixed(last.recon)}` : `step ${frame.step}`;
    },
    end: screen.end,
  };
}

/** The message of a failure with a way back, or that nothing works here.
    smaller(), again(): start again, with smaller steps or with the same */
function makeMessage(find, el, { smaller, again }) {
  const root = find(".lt-message"), button = root.querySelector("button");
  const show = (text, face = "", act = null) => {
    root.querySelector("p").textContent = text;
    button.hidden = !act;
    button.textContent = face;
    button.onclick = act;
    root.hidden = false;
  };
  return {
    hide() {
      root.hidden = true;
    },
    tooLarge: () => show(TOO_LARGE, "start again with smaller steps", smaller),
    broken: (reason) => show(`The training has stopped after an error: ${reason}.`,
      "start again", again),
    notHere() {
      for (const control of el.querySelectorAll("button, input, select")) {
        control.disabled = true;
      }
      show(NOT_HERE);
    },
  };
}

/** The text that restores a run, and another one that is written or pasted there. What is
    copied is the address of a deck or page with it, in JupyterLab the text itself. A run that
    goes on is paused first, since its steps belong to the text. */
function makeText(find, model, run, restore) {
  const field = find(".lt-state"), button = find(".lt-copy");
  const hasKernel = "widget_manager" in model, face = hasKernel ? "copy" : "copy a link";
  const say = (text) => {
    button.textContent = text;
    find(".cw-spoken").textContent = text;
  };
  let waits = false, drawn = "";
  button.textContent = face;
  field.addEventListener("keydown", ({ key }) => {
    if (key === "Enter") restore(field.value);
  });
  field.addEventListener("blur", () => {
    field.value = drawn;
  });
  async function copy() {
    waits = false;
    const text = hasKernel ? field.value : addressOf(field.value);
    try {
      await navigator.clipboard.writeText(text);
      say("copied");
    } catch { // no permission, or a page without https
      field.value = text;
      field.select();
      say("Ctrl C");
    }
  }
  button.addEventListener("click", () => {
    waits = run.trains;
    if (waits) run.pause();
    else copy();
  });
  return function draw(text) {
    drawn = text;
    field.value = text;
    field.title = `${text}\nPaste another one and press Enter to restore that run.`;
    button.textContent = face;
    if (waits) copy();
  };
}

/** Sends state, weights and step to Python, and follows a state that Python sets. */
function makeExchange(model, run, restore) {
  let own = model.get("state");
  const save = debounce(() => model.save_changes());
  const stop = listenTo(model, { "change:state"() {
    if (model.get("state") !== own) restore(model.get("state"));
  } });
  return {
    end: callAll(stop, save.finish),
    sendState() {
      own = writeState(run.plan, run.changes, run.step);
      model.set("state", own);
      save();
      return own;
    },
    sendNetwork(parameters) {
      model.set("parameters", new DataView(parameters.buffer));
      model.set("step", run.step);
      save();
    },
  };
}

function render({ model, el }) {
  const find = fill(el, "live-training", PAGE), datasets = model.get("datasets");
  const again = () => run.begin(run.plan), message = makeMessage(find, el, { again, smaller() {
    run.settings.lr = +(SMALLER * run.settings.lr).toPrecision(2);
    again();
  } });
  if (!runsHere(bytesOf(model.get("kernel")))) {
    message.notHere();
    return () => {};
  }
  const meter = makeMeter(), picture = makePicture(find, el, model, (view) => run.see(view));
  const drawAll = () => {
    drawObjectives(run.settings);
    drawSetup(run.plan);
    player.draw(run.trains);
  };
  const run = makeRun(model, {
    began(data) {
      message.hide();
      meter.clear();
      picture.begin(data);
      drawAll();
    },
    frame(frame) {
      picture.show(frame);
      player.drawWhen(frame, run.trains ? meter.rate(frame.step, performance.now()) : null);
    },
    stopped(parameters) {
      player.draw(false);
      player.drawWhen(run, null);
      meter.clear();
      if (player.speed()) run.see({ speed: player.speed() }); // a text is restored at full speed
      exchange.sendNetwork(parameters);
      drawState(exchange.sendState());
      find(".cw-spoken").textContent = picture.text();
    },
    changed: () => drawState(exchange.sendState()),
    failed: message.tooLarge,
    broken(reason) {
      player.draw(false);
      message.broken(reason);
    },
  });
  const restore = (text) => {
    const { changes, steps, ...plan } = readState(text, datasets);
    return run.begin(plan, changes, steps);
  };
  const { drawObjectives, drawSetup, player, sendChange } = connect(find, run, datasets, meter);
  const drawState = makeText(find, model, run, restore), exchange = makeExchange(model, run, restore);
  restore(stateOfAddress() ?? model.get("state"));
  return callAll(exchange.end, sendChange.cancel, run.end, picture.end);
}

/** The controls act on the run. */
function connect(find, run, datasets, meter) {
  let moved = {};
  const sendChange = throttle(() => {
    run.change(moved);
    moved = {};
  });
  const drawObjectives = makeObjectives(find, {
    change(settings) {
      sendChange.finish();
      run.change(settings);
      drawObjectives(run.settings);
    },
    knobsMoved(settings) {
      Object.assign(moved, settings);
      sendChange();
    },
  });
  const drawSetup = makeSetup(find, datasets, (changed) => {
    sendChange.finish();
    const plan = { ...run.plan, ...changed };
    if (changed.dataset) {
      const { changes } = readState(`data=${changed.dataset.name}`, datasets);
      run.settings.spread = changes[0][1].spread;
    }
    run.begin(plan);
  });
  const train = (steps) => {
    sendChange.finish();
    meter.clear();
    run.train(steps);
    player.draw(true);
  };
  const player = makePlayControls(find, {
    toggle() {
      sendChange.finish(); // it belongs to the steps before
      if (run.trains) run.pause();
      else train(Infinity);
    },
    steps: train, epoch: () => train(run.stepsPerEpoch),
    again() {
      sendChange.finish();
      run.begin(run.plan);
    },
    speed: (speed) => run.see({ speed }),
  });
  return { drawObjectives, drawSetup, player, sendChange };
}

export default { render };
