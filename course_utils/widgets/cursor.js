// A cursor z in one of the boxes [−a, a]²; its traits are those of WithCursor in Python.

import { onArrows, onPointer, fillChoice, markChoice } from "./controls.js";
import { clamp, short, tuple } from "./core.js";

export const htmlOfZ = (z) => `<i>z</i> = ${tuple(z)}`;

/** `boxes` is the element with a button for each. The pointer, a key or a button moves the cursor
    only if mayMove(event). read() and write(place) give and take its place in the plane. */
export function makeCursor(model, set, boxes, mayMove = () => true,
  { read, write } = { read: () => model.get("z"), write: (z) => set("z", z) }) {
  const halfWidths = model.get("half_widths"), halfWidth = () => model.get("half_width");
  const cursor = {
    moveTo(z) {
      const a = halfWidth();
      write(z.map((value) => clamp(value, -a, a)));
    },
    chooseBox(a) {
      set("half_width", a);
      cursor.moveTo(read()); // clipped to the box
    },
    /** Chooses the smallest box that holds coordinates up to `reach`, unless the box does. */
    makeRoom(reach) {
      if (reach <= halfWidth()) return;
      const sizes = [...halfWidths].sort((a, b) => a - b);
      cursor.chooseBox(sizes.find((a) => a >= reach) ?? sizes.at(-1));
    },
    index: () => halfWidths.indexOf(halfWidth()), // index of the box
    markBox: () => markChoice(boxes, cursor.index()),
    follow(stage, plane) {
      onPointer(stage, (place, event) => mayMove(event) && cursor.moveTo(plane.at(place)));
      onArrows(stage, (direction, event) => {
        const step = halfWidth() / (event.shiftKey ? 10 : 50);
        if (mayMove(event)) {
          cursor.moveTo(read().map((value, i) => value + step * direction[i]));
        }
      });
    },
  };
  fillChoice(boxes, halfWidths.map((a) => `[−${short(a)}, ${short(a)}]²`), (i) => {
    if (mayMove({ type: "change" })) cursor.chooseBox(halfWidths[i]);
  });
  return cursor;
}
