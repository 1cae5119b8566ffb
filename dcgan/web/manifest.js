// @ts-check
/**
 * The list of a page's models, manifest.json, and the checks of its shape: the list is not trusted.
 *
 * @typedef {object} Weights
 * @property {string} id of the weights that a link names
 * @property {number} step
 * @property {number} epoch
 * @property {string} file an address relative to the page, or the id of an element of the page
 * @property {boolean} half whether they were rounded to half precision for this page
 * @property {string} packed how the element's text is packed
 *
 * @typedef {object} Model
 * @property {string} name of the run
 * @property {Weights} weights
 * @property {Weights[]} snapshots oldest first
 * @property {string[]} classes names of the labels
 * @property {{real: number[], fake: Record<string, number[]>} | null} discriminator
 * @property {Digits | null} digits real ones, with the size and the channels of the model's images
 *
 * @typedef {object} Digits
 * @property {string} file
 * @property {number} size
 * @property {number} channels
 * @property {number} columns
 * @property {number} count
 *
 * @typedef {object} Manifest
 * @property {string} usual
 * @property {Model[]} models
 *
 * @typedef {(value: any, place: string) => string} Shape returns the damaged place of a value; empty: it has the shape
 */

import { SentenceError } from "./texts.js";

const MAX_SIDE = 10_000;

/** @param {(value: any) => boolean} isValid @returns {Shape} */
const oneOf = (isValid) => (value, place) => (isValid(value) ? "" : place);

/** @param {Shape} shape @returns {Shape} */
const listOf = (shape) => (value, place) =>
  Array.isArray(value) ? firstDamage(value.map((item, index) => shape(item, `${place}[${index}]`))) : place;

/** @param {Record<string, Shape>} shapes @returns {Shape} */
const objectOf = (shapes) => (value, place) =>
  isDictionary(value)
    ? firstDamage(Object.entries(shapes).map(([name, shape]) => shape(value[name], place ? `${place}.${name}` : name)))
    : place;

/** @param {Shape} shape @returns {Shape} */
const dictionaryOf = (shape) => (value, place) =>
  isDictionary(value) ? firstDamage(Object.values(value).map((item) => shape(item, place))) : place;

/** @param {Shape} shape @returns {Shape} */
const orNull = (shape) => (value, place) => (value === null ? "" : shape(value, place));

/** @param {string[]} places */
function firstDamage(places) {
  return places.find(Boolean) ?? "";
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isDictionary(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const textShape = oneOf((value) => typeof value === "string");
const numberShape = oneOf(Number.isFinite);
const countShape = oneOf((value) => Number.isSafeInteger(value) && value >= 0);
const sideShape = oneOf((value) => Number.isInteger(value) && value > 0 && value <= MAX_SIDE);

const weightsShape = objectOf({
  id: textShape,
  step: countShape,
  epoch: numberShape,
  file: textShape,
  half: oneOf((value) => typeof value === "boolean"),
  packed: textShape,
});

const manifestShape = objectOf({
  usual: textShape,
  models: listOf(
    objectOf({
      name: textShape,
      weights: weightsShape,
      snapshots: listOf(weightsShape),
      classes: listOf(textShape),
      discriminator: orNull(objectOf({ real: listOf(numberShape), fake: dictionaryOf(listOf(numberShape)) })),
      digits: orNull(objectOf({ file: textShape, size: sideShape, channels: sideShape, columns: sideShape, count: sideShape })),
    }),
  ),
});

/**
 * Return the list of models that a text spells. Throws SentenceError where it is damaged, with the damaged place.
 * @param {string} source
 * @returns {Manifest}
 */
export function parseManifest(source) {
  let manifest;
  try {
    manifest = JSON.parse(source);
  } catch {
    throw new SentenceError("manifestNotJson");
  }
  if (!isDictionary(manifest)) throw new SentenceError("manifestNotJson");
  const place = manifestShape(manifest, "") || (manifest.models.length ? "" : "models");
  if (place) throw new SentenceError("manifestDamaged", { place });
  return /** @type {Manifest} */ (manifest);
}
