// @ts-check
/**
 * NumPy's RandomState: the Mersenne Twister MT19937 and the polar method, whose streams NumPy has frozen (NEP 19).
 *
 * Sources: Matsumoto and Nishimura 1998, "Mersenne Twister"; Marsaglia and Bray 1964, for the polar method.
 */

import { log } from "./numbers.js";

const SIZE = 624;
const SHIFT = 397;

/** A stream of random numbers. The same seed gives the same stream as numpy.random.RandomState(seed). */
export class RandomState {
  /** @param {number} seed a whole number in 0..2 ** 32 - 1 */
  constructor(seed) {
    const state = new Uint32Array(SIZE);
    state[0] = seed;
    for (let index = 1; index < SIZE; index += 1) {
      const last = state[index - 1];
      state[index] = Math.imul(1812433253, last ^ (last >>> 30)) + index;
    }
    this.state = state;
    this.position = SIZE;
    this.hasNormal = false;
    this.normal = 0;
  }

  /** Return the next 32 bits. */
  word() {
    if (this.position === SIZE) this.#advance();
    let word = this.state[this.position];
    this.position += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  }

  #advance() {
    const state = this.state;
    for (let index = 0; index < SIZE; index += 1) {
      const next = state[(index + 1) % SIZE];
      const joined = (state[index] & 0x80000000) | (next & 0x7fffffff);
      state[index] = state[(index + SHIFT) % SIZE] ^ (joined >>> 1) ^ (next & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }

  /** Return a number in [0, 1) with 53 random bits. */
  uniform() {
    const high = this.word() >>> 5;
    const low = this.word() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Return a standard normal number. */
  standardNormal() {
    if (this.hasNormal) {
      this.hasNormal = false;
      return this.normal;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square < 1 && square !== 0) {
        const factor = Math.sqrt((-2 * log(square)) / square);
        this.hasNormal = true;
        this.normal = factor * x;
        return factor * y;
      }
    }
  }
}
