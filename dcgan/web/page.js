// @ts-check
/**
 * The page: it opens a link, keeps what is shown in the address, and shows one of its views.
 *
 * The link is the query of the address, so that all apps of the project open it. What only this page knows stands
 * behind #: the view, the snapshot, the quiz.
 */

import { Client, WorkerError } from "./client.js";
import { byId } from "./dom.js";
import { fitLabels } from "./generator.js";
import { Library } from "./library.js";
import { FIELDS, parseQuery, readLink, usualLink, writeLink } from "./link.js";
import { MapView } from "./map.js";
import { QuizView } from "./quiz.js";
import { LANGUAGES, filled } from "./texts.js";
import { TimeView } from "./time.js";
import { WalkView } from "./walk.js";

/** @typedef {import("./link.js").Link} Link */
/** @typedef {import("./library.js").Model} Model */
/** @typedef {import("./library.js").Weights} Weights */
/** @typedef {import("./texts.js").TextName} TextName */

const ADDRESS_DELAY = 300;
/** Milliseconds without a change before the address follows: browsers limit how often it may change. */

/** What is shown, and how views change it. */
export class Studio {
  /** @param {Library} library @param {Client} client */
  constructor(library, client) {
    this.library = library;
    this.client = client;
    /** @type {Model} */
    this.model = library.usual;
    /** @type {Weights} */
    this.weights = this.model.weights;
    /** @type {import("./network.js").Model} */
    this.shape = /** @type {any} */ (null);
    /** @type {Link} */
    this.link = usualLink();
    this.psi = 1;
    /** @type {URLSearchParams} what only this page knows */
    this.extra = new URLSearchParams();
    /** @type {Record<string, {show: () => void, hide: () => void}>} */
    this.views = {};
    this.view = "walk";
    this.timer = 0;
  }

  /** @param {TextName} text @param {Record<string, string | number>} [values] */
  say(text, values) {
    return sentence(text, values);
  }

  /** @param {WorkerError} error */
  fail = (error) => {
    byId("status").textContent = this.say(error.text, error.values);
  };

  /** The CSS pixels that a view may be wide. */
  get room() {
    return byId("studio").clientWidth;
  }

  /** Seeds with labels as a conditional model needs them: the label at A. */
  get label() {
    return this.link.labels[0] ?? 0;
  }

  /**
   * Change what is shown. `quietly` is for changes that the view has drawn itself.
   * @param {Partial<Link>} change
   * @param {{quietly?: boolean}} [options]
   */
  change(change, { quietly = false } = {}) {
    const samePath = Object.keys(change).every((name) => name === "t");
    // The id of the pixels is that of one path.
    this.link = { ...this.link, ...change, digest: samePath ? this.link.digest : "" };
    this.keepAddress();
    if (!quietly) this.views[this.view].show();
  }

  /** @param {string} name @param {string | number | null} value what only this page knows; null removes it */
  remember(name, value) {
    if (value === null) this.extra.delete(name);
    else this.extra.set(name, String(value));
    this.keepAddress();
  }

  /** The query of a link to what is shown, with the ids that other apps compare. */
  get query() {
    return writeLink({ ...this.link, model: this.model.name, weightsId: this.weights.id });
  }

  keepAddress() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const extra = this.extra.toString();
      try {
        history.replaceState(null, "", `?${this.query}${extra && `#${extra}`}`);
        tellSpace(this.query, extra);
      } catch {
        // A page that was opened from a disk may only change what stands behind #.
        location.replace(`#${this.query}${extra && `&${extra}`}`);
      }
    }, ADDRESS_DELAY);
  }

  /** The address of what is shown, to be sent around. */
  get address() {
    return `${location.href.split(/[?#]/)[0]}?${this.query}`;
  }

  /** Read the link of the address. */
  async open() {
    const known = new Set(Object.values(FIELDS).map((field) => field.key));
    const fragment = new URLSearchParams(location.hash.slice(1));
    const inFragment = [...fragment].filter(([key]) => known.has(key));
    for (const [key, value] of fragment) if (!known.has(key)) this.extra.set(key, value);
    const query = inFragment.length && !location.search ? new URLSearchParams(inFragment).toString() : location.search;
    const { link, notes, anyKey } = readLink(query);
    const usual = !parseQuery(query).has("model");
    const named = usual ? this.library.usual : this.library.model(link.model);
    this.model = named ?? this.library.usual;
    const exact = link.weightsId && named ? this.library.weights(named, link.weightsId) : undefined;
    this.weights = exact ?? this.model.weights;
    const others = notes.filter(({ text, values }) => !(text === "linkMisses" && values.key === "model"));
    const lines = others.map(({ text, values }) => this.say(text, values));
    if (anyKey && !named) lines.push(this.say("unknownModel", { model: link.model, name: this.model.name }));
    await this.load();
    const fitting = fitLabels(link, this.shape);
    lines.push(...fitting.notes.map(({ text, values }) => this.say(text, values)));
    this.link = { ...fitting.link, model: this.model.name };
    if (link.weightsId && named) lines.push(await this.verdict(link, exact));
    showNotes(lines);
  }

  /**
   * Return a sentence that compares the weights with those of the link.
   * @param {Link} link @param {Weights | undefined} exact
   */
  async verdict(link, exact) {
    if (!exact) return this.say("otherWeights", { id: link.weightsId, mine: this.weights.id });
    if (exact.half) return this.say("sameWeightsHalf");
    if (!link.digest) return this.say("sameWeights");
    const { link: drawn } = await this.client.ask("render", { key: exact.id, link: this.link, psi: 1 });
    return this.say(drawn.digest === link.digest ? "samePixels" : "sameWeights");
  }

  /** Make the worker read the weights. */
  async load() {
    byId("status").textContent = this.say("loading");
    const { model } = await this.library.load(this.weights);
    this.shape = model;
    byId("status").textContent = "";
    const { id, step } = this.weights;
    byId("weights").textContent = this.say("weightsOfModel", { name: this.model.name, id, step });
  }

  /** @param {string} name of another model */
  async choose(name) {
    const [model, weights] = [this.model, this.weights];
    this.model = this.library.model(name) ?? this.model;
    this.weights = this.model.weights;
    showNotes([]);
    try {
      await this.load();
    } catch (error) {
      // The page still shows the model before, so all of it goes back.
      [this.model, this.weights] = [model, weights];
      byId("model").value = model.name;
      throw error;
    }
    this.link = { ...fitLabels(this.link, this.shape).link, model: this.model.name };
    this.offerViews();
    this.change({});
  }

  /** Show the tabs that the model has something for. */
  offerViews() {
    byId("tab-time").hidden = !this.model.snapshots.length;
    byId("tab-quiz").hidden = !(this.model.discriminator && this.library.manifest.digits);
    if (byId(`tab-${this.view}`).hidden) this.select("walk");
  }

  /** @param {string} view */
  select(view) {
    this.views[this.view].hide();
    this.view = view;
    byId("status").textContent = "";
    for (const name of Object.keys(this.views)) {
      byId(name).hidden = name !== view;
      byId(`tab-${name}`).setAttribute("aria-selected", String(name === view));
      byId(`tab-${name}`).tabIndex = name === view ? 0 : -1;
    }
    this.remember("view", view === "walk" ? null : view);
    this.views[view].show();
  }
}

/** @param {TextName} text @param {Record<string, string | number>} [values] @returns a text in the page's language */
function sentence(text, values) {
  return filled((LANGUAGES[document.documentElement.lang] ?? LANGUAGES.en)[text], values);
}

/**
 * Pass the address on to the page of Hugging Face around a static Space, which shows it to the visitor.
 * @param {string} queryString @param {string} hash
 */
function tellSpace(queryString, hash) {
  if (window.parent === window || !location.hostname.endsWith(".hf.space")) return;
  window.parent.postMessage({ queryString, hash }, "https://huggingface.co");
}

/** @param {string[]} lines */
function showNotes(lines) {
  byId("notes").replaceChildren(
    ...lines.filter(Boolean).map((line) => {
      const item = document.createElement("li");
      item.textContent = line;
      return item;
    }),
  );
}

/** Write the texts that the document names. */
function writeTexts() {
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = sentence(/** @type {TextName} */ (element.getAttribute("data-text")));
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", sentence(/** @type {TextName} */ (element.getAttribute("data-label"))));
  }
  document.title = sentence("title");
}

/** @returns the worker: this very program, from its file or from the text inside the page */
function startWorker() {
  const program = document.getElementById("program");
  if (!program) return new Worker(new URL("main.js", document.baseURI), { type: "module" });
  // A page from a disk may start classic workers only.
  const text = new Blob([program.textContent ?? ""], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(text));
}

/** @param {Studio} studio */
function connect(studio) {
  const models = byId("model");
  models.replaceChildren(...studio.library.manifest.models.map(({ name }) => new Option(name)));
  models.value = studio.model.name;
  models.onchange = () => studio.choose(models.value).catch(studio.fail);
  studio.views = {
    walk: new WalkView(studio),
    time: new TimeView(studio),
    map: new MapView(studio),
    quiz: new QuizView(studio),
  };
  const names = Object.keys(studio.views);
  for (const name of names) {
    const tab = byId(`tab-${name}`);
    tab.onclick = () => studio.select(name);
    tab.onkeydown = (/** @type {KeyboardEvent} */ event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const shown = names.filter((other) => !byId(`tab-${other}`).hidden);
      const next = shown[(shown.indexOf(name) + step + shown.length) % shown.length];
      studio.select(next);
      byId(`tab-${next}`).focus();
    };
  }
  let width = 0;
  new ResizeObserver(() => {
    if (width && width !== studio.room) studio.views[studio.view].show();
    width = studio.room;
  }).observe(byId("studio"));
}

/** Start the page. What keeps it from starting is a sentence on it. */
export async function startPage() {
  writeTexts();
  try {
    const client = new Client(startWorker());
    const studio = new Studio(await Library.open(client), client);
    await studio.open();
    byId("studio").hidden = false;
    connect(studio);
    const view = studio.extra.get("view") ?? "walk";
    studio.offerViews();
    studio.select(Object.hasOwn(studio.views, view) && !byId(`tab-${view}`).hidden ? view : "walk");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    byId("status").textContent =
      error instanceof WorkerError ? sentence(error.text, error.values) : sentence("pageFailed", { reason });
  }
}
