// The dial: all pictures are here from the start, so turning it only shows another one.

const DIAL = `
  <div class="dial-head"></div>
  <figure>
    <figcaption class="dial-caption" aria-live="polite"></figcaption>
    <div class="dial-pictures"></div>
  </figure>`;

const SLIDER = `
  <label><span class="dial-name"></span>
    <input type="range" min="0" step="1" ${QUIET}></label>
  <output class="dial-value"></output>`;

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
  if (form) {
    form.setAttribute("aria-label", model.get("name"));
    fillChoice(form, labels.map(escaped), turn);
  } else {
    slider.max = labels.length - 1;
    slider.addEventListener("input", () => turn(+slider.value));
    slider.addEventListener("keydown", (event) => event.stopPropagation());
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
    tellKernel.finish();
    for (const link of links) URL.revokeObjectURL(link);
  };
}

export default { render };
