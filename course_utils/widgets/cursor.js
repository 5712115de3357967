// A cursor z inside of one of the boxes [−a, a]²: the other half of WithCursor in Python.

import { onArrows, onPointer, fillChoice, markChoice } from "./controls.js";
import { clamp, short, tuple } from "./core.js";

export const textOfZ = (z) => `<i>z</i> = ${tuple(z)}`;

/** `boxes` is the form with a button for each. mayMove(event) is asked before a pointer, a key
    or a button moves the cursor. */
export function makeCursor(model, set, boxes, mayMove = () => true) {
  const halfWidths = model.get("half_widths"), halfWidth = () => model.get("half_width");
  const cursor = {
    walkTo(z) {
      const a = halfWidth();
      set("z", z.map((value) => clamp(value, -a, a)));
    },
    chooseBox(a) {
      set("half_width", a);
      cursor.walkTo(model.get("z")); // into the box
    },
    /** If the box is smaller, takes the smallest that holds so large a z, or the largest. */
    makeRoom(reach) {
      if (reach <= halfWidth()) return;
      const sizes = [...halfWidths].sort((a, b) => a - b);
      cursor.chooseBox(sizes.find((a) => a >= reach) ?? sizes.at(-1));
    },
    number: () => halfWidths.indexOf(halfWidth()), // of the box
    markBox: () => markChoice(boxes, cursor.number()),
    follow(stage, plane) {
      onPointer(stage, (place, event) => mayMove(event) && cursor.walkTo(plane.at(place)));
      onArrows(stage, (direction, event) => {
        const step = halfWidth() / (event.shiftKey ? 10 : 50);
        if (mayMove(event)) {
          cursor.walkTo(model.get("z").map((value, i) => value + step * direction[i]));
        }
      });
    },
  };
  fillChoice(boxes, halfWidths.map((a) => `[−${short(a)}, ${short(a)}]²`), (i) => {
    if (mayMove({ type: "change" })) cursor.chooseBox(halfWidths[i]);
  });
  return cursor;
}
