// Side by side: one z in the planes of several models, decoded by each in the browser.

import { drawAxes, INTERACTIVE, marksAt, panel } from "./axes.js";
import {
  fill, fixed, float32, callAll, inTurns, listenTo, makeSetter, put,
} from "./core.js";
import { makeCursor, htmlOfZ } from "./cursor.js";
import { drawPixels } from "./image.js";
import { makeNetwork } from "./network.js";
import { classesOf, makeLegend, makePlane, nearestCode, ringsOfPrior } from "./plane.js";

const DRAWS = 6; // whose images are shown

/** Two independent draws from N(0, 1), by Box and Muller. */
export function standardNormal(random = Math.random) {
  const radius = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

const MODEL = `
  <figure class="sb-model">
    <figcaption class="cw-title"></figcaption>
    ${panel(INTERACTIVE)}
    <div class="cw-line sb-here">
      <canvas class="sb-image" role="img"></canvas>
      <p>nearest code<br><span class="sb-far"><b></b> away</span></p>
    </div>
    <p class="sb-past">last draws of <i>z</i></p>
    <canvas class="sb-draws" aria-hidden="true"></canvas>
  </figure>`;

const PAGE = (models) => `
  <div class="cw-row">
    <div class="sb-models" style="--models: ${models}">${MODEL.repeat(models)}</div>
    <div class="sb-side">
      <p class="sb-z"></p>
      <button class="cw-button">Draw <i>z</i> from the prior</button>
      <div class="sb-boxes" aria-label="box"></div>
      <p class="cw-help">One <i>z</i> in all planes: move over any of them, or click one and
        use the arrow keys. Dashed: the prior's rings, 1, 2 and 3 <i>σ</i>.</p>
      <div class="cw-foot cw-legend"></div>
    </div>
  </div>`;

/** A model's column: its plane, the image at the cursor, and the images of the last draws. */
function makeColumn(root, name, network, shape, codes, classes, edge) {
  const [height, width] = shape.slice(-2);
  const stage = root.querySelector(".cw-stage"), plane = makePlane(stage, edge);
  const decode = makeNetwork(network), { labels, markers } = classes;
  const [image, draws] = root.querySelectorAll(".sb-image, .sb-draws");
  const far = root.querySelector(".sb-far b");
  const ink = image.getContext("2d"), past = draws.getContext("2d");
  Object.assign(image, { width, height });
  Object.assign(draws, { width: DRAWS * width, height });
  image.setAttribute("aria-label", `what ${name} decodes at the cursor`);
  stage.setAttribute("aria-label", `plane of ${name}: arrow keys move z in all planes`);
  root.querySelector(".cw-title").textContent = name;
  plane.lines.innerHTML = `${ringsOfPrior()}<path class="sb-cross"/>
    <path class="sb-to-code"/><circle class="sb-at"/>`;
  let nearest; // the nearest code
  const [cross, toCode, at] = [...plane.lines.children].slice(-3);
  return {
    stage, plane,
    text: () =>
      `in ${name}: ${classes.names[labels[nearest.index]]}, ${far.textContent} away`,
    drawCodes(colors) {
      plane.show();
      plane.dots(codes, labels, colors, { markers, radius: 5 });
      at.setAttribute("r", 0.03 * edge());
    },
    drawCursor(z) {
      const [z1, z2] = z, e = edge();
      nearest = nearestCode(codes, z);
      drawPixels(ink, decode(z), shape);
      cross.setAttribute("d", `M${-e} ${z2}H${e}M${z1} ${-e}V${e}`);
      toCode.setAttribute("d", `M${z1} ${z2}L${nearest.code.join(" ")}`);
      put(at, { cx: z1, cy: z2 });
    },
    writeDistance() {
      far.textContent = fixed(nearest.distance);
    },
    addDraw(z) {
      past.drawImage(draws, width, 0);
      drawPixels(past, decode(z), shape);
    },
  };
}

function render({ model, el }) {
  const names = model.get("names"), classes = classesOf(model);
  const find = fill(el, "side-by-side", PAGE(names.length));
  const edge = () => 1.05 * model.get("half_width");
  const columns = [...el.querySelectorAll(".sb-model")].map((root, i) => makeColumn(
    root, names[i], model.get("decoders")[i], model.get("shapes")[i],
    float32(model.get("codes")[i]), classes, edge));
  const set = makeSetter(model, () => {
    const distances = columns.map((column) => column.text()).join("; ");
    find(".cw-spoken").textContent = `${find(".sb-z").textContent}; nearest code ${distances}`;
  });
  const cursor = makeCursor(model, set, find(".sb-boxes"));

  function drawBox() {
    const a = model.get("half_width"), { across } = columns[0].plane;
    cursor.markBox();
    const marks = marksAt([-a, 0, a], across);
    drawAxes(el, marks, marks, across(0.55 * a));
    for (const column of columns) column.drawCodes(shown());
    drawCursor();
    writeNumbers();
  }
  function drawCursor() {
    for (const column of columns) column.drawCursor(model.get("z"));
  }
  function writeNumbers() {
    for (const column of columns) column.writeDistance();
    find(".sb-z").innerHTML = htmlOfZ(model.get("z"));
  }
  function drawFromPrior() {
    const z = standardNormal();
    cursor.makeRoom(Math.max(...z.map(Math.abs)));
    cursor.moveTo(z);
    for (const column of columns) column.addDraw(model.get("z"));
  }

  const shown = makeLegend(find(".cw-legend"), classes, drawBox);
  find("button").addEventListener("click", drawFromPrior);
  for (const { stage, plane } of columns) cursor.follow(stage, plane);
  const cursorMoved = inTurns(drawCursor, writeNumbers);
  const stopListening = listenTo(model, {
    "change:z": cursorMoved, "change:half_width": drawBox,
  });
  drawBox();
  return callAll(stopListening, cursorMoved.cancel, set.finish);
}

export default { render };
