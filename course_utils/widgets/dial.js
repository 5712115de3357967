// The dial: all pictures are here from the start, so turning it only shows another one.

const PLAY_STEP = 350; // ms a picture

const DIAL = `
  <div class="dial-head"></div>
  <figure>
    <figcaption class="dial-caption" aria-live="polite"></figcaption>
    <div class="dial-pictures"></div>
  </figure>`;

const SLIDER = `
  <label><span class="dial-name"></span>
    <input type="range" min="0" step="1" ${QUIET}></label>
  <output class="dial-value"></output>
  <button type="button" class="cw-button" ${QUIET}></button>`;

const BUTTONS = `<span class="dial-name"></span><form></form>`;

function render({ model, el }) {
  el.classList.add("course-widget", "dial");
  el.innerHTML = DIAL;
  const find = (selector) => el.querySelector(selector);
  const labels = model.get("labels"), captions = model.get("captions");
  const turn = (index) => {
    model.set("index", index); // comes back as change:index
    tellKernel();
  };

  // All lie on the same place, decoded; the largest one makes room for each.
  const links = model.get("pictures").map((png) =>
    URL.createObjectURL(new Blob([bytesOf(png)], { type: "image/png" })));
  const images = links.map((link, i) => {
    const image = find(".dial-pictures").appendChild(new Image());
    image.alt = captions[i] || `${model.get("name")}: ${labels[i]}`;
    image.decoding = "sync";
    image.srcset = `${link} 2x`; // sharp on a dense screen and on a projected slide
    return image;
  });

  find(".dial-head").innerHTML = model.get("named") ? BUTTONS : SLIDER;
  find(".dial-name").textContent = model.get("name");
  const slider = find("input[type=range]"), form = find("form"), value = find("output");
  const play = find("button");
  let timer = 0;
  if (form) {
    form.setAttribute("aria-label", model.get("name"));
    fillChoice(form, labels.map(escaped), turn);
  } else {
    slider.max = labels.length - 1;
    slider.addEventListener("input", () => {
      stop();
      turn(+slider.value);
    });
    play.addEventListener("click", playOrStop);
    for (const node of [slider, play]) {
      node.addEventListener("keydown", (event) => event.stopPropagation());
    }
    drawButton();
  }

  // --- playing: a picture after the other, up to the last one ---

  function playOrStop() {
    if (timer) return stop();
    const last = labels.length - 1;
    if (model.get("index") === last) turn(0);
    timer = setInterval(() => {
      turn(model.get("index") + 1);
      if (model.get("index") === last) stop();
    }, PLAY_STEP);
    drawButton();
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    drawButton();
  }

  function drawButton() {
    play.textContent = timer ? "■" : "▶";
    play.setAttribute("aria-label", timer ? "stop" : "play");
  }

  function show() {
    const index = model.get("index");
    for (const [i, image] of images.entries()) {
      image.classList.toggle("dial-shown", i === index);
    }
    find(".dial-caption").textContent = captions[index];
    if (form) return markChoice(form, index);
    slider.value = index;
    slider.setAttribute("aria-valuetext", labels[index]);
    value.textContent = labels[index];
  }

  const tellKernel = whenAtRest(() => model.save_changes());
  const deafen = listen(model, { "change:index": show });
  show();

  return () => {
    deafen();
    clearInterval(timer);
    tellKernel.finish();
    for (const link of links) URL.revokeObjectURL(link);
  };
}

export default { render };
