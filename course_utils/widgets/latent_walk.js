// The latent walk: decodes in the browser, so that the picture keeps up with the hand.

const POINTS = 21; // a side of the lattice
const MIDDLE = (POINTS - 1) / 2; // number of the row and column of z = (0, 0)
const SLICE = 8; // ms a frame for the lattice, so that the page stays alive

// --- the view ------------------------------------------------------------------------

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
        <p class="cw-help">Move over a square with the mouse or a finger, or click it and
          use the arrow keys: with shift, a lattice step.</p>
      </div>
    </div>
    <figure class="lw-panel lw-lattice">
      <figcaption class="cw-title"></figcaption>
      ${PANEL}
      <div class="cw-foot"></div>
    </figure>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

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
  const codes = new Float32Array(bytesOf(model.get("codes")));
  const labels = new Uint8Array(bytesOf(model.get("labels")));
  const colors = model.get("colors"), halfWidths = model.get("half_widths");

  const lattice = find(".lw-lattice canvas"), here = find(".lw-here canvas");
  lattice.width = lattice.height = POINTS * side;
  here.width = here.height = side;
  const latticeInk = lattice.getContext("2d"), hereInk = here.getContext("2d");

  // Both squares show [−e, e]² with e = 21/20 a, so that an image of the lattice is centered
  // on its z, and the same z lies at the same place in both.
  const edge = () => (model.get("half_width") * POINTS) / (2 * MIDDLE);
  const plane = makePlane(stages[0], edge), { across, down } = plane;

  let latticeFrame = 0;
  function drawLattice() {
    const step = model.get("half_width") / MIDDLE;
    let next = 0;
    cancelAnimationFrame(latticeFrame);
    latticeInk.clearRect(0, 0, lattice.width, lattice.height);
    const drawSome = () => {
      const until = performance.now() + SLICE;
      for (; next < POINTS ** 2 && performance.now() < until; next++) {
        const column = next % POINTS, row = Math.floor(next / POINTS);
        const z = [(column - MIDDLE) * step, (MIDDLE - row) * step];
        drawInk(latticeInk, decode(z), column * side, row * side);
      }
      if (next < POINTS ** 2) latticeFrame = requestAnimationFrame(drawSome);
    };
    latticeFrame = requestAnimationFrame(drawSome);
  }

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
    drawLattice();
    drawCursor();
  }

  function drawCursor() {
    const z = model.get("z");
    const move = (cursor, x, y) => {
      cursor.style.transform = `translate(${100 * x}%, ${100 * y}%)`;
    };
    const snap = (share) =>
      (clamp(Math.floor(share * POINTS), 0, POINTS - 1) + 0.5) / POINTS;
    drawInk(hereInk, decode(z));
    move(planeCursor, across(z[0]), down(z[1]));
    move(latticeCursor, snap(across(z[0])), snap(down(z[1])));
    zText.innerHTML = `<i>z</i> = (${z.map((value) => fixed(value)).join(", ")})`;
  }

  const cursorMoved = perFrame(drawCursor);
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    spoken.textContent = zText.textContent;
  });
  function walkTo(z) {
    const a = model.get("half_width");
    model.set("z", z.map((value) => clamp(value, -a, a))); // comes back as change:z
    tellKernel();
  }

  find(".lw-plane .cw-title").textContent = `${labels.length} encoded images by class`;
  find(".lw-lattice .cw-title").textContent = "The lattice, decoded";
  here.setAttribute("aria-label", "the image decoded at the cursor");
  stages[0].setAttribute("aria-label", "plane of codes: arrow keys move z");
  stages[1].setAttribute("aria-label", "lattice of decoded images: arrow keys move z");
  stages[0].insertAdjacentHTML("afterbegin", '<div class="lw-box"></div>');
  find(".cw-legend").innerHTML = legend(labels, colors);
  fillChoice(find(".lw-boxes"), halfWidths.map((a) => `[−${short(a)}, ${short(a)}]²`), (i) => {
    model.set("half_width", halfWidths[i]);
    walkTo(model.get("z")); // into the box
  });
  for (const stage of stages) {
    onPointer(stage, (place) => walkTo(plane.at(place)));
    onArrows(stage, (direction, event) => {
      const step = model.get("half_width") / (event.shiftKey ? 10 : 50);
      walkTo(model.get("z").map((value, i) => value + step * direction[i]));
    });
  }
  const deafen = listen(model, { "change:z": cursorMoved, "change:half_width": drawBox });
  drawBox();

  return () => {
    deafen();
    cursorMoved.cancel();
    cancelAnimationFrame(latticeFrame);
    tellKernel.finish();
  };
}

export default { render };
