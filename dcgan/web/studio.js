// @ts-check
/**
 * What the page shows: a model, its weights, a link and a view. Views read it, and change it by its methods.
 */

import { Address, languageOfAddress } from "./address.js";
import { byId } from "./dom.js";
import { fitLink } from "./generator.js";
import { segmentOf } from "./latents.js";
import { fitPlace, viewsOf } from "./place.js";
import { LANGUAGE_KEY, parseQuery, readLink, shown, usualLink, writeLink } from "./link.js";
import { LANGUAGES, isLanguage } from "./languages.js";
import { SentenceError } from "./texts.js";
import { chooseLanguage, chosenLanguage, notesIn, spokenLanguage, writeNotes, writeText } from "./wording.js";

/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./library.js").Library} Library */
/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./manifest.js").Model} Model */
/** @typedef {import("./manifest.js").Weights} Weights */
/** @typedef {import("./texts.js").Note} Note */

/**
 * @typedef {object} View
 * @property {() => void} show
 * @property {() => void} hide
 * @property {() => void} [open] reads the address, after another one was opened
 */

const T_DIGITS = 4;
/** Digits of t after the point, for positions that a visitor chooses: links stay short. */
const COPIED_MILLISECONDS = 5000;

export class Studio {
  /** @param {Library} library @param {Client} client */
  constructor(library, client) {
    this.library = library;
    this.client = client;
    /** @type {Model} */
    this.model = library.usual;
    /** @type {Weights} */
    this.weights = this.model.weights;
    /** @type {import("./network.js").Model} */
    this.shape = /** @type {any} */ (null);
    /** @type {Link} */
    this.link = usualLink();
    this.psi = 1;
    /** @type {URLSearchParams} what only this page knows */
    this.extra = new URLSearchParams();
    /** @type {Record<string, View>} */
    this.views = {};
    this.view = "walk";
    this.address = new Address(() => ({ query: this.query(), extra: this.extra.toString() }));
    /** Ends when the model or the address that a visitor has chosen is shown. Saving waits for it. */
    this.settled = Promise.resolve();
    this.readings = 0;
    this.copiedTimer = 0;
  }

  /** Show an error as a sentence. @param {unknown} error */
  fail = (error) => {
    writeNotes(byId("status"), [noteOf(error)]);
  };

  /** The CSS pixels that a view may be wide. */
  get room() {
    return byId("studio").clientWidth;
  }

  /** Seeds with labels as a conditional model needs them: the label at A. */
  get label() {
    return this.link.labels[0] ?? 0;
  }

  /**
   * Change what is shown. `quietly` is for changes that the view has drawn itself.
   * @param {Partial<Link>} change
   * @param {{quietly?: boolean}} [options]
   */
  change(change, { quietly = false } = {}) {
    const samePath = Object.keys(change).every((name) => name === "t");
    // Another seed replaces a latent vector that no seed gives.
    const latents = { ...("seedA" in change && { zA: "" }), ...("seedB" in change && { zB: "" }) };
    // The id of the pixels is that of one path.
    this.link = { ...this.link, ...latents, ...change, digest: samePath ? this.link.digest : "" };
    this.address.follow();
    if (!quietly) this.views[this.view].show();
  }

  /** Move to a position, which is clipped to 0..1 and rounded. The view draws it. @param {number} t */
  moveTo(t) {
    const rounded = Number(Math.min(1, Math.max(0, t)).toFixed(T_DIGITS));
    // A position of the link that was opened keeps its digits.
    this.change({ t: t === this.link.t ? t : rounded }, { quietly: true });
  }

  /** @param {string} name @param {string | number | null} value what only this page knows; null removes it */
  remember(name, value) {
    if (value === null) this.extra.delete(name);
    else this.extra.set(name, String(value));
    this.address.follow();
  }

  /** @param {number} t @returns {{a: number, b: number}} the seeds before and after a position */
  seedsAt(t) {
    const { seedA, seedB, keys, loop } = this.link;
    const seeds = [seedA, seedB, ...keys, ...(loop ? [seedA] : [])];
    const [segment] = segmentOf(seeds.length, t);
    return { a: seeds[segment], b: seeds[segment + 1] };
  }

  /**
   * Return the query of a link to what is shown, with the ids that other apps compare.
   * @param {Record<string, string>} [more] further keys
   */
  query(more = {}) {
    const link = writeLink({ ...this.link, model: this.model.name, weightsId: this.weights.id });
    const others = new URLSearchParams({ ...more, ...chosenLanguage() }).toString();
    return others ? `${link}&${others}` : link;
  }

  /** Return the address of what is shown, to be sent around. @param {Record<string, string>} [more] further keys */
  url(more) {
    return `${location.href.split(/[?#]/)[0]}?${this.query(more)}`;
  }

  /**
   * Copy a link, and say so for a while. Where a browser copies nothing, the link is shown.
   * @param {string} link @param {string} id of the element for the text
   */
  async copy(link, id) {
    const output = byId(id);
    try {
      await navigator.clipboard.writeText(link);
      /** @type {Note[]} */
      const notes = [{ text: "copied" }];
      writeNotes(output, notes);
      clearTimeout(this.copiedTimer);
      this.copiedTimer = setTimeout(() => {
        if (notesIn(output) === notes) writeNotes(output, []);
      }, COPIED_MILLISECONDS);
    } catch {
      writeText(output, "copyByHand", { link });
    }
  }

  /** Read the link of the address. Rejects with SentenceError, and then keeps what was shown. */
  async open() {
    const { query, extra } = this.address.read();
    const language = languageOfAddress();
    const { link, notes, anyKey } = readLink(query);
    const usual = !parseQuery(query).has("model");
    const named = usual ? this.library.usual : this.library.model(link.model);
    const model = named ?? this.library.usual;
    const exact = link.weightsId && named ? this.library.weights(named, link.weightsId) : undefined;
    const lines = notes.filter(({ text, values }) => !(text === "linkMisses" && values?.key === "model"));
    if (language && !isLanguage(language)) {
      const values = { key: LANGUAGE_KEY, value: shown(language), options: Object.keys(LANGUAGES).join(", "), usual: spokenLanguage() };
      lines.push({ text: "linkOption", values });
    }
    if (anyKey && !named) lines.push({ text: "unknownModel", values: { model: link.model, name: model.name } });
    if (!(await this.load(model, exact ?? model.weights))) return;
    const fitting = fitLink(link, this.shape);
    const { place, notes: placeNotes } = fitPlace(extra, model);
    this.extra = place;
    lines.push(...fitting.notes, ...placeNotes);
    this.link = { ...fitting.link, model: model.name };
    if (link.weightsId && named) lines.push(await this.verdict(link, exact));
    showNotes(lines);
  }

  /**
   * Return a sentence that compares the weights with those of the link.
   * @param {Link} link @param {Weights | undefined} exact
   * @returns {Promise<Note>}
   */
  async verdict(link, exact) {
    if (!exact) return { text: "otherWeights", values: { id: link.weightsId, mine: this.weights.id } };
    if (exact.half) return { text: "sameWeightsHalf" };
    if (!link.digest) return { text: "sameWeights" };
    const { link: drawn } = await this.client.ask("render", { key: exact.file, link: this.link, psi: 1 });
    return { text: drawn.digest === link.digest ? "samePixels" : "sameWeights" };
  }

  /**
   * Make the worker read weights, and then show them. Rejects with SentenceError, and then keeps those before.
   * @param {Model} model @param {Weights} weights
   * @returns {Promise<boolean>} whether they are shown: false if a visitor has chosen others meanwhile
   */
  async load(model, weights) {
    this.readings += 1;
    const reading = this.readings;
    writeText(byId("status"), "loading");
    let shape;
    try {
      ({ model: shape } = await this.library.load(weights));
    } catch (error) {
      if (reading === this.readings) throw error;
    }
    if (reading !== this.readings || !shape) return false;
    Object.assign(this, { model, weights, shape });
    writeNotes(byId("status"), []);
    const { id, step } = weights;
    writeText(byId("weights"), "weightsOfModel", { name: model.name, id, step });
    return true;
  }

  /** Let a change go on, and show its error. @param {Promise<void>} change */
  settle(change) {
    this.settled = change.catch(this.fail);
  }

  /** Choose another model. Rejects with SentenceError, and then keeps the one before. @param {string} name */
  async choose(name) {
    const model = this.library.model(name) ?? this.model;
    showNotes([]);
    try {
      if (!(await this.load(model, model.weights))) return;
    } catch (error) {
      byId("model").value = this.model.name;
      throw error;
    }
    this.link = { ...fitLink(this.link, this.shape).link, model: model.name };
    this.extra = fitPlace(this.extra, model).place;
    this.offerViews();
    this.change({});
  }

  /** Show what another address names. */
  async reopen() {
    this.views[this.view].hide();
    const language = languageOfAddress();
    if (isLanguage(language)) chooseLanguage(language);
    await this.open();
    for (const view of Object.values(this.views)) view.open?.();
    this.showAddressed();
  }

  /** Show the view of the address. */
  showAddressed() {
    byId("model").value = this.model.name;
    this.offerViews();
    this.select(this.extra.get("view") ?? "walk");
  }

  /** Show the tabs that the model has something for. */
  offerViews() {
    const offered = viewsOf(this.model);
    for (const name of Object.keys(this.views)) byId(`tab-${name}`).hidden = !offered.includes(name);
    if (byId(`tab-${this.view}`).hidden) this.select("walk");
  }

  /** @param {string} view */
  select(view) {
    this.views[this.view].hide();
    this.view = view;
    writeNotes(byId("status"), []);
    for (const name of Object.keys(this.views)) {
      byId(name).hidden = name !== view;
      byId(`tab-${name}`).setAttribute("aria-selected", String(name === view));
      byId(`tab-${name}`).tabIndex = name === view ? 0 : -1;
    }
    this.remember("view", view === "walk" ? null : view);
    // The worker may have dropped the weights since, for those of many snapshots.
    this.library.load(this.weights).catch(this.fail);
    this.views[view].show();
  }
}

/** @param {unknown} error @returns {Note} a sentence about it */
export function noteOf(error) {
  if (error instanceof SentenceError) return { text: error.text, values: error.values };
  return { text: "pageFailed", values: { reason: error instanceof Error ? error.message : String(error) } };
}

/** @param {Note[]} notes */
function showNotes(notes) {
  byId("notes").replaceChildren(
    ...notes.map((note) => {
      const item = document.createElement("li");
      writeNotes(item, [note]);
      return item;
    }),
  );
}
