// @ts-check
/**
 * The texts of the page's elements. They are written here, so that they follow when a visitor chooses another language.
 */

import { LANGUAGES, bestLanguage, isLanguage, languageOf } from "./languages.js";
import { LANGUAGE_KEY } from "./link.js";
import { filled } from "./texts.js";

/** @typedef {import("./texts.js").Note} Note */
/** @typedef {import("./texts.js").TextName} TextName */

const CONTENT = "";
/** Names the content of an element among its attributes. */

let spoken = "en";
let isChosen = false;
/** @type {WeakMap<Element, Map<string, Note[]>>} element -> attribute -> the sentences in it */
const wording = new WeakMap();

/** @returns the code of the page's language */
export function spokenLanguage() {
  return spoken;
}

/** @returns {Record<string, string>} what a link carries: the language if a visitor chose it, else nothing */
export function chosenLanguage() {
  return isChosen ? { [LANGUAGE_KEY]: spoken } : {};
}

/** Speak the language that the address names, else one that the browser prefers. @param {string} code of the address */
export function beginLanguage(code) {
  if (isLanguage(code)) chooseLanguage(code);
  else speak(bestLanguage(navigator.languages));
}

/** @param {string} code */
export function chooseLanguage(code) {
  isChosen = true;
  speak(code);
}

/** Write all texts again. @param {string} code */
function speak(code) {
  spoken = code;
  document.documentElement.lang = languageOf(code).tag;
  document.title = sentence({ text: "title" });
  for (const element of document.querySelectorAll("*")) {
    for (const [attribute, notes] of wording.get(element) ?? []) put(element, attribute, notes);
  }
  for (const button of document.querySelectorAll("button[lang]")) {
    button.setAttribute("aria-pressed", String(button.getAttribute("value") === code));
  }
}

/** Offer the languages. @param {Element} place of the buttons @param {(code: string) => void} choose */
export function offerLanguages(place, choose) {
  const buttons = Object.entries(LANGUAGES).map(([code, { name, tag }]) => {
    const button = document.createElement("button");
    Object.assign(button, { textContent: name, lang: tag, value: code });
    button.onclick = () => choose(code);
    return button;
  });
  place.replaceChildren(...buttons);
}

/** @param {Note} note @returns {string} the sentence in the page's language */
export function sentence(note) {
  return filled(languageOf(spoken).texts, note);
}

/** @param {Element} element @param {TextName} text @param {Note["values"]} [values] */
export function writeText(element, text, values) {
  writeNotes(element, [{ text, values }]);
}

/** Write an attribute, such as `aria-label`. @param {Element} element @param {string} attribute @param {Note} note */
export function writeAttribute(element, attribute, note) {
  remember(element, attribute, [note]);
}

/** Write sentences as the content of an element; none: the element is empty. @param {Element} element @param {Note[]} notes */
export function writeNotes(element, notes) {
  remember(element, CONTENT, notes);
}

/** @param {Element} element @returns {Note[]} the sentences in it */
export function notesIn(element) {
  return wording.get(element)?.get(CONTENT) ?? [];
}

/** @param {Element} element @param {string} attribute @param {Note[]} notes */
function remember(element, attribute, notes) {
  const all = wording.get(element) ?? new Map();
  wording.set(element, all.set(attribute, notes));
  put(element, attribute, notes);
}

/** @param {Element} element @param {string} attribute @param {Note[]} notes */
function put(element, attribute, notes) {
  const text = notes.map(sentence).join(languageOf(spoken).between);
  if (attribute === CONTENT) element.textContent = text;
  else element.setAttribute(attribute, text);
}
