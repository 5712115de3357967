// Things on a stage that a pointer takes hold of and drags.

import { onPointer } from "./controls.js";

/** take(place) says what a press there would take hold of: { cursor, drag(to, event) }. */
export function onDrag(stage, take) {
  let grip = null;
  onPointer(stage, (place, event) => {
    const pressed = stage.hasPointerCapture(event.pointerId);
    if (event.type === "pointerdown" || !pressed) grip = take(place);
    stage.style.cursor = grip.cursor;
    if (pressed) grip.drag(place, event);
  });
}

/** The number of the handle nearest to a place, and its distance. */
export function nearestHandle(handles, [x, y]) {
  const far = handles.map(([hx, hy]) => Math.hypot(hx - x, hy - y));
  const distance = Math.min(...far);
  return { index: far.indexOf(distance), distance };
}
