// @ts-check
/**
 * Elementary functions that give the same bits in every browser.
 *
 * The standard leaves the last bits of Math.log, Math.exp, Math.tanh and others to the engine, and engines differ.
 * These functions use only operations that IEEE 754 rounds exactly: + - * / and Math.sqrt. Their errors are a few
 * units in the last place of a double.
 */

const LN2_HIGH = 0.6931471803691238; // its last 21 bits are 0, so that its multiples by exponents are exact
const LN2_LOW = 1.9082149292705877e-10;
const PI_HALF_HIGH = 1.5707963267341256; // pi / 2 with its last 20 bits 0
const PI_HALF_LOW = 6.077100506506192e-11;

const double = new Float64Array(1);
const bits = new Uint32Array(double.buffer);
const HIGH_WORD = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1 ? 1 : 0;

/**
 * Return 2 ** exponent for a whole exponent in -1022..1023.
 * @param {number} exponent
 */
function powerOfTwo(exponent) {
  bits[1 - HIGH_WORD] = 0;
  bits[HIGH_WORD] = (exponent + 1023) << 20;
  return double[0];
}

/**
 * Return the natural logarithm of a normal positive number. Other numbers give what Math.log gives.
 * @param {number} x
 */
export function log(x) {
  if (!(x >= 2.2250738585072014e-308) || x === Infinity) return Math.log(x);
  double[0] = x;
  let exponent = ((bits[HIGH_WORD] >>> 20) & 0x7ff) - 1023;
  bits[HIGH_WORD] = (bits[HIGH_WORD] & 0xfffff) | (1023 << 20);
  let mantissa = double[0]; // in [1, 2)
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  // log(m) = 2 artanh(s) for s = (m - 1) / (m + 1), whose series ends quickly because |s| < 0.172.
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let n = 23; n >= 3; n -= 2) sum = square * (1 / n + sum);
  return exponent * LN2_HIGH + (2 * s + (2 * s * sum + exponent * LN2_LOW));
}

/**
 * Return e ** x, with 0 below -708 and Infinity above 709.
 * @param {number} x
 */
export function exp(x) {
  if (Number.isNaN(x)) return x;
  if (x < -708) return 0;
  if (x > 709) return Infinity;
  const exponent = Math.round(x / Math.LN2);
  const rest = x - exponent * LN2_HIGH - exponent * LN2_LOW; // |rest| < 0.35
  let sum = 1;
  for (let n = 14; n >= 1; n -= 1) sum = 1 + (rest / n) * sum;
  return exponent > 1023 ? sum * 2 * powerOfTwo(exponent - 1) : sum * powerOfTwo(exponent);
}

/**
 * Return the hyperbolic tangent. Its absolute error is below 2e-16.
 * @param {number} x
 */
export function tanh(x) {
  const small = exp(-2 * Math.abs(x));
  const result = (1 - small) / (1 + small);
  return x < 0 ? -result : result;
}

/**
 * Return 1 / (1 + e ** -x).
 * @param {number} x
 */
export function sigmoid(x) {
  return 1 / (1 + exp(-x));
}

/**
 * Return [sine, cosine] of an angle in -10..10.
 * @param {number} angle
 * @returns {[number, number]}
 */
export function sineAndCosine(angle) {
  const quarter = Math.round(angle / (Math.PI / 2));
  const x = angle - quarter * PI_HALF_HIGH - quarter * PI_HALF_LOW; // |x| < 0.79
  const square = x * x;
  let sine = 1;
  for (let n = 18; n >= 2; n -= 2) sine = 1 - (square / (n * (n + 1))) * sine;
  sine *= x;
  let cosine = 1;
  for (let n = 17; n >= 1; n -= 2) cosine = 1 - (square / (n * (n + 1))) * cosine;
  switch (((quarter % 4) + 4) % 4) {
    case 0:
      return [sine, cosine];
    case 1:
      return [cosine, -sine];
    case 2:
      return [-sine, -cosine];
    default:
      return [-cosine, sine];
  }
}

/**
 * Return the angle in 0..pi of a point above or on the x axis, as Math.atan2 does for y >= 0.
 * @param {number} y at least 0
 * @param {number} x
 */
export function angleOf(y, x) {
  if (y === 0) return x < 0 || Object.is(x, -0) ? Math.PI : 0;
  if (Math.abs(x) < y) return PI_HALF_HIGH + PI_HALF_LOW - arctangent(x / y);
  return x < 0 ? Math.PI - arctangent(y / -x) : arctangent(y / x);
}

/** @param {number} t in -1..1 */
function arctangent(t) {
  // Two halvings of the angle leave |t| < 0.199.
  let halved = t;
  for (let n = 0; n < 2; n += 1) halved /= 1 + Math.sqrt(1 + halved * halved);
  const square = halved * halved;
  let sum = 0;
  for (let n = 23; n >= 3; n -= 2) sum = square * (1 / n - sum);
  return 4 * (halved - halved * sum);
}

/**
 * Round a number to the nearest whole one, ties to even, as NumPy's rint does.
 * @param {number} x in -2 ** 51..2 ** 51
 */
export function roundToEven(x) {
  const offset = 6755399441055744; // 1.5 * 2 ** 52: doubles of this size are whole
  return x + offset - offset;
}
