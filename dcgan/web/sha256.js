// @ts-check
/**
 * SHA-256 (FIPS 180-4). Browsers have it only in secure contexts, which a page of a plain HTTP server is not.
 */

const PRIMES = firstPrimes(64);
/** The first 32 bits of the fractions of the cube roots of the first 64 primes. */
const CONSTANTS = Uint32Array.from(PRIMES, (prime) => fractionOfRoot(prime, 3));
/** The same of the square roots of the first 8. */
const START = Uint32Array.from(PRIMES.slice(0, 8), (prime) => fractionOfRoot(prime, 2));

/** @param {number} count */
function firstPrimes(count) {
  /** @type {number[]} */
  const primes = [];
  for (let number = 2; primes.length < count; number += 1) {
    if (primes.every((prime) => number % prime)) primes.push(number);
  }
  return primes;
}

/** @param {number} number @param {number} degree @returns the 32 bits after the point of a root, exactly */
function fractionOfRoot(number, degree) {
  const target = BigInt(number) << BigInt(32 * degree);
  let root = 0n;
  for (let bit = 1n << 37n; bit > 0n; bit >>= 1n) {
    if ((root + bit) ** BigInt(degree) <= target) root += bit;
  }
  return Number(root & 0xffffffffn);
}

/**
 * Return the hash of the parts, one after another, as 64 hex digits.
 * @param {Uint8Array[]} parts
 */
export function sha256(parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const message = new Uint8Array((Math.floor((length + 8) / 64) + 1) * 64);
  let at = 0;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  message[length] = 0x80;
  const view = new DataView(message.buffer);
  view.setUint32(message.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(message.length - 4, (length * 8) >>> 0);
  const hash = START.slice();
  const words = new Uint32Array(64);
  for (let block = 0; block < message.length; block += 64) {
    for (let index = 0; index < 16; index += 1) words[index] = view.getUint32(block + 4 * index);
    compress(hash, words);
  }
  return Array.from(hash, (word) => word.toString(16).padStart(8, "0")).join("");
}

/** @param {Uint32Array} hash @param {Uint32Array} words */
function compress(hash, words) {
  for (let index = 16; index < 64; index += 1) {
    const a = words[index - 15];
    const b = words[index - 2];
    words[index] =
      words[index - 16] +
      (rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3)) +
      words[index - 7] +
      (rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = hash;
  for (let index = 0; index < 64; index += 1) {
    const first =
      (h + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + ((e & f) ^ (~e & g)) + CONSTANTS[index] + words[index]) | 0;
    const second = ((rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, index) => {
    hash[index] += value;
  });
}

/** @param {number} word @param {number} count */
function rotated(word, count) {
  return (word >>> count) | (word << (32 - count));
}
