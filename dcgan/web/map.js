// @ts-check
/**
 * The map of seeds: an endless plane whose points with whole coordinates are seeds. Between them the latents of the four
 * seeds around are mixed and brought to the usual length.
 */

import { byId } from "./dom.js";
import { MAP_START } from "./place.js";
import { context, sheet } from "./pictures.js";
import { writeAttribute, writeNotes, writeText } from "./wording.js";

/** @typedef {import("./studio.js").Studio} Studio */

const COLUMNS = 1000;
/** The seed of the point (x, y) is 1000 y + x. The plane repeats after so many columns, */
const ROWS = 4_294_967;
/** and after so many rows. */
const BATCH = 12;
const MAX_TILES = 3000;

export class MapView {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    [this.x, this.y] = [MAP_START.x, MAP_START.y];
    this.open();
    /** @type {Map<string, HTMLCanvasElement>} position -> its image */
    this.tiles = new Map();
    this.key = "";
    this.busy = false;
    this.pending = 0;
    const plane = byId("plane");
    /** @type {{id: number, x: number, y: number, moved: boolean} | null} */
    let drag = null;
    plane.onpointerdown = (/** @type {PointerEvent} */ event) => {
      // The first finger leads, and two of them are not a tap.
      if (drag && !event.isPrimary) drag.moved = true;
      if (!event.isPrimary) return;
      drag = { id: event.pointerId, x: event.clientX, y: event.clientY, moved: false };
      plane.setPointerCapture(event.pointerId);
    };
    plane.onpointermove = (/** @type {PointerEvent} */ event) => {
      if (drag?.id !== event.pointerId) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.moved && Math.hypot(dx, dy) < 6) return;
      drag = { ...drag, x: event.clientX, y: event.clientY, moved: true };
      this.move(-dx / this.unit, -dy / this.unit);
    };
    plane.onpointerup = (/** @type {PointerEvent} */ event) => {
      if (drag?.id !== event.pointerId) return;
      if (!drag.moved) {
        const { clientWidth: width, clientHeight: height } = plane;
        this.take(this.x + (event.offsetX - width / 2) / this.unit, this.y + (event.offsetY - height / 2) / this.unit);
      }
      drag = null;
    };
    plane.onpointercancel = (/** @type {PointerEvent} */ event) => {
      if (drag?.id === event.pointerId) drag = null;
    };
    plane.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (step) this.move(step[0] / this.steps, step[1] / this.steps);
      else if (event.key === "Enter") this.take(this.x, this.y);
      else return;
      event.preventDefault();
    };
    byId("zoom").onchange = () => this.show();
  }

  /** The steps from a seed to the next. */
  get steps() {
    return Number(byId("zoom").value);
  }

  /** The CSS pixels of one image. */
  get tile() {
    const { imageSize } = this.studio.shape;
    return imageSize * Math.max(1, Math.floor(56 / imageSize));
  }

  /** The CSS pixels between two seeds. */
  get unit() {
    return this.tile * this.steps;
  }

  /** Read the place in the address. */
  open() {
    const { extra } = this.studio;
    this.x = wrapped(Number(extra.get("x") ?? MAP_START.x), COLUMNS);
    this.y = wrapped(Number(extra.get("y") ?? MAP_START.y), ROWS);
    writeNotes(byId("map-said"), []);
  }

  show() {
    const { studio } = this;
    const key = `${studio.weights.file} ${this.steps} ${studio.label}`;
    if (key !== this.key) this.tiles.clear();
    this.key = key;
    this.paint();
  }

  hide() {}

  /** @param {number} dx @param {number} dy in seeds */
  move(dx, dy) {
    this.x = wrapped(this.x + dx, COLUMNS);
    this.y = wrapped(this.y + dy, ROWS);
    this.studio.remember("x", this.x.toFixed(2));
    this.studio.remember("y", this.y.toFixed(2));
    this.paint();
  }

  /** Make the seed nearest to a point A or B. @param {number} x @param {number} y */
  take(x, y) {
    const { studio } = this;
    const seed = seedAt(Math.round(x), Math.round(y));
    const first = /** @type {any} */ (document.querySelector('input[name="tap"]:checked'))?.value !== "b";
    studio.change(first ? { seedA: seed } : { seedB: seed });
    writeText(byId("map-said"), first ? "mapSetA" : "mapSetB", { seed });
  }

  /** Paint before the next frame what is drawn, and request what is missing. */
  paint() {
    cancelAnimationFrame(this.pending);
    this.pending = requestAnimationFrame(() => this.#paintNow());
  }

  /** @returns {{u: number, v: number, left: number, top: number}[]} the images in sight, in steps, nearest first */
  #visible() {
    const plane = byId("plane");
    const { steps, tile } = this;
    const [width, height] = [plane.clientWidth, plane.clientHeight];
    const [centerU, centerV] = [this.x * steps, this.y * steps];
    const tiles = [];
    const [columns, rows] = [Math.ceil(width / tile / 2) + 1, Math.ceil(height / tile / 2) + 1];
    for (let dv = -rows; dv <= rows; dv += 1) {
      for (let du = -columns; du <= columns; du += 1) {
        const [u, v] = [Math.round(centerU) + du, Math.round(centerV) + dv];
        const left = Math.round(width / 2 + (u - centerU - 0.5) * tile);
        const top = Math.round(height / 2 + (v - centerV - 0.5) * tile);
        if (left > -tile && top > -tile && left < width && top < height) tiles.push({ u, v, left, top });
      }
    }
    const distance = (/** @type {{u: number, v: number}} */ { u, v }) => Math.hypot(u - centerU, v - centerV);
    return tiles.sort((a, b) => distance(a) - distance(b));
  }

  #paintNow() {
    const { studio, tile, steps } = this;
    const plane = byId("plane");
    const ratio = window.devicePixelRatio || 1;
    plane.width = Math.round(plane.clientWidth * ratio);
    plane.height = Math.round(plane.clientHeight * ratio);
    const drawing = context(plane);
    drawing.scale(ratio, ratio);
    drawing.imageSmoothingEnabled = false;
    drawing.font = "12px system-ui, sans-serif";
    drawing.textBaseline = "top";
    const visible = this.#visible();
    for (const { u, v, left, top } of visible) {
      const image = this.tiles.get(`${u},${v}`);
      if (image) drawing.drawImage(image, left, top, tile, tile);
    }
    for (const { u, v, left, top } of visible) {
      if (u % steps || v % steps) continue;
      const seed = seedAt(u / steps, v / steps);
      const color = seed === studio.link.seedA ? "#0072B2" : seed === studio.link.seedB ? "#D55E00" : "";
      if (color) {
        drawing.strokeStyle = color;
        drawing.lineWidth = 4;
        drawing.strokeRect(left + 2, top + 2, tile - 4, tile - 4);
      }
      const text = String(seed);
      drawing.fillStyle = "rgb(0 0 0 / 0.7)";
      drawing.fillRect(left, top, drawing.measureText(text).width + 6, 15);
      drawing.fillStyle = "#fff";
      drawing.fillText(text, left + 3, top + 2);
    }
    const seed = seedAt(Math.round(this.x), Math.round(this.y));
    writeAttribute(plane, "aria-label", { text: "mapOf", values: { seed } });
    this.#request(visible);
  }

  /** @param {{u: number, v: number}[]} visible */
  async #request(visible) {
    const { studio, steps, key } = this;
    const missing = visible.filter(({ u, v }) => !this.tiles.has(`${u},${v}`)).slice(0, BATCH);
    if (this.busy || !missing.length) return;
    this.busy = true;
    const points = missing.map(({ u, v }) => mixture(u, v, steps));
    try {
      const images = await studio.client.ask("mixtures", { key: studio.weights.file, points, label: studio.label });
      if (key === this.key) this.#keep(missing, images);
    } catch (error) {
      studio.fail(/** @type {any} */ (error));
      return;
    } finally {
      this.busy = false;
    }
    if (studio.view === "map") this.paint();
  }

  /** @param {{u: number, v: number}[]} places @param {Uint8Array} images */
  #keep(places, images) {
    const { imageSize, channels } = this.studio.shape;
    const length = imageSize ** 2 * channels;
    places.forEach(({ u, v }, index) => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = imageSize;
      const image = images.subarray(index * length, (index + 1) * length);
      context(canvas).putImageData(sheet(image, imageSize, channels, 1), 0, 0);
      this.tiles.set(`${u},${v}`, canvas);
    });
    for (const oldest of this.tiles.keys()) {
      if (this.tiles.size <= MAX_TILES) break;
      this.tiles.delete(oldest);
    }
  }
}

/** @param {number} value @param {number} period @returns the value in -period / 2..period / 2 */
function wrapped(value, period) {
  return value - period * Math.round(value / period);
}

/** @param {number} x @param {number} y whole @returns the seed of a point */
function seedAt(x, y) {
  const inside = (/** @type {number} */ value, /** @type {number} */ period) => ((value % period) + period) % period;
  return inside(y, ROWS) * COLUMNS + inside(x, COLUMNS);
}

/**
 * Return the four seeds around a point, and their weights.
 * @param {number} u @param {number} v in steps @param {number} steps between seeds
 */
function mixture(u, v, steps) {
  const [left, top] = [Math.floor(u / steps), Math.floor(v / steps)];
  const [x, y] = [u / steps - left, v / steps - top];
  return {
    seeds: [seedAt(left, top), seedAt(left + 1, top), seedAt(left, top + 1), seedAt(left + 1, top + 1)],
    weights: [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y],
  };
}
