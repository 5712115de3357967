// Animations, and long work in slices, frame by frame.

import { perFrame } from "./core.js";

export const SLICE = 8; // ms per frame for long work, so that the page stays responsive
const MAX_PASSED = 100; // ms between two frames; a longer pause of the page is not counted

/** start(step) calls step(ms since the first frame, ms since the last one) in each frame while
    it returns true; then, or on stop(), ended() is called. */
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
        const passed = Math.min(now - last, MAX_PASSED);
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

export const prefersReducedMotion = () =>
  matchMedia("(prefers-reduced-motion: reduce)").matches;

const SELDOM = 500; // ms between two pictures with reduced motion

/** draw() in the next frame, however often it is requested, and only while the element is on
    the screen; with reduced motion twice a second. It is drawn again while draw() returns
    true.  request.end() stops */
export function makeScreen(el, draw) {
  let visible = true, wanted = false, last = -Infinity, timer = 0;
  const paint = perFrame(() => {
    wanted = false;
    last = performance.now();
    if (draw()) request();
  });
  function request() {
    wanted = true;
    if (!visible || timer) return;
    const wait = prefersReducedMotion() ? last + SELDOM - performance.now() : 0;
    if (wait <= 0) return paint();
    timer = setTimeout(() => {
      timer = 0;
      request();
    }, wait);
  }
  const observer = new IntersectionObserver((entries) => {
    visible = entries.at(-1).isIntersecting;
    if (wanted) request();
  });
  observer.observe(el);
  return Object.assign(request, { end() {
    observer.disconnect();
    clearTimeout(timer);
    paint.cancel();
  } });
}

/** Label of a button that starts and stops an animation. */
export function drawPlayButton(button, plays, play = "play", stop = "stop", sign = "■") {
  button.textContent = plays ? sign : "▶";
  button.setAttribute("aria-label", plays ? stop : play);
}

export const PAUSE = 100; // ms for what is more urgent, longer than between two moves of it

/** Calls work(0) … work(count − 1), several per frame, then done(); a new call restarts.
    pause() leaves the frames of the next PAUSE ms to others. */
export function inSlices(count, work, done = () => {}) {
  const player = makePlayer();
  let pausedUntil = 0;
  const run = () => {
    let next = 0;
    player.start(() => {
      if (performance.now() < pausedUntil) return true;
      const until = performance.now() + SLICE;
      while (next < count && performance.now() < until) work(next++);
      if (next < count) return true;
      done();
      return false;
    });
  };
  return Object.assign(run, { cancel: player.stop, pause() {
    pausedUntil = performance.now() + PAUSE;
  } });
}
