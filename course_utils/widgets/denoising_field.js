// The denoising field: particles follow the arrows of a network that runs in the browser.

import { drawAxes, INTERACTIVE, marksAt, panel, quarters } from "./axes.js";
import { onArrows, onKeys, onPointer } from "./controls.js";
import {
  clamp, fill, fixed, float32, callAll, listenTo, makeSetter, perFrame, put, short, tuple,
} from "./core.js";
import { makeNetwork } from "./network.js";
import { makePlane, nearestCode } from "./plane.js";
import { makePlayer, prefersReducedMotion, SLICE } from "./player.js";

const CROWD = 100; // particles of the second button
const MAX_PARTICLES = 150; // on the plane
const FEW = 50; // particles that step in each frame; if there are more, half of them do
const REST_DISTANCE = 1 / 1000; // of r(x) − x at rest, in half-widths
const MAX_STEPS = 1000;
const TRAIL = "#e8710a";
const DATA = "#4a8fc7"; // both at least 3 : 1 on white and on black

// --- the step ------------------------------------------------------------------------

/** One step x + η (r(x) − x), and ‖r(x) − x‖. */
export function denoisingStep(denoise, [x1, x2], eta) {
  const r = denoise([x1, x2]), d1 = r[0] - x1, d2 = r[1] - x2;
  return { x: [x1 + eta * d1, x2 + eta * d2], gap: Math.hypot(d1, d2) };
}

// --- the view ------------------------------------------------------------------------

const FIELD = `
  <div class="cw-row">
    <figure class="cw-plane df-plane">
      <figcaption class="cw-title">Arrows lead from <i>x</i> towards
        <i>r</i>(<i>x</i>)</figcaption>
      ${panel(INTERACTIVE)}
      <div class="cw-foot cw-legend">
        <span><i style="background:${DATA}"></i>data</span>
        <span><i class="df-key"></i>particle</span>
        <span><i class="df-answer-key"></i><i class="df-name">r</i>(<i
          class="df-name">x</i>) at the pointer</span>
      </div>
    </figure>
    <div class="df-side">
      <label class="df-sigma"><span>trained at <i>σ</i> = <output></output></span>
        <input type="range" min="0" step="1" aria-label="σ of the denoiser">
        <span class="df-marks" aria-hidden="true"></span></label>
      <p class="df-rule"></p>
      <div class="cw-line df-buttons">
        <button class="cw-button df-one"></button>
        <button class="cw-button df-crowd">▶ ${CROWD} from anywhere</button>
        <button class="cw-button df-clear">clear</button>
      </div>
      <table class="df-read">
        <caption></caption>
        <tr><th>moved so far</th>
          <td class="df-way"></td><td class="df-mean"></td></tr>
        <tr><th>nearest data point</th>
          <td class="df-near"></td><td class="df-mean">away</td></tr>
      </table>
      <p class="cw-help">Click the plane to drop a particle, or move with the arrow keys
        and drop with Enter. Change <i>σ</i>: particles continue in the new field.</p>
    </div>
  </div>`;

/** The arrows of a field as one path: for each a shaft, and a head of two strokes. */
function arrowPath(lattice, field, scale) {
  const parts = [];
  for (let i = 0; i < lattice.length; i += 2) {
    const x = lattice[i], y = lattice[i + 1];
    const u = scale * field[i], v = scale * field[i + 1];
    const back = 0.32, wide = 0.2; // of the head, in lengths of the arrow
    const barb = (side) =>
      `${x + u - back * u - side * wide * v} ${y + v - back * v + side * wide * u}`;
    parts.push(`M${x} ${y}L${x + u} ${y + v}M${barb(1)}L${x + u} ${y + v}L${barb(-1)}`);
  }
  return parts.join("");
}

/** One scale for all fields: the longest arrow is 1.6 times the spacing. */
function arrowPaths(lattice, fields) {
  let longest = 0;
  for (const field of fields) {
    for (let i = 0; i < field.length; i += 2) {
      longest = Math.max(longest, Math.hypot(field[i], field[i + 1]));
    }
  }
  const spacing = (2 * Math.abs(lattice[0])) / (Math.sqrt(lattice.length / 2) - 1);
  return fields.map((field) => arrowPath(lattice, field, (1.6 * spacing) / (longest || 1)));
}

/** Particles on the plane; in each frame they take a step, which is added to the trails. */
function makeParticles(plane, trails, swarm, { a, move, moved, started, arrived }) {
  const ink = trails.getContext("2d"), player = makePlayer();
  let all = [], latest = [], turn = 0; // latest: those dropped last

  const pixelOf = ([x1, x2]) =>
    [plane.across(x1) * trails.width, plane.down(x2) * trails.height];

  /** A step of all particles, or with reduced motion as many as a frame has time for.
      -> whether some go on */
  function stepAll() {
    const until = performance.now() + (prefersReducedMotion() ? SLICE : 0);
    let continues = step();
    while (continues && performance.now() < until) continues = step();
    if (!continues || !prefersReducedMotion()) draw();
    if (!continues) arrived();
    return continues;
  }

  function step() {
    const turns = all.length > FEW ? 2 : 1;
    turn += 1;
    ink.beginPath();
    for (const [i, particle] of all.entries()) {
      if (!particle.moving || (i + turn) % turns) continue;
      const { x, way, gap } = move(particle.x);
      ink.moveTo(...pixelOf(particle.x));
      ink.lineTo(...pixelOf(x));
      particle.way += way;
      particle.steps += 1;
      particle.x = x;
      particle.moving = gap >= REST_DISTANCE * a && particle.steps < MAX_STEPS; // or NaN
    }
    ink.strokeStyle = TRAIL;
    ink.lineWidth = all.length > 10 ? 2.5 : 4;
    ink.stroke();
    return all.some(({ moving }) => moving);
  }

  function draw() {
    for (const { node, x: [cx, cy] } of all) put(node, { cx, cy });
    moved(latest);
  }
  function start() {
    started();
    player.start(stepAll);
  }

  return {
    release(starts) {
      latest = starts.map((x) => {
        const node = document.createElementNS("http://www.w3.org/2000/svg", "circle");
        put(node, { class: "df-particle", r: 0.02 * a });
        swarm.append(node);
        return { x, node, way: 0, steps: 0, moving: true };
      });
      all.push(...latest);
      while (all.length > MAX_PARTICLES) all.shift().node.remove();
      draw();
      start();
    },
    resume() {
      for (const particle of all) Object.assign(particle, { steps: 0, moving: true });
      if (all.length) start();
    },
    clear() {
      player.stop();
      all = latest = [];
      swarm.replaceChildren();
      ink.clearRect(0, 0, trails.width, trails.height);
      draw();
    },
    stop: player.stop,
  };
}

/** Number of steps of the latest particles, as text. */
function titleOf(latest) {
  if (!latest.length) return "No particle yet";
  const subject = latest.length === 1 ? "The particle" : `${latest.length} particles`;
  const steps = Math.max(...latest.map((p) => p.steps));
  if (latest.some(({ moving }) => moving)) return `${subject}: step ${steps}`;
  const atRest = latest.every((p) => p.steps < MAX_STEPS);
  return `${subject}: ${atRest ? "at rest" : "stopped"} after ${steps} steps`;
}

function makeTable(find, points) {
  return {
    draw(latest) {
      const mean = (value) => latest.reduce((sum, p) => sum + value(p), 0) / latest.length;
      const text = (value) => (latest.length ? fixed(mean(value)) : "–");
      find(".df-read caption").textContent = titleOf(latest);
      find(".df-way").textContent = text((p) => p.way);
      find(".df-near").textContent = text((p) => nearestCode(points, p.x).distance);
      find(".df-mean").textContent = latest.length > 1 ? "on average" : "";
    },
    clearAnnouncement() {
      find(".cw-spoken").textContent = "";
    },
    announce() {
      const [title, way, near] = [".df-read caption", ".df-way", ".df-near"].map((name) =>
        find(name).textContent);
      find(".cw-spoken").textContent =
        `${title}; moved ${way}, nearest data point ${near} away`;
    },
  };
}

/** The slider of σ, and the arrows. */
function makeSigmas(find, model, set, paths) {
  const sigmas = model.get("sigmas"), slider = find("input");
  slider.max = sigmas.length - 1;
  slider.addEventListener("input", () => set("sigma", sigmas[slider.value]));
  find(".df-marks").innerHTML = sigmas.map((s) => `<span>${short(s)}</span>`).join("");
  const index = () => sigmas.indexOf(model.get("sigma"));
  return {
    index,
    draw() {
      slider.value = index();
      slider.setAttribute("aria-valuetext", short(sigmas[index()]));
      find("output").textContent = short(sigmas[index()]);
      find(".df-arrows").setAttribute("d", paths[index()]);
    },
  };
}

/** The x at the pointer, and r(x). */
function makePointer(find, model, denoise, a) {
  let x = model.get("start");
  const draw = () => {
    const [x1, x2] = x, [r1, r2] = denoise(x);
    put(find(".df-pointer"), { cx: x1, cy: x2 });
    put(find(".df-answer"), { cx: r1, cy: r2 });
    put(find(".df-way-to"), { d: `M${x1} ${x2}L${r1} ${r2}` });
    find(".df-one").textContent = `▶ one from ${tuple(model.get("start"), 1)}`;
  };
  const moved = perFrame(draw);
  return {
    x: () => [...x],
    draw,
    move(to) {
      x = to.map((value) => clamp(value, -a, a));
      moved();
    },
    cancel: moved.cancel,
  };
}

/** The plane: dots, then trails, then lines and particles. */
function makeField(model, el, find) {
  const a = model.get("half_width"), points = float32(model.get("points"));
  const plane = makePlane(find(".cw-stage"), () => a);
  const trails = find("canvas").cloneNode();
  find("svg").before(trails);
  plane.lines.innerHTML = `<path class="df-arrows"/><g class="df-particles"></g>
    <path class="df-way-to"/><circle class="df-answer" r="${0.022 * a}"/>
    <circle class="df-pointer" r="${0.016 * a}"/>`;
  const marks = marksAt(quarters(a), plane.across);
  drawAxes(el, marks, marks, plane.across(0.75 * a), "x");
  plane.show();
  plane.dots(points, new Uint8Array(points.length / 2), [DATA]);
  find(".cw-stage").setAttribute("aria-label",
    "plane: arrow keys move the pointer, Enter drops a particle there");
  find(".df-rule").innerHTML = `each step <i>x</i> ← <i>x</i> + ${short(model.get("eta"))}
    (<i>r</i>(<i>x</i>) − <i>x</i>)`;
  return { plane, trails, points, a };
}

function connect(stage, plane, pointer, { a, start, drop }) {
  onPointer(stage, (position) => pointer.move(plane.at(position)));
  stage.addEventListener("lostpointercapture", drop); // button or finger released
  stage.addEventListener("pointerleave", () => pointer.move(start()));
  onArrows(stage, (direction, event) => {
    const by = a / (event.shiftKey ? 100 : 25);
    pointer.move(pointer.x().map((value, i) => value + by * direction[i]));
  });
  onKeys(stage, ["Enter", " "], drop);
}

function render({ model, el }) {
  const find = fill(el, "denoising-field", FIELD);
  const { plane, trails, points, a } = makeField(model, el, find);
  const denoisers = model.get("networks").map(makeNetwork), eta = model.get("eta");
  const set = makeSetter(model), start = () => model.get("start");
  const sigmas = makeSigmas(find, model, set, arrowPaths(
    float32(model.get("lattice")), model.get("fields").map(float32)));
  const denoise = (x) => denoisers[sigmas.index()](x);
  const pointer = makePointer(find, model, denoise, a);
  const table = makeTable(find, points);
  const particles = makeParticles(plane, trails, find(".df-particles"), {
    a, moved: table.draw, started: table.clearAnnouncement, arrived: table.announce,
    move(x) {
      const next = denoisingStep(denoise, x, eta);
      return { ...next, way: eta * next.gap };
    },
  });

  connect(find(".cw-stage"), plane, pointer, { a, start, drop() {
    particles.release([pointer.x()]);
    set("start", pointer.x());
  } });
  find(".df-one").addEventListener("click", () => particles.release([[...start()]]));
  find(".df-crowd").addEventListener("click", () => {
    particles.clear();
    const anywhere = () => a * (2 * Math.random() - 1);
    particles.release(Array.from({ length: CROWD }, () => [anywhere(), anywhere()]));
  });
  find(".df-clear").addEventListener("click", particles.clear);
  const drawField = () => {
    sigmas.draw();
    pointer.draw();
  };
  const fieldTurned = perFrame(drawField);
  const stopListening = listenTo(model, {
    "change:start": () => pointer.move(start()),
    "change:sigma"() {
      fieldTurned();
      particles.resume();
    },
  });
  drawField();
  table.draw([]);
  return callAll(stopListening, particles.stop, pointer.cancel, fieldTurned.cancel, set.finish);
}

export default { render };
