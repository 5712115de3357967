// The denoising field: particles follow the arrows of a network that runs in the browser.

const CROWD = 100; // particles of the second button
const MOST = 150; // that may be on the plane
const FEW = 50; // that all step in each frame; of more, one half and the other by turns
const CALM = 1 / 1000; // of the half-width: at rest once r(x) is as near as this
const STEPS = 1000; // and after so many in any case
const TRAIL = "#e8710a"; // on light and dark
const DATA = "#5fa3d9";

// --- the walk ------------------------------------------------------------------------

/** One step x + η (r(x) − x), and ‖r(x) − x‖. */
export function step(denoise, [x1, x2], eta) {
  const r = denoise([x1, x2]), d1 = r[0] - x1, d2 = r[1] - x2;
  return { x: [x1 + eta * d1, x2 + eta * d2], gap: Math.hypot(d1, d2) };
}

/** The arrows of a field as one path: a shaft each, and a head of two strokes. */
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

// --- the view ------------------------------------------------------------------------

const FIELD = `
  <div class="df-row">
    <figure class="df-plane">
      <figcaption class="cw-title">Arrows lead from <i>x</i> towards
        <i>r</i>(<i>x</i>)</figcaption>
      ${PANEL}
      <div class="cw-foot cw-legend">
        <span><i style="background:${DATA}"></i>data</span>
        <span><i class="df-key"></i>particle</span>
        <span><i class="df-answer-key"></i><i class="df-name">r</i>(<i
          class="df-name">x</i>) for the <i class="df-name">x</i> at the hand</span>
      </div>
    </figure>
    <div class="df-side">
      <label class="df-sigma"><span>trained at <i>σ</i> = <output></output></span>
        <input type="range" min="0" step="1" aria-label="σ of the denoiser" ${QUIET}>
        <span class="df-marks" aria-hidden="true"></span></label>
      <p class="df-rule"></p>
      <div class="df-buttons">
        <button class="cw-button df-one" ${QUIET}></button>
        <button class="cw-button df-crowd" ${QUIET}>▶ ${CROWD} from anywhere</button>
        <button class="cw-button df-clear" ${QUIET}>clear</button>
      </div>
      <table class="df-read">
        <caption></caption>
        <tr><th>moved so far</th>
          <td class="df-way"></td><td class="df-mean"></td></tr>
        <tr><th>nearest data point</th>
          <td class="df-near"></td><td class="df-mean">away</td></tr>
      </table>
      <p class="cw-help">Click the plane to drop a particle, or move with the arrow keys
        and drop with Enter. Turn <i>σ</i>: particles go on in the new field.</p>
    </div>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

function render({ model, el }) {
  el.classList.add("course-widget", "denoising-field");
  el.innerHTML = FIELD;
  const find = (selector) => el.querySelector(selector);
  const stage = find(".cw-stage"), slider = find("input"), spoken = find(".cw-spoken");

  const sigmas = model.get("sigmas"), eta = model.get("eta"), a = model.get("half_width");
  const floats = (view) => new Float32Array(bytesOf(view));
  const denoisers = model.get("networks").map(makeNetwork);
  const points = floats(model.get("points")), lattice = floats(model.get("lattice"));
  const fields = model.get("fields").map(floats);
  const chosen = () => sigmas.indexOf(model.get("sigma"));

  // Dots below, then the trails, to which each step adds a piece, then lines and particles.
  const plane = makePlane(stage, () => a), { across, down } = plane;
  const trails = find("canvas").cloneNode();
  find("svg").before(trails);
  const ink = trails.getContext("2d");
  plane.lines.innerHTML = `<path class="df-arrows"/><g class="df-particles"></g>
    <path class="df-way-to"/><circle class="df-answer" r="${0.022 * a}"/>
    <circle class="df-hand" r="${0.016 * a}"/>`;
  const arrows = find(".df-arrows"), swarm = find(".df-particles");

  // One scale for all σ: the longest arrow of all reaches a bit further than the next one.
  const longest = Math.max(...fields.map((field) => {
    let most = 0;
    for (let i = 0; i < field.length; i += 2) {
      most = Math.max(most, Math.hypot(field[i], field[i + 1]));
    }
    return most;
  }));
  const spacing = (2 * Math.abs(lattice[0])) / (Math.sqrt(lattice.length / 2) - 1);
  const paths = fields.map((field) =>
    arrowPath(lattice, field, (1.6 * spacing) / (longest || 1)));

  // --- particles ---
  let particles = [], latest = []; // all of them; those that were dropped last
  let frame = 0, turn = 0;

  function release(places) {
    latest = places.map((x) => {
      const node = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      node.setAttribute("class", "df-particle");
      node.setAttribute("r", 0.02 * a);
      swarm.append(node);
      return { x, node, way: 0, steps: 0, awake: true };
    });
    particles.push(...latest);
    while (particles.length > MOST) particles.shift().node.remove();
    drawParticles();
    go();
  }

  function go() {
    cancelAnimationFrame(frame);
    spoken.textContent = "";
    frame = requestAnimationFrame(move);
  }

  function move() {
    const denoise = denoisers[chosen()];
    const place = ([x1, x2]) => [across(x1) * trails.width, down(x2) * trails.height];
    const turns = particles.length > FEW ? 2 : 1;
    turn += 1;
    ink.beginPath();
    for (const [i, particle] of particles.entries()) {
      if (!particle.awake || (i + turn) % turns) continue;
      const { x, gap } = step(denoise, particle.x, eta);
      ink.moveTo(...place(particle.x));
      ink.lineTo(...place(x));
      particle.way += eta * gap;
      particle.steps += 1;
      particle.x = x;
      particle.awake = gap >= CALM * a && particle.steps < STEPS; // NaN stops, too
    }
    ink.strokeStyle = TRAIL;
    ink.lineWidth = particles.length > 10 ? 2.5 : 4;
    ink.stroke();
    drawParticles();
    if (particles.some(({ awake }) => awake)) frame = requestAnimationFrame(move);
    else spoken.textContent = sentence();
  }

  function drawParticles() {
    for (const { node, x: [x1, x2] } of particles) {
      node.setAttribute("cx", x1);
      node.setAttribute("cy", x2);
    }
    const mean = (value) => latest.reduce((sum, p) => sum + value(p), 0) / latest.length;
    const words = (value) => (latest.length ? fixed(mean(value)) : "–");
    find(".df-read caption").textContent = title();
    find(".df-way").textContent = words((p) => p.way);
    find(".df-near").textContent = words((p) => nearestCode(points, p.x).distance);
    find(".df-mean").textContent = latest.length > 1 ? "on average" : "";
  }

  function title() {
    if (!latest.length) return "No particle yet";
    const who = latest.length === 1 ? "The particle" : `${latest.length} particles`;
    const steps = Math.max(...latest.map((p) => p.steps));
    if (latest.some(({ awake }) => awake)) return `${who}: step ${steps}`;
    const still = latest.every((p) => p.steps < STEPS);
    return `${who}: ${still ? "at rest" : "stopped"} after ${steps} steps`;
  }

  function sentence() {
    const [way, near] = [".df-way", ".df-near"].map((name) => find(name).textContent);
    return `${title()}; moved ${way}, nearest data point ${near} away`;
  }

  function clear() {
    cancelAnimationFrame(frame);
    particles = latest = [];
    swarm.replaceChildren();
    ink.clearRect(0, 0, trails.width, trails.height);
    drawParticles();
  }

  // --- the field and the hand ---
  function drawField() {
    const index = chosen();
    slider.value = index;
    slider.setAttribute("aria-valuetext", short(sigmas[index]));
    find("output").textContent = short(sigmas[index]);
    arrows.setAttribute("d", paths[index]);
    drawHand();
  }

  const fieldTurned = perFrame(drawField);
  function turned() {
    fieldTurned();
    for (const particle of particles) Object.assign(particle, { steps: 0, awake: true });
    if (particles.length) go();
  }

  let hand = model.get("start");
  function drawHand() {
    const [x1, x2] = hand, [r1, r2] = denoisers[chosen()](hand);
    const at = (node, x, y) => {
      node.setAttribute("cx", x);
      node.setAttribute("cy", y);
    };
    at(find(".df-hand"), x1, x2);
    at(find(".df-answer"), r1, r2);
    find(".df-way-to").setAttribute("d", `M${x1} ${x2}L${r1} ${r2}`);
    const words = (values) => values.map((value) => fixed(value, 1)).join(", ");
    find(".df-one").textContent = `▶ one from (${words(model.get("start"))})`;
  }

  const handMoved = perFrame(drawHand);
  const tellKernel = whenAtRest(() => model.save_changes());
  const reach = (x) => {
    hand = x.map((value) => clamp(value, -a, a));
    handMoved();
  };
  function drop() {
    release([[...hand]]);
    model.set("start", [...hand]); // comes back as change:start
    tellKernel();
  }

  onPointer(stage, (place) => reach(plane.at(place)));
  stage.addEventListener("lostpointercapture", drop); // the button or the finger is up
  stage.addEventListener("pointerleave", () => reach(model.get("start")));
  onArrows(stage, (direction, event) => {
    const by = a / (event.shiftKey ? 100 : 25);
    reach(hand.map((value, i) => value + by * direction[i]));
  });
  stage.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    drop();
  });

  const doing = [
    [".df-one", () => release([[...model.get("start")]])],
    [".df-crowd", () => {
      clear();
      const anywhere = () => a * (2 * Math.random() - 1);
      release(Array.from({ length: CROWD }, () => [anywhere(), anywhere()]));
    }],
    [".df-clear", clear],
  ];
  for (const [name, act] of doing) {
    find(name).addEventListener("click", act);
    find(name).addEventListener("keydown", (event) => event.stopPropagation());
  }
  slider.max = sigmas.length - 1;
  slider.addEventListener("input", () => {
    model.set("sigma", sigmas[slider.value]); // comes back as change:sigma
    tellKernel();
  });
  slider.addEventListener("keydown", (event) => event.stopPropagation());

  stage.setAttribute("aria-label",
    "plane: arrow keys move the hand, Enter drops a particle there");
  find(".df-rule").innerHTML = `each step <i>x</i> ← <i>x</i> + ${short(eta)}
    (<i>r</i>(<i>x</i>) − <i>x</i>)`;
  find(".df-marks").innerHTML = sigmas.map((s) => `<span>${short(s)}</span>`).join("");
  const marks = [-a, -a / 2, 0, a / 2, a].map((x) => [across(x), short(x)]);
  const named = (index) => [...marks, [across(0.75 * a), `<i>x</i><sub>${index}</sub>`]];
  drawTicks(el, named(1), named(2));
  plane.show();
  plane.dots(points, new Uint8Array(points.length / 2), [DATA]);
  drawField();
  drawParticles();

  const deafen = listen(model, {
    "change:sigma": turned, "change:start": () => reach(model.get("start")),
  });
  return () => {
    deafen();
    cancelAnimationFrame(frame);
    handMoved.cancel();
    fieldTurned.cancel();
    tellKernel.finish();
  };
}

export default { render };
