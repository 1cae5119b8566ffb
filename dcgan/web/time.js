// @ts-check
/**
 * The time machine: one slider moves through the snapshots of a training, the other through latent space.
 */

import { byId } from "./dom.js";
import { sheet, show } from "./pictures.js";
import { writeAttribute, writeText } from "./wording.js";

/** @typedef {import("./studio.js").Studio} Studio */

const GRID = 8;
const PLAY_MILLISECONDS = 700;
const MOST_READ = 12;
/** Snapshots that are read before they are chosen. The worker keeps a few more weights than these. */

export class TimeView {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.timer = 0;
    /** The file of the weights whose grid was requested last. */
    this.drawn = "";
    /** The file of the weights whose grid has been drawn. */
    this.shown = "";
    /** @type {Uint8Array | undefined} */
    this.images = undefined;
    this.drawImage = studio.client.channel("at", (image, request) => this.showImage(image, request), studio.fail);
    this.drawGrid = studio.client.channel("seeds", (images, { key }) => this.showGrid(images, key), studio.fail);
    byId("snapshot").oninput = () => this.goTo(Number(byId("snapshot").value));
    byId("time-t").oninput = () => {
      studio.moveTo(Number(byId("time-t").value));
      this.draw();
    };
    byId("play-time").onclick = () => this.play(!this.timer);
  }

  get index() {
    return Number(this.studio.extra.get("snapshot") ?? this.studio.model.snapshots.length - 1);
  }

  show() {
    const { snapshots } = this.studio.model;
    if (this.drawn && !snapshots.some(({ file }) => file === this.drawn)) this.drawn = ""; // of another model
    byId("snapshot").max = snapshots.length - 1;
    this.#readAll(snapshots);
  }

  /**
   * Read the snapshots while the visitor looks, so that the slider answers at once: the chosen one first.
   * @param {import("./manifest.js").Weights[]} snapshots
   */
  async #readAll(snapshots) {
    await this.goTo(this.index);
    try {
      for (const weights of snapshots.slice(0, MOST_READ)) {
        if (this.studio.model.snapshots !== snapshots) return; // another model was chosen
        await this.studio.library.load(weights);
      }
    } catch (error) {
      this.studio.fail(/** @type {any} */ (error));
    }
  }

  hide() {
    this.play(false);
  }

  /** @param {number} index of a snapshot */
  async goTo(index) {
    const { studio } = this;
    const weights = studio.model.snapshots[index];
    studio.remember("snapshot", index);
    byId("snapshot").value = index;
    const values = trainedUntil(weights);
    writeText(byId("snapshot-value"), "trainingAt", values);
    writeAttribute(byId("snapshot"), "aria-valuetext", { text: "trainingAt", values });
    try {
      await studio.library.load(weights);
    } catch (error) {
      studio.fail(/** @type {any} */ (error));
      return;
    }
    if (this.index === index) this.draw();
  }

  draw() {
    const { studio } = this;
    const weights = studio.model.snapshots[this.index];
    const { t } = studio.link;
    byId("time-t").value = t;
    writeText(byId("time-t-value"), "positionValue", { t: t.toFixed(2) });
    const { numClasses } = studio.shape;
    const seeds = Array.from({ length: GRID * GRID }, (_, seed) => seed);
    const labels = seeds.map((seed) => (numClasses ? seed % numClasses : 0));
    this.drawImage({ key: weights.file, link: studio.link, t, psi: 1, weights });
    if (this.drawn !== weights.file) this.drawGrid({ key: weights.file, seeds, labels, psi: 1 });
    else this.#fit();
    this.drawn = weights.file;
  }

  /** @param {Uint8Array} image @param {{t: number, weights: import("./manifest.js").Weights}} request */
  showImage(image, { t, weights }) {
    const { studio } = this;
    const { imageSize, channels } = studio.shape;
    if (image.length !== imageSize ** 2 * channels) return;
    show(byId("time-image"), sheet(image, imageSize, channels, 1), Math.min(studio.room, 252));
    const values = { ...trainedUntil(weights), t: t.toFixed(2), ...studio.seedsAt(t) };
    writeAttribute(byId("time-image"), "aria-label", { text: "timeCaption", values });
    writeText(byId("time-caption"), "timeCaption", values);
  }

  /** @param {Uint8Array} images @param {string} file of their weights */
  showGrid(images, file) {
    this.images = images;
    this.shown = file;
    this.#fit();
  }

  #fit() {
    const { studio, images } = this;
    const { imageSize, channels } = studio.shape;
    if (images?.length !== GRID * GRID * imageSize ** 2 * channels) return;
    show(byId("grid"), sheet(images, imageSize, channels, GRID), studio.room, 2);
    const { snapshots } = studio.model;
    // Weights that did not change for a while have one file, and the slider says which of them are meant.
    const weights = [snapshots[this.index], ...snapshots].find((other) => other?.file === this.shown);
    if (!weights) return;
    writeAttribute(byId("grid"), "aria-label", { text: "gridOf", values: { step: weights.step } });
    writeText(byId("grid-caption"), "gridCaption", trainedUntil(weights));
  }

  /** @param {boolean} on */
  play(on) {
    clearInterval(this.timer);
    this.timer = 0;
    byId("play-time").setAttribute("aria-pressed", String(on));
    writeText(byId("play-time"), on ? "pause" : "play");
    if (!on) return;
    const next = () => this.goTo((this.index + 1) % this.studio.model.snapshots.length);
    this.timer = setInterval(next, PLAY_MILLISECONDS);
    next();
  }
}

/** @param {import("./manifest.js").Weights} weights @returns how long they were trained, for a text */
function trainedUntil({ epoch, step }) {
  return { epoch: Number(epoch.toFixed(2)), step };
}
