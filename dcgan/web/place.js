// @ts-check
/**
 * What only this page knows, and what stands behind # in its address: the view, the snapshot, the place on the map, the
 * quiz. An address is not trusted: each value is checked, and a sentence names one that is not used.
 */

import { FOREIGN, shown } from "./link.js";

/** @typedef {import("./link.js").Note} Note */
/** @typedef {import("./manifest.js").Model} Model */
/** @typedef {import("./manifest.js").Weights} Weights */

export const MAP_START = { x: 4, y: 2 };
export const FIRST_QUIZ = 1;
const MAX_QUIZ = 2 ** 32 - 1;

/** @param {Model} model @returns {string[]} the views that the model has something for */
export function viewsOf(model) {
  return [
    "walk",
    ...(model.snapshots.length ? ["time"] : []),
    "map",
    ...(model.discriminator && model.digits ? ["quiz"] : []),
  ];
}

/** @param {Model} model @returns {Weights[]} all weights of the model for which the page has answers of D */
export function quizSources({ snapshots, weights, discriminator }) {
  const all = [...snapshots.filter(({ step }) => step > 0 && step < weights.step), weights];
  return all.filter(({ id }) => discriminator?.fake[id]);
}

/** @typedef {{note: Note, usual: string, isValid: (text: string) => boolean}} Rule the note gets key, value and usual */

/** @param {number} high @param {number} usual @returns {Rule} */
const wholeUpTo = (high, usual) => ({
  note: { text: "linkWhole", values: { low: 0, high } },
  usual: String(usual),
  isValid: (text) => /^[0-9]{1,10}$/.test(text) && Number(text) <= high,
});

/** @param {number} usual @returns {Rule} */
const anyNumber = (usual) => ({
  note: { text: "linkNumber" },
  usual: String(usual),
  isValid: (text) => /^-?[0-9]{1,400}(\.[0-9]{1,400})?(e[-+]?[0-9]{1,3})?$/i.test(text) && Number.isFinite(Number(text)),
});

/** @type {Record<string, (model: Model) => Rule>} */
const RULES = {
  view: (model) => ({
    note: { text: "linkOption", values: { options: viewsOf(model).join(", ") } },
    usual: "walk",
    isValid: (text) => viewsOf(model).includes(text),
  }),
  snapshot: ({ snapshots }) =>
    snapshots.length
      ? wholeUpTo(snapshots.length - 1, snapshots.length - 1)
      : { note: { text: "linkSnapshot" }, usual: "", isValid: () => false },
  x: () => anyNumber(MAP_START.x),
  y: () => anyNumber(MAP_START.y),
  quiz: () => wholeUpTo(MAX_QUIZ, FIRST_QUIZ),
  from: (model) => {
    const ids = quizSources(model).map(({ id }) => id);
    const note = /** @type {Note} */ ({ text: ids.length ? "linkWeights" : "linkNoWeights" });
    return { note, usual: model.weights.id, isValid: (text) => ids.includes(text) };
  },
};

/**
 * Return what fits a model, and a note for each value that is not used.
 * @param {URLSearchParams} place
 * @param {Model} model
 * @returns {{place: URLSearchParams, notes: Note[]}}
 */
export function fitPlace(place, model) {
  const fitting = new URLSearchParams();
  /** @type {Note[]} */
  const notes = [];
  const unknown = [];
  for (const [key, value] of place) {
    if (!Object.hasOwn(RULES, key)) {
      if (!FOREIGN.test(key)) unknown.push(key);
      continue;
    }
    const { note, usual, isValid } = RULES[key](model);
    if (isValid(value)) fitting.set(key, value);
    else notes.push({ text: note.text, values: { ...note.values, key, value: shown(value), usual } });
  }
  if (unknown.length) {
    const keys = unknown.slice(0, 3).map(shown).join(", ") + (unknown.length > 3 ? ", ..." : "");
    notes.push({ text: "linkUnknown", values: { keys } });
  }
  return { place: fitting, notes };
}
