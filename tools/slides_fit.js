// Fits slides into their boxes: with smaller text, else on several slides.

const SMALLEST = 0.8; // text of 24, code of 18 pixels at 1280: readable from afar
const STILL_SMALLER = 0.5; // where the reader's own text spacing leaves no other room

const body = (slide) => slide.querySelector(".body");

function fits(slide) {
  const box = body(slide);
  return box.scrollHeight <= box.clientHeight + 1 && box.scrollWidth <= box.clientWidth + 1;
}

/** Sets the largest text size from `smallest` to 1 that fits.  -> whether there is one */
function fit(slide, smallest) {
  const at = (size) => {
    slide.style.setProperty("--fit", size);
    return fits(slide);
  };
  if (at(1)) return true;
  if (!at(smallest)) return false;
  let low = smallest, high = 1;
  while (high - low > 0.02) {
    const middle = (low + high) / 2;
    if (at(middle)) low = middle;
    else high = middle;
  }
  return at(low);
}

/** Lays out one slide for its measurement: all others stay out of the layout. */
function measured(slide, work) {
  const shown = [slide, slide.parentNode];
  for (const element of shown) element.classList.add("measured");
  try {
    return work();
  } finally {
    for (const element of shown) element.classList.remove("measured");
  }
}

/** A new slide below, with the same heading, notes, and the code of the moved parts. */
function slideBelow(slide, moved) {
  const next = slide.cloneNode(false);
  next.id = moved[0].dataset.cell.replace(/^\d+$/, "cell-$&"); // reveal.js reads a number as a position
  next.className = moved.some((part) => part.matches(".filled")) ? "full" : "text";
  const heading = slide.querySelector(":scope > :is(h1, h2, .kicker)");
  const kicker = Object.assign(document.createElement("h2"), { className: "kicker" });
  kicker.innerHTML = heading.innerHTML;
  const rest = Object.assign(document.createElement("div"), { className: "body" });
  rest.append(...moved);
  next.append(kicker, rest);
  const fold = slide.querySelector(":scope > .fold");
  const movedCode = [...fold?.querySelectorAll("pre") ?? []].filter((code) =>
    moved.some((part) => part.dataset.cell === code.dataset.cell));
  if (movedCode.length) {
    const other = fold.cloneNode(true);
    other.querySelector("div").replaceChildren(...movedCode);
    next.append(other);
    if (!fold.querySelector("pre")) fold.remove();
  }
  for (const note of slide.querySelectorAll(":scope > .notes")) {
    next.append(note.cloneNode(true));
  }
  slide.after(next);
  return next;
}

/** Fits a slide; fragments for which there is no room move to new slides below.
 *  -> the number of new slides */
export function fitOrSplit(slide) {
  const moved = measured(slide, () => {
    if (fit(slide, SMALLEST)) return [];
    const parts = [...body(slide).children], out = [];
    while (parts.length > 1 && parts.at(-1).classList.contains("fragment")) {
      out.unshift(parts.pop());
      out[0].remove();
      if (fit(slide, SMALLEST)) break;
    }
    if (!out.length && !fits(slide)) console.error(`${slide.id} does not fit its slide`);
    return out;
  });
  if (!moved.length) return 0;
  if (!body(slide).querySelector(".filled")) slide.classList.replace("full", "text");
  moved[0].classList.remove("fragment");
  return 1 + fitOrSplit(slideBelow(slide, moved));
}

/** Fits a slide again, after the reader's text grew: smaller than before, else it scrolls. */
export function fitAgain(slide) {
  body(slide).classList.remove("scrolls");
  const room = measured(slide, () => fit(slide, STILL_SMALLER));
  body(slide).classList.toggle("scrolls", !room);
}
