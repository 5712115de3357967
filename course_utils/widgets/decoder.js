// A decoder that the browser runs, or the kernel, which answers messages.

import { clamp, uint8 } from "./core.js";
import { pixelsFrom } from "./image.js";
import { makeNetwork } from "./network.js";

const MOST = 32; // images in one message
const WAIT = 60; // ms that a message may take, so that the cursor is soon in the next one
const PATIENCE = 4000; // ms without an answer

/** at(place, z, use) calls use(pixels) with g(z), now or later; a newer z for the same place
    replaces one that waits, and the place "cursor" goes before the others. say(text) tells what
    is wrong with the kernel. */
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
  let asked = null, count = 0, size = 1, timer = 0;
  function send() {
    if (asked || !waiting.size) return;
    const places = [...waiting.keys()];
    if (waiting.has("cursor")) places.unshift("cursor");
    const chosen = [...new Set(places)].slice(0, size);
    const requests = chosen.map((place) => waiting.get(place));
    for (const place of chosen) waiting.delete(place);
    asked = { id: `${view} ${count++}`, requests, since: performance.now() };
    timer = setTimeout(say, PATIENCE, "The kernel does not answer: it is busy or stopped.");
    model.send({ id: asked.id, points: requests.map(({ z }) => z) });
  }
  function receive({ id, error }, buffers) {
    if (id !== asked?.id) return;
    clearTimeout(timer);
    const { requests, since } = asked;
    asked = null;
    say(error ? `The decoder failed: ${error}` : "");
    if (error) return waiting.clear();
    const perImage = (performance.now() - since) / requests.length;
    size = clamp(Math.round(WAIT / perImage), 1, MOST);
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
      queueMicrotask(send); // with others of the same frame
    },
    stop() {
      clearTimeout(timer);
      model.off("msg:custom", receive);
    },
  };
}
