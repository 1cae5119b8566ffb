// @ts-check
/**
 * The one program of the page and of its worker. In a worker there is no document.
 */

import { startPage } from "./page.js";
import { serve } from "./worker.js";

if (typeof document === "undefined") serve(/** @type {any} */ (globalThis));
else startPage();
