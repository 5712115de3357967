// The gap: q over the true posterior, and the bound that it gives, in the browser.

const DEPTH = 16; // nats below log p(x) that the bars show
const ABOVE = 1; // nats above it
const GLIDE = 400; // ms from one q to another
const NEAR = 0.09; // how far from a handle a hand may grab it; a half stage is 1
const HANDLES = [[1, 0], [-1, 0], [0, 1], [0, -1]]; // on the ellipse of two σ

// --- the bound -----------------------------------------------------------------------

/** One image's log p(x, z) on its lattice, from which the bound follows for any q. */
export function makeBound([center1, center2, reach, n], values) {
  const joint = new Float32Array(bytesOf(values)); // row by row z1, along a row z2
  const spacing = (2 * reach) / (n - 1);
  const axes = [center1, center2].map((center) =>
    Float64Array.from({ length: n }, (_, i) => center - reach + i * spacing));
  const peak = joint.reduce((a, b) => Math.max(a, b));
  const mass = joint.reduce((sum, value) => sum + Math.exp(value - peak), 0);
  const logEvidence = peak + Math.log(mass) + 2 * Math.log(spacing);

  /** Shares of N(mu, sigma²) on an axis, their entropy and the mean of z². */
  function gaussian(axis, mu, sigma) {
    const powers = axis.map((z) => -0.5 * ((z - mu) / sigma) ** 2);
    const highest = powers.reduce((a, b) => Math.max(a, b)); // against underflow far out
    const shares = powers.map((power) => Math.exp(power - highest));
    const sum = shares.reduce((a, b) => a + b);
    let entropy = 0, square = 0;
    for (let i = 0; i < n; i++) {
      shares[i] /= sum;
      entropy -= shares[i] * (powers[i] - highest - Math.log(sum));
      square += shares[i] * axis[i] ** 2;
    }
    return { shares, entropy, square };
  }

  function bound(mu, sigma) {
    const [q1, q2] = axes.map((axis, k) => gaussian(axis, mu[k], sigma[k]));
    let mean = 0; // of log p(x, z): q1ᵀ L q2
    for (let i = 0, at = 0; i < n; i++) {
      let row = 0;
      for (let j = 0; j < n; j++, at++) row += q2.shares[j] * joint[at];
      mean += q1.shares[i] * row;
    }
    const entropy = q1.entropy + q2.entropy + 2 * Math.log(spacing);
    const logPrior = -0.5 * (q1.square + q2.square) - Math.log(2 * Math.PI);
    const elbo = mean + entropy;
    return { logEvidence, elbo, gap: logEvidence - elbo,
      reconstruction: mean - logPrior, klToPrior: -entropy - logPrior };
  }
  return { center: [center1, center2], reach, n, spacing, joint, peak, logEvidence, bound };
}

// --- the view ------------------------------------------------------------------------

const ELBO = "ELBO";
const LOG_P = "log <i>p</i>(<i>x</i>)";
const GAP = "KL(<i>q</i> ‖ <i>p</i>(<i>z</i>|<i>x</i>))";
const RECONSTRUCTION = "E<sub><i>q</i></sub>[log <i>p</i>(<i>x</i>|<i>z</i>)]";
const TO_PRIOR = "KL(<i>q</i> ‖ <i>p</i>(<i>z</i>))";

// The overlay has the coordinates of a window: -1 to 1, down is positive.
const ellipses = '<ellipse class="eg-two"></ellipse><ellipse class="eg-one"></ellipse>';
const equation = (...cells) => cells.map((cell) => `<span>${cell}</span>`).join("");
const number = (name) => `<b data-number="${name}"></b>`;

const BEST = "the Gaussian with axes along z₁ and z₂ that has the highest ELBO";

const GAP_PAGE = `
  <div class="eg-choices">
    <form class="eg-digits" aria-label="digit"></form>
    <button type="button" ${QUIET}>encoder’s <i>q</i></button>
    <button type="button" ${QUIET} title="${BEST}">best <i>q</i></button>
  </div>
  <div class="eg-row">
    <figure class="eg-plane">
      <figcaption class="cw-title"><i class="eg-key eg-posterior"></i>true posterior
        <i>p</i>(<i>z</i>|<i>x</i>) &emsp;<i class="eg-key eg-q"></i><i>q</i>, 1σ and 2σ</figcaption>
      ${PANEL}
      <div class="cw-foot">
        <p class="eg-read"></p>
        <p class="cw-help">Drag <i>q</i>, or a handle to change a width. Arrow keys move
          <i>q</i>; with shift they change its widths. In the corner, the whole plane with
          the prior’s rings.</p>
      </div>
    </figure>
    <figure class="eg-bars">
      <figcaption class="cw-title">${ELBO} + ${GAP} = ${LOG_P}, in nats</figcaption>
      <div class="eg-chart" aria-hidden="true">
        <div class="eg-scale"></div>
        <div class="eg-bar eg-evidence"></div>
        <div class="eg-bar eg-elbo"></div>
        <div class="eg-bar eg-gap"></div>
        <div class="eg-line"></div>
        <span class="eg-label eg-top">${LOG_P} = ${number("logEvidence")}</span>
        <span class="eg-label eg-gap-label">${GAP} = ${number("gap")}</span>
        <span class="eg-label eg-deep">↓ beyond the chart</span>
        <span class="eg-label eg-elbo-label">${ELBO} = ${number("elbo")}</span>
      </div>
      <div class="eg-sum" aria-hidden="true">
        ${equation(ELBO, "=", RECONSTRUCTION, "−", TO_PRIOR)}
        ${equation(number("elbo"), "=", number("reconstruction"), "−", number("klToPrior"))}
      </div>
    </figure>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

const OVERLAY = `
  <svg class="eg-overlay" viewBox="-1 -1 2 2" aria-hidden="true">
    ${ellipses}<circle class="eg-center" r="0.02"></circle>
    ${HANDLES.map(() => '<circle class="eg-handle" r="0.028"></circle>').join("")}
  </svg>
  <svg class="eg-map" aria-hidden="true">
    <circle class="eg-ring" r="1"></circle><circle class="eg-ring" r="2"></circle>
    <rect class="eg-window"></rect>
  </svg>`;

function render({ model, el }) {
  el.classList.add("course-widget", "evidence-gap");
  el.innerHTML = GAP_PAGE;
  const find = (selector) => el.querySelector(selector);
  const stage = find(".cw-stage"), canvas = find("canvas");
  stage.insertAdjacentHTML("beforeend", OVERLAY);
  stage.setAttribute("aria-label",
    "q over the true posterior: arrow keys move q, with shift they change its widths");
  const handles = [...el.querySelectorAll(".eg-handle")];
  const windows = model.get("windows"), labels = model.get("labels");
  const spoken = find(".cw-spoken");
  let view; // the digit's lattice; made when it is chosen

  // --- where things are, -1 to 1 along each axis, up is positive ---
  const place = (mu) => mu.map((value, k) => (value - view.center[k]) / view.reach);
  const handleAt = (sigma, [x, y]) => {
    const away = (k) => Math.max(2 * sigma[k] / view.reach, 0.13); // or no hand can tell them
    return [x * away(0), y * away(1)];
  };

  function setQ(mu, sigma) {
    const { center, reach, spacing } = view;
    const inside = mu.map((value, k) => clamp(value, center[k] - reach, center[k] + reach));
    const wide = sigma.map((value) => clamp(value, spacing, reach / 4));
    model.set("mu", inside); // comes back as change:mu
    model.set("sigma", wide);
    tellKernel();
  }

  // --- drawing ---
  function drawDigit() {
    const digit = model.get("digit");
    view = makeBound(windows[digit], model.get("log_joints")[digit]);
    markChoice(find(".eg-digits"), digit);
    const { n, joint, peak, center, reach } = view;
    canvas.width = canvas.height = n;
    const heat = new ImageData(n, n);
    for (let row = 0; row < n; row++) {
      for (let column = 0; column < n; column++) {
        const density = Math.exp(joint[column * n + n - 1 - row] - peak);
        heat.data.set([25, 118, 210, 255 * density ** 0.7], 4 * (row * n + column));
      }
    }
    canvas.getContext("2d").putImageData(heat, 0, 0);

    const marks = (k) => {
      const step = niceStep(reach), first = Math.ceil((center[k] - reach) / step);
      const ticks = [];
      for (let i = first; i * step <= center[k] + reach; i++) {
        const at = (1 + (i * step - center[k]) / reach) / 2;
        if (at > 0.02 && at < 0.86) ticks.push([at, short(i * step)]);
      }
      return [...ticks, [0.95, `<i>z</i><sub>${k + 1}</sub>`]];
    };
    drawTicks(stage.parentElement, marks(0), marks(1));

    const a = model.get("half_width"), box = find(".eg-window");
    find(".eg-map").setAttribute("viewBox", `${-a} ${-a} ${2 * a} ${2 * a}`);
    const corner = { x: center[0] - reach, y: -center[1] - reach };
    put(box, { ...corner, width: 2 * reach, height: 2 * reach });

    const { logEvidence } = view, scale = [];
    for (let v = 5 * Math.floor(logEvidence / 5); v > logEvidence - DEPTH; v -= 5) {
      scale.push(`<span style="top:${down(v, logEvidence)}%">${short(v)}</span>`);
    }
    find(".eg-scale").innerHTML = scale.join("");
    find(".eg-chart").style.setProperty("--line-at", `${down(logEvidence, logEvidence)}%`);
    drawQ();
  }

  function drawQ() {
    const mu = model.get("mu"), sigma = model.get("sigma");
    const [x, y] = place(mu), now = view.bound(mu, sigma);
    for (const [name, times] of [["one", 1], ["two", 2]]) {
      const [rx, ry] = sigma.map((value) => (times * value) / view.reach);
      put(find(`.eg-${name}`), { cx: x, cy: -y, rx, ry });
    }
    put(find(".eg-center"), { cx: x, cy: -y });
    for (const [i, handle] of handles.entries()) {
      const [dx, dy] = handleAt(sigma, HANDLES[i]);
      put(handle, { cx: x + dx, cy: -y - dy });
    }
    for (const cell of el.querySelectorAll("[data-number]")) {
      cell.textContent = fixed(now[cell.dataset.number]);
    }
    const top = down(now.elbo, now.logEvidence), chart = find(".eg-chart").style;
    chart.setProperty("--elbo-at", `${top}%`);
    find(".eg-deep").hidden = now.gap <= DEPTH;
    find(".eg-map").classList.toggle("eg-aside", x > 0.3 && y > 0.3); // of q
    const pair = (values, digits) => `(${values.map((v) => fixed(v, digits)).join(", ")})`;
    find(".eg-read").innerHTML = `<i>μ</i> = ${pair(mu, 2)} &emsp;<i>σ</i> = ${pair(sigma, 3)}`;
  }

  const qMoved = perFrame(drawQ);
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    const { elbo, gap } = view.bound(model.get("mu"), model.get("sigma"));
    spoken.textContent = `ELBO ${fixed(elbo)}, KL to the true posterior ${fixed(gap)} nats`;
  });

  // --- hands ---
  let grip = null; // what a drag does, from where the hand took hold
  function take(hand) {
    const mu = model.get("mu"), sigma = model.get("sigma"), at = place(mu);
    const offset = at.map((value, k) => value - hand[k]);
    const far = HANDLES.map((handle) => Math.hypot(
      ...handleAt(sigma, handle).map((value, k) => offset[k] + value)));
    const nearest = far.indexOf(Math.min(...far));
    if (far[nearest] < NEAR && far[nearest] < Math.hypot(...offset)) {
      const axis = HANDLES[nearest][0] ? 0 : 1, start = Math.abs(offset[axis]);
      return { axis, drag: (to) => setQ(mu, sigma.map((value, k) =>
        k === axis ? value * Math.abs(to[k] - at[k]) / start : value)) };
    }
    const inside = offset.every((value, k) =>
      Math.abs(value) < Math.max(2 * sigma[k] / view.reach, NEAR));
    const hold = inside ? offset : [0, 0]; // elsewhere, q jumps to the hand
    return { drag: (to) => setQ(to.map((value, k) =>
      view.center[k] + view.reach * (value + hold[k])), sigma) };
  }

  onPointer(stage, ([left, top], event) => {
    const hand = [2 * left - 1, 1 - 2 * top];
    const pressed = stage.hasPointerCapture(event.pointerId);
    if (event.type === "pointerdown" || !pressed) grip = take(hand);
    stage.style.cursor = ["ew-resize", "ns-resize"][grip?.axis] ?? "move";
    if (!pressed) return;
    glide.cancel();
    grip?.drag(hand);
  });

  onArrows(stage, (direction, event) => {
    glide.cancel();
    const mu = model.get("mu"), sigma = model.get("sigma");
    if (event.shiftKey) setQ(mu, sigma.map((value, k) => value * 1.05 ** direction[k]));
    else setQ(mu.map((value, k) => value + 0.02 * view.reach * direction[k]), sigma);
  });

  /** q moves over: straight for μ, by equal factors for σ. */
  function glide(q) {
    const from = [...model.get("mu"), ...model.get("sigma")], start = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const step = () => {
      const t = still ? 1 : Math.min(1, (performance.now() - start) / GLIDE);
      const s = t * t * (3 - 2 * t); // slowly off, slowly in
      const now = q.map((to, i) => t === 1 ? to
        : i < 2 ? from[i] + s * (to - from[i]) : from[i] * (to / from[i]) ** s);
      setQ(now.slice(0, 2), now.slice(2));
      if (t < 1) gliding = requestAnimationFrame(step);
    };
    glide.cancel();
    step();
  }
  let gliding = 0;
  glide.cancel = () => cancelAnimationFrame(gliding);

  for (const [i, button] of [...el.querySelectorAll("button")].entries()) {
    const name = ["encoder_q", "best_q"][i];
    button.addEventListener("click", () => glide(model.get(name)[model.get("digit")]));
    button.addEventListener("keydown", (event) => event.stopPropagation());
  }
  fillChoice(find(".eg-digits"), labels.map(() => '<canvas role="img"></canvas>'), (index) => {
    const q = model.get("encoder_q")[index];
    glide.cancel();
    model.set("mu", q.slice(0, 2)); // first q, then its image: no frame shows a mixture
    model.set("sigma", q.slice(2));
    model.set("digit", index);
    tellKernel.now(); // the kernel puts q there as well; later moves come later
  });
  for (const [i, face] of el.querySelectorAll(".eg-digits canvas").entries()) {
    const ink = Float32Array.from(new Uint8Array(bytesOf(model.get("images")[i])));
    face.width = face.height = Math.round(Math.sqrt(ink.length));
    face.setAttribute("aria-label", labels[i]);
    drawInk(face.getContext("2d"), ink.map((value) => value / 255));
  }

  const deafen = listen(model, {
    "change:digit": drawDigit, "change:mu": qMoved, "change:sigma": qMoved,
  });
  drawDigit();

  return () => {
    deafen();
    glide.cancel();
    qMoved.cancel();
    tellKernel.finish();
  };
}

/** Percent of the chart's height above a value. */
function down(value, logEvidence) {
  return clamp((100 * (logEvidence + ABOVE - value)) / (DEPTH + ABOVE), 0, 100);
}

/** 1, 2 or 5 times a power of ten, so that a window has 4 to 8 steps. */
function niceStep(reach) {
  const power = 10 ** Math.floor(Math.log10(reach / 4));
  return [1, 2, 5, 10].find((m) => m * power >= reach / 4) * power;
}

function put(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

export default { render };
