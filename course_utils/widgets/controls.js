// Input: pointer and arrow keys on a stage, and rows of buttons.

export const ARROWS = {
  ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
};

/** Position of an event in a box: [0, 0] at the top left, [1, 1] at the bottom right. */
export const positionIn = (box, event) =>
  [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];

/** Mouse, pen or finger on a stage: handle(position, event). */
export function onPointer(stage, handle) {
  const listener = (event) => {
    if (event.type === "pointerdown") {
      if (event.button !== 0) return; // only the main button
      stage.setPointerCapture(event.pointerId);
      stage.focus({ preventScroll: true });
    }
    handle(positionIn(stage.getBoundingClientRect(), event), event); // also on a scaled slide
  };
  stage.addEventListener("pointerdown", listener);
  stage.addEventListener("pointermove", listener); // also outside the stage during a drag
}

/** Handles these keys on a stage, except with Alt, Ctrl or Meta, which browser and screen
    readers use. */
export function onKeys(stage, keys, handle) {
  stage.addEventListener("keydown", (event) => {
    if (!keys.includes(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation(); // slides and JupyterLab handle keys, too
    handle(event.key, event);
  });
}

/** Arrow keys on a stage: direction is (±1, 0) or (0, ±1), up is +1. */
export function onArrows(stage, handle) {
  onKeys(stage, Object.keys(ARROWS), (key, event) => handle(ARROWS[key], event));
}

/** A row of radio buttons; `faces` are their labels, choose(index) is called on a change. */
export function fillChoice(group, faces, choose) {
  const name = `choice-${Math.random()}`; // radio buttons of one name exclude each other
  group.classList.add("cw-choice");
  group.setAttribute("role", "radiogroup");
  group.innerHTML = faces.map((face, i) => `<label>
    <input type="radio" name="${name}" value="${i}">${face}</label>`).join("");
  group.addEventListener("change", (event) => choose(+event.target.value));
}

export function markChoice(group, index) {
  for (const [i, input] of group.querySelectorAll("input").entries()) {
    input.checked = i === index;
  }
}
