// @ts-check
/**
 * The walk from seed A to seed B: one large image, which moves with t, and the strip of all images.
 */

import { byId } from "./dom.js";
import { Fields } from "./fields.js";
import { MOST_STRIP, context, save, sheet, show, stripColumns } from "./pictures.js";
import { SentenceError } from "./texts.js";
import { writeAttribute, writeNotes, writeText } from "./wording.js";

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./studio.js").Studio} Studio */

const FRAME_MILLISECONDS = 80;
/** The time of a frame in animations, as in the other apps. */
const CALM_MILLISECONDS = 700;
/** The time of an image while the walk plays with reduced motion. */
const GIF_FACTOR = 4;
const GIF_SIDE = 512;
/** The largest side of an enlarged frame. A frame that is larger itself stays as it is. */
const STRIP_FACTOR = 2;
/** Of the saved strip, as in the demo. */
const STRIP_WIDTH = 16_384;
/** Pixels that the saved strip is wide at most, because browsers draw no canvas of any size. */

export class WalkView {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    this.fields = new Fields(studio);
    /** @type {{link: Link, images: Uint8Array} | null} */
    this.drawn = null;
    /** What is drawn, and what was requested last. */
    this.drawnPath = "";
    this.requestedPath = "";
    this.playing = 0;
    this.drawImage = studio.client.channel("at", (image, { t }) => this.showImage(image, t), studio.fail);
    this.drawStrip = studio.client.channel(
      "render",
      (drawn, { path }) => this.showStrip(drawn, path),
      (error) => {
        this.requestedPath = "";
        studio.fail(error);
      },
    );
    this.#connectImage();
    byId("copy").onclick = () => studio.copy(this.url, "copied");
    byId("save-strip").onclick = () => this.saveStrip().catch(studio.fail);
    byId("save-animation").onclick = () => this.saveAnimation().catch(studio.fail);
  }

  #connectImage() {
    const { studio } = this;
    const image = byId("image");
    byId("t").oninput = () => this.goTo(Number(byId("t").value));
    byId("play").onclick = () => this.play(!this.playing);
    /** @type {{id: number, x: number, t: number} | null} */
    let drag = null;
    image.onpointerdown = (/** @type {PointerEvent} */ event) => {
      if (!event.isPrimary) return; // a second finger
      drag = { id: event.pointerId, x: event.clientX, t: studio.link.t };
      image.setPointerCapture(event.pointerId);
    };
    image.onpointermove = (/** @type {PointerEvent} */ event) => {
      if (drag?.id === event.pointerId) this.goTo(drag.t + (event.clientX - drag.x) / Math.max(200, image.clientWidth));
    };
    image.onpointerup = image.onpointercancel = (/** @type {PointerEvent} */ event) => {
      if (drag?.id === event.pointerId) drag = null;
    };
    image.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (step) this.goTo(studio.link.t + step / (event.shiftKey ? 10 : 100));
      else if (event.key === "Home" || event.key === "End") this.goTo(event.key === "End" ? 1 : 0);
      else if (event.key === " ") this.play(!this.playing);
      else return;
      event.preventDefault();
    };
    const strip = byId("strip");
    strip.onclick = (/** @type {MouseEvent} */ event) => {
      const { frames, loop } = studio.link;
      const size = studio.shape.imageSize;
      const scale = strip.width / strip.clientWidth;
      const column = Math.floor((event.offsetX * scale) / size);
      const index = Math.floor((event.offsetY * scale) / size) * (strip.width / size) + column;
      if (index < frames) this.goTo(index / (loop ? frames : frames - 1));
    };
  }

  /** Another address was opened. */
  open() {
    this.fields.forget();
  }

  /** Write the link to the fields, and draw what has changed. */
  show() {
    const { studio, path } = this;
    const { link } = studio;
    this.fields.show();
    if (path !== this.requestedPath) {
      writeNotes(byId("copied"), []);
      this.drawStrip({ key: studio.weights.file, link, psi: studio.psi, path });
    } else if (this.drawn) this.showStrip(this.drawn, this.drawnPath);
    this.requestedPath = path;
    this.goTo(link.t);
  }

  /** All that decides the images of the strip, as one text. */
  get path() {
    const { link, weights, psi } = this.studio;
    return JSON.stringify([{ ...link, t: 0, weightsId: "", digest: "" }, weights.file, psi]);
  }

  hide() {
    this.play(false);
  }

  /** @param {number} t is clipped to 0..1 */
  goTo(t) {
    const { studio } = this;
    studio.moveTo(t);
    const position = studio.link.t;
    const values = { t: position.toFixed(2) };
    byId("t").value = position;
    writeAttribute(byId("t"), "aria-valuetext", { text: "positionValue", values });
    writeText(byId("t-value"), "positionValue", values);
    this.#mark();
    this.drawImage({ key: studio.weights.file, link: studio.link, t: position, psi: studio.psi });
  }

  /** @param {Uint8Array} image @param {number} t */
  showImage(image, t) {
    const { studio } = this;
    const { imageSize, channels } = studio.shape;
    const canvas = byId("image");
    if (image.length !== imageSize ** 2 * channels) return; // of a model that was left meanwhile
    show(canvas, sheet(image, imageSize, channels, 1), Math.min(studio.room, 320));
    const values = { t: t.toFixed(2), ...studio.seedsAt(t) };
    writeAttribute(canvas, "aria-label", { text: "imageAt", values });
  }

  /** @param {{link: Link, images: Uint8Array}} drawn @param {string} path of it */
  showStrip(drawn, path) {
    const { studio } = this;
    const { imageSize, channels } = studio.shape;
    const count = drawn.link.frames;
    if (drawn.images.length !== count * imageSize ** 2 * channels) return;
    this.drawn = drawn;
    this.drawnPath = path;
    const columns = stripColumns(count, imageSize, studio.room);
    show(byId("strip"), sheet(drawn.images, imageSize, channels, columns), studio.room, MOST_STRIP);
    const values = { count, a: drawn.link.seedA, b: drawn.link.seedB };
    const text = drawn.link.zA || drawn.link.zB ? "stripOfLatents" : "stripOf";
    writeAttribute(byId("strip"), "aria-label", { text, values });
    this.#mark();
  }

  /** Frame the image of the strip that is nearest to t. */
  #mark() {
    const { imageSize } = this.studio.shape;
    const { t, frames, loop } = this.studio.link;
    const strip = byId("strip");
    const columns = strip.width / imageSize;
    const index = Math.round(t * (loop ? frames : frames - 1)) % frames;
    const side = (parseFloat(strip.style.width) / strip.width) * imageSize || 0;
    Object.assign(byId("mark").style, {
      left: `${(index % columns) * side}px`,
      top: `${Math.floor(index / columns) * side}px`,
      width: `${side}px`,
      height: `${side}px`,
    });
  }

  /** @param {boolean} on */
  play(on) {
    const { studio } = this;
    cancelAnimationFrame(this.playing);
    this.playing = 0;
    byId("play").setAttribute("aria-pressed", String(on));
    writeText(byId("play"), on ? "pause" : "play");
    if (!on) return;
    // A visitor who wants less motion sees one image of the strip after another.
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let direction = 1;
    let last = performance.now();
    let { t } = studio.link;
    let reached = t;
    const step = (/** @type {number} */ now) => {
      const { frames, loop } = studio.link;
      if (studio.link.t !== reached) ({ t } = studio.link); // a visitor has moved it
      if (isCalm && now - last < CALM_MILLISECONDS) {
        this.playing = requestAnimationFrame(step);
        return;
      }
      const intervals = loop ? frames : frames - 1;
      if (isCalm) t = (Math.round(t * intervals) + direction) / intervals;
      else t += (direction * Math.min(200, now - last)) / (frames * FRAME_MILLISECONDS);
      last = now;
      if (loop) t %= 1;
      else if (t >= 1 || t <= 0) direction = t >= 1 ? -1 : 1;
      t = Math.min(1, Math.max(0, t));
      this.goTo(t);
      reached = studio.link.t;
      this.playing = requestAnimationFrame(step);
    };
    this.playing = requestAnimationFrame(step);
  }

  /** The link with the id of the pixels, if the weights are exact. */
  get url() {
    const { studio, drawn } = this;
    if (studio.link.digest || !drawn || studio.weights.half || studio.psi !== 1) return studio.url();
    return studio.url(this.drawnPath === this.path ? { d: drawn.link.digest } : {});
  }

  /** Return the strip of what the fields say now, and the name of its files: the one on the page may still be an older. */
  async current() {
    const { studio } = this;
    await studio.settled;
    const { link, shape, model } = studio;
    const message = { key: studio.weights.file, link, psi: studio.psi };
    const drawn = this.drawn && this.drawnPath === this.path ? this.drawn : await studio.client.ask("render", message);
    return { images: drawn.images, link, shape, name: `${model.name}-${link.seedA}-${link.seedB}` };
  }

  async saveStrip() {
    const { images, link, shape, name } = await this.current();
    const columns = Math.max(1, Math.min(16, link.frames, Math.floor(STRIP_WIDTH / shape.imageSize)));
    const factor = Math.max(1, Math.min(STRIP_FACTOR, Math.floor(STRIP_WIDTH / (columns * shape.imageSize))));
    const [small, large] = [document.createElement("canvas"), document.createElement("canvas")];
    show(small, sheet(images, shape.imageSize, shape.channels, columns), Infinity, 1);
    large.width = factor * small.width;
    large.height = factor * small.height;
    context(large).imageSmoothingEnabled = false;
    context(large).drawImage(small, 0, 0, large.width, large.height);
    large.toBlob((blob) => {
      if (blob) save(blob, `${name}.png`);
      else this.studio.fail(new SentenceError("stripLarge"));
    });
  }

  async saveAnimation() {
    const { images, link, shape, name } = await this.current();
    const { imageSize, channels } = shape;
    const factor = Math.max(1, Math.min(GIF_FACTOR, Math.floor(GIF_SIDE / imageSize)));
    const message = { images, size: imageSize, channels, factor, loop: link.loop, milliseconds: FRAME_MILLISECONDS };
    const bytes = await this.studio.client.ask("gif", message);
    save(new Blob([bytes], { type: "image/gif" }), `${name}.gif`);
  }
}
