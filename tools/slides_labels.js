// The deck's own words, in the language of the talk.

const labels = JSON.parse(document.querySelector("main").dataset.labels ?? "{}");

/** A label of the builder, in English, as the talk translates it; see LABELS in talk.py. */
export const translated = (english) => labels[english] ?? english;
