// Paths between two classes in the plane.

import { float32 } from "./core.js";

/** The straight and the curved path between each pair of classes. */
export function makePaths(model) {
  const classes = model.get("path_classes"), lengths = model.get("path_lengths");
  const numbers = float32(model.get("path_points"));
  const steps = numbers.length / (4 * lengths.length); // points per path
  const kinds = ["straight", "curved"];
  const pair = (ends) => { // index of the pair in itertools.combinations
    const [i, j] = ends.map((c) => classes.indexOf(c)).sort((a, b) => a - b);
    return i * classes.length - (i * (i + 1)) / 2 + j - i - 1;
  };
  return {
    classes, kinds,
    length: (ends, kind) => lengths[pair(ends)][kinds.indexOf(kind)],
    /** Points [z₁, z₂] from the first class to the second. */
    points(ends, kind) {
      const start = 2 * steps * (2 * pair(ends) + kinds.indexOf(kind));
      const path = Array.from({ length: steps }, (_, i) =>
        [numbers[start + 2 * i], numbers[start + 2 * i + 1]]);
      return ends[0] < ends[1] ? path : path.reverse();
    },
  };
}

/** The point at t from 0 to 1, linear between the points of the path. */
export function along(path, t) {
  const at = t * (path.length - 1), i = Math.min(Math.floor(at), path.length - 2);
  return path[i].map((value, k) => value + (at - i) * (path[i + 1][k] - value));
}
