// Side by side: one z in the planes of several models, decoded by each in the browser.

const DRAWS = 6; // that are remembered

// --- the view ------------------------------------------------------------------------

/** Two independent draws from N(0, 1), by Box and Muller. */
export function standardNormal(random = Math.random) {
  const radius = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

const MODEL = `
  <figure class="sb-model">
    <figcaption class="cw-title"></figcaption>
    ${PANEL}
    <div class="sb-here">
      <canvas class="sb-image" role="img"></canvas>
      <p>nearest code<br><span class="sb-far"><b></b> away</span></p>
    </div>
    <p class="sb-past">last draws of <i>z</i></p>
    <canvas class="sb-draws" aria-hidden="true"></canvas>
  </figure>`;

const SIDE = `
  <div class="sb-side">
    <p class="sb-z"></p>
    <button class="cw-button" ${QUIET}>Draw <i>z</i> from the prior</button>
    <form class="sb-boxes" aria-label="box"></form>
    <p class="cw-help">One <i>z</i> in all planes: move over any of them, or click one and
      use the arrow keys. Dashed: the prior's rings, 1, 2 and 3 <i>σ</i>.</p>
    <div class="cw-foot cw-legend"></div>
  </div>
  <p class="cw-spoken" aria-live="polite"></p>`;

function render({ model, el }) {
  el.classList.add("course-widget", "side-by-side");
  const names = model.get("names"), halfWidths = model.get("half_widths");
  el.innerHTML = `<div class="sb-row">
    <div class="sb-models" style="--models: ${names.length}">
      ${MODEL.repeat(names.length)}
    </div>
    ${SIDE}</div>`;
  const find = (selector) => el.querySelector(selector);
  const labels = new Uint8Array(bytesOf(model.get("labels")));
  const colors = model.get("colors"), spoken = find(".cw-spoken");
  const edge = () => 1.05 * model.get("half_width");

  const columns = [...el.querySelectorAll(".sb-model")].map((root, i) => {
    const stage = root.querySelector(".cw-stage"), plane = makePlane(stage, edge);
    const decode = makeNetwork(model.get("decoders")[i]);
    const side = Math.round(Math.sqrt(decode([0, 0]).length));
    const [image, draws] = root.querySelectorAll(".sb-image, .sb-draws");
    image.width = image.height = draws.height = side;
    draws.width = DRAWS * side;
    image.setAttribute("aria-label", `what ${names[i]} decodes at the cursor`);
    stage.setAttribute("aria-label",
      `plane of ${names[i]}: arrow keys move z in all planes`);
    root.querySelector(".cw-title").textContent = names[i];
    plane.lines.innerHTML = `${ringsOfPrior()}<path class="sb-cross"/>
      <path class="sb-to-code"/><circle class="sb-at"/>`;
    const [cross, toCode, at] = [...plane.lines.children].slice(-3);
    return {
      stage, plane, decode, side, cross, toCode, at,
      codes: new Float32Array(bytesOf(model.get("codes")[i])),
      ink: image.getContext("2d"), past: draws.getContext("2d"),
      far: root.querySelector(".sb-far b"),
    };
  });

  function drawBox() {
    const a = model.get("half_width");
    markChoice(find(".sb-boxes"), halfWidths.indexOf(a));
    const { across } = columns[0].plane;
    const marks = [-a, 0, a].map((value) => [across(value), short(value)]);
    const named = (index) => [...marks, [across(0.55 * a), `<i>z</i><sub>${index}</sub>`]];
    drawTicks(el, named(1), named(2));
    for (const { plane, codes, at } of columns) {
      plane.show();
      plane.dots(codes, labels, colors, 5);
      at.setAttribute("r", 0.03 * edge());
    }
    drawCursor();
  }

  function drawCursor() {
    const z = model.get("z"), [z1, z2] = z, e = edge();
    for (const { decode, codes, ink, far, cross, toCode, at } of columns) {
      const { code, distance } = nearestCode(codes, z);
      drawInk(ink, decode(z));
      far.textContent = fixed(distance);
      cross.setAttribute("d", `M${-e} ${z2}H${e}M${z1} ${-e}V${e}`);
      toCode.setAttribute("d", `M${z1} ${z2}L${code.join(" ")}`);
      at.setAttribute("cx", z1);
      at.setAttribute("cy", z2);
    }
    find(".sb-z").innerHTML = `<i>z</i> = (${z.map((value) => fixed(value)).join(", ")})`;
  }

  const cursorMoved = perFrame(drawCursor);
  const tellKernel = whenAtRest(() => {
    model.save_changes();
    const words = columns.map(({ far }, i) => `${names[i]} ${far.textContent}`).join(", ");
    spoken.textContent = `${find(".sb-z").textContent}; nearest code: ${words}`;
  });
  function walkTo(z) {
    const a = model.get("half_width");
    model.set("z", z.map((value) => clamp(value, -a, a))); // comes back as change:z
    tellKernel();
  }

  function drawFromPrior() {
    const z = standardNormal(), most = Math.max(...z.map(Math.abs));
    if (most > model.get("half_width")) {
      const roomy = halfWidths.filter((a) => a >= most), widest = Math.max(...halfWidths);
      model.set("half_width", Math.min(widest, ...roomy));
    }
    walkTo(z);
    for (const { decode, past, side } of columns) {
      past.drawImage(past.canvas, side, 0);
      drawInk(past, decode(model.get("z")));
    }
  }

  find(".cw-legend").innerHTML = legend(labels, colors);
  find("button").addEventListener("click", drawFromPrior);
  find("button").addEventListener("keydown", (event) => event.stopPropagation());
  const boxes = halfWidths.map((a) => `[−${short(a)}, ${short(a)}]²`);
  fillChoice(find(".sb-boxes"), boxes, (i) => {
    model.set("half_width", halfWidths[i]);
    walkTo(model.get("z")); // into the box
  });
  for (const { stage, plane } of columns) {
    onPointer(stage, (place) => walkTo(plane.at(place)));
    onArrows(stage, (direction, event) => {
      const by = model.get("half_width") / (event.shiftKey ? 10 : 50);
      walkTo(model.get("z").map((value, i) => value + by * direction[i]));
    });
  }
  const deafen = listen(model, { "change:z": cursorMoved, "change:half_width": drawBox });
  drawBox();

  return () => {
    deafen();
    cursorMoved.cancel();
    tellKernel.finish();
  };
}

export default { render };
