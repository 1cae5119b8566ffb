// @ts-check
/**
 * The languages of the page. To add one, copy texts.js as texts.CODE.js, translate it, and add a row here.
 */

import { ENGLISH } from "./texts.js";
import { VIETNAMESE } from "./texts.vi.js";
import { CHINESE } from "./texts.zh.js";

/**
 * @typedef {object} Language
 * @property {string} name as its speakers write it
 * @property {string} tag for the attribute `lang`, by which browsers choose glyphs and screen readers a voice
 * @property {string} between what stands between two sentences
 * @property {import("./texts.js").Texts} texts
 */

/** @type {Record<string, Language>} by the code in addresses; the first one serves visitors who read none of them */
export const LANGUAGES = {
  en: { name: "English", tag: "en", between: " ", texts: ENGLISH },
  vi: { name: "Tiếng Việt", tag: "vi", between: " ", texts: VIETNAMESE },
  zh: { name: "简体中文", tag: "zh-Hans", between: "", texts: CHINESE },
};

/** @param {unknown} code @returns {Language} the language with this code, else English */
export function languageOf(code) {
  return isLanguage(code) ? LANGUAGES[code] : LANGUAGES.en;
}

/** @param {unknown} code @returns {code is string} */
export function isLanguage(code) {
  return typeof code === "string" && Object.hasOwn(LANGUAGES, code);
}

/**
 * Return the code of the first language that the page has.
 * @param {readonly string[]} accepted tags that a visitor prefers, in order, such as vi-VN
 */
export function bestLanguage(accepted) {
  return accepted.map((tag) => tag.toLowerCase().split("-")[0]).find(isLanguage) ?? "en";
}
