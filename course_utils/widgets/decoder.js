// A decoder that the browser runs, or the kernel, which answers messages.

import { clamp, uint8 } from "./core.js";
import { pixelsFrom } from "./image.js";
import { makeNetwork } from "./network.js";
import { PAUSE } from "./player.js";

const MOST = 32; // images in one message
const WAIT = 60; // ms that images of a message may take, so that the cursor soon has its turn
const PATIENCE = 4000; // ms without an answer

/** at(place, z, use) calls use(pixels) with g(z), now or later; a newer z for the same place
    replaces one that waits. The kernel gets one message after the other: the place "cursor" goes
    first and alone, and others wait until it rests. say(text) tells what is wrong with the
    kernel. */
export function makeDecoder(model, say) {
  const network = model.get("decoder");
  if (!network.layers) return askKernel(model, say);
  const decode = makeNetwork(network);
  return { at: (place, z, use) => use(decode(z)), stop() {} };
}

/** Whether this page can decode: in itself, or by a kernel. */
export const canDecode = (model) => Boolean(model.get("decoder").layers || model.send);

function askKernel(model, say) {
  const waiting = new Map(), view = Math.random(); // several views may show one model
  let asked = null, count = 0, timer = 0, moved = -Infinity, later = 0;
  let size = 1, fastest = Infinity; // images in the next message; ms of a message, at least
  function choose() {
    if (waiting.has("cursor")) return ["cursor"];
    const rest = moved + PAUSE - performance.now();
    if (rest <= 0) return [...waiting.keys()].slice(0, size);
    clearTimeout(later);
    later = setTimeout(send, rest);
    return [];
  }
  function send() {
    if (asked || !waiting.size) return;
    const chosen = choose();
    if (!chosen.length) return;
    const requests = chosen.map((place) => waiting.get(place));
    for (const place of chosen) waiting.delete(place);
    asked = { id: `${view} ${count++}`, chosen, requests, since: performance.now() };
    timer = setTimeout(say, PATIENCE, "The kernel does not answer: it is busy or stopped.");
    model.send({ id: asked.id, points: requests.map(({ z }) => z) });
  }
  function receive({ id, error }, buffers) {
    if (id !== asked?.id) return;
    clearTimeout(timer);
    const { chosen, requests, since } = asked;
    asked = null;
    say(error ? `The decoder failed: ${error}` : "");
    if (error) return waiting.clear();
    const passed = performance.now() - since;
    fastest = Math.min(fastest, passed);
    if (chosen[0] !== "cursor") {
      size = clamp(passed < fastest + WAIT ? 2 * size : Math.floor(size / 2), 1, MOST);
    }
    const bytes = uint8(buffers[0]), length = bytes.length / requests.length;
    for (const [i, { use }] of requests.entries()) {
      use(pixelsFrom(bytes.subarray(i * length, (i + 1) * length)));
    }
    send();
  }
  model.on("msg:custom", receive);
  return {
    at(place, z, use) {
      waiting.set(place, { z, use });
      if (place === "cursor") moved = performance.now();
      queueMicrotask(send); // with others of the same frame
    },
    stop() {
      clearTimeout(timer);
      clearTimeout(later);
      model.off("msg:custom", receive);
    },
  };
}
