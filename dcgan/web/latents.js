// @ts-check
/**
 * Seeds to latents, and paths between latents, as dcgan/latents.py computes them: in doubles, rounded to float32.
 */

import { angleOf, sineAndCosine } from "./numbers.js";
import { RandomState } from "./random.js";

export const NUM_COMPONENTS = 20;
export const COMPONENT_SCALE = 6;
export const MAX_SEED = 2 ** 32 - 1;

/** @typedef {"normal" | "uniform" | "mixture"} Distribution */

/**
 * Return the latent of a seed.
 * @param {number} seed a whole number in 0..2 ** 32 - 1
 * @param {number} size of the latent
 * @param {Distribution} distribution
 */
export function latentOfSeed(seed, size, distribution) {
  if (!Number.isInteger(seed) || seed < 0 || seed > MAX_SEED) {
    throw new RangeError(`seed=${seed} is not a whole number in 0..${MAX_SEED}; try 0`);
  }
  const stream = new RandomState(seed);
  const z = new Float32Array(size);
  if (distribution === "uniform") {
    for (let index = 0; index < size; index += 1) z[index] = -1 + 2 * stream.uniform();
    return z;
  }
  if (distribution === "normal") {
    for (let index = 0; index < size; index += 1) z[index] = stream.standardNormal();
    return z;
  }
  // The largest of the first numbers selects the component. They are compared as doubles.
  let component = 0;
  let largest = -Infinity;
  for (let index = 0; index < size; index += 1) {
    const value = stream.standardNormal();
    z[index] = value;
    if (index < NUM_COMPONENTS && value > largest) {
      component = index;
      largest = value;
    }
  }
  z.fill(0, 0, NUM_COMPONENTS);
  z[component] = COMPONENT_SCALE;
  return z;
}

/**
 * Return the root mean square norm of a latent of the distribution.
 * @param {number} size
 * @param {Distribution} distribution
 */
export function rmsNorm(size, distribution) {
  if (distribution === "uniform") return Math.sqrt(size / 3);
  return Math.sqrt(distribution === "mixture" ? size - NUM_COMPONENTS + COMPONENT_SCALE ** 2 : size);
}

/**
 * Move a latent toward the mean of its distribution: psi = 1 leaves it. A mixture keeps its component.
 * @param {Float32Array} z
 * @param {number} psi in 0..1
 * @param {Distribution} distribution
 */
export function truncate(z, psi, distribution) {
  if (!(psi >= 0 && psi <= 1)) throw new RangeError(`psi=${psi} is not in [0, 1]; try 0.7`);
  const factor = Math.fround(psi);
  const first = distribution === "mixture" ? NUM_COMPONENTS : 0;
  return z.map((value, index) => (index < first ? value : value * factor));
}

/** @param {Float32Array | Float64Array} vector */
export function normOf(vector) {
  let sum = 0;
  for (const value of vector) sum += value * value;
  return Math.sqrt(sum);
}

/** @param {Float32Array | Float64Array} vector @returns the vector divided by its norm; zeros stay zeros */
function unit(vector) {
  const norm = normOf(vector);
  return Float64Array.from(vector, (value) => (norm > 0 ? value / norm : 0));
}

/**
 * Return the point at t of the straight line from a to b.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t in 0..1
 */
export function lerp(a, b, t) {
  if (t === 0) return a.slice();
  if (t === 1) return b.slice();
  return a.map((value, index) => (1 - t) * value + t * b[index]);
}

/**
 * Return the point at t of the great arc from a to b: the direction turns at constant speed, the norm is linear in t.
 *
 * Opposite vectors turn through the axis that is most nearly perpendicular to a. A zero vector takes the direction of
 * the other one. Source: Shoemake 1985.
 * @param {Float32Array} a
 * @param {Float32Array} b
 * @param {number} t in 0..1
 */
export function slerp(a, b, t) {
  if (t === 0) return a.slice();
  if (t === 1) return b.slice();
  const v = unit(b);
  const normA = normOf(a);
  const normB = normOf(b);
  const u = normA > 0 ? unit(a) : v;
  let cosine = 0;
  for (let index = 0; index < u.length; index += 1) cosine += u[index] * v[index];
  let away = u.map((value, index) => v[index] - cosine * value); // the part of v perpendicular to u
  const sine = normOf(away);
  const angle = angleOf(sine, cosine);
  if (sine < 1e-12 && cosine < 0) away = perpendicular(u);
  const w = unit(away);
  const [sineT, cosineT] = sineAndCosine(t * angle);
  const norm = (1 - t) * normA + t * normB;
  return Float32Array.from(u, (value, index) => norm * (cosineT * value + sineT * w[index]));
}

/** @param {Float64Array} u a unit vector @returns of the axis least aligned with u, the part perpendicular to u */
function perpendicular(u) {
  let axis = 0;
  for (let index = 1; index < u.length; index += 1) if (Math.abs(u[index]) < Math.abs(u[axis])) axis = index;
  return u.map((value, index) => (index === axis ? 1 : 0) - u[axis] * value);
}

/** The paths that a link can name. */
export const PATHS = { slerp, lerp };

/**
 * Return the segment from 0, and the position on it in 0..1, of the position t on a path through points.
 * @param {number} numPoints at least 2
 * @param {number} t in 0..1
 * @returns {[number, number]}
 */
export function segmentOf(numPoints, t) {
  const position = t * (numPoints - 1);
  const segment = Math.min(Math.floor(position), numPoints - 2);
  return [segment, position - segment];
}

/**
 * Return the positions of frames: from 0 to 1, or in a loop to the last one before 1.
 * @param {number} frames at least 2
 * @param {boolean} loop
 */
export function positions(frames, loop) {
  const step = 1 / (loop ? frames : frames - 1);
  const t = Array.from({ length: frames }, (_, index) => index * step);
  if (!loop) t[frames - 1] = 1; // as NumPy's linspace: the end is exact
  return t;
}
