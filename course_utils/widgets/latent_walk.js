// The latent walk: decodes in the browser, so that the picture keeps up with the hand.

const POINTS = 21; // a side of the lattice
const MIDDLE = (POINTS - 1) / 2; // number of the row and column of z = (0, 0)
const SLICE = 8; // ms a frame for many pictures, so that the page stays alive
const STRIP = 11; // pictures along a path

// --- the view ------------------------------------------------------------------------

const Q = "<i>q</i>(<i>z</i>|<i>x</i>)";

const PAGE = `
  <div class="lw-row">
    <figure class="lw-panel lw-plane">
      <figcaption class="cw-title"></figcaption>
      ${PANEL}
      <div class="cw-foot cw-legend"></div>
    </figure>
    <div class="lw-here">
      <p class="cw-title">Decoded at the cursor</p>
      <canvas role="img"></canvas>
      <p class="lw-z"></p>
      <form class="lw-boxes" aria-label="box"></form>
      <div>
        <p class="lw-share"></p>
        <p class="cw-help">Move over a square, or click it and use the arrow keys; with
          shift, a lattice step.</p>
      </div>
    </div>
    <figure class="lw-panel lw-lattice">
      <figcaption class="cw-title"></figcaption>
      ${PANEL}
      <div class="cw-foot"></div>
    </figure>
  </div>
  <div class="lw-more">
    <div class="lw-group">
      <span class="lw-name">Draw</span>
      <label title="one, two and three standard deviations, and what share they hold">
        <input type="checkbox" class="lw-rings" ${QUIET}>prior’s rings</label>
      <label title="of some digits, the ellipse one σ around μ">
        <input type="checkbox" class="lw-clouds" ${QUIET}>${Q}</label>
    </div>
    <div class="lw-group">
      <span class="lw-name">Map</span>
      <form class="lw-maps" aria-label="map behind the dots"></form>
      <span class="lw-scale">
        <span class="lw-low"></span><span class="lw-bar"><i></i></span><span
        class="lw-high"></span><span class="lw-value"><b></b> <span></span></span>
      </span>
    </div>
    <div class="lw-group lw-paths">
      <span class="lw-name">Path</span>
      <label>from <select ${QUIET}></select></label>
      <label>to <select ${QUIET}></select></label>
      <form class="lw-kinds" aria-label="path"></form>
      <button type="button" class="cw-button lw-play" ${QUIET}></button>
      <canvas class="lw-strip" role="img" aria-label="pictures along the path"></canvas>
      <p class="cw-help">The numbers say how much the picture changes on the way: 1 is one
        pixel from white to black. The curved path changes it least.</p>
    </div>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

const LAYERS = ["rings", "clouds", "way"].map((name) => `<g class="lw-on-${name}"></g>`);

function render({ model, el }) {
  el.classList.add("course-widget", "latent-walk");
  el.innerHTML = PAGE;
  const find = (selector) => el.querySelector(selector);
  const stages = [...el.querySelectorAll(".cw-stage")];
  const [planeCursor, latticeCursor] = stages.map((stage) => {
    stage.insertAdjacentHTML("beforeend", '<div class="lw-cursor"></div>');
    return stage.lastElementChild;
  });
  const zText = find(".lw-z"), spoken = find(".cw-spoken");

  const decode = makeNetwork(model.get("decoder"));
  const side = Math.round(Math.sqrt(decode([0, 0]).length));
  const floats = (name) => new Float32Array(bytesOf(model.get(name)));
  const codes = floats("codes"), sampled = floats("sampled");
  const labels = new Uint8Array(bytesOf(model.get("labels")));
  const colors = model.get("colors"), halfWidths = model.get("half_widths");
  const maps = model.get("maps"), mapNames = ["none", ...Object.keys(maps)];
  const hasPaths = model.get("path_classes").length > 1;
  const paths = hasPaths ? makePaths(model) : null;

  const lattice = find(".lw-lattice canvas"), here = find(".lw-here canvas");
  lattice.width = lattice.height = POINTS * side;
  here.width = here.height = side;
  const latticeInk = lattice.getContext("2d"), hereInk = here.getContext("2d");

  // Both squares show [−e, e]² with e = 21/20 a, so that an image of the lattice is centered
  // on its z, and the same z lies at the same place in both.
  const edge = () => (model.get("half_width") * POINTS) / (2 * MIDDLE);
  const plane = makePlane(stages[0], edge), { across, down } = plane;
  plane.lines.innerHTML = LAYERS.join("");
  stages[0].insertAdjacentHTML("afterbegin",
    '<canvas class="lw-map" aria-hidden="true"></canvas><div class="lw-box"></div>');
  planeCursor.insertAdjacentHTML("beforebegin", '<div class="lw-shares"></div>');

  // --- what a box shows ---
  const drawLattice = inSlices(POINTS ** 2, (i) => {
    const step = model.get("half_width") / MIDDLE;
    const column = i % POINTS, row = Math.floor(i / POINTS);
    const z = [(column - MIDDLE) * step, (MIDDLE - row) * step];
    drawInk(latticeInk, decode(z), column * side, row * side);
  });

  function drawAxes() {
    const a = model.get("half_width");
    const marks = [-a, -a / 2, 0, a / 2, a].map((value) => [across(value), short(value)]);
    const named = (index) => [...marks, [across(0.75 * a), `<i>z</i><sub>${index}</sub>`]];
    drawTicks(el, named(1), named(2));
  }

  function drawBox() {
    const a = model.get("half_width"), index = halfWidths.indexOf(a);
    markChoice(find(".lw-boxes"), index);
    find(".lw-share").textContent = `holds ${model.get("prior_shares")[index]} of the prior`;
    find(".lw-lattice .cw-foot").textContent =
      `${POINTS} × ${POINTS} points, ${short(a / MIDDLE)} apart`;
    drawAxes();
    plane.show();
    plane.dots(codes, labels, colors);
    latticeInk.clearRect(0, 0, lattice.width, lattice.height);
    drawLattice();
    drawRings();
    drawMap(); // and the cursor
    if (hasPaths) drawWay();
  }

  function drawRings() {
    const on = model.get("rings"), shares = model.get("ring_shares");
    find(".lw-rings").checked = on;
    find(".lw-on-rings").innerHTML = on ? ringsOfPrior() : "";
    find(".lw-shares").innerHTML = !on ? "" : RINGS.map((r, i) => {
      const at = r * Math.SQRT1_2; // where the ring meets the diagonal
      if (at > 0.85 * edge()) return "";
      return `<span style="left:${100 * across(at)}%;top:${100 * down(-at)}%">
        ${shares[i]}</span>`;
    }).join("");
  }

  function drawClouds() {
    const on = model.get("clouds"), shapes = [];
    find(".lw-clouds").checked = on;
    for (let i = 0; on && i < sampled.length; i += 5) {
      const [m1, m2, s1, s2, label] = sampled.subarray(i, i + 5);
      shapes.push(`<g style="color:${colors[label]}">${ellipse([m1, m2], [s1, s2])}</g>`);
    }
    find(".lw-on-clouds").innerHTML = shapes.join("");
  }

  // --- the map behind the dots ---
  const rangeOfMap = () =>
    maps[model.get("map")]?.ranges[halfWidths.indexOf(model.get("half_width"))];

  function drawMap() {
    const name = model.get("map"), range = rangeOfMap();
    markChoice(find(".lw-maps"), mapNames.indexOf(name));
    find(".lw-map").hidden = !range;
    find(".lw-scale").classList.toggle("lw-off", !range);
    if (range) {
      const { values } = maps[name], index = halfWidths.indexOf(model.get("half_width"));
      drawShades(find(".lw-map"), new Uint8Array(bytesOf(values[index])));
      find(".lw-low").textContent = short(range[0]);
      find(".lw-high").textContent = short(range[1]);
      find(".lw-value span").textContent = MAPS[name].unit;
    }
    drawCursor();
  }

  function readMap(z, image) {
    const range = rangeOfMap();
    if (!range) return;
    const { value, digits } = MAPS[model.get("map")], now = value(z, image, codes);
    const share = clamp((now - range[0]) / (range[1] - range[0]), 0, 1);
    find(".lw-bar i").style.left = `${100 * share}%`;
    find(".lw-value b").textContent = fixed(now, digits);
  }

  // --- the cursor ---
  function drawCursor() {
    const z = model.get("z"), image = decode(z);
    const move = (cursor, x, y) => {
      cursor.style.transform = `translate(${100 * x}%, ${100 * y}%)`;
    };
    const snap = (share) =>
      (clamp(Math.floor(share * POINTS), 0, POINTS - 1) + 0.5) / POINTS;
    drawInk(hereInk, image);
    move(planeCursor, across(z[0]), down(z[1]));
    move(latticeCursor, snap(across(z[0])), snap(down(z[1])));
    zText.innerHTML = `<i>z</i> = (${z.map((value) => fixed(value)).join(", ")})`;
    readMap(z, image);
  }

  const cursorMoved = perFrame(drawCursor);
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    const value = rangeOfMap() ? `; ${find(".lw-value").textContent}` : "";
    spoken.textContent = zText.textContent + value;
  });
  function set(name, value) {
    model.set(name, value); // comes back as change:name
    tellKernel();
  }
  function walkTo(z) {
    const a = model.get("half_width");
    set("z", z.map((value) => clamp(value, -a, a)));
  }
  function chooseBox(a) {
    model.set("half_width", a);
    walkTo(model.get("z")); // into the box
  }

  // --- the path ---
  const selects = [...el.querySelectorAll("select")], play = find(".lw-play");
  const strip = find(".lw-strip");
  let way = []; // points of the path that is shown
  const player = makePlayer(() => drawButton());
  const drawStrip = inSlices(STRIP, (i) => drawInk(strip.getContext("2d"),
    decode(along(way, i / (STRIP - 1))), i * side, 0));

  function drawButton() {
    play.textContent = player.plays() ? "■" : "▶";
    play.setAttribute("aria-label", player.plays() ? "stop" : "play the path");
  }

  function drawWay() {
    const ends = model.get("path_ends"), kind = model.get("path"), shown = kind !== "none";
    const other = paths.kinds.find((name) => name !== kind);
    way = shown ? paths.points(ends, kind) : [];
    markChoice(find(".lw-kinds"), paths.kinds.indexOf(kind) + 1);
    for (const [i, select] of selects.entries()) select.value = ends[i];
    for (const [i, name] of paths.kinds.entries()) {
      el.querySelectorAll(".lw-length")[i].textContent = fixed(paths.length(ends, name), 1);
    }
    const dot = ([x, y], label) =>
      `<circle cx="${x}" cy="${y}" r="${0.025 * edge()}" style="fill:${colors[label]}"/>`;
    find(".lw-on-way").innerHTML = !shown ? "" :
      polyline(paths.points(ends, other), "lw-other") + polyline(way, "lw-under")
      + polyline(way, "lw-over") + dot(way[0], ends[0]) + dot(way.at(-1), ends[1]);
    strip.hidden = !shown;
    if (shown) drawStrip();
  }

  function pathChanged() {
    player.stop();
    drawWay();
    const reach = Math.max(...way.flat().map(Math.abs)); // 0 or −∞ without a path
    if (reach <= model.get("half_width")) return;
    const sizes = [...halfWidths].sort((a, b) => a - b);
    chooseBox(sizes.find((a) => a >= reach) ?? sizes.at(-1));
  }

  function playOrStop() {
    if (player.plays()) return player.stop();
    if (!way.length) set("path", "straight");
    player.start((t) => walkTo(along(way, t)));
    drawButton();
  }

  // --- what is heard ---
  find(".lw-plane .cw-title").textContent = `${labels.length} encoded images by class`;
  find(".lw-lattice .cw-title").textContent = "The lattice, decoded";
  here.setAttribute("aria-label", "the image decoded at the cursor");
  stages[0].setAttribute("aria-label", "plane of codes: arrow keys move z");
  stages[1].setAttribute("aria-label", "lattice of decoded images: arrow keys move z");
  find(".cw-legend").innerHTML = legend(labels, colors);
  fillChoice(find(".lw-boxes"), halfWidths.map((a) => `[−${short(a)}, ${short(a)}]²`), (i) => {
    player.stop();
    chooseBox(halfWidths[i]);
  });
  fillChoice(find(".lw-maps"), mapNames, (i) => set("map", mapNames[i]));
  for (const name of ["rings", "clouds"]) {
    const box = find(`.lw-${name}`);
    box.addEventListener("change", () => set(name, box.checked));
  }
  find(".lw-clouds").parentElement.hidden = !sampled.length;
  find(".lw-paths").hidden = !hasPaths;
  if (hasPaths) {
    strip.width = STRIP * side;
    strip.height = side;
    const faces = paths.kinds.map((kind) => `${kind} <span class="lw-length"></span>`);
    fillChoice(find(".lw-kinds"), ["none", ...faces],
      (i) => set("path", ["none", ...paths.kinds][i]));
    for (const [i, select] of selects.entries()) {
      select.innerHTML = paths.classes.map((c) => `<option>${c}</option>`).join("");
      select.addEventListener("change", () => {
        const before = model.get("path_ends"), now = [...before];
        now[i] = +select.value;
        if (now[0] === now[1]) now[1 - i] = before[i]; // the other way round
        set("path_ends", now);
      });
    }
    play.addEventListener("click", playOrStop);
    drawButton();
  }
  find(".lw-more").addEventListener("keydown", (event) => event.stopPropagation());
  for (const stage of stages) {
    onPointer(stage, (place, event) => {
      if (event.type === "pointerdown") player.stop();
      if (!player.plays()) walkTo(plane.at(place)); // a click takes over, not a mere move
    });
    onArrows(stage, (direction, event) => {
      player.stop();
      const step = model.get("half_width") / (event.shiftKey ? 10 : 50);
      walkTo(model.get("z").map((value, i) => value + step * direction[i]));
    });
  }
  const deafen = listen(model, {
    "change:z": cursorMoved, "change:half_width": drawBox, "change:map": drawMap,
    "change:rings": drawRings, "change:clouds": drawClouds,
    ...(hasPaths && { "change:path": pathChanged, "change:path_ends": pathChanged }),
  });
  drawBox();
  drawClouds();

  return () => {
    deafen();
    player.stop();
    cursorMoved.cancel();
    drawLattice.cancel();
    drawStrip.cancel();
    tellKernel.finish();
  };
}

/** Draws 0 … count − 1, some a frame; asked again, it begins again. */
function inSlices(count, draw) {
  let frame = 0;
  const ask = () => {
    let next = 0;
    cancelAnimationFrame(frame);
    const drawSome = () => {
      const until = performance.now() + SLICE;
      while (next < count && performance.now() < until) draw(next++);
      if (next < count) frame = requestAnimationFrame(drawSome);
    };
    frame = requestAnimationFrame(drawSome);
  };
  ask.cancel = () => cancelAnimationFrame(frame);
  return ask;
}

export default { render };
