// @ts-check
/**
 * Links to a view: read and written by the rules of dcgan/sampling/link.py. Reading never throws, and its work is
 * bounded.
 *
 * A field of the link is one row of FIELDS. Tests compare both implementations with random links.
 */

import { MAX_SEED } from "./latents.js";
import { half } from "./weights.js";

const VERSION = 1;
export const MAX_FRAMES = 64;
export const MAX_LABELS = 64;
export const MAX_LABEL = 9999;
export const MAX_KEYS = 8;
const MAX_TEXT = 1000;
const MAX_LATENT = Math.floor((MAX_TEXT * 6) / 16);
const MAX_NOTED_KEYS = 100;
export const LANGUAGE_KEY = "lang";
/** In an address, if a visitor chose a language. It says nothing about the view. */

/**
 * @typedef {object} Link
 * @property {number} v
 * @property {string} model name of a run
 * @property {string} weightsId 12 hex digits, or empty: the model's newest weights
 * @property {number} seedA
 * @property {number} seedB
 * @property {number} frames
 * @property {"slerp" | "lerp"} path
 * @property {number} t position on the path, 0..1
 * @property {number[]} labels at A, at B and at each key; the last holds for the points after it
 * @property {number[]} keys further seeds, which the path passes after B
 * @property {boolean} loop
 * @property {string} digest 12 hex digits of the frames' pixels as the author saw them, or empty
 * @property {string} zA a latent vector for A that no seed gives, or empty: that of seed A
 * @property {string} zB
 *
 * @typedef {import("./texts.js").Note} Note
 *
 * @typedef {object} Field
 * @property {string} key in the query
 * @property {any} usual the value where the key is missing
 * @property {Note} note about a value that is not used; the key, the value and the usual value are added
 * @property {RegExp} pattern
 * @property {(text: string) => any} read the value; undefined if the text does not spell one
 * @property {(value: any) => string} write
 * @property {boolean} optional whether the key is left out of the query where the value is the usual one
 */

const NUMBER = "[0-9]{1,10}";

/** @type {(key: string, usual: number, low: number, high: number) => Field} */
const wholeNumber = (key, usual, low, high) => ({
  key,
  usual,
  note: { text: "linkWhole", values: { low, high } },
  pattern: new RegExp(`^${NUMBER}$`),
  read: (text) => (Number(text) >= low && Number(text) <= high ? Number(text) : undefined),
  write: String,
  optional: false,
});

/** @type {(key: string, high: number, most: number) => Field} */
const wholeNumbers = (key, high, most) => ({
  key,
  usual: [],
  note: { text: "linkWholes", values: { high, most } },
  pattern: new RegExp(`^(${NUMBER}(,${NUMBER}){0,${most - 1}})?$`),
  read: (text) => {
    const numbers = text ? text.split(",").map(Number) : [];
    return numbers.every((number) => number <= high) ? numbers : undefined;
  },
  write: (value) => value.join(","),
  optional: true,
});

/** @type {(key: string) => Field} */
const hexDigits = (key) => ({
  key,
  usual: "",
  note: { text: "linkHex" },
  pattern: /^([0-9A-Fa-f]{12})?$/,
  read: (text) => text.toLowerCase(),
  write: String,
  optional: true,
});

/** @type {(key: string) => Field} */
const latentVector = (key) => ({
  key,
  usual: "",
  note: { text: "linkLatent", values: { most: MAX_LATENT } },
  pattern: new RegExp(`^([A-Za-z0-9_-]{2,${MAX_TEXT}})?$`),
  read: (text) => (text === "" || halvesOf(text) ? text : undefined),
  write: String,
  optional: true,
});

/**
 * Return the numbers of a latent vector's text; null where it spells none, or one that is not finite.
 * @param {string} text half floats, little-endian, as base64 for addresses
 * @returns {Float32Array<ArrayBuffer> | null}
 */
export function halvesOf(text) {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length > MAX_TEXT || text.length % 4 === 1) return null;
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  if (!bytes.length || bytes.length % 2) return null;
  const words = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.charCodeAt(2 * i) + 256 * bytes.charCodeAt(2 * i + 1));
  if (words.some((word) => (word & 0x7c00) === 0x7c00)) return null;
  return Float32Array.from(words, half);
}

/** @param {string} name @returns whether a folder can have this name: never a path, never invisible */
function isName(name) {
  const length = [...name].length;
  return (
    length > 0 &&
    length <= 255 &&
    !/[/\\]/.test(name) &&
    !/[\p{C}\p{Zl}\p{Zp}]/u.test(name) &&
    !/\p{Zs}/u.test(name.replaceAll(" ", "")) &&
    name !== "." &&
    name !== ".."
  );
}

/** @type {Record<keyof Link, Field>} in the order of writing */
export const FIELDS = {
  v: {
    key: "v",
    usual: VERSION,
    note: { text: "linkVersion" },
    pattern: new RegExp(`^${NUMBER}$`),
    read: (text) => (Number(text) === VERSION ? VERSION : undefined),
    write: String,
    optional: false,
  },
  model: {
    key: "model",
    usual: "dcgan-mnist",
    note: { text: "linkName" },
    pattern: /^.*$/,
    read: (text) => (isName(text) ? text : undefined),
    write: String,
    optional: false,
  },
  weightsId: hexDigits("w"),
  seedA: wholeNumber("a", 7, 0, MAX_SEED),
  seedB: wholeNumber("b", 42, 0, MAX_SEED),
  frames: wholeNumber("n", 16, 2, MAX_FRAMES),
  path: {
    key: "path",
    usual: "slerp",
    note: { text: "linkOption", values: { options: "slerp, lerp" } },
    pattern: /^.*$/,
    read: (text) => (text === "slerp" || text === "lerp" ? text : undefined),
    write: String,
    optional: false,
  },
  t: {
    key: "t",
    usual: 0,
    note: { text: "linkFraction" },
    pattern: /^[0-9]{1,3}(\.[0-9]{1,30})?(e-[0-9]{1,3})?$/,
    read: (text) => (Number(text) <= 1 ? Number(text) : undefined),
    write: writeFloat,
    optional: false,
  },
  labels: wholeNumbers("labels", MAX_LABEL, MAX_LABELS),
  keys: wholeNumbers("k", MAX_SEED, MAX_KEYS),
  loop: {
    key: "loop",
    usual: false,
    note: { text: "linkSwitch" },
    pattern: /^1?$/,
    read: (text) => text === "1",
    write: (value) => (value ? "1" : ""),
    optional: true,
  },
  digest: hexDigits("d"),
  zA: latentVector("za"),
  zB: latentVector("zb"),
};

/**
 * Return a float as Python writes it: 0.5, 1.0, 1e-05. It is the shortest text that reads back exactly.
 * @param {number} value in 0..1
 */
function writeFloat(value) {
  if (value === 0) return "0.0";
  if (Number.isInteger(value)) return `${value}.0`;
  const [digits, exponent] = value.toExponential().split("e");
  if (Number(exponent) >= -4) return String(value); // which has no exponent from 1e-6 on
  return `${digits}e-${exponent.slice(1).padStart(2, "0")}`;
}

/** @returns {Link} the link of a page that was opened without one */
export function usualLink() {
  const entries = Object.entries(FIELDS).map(([name, field]) => [name, field.usual]);
  return /** @type {Link} */ (Object.fromEntries(entries));
}

/**
 * Return the query string of a link, without its question mark. Equal links give equal strings.
 * @param {Link} link
 */
export function writeLink(link) {
  const pairs = [];
  for (const [name, field] of Object.entries(FIELDS)) {
    const text = field.write(/** @type {any} */ (link)[name]);
    if (!field.optional || text !== field.write(field.usual)) pairs.push([field.key, text]);
  }
  // Python writes these two the other way round.
  return new URLSearchParams(pairs).toString().replaceAll("*", "%2A").replaceAll("%7E", "~");
}

export const FOREIGN = /^(__|utm_|fbclid|gclid|dclid|msclkid|igshid|mc_cid|mc_eid)/i;
const PUNCTUATION = ".,;:!?'\"<>)]}";

/**
 * Return the parsed query as it was made: mail programs write `&amp;`, and sentences end with punctuation.
 * @param {string} text with or without a question mark
 * @returns {Map<string, string>}
 */
export function parseQuery(text) {
  /** @type {Map<string, string>} */
  const last = new Map();
  for (const [key, value] of new URLSearchParams(text.replace(/^\?/, ""))) last.set(key, value);
  /** @type {Map<string, string>} */
  const query = new Map();
  for (const [key, value] of last) {
    const fixed = key.replace(/^(amp;)+/, "");
    if (!query.has(fixed)) query.set(fixed, value);
  }
  const key = [...query.keys()].reverse().find((name) => !FOREIGN.test(name));
  if (key !== undefined) query.set(key, withoutPunctuation(query.get(key) ?? ""));
  return query;
}

/** @param {string} text @returns the text without punctuation at its end; a bracket that the text opens stays */
function withoutPunctuation(text) {
  for (let count = 0; count < MAX_TEXT; count += 1) {
    const end = text.slice(-1);
    if (!text || !PUNCTUATION.includes(end) || (end === ")" && text.includes("("))) break;
    text = text.slice(0, -1);
  }
  return text;
}

/**
 * Return the link that a query spells, and a note for each value that was not used.
 *
 * The usual value replaces a value that is missing, damaged or out of range. Unknown keys are ignored. A query without
 * any key of a link gives no notes.
 * @param {string} text the query, with or without a question mark
 * @returns {{link: Link, notes: Note[], anyKey: boolean}}
 */
export function readLink(text) {
  const query = parseQuery(text);
  const link = /** @type {any} */ (usualLink());
  /** @type {Note[]} */
  const notes = [];
  const known = new Set(Object.values(FIELDS).map((field) => field.key));
  const anyKey = [...known].some((key) => query.has(key));
  for (const [name, field] of Object.entries(FIELDS)) {
    const sent = query.get(field.key);
    const usual = field.write(field.usual);
    if (sent === undefined) {
      if (anyKey && !field.optional) notes.push({ text: "linkMisses", values: { key: field.key, usual } });
      continue;
    }
    const value = [...sent].length <= MAX_TEXT && field.pattern.test(sent) ? field.read(sent) : undefined;
    if (value === undefined) {
      const { text: sentence, values } = field.note;
      notes.push({ text: sentence, values: { ...values, key: field.key, value: shown(sent), usual } });
    } else link[name] = value;
  }
  const isUnknown = (/** @type {string} */ key) => !known.has(key) && key !== LANGUAGE_KEY && !FOREIGN.test(key);
  const unknown = [...query.keys()].slice(0, MAX_NOTED_KEYS).filter(isUnknown);
  if (unknown.length) {
    const keys = unknown.slice(0, 3).map(shown).join(", ") + (unknown.length > 3 ? ", ..." : "");
    notes.push({ text: "linkUnknown", values: { keys } });
  }
  return { link, notes, anyKey };
}

/** @param {string} value @returns at most 40 characters of what was sent, quoted, with ASCII characters only */
export function shown(value) {
  return JSON.stringify([...value].slice(0, 40).join("")).replace(
    /[^ -~]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
