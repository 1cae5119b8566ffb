// @ts-check
/**
 * The time machine: one slider moves through the snapshots of a training, the other through latent space.
 */

import { byId } from "./dom.js";
import { sheet, show } from "./pictures.js";

/** @typedef {import("./page.js").Studio} Studio */

const GRID = 8;
const PLAY_MILLISECONDS = 700;

export class TimeView {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.timer = 0;
    /** The id of the weights whose grid is shown or requested. */
    this.drawn = "";
    /** @type {Uint8Array | undefined} */
    this.images = undefined;
    this.drawImage = studio.client.channel("at", (image) => this.showImage(image), studio.fail);
    this.drawGrid = studio.client.channel("seeds", (images) => this.showGrid(images), studio.fail);
    byId("snapshot").oninput = () => this.goTo(Number(byId("snapshot").value));
    byId("time-t").oninput = () => {
      studio.change({ t: Number(byId("time-t").value) }, { quietly: true });
      this.draw();
    };
    byId("play-time").onclick = () => this.play(!this.timer);
  }

  get index() {
    const index = Number(this.studio.extra.get("snapshot") ?? NaN);
    const last = this.studio.model.snapshots.length - 1;
    return Number.isInteger(index) && index >= 0 && index <= last ? index : last;
  }

  show() {
    const { snapshots } = this.studio.model;
    byId("snapshot").max = snapshots.length - 1;
    this.#readAll(snapshots);
  }

  /**
   * Read the snapshots while the visitor looks, so that the slider answers at once: the chosen one first.
   * @param {import("./library.js").Weights[]} snapshots
   */
  async #readAll(snapshots) {
    await this.goTo(this.index);
    try {
      for (const weights of snapshots) {
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
    const text = studio.say("trainingAt", { epoch: Number(weights.epoch.toFixed(2)), step: weights.step });
    byId("snapshot-value").textContent = text;
    byId("snapshot").setAttribute("aria-valuetext", text);
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
    byId("time-t-value").textContent = studio.say("positionValue", { t: t.toFixed(2) });
    const { numClasses } = studio.shape;
    const seeds = Array.from({ length: GRID * GRID }, (_, seed) => seed);
    const labels = seeds.map((seed) => (numClasses ? seed % numClasses : 0));
    this.drawImage({ key: weights.id, link: studio.link, t, psi: studio.psi });
    if (this.drawn !== weights.id) this.drawGrid({ key: weights.id, seeds, labels, psi: 1 });
    else this.#fit();
    this.drawn = weights.id;
  }

  /** @param {Uint8Array} image */
  showImage(image) {
    const { imageSize, channels } = this.studio.shape;
    if (image.length !== imageSize ** 2 * channels) return;
    show(byId("time-image"), sheet(image, imageSize, channels, 1), Math.min(this.studio.room, 252));
    byId("time-image").setAttribute("aria-label", byId("time-t-value").textContent);
  }

  /** @param {Uint8Array} images */
  showGrid(images) {
    this.images = images;
    this.#fit();
  }

  #fit() {
    const { studio, images } = this;
    const { imageSize, channels } = studio.shape;
    if (images?.length !== GRID * GRID * imageSize ** 2 * channels) return;
    show(byId("grid"), sheet(images, imageSize, channels, GRID), studio.room, 2);
    const { step } = studio.model.snapshots[this.index];
    byId("grid").setAttribute("aria-label", studio.say("gridOf", { step }));
  }

  /** @param {boolean} on */
  play(on) {
    clearInterval(this.timer);
    this.timer = 0;
    byId("play-time").setAttribute("aria-pressed", String(on));
    byId("play-time").textContent = this.studio.say(on ? "pause" : "play");
    if (!on) return;
    const next = () => this.goTo((this.index + 1) % this.studio.model.snapshots.length);
    this.timer = setInterval(next, PLAY_MILLISECONDS);
    next();
  }
}
