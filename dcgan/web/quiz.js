// @ts-check
/**
 * Be the discriminator: ten pairs of a real and a generated image. The same seed gives the same quiz everywhere.
 */

import { byId } from "./dom.js";
import { sheet, show } from "./pictures.js";
import { RandomState } from "./random.js";

/** @typedef {import("./page.js").Studio} Studio */

const PAIRS = 10;
const FAKES = 100;
/** The seeds of generated images, for which the page has answers of D. */

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
    this.started = "";
    byId("left").onclick = () => this.answer(true);
    byId("right").onclick = () => this.answer(false);
    byId("quiz-next").onclick = () => this.next();
    byId("quiz-again").onclick = () => this.start(crypto.getRandomValues(new Uint16Array(1))[0]);
    byId("quiz-source").onchange = () => {
      studio.remember("from", byId("quiz-source").value);
      this.start(this.seed);
    };
  }

  get seed() {
    const seed = Number(this.studio.extra.get("quiz") ?? 1);
    return Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32 ? seed : 1;
  }

  /** The weights whose images are shown: those in the address, else the newest. */
  get weights() {
    const { model } = this.studio;
    return this.sources.find(({ id }) => id === this.studio.extra.get("from")) ?? model.weights;
  }

  /** All weights of the model for which the page has answers of D. */
  get sources() {
    const { model } = this.studio;
    const all = [...model.snapshots.filter(({ step }) => step > 0 && step < model.weights.step), model.weights];
    return all.filter(({ id }) => model.discriminator?.fake[id]);
  }

  async show() {
    const { studio } = this;
    this.digits ??= await studio.library.digits();
    const options = this.sources.map(({ id, epoch }) => {
      const values = { name: studio.model.name, epoch: Number(epoch.toFixed(2)) };
      return new Option(studio.say("quizSource", values), id);
    });
    byId("quiz-source").replaceChildren(...options);
    byId("quiz-source").value = this.weights.id;
    if (this.started !== `${this.weights.id} ${this.seed}`) this.start(this.seed);
    else this.showPair();
  }

  hide() {}

  /** @param {number} seed of the quiz */
  async start(seed) {
    const { studio } = this;
    const { weights } = this;
    studio.remember("quiz", seed);
    this.started = `${weights.id} ${seed}`;
    const stream = new RandomState(seed);
    const below = (/** @type {number} */ limit) => Math.floor(stream.uniform() * limit);
    const count = studio.library.manifest.digits?.count ?? 0;
    this.pairs = Array.from({ length: PAIRS }, () => ({
      digit: below(count),
      seed: below(FAKES),
      realLeft: below(2) === 0,
    }));
    this.number = 0;
    this.answers = [];
    const { numClasses } = studio.shape;
    const seeds = this.pairs.map((pair) => pair.seed);
    const labels = seeds.map((fake) => (numClasses ? fake % numClasses : 0));
    try {
      await studio.library.load(weights);
      this.fakes = await studio.client.ask("seeds", { key: weights.id, seeds, labels, psi: 1 });
    } catch (error) {
      studio.fail(/** @type {any} */ (error));
      return;
    }
    this.showPair();
  }

  showPair() {
    const { studio } = this;
    const { realLeft, digit } = this.pairs[this.number];
    const { imageSize, channels } = studio.shape;
    const length = imageSize ** 2 * channels;
    const fakes = this.fakes ?? new Uint8Array(PAIRS * length);
    const fake = fakes.subarray(this.number * length, (this.number + 1) * length);
    const room = Math.min(224, Math.floor((studio.room - 48) / 2));
    show(byId(realLeft ? "right-image" : "left-image"), sheet(fake, imageSize, channels, 1), room);
    show(byId(realLeft ? "left-image" : "right-image"), this.#digit(digit), room);
    for (const side of ["left", "right"]) {
      byId(side).className = "choice";
      byId(side).disabled = false;
      byId(side).setAttribute("aria-label", studio.say(side === "left" ? "quizLeft" : "quizRight"));
    }
    byId("quiz-number").textContent = studio.say("quizPair", { number: this.number + 1, count: PAIRS });
    byId("quiz-said").textContent = "";
    byId("quiz-next").hidden = true;
    if (this.number < this.answers.length) this.#showAnswer(); // the visitor has come back to it
  }

  /** @param {number} index @returns one real digit */
  #digit(index) {
    const { digits } = this;
    const { size = 28, columns = 10 } = this.studio.library.manifest.digits ?? {};
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
    if (!byId("quiz-next").hidden) byId("quiz-next").focus();
  }

  #showAnswer() {
    const { studio, pairs, answers } = this;
    const { realLeft } = pairs[this.number];
    byId("left").className = `choice ${realLeft ? "real" : "fake"}`;
    byId("right").className = `choice ${realLeft ? "fake" : "real"}`;
    const isRight = answers[this.number] === realLeft;
    byId("quiz-said").textContent = studio.say(isRight ? "quizRightAnswer" : "quizWrongAnswer");
    const last = this.number === PAIRS - 1;
    byId("quiz-next").hidden = last;
    if (!last) return;
    const right = pairs.filter((pair, index) => answers[index] === pair.realLeft).length;
    const values = { right, count: PAIRS, chance: PAIRS / 2, name: studio.model.name, machine: this.machine };
    byId("quiz-said").textContent += ` ${studio.say("quizResult", values)}`;
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
