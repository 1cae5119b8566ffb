// @ts-check
/**
 * A generator in the browser: weights and links to images, with the rules of dcgan/checkpoint.py and
 * dcgan/sampling/rendering.py. It needs no document, so that it runs in a worker too.
 *
 *     const generator = TrainedGenerator.read(await (await fetch("weights.safetensors")).arrayBuffer());
 *     const { link } = readLink("?model=dcgan-mnist&a=7&b=42&n=16&path=slerp&t=0");
 *     const { images } = render(link, generator); // (frames, H, W, C) bytes
 */

import { halvesOf } from "./link.js";
import { PATHS, latentOfSeed, positions, segmentOf, truncate } from "./latents.js";
import { Network } from "./network.js";
import { sha256 } from "./sha256.js";
import { readWeights, weightsId } from "./weights.js";

export { readLink, usualLink, writeLink } from "./link.js";
export { WeightsError } from "./weights.js";

const DEFAULT_LABEL = 3;

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./link.js").Note} Note */

/** A generator with its config. */
export class TrainedGenerator {
  /**
   * @param {Network} network
   * @param {string} id of the weights
   * @param {number} step of the training
   */
  constructor(network, id, step) {
    this.network = network;
    this.model = network.model;
    this.weightsId = id;
    this.step = step;
  }

  /**
   * Read a safetensors file. Throws WeightsError, whose message is a sentence.
   * @param {ArrayBuffer} buffer
   * @param {string} [id] of the weights, if the caller knows it: of a file in half precision the id of its original
   */
  static read(buffer, id) {
    const file = readWeights(buffer);
    return new TrainedGenerator(new Network(file), id ?? weightsId(file.tensors), file.metadata.step);
  }

  /** @param {number} seed @returns its latent (Z,) */
  latent(seed) {
    return latentOfSeed(seed, this.model.latentDim, this.model.latent);
  }

  /**
   * Draw images: (N, H, W, C) bytes.
   * @param {Float32Array[]} latents
   * @param {Float32Array[] | null} [labels] weights of the classes, for a conditional model
   * @param {number} [psi] truncation in 0..1
   */
  draw(latents, labels = null, psi = 1) {
    const z = psi === 1 ? latents : latents.map((latent) => truncate(latent, psi, this.model.latent));
    return this.network.draw(z, labels);
  }

  /** @param {number} label @returns the weights of the classes (K,) of one label; null for a model without labels */
  weightsOfLabel(label) {
    if (!this.model.numClasses) return null;
    const weights = new Float32Array(this.model.numClasses);
    weights[Math.min(label, this.model.numClasses - 1)] = 1;
    return weights;
  }
}

/**
 * Return the link with latent vectors and labels that fit the model, and a note for each change.
 * @param {Link} link
 * @param {{numClasses: number, latentDim: number}} model
 * @returns {{link: Link, notes: Note[]}}
 */
export function fitLink(link, { numClasses, latentDim }) {
  /** @type {Note[]} */
  const latentNotes = [];
  let fitting = link;
  for (const [name, key] of /** @type {["zA" | "zB", string][]} */ ([["zA", "za"], ["zB", "zb"]])) {
    const count = (link[name] && halvesOf(link[name])?.length) || 0;
    if (!count || count === latentDim) continue;
    latentNotes.push({ text: "latentIgnored", values: { key, count, size: latentDim } });
    fitting = { ...fitting, [name]: "" };
  }
  const { link: labeled, notes } = fitLabels(fitting, { numClasses });
  return { link: labeled, notes: [...latentNotes, ...notes] };
}

/**
 * @param {Link} link
 * @param {{numClasses: number}} model
 * @returns {{link: Link, notes: Note[]}}
 */
function fitLabels(link, { numClasses }) {
  if (!numClasses) {
    /** @type {Note[]} */
    const notes = link.labels.length ? [{ text: "labelsIgnored", values: {} }] : [];
    return { link: { ...link, labels: [] }, notes };
  }
  const last = numClasses - 1;
  if (!link.labels.length) return { link: { ...link, labels: [Math.min(DEFAULT_LABEL, last)] }, notes: [] };
  const labels = link.labels.map((label) => Math.min(label, last));
  const changed = labels.some((label, index) => label !== link.labels[index]);
  return { link: { ...link, labels }, notes: changed ? [{ text: "labelsLowered", values: { last } }] : [] };
}

/** The points of a link: latents and labels at A, at B and at each further seed. */
export class Path {
  /** @param {Link} link with fitting labels @param {TrainedGenerator} generator */
  constructor(link, generator) {
    const seeds = [link.seedA, link.seedB, ...link.keys];
    const labels = seeds.map((_, index) => link.labels[Math.min(index, link.labels.length - 1)]);
    this.points = seeds.map((seed) => generator.latent(seed));
    for (const [index, text] of [link.zA, link.zB].entries()) {
      const numbers = text ? halvesOf(text) : null;
      if (numbers) this.points[index] = numbers;
    }
    if (link.loop) {
      this.points.push(this.points[0]);
      labels.push(labels[0]);
    }
    this.labels = generator.model.numClasses ? labels.map((label) => generator.weightsOfLabel(label)) : null;
    this.between = PATHS[link.path];
  }

  /**
   * Return the latent and the weights of the classes at a position.
   * @param {number} t in 0..1
   * @returns {{z: Float32Array, label: Float32Array | null}}
   */
  at(t) {
    const [segment, local] = segmentOf(this.points.length, t);
    const z = this.between(this.points[segment], this.points[segment + 1], local);
    if (!this.labels) return { z, label: null };
    const [from, to] = [this.labels[segment], this.labels[segment + 1]];
    if (!from || !to) return { z, label: null };
    const share = Math.fround(local);
    return { z, label: from.map((weight, index) => Math.fround(Math.fround(1 - share) * weight) + share * to[index]) };
  }
}

/**
 * Draw the images at positions of a link's path: (frames, H, W, C) bytes.
 * @param {Link} link with fitting labels
 * @param {TrainedGenerator} generator
 * @param {number[]} t
 * @param {number} [psi]
 */
export function drawAt(link, generator, t, psi = 1) {
  const path = new Path(link, generator);
  const points = t.map((position) => path.at(position));
  const labels = points.flatMap(({ label }) => (label ? [label] : []));
  return generator.draw(
    points.map(({ z }) => z),
    labels.length ? labels : null,
    psi,
  );
}

/**
 * Draw all frames of a link. The returned link has fitting labels, and the ids of these weights and pixels.
 * @param {Link} link
 * @param {TrainedGenerator} generator
 * @returns {{link: Link, images: Uint8Array, notes: Note[]}}
 */
export function render(link, generator) {
  const { link: fitting, notes } = fitLink(link, generator.model);
  const images = drawAt(fitting, generator, positions(fitting.frames, fitting.loop));
  const digest = digestOf(images, fitting.frames, generator.model);
  return { link: { ...fitting, weightsId: generator.weightsId, digest }, images, notes };
}

/**
 * Return the first 12 hex digits of the SHA-256 of the images' shape and pixels (N, C, H, W).
 * @param {Uint8Array} images (N, H, W, C)
 * @param {number} count N
 * @param {{channels: number, imageSize: number}} model
 */
export function digestOf(images, count, { channels, imageSize }) {
  const area = imageSize ** 2;
  let ordered = images;
  if (channels > 1) {
    ordered = new Uint8Array(images.length);
    for (let image = 0; image < count; image += 1) {
      for (let pixel = 0; pixel < area; pixel += 1) {
        for (let channel = 0; channel < channels; channel += 1) {
          ordered[(image * channels + channel) * area + pixel] = images[(image * area + pixel) * channels + channel];
        }
      }
    }
  }
  const shape = `(${count}, ${channels}, ${imageSize}, ${imageSize})`;
  return sha256([new TextEncoder().encode(shape), ordered]).slice(0, 12);
}
