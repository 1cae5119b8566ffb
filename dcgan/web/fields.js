// @ts-check
/**
 * The fields of the walk: seeds, path, images, labels and psi. A note beside a field says what was corrected.
 */

import { byId } from "./dom.js";
import { areNumbers, readLabels, writeLabels, written } from "./labels.js";
import { MAX_SEED } from "./latents.js";
import { MAX_FRAMES, MAX_KEYS, MAX_LABELS } from "./link.js";
import { notesIn, writeNotes, writeText } from "./wording.js";

/** @typedef {import("./studio.js").Studio} Studio */
/** @typedef {import("./texts.js").Note} Note */

const MOST_NAMES = 20;
/** Names of classes in the hint; the others are counted. */
const MOST_SHOWN = 60;
/** Characters of a text that a note repeats. */

export class Fields {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.#connectNumber("seed-a", "seedA", 0, MAX_SEED);
    this.#connectNumber("seed-b", "seedB", 0, MAX_SEED);
    this.#connectNumber("frames", "frames", 2, MAX_FRAMES);
    byId("dice").onclick = () => {
      const [seedA, seedB] = crypto.getRandomValues(new Uint16Array(2));
      for (const id of ["seed-a", "seed-b"]) this.#note(id);
      studio.change({ seedA, seedB });
    };
    byId("path").onchange = () => studio.change({ path: byId("path").value });
    byId("loop").onchange = () => studio.change({ loop: byId("loop").checked });
    byId("keys").onchange = () => this.#readKeys();
    byId("labels").onchange = () => this.#readLabels();
    byId("psi").oninput = () => {
      studio.psi = Number(byId("psi").value);
      studio.views.walk.show();
    };
  }

  /** @param {string} id @param {"seedA" | "seedB" | "frames"} name @param {number} low @param {number} high */
  #connectNumber(id, name, low, high) {
    const { studio } = this;
    byId(id).onchange = () => {
      const text = byId(id).value;
      const value = text === "" ? studio.link[name] : Math.min(high, Math.max(low, Math.round(Number(text))));
      if (Number(text) === value && text !== "") this.#note(id);
      else this.#note(id, { text: "numberCorrected", values: { low, high, value } });
      studio.change({ [name]: value });
    };
  }

  #readKeys() {
    const { studio } = this;
    const text = byId("keys").value.trim().slice(0, 1000);
    const words = text.split(/[\s,;]+/).filter(Boolean);
    const keys = words.slice(0, MAX_KEYS).map((/** @type {string} */ word) => nearestSeed(word));
    const same = words.length <= MAX_KEYS && words.every((/** @type {string} */ word, /** @type {number} */ index) => word === String(keys[index]));
    const values = { text: text.slice(0, MOST_SHOWN), high: MAX_SEED, most: MAX_KEYS };
    if (same) this.#note("keys");
    else this.#note("keys", { text: "seedsCorrected", values });
    studio.change({ keys });
  }

  #readLabels() {
    const { studio } = this;
    const { labels, unknown } = readLabels(byId("labels").value, this.#classes);
    /** @type {Note[]} */
    const notes = [];
    if (unknown.length) {
      const names = unknown.map(written).join(", ").slice(0, MOST_SHOWN);
      notes.push({ text: "labelsUnknown", values: { names } });
    }
    if (labels.length > MAX_LABELS) notes.push({ text: "labelsMany", values: { most: MAX_LABELS } });
    this.#note("labels", ...notes);
    studio.change({ labels: labels.length ? labels.slice(0, MAX_LABELS) : studio.link.labels });
  }

  /** The names of the labels. A page whose list does not fit the model has numbers. */
  get #classes() {
    const { model, shape } = this.studio;
    if (model.classes.length === shape.numClasses) return model.classes;
    return Array.from({ length: shape.numClasses }, (_, label) => String(label));
  }

  /** Write the link to the fields. */
  show() {
    const { studio } = this;
    const { link, shape } = studio;
    byId("seed-a").value = link.seedA;
    byId("seed-b").value = link.seedB;
    byId("path").value = link.path;
    byId("frames").value = link.frames;
    byId("loop").checked = link.loop;
    byId("keys").value = link.keys.join(", ");
    writeText(byId("keys-hint"), "keysHint", { count: MAX_KEYS });
    this.#noteLatent("seed-a", link.zA);
    this.#noteLatent("seed-b", link.zB);
    byId("labels-field").hidden = !shape.numClasses;
    if (shape.numClasses) this.#showLabels();
    byId("psi").value = studio.psi;
    byId("psi-value").textContent = studio.psi.toFixed(2);
  }

  #showLabels() {
    const { studio } = this;
    const classes = this.#classes;
    byId("labels").value = writeLabels(studio.link.labels, classes);
    if (areNumbers(classes)) {
      writeText(byId("labels-hint"), "labelsHint", { last: classes.length - 1 });
      return;
    }
    // Numbers in their order, whatever the order of the labels.
    const names = [...classes].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).map(written);
    const shown = names.slice(0, MOST_NAMES).join(", ");
    const more = names.length - MOST_NAMES;
    if (more > 0) writeText(byId("labels-hint"), "labelsHintMore", { names: shown, more });
    else writeText(byId("labels-hint"), "labelsHintNames", { names: shown });
  }

  /** Say that a latent vector of the link replaces that of a seed. @param {string} id @param {string} latent */
  #noteLatent(id, latent) {
    if (latent) this.#note(id, { text: "latentOfLink" });
    else if (notesIn(byId(`${id}-note`))[0]?.text === "latentOfLink") this.#note(id);
  }

  /** Remove the notes about values that another link has replaced. */
  forget() {
    for (const id of ["seed-a", "seed-b", "frames", "keys", "labels"]) this.#note(id);
  }

  /** Say beside a field what was corrected; without notes, remove those before. @param {string} id @param {Note[]} notes */
  #note(id, ...notes) {
    writeNotes(byId(`${id}-note`), notes);
  }
}

/** @param {string} text @returns the seed nearest to what was typed */
function nearestSeed(text) {
  return Math.min(MAX_SEED, Math.max(0, Math.round(Number(text)) || 0));
}
