// The dial: all pictures are loaded at the start; turning it shows another one.

import { fillChoice, markChoice } from "./controls.js";
import { bytesOf, escapeHtml, fill, callAll, listenTo, makeSetter } from "./core.js";
import { drawPlayButton, makePlayer } from "./player.js";

const PLAY_STEP = 350; // ms per picture

const DIAL = `
  <div class="cw-line dial-head"></div>
  <figure>
    <figcaption class="dial-caption" aria-live="polite"></figcaption>
    <div class="dial-pictures"></div>
  </figure>`;

const SLIDER = `
  <label><span class="dial-name"></span>
    <input type="range" min="0" step="1"></label>
  <output class="dial-value"></output>
  <button type="button" class="cw-button"></button>`;

const BUTTONS = `<span class="dial-name"></span><div class="dial-choice"></div>`;

/** All pictures in the same grid cell, decoded; the largest one determines its size. */
function makePictures(model, place) {
  const words = model.get("words"); // figures in words, for screen readers
  const links = model.get("pictures").map((png) =>
    URL.createObjectURL(new Blob([bytesOf(png)], { type: "image/png" })));
  const images = links.map((link, i) => {
    const image = place.appendChild(new Image());
    image.alt = words[i];
    image.decoding = "sync";
    image.srcset = `${link} 2x`; // sharp on a dense screen and on a projected slide
    return image;
  });
  return {
    show(index) {
      for (const [i, image] of images.entries()) {
        image.classList.toggle("dial-shown", i === index);
      }
    },
    release: () => links.forEach((link) => URL.revokeObjectURL(link)),
  };
}

function makeButtons(group, model, turn) {
  group.setAttribute("aria-label", model.get("name"));
  fillChoice(group, model.get("labels").map(escapeHtml), turn);
  return { show: (index) => markChoice(group, index), stop() {} };
}

/** A slider, and a button that plays all pictures to the last one. */
function makeSlider(find, model, turn) {
  const labels = model.get("labels"), last = labels.length - 1;
  const slider = find("input[type=range]"), value = find("output"), button = find("button");
  const player = makePlayer(() => drawPlayButton(button, false));
  function playOrStop() {
    if (player.plays()) return player.stop();
    if (model.get("index") === last) turn(0);
    let due = PLAY_STEP;
    player.start((time) => {
      if (time >= due) {
        due = time + PLAY_STEP;
        turn(model.get("index") + 1);
      }
      return model.get("index") < last;
    });
    drawPlayButton(button, true);
  }
  slider.max = last;
  slider.addEventListener("input", () => {
    player.stop();
    turn(+slider.value);
  });
  button.addEventListener("click", playOrStop);
  drawPlayButton(button, false);
  return {
    show(index) {
      slider.value = index;
      slider.setAttribute("aria-valuetext", labels[index]);
      value.textContent = labels[index];
    },
    stop: player.stop,
  };
}

function render({ model, el }) {
  const find = fill(el, "dial", DIAL);
  const set = makeSetter(model), turn = (index) => set("index", index);
  const pictures = makePictures(model, find(".dial-pictures"));
  find(".dial-head").innerHTML = model.get("named") ? BUTTONS : SLIDER;
  find(".dial-name").textContent = model.get("name");
  const control = model.get("named") ? makeButtons(find(".dial-choice"), model, turn)
    : makeSlider(find, model, turn);
  function show() {
    const index = model.get("index");
    pictures.show(index);
    control.show(index);
    find(".dial-caption").textContent = model.get("captions")[index];
  }
  const stopListening = listenTo(model, { "change:index": show });
  show();
  return callAll(stopListening, control.stop, set.finish, pictures.release);
}

export default { render };
