// @ts-check
/**
 * Labels as a text field shows them: names of classes, with commas between. Names with commas or quotes stand in quotes.
 */

const MAX_CHARACTERS = 10_000;
const MAX_WORDS = 200;
const MAX_NAME = 255;
/** Characters of a folder's name, from which classes have theirs. */

/** @param {string[]} classes @returns whether each name is the number of its label, as for digits */
export function areNumbers(classes) {
  return classes.every((name, label) => name === String(label));
}

/** @param {string} name of a class @returns the name as the field shows and reads it */
export function written(name) {
  return /[,;"]|^\s|\s$/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

/** @param {number[]} labels @param {string[]} classes @returns the text that `readLabels` reads as these labels */
export function writeLabels(labels, classes) {
  return labels.map((label) => written(classes[label] ?? String(label))).join(", ");
}

/**
 * Return the labels that a text spells, and the words that are not classes. Capitals matter only where two names differ
 * in nothing else. A number is a label if no class is named by a number, or if all are named by their own.
 * @param {string} text
 * @param {string[]} classes
 * @returns {{labels: number[], unknown: string[]}}
 */
export function readLabels(text, classes) {
  /** @type {Map<string, number>} */
  const names = new Map();
  classes.forEach((name, label) => names.set(name.toLowerCase(), names.get(name.toLowerCase()) ?? label));
  classes.forEach((name, label) => names.set(name, label));
  const hasNumbers = !areNumbers(classes) && classes.some((name) => /^\d+$/.test(name));
  const labelOf = (/** @type {string} */ word) => names.get(word) ?? names.get(word.toLowerCase());
  const labels = [];
  const unknown = [];
  let rest = text.slice(0, MAX_CHARACTERS).replace(/^[\s,;]+/, "");
  while (rest && labels.length + unknown.length < MAX_WORDS) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
    const word = quoted ? quoted[1].replaceAll('""', '"') : firstWord(rest, (part) => labelOf(part) !== undefined);
    const label = labelOf(word);
    if (label !== undefined) labels.push(label);
    else if (!hasNumbers && /^\d{1,9}$/.test(word) && Number(word) < classes.length) labels.push(Number(word));
    else unknown.push(word);
    rest = rest.slice(quoted ? quoted[0].length : word.length).replace(/^[\s,;]+/, "");
  }
  return { labels, unknown };
}

/**
 * Return the longest beginning that is a name; else the text up to the next space.
 * @param {string} text @param {(part: string) => boolean} isName
 */
function firstWord(text, isName) {
  const part = (/^[^,;]+/.exec(text)?.[0] ?? text).slice(0, MAX_NAME + 1).trimEnd();
  const ends = [...Array.from(part.matchAll(/\s+/g), ({ index }) => index), part.length];
  const end = ends.reverse().find((index) => isName(part.slice(0, index)));
  return end === undefined ? part.split(/\s/)[0] : part.slice(0, end);
}
