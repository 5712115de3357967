// Dragging of handles on a stage.

import { onPointer } from "./controls.js";

/** gripAt(position): what a press there would drag, as { cursor, drag(to, event) }. */
export function onDrag(stage, gripAt) {
  let grip = null;
  onPointer(stage, (position, event) => {
    const pressed = stage.hasPointerCapture(event.pointerId);
    if (event.type === "pointerdown" || !pressed) grip = gripAt(position);
    stage.style.cursor = grip.cursor;
    if (pressed) grip.drag(position, event);
  });
}

/** The index of the handle nearest to a position, and its distance. */
export function nearestHandle(handles, [x, y]) {
  const distances = handles.map(([hx, hy]) => Math.hypot(hx - x, hy - y));
  const distance = Math.min(...distances);
  return { index: distances.indexOf(distance), distance };
}
