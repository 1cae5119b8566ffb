// @ts-check
/**
 * The walk from seed A to seed B: one large image, which moves with t, and the strip of all images.
 */

import { byId } from "./dom.js";
import { MAX_SEED, segmentOf } from "./latents.js";
import { MAX_KEYS, MAX_LABELS } from "./link.js";
import { MOST_STRIP, context, enlarged, save, sheet, show, stripColumns } from "./pictures.js";

/** @typedef {import("./page.js").Studio} Studio */

const FRAME_MILLISECONDS = 80;
/** The time of a frame in animations, as in the other apps. */
const GIF_FACTOR = 4;
const STRIP_FACTOR = 2;
/** Of the saved strip, as in the demo. */

export class WalkView {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    /** @type {{link: import("./link.js").Link, images: Uint8Array} | null} */
    this.drawn = null;
    this.shown = "";
    this.playing = 0;
    this.drawImage = studio.client.channel("at", (image, { t }) => this.showImage(image, t), studio.fail);
    this.drawStrip = studio.client.channel("render", (drawn) => this.showStrip(drawn), studio.fail);
    this.#connectImage();
    this.#connectFields();
    byId("copy").onclick = () => this.copy();
    byId("save-strip").onclick = () => this.saveStrip();
    byId("save-animation").onclick = () => this.saveAnimation();
  }

  #connectImage() {
    const { studio } = this;
    const image = byId("image");
    byId("t").oninput = () => this.goTo(Number(byId("t").value));
    byId("play").onclick = () => this.play(!this.playing);
    /** @type {{x: number, t: number} | null} */
    let drag = null;
    image.onpointerdown = (/** @type {PointerEvent} */ event) => {
      drag = { x: event.clientX, t: studio.link.t };
      image.setPointerCapture(event.pointerId);
    };
    image.onpointermove = (/** @type {PointerEvent} */ event) => {
      if (drag) this.goTo(drag.t + (event.clientX - drag.x) / Math.max(200, image.clientWidth));
    };
    image.onpointerup = image.onpointercancel = () => {
      drag = null;
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

  #connectFields() {
    const { studio } = this;
    for (const [id, name] of [["seed-a", "seedA"], ["seed-b", "seedB"]]) {
      byId(id).onchange = () => studio.change({ [name]: nearestSeed(byId(id).value) });
    }
    byId("dice").onclick = () => {
      const [seedA, seedB] = crypto.getRandomValues(new Uint16Array(2));
      studio.change({ seedA, seedB });
    };
    byId("path").onchange = () => studio.change({ path: byId("path").value });
    byId("frames").onchange = () => {
      const frames = Math.round(Number(byId("frames").value)) || 16;
      studio.change({ frames: Math.min(64, Math.max(2, frames)) });
    };
    byId("loop").onchange = () => studio.change({ loop: byId("loop").checked });
    byId("keys").onchange = () => studio.change({ keys: this.#numbers("keys", MAX_SEED, MAX_KEYS) });
    byId("labels").onchange = () => {
      const labels = this.#numbers("labels", studio.shape.numClasses - 1, MAX_LABELS);
      studio.change({ labels: labels.length ? labels : [Math.min(3, studio.shape.numClasses - 1)] });
    };
    byId("psi").oninput = () => {
      studio.psi = Number(byId("psi").value);
      this.show();
    };
  }

  /**
   * Return the numbers of a text field; a label may be a name of a class. A note says what was changed.
   * @param {string} id @param {number} high @param {number} most
   */
  #numbers(id, high, most) {
    const { studio } = this;
    const text = byId(id).value.trim().slice(0, 1000);
    const words = text.split(/[\s,;]+/).filter(Boolean);
    const numbers = words.slice(0, most).map((/** @type {string} */ word) => {
      const named = id === "labels" ? studio.model.classes.indexOf(word) : -1;
      return named >= 0 ? named : Math.min(high, Math.max(0, Math.round(Number(word)) || 0));
    });
    const isTaken = (/** @type {string} */ word, /** @type {number} */ index) =>
      word === String(numbers[index]) || (id === "labels" && studio.model.classes.includes(word));
    const same = words.length <= most && words.every(isTaken);
    byId("copied").textContent = same ? "" : studio.say("seedsCorrected", { text: text.slice(0, 60), high, most });
    return numbers;
  }

  /** Write the link to the fields, and draw what has changed. */
  show() {
    const { studio } = this;
    const { link, shape } = studio;
    byId("seed-a").value = link.seedA;
    byId("seed-b").value = link.seedB;
    byId("path").value = link.path;
    byId("frames").value = link.frames;
    byId("loop").checked = link.loop;
    byId("keys").value = link.keys.join(", ");
    byId("keys-hint").textContent = studio.say("keysHint", { count: MAX_KEYS });
    byId("labels").value = link.labels.join(", ");
    byId("labels-field").hidden = !shape.numClasses;
    byId("labels-hint").textContent = studio.say("labelsHint", { names: studio.model.classes.slice(0, 20).join(", ") });
    byId("psi").value = studio.psi;
    byId("psi-value").textContent = studio.psi.toFixed(2);
    const path = JSON.stringify([{ ...link, t: 0 }, studio.weights.id, studio.psi]);
    if (path !== this.shown) this.drawStrip({ key: studio.weights.id, link, psi: studio.psi });
    else if (this.drawn) this.showStrip(this.drawn);
    this.shown = path;
    this.goTo(link.t);
  }

  hide() {
    this.play(false);
  }

  /** @param {number} t is clipped to 0..1 */
  goTo(t) {
    const { studio } = this;
    const position = Math.min(1, Math.max(0, t));
    studio.change({ t: position }, { quietly: true });
    byId("t").value = position;
    byId("t").setAttribute("aria-valuetext", studio.say("positionValue", { t: position.toFixed(2) }));
    byId("t-value").textContent = studio.say("positionValue", { t: position.toFixed(2) });
    this.#mark();
    this.drawImage({ key: studio.weights.id, link: studio.link, t: position, psi: studio.psi });
  }

  /** @param {Uint8Array} image @param {number} t */
  showImage(image, t) {
    const { studio } = this;
    const { imageSize, channels } = studio.shape;
    const canvas = byId("image");
    if (image.length !== imageSize ** 2 * channels) return; // of a model that was left meanwhile
    show(canvas, sheet(image, imageSize, channels, 1), Math.min(studio.room, 320));
    const seeds = [studio.link.seedA, studio.link.seedB, ...studio.link.keys];
    if (studio.link.loop) seeds.push(seeds[0]);
    const [segment] = segmentOf(seeds.length, t);
    const values = { t: t.toFixed(2), a: seeds[segment], b: seeds[segment + 1] };
    canvas.setAttribute("aria-label", studio.say("imageAt", values));
  }

  /** @param {{link: import("./link.js").Link, images: Uint8Array}} drawn */
  showStrip(drawn) {
    const { studio } = this;
    const { imageSize, channels } = studio.shape;
    const count = drawn.link.frames;
    if (drawn.images.length !== count * imageSize ** 2 * channels) return;
    this.drawn = drawn;
    const columns = stripColumns(count, imageSize, studio.room);
    show(byId("strip"), sheet(drawn.images, imageSize, channels, columns), studio.room, MOST_STRIP);
    const values = { count, a: drawn.link.seedA, b: drawn.link.seedB };
    byId("strip").setAttribute("aria-label", studio.say("stripOf", values));
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
    byId("play").textContent = studio.say(on ? "pause" : "play");
    if (!on) return;
    let direction = 1;
    let last = performance.now();
    const step = (/** @type {number} */ now) => {
      const { frames, loop } = studio.link;
      let t = studio.link.t + (direction * Math.min(200, now - last)) / (frames * FRAME_MILLISECONDS);
      last = now;
      if (loop) t %= 1;
      else if (t >= 1 || t <= 0) direction = t >= 1 ? -1 : 1;
      this.goTo(t);
      this.playing = requestAnimationFrame(step);
    };
    this.playing = requestAnimationFrame(step);
  }

  /** The link with the id of the pixels, if the weights are exact. */
  get address() {
    const { studio, drawn } = this;
    if (studio.link.digest || !drawn || studio.weights.half || studio.psi !== 1) return studio.address;
    const path = (/** @type {import("./link.js").Link} */ link) =>
      JSON.stringify([link.seedA, link.seedB, link.keys, link.labels, link.frames, link.path, link.loop]);
    const current = drawn.link.weightsId === studio.weights.id && path(drawn.link) === path(studio.link);
    return current ? `${studio.address}&d=${drawn.link.digest}` : studio.address;
  }

  async copy() {
    const { studio } = this;
    const link = this.address;
    try {
      await navigator.clipboard.writeText(link);
      byId("copied").textContent = studio.say("copied");
    } catch {
      byId("copied").textContent = studio.say("copyByHand", { link });
    }
  }

  get fileName() {
    const { seedA, seedB } = this.studio.link;
    return `${this.studio.model.name}-${seedA}-${seedB}`;
  }

  saveStrip() {
    const { drawn, studio } = this;
    if (!drawn) return;
    const { imageSize, channels } = studio.shape;
    const columns = Math.min(16, drawn.link.frames);
    const [small, large] = [document.createElement("canvas"), document.createElement("canvas")];
    show(small, sheet(drawn.images, imageSize, channels, columns), 1, 1);
    large.width = STRIP_FACTOR * small.width;
    large.height = STRIP_FACTOR * small.height;
    context(large).imageSmoothingEnabled = false;
    context(large).drawImage(small, 0, 0, large.width, large.height);
    large.toBlob((blob) => blob && save(blob, `${this.fileName}.png`));
  }

  async saveAnimation() {
    const { drawn, studio } = this;
    if (!drawn) return;
    const { imageSize, channels } = studio.shape;
    const length = imageSize ** 2 * channels;
    const frames = Array.from({ length: drawn.link.frames }, (_, index) =>
      enlarged(drawn.images.subarray(index * length, (index + 1) * length), imageSize, channels, GIF_FACTOR),
    );
    if (!drawn.link.loop) frames.push(...frames.slice(1, -1).reverse());
    const side = imageSize * GIF_FACTOR;
    const message = { frames, width: side, height: side, channels, milliseconds: FRAME_MILLISECONDS };
    try {
      const bytes = await studio.client.ask("gif", message);
      save(new Blob([bytes], { type: "image/gif" }), `${this.fileName}.gif`);
    } catch (error) {
      studio.fail(/** @type {any} */ (error));
    }
  }
}

/** @param {string} text @returns the seed nearest to what was typed */
function nearestSeed(text) {
  return Math.min(MAX_SEED, Math.max(0, Math.round(Number(text)) || 0));
}
