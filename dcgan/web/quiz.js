// @ts-check
/**
 * Be the discriminator: ten pairs of a real and a generated image. The same seed gives the same quiz everywhere.
 */

import { byId } from "./dom.js";
import { FIRST_QUIZ, quizSources } from "./place.js";
import { context, sheet, show } from "./pictures.js";
import { RandomState } from "./random.js";
import { writeAttribute, writeNotes, writeText } from "./wording.js";

/** @typedef {import("./studio.js").Studio} Studio */

const PAIRS = 10;
const SIDES = ["left", "right"];
const BOX = 26;
/** CSS pixels of a box beside its image: padding, border and half of the gap. */
const FAKES = 100;
/** The seeds of generated images, for which the page has answers of D. */

const NO_DIGITS = { file: "", size: 28, channels: 1, columns: 10, count: 0 };

/** @typedef {{digit: number, seed: number, realLeft: boolean}} Pair */

export class QuizView {
  /** @param {Studio} studio */
  constructor(studio) {
    this.studio = studio;
    /** @type {Pair[]} */
    this.pairs = [];
    this.number = 0;
    /** @type {boolean[]} whether the visitor took the left image for the real one, for each answered pair */
    this.answers = [];
    /** @type {ImageData | null} */
    this.digits = null;
    /** @type {Uint8Array | null} the generated images, once they are drawn */
    this.fakes = null;
    this.started = "";
    byId("left").onclick = () => this.answer(true);
    byId("right").onclick = () => this.answer(false);
    byId("quiz-next").onclick = () => this.next();
    byId("quiz-again").onclick = () => this.start(crypto.getRandomValues(new Uint16Array(1))[0]);
    byId("quiz-copy").onclick = () => studio.copy(this.url, "quiz-copied");
    byId("quiz-source").onchange = () => {
      studio.remember("from", byId("quiz-source").value);
      this.start(this.seed);
    };
  }

  get seed() {
    return Number(this.studio.extra.get("quiz") ?? FIRST_QUIZ);
  }

  /** The weights whose images are shown: those in the address, else the newest. */
  get weights() {
    const { model } = this.studio;
    return quizSources(model).find(({ id }) => id === this.studio.extra.get("from")) ?? model.weights;
  }

  /** The model's real digits in the manifest. */
  get entry() {
    return this.studio.model.digits ?? NO_DIGITS;
  }

  /** A link to this quiz. */
  get url() {
    const quiz = new URLSearchParams({ view: "quiz", quiz: String(this.seed), from: this.weights.id });
    return `${this.studio.url()}#${quiz}`;
  }

  async show() {
    const { studio } = this;
    const { model } = studio;
    try {
      const digits = await studio.library.digits(this.entry);
      if (studio.model !== model || studio.view !== "quiz") return; // the visitor has left meanwhile
      this.digits = digits;
    } catch (error) {
      if (studio.model !== model || studio.view !== "quiz") return;
      this.#close();
      byId("quiz-again").hidden = true;
      studio.fail(error);
      return;
    }
    const options = quizSources(model).map(({ id, epoch }) => {
      const option = new Option("", id);
      writeText(option, "quizSource", { name: studio.model.name, epoch: Number(epoch.toFixed(2)) });
      return option;
    });
    byId("quiz-source").replaceChildren(...options);
    byId("quiz-source").value = this.weights.id;
    if (this.started !== `${this.weights.file} ${this.seed}`) this.start(this.seed);
    else this.showPair();
  }

  hide() {}

  /** Take no answer until a pair is shown. */
  #close() {
    for (const side of SIDES) {
      byId(side).disabled = true;
      byId(side).className = "choice";
      writeNotes(byId(`${side}-said`), []);
      const canvas = byId(`${side}-image`);
      context(canvas).clearRect(0, 0, canvas.width, canvas.height);
    }
    for (const id of ["quiz-number", "quiz-said", "quiz-copied"]) writeNotes(byId(id), []);
    byId("quiz-next").hidden = true;
  }

  /** @param {number} seed of the quiz */
  async start(seed) {
    const { studio } = this;
    const { weights } = this;
    studio.remember("quiz", seed);
    const started = `${weights.file} ${seed}`;
    this.started = started;
    this.#close();
    const stream = new RandomState(seed);
    const below = (/** @type {number} */ limit) => Math.floor(stream.uniform() * limit);
    const { count } = this.entry;
    this.pairs = Array.from({ length: PAIRS }, () => ({
      digit: below(count),
      seed: below(FAKES),
      realLeft: below(2) === 0,
    }));
    this.number = 0;
    this.answers = [];
    this.fakes = null;
    const { numClasses } = studio.shape;
    const seeds = this.pairs.map((pair) => pair.seed);
    const labels = seeds.map((fake) => (numClasses ? fake % numClasses : 0));
    try {
      await studio.library.load(weights);
      const fakes = await studio.client.ask("seeds", { key: weights.file, seeds, labels, psi: 1 });
      if (this.started !== started) return; // the visitor has begun another quiz meanwhile
      this.fakes = fakes;
    } catch (error) {
      this.started = ""; // so that it begins again when the visitor comes back
      studio.fail(error);
      return;
    }
    this.showPair();
  }

  showPair() {
    const { studio } = this;
    if (!this.fakes) return;
    const { realLeft, digit } = this.pairs[this.number];
    const { imageSize, channels } = studio.shape;
    const length = imageSize ** 2 * channels;
    const fake = this.fakes.subarray(this.number * length, (this.number + 1) * length);
    const room = Math.min(224, Math.floor(studio.room / 2) - BOX);
    show(byId(realLeft ? "right-image" : "left-image"), sheet(fake, imageSize, channels, 1), room);
    show(byId(realLeft ? "left-image" : "right-image"), this.#digit(digit), room);
    for (const side of SIDES) {
      byId(side).className = "choice";
      writeNotes(byId(`${side}-said`), []);
      byId(side).disabled = false;
      writeAttribute(byId(side), "aria-label", { text: side === "left" ? "quizLeft" : "quizRight" });
    }
    writeText(byId("quiz-number"), "quizPair", { number: this.number + 1, count: PAIRS });
    writeNotes(byId("quiz-said"), []);
    byId("quiz-next").hidden = true;
    byId("quiz-again").hidden = this.number > 0;
    if (this.number < this.answers.length) this.#showAnswer(); // the visitor has come back to it
  }

  /** @param {number} index @returns one real digit */
  #digit(index) {
    const { digits } = this;
    const { size, columns } = this.entry;
    const picture = new ImageData(size, size);
    if (!digits) return picture;
    const [left, top] = [(index % columns) * size, Math.floor(index / columns) * size];
    for (let row = 0; row < size; row += 1) {
      const from = 4 * ((top + row) * digits.width + left);
      picture.data.set(digits.data.subarray(from, from + 4 * size), 4 * row * size);
    }
    return picture;
  }

  /** @param {boolean} left whether the visitor takes the left image for the real one */
  answer(left) {
    if (this.number < this.answers.length) return;
    this.answers.push(left);
    this.#showAnswer();
    byId(byId("quiz-next").hidden ? "quiz-again" : "quiz-next").focus();
  }

  #showAnswer() {
    const { studio, pairs, answers } = this;
    const { realLeft } = pairs[this.number];
    for (const side of SIDES) {
      const isReal = (side === "left") === realLeft;
      const text = isReal ? "quizReal" : "quizFake";
      byId(side).disabled = true;
      byId(side).className = `choice ${isReal ? "real" : "fake"}`;
      writeAttribute(byId(side), "aria-label", { text });
      writeText(byId(`${side}-said`), text);
    }
    const isRight = answers[this.number] === realLeft;
    /** @type {import("./texts.js").Note} */
    const verdict = { text: isRight ? "quizRightAnswer" : "quizWrongAnswer" };
    writeNotes(byId("quiz-said"), [verdict]);
    const last = this.number === PAIRS - 1;
    byId("quiz-next").hidden = last;
    // An open quiz is not thrown away by a slip.
    byId("quiz-again").hidden = !last;
    if (!last) return;
    const right = pairs.filter((pair, index) => answers[index] === pair.realLeft).length;
    const values = { right, count: PAIRS, chance: PAIRS / 2, name: studio.model.name, machine: this.machine };
    writeNotes(byId("quiz-said"), [verdict, { text: "quizResult", values }]);
  }

  /** The pairs in which D gives the real image the larger logit. */
  get machine() {
    const { real = [], fake = {} } = this.studio.model.discriminator ?? {};
    return this.pairs.filter(({ digit, seed }) => real[digit] > fake[this.weights.id]?.[seed]).length;
  }

  next() {
    this.number = Math.min(PAIRS - 1, this.number + 1);
    this.showPair();
    byId("left").focus();
  }
}
