// @ts-check
/**
 * The view Live of the studio's Explore page: one large image, which moves with t, and the strip of the path.
 *
 * Two components of Streamlit use this module. One brings weights, which are large and never change. The other shows
 * them, and gets new values with every answer of the server. This module is also the program of its worker.
 */

import { Client, WorkerError } from "./client.js";
import { segmentOf } from "./latents.js";
import { readLink } from "./link.js";
import { sheet, show } from "./pictures.js";
import { languageOf } from "./languages.js";
import { filled } from "./texts.js";
import { serve } from "./worker.js";

/** @typedef {import("./network.js").Model} Model */
/** @typedef {import("./texts.js").TextName} TextName */

/**
 * @typedef {object} LiveData what the server sends
 * @property {string} link the query of a link
 * @property {string} weights the key of its weights: of their file, whose config decides what they draw
 * @property {boolean} reverse whether white and black change places
 * @property {number} enlarge the largest factor of the strip's images
 * @property {string} [language] the code of the visitor's language; English without one that the page has
 *
 * @typedef {object} Component what Streamlit gives
 * @property {ParentNode} parentElement
 * @property {LiveData} data
 * @property {(name: string, value: number) => void} setTriggerValue
 */

const MOST_WEIGHTS = 8;
/** Weights that this page counts on. The worker has room for more. */
const LARGE = 336;
/** The largest side of the large image, in CSS pixels. */
const STEPS = 1000;
/** The positions of the slider and of a drag, from 0 to 1. */
const PAUSE_MILLISECONDS = 400;
/** After so long without a key, a movement by keys has ended. */

/** @type {Client | null} */
let worker = null;
/** @type {Map<string, Promise<{model: Model}>>} by key, the least recently used first */
const readings = new Map();
/** @type {Set<LiveView>} */
const liveViews = new Set();

/**
 * Take weights from the server, and let the worker read them.
 * @param {{key: string, id: string, content: string}} data `content` is a safetensors file as base64
 * @param {string} program the text of this program
 */
function receiveWeights({ key, id, content }, program) {
  worker ??= new Client(new Worker(URL.createObjectURL(new Blob([program], { type: "text/javascript" }))));
  const source = { content, packed: "" };
  const reading = readings.get(key) ?? worker.ask("load", { key, weightsId: id, source });
  reading.catch(() => {}); // a view shows it
  readings.delete(key);
  readings.set(key, reading);
  for (const oldest of readings.keys()) {
    if (readings.size <= MOST_WEIGHTS) break;
    readings.delete(oldest);
  }
  for (const view of liveViews) view.open();
}

class LiveView {
  /** @param {ParentNode} root with the elements of live.html */
  constructor(root) {
    /** @param {string} part @returns {any} */
    const element = (part) => root.querySelector(`.${part}`);
    this.stage = element("stage");
    this.image = element("image");
    this.slider = element("slider");
    this.output = element("output");
    this.strip = element("strip");
    this.mark = element("mark");
    this.status = element("status");
    this.position = element("position");
    this.link = readLink("").link;
    /** @type {LiveData} */
    this.data = { link: "", weights: "", reverse: false, enlarge: 3, language: "en" };
    /** @type {(t: number) => void} */
    this.report = () => {};
    /** @type {number | null} the position that the server knows */
    this.known = null;
    /** @type {number[]} positions that were reported, and that the server has not answered */
    this.sent = [];
    this.t = 0;
    this.dragging = false;
    this.timer = 0;
    this.path = "";
    /** @type {Model | null} */
    this.model = null;
    this.count = 0;
    /** @type {Record<string, (message: any) => void>} */
    this.draw = {};
    this.#connect();
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(this.stage);
    /** @type {{image?: Uint8Array, images?: Uint8Array}} */
    this.drawn = {};
  }

  #connect() {
    const { image, slider, strip } = this;
    slider.oninput = () => this.goTo(Number(slider.value));
    slider.onchange = () => this.settle();
    /** @type {{id: number, x: number, t: number} | null} */
    let start = null;
    image.onpointerdown = (/** @type {PointerEvent} */ event) => {
      if (!event.isPrimary) return; // a second finger
      start = { id: event.pointerId, x: event.clientX, t: this.t };
      this.dragging = true;
      image.setPointerCapture(event.pointerId);
    };
    image.onpointermove = (/** @type {PointerEvent} */ event) => {
      if (start?.id === event.pointerId) this.goTo(start.t + (event.clientX - start.x) / image.clientWidth);
    };
    image.onpointerup = image.onpointercancel = (/** @type {PointerEvent} */ event) => {
      if (start?.id !== event.pointerId) return;
      start = null;
      this.dragging = false;
      this.settle();
    };
    image.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (step) this.goTo(this.t + step / (event.shiftKey ? STEPS : STEPS / 10));
      else if (event.key === "Home" || event.key === "End") this.goTo(event.key === "End" ? 1 : 0);
      else return;
      event.preventDefault();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.settle(), PAUSE_MILLISECONDS);
    };
    strip.onclick = (/** @type {MouseEvent} */ event) => {
      if (!this.model) return;
      const side = (strip.clientWidth / strip.width) * this.model.imageSize;
      const columns = strip.width / this.model.imageSize;
      const index = Math.floor(event.offsetY / side) * columns + Math.floor(event.offsetX / side);
      if (index >= this.link.frames) return;
      this.goTo(index / (this.link.frames - 1));
      this.settle();
    };
  }

  /** @param {TextName} text @param {import("./texts.js").Note["values"]} [values] @returns a text in the visitor's language */
  say(text, values) {
    return filled(languageOf(this.data.language).texts, { text, values });
  }

  /** Take new values from the server. @param {Component} component */
  update({ data, setTriggerValue }) {
    this.data = data;
    this.stage.lang = languageOf(data.language).tag;
    this.position.textContent = this.say("position");
    this.image.setAttribute("aria-label", this.say("liveImage"));
    this.report = (t) => setTriggerValue("moved", t);
    this.link = readLink(data.link).link;
    const { t } = this.link;
    const answered = this.sent.indexOf(t);
    if (answered >= 0) this.sent.splice(0, answered + 1);
    else if (t !== this.known && !this.dragging) this.t = t;
    this.known = t;
    this.open();
  }

  /** Draw, if the worker has the weights. */
  async open() {
    const { weights } = this.data;
    const reading = readings.get(weights);
    if (!reading || !worker) {
      this.status.textContent = this.say("loading");
      return;
    }
    try {
      const { model } = await reading;
      if (weights === this.data.weights) this.#show(worker, model);
    } catch (error) {
      this.fail(error);
    }
  }

  /** @param {Client} client @param {Model} model */
  #show(client, model) {
    if (!this.draw.at) {
      const fail = (/** @type {WorkerError} */ error) => this.fail(error);
      this.draw.at = client.channel("at", (image) => this.#fit({ image }), fail);
      this.draw.render = client.channel("render", ({ images }) => this.#fit({ images }), fail);
    }
    this.model = model;
    this.status.textContent = this.say("liveDrawn");
    const path = JSON.stringify({ ...this.link, t: 0, weights: this.data.weights });
    if (path !== this.path) this.draw.render({ key: this.data.weights, link: this.link, psi: 1 });
    this.path = path;
    this.goTo(this.t);
  }

  /** @param {unknown} error */
  fail(error) {
    this.path = ""; // draw again with the next values
    const reason = error instanceof Error ? error.message : String(error);
    this.status.textContent =
      error instanceof WorkerError ? this.say(error.text, error.values) : this.say("pageFailed", { reason });
  }

  /** @param {number} t is clipped to 0..1 and rounded to a position of the slider, if the server does not know it */
  goTo(t) {
    this.t = t === this.known ? t : Math.round(Math.min(1, Math.max(0, t)) * STEPS) / STEPS;
    const { link } = this;
    this.slider.value = this.t;
    const [segment] = segmentOf(2 + link.keys.length, this.t);
    const seeds = [link.seedA, link.seedB, ...link.keys];
    const text = this.say("positionValue", { t: this.t.toFixed(3) });
    this.output.textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    this.image.setAttribute("aria-valuenow", String(this.t));
    const values = { t: this.t.toFixed(3), a: seeds[segment], b: seeds[segment + 1] };
    this.image.setAttribute("aria-valuetext", this.say("imageAt", values));
    this.#frame();
    if (readings.has(this.data.weights)) this.draw.at?.({ key: this.data.weights, link, t: this.t, psi: 1 });
  }

  /** Report the position: a movement has ended. */
  settle() {
    clearTimeout(this.timer);
    if (this.t === (this.sent.at(-1) ?? this.known)) return;
    this.sent.push(this.t);
    this.report(this.t);
  }

  /** Show what was drawn, at whole factors that fit the page. @param {{image?: Uint8Array, images?: Uint8Array}} [drawn] */
  #fit(drawn = {}) {
    Object.assign(this.drawn, drawn);
    if (!this.model) return;
    const { imageSize, channels } = this.model;
    const { image, images } = this.drawn;
    const room = this.stage.clientWidth;
    const length = imageSize ** 2 * channels;
    if (image?.length === length) show(this.image, sheet(this.#colored(image), imageSize, channels, 1), Math.min(room, LARGE));
    if (!images?.length || images.length % length) return;
    this.count = images.length / length;
    const [columns, factor] = layout(this.count, imageSize, room, this.data.enlarge);
    show(this.strip, sheet(this.#colored(images), imageSize, channels, columns), room, factor);
    const { seedA: a, seedB: b, zA, zB } = this.link;
    this.strip.setAttribute("aria-label", this.say(zA || zB ? "stripOfLatents" : "stripOf", { count: this.count, a, b }));
    this.#frame();
  }

  /** @param {Uint8Array} images */
  #colored(images) {
    return this.data.reverse ? images.map((value) => 255 - value) : images;
  }

  /** Frame the image of the strip that is nearest to t. */
  #frame() {
    if (!this.model || !this.count) return;
    const columns = this.strip.width / this.model.imageSize;
    const index = Math.round(this.t * (this.count - 1));
    const side = (parseFloat(this.strip.style.width) / this.strip.width) * this.model.imageSize || 0;
    Object.assign(this.mark.style, {
      left: `${(index % columns) * side}px`,
      top: `${Math.floor(index / columns) * side}px`,
      width: `${side}px`,
      height: `${side}px`,
    });
  }

  close() {
    clearTimeout(this.timer);
    this.observer.disconnect();
    liveViews.delete(this);
  }
}

/**
 * Return the columns of a strip and its factor: one row at a factor of at least 2, or several rows.
 * @param {number} count of images
 * @param {number} size
 * @param {number} room in CSS pixels
 * @param {number} enlarge the largest factor
 * @returns {[number, number]}
 */
function layout(count, size, room, enlarge) {
  const inOneRow = Math.min(enlarge, Math.floor(room / (count * size)));
  if (inOneRow >= Math.min(2, enlarge)) return [count, inOneRow];
  const factor = Math.max(1, Math.min(enlarge, Math.floor(room / size)));
  return [Math.max(1, Math.min(count, Math.floor(room / (factor * size)))), factor];
}

/** @type {WeakMap<ParentNode, LiveView>} */
const viewOfRoot = new WeakMap();

/**
 * Show the view in a component, or its new values. Returns what removes it.
 * @param {Component} component
 */
function showLive(component) {
  const root = component.parentElement;
  const view = viewOfRoot.get(root) ?? new LiveView(root);
  viewOfRoot.set(root, view);
  liveViews.add(view);
  view.update(component);
  return () => {
    view.close();
    viewOfRoot.delete(root);
  };
}

if (typeof document === "undefined") serve(/** @type {any} */ (globalThis));
else {
  Object.assign(globalThis, { dcganLive: { receiveWeights, showLive } });
  dispatchEvent(new Event("dcgan-live"));
}
