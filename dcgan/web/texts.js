// @ts-check
/**
 * The texts of the page in English. Another language is a file with the same names, such as texts.vi.js, and a row in
 * languages.js.
 *
 * A text may have places for values: "Seed {seed}". Whole sentences stand here, never pieces of them. A reason is a clause
 * of its own, which stands in parentheses.
 */

export const ENGLISH = {
  // The page
  title: "DCGAN Studio: images between two seeds",
  intro: "A generator draws every image here in your browser. Nothing is sent anywhere.",
  loading: "The weights are being read.",
  model: "Model",
  views: "Views",
  walk: "Walk",
  timeMachine: "Time machine",
  map: "Map of seeds",
  quiz: "Which is real?",
  pageFailed: "The page has stopped at an error ({reason}). Reload it.",
  browserOld: "This browser is too old for the page. Use a newer one.",
  manifestMissing: "The file manifest.json cannot be loaded (HTTP {status}). Get the page again, or make a new one.",
  manifestUnreachable: "The file manifest.json cannot be read from the host. Check the connection, and reload the page.",
  manifestNotJson: "The page's list of models is damaged: it is not JSON. Get the page again, or make a new one.",
  manifestDamaged: "The page's list of models is damaged at {place}. Get the page again, or make a new one.",
  weightsOfModel: "{name}, weights {id}, step {step}",

  // Walk
  walkHint: "Drag the image, move the slider, or use the arrow keys. Each position between A and B is an image.",
  position: "Position t",
  positionValue: "t = {t}",
  seedA: "Seed A",
  seedB: "Seed B",
  dice: "New random seeds",
  path: "Path",
  slerp: "slerp: turns at constant speed",
  lerp: "lerp: straight line",
  frames: "Images",
  keys: "Further seeds",
  keysHint: "Up to {count} seeds after B, such as 5, 99",
  loop: "Return to A",
  labels: "Labels",
  labelsHint: "Labels 0 to {last} at A, at B and at each further seed, such as 0, {last}",
  labelsHintNames: "Classes at A, at B and at each further seed, with commas between. This model has: {names}",
  labelsHintMore:
    "Classes at A, at B and at each further seed, with commas between. This model has: {names}, and {more} more",
  psi: "Truncation psi",
  psiHint:
    "At 1, each latent stays as it is. Smaller values pull latents to the middle, so images are more usual and more alike. Links do not carry psi, and the other views do not use it.",
  play: "Play",
  pause: "Pause",
  strip: "All images of the path",
  stripHint: "Select an image to go there.",
  copyLink: "Copy link",
  copied: "The link is copied.",
  copyByHand: "Copy this link: {link}",
  saveStrip: "Save strip (PNG)",
  saveAnimation: "Save animation (GIF)",
  stripLarge: "The browser cannot draw a picture of this size. Use fewer images.",
  imageAt: "Generated image at t = {t} between seed {a} and seed {b}",
  stripOf: "{count} generated images from seed {a} to seed {b}",
  stripOfLatents: "{count} generated images from A to B, one of which is a latent vector that no seed gives",

  // Verdicts
  sameWeights: "These are the weights of the link, drawn by your browser.",
  samePixels: "These are the weights of the link, drawn by your browser. Every pixel is as the author saw it.",
  sameWeightsHalf:
    "These are the weights of the link in half precision, drawn by your browser. Pixels can differ by one or two gray levels.",
  otherWeights: "The link was made with other weights, {id}. These are {mine}, so the images differ.",
  unknownModel: "The page has no model {model}; {name} is shown.",

  // Notes about links
  linkMisses: "The link has no {key}; {usual} is used.",
  linkWhole: "{key}={value} is not a whole number in {low}..{high}; {usual} is used.",
  linkNumber: "{key}={value} is not a number; {usual} is used.",
  linkFraction: "{key}={value} is not a number in 0..1; {usual} is used.",
  linkOption: "{key}={value} is not one of {options}; {usual} is used.",
  linkName: "{key}={value} is not the name of a run; {usual} is used.",
  linkVersion: "{key}={value} is not {usual}, the version of links that this page knows; {usual} is used.",
  linkWeights: "{key}={value} is not of weights in this quiz; {usual} is used.",
  linkNoWeights: "{key}={value} is not of weights in this quiz; it is ignored.",
  linkSnapshot: "{key}={value} is not a snapshot of this page; it is ignored.",
  linkWholes: "{key}={value} is not at most {most} whole numbers in 0..{high}; it is ignored.",
  linkHex: "{key}={value} is not 12 hex digits; it is ignored.",
  linkLatent: "{key}={value} is not a latent vector of at most {most} half floats in base64; it is ignored.",
  linkSwitch: "{key}={value} is not 1; it is ignored.",
  linkUnknown: "The link has unknown keys, which are ignored: {keys}.",
  latentIgnored: "{key} has {count} numbers, and this model takes {size}; the seed is used.",
  latentOfLink: "The link has a latent vector of its own here, which no seed gives. Another seed replaces it.",
  labelsIgnored: "This model takes no labels; they are ignored.",
  labelsLowered: "Labels above {last} are not available for this model; {last} is used instead.",
  numberCorrected: "The number must be whole and in {low}..{high}; {value} is used.",
  labelsUnknown: "The model has no such classes, so they are left out: {names}",
  labelsMany: "A link has at most {most} labels; the first {most} are used.",
  seedsCorrected: "{text} is not a list of whole numbers in 0..{high}, at most {most}; the nearest list is used.",

  // Time machine
  timeHint: "The upper slider moves through the training: step 0 is before it. The lower slider moves from seed A to seed B.",
  training: "Training",
  trainingAt: "Epoch {epoch}, step {step}",
  timeCaption: "Epoch {epoch}, step {step}: the image at t\u00a0=\u00a0{t} between seed {a} and seed {b}.",
  gridCaption: "Epoch {epoch}, step {step}: the images of seeds 0 to 63. A seed has the same place at each epoch.",
  gridOf: "Images of seeds 0 to 63 after {step} steps of training",

  // Map
  mapHint: "Drag the plane. Points with a number are seeds, and between them four seeds are mixed. A tap sets A or B.",
  mapKeys: "Arrow keys move the plane. Enter sets the seed in the middle.",
  tapSets: "A tap sets",
  zoom: "Steps from seed to seed",
  mapOf: "Plane of generated images around seed {seed}",
  mapSetA: "Seed {seed} is Seed A now.",
  mapSetB: "Seed {seed} is Seed B now.",

  // Quiz
  quizHint: "One image of each pair was written by a person, the other was generated. Select the real one.",
  quizFrom: "Generated images",
  quizSource: "{name}, epoch {epoch}",
  quizPair: "Pair {number} of {count}",
  quizLeft: "The left image is real",
  quizRight: "The right image is real",
  quizReal: "by a person",
  quizFake: "generated",
  quizRightAnswer: "Right: that one is real.",
  quizWrongAnswer: "Wrong: that one is generated.",
  quizNext: "Next pair",
  quizResult: "You found {right} of {count} real images. Chance finds {chance}. The discriminator of {name} finds {machine}.",
  quizAgain: "New quiz",
  digitsDamaged: "The quiz has no real digits: {file} is missing or damaged. Get the page again, or make a new one.",
  quizCopy: "Copy link to this quiz",
  quizSame: "A class that opens the same link answers the same quiz.",

  // The view Live of the studio
  liveDrawn: "These images are drawn by your browser, with weights in half precision.",
  liveImage: "Generated image: drag it, or use the arrow keys",

  // Weights that cannot be used
  weightsDamaged: "The file of weights is damaged ({reason}). Get it again, or make a new page.",
  weightsIncomplete: "The weights {id} are incomplete or damaged. Get their file again, or make a new page.",
  weightsUnreachable: "The weights {id} cannot be read from the host. Check the connection, and reload the page.",
  weightsMissing: "The file of weights cannot be loaded ({reason}). Reload the page.",
  weightsKind: "The file does not hold a generator. Choose another one.",
  weightsTopology: "The browser draws networks of topology conv and mlp, not {name}. Use the studio for this model.",
  weightsConfig: "The config of the weights has {name}={value}, which is not valid. Make a new page.",
  weightsLarge:
    "One image takes {count} million multiply-adds, and the browser draws up to {limit} million. Use the demo for it.",
  weightsShape: "The weights do not fit their config: {name} has the shape {shape}, not {expected}. Make a new page.",
  weightsTensorMissing: "The weights do not fit their config: {name} is missing. Make a new page.",
  weightsTensorUnknown: "The weights do not fit their config: {name} is unknown. Make a new page.",
  weightsInfinite: "The weights give images without finite values. Use weights from an earlier step.",

  // Reasons, in parentheses
  otherHost: "another host",
  workerEnded: "the worker ended",
  fileShort: "it is too short",
  fileWithoutHeader: "it has no header of safetensors",
  fileWithoutConfig: "its config is missing",
  fileHeaderNotJson: "its header is not JSON",
  fileHeaderNotObject: "its header is not an object",
  fileManyTensors: "it has {count} tensors",
  tensorType: "its tensor {name} is not F16, F32 or I64",
  tensorShape: "its tensor {name} has no shape",
  tensorPlace: "its tensor {name} has no place",
  tensorCut: "its tensor {name} is cut off",
  tensorWhole: "whole numbers stand where floats belong",
};

/** @typedef {keyof typeof ENGLISH} TextName */
/** @typedef {Record<TextName, string>} Texts all texts of one language */

/**
 * @typedef {object} Note a sentence for the visitor, in no language yet
 * @property {TextName} text
 * @property {Record<string, string | number | Note>} [values]
 */

/**
 * Return a text of one language with its values.
 * @param {Texts} texts
 * @param {Note} note
 * @returns {string}
 */
export function filled(texts, { text, values = {} }) {
  return texts[text].replace(/\{(\w+)\}/g, (place, name) => {
    if (!Object.hasOwn(values, name)) return place;
    const value = values[name];
    return typeof value === "object" ? filled(texts, value) : String(value);
  });
}

/** An error that is a sentence for the visitor. Its message is in English. */
export class SentenceError extends Error {
  /** @param {TextName} text @param {Note["values"]} [values] */
  constructor(text, values = {}) {
    super(filled(ENGLISH, { text, values }));
    this.text = text;
    this.values = values;
  }
}
