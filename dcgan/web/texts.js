// @ts-check
/**
 * The texts of the page in English. Another language is another file with the same names, and a row in LANGUAGES.
 *
 * A text may have places for values: "Seed {seed}". Whole sentences stand here, never pieces of them.
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
  pageFailed: "The page cannot start: {reason}",
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
  labelsHint: "At A, at B and at each further seed, such as 3, 8. Names of this model: {names}",
  psi: "Truncation psi",
  psiHint: "Smaller values give more usual images and less variety. Links do not carry it.",
  play: "Play",
  pause: "Pause",
  strip: "All images of the path",
  stripHint: "Select an image to go there.",
  copyLink: "Copy link",
  copied: "The link is copied.",
  copyByHand: "Copy this link: {link}",
  saveStrip: "Save strip (PNG)",
  saveAnimation: "Save animation (GIF)",
  imageAt: "Generated image at t = {t} between seed {a} and seed {b}",
  stripOf: "{count} generated images from seed {a} to seed {b}",

  // Verdicts
  sameWeights: "These are the weights of the link, drawn by your browser.",
  samePixels: "These are the weights of the link, drawn by your browser. Every pixel is as the author saw it.",
  sameWeightsHalf:
    "These are the weights of the link in half precision, drawn by your browser. A pixel can differ by one gray level.",
  otherWeights: "The link was made with other weights, {id}. These are {mine}, so the images differ.",
  unknownModel: "The page has no model {model}; {name} is shown.",

  // Notes about links
  linkMisses: "The link has no {key}; {usual} is used.",
  linkValue: "{key}={value} is not {expected}; {usual} is used.",
  linkValueIgnored: "{key}={value} is not {expected}; it is ignored.",
  linkUnknown: "The link has unknown keys, which are ignored: {keys}.",
  labelsIgnored: "This model takes no labels; they are ignored.",
  labelsLowered: "Labels above {last} are not available for this model; {last} is used instead.",
  seedsCorrected: "{text} is not a list of whole numbers in 0..{high}, at most {most}; the nearest list is used.",

  // Time machine
  timeHint: "The upper slider moves through the training, the lower one through latent space. The seeds stay the same.",
  training: "Training",
  trainingAt: "Epoch {epoch}, step {step}",
  gridOf: "Images of seeds 0 to 63 after {step} steps of training",
  noSnapshots: "This page has no earlier weights of {name}.",

  // Map
  mapHint: "Drag the plane. Points with a number are seeds, and between them four seeds are mixed. A tap sets A or B.",
  mapKeys: "Arrow keys move the plane. Enter sets the seed in the middle.",
  tapSets: "A tap sets",
  zoom: "Images between seeds",
  mapOf: "Plane of generated images around seed {seed}",
  mapSet: "Seed {seed} is {name} now.",

  // Quiz
  quizHint: "One image of each pair was written by a person, the other was generated. Select the real one.",
  quizFrom: "Generated images",
  quizSource: "{name}, epoch {epoch}",
  quizPair: "Pair {number} of {count}",
  quizLeft: "The left image is real",
  quizRight: "The right image is real",
  quizRightAnswer: "Right: that one is real.",
  quizWrongAnswer: "Wrong: that one is generated.",
  quizNext: "Next pair",
  quizResult: "You found {right} of {count} real images. Chance finds {chance}. The discriminator of {name} finds {machine}.",
  quizAgain: "New quiz",
  quizSame: "A class that opens the same address answers the same quiz.",

  // The view Live of the studio
  liveDrawn: "These images are drawn by your browser, with weights in half precision.",
  liveImage: "Generated image: drag it, or use the arrow keys",

  // Weights that cannot be used
  weightsDamaged: "The file of weights is damaged ({reason}). Get it again, or make a new page.",
  weightsMissing: "The file of weights cannot be loaded ({reason}). Reload the page.",
  weightsKind: "The file does not hold a generator. Choose another one.",
  weightsTopology: "The browser draws networks of topology conv and mlp, not {name}. Use the studio for this model.",
  weightsConfig: "The config of the weights has {name}={value}, which is not valid. Make a new page.",
  weightsLarge:
    "One image takes {count} million multiply-adds, and the browser draws up to {limit} million. Use the demo for it.",
  weightsShape: "The weights do not fit their config: {name} {difference}. Make a new page.",
  weightsInfinite: "The weights give images without finite values. Use weights from an earlier step.",
};

/** @typedef {keyof typeof ENGLISH} TextName */

/** @type {Record<string, Record<TextName, string>>} by the language's code */
export const LANGUAGES = { en: ENGLISH };

/**
 * Return a text with its values.
 * @param {string} template
 * @param {Record<string, string | number>} [values]
 */
export function filled(template, values = {}) {
  return template.replace(/\{(\w+)\}/g, (place, name) => (Object.hasOwn(values, name) ? String(values[name]) : place));
}
