// @ts-check
/**
 * The generators of dcgan/models/conv.py and dcgan/models/mlp.py, with batch norm folded into the weights.
 *
 * Every layer is one matrix product, or four: a transposed convolution of stride 2 computes each of the 2 x 2 residues
 * of the output position from kernel positions of its own. Sums are in doubles. So the images differ from PyTorch's by
 * rounding only, and every browser draws the same bytes.
 *
 * N images, K inputs of a product, M rows of a product, Z latent, C channels, H W image.
 *
 * The file has more than 250 lines, so that layers are built and computed in one place.
 */

import { BLOCK_COLUMNS, BLOCK_ROWS, Multiplier, storedNumbers } from "./multiplier.js";
import { roundToEven, sigmoid, tanh } from "./numbers.js";
import { WeightsError, floats } from "./weights.js";

export const MAX_MULTIPLY_ADDS = 500_000_000;
/** A generator with more multiply-adds an image is refused: it would take seconds an image. */
const BATCH_NORM_EPSILON = 1e-5;
const LEAKY_SLOPE = 0.2;

/** @typedef {import("./weights.js").WeightsFile} WeightsFile */

/**
 * @typedef {object} Product one matrix product of a layer: rows of inputs times `matrix`, plus `shift`
 * @property {Float64Array} matrix (K, columns); empty once the multiplier has it
 * @property {number} place in the multiplier
 * @property {number} size K
 * @property {Int32Array} gather (rows, taps): where in one image's inputs each run of channels begins; -1: zeros
 * @property {Int32Array} scatter (rows, parts): where in one image's outputs each part of a row begins; -1: nowhere
 * @property {number} parts the runs of equal length that a row of outputs consists of
 * @property {number} columns of the matrix: parts times the layer's channels
 *
 * @typedef {object} Layer
 * @property {Product[]} products
 * @property {Float64Array} shift (channels,)
 * @property {number} run numbers that a row takes from each place of `gather`
 * @property {number} slope of the activation for negative numbers: 0 is ReLU, 1 is none
 * @property {number} outputs numbers of one image after the layer
 *
 * @typedef {object} Model the fields of a ModelConfig that decide the generator
 * @property {"conv" | "mlp"} topology
 * @property {number} latentDim
 * @property {"normal" | "uniform" | "mixture"} latent
 * @property {number} imageSize
 * @property {1 | 3} channels
 * @property {number} numClasses
 * @property {"tanh" | "sigmoid"} output
 * @property {number[]} hidden
 * @property {number} width
 * @property {boolean} normed
 */

/**
 * Return the fields of a config that decide the generator. Throws WeightsError for what this module does not draw.
 * @param {Record<string, any>} config the JSON of a ModelConfig
 * @returns {Model}
 */
export function readModel(config) {
  const topology = config.topology ?? "conv";
  if (topology !== "conv" && topology !== "mlp") {
    const name = JSON.stringify(topology)?.slice(0, 20);
    throw new WeightsError("weightsTopology", { name: name ?? "" });
  }
  /** @type {(name: string, usual: any, valid: (value: any) => boolean) => any} */
  const field = (name, usual, valid) => {
    const value = Object.hasOwn(config, name) ? config[name] : usual;
    if (valid(value)) return value;
    throw new WeightsError("weightsConfig", { name, value: JSON.stringify(value)?.slice(0, 40) ?? "" });
  };
  /** @type {(high: number) => (value: any) => boolean} */
  const whole = (high) => (value) => Number.isInteger(value) && value >= 1 && value <= high;
  /** @type {(...values: any[]) => (value: any) => boolean} */
  const among = (...values) => (value) => values.includes(value);
  const sizes = topology === "conv" ? among(28, 8, 16, 32, 64, 128, 256, 512, 1024) : whole(1024);
  /** @type {(value: any) => boolean} */
  const widths = (value) => Array.isArray(value) && value.length >= 1 && value.length <= 64 && value.every(whole(1e6));
  return {
    topology,
    latentDim: field("latent_dim", 100, whole(1e6)),
    latent: field("latent", "normal", among("normal", "uniform", "mixture")),
    imageSize: field("image_size", 28, sizes),
    channels: field("channels", 1, among(1, 3)),
    numClasses: field("num_classes", 0, (value) => value === 0 || whole(10_000)(value)),
    output: field("output", "tanh", among("tanh", "sigmoid")),
    hidden: field("hidden_g", [256, 512, 1024], widths),
    width: field("width_g", 32, whole(1e6)),
    normed: field("norm_g", "batch", among("batch", "none")) === "batch",
  };
}

/**
 * Return the heights of the feature maps, from 4 to the image.
 * @param {number} imageSize
 */
function levelSizes(imageSize) {
  if (imageSize === 28) return [4, 7, 14, 28];
  const sizes = [4];
  while (sizes[sizes.length - 1] < imageSize) sizes.push(2 * sizes[sizes.length - 1]);
  return sizes;
}

/** A generator that draws images from latents. */
export class Network {
  /**
   * @param {WeightsFile} file
   * @param {{vectors?: boolean}} [options] false: multiply in plain JavaScript, for tests
   */
  constructor(file, { vectors = true } = {}) {
    if (file.metadata.kind !== "generator") throw new WeightsError("weightsKind");
    this.model = readModel(file.metadata.config.model);
    this.multiplyAdds = multiplyAdds(this.model);
    if (this.multiplyAdds > MAX_MULTIPLY_ADDS) {
      const [count, limit] = [this.multiplyAdds, MAX_MULTIPLY_ADDS].map((number) => Math.ceil(number / 1e6));
      throw new WeightsError("weightsLarge", { count, limit });
    }
    const tensors = new Tensors(file);
    this.layers = this.model.topology === "conv" ? convLayers(this.model, tensors) : mlpLayers(this.model, tensors);
    tensors.checkAllUsed();
    this.multiplier = storedIn(this.layers, vectors);
    this.inputs = this.model.latentDim + this.model.numClasses;
  }

  /** The numbers of one image, C * H * W. */
  get pixels() {
    return this.model.channels * this.model.imageSize ** 2;
  }

  /**
   * Draw images: (N, H, W, C) bytes, to the nearest gray level.
   * @param {Float32Array[]} latents N latents (Z,)
   * @param {Float32Array[] | null} labels N rows of weights of the classes, each with the sum 1; null without classes
   * @returns {Uint8Array}
   */
  draw(latents, labels = null) {
    const { latentDim, numClasses, output } = this.model;
    let numbers = new Float64Array(latents.length * this.inputs);
    latents.forEach((z, index) => {
      if (z.length !== latentDim) throw new RangeError(`a latent has ${z.length} numbers, not ${latentDim}`);
      numbers.set(z, index * this.inputs);
      if (!numClasses) return;
      const weights = labels?.[index];
      if (weights?.length !== numClasses) throw new RangeError(`a label has not ${numClasses} weights`);
      numbers.set(weights, index * this.inputs + latentDim);
    });
    for (const layer of this.layers) numbers = compute(layer, numbers, latents.length, this.multiplier);
    const bytes = new Uint8Array(numbers.length);
    for (let index = 0; index < numbers.length; index += 1) bytes[index] = grayLevel(numbers[index], output);
    return bytes;
  }
}

/**
 * Return the byte of a number before the last activation, with the rounding of dcgan/pixels.py.
 * @param {number} number
 * @param {"tanh" | "sigmoid"} output
 */
function grayLevel(number, output) {
  if (!Number.isFinite(number)) throw new WeightsError("weightsInfinite");
  const value = output === "tanh" ? Math.fround(tanh(number)) : Math.fround(Math.fround(sigmoid(number)) * 2) - 1;
  return roundToEven(Math.fround(Math.fround(Math.fround(value) + 1) * 127.5));
}

/** The tensors of a file, taken one after another: each has the shape that the config says. */
class Tensors {
  /** @param {WeightsFile} file */
  constructor({ tensors }) {
    this.tensors = tensors;
    /** @type {Set<string>} */
    this.used = new Set();
  }

  /** @param {string} name @param {number[]} shape */
  take(name, shape) {
    const tensor = this.tensors.get(name);
    this.used.add(name);
    if (tensor && tensor.shape.length === shape.length && shape.every((size, axis) => size === tensor.shape[axis])) {
      return floats(tensor);
    }
    if (!tensor) throw new WeightsError("weightsTensorMissing", { name });
    throw new WeightsError("weightsShape", { name, shape: tensor.shape.join(" x "), expected: shape.join(" x ") });
  }

  /**
   * Return the factor and the shift (C,) of a batch norm that uses its running statistics.
   * @param {string} name @param {number} channels
   */
  batchNorm(name, channels) {
    const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      this.take(`${name}.${part}`, [channels]),
    );
    this.used.add(`${name}.num_batches_tracked`);
    const factor = Float64Array.from(weight, (value, index) => value / Math.sqrt(variance[index] + BATCH_NORM_EPSILON));
    return { factor, shift: factor.map((value, index) => bias[index] - mean[index] * value) };
  }

  checkAllUsed() {
    const unknown = [...this.tensors.keys()].find((name) => !this.used.has(name));
    if (unknown === undefined) return;
    throw new WeightsError("weightsTensorUnknown", { name: JSON.stringify(unknown.slice(0, 80)) });
  }
}

/** @param {number} channels */
function identity(channels) {
  return { factor: new Float64Array(channels).fill(1), shift: new Float64Array(channels) };
}

/** @param {Model} model @param {Tensors} tensors @returns {Layer[]} */
function mlpLayers(model, tensors) {
  const widths = [model.latentDim + model.numClasses, ...model.hidden, model.channels * model.imageSize ** 2];
  let position = 0; // of a layer in the Sequential of mlp.generator_layers
  return widths.slice(1).map((columns, index) => {
    const inputs = widths[index];
    const last = index === widths.length - 2;
    const weight = tensors.take(`layers.${position}.weight`, [columns, inputs]);
    const bias = tensors.take(`layers.${position}.bias`, [columns]);
    const normed = model.normed && !last;
    const norm = normed ? tensors.batchNorm(`layers.${position + 1}`, columns) : identity(columns);
    position += normed ? 3 : 2;
    // The images of the last layer are (C, H, W) in the file, and (H, W, C) here.
    const area = model.imageSize ** 2;
    const matrix = new Float64Array(inputs * columns);
    const shift = new Float64Array(columns);
    for (let column = 0; column < columns; column += 1) {
      const row = last ? (column % model.channels) * area + Math.floor(column / model.channels) : column;
      const factor = norm.factor[row];
      shift[column] = bias[row] * factor + norm.shift[row];
      for (let input = 0; input < inputs; input += 1) matrix[input * columns + column] = weight[row * inputs + input] * factor;
    }
    return { products: [onePlace(matrix, columns)], shift, run: inputs, slope: last ? 1 : LEAKY_SLOPE, outputs: columns };
  });
}

/** @param {Model} model @param {Tensors} tensors @returns {Layer[]} */
function convLayers(model, tensors) {
  const sizes = levelSizes(model.imageSize);
  const levels = sizes.length - 1;
  const widths = Array.from({ length: levels }, (_, level) => model.width * 2 ** (levels - 1 - level));
  const channels = [model.latentDim + model.numClasses, ...widths, model.channels];
  let position = 1; // of a layer in the Sequential of conv.generator_layers
  return channels.slice(1).map((outputs, level) => {
    const last = level === levels;
    const kernel = sizes[level] === 7 ? 3 : 4;
    const weight = tensors.take(`layers.${position}.weight`, [channels[level], outputs, kernel, kernel]);
    const normed = model.normed && !last;
    const bias = normed || last ? new Float32Array(outputs) : tensors.take(`layers.${position}.bias`, [outputs]);
    const norm = normed ? tensors.batchNorm(`layers.${position + 1}`, outputs) : identity(outputs);
    position += normed ? 3 : 2;
    const shift = norm.shift.map((value, channel) => value + bias[channel] * norm.factor[channel]);
    const inputs = channels[level];
    if (level === 0) return fromOnePixel(weight, norm.factor, shift, inputs);
    const shape = { inputs, outputs, kernel, small: sizes[level - 1], large: sizes[level] };
    const products = outputs < BLOCK_COLUMNS ? [byCorners(weight, norm.factor, shape)] : byResidues(weight, norm.factor, shape);
    return { products, shift, run: inputs, slope: last ? 1 : 0, outputs: sizes[level] ** 2 * outputs };
  });
}

/**
 * Return the layer that makes 4 x 4 maps from one pixel: a single product, whose columns are (4, 4, outputs).
 * @param {Float32Array} weight (inputs, outputs, 4, 4)
 * @param {Float64Array} factor (outputs,)
 * @param {Float64Array} shift (outputs,)
 * @param {number} inputs
 * @returns {Layer}
 */
function fromOnePixel(weight, factor, shift, inputs) {
  const outputs = factor.length;
  const columns = 16 * outputs;
  const matrix = new Float64Array(inputs * columns);
  for (let input = 0; input < inputs; input += 1) {
    for (let output = 0; output < outputs; output += 1) {
      for (let place = 0; place < 16; place += 1) {
        matrix[input * columns + place * outputs + output] = weight[(input * outputs + output) * 16 + place] * factor[output];
      }
    }
  }
  const shifts = Float64Array.from({ length: columns }, (_, column) => shift[column % outputs]);
  return { products: [onePlace(matrix, columns)], shift: shifts, run: inputs, slope: 0, outputs: columns };
}

/**
 * Return the product of a layer that has one row an image.
 * @param {Float64Array} matrix (K, columns)
 * @param {number} columns
 * @returns {Product}
 */
function onePlace(matrix, columns) {
  const [gather, scatter] = [new Int32Array(1), new Int32Array(1)];
  return { matrix, place: 0, size: matrix.length / columns, gather, scatter, parts: 1, columns };
}

/**
 * The shape of a transposed convolution of stride 2 and padding 1. Output position o takes kernel position k from
 * input position (o + 1 - k) / 2, where that is whole.
 * @typedef {{inputs: number, outputs: number, kernel: number, small: number, large: number}} Shape
 */

/**
 * Return the products of a transposed convolution, one for each residue of the output position.
 * @param {Float32Array} weight (inputs, outputs, kernel, kernel)
 * @param {Float64Array} factor (outputs,)
 * @param {Shape} shape
 * @returns {Product[]}
 */
function byResidues(weight, factor, shape) {
  const { inputs, outputs, kernel, small, large } = shape;
  return [0, 1, 2, 3].map((residue) => {
    const [residueY, residueX] = [residue >> 1, residue & 1];
    const taps = [];
    for (let y = (residueY + 1) % 2; y < kernel; y += 2) {
      for (let x = (residueX + 1) % 2; x < kernel; x += 2) taps.push([y, x]);
    }
    const size = taps.length * inputs;
    const matrix = new Float64Array(size * outputs);
    taps.forEach(([y, x], tap) => fillTap(matrix, tap, outputs, 0, weight, factor, shape, y, x));
    const gather = [];
    const scatter = [];
    for (let outY = residueY; outY < large; outY += 2) {
      for (let outX = residueX; outX < large; outX += 2) {
        scatter.push((outY * large + outX) * outputs);
        for (const [y, x] of taps) gather.push(placeOf((outY + 1 - y) / 2, (outX + 1 - x) / 2, small, inputs));
      }
    }
    return {
      matrix,
      place: 0,
      size,
      gather: Int32Array.from(gather),
      scatter: Int32Array.from(scatter),
      parts: 1,
      columns: outputs,
    };
  });
}

/**
 * Return the same as one product with four times the columns, for layers to few channels, as an image has.
 *
 * The outputs 2i + 1 and 2i + 2 depend on the inputs i and i + 1 alone. So each corner between four inputs is a row, and
 * four pixels are its columns. Corners at the edge have pixels outside of the image.
 * @param {Float32Array} weight (inputs, outputs, kernel, kernel)
 * @param {Float64Array} factor (outputs,)
 * @param {Shape} shape
 * @returns {Product}
 */
function byCorners(weight, factor, shape) {
  const { inputs, outputs, small, large } = shape;
  const columns = 4 * outputs;
  const matrix = new Float64Array(4 * inputs * columns);
  for (let part = 0; part < 4; part += 1) {
    for (let tap = 0; tap < 4; tap += 1) {
      // Output 2i + 1 + p takes input i + q by the kernel position (2i + 1 + p) + 1 - 2 (i + q) = 2 + p - 2q.
      const y = 2 + (part >> 1) - 2 * (tap >> 1);
      const x = 2 + (part & 1) - 2 * (tap & 1);
      fillTap(matrix, tap, columns, part * outputs, weight, factor, shape, y, x);
    }
  }
  const gather = [];
  const scatter = [];
  for (let row = -1; row < small; row += 1) {
    for (let column = -1; column < small; column += 1) {
      for (let member = 0; member < 4; member += 1) {
        const [down, right] = [member >> 1, member & 1];
        gather.push(placeOf(row + down, column + right, small, inputs));
        scatter.push(placeOf(2 * row + 1 + down, 2 * column + 1 + right, large, outputs));
      }
    }
  }
  return {
    matrix,
    place: 0,
    size: 4 * inputs,
    gather: Int32Array.from(gather),
    scatter: Int32Array.from(scatter),
    parts: 4,
    columns,
  };
}

/** @param {number} y @param {number} x @param {number} side @param {number} run @returns the place in (H, W, run), or -1 */
function placeOf(y, x, side, run) {
  return y >= 0 && y < side && x >= 0 && x < side ? (y * side + x) * run : -1;
}

/**
 * Write the weights of one kernel position into a matrix (taps * inputs, columns), from column `left` on.
 * @param {Float64Array} matrix
 * @param {number} tap
 * @param {number} columns
 * @param {number} left
 * @param {Float32Array} weight (inputs, outputs, kernel, kernel)
 * @param {Float64Array} factor (outputs,)
 * @param {Shape} shape
 * @param {number} y
 * @param {number} x
 */
function fillTap(matrix, tap, columns, left, weight, factor, { inputs, outputs, kernel }, y, x) {
  if (y >= kernel || x >= kernel) return; // a corner of a kernel of 3 has no fourth position
  for (let input = 0; input < inputs; input += 1) {
    for (let output = 0; output < outputs; output += 1) {
      matrix[(tap * inputs + input) * columns + left + output] =
        weight[((input * outputs + output) * kernel + y) * kernel + x] * factor[output];
    }
  }
}

/**
 * Return the multiply-adds of one image.
 * @param {Model} model
 */
export function multiplyAdds(model) {
  const inputs = model.latentDim + model.numClasses;
  if (model.topology === "mlp") {
    const widths = [inputs, ...model.hidden, model.channels * model.imageSize ** 2];
    return widths.slice(1).reduce((sum, width, index) => sum + width * widths[index], 0);
  }
  const sizes = levelSizes(model.imageSize);
  let width = model.width * 2 ** (sizes.length - 2);
  let sum = inputs * width * 16;
  for (let level = 1; level < sizes.length; level += 1) {
    const outputs = level === sizes.length - 1 ? model.channels : width / 2;
    sum += sizes[level - 1] ** 2 * (sizes[level] === 7 ? 9 : 16) * width * outputs;
    width /= 2;
  }
  return sum;
}

/**
 * Move the matrices of the layers into one multiplier.
 * @param {Layer[]} layers
 * @param {boolean} vectors
 */
function storedIn(layers, vectors) {
  const products = layers.flatMap((layer) => layer.products);
  const numbers = products.reduce((sum, { matrix, columns }) => sum + storedNumbers(matrix.length, columns), 0);
  const multiplier = new Multiplier(numbers, Math.max(...products.map(({ size }) => size)), { vectors });
  for (const product of products) {
    product.place = multiplier.store(product.matrix, product.columns);
    product.matrix = new Float64Array();
  }
  return multiplier;
}

/**
 * Return the numbers of all images after a layer: activation(rows @ matrix + shift), for each of its products.
 * @param {Layer} layer
 * @param {Float64Array} numbers of all images before it
 * @param {number} count of images
 * @param {Multiplier} multiplier
 */
function compute(layer, numbers, count, multiplier) {
  const outputs = new Float64Array(count * layer.outputs);
  const inputs = numbers.length / count;
  for (const product of layer.products) {
    const { place, size, columns, parts } = product;
    const rows = product.scatter.length / parts;
    for (let first = 0; first < rows * count; first += BLOCK_ROWS) {
      const members = Math.min(BLOCK_ROWS, rows * count - first);
      for (let member = 0; member < members; member += 1) {
        const image = Math.floor((first + member) / rows);
        packRow(multiplier.block, member, numbers, image * inputs, product, first + member - image * rows, layer.run);
      }
      for (let left = 0; left < columns; left += BLOCK_COLUMNS) {
        multiplier.multiply(members, place, size, left);
        for (let member = 0; member < members; member += 1) {
          const image = Math.floor((first + member) / rows);
          const row = first + member - image * rows;
          keep(multiplier.sums, member, outputs, image * layer.outputs, product, row, left, layer);
        }
      }
    }
  }
  return outputs;
}

/**
 * Write the activations of one row of a block to the outputs.
 * @param {Float64Array} sums (BLOCK_ROWS, BLOCK_COLUMNS)
 * @param {number} member of the block
 * @param {Float64Array} outputs
 * @param {number} offset of the image in `outputs`
 * @param {Product} product
 * @param {number} row of the image
 * @param {number} left the first column
 * @param {Layer} layer
 */
function keep(sums, member, outputs, offset, { scatter, parts, columns }, row, left, { shift, slope }) {
  const channels = columns / parts;
  const end = Math.min(left + BLOCK_COLUMNS, columns);
  for (let column = left; column < end; column += 1) {
    const part = parts === 1 ? 0 : Math.floor(column / channels);
    const channel = column - part * channels;
    const place = scatter[row * parts + part];
    if (place < 0) continue;
    const sum = sums[member * BLOCK_COLUMNS + column - left] + shift[channel];
    outputs[offset + place + channel] = sum < 0 ? sum * slope : sum;
  }
}

/**
 * Write one row of a product into a block.
 * @param {Float64Array} block (K, BLOCK_ROWS)
 * @param {number} member of the block
 * @param {Float64Array} numbers
 * @param {number} offset of the image in `numbers`
 * @param {Product} product
 * @param {number} row of the image
 * @param {number} run
 */
function packRow(block, member, numbers, offset, { gather, size }, row, run) {
  const taps = size / run;
  let to = member;
  for (let tap = row * taps; tap < (row + 1) * taps; tap += 1) {
    const from = offset + gather[tap];
    for (let at = 0; at < run; at += 1) {
      block[to] = gather[tap] < 0 ? 0 : numbers[from + at];
      to += BLOCK_ROWS;
    }
  }
}
