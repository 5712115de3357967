// What goes on by itself, frame by frame: animations, and long work in slices.

const SLICE = 8; // ms a frame for long work, so that the page stays alive
const LONGEST = 100; // ms between two frames that count: a page that slept goes on where it was

/** start(step) calls step(ms since the first frame, ms since the last one) once a frame while
    it returns true; then, or when stop() is called before, comes ended(). */
export function makePlayer(ended = () => {}) {
  let frame = 0;
  const player = {
    plays: () => frame !== 0,
    start(step) {
      player.stop();
      let first, last;
      const next = (now) => {
        first ??= now;
        last ??= now;
        const passed = Math.min(now - last, LONGEST);
        last = now;
        if (step(now - first, passed) && frame) frame = requestAnimationFrame(next);
        else player.stop();
      };
      frame = requestAnimationFrame(next);
    },
    stop() {
      if (!frame) return;
      cancelAnimationFrame(frame);
      frame = 0;
      ended();
    },
  };
  return player;
}

export const noMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The face of a button that plays, or stops what plays. */
export function drawPlayButton(button, plays, play = "play", stop = "stop", sign = "■") {
  button.textContent = plays ? sign : "▶";
  button.setAttribute("aria-label", plays ? stop : play);
}

/** Calls work(0) … work(count − 1), some a frame, and then done(); asked again, it begins
    again. */
export function inSlices(count, work, done = () => {}) {
  const player = makePlayer();
  const ask = () => {
    let next = 0;
    player.start(() => {
      const until = performance.now() + SLICE;
      while (next < count && performance.now() < until) work(next++);
      if (next < count) return true;
      done();
      return false;
    });
  };
  return Object.assign(ask, { cancel: player.stop });
}
