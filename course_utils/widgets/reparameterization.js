// The reparameterization playground: h on the axis of z, its draws, and the gradients.

const TITLE = "Draws <i>z</i> = <i>μ</i> + <i>σε</i>, and the slope of <i>h</i> at each";
const ROADS = ["score function", "reparameterized"]; // the second is drawn on top
const ROAD_COLORS = ["#e8710a", "#1976d2"];
const CLOUD = 540; // pixels of the plane of gradients, drawn anew in every frame
const WIDTH = 600, HEIGHT = 390; // of the axis, in units of its lines
const CURVE = [16, 138], LANES = [152, 262], BELL = [298, 376]; // from top to bottom
const SHOULDER = BELL[1] - (BELL[1] - BELL[0]) * Math.exp(-0.5); // of q, at μ ± σ
const GRASP = 24; // how far from a handle a hand may grab it
const TWIN = 9; // an estimated and the exact arrow lie this far above and below a handle
const CURVE_POINTS = 200;

// --- h and its gradients -------------------------------------------------------------

/** h, from its heights and slopes on a lattice over [−reach, reach], by cubics between. */
export function makeFunction(reach, heights, slopes) {
  const y = new Float64Array(bytesOf(heights)), dy = new Float64Array(bytesOf(slopes));
  const n = y.length, step = (2 * reach) / (n - 1);
  const cell = (z) => clamp(Math.floor((z + reach) / step), 0, n - 2);
  return {
    n, step, slopes: dy,
    height(z) {
      const i = cell(z), t = (z + reach) / step - i, s = 1 - t;
      return s * s * ((1 + 2 * t) * y[i] + t * step * dy[i])
        + t * t * ((1 + 2 * s) * y[i + 1] - s * step * dy[i + 1]);
    },
    slope(z) {
      const i = cell(z), t = (z + reach) / step - i, s = 1 - t;
      return (6 * s * t * (y[i + 1] - y[i])) / step
        + s * (1 - 3 * t) * dy[i] + t * (1 - 3 * s) * dy[i + 1];
    },
    /** ∂/∂μ and ∂/∂σ of E[h(z)], z ~ N(μ, σ²): a sum over the lattice. */
    gradient(mu, sigma) {
      let mass = 0, byMu = 0, bySigma = 0;
      for (let i = 0; i < n; i++) {
        const eps = (i * step - reach - mu) / sigma, weight = Math.exp(-0.5 * eps * eps);
        mass += weight;
        byMu += weight * dy[i];
        bySigma += weight * dy[i] * eps;
      }
      return [byMu / mass, bySigma / mass];
    },
    /** Of each set of ε its estimates by (μ, σ), by both roads: means of its first draws. */
    estimates(mu, sigma, noise, sets, draws) {
      const size = noise.length / sets;
      const found = ROADS.map(() => new Float64Array(2 * sets));
      for (let set = 0; set < sets; set++) {
        for (let l = 0; l < draws; l++) {
          const eps = noise[set * size + l], z = mu + sigma * eps;
          const score = this.height(z) / sigma / draws, slope = this.slope(z) / draws;
          found[0][2 * set] += score * eps;
          found[0][2 * set + 1] += score * (eps * eps - 1);
          found[1][2 * set] += slope;
          found[1][2 * set + 1] += slope * eps;
        }
      }
      return found;
    },
  };
}

/** How far points lie from another, typically: root of the mean squared distance. */
export function strayFrom([x, y], points) {
  let sum = 0;
  for (let i = 0; i < points.length; i += 2) {
    sum += (points[i] - x) ** 2 + (points[i + 1] - y) ** 2;
  }
  return Math.sqrt((2 * sum) / points.length);
}

// --- the view ------------------------------------------------------------------------

const REPARAMETERIZATION = `
  <div class="rp-choices">
    <div><span>while you move:</span>
      <form class="rp-keep" aria-label="epsilon while you move"></form></div>
    <button type="button" class="cw-button" ${QUIET}>redraw ε once</button>
    <div><span>draws in an average:</span>
      <form class="rp-count" aria-label="draws in an average"></form></div>
  </div>
  <div class="rp-row">
    <figure class="rp-axis">
      <figcaption class="cw-title">${TITLE}</figcaption>
      ${PANEL}
      <div class="cw-foot">
        <p class="rp-read"></p>
        <p class="rp-key"><b class="rp-blue">➞</b> slope <i>h</i>′(<i>z</i>) at each <i>z</i>; on
          <i>μ</i> the mean of <i>h</i>′(<i>z</i>), on <i>σ</i> of <i>h</i>′(<i>z</i>)<i>ε</i>
          &ensp;<b>➞</b> exact</p>
        <p class="cw-help">Drag <i>q</i>, or one of the two lower handles for <i>σ</i>. Arrow
          keys move <i>μ</i>; with shift, <i>σ</i>.</p>
      </div>
    </figure>
    <figure class="rp-clouds">
      <figcaption class="cw-title"></figcaption>
      ${panel(PICTURE)}
      <div class="cw-foot"></div>
    </figure>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

const AXIS = `
  <svg class="rp-lines" viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">
    <path class="rp-bell"></path><path class="rp-middle"></path><path class="rp-ties"></path>
    <path class="rp-h"></path><path class="rp-fan"></path><path class="rp-tangents"></path>
    <path class="rp-on-h"></path><path class="rp-slopes"></path><path class="rp-z"></path>
    <path class="rp-exact"></path><path class="rp-estimate"></path>
    <circle class="rp-handle" r="6" cy="${BELL[0]}"></circle>
    <circle class="rp-handle" r="5.5" cy="${SHOULDER}"></circle>
    <circle class="rp-handle" r="5.5" cy="${SHOULDER}"></circle>
  </svg>
  <div class="rp-words" aria-hidden="true">
    <span class="rp-name" style="top:3%"><i>h</i>(<i>z</i>)</span>
    <span style="top:40%"><i>z</i> = <i>μ</i> + <i>σε</i>
      <b class="rp-beyond"></b></span>
    <span style="top:76%"><i>q</i> = N(<i>μ</i>, <i>σ</i>²)</span>
  </div>`;

function render({ model, el }) {
  el.classList.add("course-widget", "reparameterization");
  el.innerHTML = REPARAMETERIZATION;
  const find = (selector) => el.querySelector(selector);
  const stage = find(".rp-axis .cw-stage"), cloudStage = find(".rp-clouds .cw-stage");
  stage.querySelector("canvas").remove();
  stage.insertAdjacentHTML("beforeend", AXIS);
  stage.setAttribute("aria-label",
    "q on the axis of z: arrow keys move mu, with shift they change sigma");
  const handles = [...el.querySelectorAll(".rp-handle")];
  const choices = model.get("choices"), limits = model.get("limits");
  const a = model.get("half_width"), reach = model.get("reach");
  const noise = new Float32Array(bytesOf(model.get("noise")));
  const size = Math.max(...choices), sets = noise.length / size;
  const h = makeFunction(reach, model.get("heights"), model.get("slopes"));
  const spoken = find(".cw-spoken");
  let edge = 1; // of the plane of gradients
  const plane = makePlane(cloudStage, () => edge, CLOUD);
  let now; // what the last drawing was made of

  // --- the axis of z ---
  const across = (z) => ((z + a) / (2 * a)) * WIDTH;
  const grid = Array.from({ length: CURVE_POINTS + 1 }, (_, i) =>
    a * ((2 * i) / CURVE_POINTS - 1));
  const heights = grid.map((z) => h.height(z));
  const lowest = Math.min(...heights), range = Math.max(...heights) - lowest || 1;
  const rise = (CURVE[1] - CURVE[0]) / range; // units a unit of h
  const onCurve = (height) => CURVE[1] - (height - lowest) * rise;
  // One scale for all arrows: a slope as steep as any in the middle reaches over a/3.
  const steepest = Math.max(...grid.filter((z) => Math.abs(z) < 0.6 * a)
    .map((z) => Math.abs(h.slope(z)))) || 1;
  const length = (slope) => (WIDTH / 6) * (slope / steepest);

  function drawAxis() {
    const { mu, sigma, eps } = now;
    const draws = [...eps].sort((one, other) => other - one).map((e, i) => {
      const z = mu + sigma * e, gap = (LANES[1] - LANES[0]) / eps.length;
      return { x: across(z), lane: LANES[0] + (i + 0.5) * gap, z,
        y: onCurve(h.height(z)), slope: h.slope(z) };
    });
    const each = (line) => draws.map(line).join("");
    const middle = across(mu), wide = across(mu + sigma) - middle;
    const tangent = ({ x, y, slope }) => {
      const dx = 1, dy = slope * rise * ((2 * a) / WIDTH), k = 17 / Math.hypot(dx, dy);
      return `M${x - k * dx} ${y + k * dy}L${x + k * dx} ${y - k * dy}`;
    };
    const bell = grid.map((z) => [across(z),
      BELL[1] - (BELL[1] - BELL[0]) * Math.exp(-0.5 * ((z - mu) / sigma) ** 2)]);
    draw({
      bell: `M0 ${BELL[1]}L${bell.map((at) => at.join(" ")).join("L")}L${WIDTH} ${BELL[1]}`,
      middle: `M${middle} ${LANES[0]}V${BELL[0]}`,
      ties: each(({ x, y, lane }) => `M${x} ${y}V${lane}`),
      fan: each(({ x, lane }) => `M${middle} ${lane}H${x}`),
      tangents: each(tangent),
      "on-h": each(({ x, y }) => `M${x} ${y}h0`),
      slopes: each(({ x, lane, slope }) => arrow(x, lane, length(slope), 5)),
      z: each(({ x, lane }) => `M${x} ${lane}h0`),
      ...Object.fromEntries(["estimate", "exact"].map((kind, i) => {
        const [byMu, bySigma] = kind === "exact" ? now.exact : now.here[1];
        const aside = i ? TWIN : -TWIN;
        return [kind, arrow(middle, BELL[0] + aside, length(byMu), 7)
          + arrow(middle + wide, SHOULDER + aside, length(bySigma), 7)];
      })),
    });
    for (const [i, handle] of handles.entries()) {
      handle.setAttribute("cx", middle + [0, wide, -wide][i]);
    }
    const beyond = draws.filter(({ z }) => Math.abs(z) > a).length;
    find(".rp-beyond").textContent = beyond ? `(${beyond} beyond the edge)` : "";
    find(".rp-read").innerHTML = `<i>μ</i> = ${fixed(mu)} &emsp;<i>σ</i> = ${fixed(sigma)}`;
  }

  function draw(paths) {
    for (const [name, d] of Object.entries(paths)) {
      find(`.rp-${name}`).setAttribute("d", d);
    }
  }

  // --- the clouds ---
  function drawClouds() {
    const { clouds, exact, here, stray } = now;
    const far = clouds.map((cloud) => cloud.map(Math.abs).sort());
    const most = Math.floor(0.98 * far[0].length); // a few stray so far that all else is a dot
    edge = roundUp(Math.max(...far.map((values) => values[most]),
      ...exact.map((v) => 1.2 * Math.abs(v))));
    const beyond = clouds.reduce((sum, cloud) => sum + new Set([...cloud.keys()]
      .filter((i) => Math.abs(cloud[i]) > edge).map((i) => i >> 1)).size, 0);
    plane.show();
    for (const [road, cloud] of clouds.entries()) {
      plane.dots(cloud, new Uint8Array(cloud.length / 2).fill(road), ROAD_COLORS, 3.2);
    }
    const s = edge / 30;
    plane.lines.innerHTML = here.map((at, road) => {
      const [x, y] = at.map((v) => clamp(v, -edge, edge));
      return `<circle class="rp-here rp-road-${road}" cx="${x}" cy="${y}" r="${s}"/>`;
    }).join("")
      + `<path class="rp-cross" d="M${exact[0] - s} ${exact[1]}h${2 * s}m${-s} ${-s}v${2 * s}"/>`;
    const marks = [-edge, -edge / 2, 0, edge / 2, edge].map((v) => [plane.across(v), short(v)]);
    const inside = marks.slice(1, -1);
    drawTicks(find(".rp-clouds"), [...inside, [0.94, "by <i>μ</i>"]], [...inside, [0.95, "by <i>σ</i>"]]);
    const rows = [1, 0].map((road) => `<span><i class="rp-dot rp-road-${road}"></i>
      ${ROADS[road]}</span><span>strays <b>${short(stray[road])}</b></span>`);
    find(".rp-clouds .cw-foot").innerHTML = `<div class="rp-table">${rows.join("")}
      <span><i class="rp-plus">✚</i> exact</span><span>(${exact.map((v) =>
        fixed(v)).join(", ")})</span></div><p class="rp-verdict">${verdict(stray)}</p>`
      + `<p class="cw-help">Large: from the draws that the axis shows.
      ${beyond ? `${beyond} lie beyond the edge.` : ""}</p>`;
  }

  function drawAll() {
    const mu = model.get("mu"), sigma = model.get("sigma");
    const count = model.get("draws"), number = model.get("number");
    const clouds = h.estimates(mu, sigma, noise, sets, count);
    const exact = h.gradient(mu, sigma);
    now = {
      mu, sigma, clouds, exact,
      eps: noise.slice(number * size, number * size + count),
      here: clouds.map((cloud) => [...cloud.slice(2 * number, 2 * number + 2)]),
      stray: clouds.map((cloud) => strayFrom(exact, cloud)),
    };
    drawAxis();
    drawClouds();
  }

  function drawChoices() {
    const count = model.get("draws");
    markChoice(find(".rp-keep"), model.get("keep") ? 0 : 1);
    markChoice(find(".rp-count"), choices.indexOf(count));
    const words = `${sets} gradients, from ${count} draw${count > 1 ? "s" : ""} each`;
    find(".rp-clouds .cw-title").textContent = words;
    moved();
  }

  const moved = perFrame(drawAll);
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    drawAll();
    const pair = ([x, y]) => `${fixed(x)} by mu, ${fixed(y)} by sigma`;
    spoken.textContent = `mu ${fixed(now.mu)}, sigma ${fixed(now.sigma)}. Exact gradient `
      + `${pair(now.exact)}; reparameterized ${pair(now.here[1])}; score function `
      + `${pair(now.here[0])}. ${verdict(now.stray)}`;
  });

  // --- hands ---
  function redraw() {
    model.set("number", (model.get("number") + 1) % sets);
    tellKernel();
  }
  function setQ(mu, sigma) {
    model.set("mu", clamp(mu, ...limits.mu)); // comes back as change:mu
    model.set("sigma", clamp(sigma, ...limits.sigma));
    if (model.get("keep")) tellKernel();
    else redraw();
  }

  let grip = null; // what a drag does, from where the hand took hold
  function take(z, [left, top]) {
    const mu = model.get("mu"), sigma = model.get("sigma");
    const near = (handle) => Math.hypot(left * WIDTH - handle.getAttribute("cx"),
      top * HEIGHT - handle.getAttribute("cy"));
    const far = handles.map(near), nearest = far.indexOf(Math.min(...far));
    if (nearest > 0 && far[nearest] < GRASP) {
      const start = Math.abs(z - mu) || sigma;
      return { kind: "ew-resize", drag: (to) => setQ(mu, (sigma * Math.abs(to - mu)) / start) };
    }
    const hold = Math.abs(z - mu) < Math.max(2 * sigma, a / 10) ? mu - z : 0; // or μ jumps
    return { kind: "move", drag: (to) => setQ(to + hold, sigma) };
  }
  onPointer(stage, (place, event) => {
    const z = a * (2 * place[0] - 1), pressed = stage.hasPointerCapture(event.pointerId);
    if (event.type === "pointerdown" || !pressed) grip = take(z, place);
    stage.style.cursor = grip.kind;
    if (pressed && event.type === "pointermove") grip.drag(z);
  });
  onArrows(stage, ([right, up], event) => {
    const mu = model.get("mu"), sigma = model.get("sigma");
    if (event.shiftKey || up) setQ(mu, sigma * 1.05 ** (right + up));
    else setQ(mu + (a / 100) * right, sigma);
  });
  const button = find("button");
  button.addEventListener("click", redraw);
  button.addEventListener("keydown", (event) => event.stopPropagation());
  fillChoice(find(".rp-keep"), ["keep ε", "redraw ε"], (i) => {
    model.set("keep", i === 0);
    tellKernel();
  });
  fillChoice(find(".rp-count"), choices.map(String), (i) => {
    model.set("draws", choices[i]);
    tellKernel();
  });

  draw({ h: `M${grid.map((z, i) => `${across(z)} ${onCurve(heights[i])}`).join("L")}` });
  const free = [8, 48, 90].map((left) => [heights[2 * left], left]).sort((one, other) =>
    one[0] - other[0])[0][1]; // where the curve is lowest, its name stands above it
  find(".rp-name").style.left = `${free}%`;
  const mark = (z) => [(z + a) / (2 * a), short(z)];
  const whole = Math.max(1, Math.round(a / 5));
  drawTicks(find(".rp-axis"), [-4, -3, -2, -1, 0, 1, 2, 3, 4].map((i) => mark(i * whole))
    .filter(([x]) => x > 0.02 && x < 0.93).concat([[0.97, "<i>z</i>"]]), []);
  cloudStage.setAttribute("aria-label",
    "two clouds of estimates around the exact gradient, by mu and by sigma");
  const deafen = listen(model, {
    "change:mu": moved, "change:sigma": moved, "change:number": moved,
    "change:draws": drawChoices, "change:keep": drawChoices,
  });
  drawChoices();
  drawAll();

  return () => {
    deafen();
    moved.cancel();
    tellKernel.finish();
  };
}

function verdict([score, slope]) {
  if (!(slope > 1e-9 * score)) return "The reparameterized one does not stray at all.";
  return `The score function strays ${fixed(score / slope, 1)} times as far.`;
}

/** A horizontal arrow, its head no longer than itself. */
function arrow(x, y, long, head) {
  const back = Math.sign(long) * Math.min(head, Math.abs(long));
  const end = x + long, half = 0.6 * Math.abs(back);
  return `M${x} ${y}H${end}M${end - back} ${y - half}L${end} ${y}L${end - back} ${y + half}`;
}

/** Up to a number whose half is a short one, too. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value || 1));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].find((m) => m * power >= value) * power;
}

export default { render };
