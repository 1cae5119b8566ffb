// @ts-check
/**
 * Files of weights: safetensors with the config of the training inside, as dcgan/checkpoint.py writes them.
 *
 * A file is not trusted. Sizes, types and offsets are checked before anything is read, and every error is a sentence.
 */

import { sha256 } from "./sha256.js";
import { SentenceError } from "./texts.js";

const MAX_HEADER_BYTES = 4 * 2 ** 20;
const MAX_TENSORS = 1000;

/** The bytes of one number, and its name in the id of weights. */
const TYPES = {
  F16: { bytes: 2, name: "torch.float16" },
  F32: { bytes: 4, name: "torch.float32" },
  I64: { bytes: 8, name: "torch.int64" },
};

/**
 * @typedef {object} Tensor
 * @property {keyof typeof TYPES} type
 * @property {number[]} shape
 * @property {Uint8Array} bytes little-endian
 *
 * @typedef {object} WeightsFile
 * @property {Map<string, Tensor>} tensors
 * @property {{kind: string, step: number, config: any}} metadata
 */

/** Weights that cannot be used. */
export class WeightsError extends SentenceError {}

/**
 * Read a file of weights. Throws WeightsError where it is damaged or holds something else.
 * @param {ArrayBuffer} buffer
 * @returns {WeightsFile}
 */
export function readWeights(buffer) {
  if (buffer.byteLength < 8) throw damaged({ text: "fileShort" });
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  if (length > MAX_HEADER_BYTES || length + 8 > buffer.byteLength) throw damaged({ text: "fileWithoutHeader" });
  const header = parsed(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const packed = isObject(header.__metadata__) ? header.__metadata__.dcgan : undefined;
  if (typeof packed !== "string") throw damaged({ text: "fileWithoutConfig" });
  const metadata = parsed(packed);
  if (!isObject(metadata.config) || !isObject(metadata.config.model)) throw damaged({ text: "fileWithoutConfig" });
  const names = Object.keys(header).filter((name) => name !== "__metadata__");
  if (names.length > MAX_TENSORS) throw damaged({ text: "fileManyTensors", values: { count: names.length } });
  const data = new Uint8Array(buffer, 8 + length);
  const tensors = new Map(names.map((name) => [name, readTensor(name, header[name], data)]));
  return { tensors, metadata: /** @type {any} */ (metadata) };
}

/** @param {import("./texts.js").Note} reason */
function damaged(reason) {
  return new WeightsError("weightsDamaged", { reason });
}

/** @param {unknown} value @returns {value is Record<string, any>} */
function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param {string} text @returns {Record<string, any>} */
function parsed(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw damaged({ text: "fileHeaderNotJson" });
  }
  if (!isObject(value)) throw damaged({ text: "fileHeaderNotObject" });
  return value;
}

/** @param {string} name @param {any} entry @param {Uint8Array} data @returns {Tensor} */
function readTensor(name, entry, data) {
  const values = { name: JSON.stringify(name.slice(0, 80)) };
  const { dtype, shape, data_offsets: offsets } = isObject(entry) ? entry : /** @type {any} */ ({});
  if (!Object.hasOwn(TYPES, dtype)) throw damaged({ text: "tensorType", values });
  if (!isListOfSizes(shape) || shape.length > 8) throw damaged({ text: "tensorShape", values });
  if (!isListOfSizes(offsets) || offsets.length !== 2) throw damaged({ text: "tensorPlace", values });
  const type = /** @type {keyof typeof TYPES} */ (dtype);
  const size = shape.reduce((product, count) => product * count, TYPES[type].bytes);
  if (offsets[1] - offsets[0] !== size || offsets[1] > data.length) throw damaged({ text: "tensorCut", values });
  return { type, shape, bytes: data.subarray(offsets[0], offsets[1]) };
}

/** @param {unknown} value @returns {value is number[]} */
function isListOfSizes(value) {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/**
 * Return the numbers of a tensor of floats.
 * @param {Tensor} tensor
 */
export function floats({ type, bytes }) {
  if (type === "I64") throw damaged({ text: "tensorWhole" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = TYPES[type].bytes;
  const numbers = new Float32Array(bytes.length / size);
  for (let at = 0; at < numbers.length; at += 1) {
    numbers[at] = type === "F32" ? view.getFloat32(size * at, true) : half(view.getUint16(size * at, true));
  }
  return numbers;
}

const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => 2 ** (exponent - 25));

/** @param {number} word the 16 bits of a float16 @returns its value */
export function half(word) {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >>> 10) & 31;
  const fraction = word & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * POWERS[exponent];
}

/**
 * Return the id of the weights: the first 12 hex digits of the SHA-256 of names, types, shapes and bytes.
 * @param {Map<string, Tensor>} tensors
 */
export function weightsId(tensors) {
  const parts = [];
  const encoder = new TextEncoder();
  for (const name of [...tensors.keys()].sort(byCodePoint)) {
    const { type, shape, bytes } = /** @type {Tensor} */ (tensors.get(name));
    const comma = shape.length === 1 ? "," : "";
    parts.push(encoder.encode(`${name} ${TYPES[type].name} (${shape.join(", ")}${comma})\n`), bytes);
  }
  return sha256(parts).slice(0, 12);
}

/** @param {string} a @param {string} b */
function byCodePoint(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
