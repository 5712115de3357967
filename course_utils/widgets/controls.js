// What the user works with: pointer and arrow keys on a stage, and rows of buttons.

export const ARROWS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

/** Where an event lies in a box: [0, 0] at its top left, [1, 1] at its end. */
export const placeIn = (box, event) =>
  [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];

/** Mouse, pen or finger on a stage: handle(place, event). */
export function onPointer(stage, handle) {
  const listener = (event) => {
    if (event.type === "pointerdown") {
      if (event.button !== 0) return; // neither the menu nor the wheel
      stage.setPointerCapture(event.pointerId);
      stage.focus({ preventScroll: true });
    }
    handle(placeIn(stage.getBoundingClientRect(), event), event); // also on a scaled slide
  };
  stage.addEventListener("pointerdown", listener);
  stage.addEventListener("pointermove", listener); // a drag has the pointer captured
}

/** Keys on a stage that are its own. With Alt, Ctrl or Meta they are the browser's or a screen
    reader's. */
export function onKeys(stage, keys, handle) {
  stage.addEventListener("keydown", (event) => {
    if (!keys.includes(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // slides and JupyterLab listen to keys, too
    handle(event.key, event);
  });
}

/** Arrow keys on a stage: direction is (±1, 0) or (0, ±1), up is +1. */
export function onArrows(stage, handle) {
  onKeys(stage, Object.keys(ARROWS), (key, event) => handle(ARROWS[key], event));
}

/** A row of buttons of which one is chosen; arrow keys walk along it. */
export function fillChoice(form, faces, choose) {
  form.classList.add("cw-choice");
  form.setAttribute("role", "radiogroup");
  form.innerHTML = faces.map((face, i) => `<label>
    <input type="radio" name="choice" value="${i}">${face}</label>`).join("");
  form.addEventListener("change", (event) => choose(+event.target.value));
}

export function markChoice(form, index) {
  for (const [i, input] of form.querySelectorAll("input").entries()) {
    input.checked = i === index;
  }
}
