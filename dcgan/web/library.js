// @ts-check
/**
 * The models of a page, from manifest.json beside it or from the page itself.
 */

import { parseManifest } from "./manifest.js";
import { context } from "./pictures.js";
import { SentenceError } from "./texts.js";

/** @typedef {import("./client.js").Client} Client */
/** @typedef {import("./manifest.js").Manifest} Manifest */
/** @typedef {import("./manifest.js").Model} Model */
/** @typedef {import("./manifest.js").Weights} Weights */

export class Library {
  /** @param {Manifest} manifest @param {boolean} inPage @param {Client} client */
  constructor(manifest, inPage, client) {
    this.manifest = manifest;
    this.inPage = inPage;
    this.client = client;
    /** @type {Map<string, Promise<ImageData>>} file of real digits -> them as one picture */
    this.pictures = new Map();
  }

  /** Rejects with SentenceError where the list of models is missing or damaged. @param {Client} client */
  static async open(client) {
    const element = document.getElementById("manifest");
    if (element) return new Library(parseManifest(element.textContent ?? ""), true, client);
    const unreachable = () => {
      throw new SentenceError("manifestUnreachable");
    };
    const response = await fetch("manifest.json").catch(unreachable);
    if (!response.ok) throw new SentenceError("manifestMissing", { status: response.status });
    return new Library(parseManifest(await response.text().catch(unreachable)), false, client);
  }

  /** @param {string} name @returns {Model | undefined} */
  model(name) {
    return this.manifest.models.find((model) => model.name === name);
  }

  /** The model of a page that was opened without a link. */
  get usual() {
    return this.model(this.manifest.usual) ?? this.manifest.models[0];
  }

  /** @param {Model} model @param {string} id @returns {Weights | undefined} the weights with this id */
  weights(model, id) {
    return [model.weights, ...model.snapshots].find((weights) => weights.id === id);
  }

  /**
   * Make the worker read weights, if it does not have them. Rejects with SentenceError. The worker knows them by their
   * file, whose config decides what they draw: two models can begin with equal weights.
   * @param {Weights} weights
   * @returns {Promise<{model: import("./network.js").Model}>}
   */
  async load(weights) {
    const { id, packed, file } = weights;
    const message = { key: file, weightsId: id, source: { packed, ...this.source(file) } };
    return this.client.ask("load", message);
  }

  /** @param {string} file */
  source(file) {
    if (this.inPage) return { content: document.getElementById(file)?.textContent ?? "" };
    try {
      return { file: new URL(file, document.baseURI).href };
    } catch {
      throw new SentenceError("manifestDamaged", { place: file });
    }
  }

  /** @param {import("./manifest.js").Digits} digits @returns {Promise<ImageData>} them as one picture, read once */
  digits(digits) {
    const reading = this.pictures.get(digits.file) ?? this.#picture(digits);
    this.pictures.set(digits.file, reading);
    reading.catch(() => this.pictures.delete(digits.file)); // the next attempt reads again
    return reading;
  }

  /**
   * Rejects with SentenceError where they are damaged.
   * @param {import("./manifest.js").Digits} digits
   * @returns {Promise<ImageData>}
   */
  async #picture({ file, size, columns, count }) {
    try {
      const bytes = await this.#bytesOf(file);
      // Browsers show what they have of a picture whose end is missing. Its name has the hash of all its bytes.
      const hash = /-([0-9a-f]{12})(\.|$)/.exec(file)?.[1];
      if (hash && (await this.client.ask("hash", { bytes })).slice(0, 12) !== hash) throw new Error("its bytes are not those of its name");
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      if (image.width < columns * size || image.height < Math.ceil(count / columns) * size) throw new Error("it is too small");
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [image.width, image.height];
      const drawing = context(canvas);
      drawing.drawImage(image, 0, 0);
      return drawing.getImageData(0, 0, image.width, image.height);
    } catch {
      throw new SentenceError("digitsDamaged", { file });
    }
  }

  /** @param {string} name of a file or an element @returns {Promise<Uint8Array<ArrayBuffer>>} */
  async #bytesOf(name) {
    const { content, file } = this.source(name);
    if (file === undefined) return Uint8Array.from(atob((content ?? "").trim()), (character) => character.charCodeAt(0));
    const response = await fetch(file);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }
}
