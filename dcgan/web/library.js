// @ts-check
/**
 * The models of a page, from manifest.json beside it or from the page itself.
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
 * @property {boolean} digits
 * @property {{real: number[], fake: Record<string, number[]>} | null} discriminator
 *
 * @typedef {object} Manifest
 * @property {string} usual
 * @property {Model[]} models
 * @property {{file: string, size: number, channels: number, columns: number, count: number} | null} digits
 */

/** @typedef {import("./client.js").Client} Client */

export class Library {
  /** @param {Manifest} manifest @param {boolean} inPage @param {Client} client */
  constructor(manifest, inPage, client) {
    this.manifest = manifest;
    this.inPage = inPage;
    this.client = client;
  }

  /** @param {Client} client @returns {Promise<Library>} */
  static async open(client) {
    const element = document.getElementById("manifest");
    if (element) return new Library(JSON.parse(element.textContent ?? ""), true, client);
    const response = await fetch("manifest.json");
    if (!response.ok) throw new Error(`manifest.json: HTTP ${response.status}`);
    return new Library(await response.json(), false, client);
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
   * Make the worker read weights, if it does not have them. Rejects with WorkerError.
   * @param {Weights} weights
   * @returns {Promise<{model: import("./network.js").Model}>}
   */
  load(weights) {
    const { id, packed, file } = weights;
    const message = { key: id, weightsId: id, source: { packed, ...this.source(file) } };
    return this.client.ask("load", message);
  }

  /** @param {string} file */
  source(file) {
    if (this.inPage) return { content: document.getElementById(file)?.textContent ?? "" };
    return { file: new URL(file, document.baseURI).href };
  }

  /** @returns {Promise<ImageData | null>} the real digits as one picture */
  async digits() {
    const { digits } = this.manifest;
    if (!digits) return null;
    const image = new Image();
    image.src = this.inPage ? `data:image/png;base64,${this.source(digits.file).content?.trim()}` : digits.file;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    const drawing = canvas.getContext("2d");
    drawing?.drawImage(image, 0, 0);
    return drawing?.getImageData(0, 0, image.width, image.height) ?? null;
  }
}
