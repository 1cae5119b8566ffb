// @ts-check
/**
 * What runs in the worker: it reads weights and draws, so that the page never waits.
 *
 * A message is {id, kind, ...}, and its answer {id, result} or {id, error: {text, values}}.
 */

import { TrainedGenerator, drawAt, fitLink, render } from "./generator.js";
import { gifOf } from "./gif.js";
import { normOf, rmsNorm } from "./latents.js";
import { sha256 } from "./sha256.js";
import { SentenceError } from "./texts.js";
import { enlarged } from "./pictures.js";
import { WeightsError } from "./weights.js";

/** @typedef {import("./link.js").Link} Link */

const MAX_GENERATORS = 16;
/** Generators in memory. One of a DCGAN takes about 3 MB. */

/** @type {Map<string, TrainedGenerator>} the least recently used first */
const generators = new Map();

/** @param {string} key @returns {TrainedGenerator} */
function generatorOf(key) {
  const generator = generators.get(key);
  if (!generator) throw new WeightsError("weightsMissing", { reason: key });
  generators.delete(key);
  generators.set(key, generator);
  return generator;
}

/** @typedef {{file?: string, content?: string, packed: string}} Source where the bytes of weights are */

/** @param {Source} source @param {string} id of the weights, for errors @returns {Promise<ArrayBuffer>} */
async function bytesOf({ file, content, packed }, id) {
  if (file) return fetched(file, id);
  if (packed && typeof DecompressionStream === "undefined") throw new WeightsError("browserOld");
  try {
    const text = atob((content ?? "").trim());
    const bytes = Uint8Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
    if (packed !== "split-deflate") return bytes.buffer;
    const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return joined(await new Response(inflated).arrayBuffer());
  } catch {
    // Each step has its own error for missing bytes: of base64, of the stream, or of a range.
    throw new WeightsError("weightsIncomplete", { id });
  }
}

/** @param {string} file an address @param {string} id of its weights @returns {Promise<ArrayBuffer>} */
async function fetched(file, id) {
  // A worker does not have the policy of its page, so it asks only the page's own host itself.
  if (new URL(file).origin !== location.origin) throw new WeightsError("weightsMissing", { reason: { text: "otherHost" } });
  const unreachable = () => {
    throw new WeightsError("weightsUnreachable", { id });
  };
  const response = await fetch(file).catch(unreachable);
  if (!response.ok) throw new WeightsError("weightsMissing", { reason: `HTTP ${response.status}` });
  return response.arrayBuffer().catch(unreachable);
}

/**
 * Undo the split of a safetensors file, whose even and odd data bytes were stored apart because they compress better so.
 * @param {ArrayBuffer} buffer
 */
function joined(buffer) {
  const start = 8 + Number(new DataView(buffer).getBigUint64(0, true));
  const split = new Uint8Array(buffer);
  const result = split.slice();
  const half = Math.ceil((split.length - start) / 2);
  for (let index = 0; index < split.length - start; index += 1) {
    result[start + index] = split[start + (index % 2 ? half : 0) + (index >> 1)];
  }
  return result.buffer;
}

/** @param {TrainedGenerator} generator @param {number} label */
function labelOf(generator, label) {
  return generator.weightsOfLabel(label);
}

/** @type {Record<string, (message: any) => any>} */
const KINDS = {
  async load({ key, source, weightsId }) {
    if (!generators.has(key)) {
      generators.set(key, TrainedGenerator.read(await bytesOf(source, weightsId), weightsId));
      for (const oldest of generators.keys()) {
        if (generators.size <= MAX_GENERATORS) break;
        generators.delete(oldest);
      }
    }
    const { model, step } = generatorOf(key);
    return { model, step, weightsId: generatorOf(key).weightsId };
  },

  render({ key, link, psi }) {
    const generator = generatorOf(key);
    if (psi === 1) return render(link, generator);
    const { link: fitting, notes } = fitLink(link, generator.model);
    const t = Array.from({ length: link.frames }, (_, index) => index / (link.loop ? link.frames : link.frames - 1));
    return { link: { ...fitting, weightsId: generator.weightsId, digest: "" }, images: drawAt(fitting, generator, t, psi), notes };
  },

  at({ key, link, t, psi }) {
    const generator = generatorOf(key);
    return drawAt(fitLink(link, generator.model).link, generator, [t], psi);
  },

  seeds({ key, seeds, labels, psi }) {
    const generator = generatorOf(key);
    const rows = labels.map((/** @type {number} */ label) => labelOf(generator, label));
    return generator.draw(
      seeds.map((/** @type {number} */ seed) => generator.latent(seed)),
      generator.model.numClasses ? rows : null,
      psi,
    );
  },

  /** Draw points between four seeds: the mean of their latents by weight, brought to the usual length. */
  mixtures({ key, points, label }) {
    const generator = generatorOf(key);
    const length = rmsNorm(generator.model.latentDim, generator.model.latent);
    const latents = points.map((/** @type {{seeds: number[], weights: number[]}} */ { seeds, weights }) => {
      const z = new Float64Array(generator.model.latentDim);
      seeds.forEach((seed, corner) => {
        if (!weights[corner]) return;
        generator.latent(seed).forEach((value, index) => {
          z[index] += weights[corner] * value;
        });
      });
      if (Math.max(...weights) === 1) return Float32Array.from(z); // a seed itself
      const norm = normOf(z);
      return Float32Array.from(z, (value) => (norm > 0 ? (value * length) / norm : 0));
    });
    const weights = labelOf(generator, label);
    return generator.draw(latents, weights ? latents.map(() => weights) : null);
  },

  hash({ bytes }) {
    return sha256([bytes]);
  },

  /** Write an animation to the end and back, of square images (N, H, W, C); a loop does not turn back. */
  gif({ images, size, channels, factor, loop, milliseconds }) {
    const length = size ** 2 * channels;
    const order = Array.from({ length: images.length / length }, (_, index) => index);
    if (!loop) order.push(...order.slice(1, -1).reverse());
    // One frame is enlarged at a time: all of them would fill the memory of a phone.
    const frames = order.map((index) => () => enlarged(images.subarray(index * length, (index + 1) * length), size, channels, factor));
    return gifOf(frames, factor * size, factor * size, channels, milliseconds);
  },
};

/**
 * Answer the messages of a page, one after another.
 * @param {{onmessage: any, postMessage: (message: any, transfer?: Transferable[]) => void}} scope the worker's global
 */
export function serve(scope) {
  let last = Promise.resolve();
  scope.onmessage = (/** @type {MessageEvent} */ { data }) => {
    last = last.then(async () => {
      try {
        scope.postMessage({ id: data.id, result: await KINDS[data.kind](data) });
      } catch (error) {
        const known = error instanceof SentenceError;
        const reason = error instanceof Error ? error.message : String(error);
        const { text, values } = known ? error : { text: "weightsDamaged", values: { reason } };
        scope.postMessage({ id: data.id, error: { text, values } });
      }
    });
  };
}
