// @ts-check
/**
 * Animations as GIF (GIF89a). Gray frames are exact; colors are rounded to a palette of 6 x 7 x 6.
 */

const LEVELS = [6, 7, 6];
const MAX_CODE = 4095;

/** Bytes that grow. */
class Bytes {
  constructor() {
    this.bytes = new Uint8Array(1 << 16);
    this.length = 0;
  }

  /** @param {number[] | Uint8Array} values */
  push(values) {
    while (this.length + values.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(values, this.length);
    this.length += values.length;
  }

  /** @param {number} value */
  pushWord(value) {
    this.push([value & 255, value >> 8]);
  }

  whole() {
    return this.bytes.slice(0, this.length);
  }
}

/**
 * Return an animation that repeats for ever.
 * @param {(() => Uint8Array)[]} frames what makes (H, W, C) bytes
 * @param {number} width
 * @param {number} height
 * @param {number} channels 1 or 3
 * @param {number} milliseconds of each frame, a multiple of 10
 */
export function gifOf(frames, width, height, channels, milliseconds) {
  const out = new Bytes();
  out.push(ascii("GIF89a"));
  out.pushWord(width);
  out.pushWord(height);
  out.push([0xf7, 0, 0]); // a global palette of 256 colors
  out.push(palette(channels));
  out.push([0x21, 0xff, 11, ...ascii("NETSCAPE2.0"), 3, 1, 0, 0, 0]);
  for (const makeFrame of frames) {
    const frame = makeFrame();
    out.push([0x21, 0xf9, 4, 4]);
    out.pushWord(milliseconds / 10);
    out.push([0, 0, 0x2c, 0, 0, 0, 0]);
    out.pushWord(width);
    out.pushWord(height);
    out.push([0, 8]);
    const codes = compressed(channels === 1 ? frame : indices(frame));
    for (let start = 0; start < codes.length; start += 255) {
      const block = codes.subarray(start, start + 255);
      out.push([block.length]);
      out.push(block);
    }
    out.push([0]);
  }
  out.push([0x3b]);
  return out.whole();
}

/** @param {string} text */
function ascii(text) {
  return [...text].map((character) => character.charCodeAt(0));
}

/** @param {number} channels @returns 256 colors */
function palette(channels) {
  const colors = new Uint8Array(768);
  for (let index = 0; index < 256; index += 1) {
    if (channels === 1) colors.fill(index, 3 * index, 3 * index + 3);
    else if (index < LEVELS[0] * LEVELS[1] * LEVELS[2]) {
      const [blue, rest] = [index % LEVELS[2], Math.floor(index / LEVELS[2])];
      const levels = [Math.floor(rest / LEVELS[1]), rest % LEVELS[1], blue];
      colors.set(levels.map((level, channel) => Math.round((level * 255) / (LEVELS[channel] - 1))), 3 * index);
    }
  }
  return colors;
}

/** @param {Uint8Array} frame (H, W, 3) @returns (H, W) */
function indices(frame) {
  const result = new Uint8Array(frame.length / 3);
  for (let pixel = 0; pixel < result.length; pixel += 1) {
    let index = 0;
    for (let channel = 0; channel < 3; channel += 1) {
      index = index * LEVELS[channel] + Math.round((frame[3 * pixel + channel] * (LEVELS[channel] - 1)) / 255);
    }
    result[pixel] = index;
  }
  return result;
}

/**
 * Return the codes of LZW with 8 bits (Welch 1984), as GIF packs them.
 * @param {Uint8Array} pixels
 */
function compressed(pixels) {
  const out = new Bytes();
  const [clear, end] = [256, 257];
  /** @type {Map<number, number>} prefix * 256 + pixel -> code */
  let table = new Map();
  let [next, width, buffer, filled] = [258, 9, 0, 0];
  const emit = (/** @type {number} */ code) => {
    buffer |= code << filled;
    filled += width;
    while (filled >= 8) {
      out.push([buffer & 255]);
      buffer >>>= 8;
      filled -= 8;
    }
  };
  emit(clear);
  let prefix = pixels[0];
  for (let index = 1; index < pixels.length; index += 1) {
    const key = prefix * 256 + pixels[index];
    const code = table.get(key);
    if (code !== undefined) {
      prefix = code;
      continue;
    }
    emit(prefix);
    prefix = pixels[index];
    if (next > MAX_CODE) {
      emit(clear);
      table = new Map();
      [next, width] = [258, 9];
      continue;
    }
    table.set(key, next);
    if (next >= 1 << width) width += 1;
    next += 1;
  }
  emit(prefix);
  // The reader may have widened its codes with the last entry.
  if (next >= 1 << width && width < 12) width += 1;
  emit(end);
  if (filled) out.push([buffer & 255]);
  return out.whole();
}
