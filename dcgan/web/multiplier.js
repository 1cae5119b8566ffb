// @ts-check
/**
 * Products of a block of rows with a matrix, by the vector instructions of WebAssembly where the browser has them, else in
 * plain JavaScript. Both add the same doubles in the same order, so they give the same bytes.
 *
 * The program for WebAssembly is some hundred bytes, which `program` writes instruction by instruction.
 */

export const BLOCK_ROWS = 4;
export const BLOCK_COLUMNS = 4;
/** A block's 16 sums are 8 vectors of two doubles. They stay in the registers of a processor. */

const PAGE_BYTES = 65536;
const BYTES = 8;
/** Of a double. */

/** @typedef {(block: number, matrix: number, size: number, sums: number) => void} Kernel places are bytes in the memory */

/**
 * The memory of a network: its matrices, a block of rows and the sums of a block.
 *
 * A matrix (K, columns) is stored in blocks of columns (blocks, K, BLOCK_COLUMNS), filled up with zeros.
 */
export class Multiplier {
  /**
   * @param {number} numbers of all matrices as they are stored
   * @param {number} size the largest K
   * @param {{vectors?: boolean}} [options] false: plain JavaScript, for tests
   */
  constructor(numbers, size, { vectors = true } = {}) {
    const [blockNumbers, sumNumbers] = [BLOCK_ROWS * size, BLOCK_ROWS * BLOCK_COLUMNS];
    const bytes = BYTES * (numbers + blockNumbers + sumNumbers);
    const program = vectors ? compiled() : null;
    const memory = program ? new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) }) : null;
    this.numbers = new Float64Array(memory ? memory.buffer : new ArrayBuffer(bytes));
    this.sums = this.numbers.subarray(0, sumNumbers);
    this.block = this.numbers.subarray(sumNumbers, sumNumbers + blockNumbers);
    this.free = sumNumbers + blockNumbers;
    this.kernels =
      program && memory
        ? /** @type {any} */ (new WebAssembly.Instance(program, { page: { memory } }).exports)
        : { block: this.#multiplyBlock, row: this.#multiplyRow };
  }

  /**
   * Store a matrix and return its place.
   * @param {Float64Array} matrix (K, columns)
   * @param {number} columns
   */
  store(matrix, columns) {
    const size = matrix.length / columns;
    const place = this.free;
    for (let column = 0; column < columns; column += 1) {
      const member = column % BLOCK_COLUMNS;
      const start = place + (column - member) * size + member;
      for (let k = 0; k < size; k += 1) this.numbers[start + k * BLOCK_COLUMNS] = matrix[k * columns + column];
    }
    this.free += storedNumbers(matrix.length, columns);
    return place;
  }

  /**
   * Multiply the block (K, BLOCK_ROWS) with BLOCK_COLUMNS columns from `left` on; the result is in `sums`, row by row.
   * @param {number} rows of the block that count: of one, only the first row of the sums is computed
   * @param {number} matrix its place
   * @param {number} size K
   * @param {number} left
   */
  multiply(rows, matrix, size, left) {
    const kernel = rows === 1 ? this.kernels.row : this.kernels.block;
    kernel(this.block.byteOffset, BYTES * (matrix + left * size), size, this.sums.byteOffset);
  }

  /** @type {Kernel} */
  #multiplyBlock = (block, matrix, size) => {
    for (let row = 0; row < BLOCK_ROWS; row += 2) this.#multiplyRows(block / BYTES + row, matrix / BYTES, size, row);
  };

  /** @type {Kernel} */
  #multiplyRow = (block, matrix, size) => this.#multiplyRows(block / BYTES, matrix / BYTES, size, 0);

  /**
   * Multiply two rows of the block.
   * @param {number} from @param {number} weight @param {number} size @param {number} row
   */
  #multiplyRows(from, weight, size, row) {
    const { numbers, sums } = this;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let b0 = 0;
    let b1 = 0;
    let b2 = 0;
    let b3 = 0;
    const end = from + BLOCK_ROWS * size;
    while (from < end) {
      const a = numbers[from];
      const b = numbers[from + 1];
      let w = numbers[weight];
      a0 += a * w;
      b0 += b * w;
      w = numbers[weight + 1];
      a1 += a * w;
      b1 += b * w;
      w = numbers[weight + 2];
      a2 += a * w;
      b2 += b * w;
      w = numbers[weight + 3];
      a3 += a * w;
      b3 += b * w;
      from += BLOCK_ROWS;
      weight += BLOCK_COLUMNS;
    }
    const to = row * BLOCK_COLUMNS;
    sums[to] = a0;
    sums[to + 1] = a1;
    sums[to + 2] = a2;
    sums[to + 3] = a3;
    sums[to + 4] = b0;
    sums[to + 5] = b1;
    sums[to + 6] = b2;
    sums[to + 7] = b3;
  }
}

/**
 * Return the numbers that a stored matrix takes.
 * @param {number} length K * columns
 * @param {number} columns
 */
export function storedNumbers(length, columns) {
  return (length / columns) * Math.ceil(columns / BLOCK_COLUMNS) * BLOCK_COLUMNS;
}

/** @type {WebAssembly.Module | null | undefined} */
let module;

/** @returns the program, or null where the browser has no vectors, or a policy forbids WebAssembly */
function compiled() {
  if (module === undefined) {
    try {
      module = new WebAssembly.Module(program());
    } catch {
      module = null;
    }
  }
  return module;
}

// The instructions that the program uses, as the specification of WebAssembly numbers them.
const [GET, SET, CONST, ADD, MULTIPLY, LESS] = [0x20, 0x21, 0x41, 0x6a, 0x6c, 0x49];
const [LOOP, BRANCH_IF, END, VECTOR, NOTHING] = [0x03, 0x0d, 0x0b, 0xfd, 0x40];
const [LOAD, LOAD_TWICE, STORE, VECTOR_MULTIPLY, VECTOR_ADD] = [0x00, 0x0a, 0x0b, 0xf2, 0xf0];
const [I32, V128] = [0x7f, 0x7b];

/** @returns the bytes of a module with the functions `block` and `row`, whose memory is imported */
function program() {
  const functions = [kernelCode(BLOCK_ROWS), kernelCode(1)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 4, I32, I32, I32, I32, 0]),
    ...section(2, [1, ...text("page"), ...text("memory"), 2, 0, 1]),
    ...section(3, [2, 0, 0]),
    ...section(7, [2, ...text("block"), 0, 0, ...text("row"), 0, 1]),
    ...section(10, [2, ...functions.flatMap((code) => [...unsigned(code.length), ...code])]),
  ]);
}

/**
 * Return the code of a kernel: for each k, the sums of the first `rows` rows grow by the row's number times two vectors
 * of the matrix.
 * @param {number} rows
 */
function kernelCode(rows) {
  const [block, matrix, size, sums, end] = [0, 1, 2, 3, 4];
  const [left, right, number] = [5, 6, 7];
  const sum = (/** @type {number} */ row, /** @type {number} */ half) => 8 + 2 * row + half;
  const add = (/** @type {number} */ row, /** @type {number} */ half) => [
    ...[GET, sum(row, half), GET, number, GET, half ? right : left],
    ...[VECTOR, ...unsigned(VECTOR_MULTIPLY), VECTOR, ...unsigned(VECTOR_ADD), SET, sum(row, half)],
  ];
  const move = (/** @type {number} */ pointer, /** @type {number} */ bytes) => [
    ...[GET, pointer, CONST, ...signed(bytes), ADD, SET, pointer],
  ];
  const all = Array.from({ length: rows }, (_, row) => row);
  return [
    ...[2, 1, I32, ...unsigned(3 + 2 * rows), V128],
    ...[GET, block, GET, size, CONST, ...signed(BYTES * BLOCK_ROWS), MULTIPLY, ADD, SET, end],
    ...[LOOP, NOTHING],
    ...[GET, matrix, VECTOR, LOAD, 3, 0, SET, left],
    ...[GET, matrix, VECTOR, LOAD, 3, 16, SET, right],
    ...all.flatMap((row) => [
      ...[GET, block, VECTOR, LOAD_TWICE, 3, ...unsigned(BYTES * row), SET, number],
      ...add(row, 0),
      ...add(row, 1),
    ]),
    ...move(block, BYTES * BLOCK_ROWS),
    ...move(matrix, BYTES * BLOCK_COLUMNS),
    ...[GET, block, GET, end, LESS, BRANCH_IF, 0, END],
    ...all.flatMap((row) =>
      [0, 1].flatMap((half) => [GET, sums, GET, sum(row, half), VECTOR, STORE, 3, ...unsigned(32 * row + 16 * half)]),
    ),
    END,
  ];
}

/** @param {number} id @param {number[]} content */
function section(id, content) {
  return [id, ...unsigned(content.length), ...content];
}

/** @param {string} value */
function text(value) {
  return [value.length, ...new TextEncoder().encode(value)];
}

/** @param {number} value @returns {number[]} it as LEB128 */
function unsigned(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...unsigned(value >> 7)];
}

/** @param {number} value from 0 on @returns {number[]} it as signed LEB128 */
function signed(value) {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >> 7)];
}
